// Profiles of a device: times lie within each other as what they time does, results are those of an unprofiled run, nothing
// leaks whatever ends first, and devices without timestamps or with short ones.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "plan/profile_report.h"
#include "plan/replay.h"

#include <algorithm>
#include <cmath>

namespace lemnos::test {
namespace {

constexpr int64_t size = 1 << 16;

// y = relu(x) * x + x, over and over: dispatches that wait for each other.
struct Chain {
    Graph graph;
    Value x, y;
    std::shared_ptr<Buffer> in, out;
    std::shared_ptr<Plan> plan;

    explicit Chain(const std::shared_ptr<Device>& device, const char* name = "chain") {
        x = graph.input("x", {DataType::f32, {size}});
        y = x;
        for (int i = 0; i < 3; ++i) {
            const Value positive = graph.add("relu", {y}, {}, text("layer ", i));
            y = graph.add("add", {graph.add("mul", {positive, y}), y});
        }
        in = Buffer::create(device, BufferKind::device, size * 4, "in");
        out = Buffer::create(device, BufferKind::device, size * 4, "out");
        std::vector<float> values(size);
        for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(float(i));
        device->write(*in, 0, values.data(), size * 4);
        plan = Plan::compile(device, graph, {{x, {in, 0, size * 4}}, {y, {out, 0, size * 4}}}, {.name = name});
    }
    std::vector<float> result() const {
        std::vector<float> values(size);
        out->device()->read(*out, 0, values.data(), size * 4);
        return values;
    }
};

struct Profiling : DeviceTest {
    // Whatever is timed begins after what was before it in the queue, and ends within what it belongs to.
    static void expect_nested(const Timeline& timeline) {
        const int64_t slack = timeline.clock_error + 1000;
        int64_t before = INT64_MIN;
        for (const Timeline::Submission& each : timeline.submissions) {
            EXPECT_LE(before, each.device.begin) << each.name;
            EXPECT_LE(each.device.begin, each.device.end) << each.name;
            EXPECT_LE(each.host.begin, each.host.end) << each.name;
            EXPECT_LE(each.host.begin, each.device.begin + slack) << "work cannot begin before it is submitted";
            EXPECT_LE(each.device.end, timeline.whole.end + slack) << each.name;
            before = each.device.end;
        }
        before = INT64_MIN;
        for (const Timeline::Run& run : timeline.runs)
            for (const TimeSpan& each : run.dispatches) {
                EXPECT_LE(before, each.begin);
                EXPECT_LE(each.begin, each.end);
                before = each.end;
                const auto within = [&](const Timeline::Submission& submission) {
                    return submission.device.begin <= each.begin && each.end <= submission.device.end;
                };
                EXPECT_EQ(std::count_if(timeline.submissions.begin(), timeline.submissions.end(), within), 1);
            }
    }
};

TEST_F(Profiling, TimesLieWithinEachOther) {
    const auto device = open();
    Chain chain(device);
    device->start_profile({});
    for (int i = 0; i < 5; ++i) chain.plan->run(); // all in flight together
    device->wait_all();
    chain.result();
    const Timeline timeline = device->stop_profile();

    ASSERT_EQ(timeline.runs.size(), 5u);
    for (const Timeline::Run& run : timeline.runs) EXPECT_EQ(int64_t(run.dispatches.size()), chain.plan->dispatches());
    EXPECT_GE(timeline.submissions.size(), 6u); // five runs and the copy of the result
    EXPECT_FALSE(timeline.waits.empty());
    EXPECT_EQ(timeline.left_out, 0);
    EXPECT_GT(timeline.clock_error, 0);
    expect_nested(timeline);

    const double busy = busy_seconds(timeline);
    double dispatches = 0;
    for (const DispatchProfile& each : dispatch_profiles(timeline)) {
        EXPECT_EQ(each.runs, 5);
        EXPECT_GT(each.seconds, 0) << each.info.op;
        EXPECT_LE(each.median_seconds, each.seconds);
        dispatches += each.seconds;
    }
    EXPECT_GT(busy, 0);
    EXPECT_LE(dispatches, busy * 1.0001);
    EXPECT_LE(busy, timeline.whole.seconds() + 2e-9 * double(timeline.clock_error));
}

TEST_F(Profiling, DispatchesSayWhatTheyAre) {
    const auto device = open();
    Chain chain(device);
    device->start_profile({});
    chain.plan->run();
    const Timeline timeline = device->stop_profile();
    ASSERT_EQ(timeline.runs.size(), 1u);
    const PlanInfo& info = *timeline.runs[0].plan;
    EXPECT_EQ(info.name, "chain");
    ASSERT_GE(info.dispatches.size(), 3u);
    EXPECT_EQ(info.dispatches[0].op, "relu");
    for (size_t i = 0; i < info.dispatches.size(); ++i) {
        const DispatchInfo& each = info.dispatches[i];
        EXPECT_EQ(each.layer, text("layer ", i * 3 / info.dispatches.size())) << each.op; // unnamed ones follow their input
        EXPECT_EQ(each.phase, "chain");
        EXPECT_FALSE(each.shader.empty());
        EXPECT_GE(each.bytes, double(2 * size * 4)) << each.op;
    }
}

TEST_F(Profiling, ResultsAreThoseOfOtherRuns) {
    const auto device = open();
    Chain chain(device);
    device->wait(chain.plan->run());
    const std::vector<float> expected = chain.result();
    for (const bool dispatches : {true, false}) {
        device->fill(*chain.out, 0, size * 4, 0);
        device->start_profile({.dispatches = dispatches});
        device->wait(chain.plan->run());
        EXPECT_EQ(chain.result(), expected);
        const Timeline timeline = device->stop_profile();
        EXPECT_EQ(timeline.runs.size(), dispatches ? 1u : 0u);
        EXPECT_GE(timeline.submissions.size(), 2u);
        expect_nested(timeline);
    }
    device->fill(*chain.out, 0, size * 4, 0);
    device->wait(chain.plan->run()); // as before
    EXPECT_EQ(chain.result(), expected);
}

TEST_F(Profiling, StartsOnceAndStopsOnce) {
    const auto device = open();
    expect_refusal(ErrorCode::invalid_state, {" is not being profiled, so there is nothing to stop."}, [&] { device->stop_profile(); });
    device->start_profile({});
    expect_refusal(ErrorCode::invalid_state, {" is being profiled already; that must be stopped first."}, [&] { device->start_profile({}); });
    const Timeline nothing = device->stop_profile();
    EXPECT_TRUE(nothing.submissions.empty() && nothing.waits.empty() && nothing.runs.empty());
    EXPECT_EQ(busy_seconds(nothing), 0);
    device->start_profile({});
    device->stop_profile();
}

// A plan may end before the profile, the profile before the plan, and the device before both.
TEST_F(Profiling, NothingLeaksWhateverEndsFirst) {
    const PFN_vkGetInstanceProcAddr vulkan = faulty::vulkan();
    {
        const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = vulkan});
        {
            Chain first(device, "first");
            device->start_profile({});
            first.plan->run();
        }
        Chain second(device, "second");
        second.plan->run();
        const Timeline timeline = device->stop_profile();
        ASSERT_EQ(timeline.runs.size(), 2u);
        EXPECT_EQ(timeline.runs[0].plan->name, "first");
        EXPECT_EQ(timeline.runs[1].plan->name, "second");
        device->start_profile({});
        second.plan->run(); // another profile, for which it is recorded anew
        second.plan->run();
        EXPECT_EQ(device->stop_profile().runs.size(), 2u);
        device->start_profile({});
        second.plan->run();
        device->close();
        EXPECT_EQ(faulty::state.leaks(), "");
        expect_refusal(ErrorCode::device_closed, {text("The device ", device->info().name, " has been closed.")}, [&] { device->stop_profile(); });
    }
    EXPECT_EQ(faulty::state.leaks(), "");
}

