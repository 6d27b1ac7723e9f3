// Differentiation as graph: which nodes come to be, and what is refused. The numbers are tested on the device
// (tests/device/gradient_graph_test.cpp).
#include "graph/graph.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lemnos::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

size_t count(const Graph& graph, const std::string& op) {
    return size_t(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                [&](const Node& node) { return node.op && node.op->name == op; }));
}

const char* op_of(const Graph& graph, Value value) {
    const Operator* op = graph.node(value.node).op;
    return op ? op->name : "leaf";
}

struct Chain {
    Graph graph;
    Value x = graph.input("x", {DataType::f32, {2, 3}});
    Value other = graph.input("other", {DataType::f32, {5}});
    Value labels = graph.input("labels", {DataType::i32, {2}});
    Value y = graph.add("relu", {x});
    Value loss = graph.add("mean", {y});
};

} // namespace

TEST(Gradients, OfTheLossItselfAreTheSeed) {
    Chain c;
    const Value seed = c.graph.input("seed", {DataType::f32, {2, 3}});
    EXPECT_EQ(gradients(c.graph, c.y, std::vector{c.y}, seed), std::vector{seed});
    const Value one = gradients(c.graph, c.loss, std::vector{c.loss})[0];
    EXPECT_STREQ(op_of(c.graph, one), "constant");
    EXPECT_EQ(c.graph.node(one.node).attributes.real("value"), 1.0);
}

TEST(Gradients, OfWhatTheLossDoesNotDependOnAreZeros) {
    Chain c;
    const Value later = c.graph.input("later", {DataType::f32, {7}});
    const auto results = gradients(c.graph, c.loss, std::vector{c.other, later, c.x});
    for (int i : {0, 1}) {
        EXPECT_STREQ(op_of(c.graph, results[size_t(i)]), "constant");
        EXPECT_EQ(c.graph.node(results[size_t(i)].node).attributes.real("value"), 0.0);
    }
    EXPECT_EQ(c.graph.shape(results[0]), (Shape{5}));
    EXPECT_EQ(c.graph.shape(results[1]), (Shape{7}));
    EXPECT_EQ(c.graph.shape(results[2]), (Shape{2, 3}));
}

TEST(Gradients, OfNothingAddNoGradient) {
    Chain c;
    EXPECT_TRUE(gradients(c.graph, c.loss, {}).empty());
    EXPECT_EQ(count(c.graph, "activation_gradient"), 0u);
}

TEST(Gradients, OfSharedInputsAreAdded) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4}});
    const Value y = graph.add("add", {graph.add("relu", {x}), graph.add("tanh", {x})});
    const size_t before = count(graph, "add");
    const Value loss = graph.add("mean", {graph.add("mul", {y, x})});
    const auto dx = gradients(graph, loss, std::vector{x});
    EXPECT_EQ(graph.shape(dx[0]), (Shape{4}));
    EXPECT_EQ(count(graph, "add") - before, 2u) << "three uses of x need two additions";
}

TEST(Gradients, TakeThePathsThatAreNeededAndNoOther) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4}}), frozen = graph.input("frozen", {DataType::f32, {4}});
    const Value deep = graph.add("tanh", {graph.add("tanh", {frozen})});
    const Value loss = graph.add("mean", {graph.add("mul", {graph.add("relu", {x}), deep})});
    gradients(graph, loss, std::vector{x});
    EXPECT_EQ(count(graph, "activation_gradient"), 1u) << "what is not differentiated got gradients";
}

// What is differentiated by may itself be a result, of whatever operator.
TEST(Gradients, StopAtWhatIsDifferentiatedBy) {
    Chain c;
    const auto by_result = gradients(c.graph, c.loss, std::vector{c.y});
    EXPECT_EQ(count(c.graph, "activation_gradient"), 0u);
    EXPECT_EQ(c.graph.shape(by_result[0]), (Shape{2, 3}));
    gradients(c.graph, c.loss, std::vector{c.y, c.x});
    EXPECT_EQ(count(c.graph, "activation_gradient"), 1u);

    // Not even one without a gradient is in the way.
    Graph graph;
    const Value v = graph.input("v", {DataType::f32, {4}}), d = graph.input("d", {DataType::f32, {4}});
    const Value opaque = graph.add("activation_gradient", {v, d}, {{"function", "relu"}});
    const Value loss = graph.add("mean", {graph.add("relu", {opaque})});
    EXPECT_NO_THROW(gradients(graph, loss, std::vector{opaque}));
    expect_refusal(ErrorCode::unsupported, {"Operator activation_gradient has no gradient"},
                 [&] { gradients(graph, loss, std::vector{v}); });
    EXPECT_NO_THROW(gradients(graph, loss, std::vector{graph.input("apart", {DataType::f32, {1}})}));
}

