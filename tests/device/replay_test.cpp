// Plans are recorded once and replayed: a run creates and allocates nothing, runs may be in flight together, and the
// switch that shares no memory changes no bit.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "device/host_memory.h"
#include "plan/replay.h"

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <new>
#include <thread>

namespace lemnos::test {

thread_local HostMemory host_memory;

void HostMemory::pause(bool entering) { host_memory.paused += entering ? 1 : -1; }

static void* counted(std::size_t bytes, std::size_t alignment) {
    HostMemory& memory = host_memory;
    if (memory.paused == 0 && ++memory.allocations == memory.fail_at) {
        memory.failed = true;
        return nullptr;
    }
    bytes = bytes ? bytes : 1;
    return alignment <= alignof(std::max_align_t) ? std::malloc(bytes)
                                                  : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* memory = counted(bytes, alignment)) return memory;
    throw std::bad_alloc();
}

} // namespace lemnos::test

using lemnos::test::counted;
using lemnos::test::counted_or_throw;
void* operator new(std::size_t bytes) { return counted_or_throw(bytes, 1); }
void* operator new[](std::size_t bytes) { return counted_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return counted_or_throw(bytes, std::size_t(alignment)); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return counted_or_throw(bytes, std::size_t(alignment)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, 1); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, 1); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace lemnos::test {
namespace {

struct PlanReplay : DeviceTest {};

// state <- tanh(state) + x/2 through memory that is bound as input and as output: each run continues the one before.
struct Recurrence {
    explicit Recurrence(const std::shared_ptr<Device>& device, const PlanOptions& options = {})
        : state(upload(device, counting(count, -1, 2.0f / count))), x(upload(device, counting(count, 0, 1.0f / count))) {
        const Value before = graph.input("state", {DataType::f32, {count}}), input = graph.input("x", {DataType::f32, {count}});
        const Value half = graph.add("scale", {input}, {{"factor", 0.5}});
        const Value after = graph.add("add", {graph.add("tanh", {before}), half});
        plan = Plan::compile(device, graph, {{before, state}, {input, x}, {after, state}}, options);
    }
    static constexpr int64_t count = 70001;
    Graph graph;
    BufferView state, x;
    std::shared_ptr<Plan> plan;
};

} // namespace

TEST_F(PlanReplay, CreatesAndAllocatesNothing) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    faulty::state.outside = &HostMemory::pause;
    Recurrence recurrence(device);
    device->wait(recurrence.plan->run()); // the driver compiles at the first dispatch
    const DeviceCounters& counters = device->counters();
    const auto live = [&] { return faulty::everything_made(counters); };
    const auto before = live();
    const int64_t submissions = counters.submissions;
    host_memory.reset(0);
    for (int i = 0; i < 200; ++i) { // more than the ring holds
        const int64_t ticket = recurrence.plan->run();
        if (i % 5 == 0) device->done(ticket);
        if (i % 50 == 0) device->wait(ticket);
    }
    device->wait_all();
    EXPECT_EQ(host_memory.allocations, 0) << "on the host";
    EXPECT_EQ(live(), before);
    EXPECT_EQ(counters.submissions - submissions, 200);
    faulty::state.outside = nullptr;
}

TEST_F(PlanReplay, OfARingAllocatesNothingEither) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    faulty::state.outside = &HostMemory::pause;
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {100}}), y = graph.add("relu", {x});
    ReplayOptions options;
    options.slots = 3;
    const auto replay = Replay::compile(device, graph, {}, {x}, {y}, options);
    std::vector<int> expected(3, -1);
    const auto step = [&](int round) {
        const int slot = replay->begin();
        if (expected[size_t(slot)] >= 0) {
            EXPECT_EQ(replay->fetched<float>(slot, y)[99], float(expected[size_t(slot)]));
        }
        replay->feed<float>(slot, x)[99] = float(round);
        expected[size_t(slot)] = round;
        replay->submit(slot);
    };
    step(0);
    device->wait_all();
    const int64_t allocations = device->counters().allocations;
    host_memory.reset(0);
    for (int round = 1; round < 100; ++round) step(round);
    device->wait_all();
    EXPECT_EQ(host_memory.allocations, 0);
    EXPECT_EQ(device->counters().allocations, allocations);
    faulty::state.outside = nullptr;
}

TEST_F(PlanReplay, ContinuesWhereTheOneBeforeEnded) {
    const auto device = open();
    constexpr int runs = 30;
    Recurrence stepwise(device), at_once(device);
    const std::vector<float> start = download(at_once.state), x = download(at_once.x);
    for (int i = 0; i < runs; ++i) device->wait(stepwise.plan->run());
    for (int i = 0; i < runs; ++i) at_once.plan->run();
    const auto result = download(at_once.state);
    EXPECT_EQ(result, download(stepwise.state)) << "runs in flight together gave other bits";
    for (size_t i = 0; i < result.size(); i += 997) {
        double expected = start[i];
        for (int run = 0; run < runs; ++run) expected = std::tanh(expected) + 0.5 * x[i];
        // tanh of f32 is good to 1e-6 here; the map is a contraction, so errors do not grow beyond a few of them.
        EXPECT_NEAR(result[i], expected, 2e-5);
    }
}

