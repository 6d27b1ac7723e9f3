// Close is not release: close() waits and frees everything, and what survives it are husks whose use is an error.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "plan/replay.h"

#include <atomic>
#include <functional>
#include <thread>

namespace lemnos::test {
namespace {

struct DeviceClosing : DeviceTest {
    std::shared_ptr<Device> watched() {
        return open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    }
};

} // namespace

TEST_F(DeviceClosing, FreesEverythingAndLeavesHusks) {
    const auto device = watched();
    auto chain = std::make_unique<ChainPlan>(device, counting(1000), std::vector<std::string>{"relu", "tanh"});
    chain->plan->run();
    auto view = upload(device, counting(10));
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "") << "of Vulkan";
    EXPECT_TRUE(device->closed());
    EXPECT_EQ(device->counters().buffers, 0);
    EXPECT_EQ(device->counters().memory_bytes, 0);
    EXPECT_FALSE(device->info().name.empty()) << "what is known of it stays known";
    EXPECT_EQ(view.buffer->handle(), VkBuffer(VK_NULL_HANDLE));
    chain.reset();
    view = {};
    EXPECT_EQ(device.use_count(), 2) << "a husk keeps the device"; // this one and the fixture's
}

TEST_F(DeviceClosing, MakesEveryUseAnError) {
    const auto device = open();
    const ChainPlan chain(device, counting(100), {"relu"});
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4}}), y = graph.add("relu", {x});
    const BufferView a = upload(device, counting(4)), b = make_view(device, 4);
    ReplayOptions options;
    options.slots = 2;
    const auto replay = Replay::compile(device, graph, {}, {x}, {y}, options);
    const int64_t ticket = chain.plan->run();
    device->close();

    float data[4]{};
    const std::pair<const char*, std::function<void()>> uses[] = {
        {"create", [&] { Buffer::create(device, BufferKind::device, 16, "late"); }},
        {"write", [&] { a.write(data); }},
        {"read", [&] { a.read(data); }},
        {"fill", [&] { device->fill(*a.buffer, 0, 16, 0); }},
        {"submit", [&] { device->submit({}, "late"); }},
        {"wait", [&] { device->wait(ticket); }},
        {"wait for nothing", [&] { device->wait(0); }},
        {"wait for what never was", [&] { device->wait(12345); }},
        {"wait for all", [&] { device->wait_all(); }},
        {"done", [&] { device->done(ticket); }},
        {"make a pipeline", [&] { device->pipelines().get({"fill", {64}, 1, 0}); }},
        {"take the cache", [&] { device->pipelines().bytes(); }},
        {"compile", [&] { Plan::compile(device, graph, {{x, a}, {y, b}}); }},
        {"run", [&] { chain.plan->run(); }},
        {"compile a replay", [&] { Replay::compile(device, graph, {}, {x}, {y}, options); }},
        {"begin a replay", [&] { replay->begin(); }},
        {"submit a replay", [&] { replay->submit(0); }},
        {"keep open", [&] { const Device::KeepOpen kept(*device); }},
    };
    for (const auto& [name, use] : uses) {
        SCOPED_TRACE(name);
        expect_refusal(ErrorCode::device_closed, {text("The device ", device->info().name, " has been closed.")}, use);
    }
}

TEST_F(DeviceClosing, TwiceIsOnce) {
    const auto device = watched();
    const auto view = upload(device, counting(10));
    device->close();
    device->close();
    EXPECT_EQ(faulty::state.leaks(), "");
}

TEST_F(DeviceClosing, OfANeverUsedDevice) {
    watched()->close();
    EXPECT_EQ(faulty::state.leaks(), "");
    { const auto device = Device::open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()}); }
    EXPECT_EQ(faulty::state.leaks(), "") << "a device that nobody closed";
}

TEST_F(DeviceClosing, WaitsForTheWork) {
    const auto device = watched();
    auto work = std::make_unique<FillWork>(device);
    faulty::state.gate_closed = true;
    const int64_t ticket = work->submit();
    const auto buffer = work->buffer;
    std::atomic<bool> closed{false}, waiting{false};
    std::atomic<int> waiter{-1};
    std::thread waits([&] {
        waiting = true;
        try {
            waiter = device->wait(ticket);
        } catch (const Error& error) {
            waiter = int(error.code());
        }
    });
    while (!waiting) std::this_thread::yield(); // on a busy machine a thread begins late
    const VkCommandPool pool = work->pool.release(); // as its owner would
    device->retire([device = device.get(), pool] {
        device->functions().vkDestroyCommandPool(device->handle(), pool, nullptr);
    });
    std::thread closes([&] {
        device->close();
        closed = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(closed) << "closed under the work";
    faulty::state.gate_closed = false;
    closes.join();
    waits.join();
    EXPECT_EQ(waiter, 1) << "the work was done, so who waited for it is told so";
    EXPECT_EQ(faulty::state.leaks(), "");
    EXPECT_EQ(buffer->handle(), VkBuffer(VK_NULL_HANDLE));
}

TEST_F(DeviceClosing, TogetherWithAnotherCloseReturnsWhenAllIsFreed) {
    for (int round = 0; round < 5; ++round) {
        const auto device = watched();
        const auto view = upload(device, counting(100));
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&] {
                device->close();
                EXPECT_EQ(faulty::state.leaks(), "");
            });
        for (std::thread& thread : threads) thread.join();
    }
}

// Whatever other threads are about when the device is closed, they succeed or get device_closed, and nothing crashes.
TEST_F(DeviceClosing, UnderOtherThreadsHands) {
    for (int round = 0; round < 6; ++round) {
        const auto device = watched();
        Graph graph;
        const Value x = graph.input("x", {DataType::f32, {1000}}), y = graph.add("relu", {graph.add("tanh", {x})});
        const BufferView a = upload(device, counting(1000)), b = make_view(device, 1000);
        const auto shared_plan = Plan::compile(device, graph, {{x, a}, {y, b}});
        std::atomic<bool> stop{false};
        std::atomic<int> calls{0}, refused{0};
        const std::function<void()> habits[] = {
            [&] { upload(device, counting(200)); },
            [&] { download(b); },
            [&] { device->wait(shared_plan->run()); },
            [&] { Plan::compile(device, graph, {{x, a}, {y, b}})->run(); },
            [&] { device->done(device->last_ticket()); },
            [&] { device->pipelines().bytes(); },
        };
        std::vector<std::thread> threads;
        for (const auto& habit : habits)
            threads.emplace_back([&] {
                while (!stop) try {
                        habit();
                        ++calls;
                    } catch (const Error& error) {
                        EXPECT_EQ(error.code(), ErrorCode::device_closed) << error.what();
                        ++refused;
                        break;
                    }
            });
        std::this_thread::sleep_for(std::chrono::milliseconds(5 + 10 * round));
        device->close();
        EXPECT_EQ(faulty::state.leaks(), "");
        stop = true;
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(faulty::state.leaks(), "");
        EXPECT_GT(calls + refused, 0);
    }
}

// Releasing handles while another thread closes: each object is freed once.
TEST_F(DeviceClosing, WhileHandlesAreReleased) {
    for (int round = 0; round < 20; ++round) {
        const auto device = watched();
        std::vector<BufferView> views;
        for (int i = 0; i < 200; ++i) views.push_back(make_view(device, 16));
        const ChainPlan chain(device, counting(64), {"relu"});
        chain.plan->run();
        std::thread releases([&] { views.clear(); });
        device->close();
        releases.join();
        EXPECT_EQ(faulty::state.leaks(), "");
        EXPECT_EQ(device->counters().buffers, 0);
    }
}

} // namespace lemnos::test
