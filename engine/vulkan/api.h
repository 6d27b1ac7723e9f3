// The Vulkan functions the engine calls: one table an instance, one table a device. Nothing links libvulkan and there
// are no global vk* functions, so that an application's own Vulkan symbols and ours never meet.
#pragma once

#include "support/error.h"

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include <string>

namespace lemnos {

#define LEMNOS_INSTANCE_FUNCTIONS(X) \
    X(vkDestroyInstance) \
    X(vkEnumeratePhysicalDevices) \
    X(vkGetPhysicalDeviceProperties) \
    X(vkGetPhysicalDeviceProperties2) \
    X(vkGetPhysicalDeviceFeatures2) \
    X(vkGetPhysicalDeviceMemoryProperties) \
    X(vkGetPhysicalDeviceMemoryProperties2) \
    X(vkGetPhysicalDeviceQueueFamilyProperties) \
    X(vkEnumerateDeviceExtensionProperties) \
    X(vkCreateDevice) \
    X(vkGetDeviceProcAddr)

#define LEMNOS_DEVICE_FUNCTIONS(X) \
    X(vkDestroyDevice) \
    X(vkGetDeviceQueue) \
    X(vkQueueSubmit) \
    X(vkCreateFence) \
    X(vkDestroyFence) \
    X(vkResetFences) \
    X(vkWaitForFences) \
    X(vkGetFenceStatus) \
    X(vkCreateCommandPool) \
    X(vkDestroyCommandPool) \
    X(vkResetCommandPool) \
    X(vkAllocateCommandBuffers) \
    X(vkBeginCommandBuffer) \
    X(vkEndCommandBuffer) \
    X(vkCmdPipelineBarrier) \
    X(vkCmdCopyBuffer) \
    X(vkCmdFillBuffer) \
    X(vkCmdBindPipeline) \
    X(vkCmdBindDescriptorSets) \
    X(vkCmdPushConstants) \
    X(vkCmdDispatch) \
    X(vkCmdResetQueryPool) \
    X(vkCmdWriteTimestamp) \
    X(vkCreateQueryPool) \
    X(vkDestroyQueryPool) \
    X(vkGetQueryPoolResults) \
    X(vkCreateShaderModule) \
    X(vkDestroyShaderModule) \
    X(vkCreateComputePipelines) \
    X(vkDestroyPipeline) \
    X(vkCreatePipelineLayout) \
    X(vkDestroyPipelineLayout) \
    X(vkCreateDescriptorSetLayout) \
    X(vkDestroyDescriptorSetLayout) \
    X(vkCreateDescriptorPool) \
    X(vkDestroyDescriptorPool) \
    X(vkAllocateDescriptorSets) \
    X(vkUpdateDescriptorSets) \
    X(vkCreatePipelineCache) \
    X(vkDestroyPipelineCache) \
    X(vkGetPipelineCacheData)

struct InstanceFunctions {
#define LEMNOS_MEMBER(function) PFN_##function function = nullptr;
    LEMNOS_INSTANCE_FUNCTIONS(LEMNOS_MEMBER)
#undef LEMNOS_MEMBER
    PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;

    // Throws unsupported when the instance lacks one of them, which a Vulkan 1.1 instance never does.
    void load(PFN_vkGetInstanceProcAddr get_instance_proc_addr, VkInstance instance);
};

struct DeviceFunctions {
#define LEMNOS_MEMBER(function) PFN_##function function = nullptr;
    LEMNOS_DEVICE_FUNCTIONS(LEMNOS_MEMBER)
#undef LEMNOS_MEMBER
    PFN_vkGetBufferDeviceAddress vkGetBufferDeviceAddress = nullptr; // null before Vulkan 1.2

    void load(PFN_vkGetDeviceProcAddr get_device_proc_addr, VkDevice device);
};

const char* result_name(VkResult result);
ErrorCode error_code(VkResult result);

// Throws the Error that belongs to a failed call. `doing` completes the sentence "Vulkan failed while …".
void check(VkResult result, const char* doing);

} // namespace lemnos