// Recordings and timestamps are used again: the second hundred of runs makes no further ones.
TEST_F(Profiling, RecordingsAreUsedAgain) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    Chain chain(device);
    device->start_profile({});
    const auto run = [&] {
        for (int i = 0; i < 100; ++i) device->wait(chain.plan->run());
    };
    run();
    const int64_t pools = faulty::state.live[faulty::id_vkCreateQueryPool];
    run();
    EXPECT_EQ(faulty::state.live[faulty::id_vkCreateQueryPool], pools);
    EXPECT_LE(pools, 4);
    EXPECT_EQ(device->stop_profile().runs.size(), 200u);
}

template <typename Function>
PFN_vkVoidFunction replacement(Function function) {
    return reinterpret_cast<PFN_vkVoidFunction>(function);
}

// One queue, as devices have it, with so many bits in its timestamps.
template <uint32_t bits>
PFN_vkVoidFunction queues_with_timestamps() {
    return replacement(+[](VkPhysicalDevice, uint32_t* count, VkQueueFamilyProperties* families) {
        *count = 1;
        if (families) families[0] = {VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 1, bits, {1, 1, 1}};
    });
}

TEST_F(Profiling, NeedsTimestamps) {
    const PFN_vkGetInstanceProcAddr vulkan = faulty::vulkan();
    faulty::state.replaced["vkGetPhysicalDeviceQueueFamilyProperties"] = queues_with_timestamps<0>();
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = vulkan});
    EXPECT_EQ(device->profile().timestamp_ns, 0);
    const std::string sentence = text("The device ", device->info().name, " has no timestamps, so what its work takes cannot be measured.");
    expect_refusal(ErrorCode::unsupported, {sentence}, [&] { device->start_profile({}); });
    Chain chain(device); // all else goes on
    device->wait(chain.plan->run());
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {size}}), y = graph.add("relu", {x});
    const Bindings bindings{{x, {chain.in, 0, size * 4}}, {y, {chain.out, 0, size * 4}}};
    expect_refusal(ErrorCode::unsupported, {sentence}, [&] { Plan::compile(device, graph, bindings, {.timestamps = true}); });
}

