// Operators on f16. They compute in f32 and round what they store, so that each must give what it gives for the same numbers as
// f32, which other tests hold against the references in double precision, rounded: to the nearest or towards zero, as the
// device does it.
#include "ops/harness.h"
#include "reference/elementwise.h"
#include "reference/shape.h"

#include <algorithm>
#include <set>

namespace lemnos::test {

namespace {

using Integers = std::vector<int64_t>;

constexpr double unit = 0x1p-10, least = 0x1p-24; // of the last place; the least number of f16

struct HalfCase {
    OpCase op_case;
    std::vector<int> wrt = {}; // inputs whose gradients are compared
    // How often what a gradient is made of is rounded on the way, as a sum may take up; 0: each element once, at its end.
    double roundings = 0;
};

bool may_be_half(const OpCase& c, size_t i) {
    const Operator& op = find_operator(c.op);
    return std::count(op.half.begin(), op.half.end(), int(std::min(i, op.inputs.size() - 1))) > 0;
}

// The same numbers, which f16 can hold, as one type or the other.
OpCase with_type(OpCase c, DataType dtype) {
    for (size_t i = 0; i < c.inputs.size(); ++i)
        if (may_be_half(c, i) && !c.inputs[i].value.empty() && is_real(c.inputs[i].dtype))
            c.inputs[i] = {reference::cast(c.inputs[i].value, reference::NumberType::f16), dtype};
    return c;
}

// A graph of the operator and of its gradients.
struct GradientGraph {
    explicit GradientGraph(const HalfCase& c) {
        std::vector<Value> inputs;
        for (size_t i = 0; i < c.op_case.inputs.size(); ++i) {
            const Given& given = c.op_case.inputs[i];
            inputs.push_back(given.value.empty() ? Value{} : graph.input(text("input", i), given.type()));
        }
        y = graph.add(c.op_case.op, inputs, c.op_case.attributes);
        if (c.wrt.empty()) return;
        const Value seed = graph.input("seed", graph.type(y));
        std::vector<Value> values;
        for (int i : c.wrt) values.push_back(inputs[size_t(i)]);
        lemnos::gradients(graph, y, values, seed);
    }
    Graph graph;
    Value y;
};

void expect_rounded(RandomCases& random, const HalfCase& c, const RunOptions& options = {}) {
    const OpCase half = with_type(c.op_case, DataType::f16), full = with_type(c.op_case, DataType::f32);
    std::string shapes;
    for (const Given& given : half.inputs) shapes += text(" ", to_string(given.type()));
    SCOPED_TRACE(text(half.op, shapes));
    const GradientGraph graph({half, c.wrt});
    const std::vector<TensorType>& types = graph.graph.node(graph.y.node).outputs;
    const std::vector<Tensor> actual = run_all(half, options), expected = run_all(full, options);
    for (size_t i = 0; i < types.size(); ++i) {
        if (std::string_view(find_operator(half.op).outputs[i].name) == "coefficients") continue; // padded with what was there
        if (types[i].dtype == DataType::f16) EXPECT_EQ(reference::elementwise_mismatch(actual[i], expected[i], unit, least), "");
        else expect_near(actual[i], expected[i], 1e-6);
    }
    if (c.wrt.empty()) return;
    const Tensor seed = reference::cast(random.uniform(types[0].shape), reference::NumberType::f16);
    const std::vector<Tensor> actual_gradients = run_gradients(half, seed, c.wrt, options), expected_gradients = run_gradients(full, seed, c.wrt, options);
    for (size_t i = 0; i < c.wrt.size(); ++i) {
        SCOPED_TRACE(text("the gradient by input ", c.wrt[i]));
        if (c.roundings == 0 && half.inputs[size_t(c.wrt[i])].dtype == DataType::f16)
            EXPECT_EQ(reference::elementwise_mismatch(actual_gradients[i], expected_gradients[i], unit, least), "");
        else EXPECT_EQ(reference::mismatch(actual_gradients[i], expected_gradients[i], std::max(c.roundings, 0.25) * unit, c.roundings > 0 ? 1 : 1e-3), "");
    }
}

std::vector<HalfCase> elementwise_cases(RandomCases& random) {
    std::vector<HalfCase> cases;
    for (const Shape& shape : {Shape{1}, Shape{7}, Shape{3, 65}, Shape{4, 16}, Shape{2, 5, 3, 8}}) {
        const Tensor x = random.uniform(shape, -8, 8), other = random.uniform(shape);
        for (const char* name : {"relu", "relu6", "leaky_relu", "hard_swish"}) cases.push_back({{name, {x}}, {0}});
        for (const char* name : {"sigmoid", "tanh"}) cases.push_back({{name, {x}}, {0}, 1}); // their gradient is made of the rounded y
        const bool rows = shape.size() > 1;
        const Tensor one = random.uniform({1}), row = rows ? random.uniform({shape.back()}) : one;
        for (const char* name : {"add", "sub", "mul"})
            for (const Tensor& b : {other, one, row}) cases.push_back({{name, {x, b}}, {0, 1}, 4});
        cases.push_back({{"scale", {x}, {{"factor", -0.3}}}, {0}});
        if (rows)
            for (double rate : {0.0, 0.4})
                cases.push_back({{"dropout",
                                  {x, {tensor_of(random.labels(shape[0], 1 << 20)), DataType::i32},
                                   {tensor_of({3, 4, 5, 0}), DataType::i32}},
                                  {{"rate", rate}}},
                                 {0}});
    }
    return cases;
}

std::vector<HalfCase> image_cases(RandomCases& random) {
    std::vector<HalfCase> cases;
    for (const Shape& shape : {Shape{2, 5, 7, 3}, Shape{1, 8, 8, 16}, Shape{3, 6, 5, 20}}) {
        const Tensor x = random.uniform(shape);
        for (const char* name : {"max_pool", "average_pool"})
            cases.push_back({{name, {x}, {{"kernel", Integers{3, 2}}, {"stride", Integers{2, 1}}, {"padding", Integers{1, 0, 1, 1}}}}, {0}});
        cases.push_back({{"global_average_pool", {x}}, {0}});
        for (const char* method : {"nearest", "bilinear"})
            cases.push_back({{"resize", {x}, {{"method", std::string(method)}, {"height", int64_t(9)}, {"width", int64_t(4)}}}, {0}});
        const Tensor gamma = random.uniform({shape[3]}, 0.5, 1.5), beta = random.uniform({shape[3]});
        cases.push_back({{"normalisation", {x, gamma, beta}, {{"activation", std::string("relu6")}}}, {0, 1, 2}, 1});
        cases.push_back({{"batch_norm", {x, gamma, beta, beta, gamma}}, {0, 1, 2}, 1});
    }
    return cases;
}

std::vector<HalfCase> shape_cases(RandomCases& random) {
    std::vector<HalfCase> cases;
    for (const Shape& shape : {Shape{3, 5, 7}, Shape{2, 4, 16}, Shape{5, 3, 8}}) {
        const Tensor x = random.uniform(shape), other = random.uniform({shape[0], shape[1], 9});
        cases.push_back({{"reshape", {x}, {{"shape", Integers{-1, shape[2]}}}}, {0}});
        for (int64_t axis : {-1, 0}) cases.push_back({{"concat", {x, axis ? other : x, x}, {{"axis", axis}}}, {0, 1}, 2});
        cases.push_back({{"slice", {x}, {{"axis", int64_t(2)}, {"begin", int64_t(1)}, {"end", int64_t(6)}}}, {0}});
        cases.push_back({{"slice", {x}, {{"axis", int64_t(1)}, {"begin", int64_t(1)}}}, {0}});
        cases.push_back({{"pad", {x}, {{"before", Integers{1, 0, 3}}, {"after", Integers{0, 2, 1}}, {"value", 0.3}}}, {0}});
        cases.push_back({{"pad", {x}, {{"before", Integers{1, 0, 0}}, {"after", Integers{0, 0, 0}}}}, {0}});
        cases.push_back({{"transpose", {x}, {{"perm", Integers{2, 0, 1}}}}, {0}});
        cases.push_back({{"transpose", {x}, {{"perm", Integers{1, 0, 2}}}}, {0}});
        for (const char* name : {"sum", "mean"})
            for (const Integers& axes : {Integers{}, Integers{0, 1}, Integers{2}, Integers{0, 2}, Integers{1}})
                cases.push_back({{name, {x}, {{"axes", axes}}}, {0}});
        const Tensor thin = random.uniform({shape[0], 1, shape[2]});
        cases.push_back({{"broadcast", {thin}, {{"shape", shape}}}, {0}, 1});
    }
    return cases;
}

// Of every kernel: products of a matrix and of gathered rows, wide and narrow, with strides, dilation and groups; channels by
// themselves.
std::vector<HalfCase> product_cases(RandomCases& random) {
    struct Convolution {
        Shape x, filter;
        Integers stride = {1, 1}, padding = {1, 1, 1, 1}, dilation = {1, 1};
        int64_t groups = 1;
    };
    const std::vector<Convolution> convolutions{{{2, 5, 6, 16}, {1, 1, 16, 24}, {1, 1}, {0, 0, 0, 0}},
                                                {{1, 3, 3, 4}, {1, 1, 4, 8}, {1, 1}, {0, 0, 0, 0}},
                                                {{2, 7, 6, 16}, {1, 1, 16, 24}, {2, 3}, {0, 0, 0, 0}},
                                                {{2, 6, 5, 16}, {3, 3, 16, 16}},
                                                {{2, 7, 7, 1}, {3, 3, 1, 8}, {2, 2}},
                                                {{1, 8, 6, 3}, {3, 2, 3, 5}, {2, 1}, {1, 0, 1, 1}, {2, 1}},
                                                {{2, 5, 5, 8}, {3, 3, 4, 6}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2},
                                                {{2, 7, 9, 16}, {3, 3, 1, 16}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 16},
                                                {{2, 8, 7, 8}, {3, 3, 1, 8}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 8},
                                                {{2, 5, 7, 5}, {3, 3, 1, 10}, {1, 2}, {1, 1, 1, 1}, {1, 1}, 5}};
    std::vector<HalfCase> cases;
    for (const Convolution& c : convolutions) {
        const Attributes attributes{{"stride", c.stride}, {"padding", c.padding}, {"dilation", c.dilation}, {"groups", c.groups}, {"activation", std::string("relu6")}};
        const Tensor x = random.uniform(c.x), filter = random.uniform(c.filter), bias = random.uniform({c.filter[3]});
        cases.push_back({{"conv2d", {x, filter, bias}, attributes}, {0, 1, 2}, 2});
        if (c.groups != 1) continue;
        const Shape y = [&] {
            const OpCase plain{"conv2d", {x, filter}, attributes};
            const GradientGraph graph({plain});
            return graph.graph.shape(graph.y);
        }();
        cases.push_back({{"conv2d", {x, filter, bias, random.uniform(y)}, attributes}, {0, 1, 2, 3}, 2});
    }
    for (const Shape& w : {Shape{16, 8}, Shape{7, 10}})
        for (int64_t rows : {1, 9, 40})
            cases.push_back({{"linear", {random.uniform({rows, w[0]}), random.uniform(w), random.uniform({w[1]})}}, {0, 1, 2}, 2});
    return cases;
}

} // namespace

struct Half : OpTest {
    void expect_all_rounded(const std::vector<HalfCase>& cases, const RunOptions& options = {}) {
        for (const HalfCase& c : cases) expect_rounded(random, c, options);
    }
};

TEST_F(Half, ElementwiseOperatorsRoundTheirResults) { expect_all_rounded(elementwise_cases(random)); }
TEST_F(Half, ImageOperatorsRoundTheirResults) { expect_all_rounded(image_cases(random)); }
TEST_F(Half, ShapesAndSums) { expect_all_rounded(shape_cases(random)); }
TEST_F(Half, ProductsRoundTheirResults) { expect_all_rounded(product_cases(random)); }

// What an operator says it takes is met above, in a case or in the gradient of one.
TEST_F(Half, EveryOperatorThatTakesHalvesIsTested) {
    std::set<std::string> met;
    for (const auto& cases : {elementwise_cases(random), image_cases(random), shape_cases(random), product_cases(random)})
        for (const HalfCase& c : cases) {
            const GradientGraph graph({with_type(c.op_case, DataType::f16), c.wrt});
            for (const Node& node : graph.graph.nodes())
                for (Value input : node.inputs)
                    if (node.op && input && graph.graph.type(input).dtype == DataType::f16) met.insert(node.op->name);
        }
    for (const Operator& op : all_operators()) {
        if (op.half.empty()) continue;
        EXPECT_TRUE(met.contains(op.name)) << op.name << " takes f16, and no case of this file gives it any.";
    }
}

// Bindings of 4096 bytes hold 2048 numbers.
TEST_F(Half, TensorsLargerThanABindingAreCut) {
    const Tensor x = random.uniform({9, 65, 8}), b = random.uniform({8}), image = random.uniform({6, 2, 4, 128}), wide = random.uniform({6, 8, 16, 8});
    const std::vector<HalfCase> cases{{{"add", {x, x}}, {0}, 1},
                                      {{"mul", {x, b}}, {0}},
                                      {{"scale", {x}, {{"factor", 3.0}}}, {0}},
                                      {{"relu", {random.uniform({9, 64, 8})}}, {0}}, // whole examples are cut off, where a binding may begin
                                      {{"sum", {x}, {{"axes", Integers{0, 1}}}}, {0}},
                                      {{"concat", {x, x}}, {0}, 2},
                                      {{"pad", {x}, {{"before", Integers{1, 0, 3}}, {"after", Integers{0, 2, 2}}}}, {0}},
                                      {{"transpose", {x}, {{"perm", Integers{2, 0, 1}}}}, {0}},
                                      {{"max_pool", {image}, {{"kernel", Integers{2, 2}}}}, {0}},
                                      {{"global_average_pool", {image}}, {0}},
                                      {{"conv2d", {wide, random.uniform({1, 1, 8, 8})}}, {0, 1}, 1},
                                      {{"conv2d", {wide, random.uniform({3, 3, 8, 8})}, {{"padding", Integers{1, 1, 1, 1}}}}, {0}, 1},
                                      {{"normalisation", {wide, random.uniform({8}, 0.5, 1.5), random.uniform({8})}}, {0}, 1}};
    expect_all_rounded(cases, {.device = device(4096)});
}

// What overflows becomes infinite, by which loss scaling knows it, and what is too small becomes 0.
TEST_F(Half, OverflowsToInfinity) {
    const Tensor x({4}, {65504, -65504, 0x1p-14, 1});
    const Tensor y = run({"mul", {{x, DataType::f16}, {Tensor({4}, {2, 2, 0x1p-14, 1}), DataType::f16}}});
    EXPECT_EQ(y[0], HUGE_VAL);
    EXPECT_EQ(y[1], -HUGE_VAL);
    EXPECT_EQ(y[2], 0);
    EXPECT_EQ(y[3], 1);
}

TEST_F(Half, TypesThatDifferAreRefused) {
    EXPECT_EQ(refusal({"add", {{Tensor({3}), DataType::f16}, Tensor({3})}}), "Operator add: the input b is f32 (f16 is needed).");
    EXPECT_EQ(refusal({"relu", {{Tensor({3}), DataType::i32}}}), "Operator relu: the input x is i32 (f32 or f16 is needed).");
}

} // namespace lemnos::test
