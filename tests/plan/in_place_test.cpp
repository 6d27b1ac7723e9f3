// Results that lie where an input lay (Operator::in_place): the sum of a convolution and its residual, where nobody reads the
// residual afterwards.
#include "ops/harness.h"
#include "plan/plan.h"

namespace lemnos::test {

struct InPlace : OpTest {
    // r = relu(x), a = convolution of r, b = convolution of a + r, and what `finish` makes of b and r.
    template <typename Finish>
    int64_t workspace(const Finish& finish) {
        Graph graph;
        const Value x = graph.input("x", {DataType::f32, shape}), filter = graph.input("filter", {DataType::f32, {1, 1, 8, 8}});
        const Value r = graph.add("relu", {x}), a = graph.add("conv2d", {r, filter});
        const Value b = graph.add("conv2d", {a, filter, Value{}, r});
        const Value result = finish(graph, r, b);
        run_graph(graph, {{x, random.uniform(shape)}, {filter, random.uniform({1, 1, 8, 8})}}, {result}); // separate buffers agree
        return Plan::estimate(device()->profile(), graph, {result}).workspace_bytes;
    }
    const Shape shape{2, 8, 8, 8};
    const int64_t bytes = 2 * 8 * 8 * 8 * 4;
};

TEST_F(InPlace, AResidualGivesItsMemoryToTheSum) {
    EXPECT_EQ(workspace([](Graph& graph, Value, Value b) { return graph.add("relu", {b}); }), 2 * bytes); // r with b, and a
}

TEST_F(InPlace, AResidualThatIsReadLaterStays) {
    EXPECT_EQ(workspace([](Graph& graph, Value r, Value b) { return graph.add("add", {b, r}); }), 3 * bytes);
    EXPECT_EQ(workspace([&](Graph& graph, Value r, Value b) { // under another shape
                  const Value flat = graph.add("reshape", {r}, {{"shape", std::vector<int64_t>{bytes / 4}}});
                  return graph.add("add", {graph.add("reshape", {b}, {{"shape", std::vector<int64_t>{bytes / 4}}}), flat});
              }),
              3 * bytes);
}

} // namespace lemnos::test
