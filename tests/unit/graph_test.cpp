// Graphs: what leaves and nodes may be, and that a refused one leaves the graph as it was.
#include "graph/graph.h"
#include "refusal.h"

#include <gtest/gtest.h>

namespace lemnos::test {

static constexpr ErrorCode invalid = ErrorCode::invalid_argument;

TEST(GraphLeaves, HaveNamesAndKinds) {
    Graph graph;
    const Value x = graph.input("x", {DataType::u8, {2, 3}});
    const Value w = graph.parameter("w", {3, 4}, {Initializer::normal, 0.1});
    const Value m = graph.state("m", {4}, {});
    const Value s = graph.input("s", {DataType::f32, {}});
    EXPECT_EQ(graph.find_leaf("w"), w);
    EXPECT_FALSE(graph.find_leaf("absent"));
    EXPECT_EQ(graph.leaves(LeafKind::input), (std::vector<Value>{x, s}));
    EXPECT_EQ(graph.leaves(LeafKind::parameter), std::vector<Value>{w});
    EXPECT_EQ(graph.leaves(LeafKind::state), std::vector<Value>{m});
    EXPECT_EQ(to_string(graph.type(x)), "u8 2 x 3");
    EXPECT_EQ(to_string(graph.type(w)), "f32 3 x 4");
    EXPECT_EQ(to_string(graph.type(s)), "f32 scalar");
    EXPECT_EQ(graph.type(s).elements(), 1);
    EXPECT_EQ(graph.type(s).bytes(), 4);
    EXPECT_EQ(graph.type(x).bytes(), 6);
}

TEST(GraphLeaves, AreRefused) {
    Graph graph;
    graph.input("x", {DataType::f32, {1}});
    expect_refusal(invalid, {"needs a name"}, [&] { graph.input("", {DataType::f32, {1}}); });
    expect_refusal(invalid, {"The graph has a tensor named x already."}, [&] { graph.parameter("x", {1}, {}); });
    expect_refusal(invalid, {"The tensor y (f32 2 x 0) has an extent below 1."},
                 [&] { graph.input("y", {DataType::f32, {2, 0}}); });
    expect_refusal(invalid, {"has an extent below 1"}, [&] { graph.input("y", {DataType::f32, {-1}}); });
    expect_refusal(invalid, {"The tensor y has rank 9 (at most 8)."},
                 [&] { graph.input("y", {DataType::f32, Shape(9, 1)}); });
    expect_refusal(invalid, {"does not fit 64 bits"},
                 [&] { graph.input("y", {DataType::f32, {int64_t(1) << 32, int64_t(1) << 32}}); });
    expect_refusal(invalid, {"does not fit 64 bits"}, [&] { graph.input("y", {DataType::f32, {int64_t(1) << 61, 1}}); });
    EXPECT_EQ(graph.nodes().size(), 1u);
    EXPECT_NO_THROW(graph.input("rank 8", {DataType::f32, Shape(8, 1)}));
}

TEST(GraphValues, ThatAreNoneAreRefused) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1}});
    for (Value bad : {Value{}, Value{-2, 0}, Value{1, 0}, Value{x.node, 1}, Value{x.node, -1}, Value{INT32_MAX, 0}})
        expect_refusal(invalid, {"The graph has no value"}, [&] { graph.type(bad); });
    expect_refusal(invalid, {"The graph has no value 7:0 (1 nodes)."}, [&] { graph.add("relu", {Value{7, 0}}); });
}

TEST(GraphNodes, AreCheckedWhenTheyAreAdded) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {2, 3}}), labels = graph.input("labels", {DataType::i32, {2}});
    expect_refusal(ErrorCode::not_found, {"There is no operator \"rleu\". Did you mean \"relu\"?"},
                 [&] { graph.add("rleu", {x}); });
    expect_refusal(invalid, {"Operator relu: 0 inputs were given (1 are needed)."}, [&] { graph.add("relu", {}); });
    expect_refusal(invalid, {"Operator relu: 2 inputs were given (1 are needed)."}, [&] { graph.add("relu", {x, x}); });
    expect_refusal(invalid, {"Operator relu: the input x must be given."}, [&] { graph.add("relu", {Value{}}); });
    expect_refusal(invalid, {"Operator relu: the input x is i32 (f32 or f16 is needed)."}, [&] { graph.add("relu", {labels}); });
    expect_refusal(invalid, {"Operator relu has no attribute \"slope\". It has none."},
                 [&] { graph.add("relu", {x}, {{"slope", 0.1}}); });
    expect_refusal(invalid, {"Operator leaky_relu has no attribute \"slop\". Did you mean \"slope\"?"},
                 [&] { graph.add("leaky_relu", {x}, {{"slop", 0.1}}); });
    expect_refusal(invalid, {"Operator constant: 1 inputs were given (0 are needed)."},
                 [&] { graph.add("constant", {x}, {{"shape", std::vector<int64_t>{1}}}); });
    expect_refusal(invalid, {"Operator constant: the attribute shape must be given."}, [&] { graph.add("constant", {}); });
    expect_refusal(invalid, {"does not fit 64 bits"}, [&] {
        graph.add("constant", {}, {{"shape", std::vector<int64_t>(5, INT32_MAX)}});
    });
    EXPECT_EQ(graph.nodes().size(), 2u) << "a refused node was kept";

    const Value y = graph.add("leaky_relu", {x}, {}, "layer");
    EXPECT_EQ(graph.shape(y), (Shape{2, 3}));
    EXPECT_EQ(graph.node(y.node).name, "layer");
    EXPECT_EQ(graph.node(y.node).attributes.real("slope"), 0.01);
    EXPECT_FALSE(graph.find_leaf("layer")) << "a node's name is no leaf's name";
    EXPECT_THROW(graph.add("add", {x, labels}), Error);
}

// Every operator meets inputs it cannot want; none may do more than refuse them.
TEST(GraphNodes, OfEveryOperatorRefuseOrTakeStrangeInputs) {
    const std::vector<TensorType> types{{DataType::f32, {}},           {DataType::f32, {1}},
                                        {DataType::f32, {2, 3}},       {DataType::f32, {2, 5, 7, 3}},
                                        {DataType::i32, {2}},          {DataType::u8, {2, 4, 4, 3}},
                                        {DataType::f16, {2, 3}},       {DataType::f32, Shape(8, 1)},
                                        {DataType::f32, {1 << 30, 1 << 30}}};
    for (const Operator& op : all_operators())
        for (size_t a = 0; a < types.size(); ++a)
            for (size_t b = 0; b < types.size(); ++b) {
                Graph graph;
                const Value inputs[] = {graph.input("a", types[a]), graph.input("b", types[b])};
                std::vector<Value> given;
                for (size_t i = 0; i < op.inputs.size(); ++i) given.push_back(inputs[i % 2]);
                const size_t before = graph.nodes().size();
                try {
                    const Value result = graph.add(op.name, given);
                    EXPECT_EQ(graph.node(result.node).outputs.size(), op.outputs.size()) << op.name;
                } catch (const Error& error) {
                    EXPECT_NE(error.code(), ErrorCode::internal) << op.name << ": " << error.what();
                    EXPECT_TRUE(std::string(error.what()).ends_with(".") || std::string(error.what()).ends_with("?"))
                        << error.what();
                    EXPECT_EQ(graph.nodes().size(), before) << op.name;
                }
            }
}

} // namespace lemnos::test
