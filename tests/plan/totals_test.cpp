// Results that are only to be added to a total: operators that can do it themselves need no dispatch more, the others one, and
// both give the bits of a sum made apart.
#include "device/device_test.h"
#include "graph/graph.h"
#include "reference/random_cases.h"

#include <limits>

namespace lemnos::test {

namespace {

struct Case {
    const char* what;
    std::vector<TensorType> inputs;
    // Adds the operator; `output` of the result is what is added to a total.
    Value (*add)(Graph&, const std::vector<Value>&);
    bool by_itself = true; // the operator adds it
};

TensorType f32(Shape shape) { return {DataType::f32, std::move(shape)}; }

Value filter_gradient(Graph& graph, const std::vector<Value>& in, int64_t kernel, int64_t groups) {
    return graph.add("conv2d_filter_gradient", {in[0], in[1]},
                     {{"kernel", std::vector<int64_t>{kernel, kernel}},
                      {"groups", groups},
                      {"padding", std::vector<int64_t>(4, kernel / 2)}});
}

Value normalisation_gradient(Graph& graph, const std::vector<Value>& in, int32_t output, Attributes attributes) {
    const Value y = graph.add("normalisation", {in[0], in[1], in[2]}, attributes);
    const Value gradient = graph.add("normalisation_gradient", {in[0], in[3], {y.node, 3}}, attributes);
    return {gradient.node, output};
}

std::vector<TensorType> normalised() { return {f32({4, 3, 3, 16}), f32({16}), f32({16}), f32({4, 3, 3, 16})}; }

const Case cases[] = {
    {"a dense filter", {f32({2, 6, 6, 16}), f32({2, 6, 6, 24})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 3, 1); }},
    {"an odd filter", {f32({2, 5, 5, 3}), f32({2, 5, 5, 7})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 3, 1); }},
    {"a pointwise filter", {f32({2, 6, 6, 16}), f32({2, 6, 6, 24})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 1, 1); }},
    {"a filter that one copy is enough for", {f32({1, 3, 3, 128}), f32({1, 3, 3, 512})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 1, 1); }},
    {"a depthwise filter", {f32({2, 6, 6, 16}), f32({2, 6, 6, 16})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 3, 16); }},
    {"an odd depthwise filter", {f32({2, 6, 6, 5}), f32({2, 6, 6, 5})}, [](Graph& g, const auto& in) { return filter_gradient(g, in, 3, 5); }},
    {"a matrix",
     {f32({9, 1, 1, 8}), f32({9, 1, 1, 10})},
     [](Graph& g, const auto& in) { return g.add("reshape", {filter_gradient(g, in, 1, 1)}, {{"shape", std::vector<int64_t>{8, 10}}}); }},
    {"a bias", {f32({3, 40, 40, 12})}, [](Graph& g, const auto& in) { return g.add("sum", {in[0]}, {{"axes", std::vector<int64_t>{0, 1, 2}}}); }},
    {"an odd bias", {f32({70, 7})}, [](Graph& g, const auto& in) { return g.add("sum", {in[0]}, {{"axes", std::vector<int64_t>{0}}}); }},
    {"a sum of all", {f32({300, 301})}, [](Graph& g, const auto& in) { return g.add("sum", {in[0]}); }},
    {"a gamma", normalised(), [](Graph& g, const auto& in) { return normalisation_gradient(g, in, 1, {}); }},
    {"a beta", normalised(), [](Graph& g, const auto& in) { return normalisation_gradient(g, in, 2, {}); }},
    {"a gamma of ghosts", normalised(), [](Graph& g, const auto& in) { return normalisation_gradient(g, in, 1, {{"examples", int64_t(2)}}); }, false},
    {"a gamma of groups", normalised(), [](Graph& g, const auto& in) { return normalisation_gradient(g, in, 1, {{"groups", int64_t(4)}}); }, false},
    {"any other result", {f32({3, 7})}, [](Graph& g, const auto& in) { return g.add("relu", {in[0]}); }, false},
};

} // namespace