TEST_F(PlanReplay, WithSeparateBuffersGivesTheSameBits) {
    const auto device = open();
    Recurrence shared(device), separate(device, {.separate_buffers = true});
    EXPECT_GE(separate.plan->workspace_bytes(), shared.plan->workspace_bytes());
    for (int i = 0; i < 5; ++i) {
        shared.plan->run();
        separate.plan->run();
    }
    EXPECT_EQ(download(shared.state), download(separate.state));

    const ScopedVariable variable("LEMNOS_SEPARATE_BUFFERS", "1");
    const ChainPlan forced(device, counting(5000), {"relu", "relu6", "tanh", "sigmoid"});
    EXPECT_EQ(forced.plan->workspace_bytes(), 3 * round_up(20000, 256));
}

TEST_F(PlanReplay, ReusesMemoryInAChain) {
    const ScopedVariable shared("LEMNOS_SEPARATE_BUFFERS", nullptr);
    const auto device = open();
    const ChainPlan chain(device, counting(5000), std::vector<std::string>(20, "tanh"));
    EXPECT_EQ(chain.plan->workspace_bytes(), 2 * round_up(20000, 256)) << "two tensors are alive at a time";
    EXPECT_EQ(chain.plan->liveness_bytes(), 40000);
    EXPECT_EQ(chain.plan->dispatches(), 20);
    EXPECT_EQ(chain.plan->barriers(), 19);
}

// Two dispatches that depend on nothing of each other need no barrier.
TEST_F(PlanReplay, PlacesBarriersOnlyWhereDataFlow) {
    const auto device = open();
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1000}});
    Bindings bindings{{x, upload(device, counting(1000))}};
    std::vector<Value> results;
    for (const char* op : {"relu", "relu6", "tanh", "sigmoid"}) {
        results.push_back(graph.add(op, {x}));
        bindings[results.back()] = make_view(device, 1000);
    }
    const auto wide = Plan::compile(device, graph, bindings);
    EXPECT_EQ(wide->dispatches(), 4);
    EXPECT_EQ(wide->barriers(), 0);
}

TEST_F(PlanReplay, RunsOfOnePlanFromManyThreadsDoNotMix) {
    const auto device = open();
    Recurrence stepwise(device), together(device);
    for (int i = 0; i < 40; ++i) stepwise.plan->run();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int run = 0; run < 10; ++run) together.plan->run();
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(download(together.state), download(stepwise.state));
}

// The slices of one run are submitted in one piece, also when two threads run the plan: a second run between two slices
// would read what the first has half written. The work is big enough to be cut.
TEST_F(PlanReplay, RunsInSlicesDoNotMix) {
    const auto device = open();
    const size_t count = size_t(1) << 22;
    const std::vector<std::string> operators(device->profile().is_cpu ? 80 : 4, "relu6");
    const auto make = [&] {
        const Graph graph;
        auto chain = std::make_unique<ChainPlan>(device, counting(count, -2, 1e-6f), operators);
        return chain;
    };
    const auto chain = make();
    const int64_t before = device->counters().submissions;
    chain->plan->run();
    device->wait_all();
    const int64_t slices = device->counters().submissions - before;
    if (device->profile().is_cpu) {
        EXPECT_GT(slices, 1);
    }
    const auto expected = download(chain->y);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            for (int run = 0; run < 2; ++run) chain->plan->run();
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(download(chain->y), expected);
}

TEST_F(PlanReplay, TellsWhatEachDispatchTook) {
    const auto device = open();
    const ChainPlan plain(device, counting(1000), {"relu"});
    expect_refusal(ErrorCode::invalid_argument, {"was compiled without timestamps"}, [&] { plain.plan->times(); });
    if (device->profile().timestamp_ns == 0) return;
    const ChainPlan timed(device, counting(1000, -500), {"relu", "tanh", "relu6"}, {.timestamps = true});
    expect_refusal(ErrorCode::invalid_argument, {"has not been run"}, [&] { timed.plan->times(); });
    for (int i = 0; i < 5; ++i) timed.plan->run();
    const auto times = timed.plan->times(); // of the last, for which it waits
    ASSERT_EQ(times.size(), 3u);
    for (const DispatchTime& time : times) {
        EXPECT_GE(time.seconds, 0);
        EXPECT_LT(time.seconds, 60);
        EXPECT_GT(time.bytes, 0);
        EXPECT_FALSE(time.shader.empty());
    }
    EXPECT_EQ(download(timed.y)[0], 0.0f);
    device->close();
    expect_refusal(ErrorCode::device_closed, {"has been closed"}, [&] { timed.plan->times(); });
}

TEST_F(PlanReplay, MayOutliveWhatMadeIt) {
    const auto device = open();
    auto chain = std::make_unique<ChainPlan>(device, counting(100), std::vector<std::string>{"relu", "relu"});
    const auto plan = chain->plan;
    const BufferView y = chain->y;
    chain.reset(); // the graph and the input's view
    plan->run();
    EXPECT_EQ(download(y), counting(100));
}

} // namespace lemnos::test
