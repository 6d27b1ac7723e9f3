// A Vulkan between the engine and the system's loader, for what cannot be provoked otherwise. It can
//   * make the Nth call fail with a code (lavapipe neither runs out of memory nor is ever lost),
//   * keep work unfinished for as long as a test likes (the gate),
//   * hide or replace functions (an old loader, no device, no queue for compute),
// and it counts what is created and destroyed, so that nothing leaks unseen. Given to DeviceOptions as
// get_instance_proc_addr; the memory allocator fetches its functions through it as well.
#pragma once

#include "vulkan/device.h"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace lemnos::test {

// Every function that can fail or that makes or ends something, of the engine's tables and of the allocator's.
#define LEMNOS_WRAPPED_FUNCTIONS(X) \
    X(vkCreateInstance) X(vkDestroyInstance) X(vkEnumerateInstanceExtensionProperties) \
    X(vkCreateDebugUtilsMessengerEXT) X(vkDestroyDebugUtilsMessengerEXT) X(vkEnumeratePhysicalDevices) \
    X(vkCreateDevice) X(vkDestroyDevice) X(vkGetDeviceQueue) X(vkQueueSubmit) \
    X(vkCreateFence) X(vkDestroyFence) X(vkResetFences) X(vkWaitForFences) X(vkGetFenceStatus) \
    X(vkCreateCommandPool) X(vkDestroyCommandPool) X(vkResetCommandPool) X(vkAllocateCommandBuffers) \
    X(vkBeginCommandBuffer) X(vkEndCommandBuffer) \
    X(vkCreateShaderModule) X(vkDestroyShaderModule) X(vkCreateComputePipelines) X(vkDestroyPipeline) \
    X(vkCreatePipelineLayout) X(vkDestroyPipelineLayout) \
    X(vkCreateDescriptorSetLayout) X(vkDestroyDescriptorSetLayout) \
    X(vkCreateDescriptorPool) X(vkDestroyDescriptorPool) X(vkAllocateDescriptorSets) X(vkUpdateDescriptorSets) \
    X(vkCreatePipelineCache) X(vkDestroyPipelineCache) X(vkGetPipelineCacheData) \
    X(vkCreateQueryPool) X(vkDestroyQueryPool) X(vkGetQueryPoolResults) \
    X(vkAllocateMemory) X(vkFreeMemory) X(vkMapMemory) X(vkUnmapMemory) \
    X(vkCreateBuffer) X(vkDestroyBuffer) X(vkBindBufferMemory) X(vkBindBufferMemory2) X(vkSetDebugUtilsObjectNameEXT)

namespace faulty {

enum Id {
#define LEMNOS_ID(name) id_##name,
    LEMNOS_WRAPPED_FUNCTIONS(LEMNOS_ID)
#undef LEMNOS_ID
        count
};

inline constexpr std::string_view names[] = {
#define LEMNOS_NAME(name) #name,
    LEMNOS_WRAPPED_FUNCTIONS(LEMNOS_NAME)
#undef LEMNOS_NAME
};

// Which objects a function makes (+) or ends (-), as the function that makes them; `count` for none.
inline constexpr std::pair<Id, int> effect(Id id) {
    const std::string_view name = names[id];
    if (name == "vkAllocateMemory") return {id, 1};
    if (name == "vkFreeMemory") return {id_vkAllocateMemory, -1};
    if (name == "vkCreateComputePipelines") return {id, 1};
    if (name == "vkDestroyPipeline") return {id_vkCreateComputePipelines, -1};
    if (name.starts_with("vkCreate")) return {id, 1};
    if (name.starts_with("vkDestroy"))
        for (int maker = 0; maker < count; ++maker)
            if (names[maker].starts_with("vkCreate") && names[maker].substr(8) == name.substr(9))
                return {Id(maker), -1};
    return {count, 0};
}

inline constexpr bool can_lose_the_device(Id id) {
    return id == id_vkQueueSubmit || id == id_vkWaitForFences || id == id_vkGetFenceStatus;
}

// Process-wide, for Vulkan's functions are given no user pointer. Tests that use it do not run side by side.
struct State {
    std::atomic<int64_t> calls{0};   // of those that the code in question can come from
    std::atomic<int64_t> fail_at{0}; // the call, from 1, that fails; 0: none
    VkResult code = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    std::atomic<int> failed{-1}; // the function that failed
    std::vector<Id>* record = nullptr; // where every call that counts is noted
    std::mutex recording;
    std::atomic<bool> lost{false}, gate_closed{false};
    std::array<std::atomic<int64_t>, count> live{}, called{};
    VkQueue queue = VK_NULL_HANDLE;
    PFN_vkQueueWaitIdle wait_idle = nullptr;
    std::map<std::string, PFN_vkVoidFunction, std::less<>> replaced; // null: hidden
    // Entered around every call of the real Vulkan, so that a test can tell the engine's allocations from the driver's.
    void (*outside)(bool entering) = nullptr;