struct Totals : DeviceTest {
    // total = before + addend, or addend; the memory of the total as it was `before`.
    struct Run {
        std::vector<float> total;
        int64_t dispatches;
    };
    Run run(const std::shared_ptr<Device>& device, const Case& given, const std::vector<std::vector<float>>& inputs,
            const std::vector<float>* before, float keep) const {
        Graph graph;
        Bindings bindings;
        std::vector<Value> values;
        for (size_t i = 0; i < inputs.size(); ++i) {
            values.push_back(graph.input(text("input ", i), given.inputs[i]));
            bindings[values.back()] = upload(device, inputs[i]);
        }
        const Value addend = given.add(graph, values);
        const size_t count = size_t(graph.type(addend).elements());
        std::vector<float> filled(count + 64, -7.0f); // what lies behind stays
        if (before) std::copy(before->begin(), before->end(), filled.begin());
        BufferView memory = upload(device, filled);
        const BufferView view{memory.buffer, 0, int64_t(count) * 4};
        if (before) {
            const Value total = graph.input("total", graph.type(addend)), kept = graph.input("keep", f32({1}));
            bindings[total] = view;
            bindings[kept] = upload(device, {keep});
            bindings[graph.add("accumulate", {total, addend, kept})] = view;
        } else {
            bindings[addend] = view;
        }
        const auto plan = Plan::compile(device, graph, bindings);
        device->wait(plan->run());
        std::vector<float> result = download(memory);
        for (size_t i = count; i < result.size(); ++i) EXPECT_EQ(result[i], -7.0f) << "behind the end, at " << i - count;
        result.resize(count);
        return {std::move(result), plan->dispatches()};
    }
};

TEST_F(Totals, AreTheSameBitsWhoeverAdds) {
    const auto device = open();
    reference::RandomCases random;
    SCOPED_TRACE(random.seed_text());
    for (const Case& given : cases) {
        SCOPED_TRACE(given.what);
        std::vector<std::vector<float>> inputs;
        for (const TensorType& type : given.inputs) {
            const reference::Tensor values = random.uniform(type.shape, -1, 1);
            inputs.emplace_back(values.data.begin(), values.data.end());
        }
        const Run alone = run(device, given, inputs, nullptr, 0);
        const std::vector<float> nothing(alone.total.size(), std::numeric_limits<float>::quiet_NaN());
        const Run first = run(device, given, inputs, &nothing, 0);
        EXPECT_EQ(first.total, alone.total);

        std::vector<float> before(alone.total.size()), expected(alone.total.size());
        for (size_t i = 0; i < before.size(); ++i) {
            before[i] = 0.25f * float(i % 17) - 2;
            expected[i] = before[i] + alone.total[i];
        }
        const Run later = run(device, given, inputs, &before, 1);
        EXPECT_EQ(later.total, expected);
        EXPECT_EQ(later.dispatches, first.dispatches);
        EXPECT_EQ(later.dispatches, alone.dispatches + (given.by_itself ? 0 : 1));
    }
}

// What something else reads, or what is not added where it lies, is made apart.
TEST_F(Totals, AreMadeApartWhereTheAddendIsNeeded) {
    const auto device = open();
    const auto dispatches = [&](bool read_besides, bool elsewhere) {
        Graph graph;
        const Value x = graph.input("x", f32({70, 8})), total = graph.input("total", f32({8})), keep = graph.input("keep", f32({1}));
        const Value addend = graph.add("sum", {x}, {{"axes", std::vector<int64_t>{0}}});
        const BufferView memory = upload(device, std::vector<float>(8, 1.0f));
        Bindings bindings{{x, upload(device, std::vector<float>(560, 0.5f))}, {total, memory}, {keep, upload(device, {1.0f})}};
        const Value sum = graph.add("accumulate", {total, addend, keep});
        bindings[sum] = memory;
        if (elsewhere) bindings[addend] = make_view(device, 8);
        if (read_besides) bindings[graph.add("relu", {addend})] = make_view(device, 8);
        const auto plan = Plan::compile(device, graph, bindings);
        device->wait(plan->run());
        for (float value : download(memory)) EXPECT_EQ(value, 36.0f);
        return plan->dispatches();
    };
    const int64_t together = dispatches(false, false);
    EXPECT_EQ(dispatches(false, true), together + 1);
    EXPECT_EQ(dispatches(true, false), together + 2);
}

} // namespace lemnos::test