TEST(Gradients, RefuseBadSeedsAndLosses) {
    Chain c;
    expect_refusal(invalid, {"A gradient without a seed needs a loss of one element (f32 2 x 3 was given)."},
                 [&] { gradients(c.graph, c.y, std::vector{c.x}); });
    expect_refusal(invalid, {"The seed (f32 5) and the loss (f32 2 x 3) differ"},
                 [&] { gradients(c.graph, c.y, std::vector{c.x}, c.other); });
    const Value whole = c.graph.input("whole", {DataType::i32, {2, 3}});
    expect_refusal(invalid, {"The seed (i32 2 x 3) and the loss (f32 2 x 3) differ"},
                 [&] { gradients(c.graph, c.y, std::vector{c.x}, whole); });
    expect_refusal(invalid, {"needs a loss of type f32 or f16 (i32 was given)"},
                 [&] { gradients(c.graph, c.labels, std::vector{c.x}); });
    expect_refusal(invalid, {"tensors of type f32 or f16 (i32 2 was given)"},
                 [&] { gradients(c.graph, c.loss, std::vector{c.labels}); });
    expect_refusal(invalid, {"The graph has no value"}, [&] { gradients(c.graph, Value{}, std::vector{c.x}); });
    expect_refusal(invalid, {"The graph has no value"}, [&] { gradients(c.graph, c.loss, std::vector{Value{}}); });
    expect_refusal(invalid, {"The graph has no value"}, [&] { gradients(c.graph, c.loss, std::vector{Value{999, 0}}); });
}

// A loss of any shape with one element is a loss.
TEST(Gradients, TakeLossesOfOneElement) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1, 1, 1}});
    const auto dx = gradients(graph, graph.add("relu", {x}), std::vector{x});
    EXPECT_EQ(graph.shape(dx[0]), (Shape{1, 1, 1}));
}

// Gradients are nodes like others: they can be differentiated as far as their operators have gradients, and a second
// call adds a second set.
TEST(Gradients, CanBeTakenAgain) {
    Chain c;
    const auto first = gradients(c.graph, c.loss, std::vector{c.x});
    const auto second = gradients(c.graph, c.loss, std::vector{c.x});
    EXPECT_NE(first[0], second[0]);
    EXPECT_EQ(c.graph.type(first[0]), c.graph.type(second[0]));
}

TEST(Gradients, OfTheSameTwiceAreTheSame) {
    Chain c;
    const auto dx = gradients(c.graph, c.loss, std::vector{c.x, c.x});
    EXPECT_EQ(dx[0], dx[1]);
}

// A long chain: neither recursion nor a cost that grows with the square.
TEST(Gradients, OfLongChains) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1}});
    Value y = x;
    for (int i = 0; i < 20000; ++i) y = graph.add("relu", {y});
    gradients(graph, y, std::vector{x});
    EXPECT_EQ(count(graph, "activation_gradient"), 20000u);
}

// ---- with values that are not kept ----------------------------------------------------------------------------------

// x -> a = relu -> b = tanh -> c = relu6 -> the mean; each but the first reads what it made again.
struct Layers {
    Graph graph;
    Value x = graph.input("x", {DataType::f32, {2, 3}});
    Value a = graph.add("relu", {x}), b = graph.add("tanh", {a}), c = graph.add("relu6", {b});
    Value loss = graph.add("mean", {c});

