// Work that waits for more of its kind (Emitter::postpone): the sums of the copies of filters' gradients, several of which share
// a dispatch, and which nobody sees before they are made.
#include "device/device_test.h"
#include "graph/graph.h"
#include "reference/random_cases.h"

namespace lemnos::test {

struct Postponement : DeviceTest {
    std::shared_ptr<Device> device;
    reference::RandomCases random;
    Graph graph;
    Bindings bindings;

    void SetUp() override {
        DeviceTest::SetUp();
        if (!HasFatalFailure() && !IsSkipped()) device = open();
    }
    Value input(const Shape& shape) {
        const Value value = graph.input(text("input ", bindings.size()), {DataType::f32, shape});
        const reference::Tensor numbers = random.uniform(shape, -1, 1);
        bindings[value] = upload(device, std::vector<float>(numbers.data.begin(), numbers.data.end()));
        return value;
    }
    Value filter_gradient(int64_t kernel, int64_t groups, int64_t in_channels, int64_t out_channels) {
        return graph.add("conv2d_filter_gradient", {input({2, 16, 16, in_channels}), input({2, 16, 16, out_channels})},
                         {{"kernel", std::vector<int64_t>{kernel, kernel}},
                          {"groups", groups},
                          {"padding", std::vector<int64_t>(4, kernel / 2)}});
    }
    BufferView bind(Value value) { return bindings[value] = make_view(device, graph.type(value).elements()); }
    int64_t run(const Bindings& bound) {
        const auto plan = Plan::compile(device, graph, bound);
        device->wait(plan->run());
        return plan->dispatches();
    }
    int64_t run() { return run(bindings); }
};

TEST_F(Postponement, SumsShareADispatch) {
    SCOPED_TRACE(random.seed_text());
    std::vector<Value> gradients;
    for (int64_t i = 0; i < 6; ++i) {
        gradients.push_back(filter_gradient(1, 1, 8 + 4 * i, 16));
        gradients.push_back(filter_gradient(3, 8, 8, 8));
        gradients.push_back(filter_gradient(1, 1, 8, 8 + 8 * i));
    }
    const Bindings inputs = bindings;
    std::vector<BufferView> together;
    for (Value gradient : gradients) together.push_back(bind(gradient));
    const int64_t dispatches = run();
    int64_t apart = 0;
    for (size_t i = 0; i < gradients.size(); ++i) {
        SCOPED_TRACE(i);
        Bindings alone = inputs;
        const BufferView result = alone[gradients[i]] = make_view(device, graph.type(gradients[i]).elements());
        apart += run(alone);
        EXPECT_EQ(download(together[i]), download(result));
    }
    const DeviceProfile& profile = device->profile();
    const int64_t sums = int64_t(gradients.size()), most = std::min<int64_t>(7, (profile.max_storage_buffers - 1) / 2);
    EXPECT_EQ(apart - dispatches, profile.addresses && profile.int64 ? sums - divide_up(sums, most) : 0);
}

// At once, and under another shape.
TEST_F(Postponement, ASumIsMadeBeforeItIsRead) {
    SCOPED_TRACE(random.seed_text());
    const Value first = filter_gradient(1, 1, 8, 8), second = filter_gradient(3, 1, 8, 8);
    const Value doubled = graph.add("add", {first, first});
    const Value matrix = graph.add("reshape", {second}, {{"shape", std::vector<int64_t>{72, 8}}});
    const Value third = filter_gradient(1, 1, 8, 8), sum = graph.add("add", {matrix, matrix});
    const BufferView a = bind(first), b = bind(second), twice_a = bind(doubled), twice_b = bind(sum);
    bind(third);
    run();
    const auto expect_twice = [&](const BufferView& one, const BufferView& two) {
        std::vector<float> expected = download(one);
        for (float& value : expected) value *= 2;
        EXPECT_EQ(download(two), expected);
    };
    expect_twice(a, twice_a);
    expect_twice(b, twice_b);
}

// Two sums into one total are made one after the other, by whichever names the plan knows that memory.
TEST_F(Postponement, SumsIntoTheSameMemoryFollowEachOther) {
    SCOPED_TRACE(random.seed_text());
    const Value first = filter_gradient(1, 1, 8, 16), second = filter_gradient(1, 1, 8, 16);
    Bindings apart = bindings;
    const BufferView a = apart[first] = make_view(device, 128), b = apart[second] = make_view(device, 128);
    run(apart);

    const Value total = graph.input("total", {DataType::f32, {1, 1, 8, 16}}), keep = graph.input("keep", {DataType::f32, {1}});
    const Value once = graph.add("accumulate", {total, first, keep}), twice = graph.add("accumulate", {once, second, keep});
    const BufferView memory = upload(device, std::vector<float>(128, 0.375f));
    bindings[keep] = upload(device, {1.0f});
    bindings[total] = bindings[once] = bindings[twice] = memory;
    EXPECT_EQ(run(), 4); // two products, and each sum by itself
    std::vector<float> expected = download(a);
    const std::vector<float> added = download(b);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = (0.375f + expected[i]) + added[i];
    EXPECT_EQ(download(memory), expected);
}

// Whether a total counts is read when the gradient is made, also if that number changes afterwards.
TEST_F(Postponement, ASumReadsWhatItNeedsBeforeItIsWritten) {
    SCOPED_TRACE(random.seed_text());
    const Value gradient = filter_gradient(1, 1, 8, 16);
    Bindings alone = bindings;
    const BufferView expected = alone[gradient] = make_view(device, 128);
    run(alone);

    const Value total = graph.input("total", {DataType::f32, {1, 1, 8, 16}}), keep = graph.input("keep", {DataType::f32, {1}});
    const Value sum = graph.add("accumulate", {total, gradient, keep});
    const Value changed = graph.add("sigmoid", {keep}); // into the same memory
    const BufferView memory = upload(device, std::vector<float>(128, 0.375f));
    bindings[total] = bindings[sum] = memory;
    bindings[keep] = bindings[changed] = upload(device, {0.0f});
    run();
    EXPECT_EQ(download(memory), download(expected));
}

} // namespace lemnos::test
