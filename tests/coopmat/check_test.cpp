// The check of matrix units when a device is opened: a driver that computes wrongly, or not at all, loses them and nothing else,
// and says so.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "ops/convolution_menu.h"
#include "vulkan/matrix_units.h"

namespace lemnos::test {

struct MatrixCheck : testing::Test {
    void SetUp() override {
        family = std::getenv("LEMNOS_KERNELS") ? std::getenv("LEMNOS_KERNELS") : "";
        vulkan = faulty::vulkan();
    }

    std::shared_ptr<Device> open() {
        warnings.clear();
        return Device::open({.cache_on_disk = false,
                             .get_instance_proc_addr = vulkan,
                             .log = Log(Log::warning, [this](std::string_view line) { warnings += line; })});
    }

    void expect_rejected(const Device& device, const std::string& reason) {
        ASSERT_EQ(device.rejected_kernels().size(), 1u);
        EXPECT_EQ(device.rejected_kernels()[0].family, family);
        EXPECT_NE(device.rejected_kernels()[0].reason.find(reason), std::string::npos) << device.rejected_kernels()[0].reason;
        EXPECT_NE(warnings.find("The kernels " + family + " failed their check on "), std::string::npos) << warnings;
        EXPECT_NE(warnings.find(reason), std::string::npos) << warnings;
        EXPECT_FALSE(device.profile().coopmat || device.profile().coopmat2);
        ConvolutionProblem problem{ConvolutionPass::forward, {1, 8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
        problem.dtype = DataType::f16;
        EXPECT_NE(choose_convolution(device.profile(), problem).kernel->name, family);
    }

    PFN_vkGetInstanceProcAddr vulkan = nullptr;
    std::string family, warnings;
};

TEST_F(MatrixCheck, PassesOnAWholeDriver) {
    const auto device = open();
    EXPECT_TRUE(device->rejected_kernels().empty());
    EXPECT_EQ(warnings, "");
    EXPECT_TRUE(device->profile().coopmat || device->profile().coopmat2);
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

TEST_F(MatrixCheck, RejectsWrongResults) {
    faulty::state.replaced["vkCmdDispatch"] =
        reinterpret_cast<PFN_vkVoidFunction>(+[](VkCommandBuffer, uint32_t, uint32_t, uint32_t) {}); // computes nothing
    const auto device = open();
    expect_rejected(*device, "is right");
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

TEST_F(MatrixCheck, RejectsWhatDoesNotCompile) {
    faulty::state.replaced["vkCreateComputePipelines"] = reinterpret_cast<PFN_vkVoidFunction>(
        +[](VkDevice, VkPipelineCache, uint32_t, const VkComputePipelineCreateInfo*, const VkAllocationCallbacks*, VkPipeline*) -> VkResult {
            return VK_ERROR_INITIALIZATION_FAILED;
        });
    const auto device = open();
    expect_rejected(*device, "could not compile the shader");
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

// Families that are denied are neither asked for nor checked.
TEST_F(MatrixCheck, IsLeftOutWhereTheFamilyIsDenied) {
    const ScopedVariable kernels("LEMNOS_KERNELS", "-coopmat,-coopmat2");
    const auto device = open();
    EXPECT_FALSE(device->profile().coopmat || device->profile().coopmat2);
    EXPECT_EQ(device->counters().pipelines, 0);
    EXPECT_TRUE(device->rejected_kernels().empty());
}

// Software Vulkan uses its matrices where it is told to, for they are slower than anything else there.
TEST_F(MatrixCheck, IsLeftOutOnCpuDevicesUnlessAskedFor) {
    const ScopedVariable kernels("LEMNOS_KERNELS", nullptr);
    const auto device = open();
    EXPECT_EQ(device->profile().is_cpu, !device->profile().coopmat);
}

} // namespace lemnos::test
