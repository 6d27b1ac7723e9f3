// The check of kernels for matrix units before their first use: on a driver that computes them wrongly, or cannot compile them, the
// others take their place, and that is said.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "ops/convolution_menu.h"

#include <atomic>

namespace lemnos::test {

// A driver that leaves out the first dispatch that has something to do, which is the check's, or that makes no pipeline until
// there is a warning of it. Later calls are left to the real Vulkan.
struct Fault {
    inline static std::atomic<bool> waits = false;
    inline static PFN_vkCmdDispatch dispatch = nullptr;
    using Create = faulty::Wrapper<faulty::id_vkCreateComputePipelines, PFN_vkCreateComputePipelines>; // which counts

    static VKAPI_ATTR void VKAPI_CALL dispatch_nothing(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z) {
        if (x == 0 || !waits.exchange(false)) dispatch(commands, x, y, z);
    }
    static VKAPI_ATTR VkResult VKAPI_CALL create_nothing(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                         const VkComputePipelineCreateInfo* infos, const VkAllocationCallbacks* allocator,
                                                         VkPipeline* pipelines) {
        if (waits) return VK_ERROR_INITIALIZATION_FAILED;
        return Create::call(device, cache, count, infos, allocator, pipelines);
    }
};

struct MatrixCheck : testing::Test {
    void SetUp() override {
        family = std::getenv("LEMNOS_KERNELS") ? std::getenv("LEMNOS_KERNELS") : "";
        vulkan = faulty::vulkan();
        Fault::waits = true;
    }

    std::shared_ptr<Device> open() {
        warnings.clear();
        auto device = Device::open({.cache_on_disk = false,
                                    .get_instance_proc_addr = vulkan,
                                    .log = Log(Log::warning, [this](std::string_view line) {
                                        warnings += line;
                                        Fault::waits = false;
                                    })});
        const auto real = [&](const char* name) { return faulty::real_device_source(device->handle(), name); };
        Fault::dispatch = reinterpret_cast<PFN_vkCmdDispatch>(real("vkCmdDispatch"));
        Fault::Create::real = reinterpret_cast<PFN_vkCreateComputePipelines>(real("vkCreateComputePipelines"));
        return device;
    }

    // The kernel that a plan takes for a convolution of f16.
    std::string chosen(const std::shared_ptr<Device>& device) {
        Graph graph;
        const Value x = graph.input("x", {DataType::f16, {1, 8, 8, 16}}), w = graph.input("w", {DataType::f32, {3, 3, 16, 16}});
        const Value y = graph.add("conv2d", {x, w}, {{"padding", std::vector<int64_t>(4, 1)}});
        Bindings bindings;
        for (Value value : {x, w, y}) {
            const int64_t bytes = graph.type(value).bytes();
            bindings[value] = {Buffer::create(device, BufferKind::device, bytes, "tensor"), 0, bytes};
        }
        const auto plan = Plan::compile(device, graph, bindings);
        return plan->kernels().begin()->second.choice.kernel;
    }

    void expect_rejected(const std::string& reason) {
        const auto device = open();
        EXPECT_NE(chosen(device), family);
        const auto rejections = device->profile().kernels->rejections();
        ASSERT_EQ(rejections.size(), 1u);
        EXPECT_EQ(rejections.begin()->first, family + " forward f16");
        EXPECT_NE(rejections.begin()->second.find(reason), std::string::npos) << rejections.begin()->second;
        EXPECT_NE(warnings.find("The kernel " + family + " forward f16 is not used on "), std::string::npos) << warnings;
        EXPECT_NE(warnings.find(reason), std::string::npos) << warnings;
        device->close();
        EXPECT_EQ(faulty::state.leaks(), "");
    }

    PFN_vkGetInstanceProcAddr vulkan = nullptr;
    std::string family, warnings;
};

TEST_F(MatrixCheck, PassesOnAWholeDriver) {
    const auto device = open();
    EXPECT_TRUE(device->profile().coopmat || device->profile().coopmat2);
    EXPECT_EQ(chosen(device), family);
    EXPECT_TRUE(device->profile().kernels->rejections().empty());
    EXPECT_EQ(warnings, "");
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

TEST_F(MatrixCheck, RejectsWrongResults) {
    faulty::state.replaced["vkCmdDispatch"] = reinterpret_cast<PFN_vkVoidFunction>(&Fault::dispatch_nothing);
    expect_rejected("is right");
}

TEST_F(MatrixCheck, RejectsWhatDoesNotCompile) {
    faulty::state.replaced["vkCreateComputePipelines"] = reinterpret_cast<PFN_vkVoidFunction>(&Fault::create_nothing);
    expect_rejected("could not compile the shader");
}

// Families that are denied are not asked for.
TEST_F(MatrixCheck, IsLeftOutWhereTheFamilyIsDenied) {
    const ScopedVariable kernels("LEMNOS_KERNELS", "-coopmat,-coopmat2");
    const auto device = open();
    EXPECT_FALSE(device->profile().coopmat || device->profile().coopmat2);
    EXPECT_NE(chosen(device), family);
    EXPECT_TRUE(device->profile().kernels->rejections().empty());
}

// Software Vulkan uses its matrices where it is told to, for they are slower than anything else there.
TEST_F(MatrixCheck, IsLeftOutOnCpuDevicesUnlessAskedFor) {
    const ScopedVariable kernels("LEMNOS_KERNELS", nullptr);
    const auto device = open();
    EXPECT_EQ(device->profile().is_cpu, !device->profile().coopmat);
}

} // namespace lemnos::test