// Timestamps of 36 bits, the fewest there are, wrap around; times are the same.
TEST_F(Profiling, TimestampsMayWrapAround) {
    const PFN_vkGetInstanceProcAddr vulkan = faulty::vulkan();
    faulty::state.replaced["vkGetPhysicalDeviceQueueFamilyProperties"] = queues_with_timestamps<36>();
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = vulkan});
    EXPECT_EQ(device->profile().timestamp_mask, (uint64_t(1) << 36) - 1);
    Chain chain(device);
    device->start_profile({});
    for (int i = 0; i < 3; ++i) chain.plan->run();
    const Timeline timeline = device->stop_profile();
    expect_nested(timeline);
    EXPECT_LE(busy_seconds(timeline), timeline.whole.seconds() + 2e-9 * double(timeline.clock_error));
}

TEST(BusySeconds, CountOverlapsOnce) {
    Timeline timeline;
    for (const TimeSpan span : {TimeSpan{300, 500}, TimeSpan{0, 100}, TimeSpan{50, 200}, TimeSpan{60, 70}, TimeSpan{500, 600}})
        timeline.submissions.push_back({"work", 0, 0, {}, span});
    EXPECT_DOUBLE_EQ(busy_seconds(timeline), 500e-9);
}

TEST_F(Profiling, CeilingsAreAboveWhatKernelsReach) {
    const auto device = open();
    const int64_t buffers = device->counters().buffers;
    const Ceilings ceilings = measure_ceilings(device);
    EXPECT_GT(ceilings.flops, 1e8);
    EXPECT_GT(ceilings.bytes, 1e8);
    EXPECT_DOUBLE_EQ(ceilings.arithmetic_seconds(ceilings.flops), 1);
    EXPECT_DOUBLE_EQ(ceilings.memory_seconds(ceilings.bytes / 2), 0.5);
    EXPECT_EQ(device->counters().buffers, buffers) << "what measuring took is given back";
    DeviceOptions small{.memory_limit = 1 << 20, .cache_on_disk = false};
    const Ceilings none = measure_ceilings(open(small));
    EXPECT_EQ(none.bytes, 0);
    EXPECT_EQ(none.memory_seconds(1), 0);
}

// ---- LEMNOS_VERBOSE -------------------------------------------------------------------------------------------------

struct LogOfPlans : DeviceTest {
    std::vector<std::string> lines;
    std::shared_ptr<Device> logging(uint32_t topics) {
        return open({.cache_on_disk = false, .log = Log(topics, [this](std::string_view line) { lines.emplace_back(line); })});
    }
    static std::vector<std::string> fields_of(const std::string& line) {
        std::vector<std::string> fields(1);
        for (char c : line)
            if (c == ',') fields.emplace_back();
            else fields.back() += c;
        return fields;
    }
    // The value that follows a name.
    static std::string value(const std::string& line, const std::string& name) {
        const std::vector<std::string> fields = fields_of(line);
        const auto found = std::find(fields.begin(), fields.end(), name);
        EXPECT_TRUE(found != fields.end() && found + 1 != fields.end()) << name << " is not in " << line;
        return found != fields.end() && found + 1 != fields.end() ? *(found + 1) : "";
    }
    static bool is_number(const std::string& text) {
        char* end = nullptr;
        return !text.empty() && std::isfinite(std::strtod(text.c_str(), &end)) && *end == 0;
    }
};

