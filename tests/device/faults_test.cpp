// Every Vulkan call that can fail is made to fail, in turn, from opening a device to closing it; and so is every
// allocation of the host. Nothing may crash or leak, the code must be the right one, and unless the device is lost the
// same work must succeed when it is tried again. (SQLite's loop of failing allocations, PLATFORM.md A.4.)
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "device/host_memory.h"
#include "plan/replay.h"
#include "unit/scratch.h"
#include "vulkan/pipeline.h"

#include <cmath>
#include <iostream>

namespace lemnos::test {
namespace {

// What is tried: everything the engine does with a device.
std::vector<float> work_on(const std::shared_ptr<Device>& device) {
    constexpr size_t count = 1000;
    std::vector<float> result;
    {
        const ChainPlan chain(device, counting(count, -500), {"relu", "relu6", "relu"});
        for (int i = 0; i < 3; ++i) chain.plan->run();
        result = download(chain.y);
        device->fill(*chain.y.buffer, 0, 16, 0x3f800000);
        result.push_back(download(chain.y)[3]);
    }
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4}}), y = graph.add("relu", {x});
    ReplayOptions options;
    options.slots = 2;
    const auto replay = Replay::compile(device, graph, {}, {x}, {y}, options);
    for (int i = 0; i < 3; ++i) {
        const int slot = replay->begin();
        replay->feed<float>(slot, x)[0] = float(i);
        replay->submit(slot);
        replay->wait(slot);
        result.push_back(replay->fetched<float>(slot, y)[0]);
    }
    if (device->profile().timestamp_ns > 0) {
        const ChainPlan timed(device, counting(4), {"relu"}, {.timestamps = true});
        timed.plan->run();
        result.push_back(float(timed.plan->times().size()));
    } else {
        result.push_back(1);
    }
    device->pipelines().load(device->pipelines().bytes());
    return result;
}

std::vector<float> expected_result() {
    std::vector<float> expected = counting(1000, -500);
    for (float& value : expected) value = std::min(std::max(value, 0.0f), 6.0f);
    expected.insert(expected.end(), {1, 0, 1, 2, 1});
    return expected;
}

struct Faults : DeviceTest {
    void SetUp() override {
        DeviceTest::SetUp();
        // The layer is much slower to open than the driver, and sees no failing call: hundreds of devices do without it.
        layers = std::make_unique<ScopedVariable>("VK_INSTANCE_LAYERS", nullptr);
        cache = std::make_unique<ScopedVariable>("XDG_CACHE_HOME", folder.path().c_str());
    }
    static std::shared_ptr<Device> open_faulty() { return Device::open({.get_instance_proc_addr = &faulty::instance_source}); }

    // One life of a device, failing at the given call. False when there are not so many calls.
    bool fails_well(int64_t call, VkResult code, ErrorCode expected_code) {
        std::filesystem::remove_all(folder.path() + "/lemnos"); // so that the cache is written every time
        faulty::state.reset(call, code);
        std::shared_ptr<Device> device;
        try {
            device = open_faulty();
            EXPECT_EQ(work_on(device), expected);
        } catch (const Error& error) {
            const std::string sentence = error.what();
            EXPECT_EQ(int(error.code()), int(expected_code)) << sentence;
            EXPECT_TRUE(sentence.ends_with(".")) << sentence;
            if (device && code == VK_ERROR_DEVICE_LOST) {
                expect_lost(device);
            } else if (device) {
                EXPECT_EQ(work_on(device), expected) << "after: " << sentence;
            }
        }
        if (device) {
            device->close();
            EXPECT_EQ(device->counters().buffers, 0);
            EXPECT_EQ(device->counters().memory_bytes, 0);
        }
        device.reset();
        EXPECT_EQ(faulty::state.leaks(), "");
        return faulty::state.failed >= 0;
    }

