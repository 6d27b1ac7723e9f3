// The validation layer sees hazards between submissions: provoked on purpose, in a process of its own whose messages
// count against nobody. Without this its silence elsewhere would mean nothing.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "vulkan/pipeline.h"

#include <cstring>
#include <iostream>

namespace lemnos::test {
namespace {

struct SynchronisationValidation : DeviceTest {
    // Two submissions on one queue, the second without the barrier that every command buffer of the engine begins with.
    template <typename First, typename Second>
    void provoke(const First& first, const Second& second) {
        const auto device = Device::open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
        const auto buffer = Buffer::create(device, BufferKind::device, 4096, "contested");
        const DeviceFunctions& functions = device->functions();
        {
            CommandPool pool(*device);
            const auto submit = [&](const auto& record) {
                const VkCommandBuffer commands = pool.allocate();
                VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
                check(functions.vkBeginCommandBuffer(commands, &begin), "beginning a hazard");
                record(functions, commands, *buffer);
                check(functions.vkEndCommandBuffer(commands), "ending a hazard");
                device->submit({&commands, 1}, "a hazard on purpose");
            };
            // Nobody asks whether the first is done: the layer would take it as ordered before the second.
            faulty::state.gate_closed = true;
            submit(first);
            submit(second);
            faulty::state.gate_closed = false;
            device->wait_all();
        }
        std::cout << "CHILD messages " << device->validation_messages() << std::endl;
    }

    // Runs this test again as a child and expects that the layer named the hazard.
    void expect_report(const char* hazard) {
        const char* layers = std::getenv("VK_INSTANCE_LAYERS");
        if (!layers || !std::strstr(layers, "VK_LAYER_KHRONOS_validation"))
            GTEST_SKIP() << "The validation layer is not active: VK_INSTANCE_LAYERS does not name it (scripts/test does).";
        const Finished child = run_again({{"LEMNOS_VERBOSE", "validation"}});
        EXPECT_EQ(child.status, 0) << "the child's status";
        const size_t at = child.output.find("CHILD messages ");
        ASSERT_NE(at, std::string::npos) << "the child said nothing";
        EXPECT_GT(std::atoi(child.output.c_str() + at + 15), 0) << "the layer is blind to hazards between submissions";
        EXPECT_NE(child.output.find(hazard), std::string::npos) << "no message names " << hazard;
    }
};

void fill(const DeviceFunctions& functions, VkCommandBuffer commands, const Buffer& buffer) {
    functions.vkCmdFillBuffer(commands, buffer.handle(), 0, VK_WHOLE_SIZE, 1);
}

} // namespace

TEST_F(SynchronisationValidation, ReportsAWriteAfterAWrite) {
    if (in_child()) return provoke(fill, fill);
    expect_report("WRITE-AFTER-WRITE");
}

// A shader's write, which the layer sees only when it is told to look at descriptors.
TEST_F(SynchronisationValidation, ReportsACopyOfWhatAShaderStillWrites) {
    if (!in_child()) return expect_report("AFTER-WRITE");
    provoke(
        [&](const DeviceFunctions& functions, VkCommandBuffer commands, const Buffer& buffer) {
            Device& device = *buffer.device();
            const Pipeline& pipeline = device.pipelines().get({"fill", {64}, 1, 0});
            const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
            VkDescriptorPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
            pool_info.maxSets = pool_info.poolSizeCount = 1;
            pool_info.pPoolSizes = &size;
            VkDescriptorPool pool = VK_NULL_HANDLE; // ends with the process
            check(functions.vkCreateDescriptorPool(device.handle(), &pool_info, nullptr, &pool), "making a pool");
            VkDescriptorSetAllocateInfo set_info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
            set_info.descriptorPool = pool;
            set_info.descriptorSetCount = 1;
            set_info.pSetLayouts = &pipeline.set_layout;
            VkDescriptorSet set = VK_NULL_HANDLE;
            check(functions.vkAllocateDescriptorSets(device.handle(), &set_info, &set), "making a set");
            const VkDescriptorBufferInfo range{buffer.handle(), 0, 4096};
            VkWriteDescriptorSet write{VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
            write.dstSet = set;
            write.descriptorCount = 1;
            write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            write.pBufferInfo = &range;
            functions.vkUpdateDescriptorSets(device.handle(), 1, &write, 0, nullptr);
            functions.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle);
            functions.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.layout, 0, 1, &set, 0,
                                              nullptr);
            const uint32_t push[2] = {1024, 0};
            functions.vkCmdPushConstants(commands, pipeline.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, push);
            functions.vkCmdDispatch(commands, 16, 1, 1);
        },
        [](const DeviceFunctions& functions, VkCommandBuffer commands, const Buffer& buffer) {
            const VkBufferCopy region{0, 2048, 1024};
            functions.vkCmdCopyBuffer(commands, buffer.handle(), buffer.handle(), 1, &region);
        });
}

} // namespace lemnos::test
