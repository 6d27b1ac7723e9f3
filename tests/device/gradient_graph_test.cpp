// Gradients of graphs against numbers worked out by hand: shared inputs, diamonds, seeds, and what the loss ignores.
#include "device/device_test.h"

#include <cmath>

namespace lemnos::test {
namespace {

struct GradientGraphs : DeviceTest {
    // The values of `wanted`, each in a buffer of its own; a value that is a leaf is read where it is bound.
    std::vector<std::vector<float>> run(const Graph& graph, const std::map<Value, std::vector<float>>& given,
                                        const std::vector<Value>& wanted) {
        const auto device = open();
        Bindings bindings;
        for (const auto& [value, values] : given) bindings[value] = upload(device, values);
        for (Value value : wanted)
            if (!bindings.count(value)) bindings[value] = make_view(device, size_t(graph.type(value).elements()));
        Plan::compile(device, graph, bindings)->run();
        std::vector<std::vector<float>> results;
        for (Value value : wanted) results.push_back(download(bindings[value]));
        return results;
    }
};

} // namespace

// y = a*a + a*b: dy/da = 2a + b, dy/db = a.
TEST_F(GradientGraphs, AddOverSharedInputs) {
    Graph graph;
    const Value a = graph.input("a", {DataType::f32, {3}}), b = graph.input("b", {DataType::f32, {3}});
    const Value y = graph.add("add", {graph.add("mul", {a, a}), graph.add("mul", {a, b})});
    const Value seed = graph.input("seed", {DataType::f32, {3}});
    const auto d = gradients(graph, y, std::vector{a, b}, seed);
    const auto results = run(graph, {{a, {1, 2, -3}}, {b, {10, 20, 30}}, {seed, {1, 1, 2}}}, {d[0], d[1]});
    EXPECT_EQ(results[0], (std::vector<float>{12, 24, 48}));
    EXPECT_EQ(results[1], (std::vector<float>{1, 2, -6}));
}

// A diamond: x -> p = 2x, q = x*x; r = p*q = 2x^3; loss = sum(r): dloss/dx = 6x^2, dloss/dp = q, dloss/dq = p.
TEST_F(GradientGraphs, FollowBothSidesOfADiamond) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4}});
    const Value p = graph.add("scale", {x}, {{"factor", 2.0}}), q = graph.add("mul", {x, x});
    const Value loss = graph.add("sum", {graph.add("mul", {p, q})});
    const auto d = gradients(graph, loss, std::vector{x, p, q});
    const auto results = run(graph, {{x, {1, -2, 3, 0.5}}}, {loss, d[0], d[1], d[2]});
    EXPECT_EQ(results[0], std::vector<float>{2 * (1 - 8 + 27 + 0.125f)});
    EXPECT_EQ(results[1], (std::vector<float>{6, 24, 54, 1.5}));
    EXPECT_EQ(results[2], (std::vector<float>{1, 4, 9, 0.25}));
    EXPECT_EQ(results[3], (std::vector<float>{2, -4, 6, 1}));
}

// A ladder of diamonds: y_0 = x, y_(n+1) = y_n + y_n, whose gradient is 2^n: every rung is visited once, not twice.
TEST_F(GradientGraphs, CountEveryPathOfALadder) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1}});
    Value y = x;
    for (int i = 0; i < 20; ++i) y = graph.add("add", {y, y});
    const auto d = gradients(graph, y, std::vector{x});
    EXPECT_LT(graph.nodes().size(), 100u);
    EXPECT_EQ(run(graph, {{x, {3}}}, {d[0]})[0], std::vector<float>{1048576});
}

TEST_F(GradientGraphs, AreZeroWhereTheLossDependsOnNothing) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {3}}), other = graph.input("other", {DataType::f32, {2, 2}});
    const Value loss = graph.add("mean", {graph.add("relu", {x})});
    const auto d = gradients(graph, loss, std::vector{other, x});
    const auto results = run(graph, {{x, {-1, 2, 3}}}, {d[0], d[1]});
    EXPECT_EQ(results[0], (std::vector<float>(4, 0.0f)));
    EXPECT_EQ(results[1], (std::vector<float>{0, 1.0f / 3, 1.0f / 3}));
}

// The gradient with respect to the loss itself is the seed, which is an input here.
TEST_F(GradientGraphs, OfTheSeedAreTheSeed) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {3}}), seed = graph.input("seed", {DataType::f32, {3}});
    const Value y = graph.add("relu", {x});
    const auto d = gradients(graph, y, std::vector{y, x}, seed);
    const auto results = run(graph, {{x, {-1, 2, 3}}, {seed, {5, 6, 7}}}, {d[0], d[1]});
    EXPECT_EQ(results[0], (std::vector<float>{5, 6, 7}));
    EXPECT_EQ(results[1], (std::vector<float>{0, 6, 7}));
}

// d/dx of sum((dy/dx)^2) with y = x^3/3 built of products: the gradient's own graph is differentiated.
TEST_F(GradientGraphs, CanBeDifferentiatedAgain) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {3}});
    const Value cube = graph.add("scale", {graph.add("mul", {graph.add("mul", {x, x}), x})}, {{"factor", 0.25}});
    const Value first = gradients(graph, graph.add("sum", {cube}), std::vector{x})[0]; // 3/4 x^2
    const Value second = gradients(graph, graph.add("sum", {first}), std::vector{x})[0]; // 3/2 x
    const auto results = run(graph, {{x, {1, 2, -4}}}, {first, second});
    EXPECT_EQ(results[0], (std::vector<float>{0.75, 3, 12}));
    EXPECT_EQ(results[1], (std::vector<float>{1.5, 3, -6}));
}

} // namespace lemnos::test