    static void expect_lost(const std::shared_ptr<Device>& device) {
        faulty::state.code = VK_SUCCESS; // the driver would work again; the engine must not try
        faulty::state.lost = false;
        for (int i = 0; i < 2; ++i) {
            expect_refusal(ErrorCode::device_lost, {"was lost; close it and open it again."},
                           [&] { Buffer::create(device, BufferKind::device, 4, "late"); });
            expect_refusal(ErrorCode::device_lost, {"was lost"}, [&] { device->wait(0); });
            expect_refusal(ErrorCode::device_lost, {"was lost"}, [&] { device->submit({}, "late"); });
        }
        faulty::state.lost = true;
    }

    // The calls of one life in their order; each is made to fail, but of many alike (64 fences) only some.
    void sweep(VkResult code, ErrorCode expected_code) {
        faulty::vulkan();
        std::vector<faulty::Id> calls;
        faulty::state.record = &calls;
        EXPECT_FALSE(fails_well(0, code, expected_code));
        faulty::state.record = nullptr;
        ASSERT_GT(calls.size(), 3u);
        std::map<faulty::Id, int> tried;
        size_t absorbed = 0, failed = 0;
        for (size_t i = 0; i < calls.size(); ++i) {
            if (calls[i] == faulty::id_vkCreateFence && ++tried[calls[i]] > 3 && calls[i + 1] == calls[i]) continue;
            ++tried[calls[i]];
            SCOPED_TRACE(text("call ", i + 1, ", ", faulty::names[calls[i]], ", fails with ", result_name(code)));
            const bool injected = fails_well(int64_t(i) + 1, code, expected_code);
            (injected ? failed : absorbed) += 1;
            if (HasFailure()) FAIL() << "the sweep ends at the first fault";
        }
        std::cout << result_name(code) << ": " << failed << " of " << calls.size() << " calls failed, of "
                  << tried.size() << " functions\n";
        for (int id = 0; id < faulty::count; ++id)
            if (tried.count(faulty::Id(id))) reached.insert(faulty::Id(id));
    }

    const std::vector<float> expected = expected_result();
    ScratchFolder folder;
    std::unique_ptr<ScopedVariable> layers, cache;
    std::set<faulty::Id> reached;
};

} // namespace

TEST_F(Faults, OfEveryCallThatCanRunOutOfMemory) {
    sweep(VK_ERROR_OUT_OF_DEVICE_MEMORY, ErrorCode::out_of_device_memory);
    sweep(VK_ERROR_OUT_OF_HOST_MEMORY, ErrorCode::out_of_host_memory);
    // Every function that gives a result was made to fail; the rest give none or are not called by this version.
    for (faulty::Id id : {faulty::id_vkCreateInstance, faulty::id_vkEnumerateInstanceExtensionProperties,
                          faulty::id_vkCreateDebugUtilsMessengerEXT, faulty::id_vkEnumeratePhysicalDevices,
                          faulty::id_vkCreateDevice, faulty::id_vkQueueSubmit, faulty::id_vkCreateFence,
                          faulty::id_vkResetFences, faulty::id_vkGetFenceStatus, faulty::id_vkCreateCommandPool,
                          faulty::id_vkResetCommandPool, faulty::id_vkAllocateCommandBuffers,
                          faulty::id_vkBeginCommandBuffer, faulty::id_vkEndCommandBuffer, faulty::id_vkCreateShaderModule,
                          faulty::id_vkCreateComputePipelines, faulty::id_vkCreatePipelineLayout,
                          faulty::id_vkCreateDescriptorSetLayout, faulty::id_vkCreateDescriptorPool,
                          faulty::id_vkAllocateDescriptorSets, faulty::id_vkCreatePipelineCache,
                          faulty::id_vkGetPipelineCacheData, faulty::id_vkAllocateMemory, faulty::id_vkMapMemory,
                          faulty::id_vkCreateBuffer})
        EXPECT_TRUE(reached.count(id)) << faulty::names[id] << " was never called";
}

TEST_F(Faults, OfADeviceThatIsLost) { sweep(VK_ERROR_DEVICE_LOST, ErrorCode::device_lost); }

