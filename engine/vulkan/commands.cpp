#include "vulkan/commands.h"

#include "vulkan/pipeline.h"

namespace lemnos {

CommandPool::CommandPool(Device& device) : device_(device) {
    VkCommandPoolCreateInfo info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    info.queueFamilyIndex = device.queue_family();
    check(device.functions().vkCreateCommandPool(device.handle(), &info, nullptr, &handle_), "creating a command pool");
}

CommandPool::~CommandPool() {
    if (handle_) device_.functions().vkDestroyCommandPool(device_.handle(), handle_, nullptr);
}

VkCommandBuffer CommandPool::allocate() {
    VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    info.commandPool = handle_;
    info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    info.commandBufferCount = 1;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    check(device_.functions().vkAllocateCommandBuffers(device_.handle(), &info, &commands),
          "allocating a command buffer");
    return commands;
}

void CommandPool::reset() {
    check(device_.functions().vkResetCommandPool(device_.handle(), handle_, 0), "resetting a command pool");
}

VkCommandPool CommandPool::release() { return std::exchange(handle_, VK_NULL_HANDLE); }

CommandRecorder::CommandRecorder(Device& device, VkCommandBuffer commands, bool reusable)
    : device_(device), commands_(commands) {
    VkCommandBufferBeginInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    info.flags = reusable ? VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check(device_.functions().vkBeginCommandBuffer(commands_, &info), "beginning a command buffer");
    barrier();
}

void CommandRecorder::barrier() {
    VkMemoryBarrier memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    memory.dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                           VK_ACCESS_TRANSFER_WRITE_BIT;
    constexpr VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    device_.functions().vkCmdPipelineBarrier(commands_, stages, stages, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

void CommandRecorder::dispatch(const Pipeline& pipeline, VkDescriptorSet set, const void* push, uint32_t push_bytes,
                               const uint32_t groups[3]) {
    const DeviceFunctions& functions = device_.functions();
    functions.vkCmdBindPipeline(commands_, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle);
    functions.vkCmdBindDescriptorSets(commands_, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.layout, 0, 1, &set, 0,
                                      nullptr);
    if (push_bytes)
        functions.vkCmdPushConstants(commands_, pipeline.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes, push);
    functions.vkCmdDispatch(commands_, groups[0], groups[1], groups[2]);
}

void CommandRecorder::copy(const Buffer& from, int64_t from_offset, const Buffer& to, int64_t to_offset,
                           int64_t bytes) {
    const VkBufferCopy region{VkDeviceSize(from_offset), VkDeviceSize(to_offset), VkDeviceSize(bytes)};
    device_.functions().vkCmdCopyBuffer(commands_, from.handle(), to.handle(), 1, &region);
}

void CommandRecorder::fill(const Buffer& buffer, int64_t offset, int64_t bytes, uint32_t word) {
    device_.functions().vkCmdFillBuffer(commands_, buffer.handle(), VkDeviceSize(offset), VkDeviceSize(bytes), word);
}

void CommandRecorder::reset_timestamps(VkQueryPool pool, uint32_t count) {
    device_.functions().vkCmdResetQueryPool(commands_, pool, 0, count);
}

void CommandRecorder::timestamp(VkQueryPool pool, uint32_t index) {
    device_.functions().vkCmdWriteTimestamp(commands_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, index);
}

void CommandRecorder::finish() {
    // What the host reads after waiting must be made visible to it; the fence alone does not do that.
    VkMemoryBarrier memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    memory.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    memory.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    device_.functions().vkCmdPipelineBarrier(commands_, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                                             &memory, 0, nullptr, 0, nullptr);
    check(device_.functions().vkEndCommandBuffer(commands_), "ending a command buffer");
}

} // namespace lemnos
