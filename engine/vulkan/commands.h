// Command buffers: a pool of its own, and the few commands the engine records. Every command buffer begins with a
// barrier against all work before it, so that submissions on the queue never race with each other.
#pragma once

#include "vulkan/buffer.h"

#include <vector>

namespace lemnos {

struct Pipeline;

class CommandPool {
  public:
    explicit CommandPool(Device& device);
    ~CommandPool();
    CommandPool(const CommandPool&) = delete;
    CommandPool& operator=(const CommandPool&) = delete;

    VkCommandBuffer allocate();
    void reset(); // every command buffer of the pool becomes empty
    VkCommandPool release(); // gives up ownership, for deferred destruction

  private:
    Device& device_;
    VkCommandPool handle_ = VK_NULL_HANDLE;
};

// Records into one command buffer between construction and finish().
class CommandRecorder {
  public:
    // reusable: may be submitted again while an earlier submission is still in flight.
    CommandRecorder(Device& device, VkCommandBuffer commands, bool reusable);
    void barrier(); // all writes before it are seen by all that comes after it
    void dispatch(const Pipeline& pipeline, VkDescriptorSet set, const void* push, uint32_t push_bytes,
                  const uint32_t groups[3]);
    void copy(const Buffer& from, int64_t from_offset, const Buffer& to, int64_t to_offset, int64_t bytes);
    void fill(const Buffer& buffer, int64_t offset, int64_t bytes, uint32_t word);
    void reset_timestamps(VkQueryPool pool, uint32_t count);
    void timestamp(VkQueryPool pool, uint32_t index); // when all before it is done
    void finish();

  private:
    Device& device_;
    VkCommandBuffer commands_;
};

} // namespace lemnos