TEST_F(LogOfPlans, HasALineAPlanAndALineADispatch) {
    const auto device = logging(Log::plan);
    Chain chain(device, "a name, with\na comma");
    ASSERT_EQ(int64_t(lines.size()), 1 + chain.plan->dispatches());
    EXPECT_TRUE(lines[0].starts_with("lemnos,1,plan,compiled,a name  with a comma,dispatches,")) << lines[0];
    EXPECT_EQ(value(lines[0], "dispatches"), std::to_string(chain.plan->dispatches()));
    EXPECT_EQ(value(lines[0], "barriers"), std::to_string(chain.plan->barriers()));
    EXPECT_EQ(value(lines[0], "submissions"), "1");
    EXPECT_EQ(value(lines[0], "workspace"), std::to_string(chain.plan->workspace_bytes()));
    EXPECT_EQ(value(lines[0], "lower_bound"), std::to_string(chain.plan->liveness_bytes()));
    EXPECT_TRUE(is_number(value(lines[0], "flops"))) << lines[0];
    for (size_t i = 1; i < lines.size(); ++i) {
        EXPECT_TRUE(lines[i].starts_with(text("lemnos,1,plan,dispatch,a name  with a comma,", i - 1, ",operator,"))) << lines[i];
        EXPECT_EQ(fields_of(lines[i]).size(), 24u) << lines[i];
        EXPECT_TRUE(value(lines[i], "layer").starts_with("layer ")) << lines[i];
        EXPECT_FALSE(value(lines[i], "shader").empty());
        EXPECT_NE(value(lines[i], "workgroups").find('x'), std::string::npos);
        for (const char* name : {"bytes", "flops"}) EXPECT_TRUE(is_number(value(lines[i], name))) << lines[i];
        EXPECT_EQ(value(lines[i], "refused"), "-");
    }
    EXPECT_EQ(value(lines[1], "operator"), "relu");
}

TEST_F(LogOfPlans, HasALineAReplay) {
    const auto device = logging(Log::run);
    Chain chain(device);
    EXPECT_TRUE(lines.empty());
    const int64_t ticket = chain.plan->run();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].starts_with(text("lemnos,1,run,submit,chain,ticket,", ticket, ",submissions,1,host_us,"))) << lines[0];
    EXPECT_TRUE(is_number(value(lines[0], "host_us"))) << lines[0];
}

TEST_F(LogOfPlans, SaysWhatPipelinesTook) {
    const auto device = logging(Log::pipeline);
    Chain chain(device);
    std::erase_if(lines, [](const std::string& line) { return line.starts_with("lemnos,1,pipeline,compile,"); }); // by some drivers
    ASSERT_EQ(int64_t(lines.size()), device->counters().pipelines.load());
    for (const std::string& line : lines) {
        EXPECT_TRUE(line.starts_with("lemnos,1,pipeline,create,")) << line;
        EXPECT_TRUE(is_number(value(line, "milliseconds")) && is_number(value(line, "subgroup"))) << line;
        const std::string cache = value(line, "cache");
        EXPECT_TRUE(cache == "hit" || cache == "miss" || cache == "unknown") << line;
    }
}

TEST_F(LogOfPlans, SaysWhatMemoryIsTakenAndGivenBack) {
    const auto device = logging(Log::memory);
    lines.clear();
    const int64_t before = device->counters().memory_bytes;
    Buffer::create(device, BufferKind::device, 1000, "tensor");
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], text("lemnos,1,memory,buffer,tensor,1024,", before + 1024));
    EXPECT_EQ(lines[1], text("lemnos,1,memory,freed,1024,", before));
}

// A menu of kernels says what was chosen.
TEST_F(LogOfPlans, SaysWhichKernelOfAMenuWasChosen) {
    const auto device = logging(Log::plan);
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1, 8, 8, 8}}), filter = graph.input("filter", {DataType::f32, {3, 3, 8, 8}});
    const Value y = graph.add("conv2d", {x, filter}, {}, "first");
    Bindings bindings;
    for (const Value value : {x, filter, y}) {
        const int64_t bytes = graph.type(value).bytes();
        bindings[value] = {Buffer::create(device, BufferKind::device, bytes, "tensor"), 0, bytes};
    }
    const auto plan = Plan::compile(device, graph, bindings);
    ASSERT_GE(lines.size(), 2u);
    EXPECT_NE(value(lines.back(), "variant"), "-") << lines.back();
    EXPECT_NE(value(lines.back(), "refused"), "-") << lines.back(); // those for depthwise convolutions, at least
}

// Gradients say which layer they are of.
TEST_F(LogOfPlans, GradientsBearTheNameOfTheirLayer) {
    const auto device = logging(Log::plan);
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {8}}), y = graph.add("relu", {x}, {}, "first");
    const Value loss = graph.add("mean_squared_error", {graph.add("mul", {y, y}, {}, "second"), x});
    const std::vector<Value> wrt{x};
    const Value gradient = gradients(graph, loss, wrt)[0];
    const auto in = Buffer::create(device, BufferKind::device, 32, "x"), out = Buffer::create(device, BufferKind::device, 32, "gradient");
    const auto plan = Plan::compile(device, graph, {{x, {in, 0, 32}}, {gradient, {out, 0, 32}}});
    const auto has = [&](const char* op, const char* layer) {
        return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.find(text(",operator,", op, ",layer,", layer, ",")) != std::string::npos;
        });
    };
    EXPECT_TRUE(has("mul", "second")) << testing::PrintToString(lines);
    EXPECT_TRUE(has("activation_gradient", "first")) << testing::PrintToString(lines);
}

} // namespace
} // namespace lemnos::test
