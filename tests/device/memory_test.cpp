// Buffers: sizes, the limit, the live counters, and memory that is released while work uses it.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"

#include <thread>

namespace lemnos::test {
namespace {

struct DeviceMemory : DeviceTest {
    std::shared_ptr<Device> limited(int64_t limit) { return open({.memory_limit = limit, .cache_on_disk = false}); }
    static std::shared_ptr<Buffer> make(const std::shared_ptr<Device>& device, int64_t bytes) {
        return Buffer::create(device, BufferKind::device, bytes, "tensor");
    }
};

} // namespace

TEST_F(DeviceMemory, IsCountedWhileItLives) {
    const auto device = open();
    DeviceCounters& counters = device->counters();
    EXPECT_EQ(counters.buffers, 0);
    {
        const auto a = make(device, 1), b = make(device, 257);
        EXPECT_EQ(a->bytes(), 256);
        EXPECT_EQ(b->bytes(), 512);
        EXPECT_EQ(counters.memory_bytes, 768);
        EXPECT_EQ(counters.buffers, 2);
        EXPECT_EQ(a->mapped(), nullptr) << "device memory is reached by copies only";
    }
    EXPECT_EQ(counters.memory_bytes, 0);
    EXPECT_EQ(counters.buffers, 0);
    EXPECT_EQ(counters.allocations, 2);
}

TEST_F(DeviceMemory, OfSenselessSizesIsRefused) {
    const auto device = open();
    for (int64_t bytes : {int64_t(0), int64_t(-1), INT64_MIN})
        expect_refusal(ErrorCode::invalid_argument, {text("The buffer tensor has the size ", bytes)},
                       [&] { make(device, bytes); });
    expect_refusal(ErrorCode::invalid_argument, {"does not fit 64 bits"}, [&] { make(device, INT64_MAX); });
    expect_refusal(ErrorCode::out_of_device_memory, {"is larger than one allocation of"},
                   [&] { make(device, int64_t(1) << 60); });
    const int64_t most = device->profile().max_buffer_bytes;
    if (most < INT64_MAX - 256)
        expect_refusal(ErrorCode::out_of_device_memory, {text("(", most, " bytes)")}, [&] { make(device, most + 1); });
    EXPECT_EQ(device->counters().memory_bytes, 0);
    EXPECT_EQ(device->counters().buffers, 0);
    EXPECT_EQ(device->counters().allocations, 0);
}

TEST_F(DeviceMemory, HasALimit) {
    const auto device = limited(1 << 20);
    EXPECT_EQ(device->memory_limit(), 1 << 20);
    auto most = make(device, (1 << 20) - 256);
    expect_refusal(ErrorCode::out_of_device_memory,
                   {"The buffer tensor (512 bytes) would raise this device's use to 1048832 bytes, over the limit of "
                    "1048576 bytes."},
                   [&] { make(device, 257); });
    EXPECT_EQ(device->counters().memory_bytes, (1 << 20) - 256);
    EXPECT_EQ(device->counters().buffers, 1);
    const auto last = make(device, 256); // exactly the limit
    expect_refusal(ErrorCode::out_of_device_memory, {"over the limit"}, [&] { make(device, 1); });
    most.reset();
    EXPECT_NO_THROW(make(device, 1 << 19));
}

TEST_F(DeviceMemory, OfAPlanIsUnderTheLimit) {
    const auto device = limited(16 << 20);
    const std::vector<float> values = counting(1 << 18); // 1 MiB a tensor, and 8 MiB of staging
    {
        const ChainPlan chain(device, values, {"relu", "tanh"});
        EXPECT_GT(chain.plan->workspace_bytes(), 0);
    }
    const int64_t before = device->counters().memory_bytes;
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1 << 18}}), more = graph.add("concat", {x, x, x, x, x, x, x, x});
    const Value y = graph.add("slice", {graph.add("relu", {more})}, {{"end", int64_t(1) << 18}});
    const BufferView a = upload(device, values), b = make_view(device, values.size());
    expect_refusal(ErrorCode::out_of_device_memory, {"activations", "over the limit"},
                   [&] { Plan::compile(device, graph, {{x, a}, {y, b}}); });
    EXPECT_EQ(device->counters().memory_bytes, before + a.buffer->bytes() + b.buffer->bytes());
}

// The blocks for copies are counted too, and are smaller where little is allowed.
TEST_F(DeviceMemory, UnderASmallLimitCanBeWrittenAndRead) {
    const auto device = limited(1 << 20);
    const auto values = counting(100000);
    const BufferView view = upload(device, values);
    EXPECT_EQ(download(view), values);
    EXPECT_LE(device->counters().memory_bytes, view.buffer->bytes() + (1 << 17)); // an eighth of the limit
}

TEST_F(DeviceMemory, ReleasedInFlightLivesUntilTheWorkIsDone) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    FillWork work(device, 4096);
    faulty::state.gate_closed = true;
    const int64_t ticket = work.submit();
    work.buffer.reset();
    EXPECT_EQ(device->counters().buffers, 1);
    EXPECT_FALSE(device->done(ticket));
    EXPECT_EQ(device->counters().memory_bytes, 4096);
    faulty::state.gate_closed = false;
    EXPECT_TRUE(device->wait(ticket));
    EXPECT_EQ(device->counters().buffers, 0);
    EXPECT_EQ(device->counters().memory_bytes, 0);
}

// Under the limit there is room once the work in flight has ended: that is waited for, not refused.
TEST_F(DeviceMemory, ReleasedInFlightIsWaitedForWhenThereIsNoOther) {
    const auto device = open({.memory_limit = 8192, .cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    FillWork work(device, 8192);
    faulty::state.gate_closed = true;
    work.submit();
    work.buffer.reset();
    std::thread opener([] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        faulty::state.gate_closed = false;
    });
    EXPECT_NO_THROW(make(device, 8192));
    opener.join();
}

// The real thing, for the validation layer to watch: nothing is destroyed under the GPU.
TEST_F(DeviceMemory, OfPlansAndTensorsMayBeReleasedAtAnyTime) {
    const auto device = open();
    for (int round = 0; round < 10; ++round) {
        ChainPlan chain(device, counting(100000, -50000), {"relu", "tanh", "sigmoid"});
        for (int i = 0; i < 3; ++i) chain.plan->run();
        if (round % 2 == 0) chain.plan.reset();
        chain.x = chain.y = {};
    }
    device->wait_all();
    EXPECT_EQ(device->counters().buffers, 1) << "the staging block alone";
}

TEST_F(DeviceMemory, OfADeviceThatIsOutOfItIsRefused) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    for (const auto& [code, expected] : {std::pair{VK_ERROR_OUT_OF_DEVICE_MEMORY, ErrorCode::out_of_device_memory},
                                         std::pair{VK_ERROR_OUT_OF_HOST_MEMORY, ErrorCode::out_of_host_memory}}) {
        faulty::state.replaced.clear();
        faulty::state.reset(1, code);
        expect_refusal(expected, {"has no memory for the buffer tensor (1024 bytes; 0 bytes are in use; VK_ERROR_OUT_OF_"},
                       [&] { make(device, 1000); });
        faulty::state.reset(0, VK_SUCCESS);
        EXPECT_EQ(device->counters().memory_bytes, 0);
        EXPECT_EQ(device->counters().buffers, 0);
        EXPECT_NO_THROW(make(device, 1000));
    }
}

} // namespace lemnos::test