// A lost device names the last work and stays lost for all threads; what was submitted before is freed at close.
TEST_F(Faults, OfADeviceThatIsLostNameTheWork) {
    faulty::vulkan();
    const auto device = open_faulty();
    const ChainPlan chain(device, counting(100), {"relu"}, {.name = "the forward pass"});
    faulty::state.reset(1, VK_ERROR_DEVICE_LOST);
    expect_refusal(ErrorCode::device_lost, {text("The device ", device->info().name, " was lost; the last work submitted was "
                                                 "the forward pass.")},
                   [&] {
                       chain.plan->run();
                       device->wait_all();
                   });
    expect_refusal(ErrorCode::device_lost, {"close it and open it again"}, [&] { chain.plan->run(); });
    device->close();
    expect_refusal(ErrorCode::device_closed, {"has been closed"}, [&] { chain.plan->run(); });
    EXPECT_EQ(faulty::state.leaks(), "");
}

// The plan whose work is lost may be gone by then.
TEST_F(Faults, OfADeviceThatIsLostNameWorkThatIsGone) {
    faulty::vulkan();
    const auto device = open_faulty();
    auto chain = std::make_unique<ChainPlan>(device, counting(100), std::vector<std::string>{"relu"},
                                             PlanOptions{.name = std::string(200, 'n')});
    faulty::state.gate_closed = true;
    chain->plan->run();
    chain.reset();
    faulty::state.gate_closed = false;
    faulty::state.reset(1, VK_ERROR_DEVICE_LOST);
    expect_refusal(ErrorCode::device_lost, {"the last work submitted was nnnn"}, [&] { device->wait_all(); });
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

// A pipeline that the driver refuses is a pipeline that failed, and no more.
TEST_F(Faults, OfAShaderLeaveTheDeviceAlive) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkCreateComputePipelines"] = reinterpret_cast<PFN_vkVoidFunction>(
        +[](VkDevice, VkPipelineCache, uint32_t, const VkComputePipelineCreateInfo*, const VkAllocationCallbacks*,
            VkPipeline*) -> VkResult { return VK_ERROR_UNKNOWN; });
    const auto device = Device::open({.cache_on_disk = false, .get_instance_proc_addr = vulkan});
    for (int i = 0; i < 2; ++i)
        expect_refusal(ErrorCode::internal, {"could not compile the shader activation.32 (VK_ERROR_UNKNOWN)."},
                       [&] { ChainPlan(device, counting(100), {"relu"}); });
    EXPECT_EQ(download(upload(device, counting(100))), counting(100));
    EXPECT_EQ(device->counters().pipelines, 0);
}

// bad_alloc at any allocation of the engine on this thread, outside Vulkan: no crash, no std::terminate from a
// destructor, no leak, and the work succeeds when it is tried again.
TEST_F(Faults, OfTheHostsMemory) {
    faulty::vulkan();
    faulty::state.outside = &HostMemory::pause;
    int64_t last = 0, refused = 0, absorbed = 0;
    const auto live = [&](int64_t fail) {
        faulty::state.reset(0, VK_SUCCESS);
        host_memory.reset(fail);
        std::shared_ptr<Device> device;
        bool threw = false;
        try {
            device = open_faulty();
            const auto result = work_on(device);
            host_memory.fail_at = 0;
            EXPECT_EQ(result, expected);
        } catch (const std::bad_alloc&) {
            threw = true;
        } catch (const Error& error) {
            ADD_FAILURE() << error.what();
        }
        last = host_memory.allocations;
        host_memory.fail_at = 0;
        if (device && threw) {
            EXPECT_EQ(work_on(device), expected);
        }
        if (device) device->close();
        device.reset();
        EXPECT_EQ(faulty::state.leaks(), "");
        (threw ? refused : absorbed) += 1;
    };
    live(0);
    const int64_t allocations = last;
    // All of the first, and a sample of many more.
    for (int64_t fail = 1; fail <= allocations && !HasFailure(); fail += fail < 600 ? 1 : 7) {
        SCOPED_TRACE(text("allocation ", fail));
        live(fail);
    }
    faulty::state.outside = nullptr;
    EXPECT_EQ(host_memory.paused, 0);
    std::cout << allocations << " allocations; " << refused << " lives ended in bad_alloc, " << absorbed << " did not\n";
}

} // namespace lemnos::test
