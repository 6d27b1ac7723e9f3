// What operators derive from leaves alone is made once and kept where a plan was asked to, and made anew whenever the leaf was
// written, by whomever. Seen on filters in Winograd's form.
#include "device/device_test.h"
#include "plan/replay.h"
#include "vulkan/kernel_choices.h"

namespace lemnos::test {
namespace {

constexpr int64_t side = 4, channels = 8;

struct Derived : DeviceTest {};

std::shared_ptr<KernelChoices> winograd() { return std::make_shared<KernelChoices>("winograd.2"); }

// y = conv2d(x, w)
struct Convolution {
    Convolution(const std::shared_ptr<Device>& device, BufferView w, bool keep, bool doubles_filter = false)
        : x(upload(device, counting(side * side * channels, -1, 0.01f))), y(make_view(device, side * side * channels)), w(w) {
        Graph graph;
        const Value image = graph.input("x", {DataType::f32, {1, side, side, channels}});
        const Value filter = graph.input("w", {DataType::f32, {3, 3, channels, channels}});
        const Value result = graph.add("conv2d", {image, filter}, {{"padding", std::vector<int64_t>(4, 1)}});
        Bindings bindings{{image, x}, {filter, w}, {result, y}};
        if (doubles_filter) bindings[graph.add("scale", {filter}, {{"factor", 2.0}})] = w;
        plan = Plan::compile(device, graph, bindings, {.keep_derived = keep, .kernels = winograd()});
    }
    std::vector<float> run() {
        plan->run();
        return download(y);
    }
    BufferView x, y, w;
    std::shared_ptr<Plan> plan;
};

std::vector<float> filter(float first) { return counting(9 * channels * channels, first, -0.002f); }

std::vector<float> doubled(std::vector<float> values) {
    for (float& value : values) value *= 2;
    return values;
}

} // namespace

TEST_F(Derived, IsKeptUntilItsSourceIsWritten) {
    const auto device = open();
    const BufferView w = upload(device, filter(0.5f));
    Convolution keeps(device, w, true), makes(device, w, false);
    EXPECT_EQ(makes.plan->dispatches() - keeps.plan->dispatches(), 1); // the filter's transform
    EXPECT_GE(keeps.plan->workspace_bytes(), 16 * channels * channels * 4);
    const std::vector<float> first = keeps.run();
    EXPECT_EQ(first, makes.run());
    EXPECT_EQ(first, keeps.run());
    w.write(filter(-0.25f).data());
    const std::vector<float> second = keeps.run();
    EXPECT_NE(second, first);
    EXPECT_EQ(second, makes.run());
}

TEST_F(Derived, FollowsWhatAnotherPlanWrites) {
    const auto device = open();
    const BufferView w = upload(device, filter(0.5f));
    Convolution keeps(device, w, true);
    const std::vector<float> first = keeps.run();
    Graph graph;
    const Value before = graph.input("w", {DataType::f32, {9 * channels * channels}});
    const Value after = graph.add("scale", {before}, {{"factor", 2.0}});
    const auto doubling = Plan::compile(device, graph, {{before, w}, {after, w}});
    doubling->run();
    EXPECT_EQ(keeps.run(), doubled(first)); // a power of two is exact
}

TEST_F(Derived, OfWhatThePlanItselfWritesIsNotKept) {
    const auto device = open();
    Convolution keeps(device, upload(device, filter(0.5f)), true, true);
    const std::vector<float> first = keeps.run();
    EXPECT_EQ(keeps.run(), doubled(first));
}

TEST_F(Derived, OfWhatIsFedIsNotKept) {
    const auto device = open();
    Graph graph;
    const Value image = graph.input("x", {DataType::f32, {1, side, side, channels}});
    const Value fed = graph.input("w", {DataType::f32, {3, 3, channels, channels}});
    const Value result = graph.add("conv2d", {image, fed}, {{"padding", std::vector<int64_t>(4, 1)}});
    ReplayOptions options;
    options.plan.keep_derived = true;
    options.plan.kernels = winograd();
    const auto replay = Replay::compile(device, graph, {{image, upload(device, counting(side * side * channels, -1, 0.01f))}}, {fed},
                                        {result}, options);
    const auto run = [&](const std::vector<float>& values) {
        const int slot = replay->begin();
        std::copy(values.begin(), values.end(), replay->feed<float>(slot, fed));
        replay->submit(slot);
        replay->wait(slot);
        const float* fetched = replay->fetched<float>(slot, result);
        return std::vector<float>(fetched, fetched + side * side * channels);
    };
    const std::vector<float> first = run(filter(0.5f));
    EXPECT_EQ(run(doubled(filter(0.5f))), doubled(first));
}

} // namespace lemnos::test
