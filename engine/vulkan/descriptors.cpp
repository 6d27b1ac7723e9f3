#include "vulkan/descriptors.h"

#include "vulkan/pipeline.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace lemnos {

DescriptorPool::DescriptorPool(Device& device, uint32_t sets, uint32_t buffers) : device_(device) {
    const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, std::max(buffers, 1u)};
    VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
    info.maxSets = sets;
    info.poolSizeCount = 1;
    info.pPoolSizes = &size;
    check(device.functions().vkCreateDescriptorPool(device.handle(), &info, nullptr, &handle_), "creating a descriptor pool");
}

DescriptorPool::~DescriptorPool() {
    if (handle_) device_.functions().vkDestroyDescriptorPool(device_.handle(), handle_, nullptr);
}

VkDescriptorSet DescriptorPool::allocate(const Pipeline& pipeline, std::span<const VkDescriptorBufferInfo> buffers) {
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    info.descriptorPool = handle_;
    info.descriptorSetCount = 1;
    info.pSetLayouts = &pipeline.set_layout;
    VkDescriptorSet set = VK_NULL_HANDLE;
    check(device_.functions().vkAllocateDescriptorSets(device_.handle(), &info, &set), "allocating a descriptor set");
    std::vector<VkWriteDescriptorSet> writes(buffers.size(), {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET});
    for (size_t i = 0; i < writes.size(); ++i) {
        writes[i].dstSet = set;
        writes[i].dstBinding = uint32_t(i);
        writes[i].descriptorCount = 1;
        writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        writes[i].pBufferInfo = &buffers[i];
    }
    device_.functions().vkUpdateDescriptorSets(device_.handle(), uint32_t(writes.size()), writes.data(), 0, nullptr);
    device_.counters().descriptor_writes += int64_t(writes.size());
    return set;
}

VkDescriptorPool DescriptorPool::release() { return std::exchange(handle_, VK_NULL_HANDLE); }

} // namespace lemnos
