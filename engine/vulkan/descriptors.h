// Descriptor sets: a pool of those that say which buffers a dispatch sees.
#pragma once

#include "vulkan/device.h"

#include <span>

namespace lemnos {

struct Pipeline;

class DescriptorPool {
  public:
    // Room for `sets`, which have `buffers` bindings together.
    DescriptorPool(Device& device, uint32_t sets, uint32_t buffers);
    ~DescriptorPool();
    DescriptorPool(const DescriptorPool&) = delete;
    DescriptorPool& operator=(const DescriptorPool&) = delete;

    // A set for the pipeline, with storage buffers at bindings 0, 1, 2, …; it lives as long as the pool.
    VkDescriptorSet allocate(const Pipeline& pipeline, std::span<const VkDescriptorBufferInfo> buffers);
    VkDescriptorPool release(); // gives up ownership, for deferred destruction

  private:
    Device& device_;
    VkDescriptorPool handle_ = VK_NULL_HANDLE;
};

} // namespace lemnos