    void reset(int64_t fail, VkResult with) {
        calls = 0;
        failed = -1;
        lost = gate_closed = false;
        code = with;
        fail_at = fail;
    }
    std::string leaks() const {
        std::string found;
        for (int id = 0; id < count; ++id)
            if (live[size_t(id)] != 0) found += text(" ", names[id], ":", live[size_t(id)].load());
        return found;
    }
};
inline State state;

struct Outside {
    Outside() {
        if (state.outside) state.outside(true);
    }
    ~Outside() {
        if (state.outside) state.outside(false);
    }
};

// The code with which this call is to fail.
inline VkResult injected(Id id) {
    if (state.lost && can_lose_the_device(id)) return VK_ERROR_DEVICE_LOST;
    if (state.code == VK_ERROR_DEVICE_LOST && !can_lose_the_device(id)) return VK_SUCCESS;
    const int64_t call = ++state.calls;
    if (state.record) {
        const std::lock_guard lock(state.recording);
        state.record->push_back(id);
    }
    if (call != state.fail_at) return VK_SUCCESS;
    state.failed = id;
    if (state.code == VK_ERROR_DEVICE_LOST) {
        state.lost = true;
        // A lost device touches nothing any more, and the real one shall not either.
        if (state.queue) state.wait_idle(state.queue);
    }
    return state.code;
}

template <typename First>
bool is_handle(First first) {
    return first != First{};
}

template <Id id, typename Function>
struct Wrapper;
template <Id id, typename Result, typename... Arguments>
struct Wrapper<id, Result(VKAPI_PTR*)(Arguments...)> {
    static inline Result(VKAPI_PTR* real)(Arguments...) = nullptr;

    static VKAPI_ATTR Result VKAPI_CALL call(Arguments... arguments) {
        ++state.called[id];
        constexpr std::pair<Id, int> made = effect(id);
        const auto all = std::tie(arguments...);
        if constexpr (made.second < 0) {
            constexpr size_t handle = id == id_vkDestroyInstance || id == id_vkDestroyDevice ? 0 : 1;
            if (is_handle(std::get<handle>(all))) --state.live[made.first];
        }
        const Outside outside;
        if constexpr (std::is_same_v<Result, VkResult>) {
            if (const VkResult code = injected(id); code != VK_SUCCESS) return code;
            if (state.gate_closed && id == id_vkGetFenceStatus) return VK_NOT_READY;
            if constexpr (id == id_vkWaitForFences)
                if (state.gate_closed) {
                    const auto most = std::chrono::nanoseconds(std::min<uint64_t>(std::get<4>(all), 2'000'000));
                    std::this_thread::sleep_for(most);
                    return VK_TIMEOUT;
                }
            const VkResult result = real(arguments...);
            if (made.second > 0 && result == VK_SUCCESS) ++state.live[made.first];
            return result;
        } else {
            real(arguments...);
            if constexpr (id == id_vkGetDeviceQueue) state.queue = *std::get<3>(all);
        }
    }
};

inline PFN_vkGetInstanceProcAddr real_instance_source = nullptr;
inline PFN_vkGetDeviceProcAddr real_device_source = nullptr;

inline PFN_vkVoidFunction wrapped(std::string_view name, PFN_vkVoidFunction real) {
    if (const auto found = state.replaced.find(name); found != state.replaced.end()) return found->second;
    if (!real) return real;
#define LEMNOS_WRAP(function) \
    if (name == #function) { \
        using Wrapped = Wrapper<id_##function, PFN_##function>; \
        Wrapped::real = reinterpret_cast<PFN_##function>(real); \
        return reinterpret_cast<PFN_vkVoidFunction>(&Wrapped::call); \
    }
    LEMNOS_WRAPPED_FUNCTIONS(LEMNOS_WRAP)
#undef LEMNOS_WRAP
    return real;
}

inline VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_source(VkDevice device, const char* name) {
    const Outside outside;
    if (!state.wait_idle)
        state.wait_idle = reinterpret_cast<PFN_vkQueueWaitIdle>(real_device_source(device, "vkQueueWaitIdle"));
    return wrapped(name, real_device_source(device, name));
}

inline VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_source(VkInstance instance, const char* name) {
    const Outside outside;
    const PFN_vkVoidFunction real = real_instance_source(instance, name);
    if (std::string_view(name) == "vkGetDeviceProcAddr") {
        real_device_source = reinterpret_cast<PFN_vkGetDeviceProcAddr>(real);
        return reinterpret_cast<PFN_vkVoidFunction>(&device_source);
    }
    if (std::string_view(name) == "vkGetInstanceProcAddr")
        return reinterpret_cast<PFN_vkVoidFunction>(&instance_source);
    return wrapped(name, real);
}

// To be given to DeviceOptions. Everything is as in the real Vulkan until `state` says otherwise.
inline PFN_vkGetInstanceProcAddr vulkan() {
    if (!real_instance_source) {
        void* loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!loader) fail(ErrorCode::no_device, "No Vulkan loader was found.");
        real_instance_source =
            reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(loader, "vkGetInstanceProcAddr"));
    }
    state.reset(0, VK_SUCCESS);
    state.replaced.clear();
    state.queue = VK_NULL_HANDLE;
    state.wait_idle = nullptr;
    return &instance_source;
}

// Everything that a replay must not make: objects, memory, descriptors, command buffers.
inline std::vector<int64_t> everything_made(const DeviceCounters& counters) {
    std::vector<int64_t> values{counters.memory_bytes, counters.buffers, counters.allocations, counters.pipelines,
                                counters.descriptor_writes};
    for (const auto& count : state.live) values.push_back(count);
    for (Id id : {id_vkUpdateDescriptorSets, id_vkAllocateDescriptorSets, id_vkBeginCommandBuffer, id_vkAllocateCommandBuffers})
        values.push_back(state.called[id]);
    return values;
}

} // namespace faulty
} // namespace lemnos::test
