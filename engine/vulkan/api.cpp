#include "vulkan/api.h"

namespace lemnos {

template <typename Function, typename Source>
static void load(Function& function, Source source, const char* name) {
    function = reinterpret_cast<Function>(source(name));
    if (!function) fail(ErrorCode::unsupported, "The Vulkan driver has no function ", name, " (Vulkan 1.1 is needed).");
}

void InstanceFunctions::load(PFN_vkGetInstanceProcAddr get_instance_proc_addr, VkInstance instance) {
    vkGetInstanceProcAddr = get_instance_proc_addr;
    const auto source = [&](const char* name) { return get_instance_proc_addr(instance, name); };
#define LEMNOS_LOAD(function) lemnos::load(function, source, #function);
    LEMNOS_INSTANCE_FUNCTIONS(LEMNOS_LOAD)
#undef LEMNOS_LOAD
}

void DeviceFunctions::load(PFN_vkGetDeviceProcAddr get_device_proc_addr, VkDevice device) {
    const auto source = [&](const char* name) { return get_device_proc_addr(device, name); };
#define LEMNOS_LOAD(function) lemnos::load(function, source, #function);
    LEMNOS_DEVICE_FUNCTIONS(LEMNOS_LOAD)
#undef LEMNOS_LOAD
    vkGetBufferDeviceAddress = reinterpret_cast<PFN_vkGetBufferDeviceAddress>(source("vkGetBufferDeviceAddress"));
}

const char* result_name(VkResult result) {
    switch (result) {
#define LEMNOS_NAME(value)                                                                                             \
    case value: return #value;
        LEMNOS_NAME(VK_SUCCESS)
        LEMNOS_NAME(VK_NOT_READY)
        LEMNOS_NAME(VK_TIMEOUT)
        LEMNOS_NAME(VK_INCOMPLETE)
        LEMNOS_NAME(VK_ERROR_OUT_OF_HOST_MEMORY)
        LEMNOS_NAME(VK_ERROR_OUT_OF_DEVICE_MEMORY)
        LEMNOS_NAME(VK_ERROR_INITIALIZATION_FAILED)
        LEMNOS_NAME(VK_ERROR_DEVICE_LOST)
        LEMNOS_NAME(VK_ERROR_MEMORY_MAP_FAILED)
        LEMNOS_NAME(VK_ERROR_LAYER_NOT_PRESENT)
        LEMNOS_NAME(VK_ERROR_EXTENSION_NOT_PRESENT)
        LEMNOS_NAME(VK_ERROR_FEATURE_NOT_PRESENT)
        LEMNOS_NAME(VK_ERROR_INCOMPATIBLE_DRIVER)
        LEMNOS_NAME(VK_ERROR_TOO_MANY_OBJECTS)
        LEMNOS_NAME(VK_ERROR_FRAGMENTED_POOL)
        LEMNOS_NAME(VK_ERROR_OUT_OF_POOL_MEMORY)
        LEMNOS_NAME(VK_ERROR_FRAGMENTATION)
        LEMNOS_NAME(VK_ERROR_UNKNOWN)
#undef LEMNOS_NAME
    default: return "an unlisted VkResult";
    }
}

ErrorCode error_code(VkResult result) {
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return ErrorCode::out_of_host_memory;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_MEMORY_MAP_FAILED: return ErrorCode::out_of_device_memory;
    case VK_ERROR_DEVICE_LOST: return ErrorCode::device_lost;
    case VK_ERROR_INCOMPATIBLE_DRIVER: return ErrorCode::no_device;
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT: return ErrorCode::unsupported;
    default: return ErrorCode::internal;
    }
}

void check(VkResult result, const char* doing) {
    if (result >= VK_SUCCESS) return;
    fail(error_code(result), "Vulkan failed while ", doing, " (", result_name(result), ", ", int(result), ").");
}

} // namespace lemnos
