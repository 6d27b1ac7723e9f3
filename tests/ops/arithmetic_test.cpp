// add, sub, mul with every form of the second operand, and scale.
#include "ops/harness.h"
#include "reference/elementwise.h"

namespace lemnos::test {

using reference::BinaryGradients;

struct Binary {
    const char* name;
    Tensor (*forward)(const Tensor& a, const Tensor& b);
    BinaryGradients (*backward)(const Tensor& a, const Tensor& b, const Tensor& dy);
};

static const Binary binaries[] = {{"add", reference::add, reference::add_backward},
                                  {"sub", reference::subtract, reference::subtract_backward},
                                  {"mul", reference::multiply, reference::multiply_backward}};

// One operation on f32 is correctly rounded on most devices and within 1 unit in the last place (2^-23) on
// all; numbers below the normal ones may become 0.
static constexpr double one_rounding = 1.2e-7, subnormal = 0x1p-126;
// Sums as in reduction_test.cpp, measured against the size of a random sum: the root of the number of terms.
static constexpr double summed = 3e-6;

struct Arithmetic : OpTest {
    void expect(const Shape& a_shape, const Shape& b_shape, const RunOptions& options = {}) {
        for (const Binary& f : binaries) {
            SCOPED_TRACE(text(f.name, " of ", to_string(a_shape), " and ", to_string(b_shape)));
            const Tensor a = random.with_edges(a_shape), b = random.with_edges(b_shape);
            expect_near_elementwise(run({f.name, {a, b}}, options), f.forward(a, b), one_rounding, subnormal);

            const Tensor p = random.uniform(a_shape), q = random.uniform(b_shape),
                         dy = random.uniform(a_shape);
            const std::vector<Tensor> d = run_gradients({f.name, {p, q}}, dy, {0, 1}, options);
            const BinaryGradients expected = f.backward(p, q, dy);
            expect_near(d[0], expected.a, one_rounding);
            EXPECT_EQ(mismatch(d[1], expected.b, summed, std::sqrt(double(a.size()) / double(b.size()))), "");
        }
    }
};

TEST_F(Arithmetic, SameShape) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{3}, Shape{4}, Shape{65}, Shape{129}, Shape{257},
                               Shape{1, 1, 1}, Shape{3, 5, 7}, Shape{2, 9, 9, 16}})
        expect(shape, shape);
}

TEST_F(Arithmetic, PerChannel) {
    for (int64_t channels : {1, 2, 3, 4, 7, 16, 65, 129, 257}) expect({3, 5, channels}, {channels});
    expect({1, 8}, {8});
}

TEST_F(Arithmetic, AnySuffix) {
    expect({5, 3, 7}, {3, 7});
    expect({2, 3, 4, 8}, {3, 4, 8});
    expect({2, 3, 4, 1}, {4, 1});
}

TEST_F(Arithmetic, OneElement) {
    for (const Shape& one : {Shape{}, Shape{1}, Shape{1, 1, 1}}) {
        expect({67}, one);
        expect({3, 129}, one);
    }
    expect({}, {1, 1});
}

TEST_F(Arithmetic, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({3, 1025}, {3, 1025}, small);
    expect({1100, 3}, {3}, small);
    expect({550, 8}, {8}, small);
    expect({3001}, {}, small);
}

TEST_F(Arithmetic, OneTensorTwice) {
    Graph graph;
    const Tensor x = random.uniform({5, 13});
    const Value input = graph.input("x", {DataType::f32, {5, 13}}),
                seed = graph.input("seed", {DataType::f32, {5, 13}});
    const Value square = graph.add("mul", {input, input});
    const std::vector<Value> d = gradients(graph, square, std::vector{input}, seed);
    const Tensor dy = random.uniform({5, 13});
    Tensor expected = reference::multiply(x, dy);
    for (double& value : expected.data) value *= 2;
    expect_near(run_graph(graph, {{input, x}, {seed, dy}}, d)[0], expected, 2 * one_rounding);
}

TEST_F(Arithmetic, Scale) {
    for (double factor : {0.0, 1.0, -1.0, 0.3, 1e18, 1e-30})
        for (const Shape& shape : {Shape{}, Shape{1}, Shape{65}, Shape{3, 43}, Shape{2, 5, 257}}) {
            SCOPED_TRACE(text(factor, " times ", to_string(shape)));
            const OpCase scale{"scale", {random.with_edges(shape)}, {{"factor", factor}}};
            const double as_f32 = float(factor);
            expect_near_elementwise(run(scale), reference::scale(scale.inputs[0].value, as_f32), one_rounding,
                                    subnormal);
            const Tensor dy = random.uniform(shape);
            expect_near_elementwise(run_gradients(scale, dy, {0})[0], reference::scale_backward(dy, as_f32),
                                    one_rounding, subnormal);
        }
}

TEST_F(Arithmetic, ScaleLargerThanOneBinding) {
    const Tensor x = random.uniform({100, 43});
    expect_near(run({"scale", {x}, {{"factor", 0.5}}}, {.device = device(4096)}), reference::scale(x, 0.5),
                one_rounding);
}

TEST_F(Arithmetic, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"add", {Tensor({2, 3}), Tensor({2})}}),
              "Operator add: the shape of b (2) is neither that of a (2 x 3) nor that of its last axes, "
              "and it has more than one element.");
    EXPECT_EQ(refusal({"mul", {Tensor({3}), Tensor({2, 3})}}),
              "Operator mul: the shape of b (2 x 3) is neither that of a (3) nor that of its last axes, "
              "and it has more than one element.");
    EXPECT_EQ(refusal({"sub", {Tensor({3}), Given(Tensor({3}), DataType::i32)}}),
              "Operator sub: the input b is i32 (f32 is needed).");
    EXPECT_EQ(refusal({"scale", {Tensor({3})}}), "Operator scale: the attribute factor must be given.");
}

} // namespace lemnos::test