    std::vector<bool> marked(std::initializer_list<Value> values) const {
        std::vector<bool> again(graph.nodes().size());
        for (Value value : values) again[size_t(value.node)] = true;
        return again;
    }
    // What node `op` after the forward pass reads first.
    Value read_by_gradient_of(const char* function) const {
        for (const Node& node : graph.nodes())
            if (node.op && std::string_view(node.op->name) == "activation_gradient" && node.attributes.choice("function") == function)
                return node.inputs[0];
        return {};
    }
};

TEST(Gradients, ReadCopiesOfWhatIsNotKept) {
    Layers n;
    gradients(n.graph, n.loss, std::vector{n.x}, {}, n.marked({n.b, n.c}));
    EXPECT_EQ(count(n.graph, "relu"), 1u); // a is kept
    EXPECT_EQ(count(n.graph, "tanh"), 2u);
    EXPECT_EQ(count(n.graph, "relu6"), 2u);
    EXPECT_EQ(n.read_by_gradient_of("relu"), n.a);
    const Value b = n.read_by_gradient_of("tanh"), c = n.read_by_gradient_of("relu6");
    EXPECT_GT(b.node, n.loss.node);
    EXPECT_GT(c.node, n.loss.node);
    EXPECT_EQ(n.graph.node(b.node).inputs, std::vector{n.a});
    EXPECT_EQ(n.graph.node(c.node).inputs, std::vector{b}); // one copy of b serves both
}

TEST(Gradients, OfKeptValuesAddNoCopies) {
    Layers kept, marked;
    const auto without = gradients(kept.graph, kept.loss, std::vector{kept.x});
    const auto with = gradients(marked.graph, marked.loss, std::vector{marked.x}, {}, marked.marked({}));
    EXPECT_EQ(with, without);
    EXPECT_EQ(marked.graph.nodes().size(), kept.graph.nodes().size());
}

TEST(Gradients, TakeTheShapeOfACopyWithIt) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {2, 3}}), y = graph.add("tanh", {x});
    const Value flat = graph.add("reshape", {y}, {{"shape", std::vector<int64_t>{6}}});
    const Value loss = graph.add("mean", {graph.add("mul", {flat, flat})});
    std::vector<bool> again(graph.nodes().size());
    again[size_t(y.node)] = true;
    gradients(graph, loss, std::vector{x}, {}, again);
    EXPECT_EQ(count(graph, "tanh"), 2u);
    const auto& nodes = graph.nodes();
    for (size_t i = size_t(loss.node); i < nodes.size(); ++i)
        for (Value input : nodes[i].inputs) {
            EXPECT_NE(input, y) << nodes[i].op->name;
            EXPECT_NE(input, flat) << nodes[i].op->name;
        }
}

// A normalisation is not made again from the start: its table of coefficients is kept, and with it its moments.
TEST(Gradients, MakeNormalisationsAgainFromTheirCoefficients) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {4, 8}}), gamma = graph.input("gamma", {DataType::f32, {8}}),
                beta = graph.input("beta", {DataType::f32, {8}});
    const Value y = graph.add("normalisation", {x, gamma, beta}, {{"activation", std::string("relu")}});
    const Value loss = graph.add("mean", {graph.add("mul", {y, y})});
    std::vector<bool> again(graph.nodes().size());
    again[size_t(y.node)] = true;
    gradients(graph, loss, std::vector{x, gamma}, {}, again);
    EXPECT_EQ(count(graph, "normalisation"), 1u);
    ASSERT_EQ(count(graph, "normalisation_again"), 1u);
    for (const Node& node : graph.nodes()) {
        if (!node.op) continue;
        if (std::string_view(node.op->name) == "normalisation_again") {
            EXPECT_EQ(node.inputs[1], (Value{y.node, 3}));
            EXPECT_EQ(node.attributes.choice("activation"), "relu");
        }
        if (std::string_view(node.op->name) == "normalisation_gradient") {
            EXPECT_EQ(node.inputs[2], (Value{y.node, 3}));
        }
    }
}

TEST(Gradients, OfLongChainsThatAreNotKept) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1}});
    Value y = x;
    for (int i = 0; i < 20000; ++i) y = graph.add("relu", {y});
    gradients(graph, y, std::vector{x}, {}, std::vector<bool>(graph.nodes().size(), true));
    EXPECT_EQ(count(graph, "relu"), 40000u);
}

} // namespace lemnos::test
