// Operators that move elements, whose results are exact, and cast.
#include "ops/harness.h"
#include "reference/elementwise.h"
#include "reference/reduction.h"
#include "reference/shape.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace lemnos::test {

using Integers = std::vector<int64_t>;

static constexpr double moved = 0; // bit for bit, but for the sign of zero

static void expect_equal(const Tensor& actual, const Tensor& expected,
                         const reference::Location& at = reference::Location::current()) {
    expect_near_elementwise(actual, expected, moved, moved, at);
}

// 0, 1, 2, ...
static Tensor counting(const Shape& shape) {
    Tensor x(shape);
    std::iota(x.data.begin(), x.data.end(), 0);
    return x;
}

struct Movement : OpTest {
    void expect_concat(const std::vector<Shape>& shapes, int64_t axis, const RunOptions& options = {}) {
        SCOPED_TRACE(text(shapes.size(), " parts along ", axis, ", the first ", to_string(shapes[0])));
        OpCase concat{"concat", {}, {{"axis", axis}}};
        std::vector<Tensor> parts;
        std::vector<int> all;
        for (const Shape& shape : shapes) {
            all.push_back(int(parts.size()));
            parts.push_back(random.with_edges(shape));
            concat.inputs.emplace_back(parts.back());
        }
        const int64_t from_start = axis < 0 ? axis + int64_t(shapes[0].size()) : axis;
        const Tensor y = reference::concat(parts, from_start);
        expect_equal(run(concat, options), y);
        const Tensor dy = random.with_edges(y.shape);
        const std::vector<Tensor> d = run_gradients(concat, dy, all, options);
        const std::vector<Tensor> expected = reference::concat_backward(parts, dy, from_start);
        for (size_t i = 0; i < parts.size(); ++i) expect_equal(d[i], expected[i]);
    }

    void expect_slice(const Shape& shape, int64_t axis, int64_t begin, int64_t end,
                      const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(shape), " from ", begin, " to ", end, " along ", axis));
        const Tensor x = random.with_edges(shape);
        const OpCase slice{"slice", {x}, {{"axis", axis}, {"begin", begin}, {"end", end}}};
        const size_t at = size_t(axis < 0 ? axis + int64_t(shape.size()) : axis);
        Shape first(shape.size()), size = shape;
        first[at] = begin < 0 ? begin + shape[at] : begin;
        size[at] = (end <= 0 ? end + shape[at] : end) - first[at];
        expect_equal(run(slice, options), reference::slice(x, first, size));
        const Tensor dy = random.with_edges(size);
        expect_equal(run_gradients(slice, dy, {0}, options)[0], reference::slice_backward(x, dy, first));
    }

    void expect_pad(const Shape& shape, const Shape& before, const Shape& after, double value,
                    const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(shape), " padded by ", to_string(before), " and ", to_string(after)));
        const Tensor x = random.with_edges(shape);
        const OpCase pad{"pad", {x}, {{"before", before}, {"after", after}, {"value", value}}};
        const Tensor y = reference::pad(x, before, after, float(value));
        expect_equal(run(pad, options), y);
        const Tensor dy = random.with_edges(y.shape);
        expect_equal(run_gradients(pad, dy, {0}, options)[0], reference::pad_backward(x, dy, before));
    }

    // y[index] = x[index in x's order of axes]
    static Tensor transposed(const Tensor& x, const Shape& perm) {
        Shape shape;
        for (int64_t axis : perm) shape.push_back(x.shape[size_t(axis)]);
        Tensor y(shape);
        for (int64_t i = 0; i < y.size(); ++i) {
            const Shape to = reference::index_of(i, shape);
            Shape from(perm.size());
            for (size_t axis = 0; axis < perm.size(); ++axis) from[size_t(perm[axis])] = to[axis];
            y[i] = x[reference::offset_of(from, x.shape)];
        }
        return y;
    }

    void expect_transpose(const Shape& shape, const Shape& perm, const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(shape), " by ", to_string(perm)));
        const Tensor x = random.with_edges(shape);
        const OpCase transpose{"transpose", {x}, {{"perm", perm}}};
        const Tensor y = transposed(x, perm);
        expect_equal(run(transpose, options), y);
        Shape inverse(perm.size());
        for (size_t axis = 0; axis < perm.size(); ++axis) inverse[size_t(perm[axis])] = int64_t(axis);
        const Tensor dy = random.with_edges(y.shape);
        expect_equal(run_gradients(transpose, dy, {0}, options)[0], transposed(dy, inverse));
    }
};

struct Concat : Movement {};
struct Slice : Movement {};
struct Pad : Movement {};
struct Reshape : Movement {};
struct Transpose : Movement {};
struct Broadcast : Movement {};
struct Cast : OpTest {};

// ---- concat -----------------------------------------------------------------------------------------------

TEST_F(Concat, MatchesTheReference) {
    expect_concat({{1}}, 0);
    expect_concat({{3}, {1}, {65}}, 0);
    expect_concat({{2, 3}, {2, 4}}, 1);
    expect_concat({{2, 3}, {5, 3}}, 0);
    expect_concat({{2, 4}, {2, 8}, {2, 16}}, -1);
    expect_concat({{3, 5, 5, 129}, {3, 5, 5, 7}, {3, 5, 5, 1}}, -1);
    expect_concat({{2, 3, 5, 4}, {2, 1, 5, 4}}, 1);
    expect_concat({{2, 257, 3}, {2, 1, 3}}, 1);
    expect_concat({{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, 0);
}

TEST_F(Concat, Integers) {
    const Tensor a({2, 2}, {-1, 2, 2147483647, -2147483648.0}), b({2, 1}, {5, 6});
    EXPECT_EQ(
        run({"concat", {Given(a, DataType::i32), Given(b, DataType::i32)}, {{"axis", int64_t(1)}}}).data,
        reference::concat({a, b}, 1).data);
}

TEST_F(Concat, OneTensorTwice) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {2, 3}}),
                seed = graph.input("seed", {DataType::f32, {2, 6}});
    const Value y = graph.add("concat", {x, x}, {{"axis", int64_t(1)}});
    const std::vector<Value> d = gradients(graph, y, std::vector{x}, seed);
    const Tensor dx = run_graph(graph, {{x, Tensor({2, 3})}, {seed, counting({2, 6})}}, d)[0];
    EXPECT_EQ(dx.data, (std::vector<double>{3, 5, 7, 15, 17, 19}));
}

TEST_F(Concat, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect_concat({{700, 3}, {700, 5}}, 1, small);
    expect_concat({{300, 4}, {300, 8}}, 1, small);
    expect_concat({{2000}, {301}, {1500}}, 0, small);
    expect_concat({{2, 1500}, {2, 1700}}, 1, small);
}

TEST_F(Concat, RefusesPartsThatDiffer) {
    EXPECT_EQ(refusal({"concat", {Tensor({2, 3}), Tensor({3, 3})}, {{"axis", int64_t(1)}}}),
              "Operator concat: part 1 (f32 3 x 3) differs from part 0 (f32 2 x 3) in more than the "
              "extent of axis 1.");
    EXPECT_EQ(
        refusal({"concat", {Tensor({2, 3}), Tensor({2})}, {{"axis", int64_t(1)}}}),
        "Operator concat: part 1 (f32 2) differs from part 0 (f32 2 x 3) in more than the extent of axis 1.");
    EXPECT_EQ(refusal({"concat", {Tensor({2, 3})}, {{"axis", int64_t(2)}}}),
              "Operator concat: the axis 2 does not exist (2 x 3, rank 2).");
    EXPECT_EQ(refusal({"concat", {Given(Tensor({2}), DataType::u8)}}),
              "Operator concat: the input parts is u8 (f32, f16 and i32 can be moved; cast first).");
}

// ---- slice ------------------------------------------------------------------------------------------------

TEST_F(Slice, MatchesTheReference) {
    expect_slice({1}, 0, 0, 1);
    expect_slice({65}, 0, 7, 0);
    expect_slice({65}, 0, -5, -1);
    expect_slice({5, 129}, 1, 4, 128);
    expect_slice({5, 129}, 1, 5, 8);
    expect_slice({5, 129}, 0, 1, 3);
    expect_slice({3, 5, 5, 16}, 3, 4, 12);
    expect_slice({3, 5, 5, 16}, 3, 3, 4);
    expect_slice({3, 5, 5, 16}, 1, 1, 5);
    expect_slice({3, 5, 5, 16}, -2, 2, -1);
    expect_slice({257, 2}, 0, 256, 257);
    expect_slice({2, 3, 2, 3, 2, 3, 2, 3}, 5, 1, 2);
}

TEST_F(Slice, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect_slice({3000}, 0, 11, 2700, small);
    expect_slice({900, 6}, 1, 2, 5, small);
    expect_slice({900, 8}, 1, 4, 8, small);
    expect_slice({3, 2000}, 1, 100, 1999, small);
}

TEST_F(Slice, RefusesRangesOutside) {
    EXPECT_EQ(
        refusal(
            {"slice", {Tensor({2, 3})}, {{"axis", int64_t(1)}, {"begin", int64_t(1)}, {"end", int64_t(4)}}}),
        "Operator slice: the range from 1 to 4 is empty or outside the axis (3 long).");
    EXPECT_EQ(refusal({"slice", {Tensor({2, 3})}, {{"begin", int64_t(1)}, {"end", int64_t(1)}}}),
              "Operator slice: the range from 1 to 1 is empty or outside the axis (2 long).");
    EXPECT_EQ(refusal({"slice", {Tensor(Shape{})}}),
              "Operator slice: the axis 0 does not exist (scalar, rank 0).");
}

// ---- pad --------------------------------------------------------------------------------------------------

TEST_F(Pad, MatchesTheReference) {
    expect_pad({}, {}, {}, 1);
    expect_pad({1}, {0}, {0}, 0);
    expect_pad({1}, {2}, {3}, 7);
    expect_pad({65}, {0}, {64}, 0);
    expect_pad({8}, {4}, {8}, 0.1);
    expect_pad({3, 5, 7, 4}, {0, 1, 2, 0}, {0, 2, 1, 0}, 0);
    expect_pad({3, 5, 7, 3}, {0, 1, 1, 0}, {0, 1, 1, 0}, -1e30);
    expect_pad({2, 3, 5}, {1, 2, 3}, {3, 2, 1}, 1);
    expect_pad({2, 3, 129}, {1, 0, 0}, {1, 0, 0}, 1);
    expect_pad({2, 3, 8}, {0, 0, 4}, {0, 0, 4}, 1);
    expect_pad({1, 257}, {0, 1}, {0, 0}, 0);
    expect_pad({2, 1, 2, 1, 2, 1, 2, 1}, {1, 0, 1, 0, 1, 0, 1, 0}, {0, 1, 0, 1, 0, 1, 0, 1}, 3);
}

TEST_F(Pad, Integers) {
    const Tensor x({2}, {-3, 4});
    EXPECT_EQ(run({"pad",
                   {Given(x, DataType::i32)},
                   {{"before", Integers{1}}, {"after", Integers{2}}, {"value", -7.0}}})
                  .data,
              (std::vector<double>{-7, -3, 4, -7, -7}));
}

TEST_F(Pad, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect_pad({2000}, {1500}, {1300}, 2, small);
    expect_pad({40, 7, 7, 3}, {0, 1, 1, 0}, {0, 1, 1, 0}, 2, small);
    expect_pad({40, 7, 7, 4}, {3, 1, 1, 0}, {40, 1, 1, 0}, 2, small);
}

TEST_F(Pad, RefusesTooFewNumbers) {
    EXPECT_EQ(
        refusal({"pad", {Tensor({2, 3})}, {{"before", Integers{1}}, {"after", Integers{1, 1}}}}),
        "Operator pad: the attributes before and after have 1 and 2 elements (one an axis is needed: 2).");
}

// ---- reshape ----------------------------------------------------------------------------------------------

TEST_F(Reshape, MatchesTheReference) {
    const std::vector<std::pair<Shape, Shape>> cases{
        {{6}, {2, 3}}, {{2, 3}, {3, 2}}, {{1}, {}}, {{}, {1, 1}}, {{2, 5, 13}, {130}}, {{5, 129}, {129, 5}}};
    for (const auto& [from, to] : cases) {
        const Tensor x = random.with_edges(from), dy = random.with_edges(to);
        const OpCase reshape{"reshape", {x}, {{"shape", to}}};
        expect_equal(run(reshape), reference::reshape(x, to));
        expect_equal(run_gradients(reshape, dy, {0})[0], reference::reshape_backward(x, dy));
    }
}

TEST_F(Reshape, OneExtentFollowsFromTheOthers) {
    EXPECT_EQ(run({"reshape", {Tensor({4, 6})}, {{"shape", Integers{3, -1}}}}).shape, (Shape{3, 8}));
    EXPECT_EQ(run({"reshape", {Tensor({4, 6})}, {{"shape", Integers{-1}}}}).shape, (Shape{24}));
    EXPECT_EQ(run({"reshape", {Given(counting({5}), DataType::u8)}, {{"shape", Integers{1, -1}}}}).data,
              counting({5}).data);
}

TEST_F(Reshape, RefusesShapesThatDoNotFit) {
    EXPECT_EQ(refusal({"reshape", {Tensor({4, 6})}, {{"shape", Integers{5, -1}}}}),
              "Operator reshape: x (4 x 6) has 24 elements, which do not fill the new shape (5 x -1).");
    EXPECT_EQ(refusal({"reshape", {Tensor({4, 6})}, {{"shape", Integers{25}}}}),
              "Operator reshape: x (4 x 6) has 24 elements, which do not fill the new shape (25).");
    EXPECT_EQ(refusal({"reshape", {Tensor({4})}, {{"shape", Integers{-1, -1}}}}),
              "Operator reshape: the new shape has more than one extent of -1.");
    EXPECT_EQ(refusal({"reshape", {Tensor({4})}, {{"shape", Integers{0, -1}}}}),
              "Operator reshape: the new shape has the extent 0.");
}

// ---- transpose, broadcast ---------------------------------------------------------------------------------

TEST_F(Transpose, MovesEveryElement) {
    expect_transpose({}, {});
    expect_transpose({5}, {0});
    expect_transpose({3, 65}, {1, 0});
    expect_transpose({129, 4}, {1, 0});
    expect_transpose({2, 3, 5, 8}, {0, 3, 1, 2});
    expect_transpose({2, 3, 5, 8}, {0, 2, 1, 3});
    expect_transpose({2, 3, 5, 8}, {0, 1, 2, 3});
    expect_transpose({2, 1, 3, 1, 2, 3, 2, 3}, {7, 6, 5, 4, 3, 2, 1, 0});
}

TEST_F(Transpose, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect_transpose({70, 90}, {1, 0}, small);
    expect_transpose({1, 3000}, {1, 0}, small);
    expect_transpose({3, 30, 40, 4}, {0, 2, 1, 3}, small);
}

TEST_F(Transpose, RefusesWhatIsNoPermutation) {
    EXPECT_EQ(refusal({"transpose", {Tensor({2, 3})}, {{"perm", Integers{0, 0}}}}),
              "Operator transpose: the attribute perm names the axis 0, which does not exist or is named "
              "twice (x is 2 x 3).");
    EXPECT_EQ(refusal({"transpose", {Tensor({2, 3})}, {{"perm", Integers{1}}}}),
              "Operator transpose: the attribute perm has 1 elements (one an axis is needed: 2).");
}

TEST_F(Broadcast, RepeatsAxesOfExtentOne) {
    const std::vector<std::pair<Shape, Shape>> cases{
        {{1}, {65}},        {{1, 3}, {129, 3}},           {{3, 1}, {3, 7}},
        {{2, 1}, {2, 16}},  {{2, 1, 1, 8}, {2, 3, 5, 8}}, {{1, 5, 1}, {4, 5, 3}},
        {{1, 1}, {16, 257}}};
    for (const RunOptions& options : {RunOptions{}, RunOptions{.device = device(4096)}})
        for (const auto& [from, to] : cases) {
            SCOPED_TRACE(text(to_string(from), " to ", to_string(to)));
            const Tensor x = random.with_edges(from);
            const OpCase broadcast{"broadcast", {x}, {{"shape", to}}};
            Integers repeated;
            for (size_t axis = 0; axis < to.size(); ++axis)
                if (from[axis] != to[axis]) repeated.push_back(int64_t(axis));
            Tensor whole(to); // the gradient of a sum is what repeats
            expect_equal(run(broadcast, options), reference::sum_backward(whole, x, repeated));
            const Tensor dy = random.uniform(to);
            // As in reduction_test.cpp: measured against the size of a random sum.
            EXPECT_EQ(mismatch(run_gradients(broadcast, dy, {0}, options)[0],
                               reference::sum(dy, repeated, reference::ReducedAxes::keep), 1e-5,
                               std::sqrt(double(dy.size()) / double(x.size()))),
                      "");
        }
}

// ---- cast -------------------------------------------------------------------------------------------------

static Tensor cast_on_device(const Given& x, const char* to, const RunOptions& options = {}) {
    return run({"cast", {x}, {{"to", to}}}, options);
}

static constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = HUGE_VAL;

TEST_F(Cast, FloatsToIntegers) {
    const Tensor x({17}, {0, -0.0, 0.5, -0.5, 1.999, -1.999, 254.99, 255, 256, 1e9, -1e9, 2147483520,
                          2147483648.0, -2147483648.0, 3e38, -3e38, 65.5});
    expect_equal(cast_on_device(x, "i32"),
                 reference::cast(reference::cast(x, reference::NumberType::f32), reference::NumberType::i32));
    expect_equal(cast_on_device(x, "u8"),
                 reference::cast(reference::cast(x, reference::NumberType::f32), reference::NumberType::u8));
    EXPECT_EQ(cast_on_device(Tensor({3}, {nan, infinity, -infinity}), "i32").data,
              (std::vector<double>{0, 2147483647, -2147483648.0}));
    EXPECT_EQ(cast_on_device(Tensor({3}, {nan, infinity, -infinity}), "u8").data,
              (std::vector<double>{0, 255, 0}));
}

TEST_F(Cast, IntegersToAnything) {
    const Tensor x({7}, {0, 1, -1, 255, 256, 2147483647, -2147483648.0});
    const Given given(x, DataType::i32);
    expect_equal(cast_on_device(given, "i32"), x);
    expect_equal(cast_on_device(given, "u8"), reference::cast(x, reference::NumberType::u8));
    // Vulkan leaves the rounding of integers above 2^24 to the device: 1 unit in the last place.
    expect_near_elementwise(cast_on_device(given, "f32"), x, 1.2e-7, 0);
}

TEST_F(Cast, HalvesOfEveryLength) {
    for (int64_t size : {1, 2, 3, 4, 5, 63, 64, 65, 129, 257, 1026}) {
        const Tensor x = random.uniform({size}, -300, 300), half = reference::cast(x, reference::NumberType::f16);
        expect_equal(cast_on_device(x, "f16"), half);
        const Given given(half, DataType::f16);
        expect_equal(cast_on_device(given, "f32"), half);
        expect_equal(cast_on_device(given, "f16"), half);
        expect_equal(cast_on_device(given, "i32"), reference::cast(half, reference::NumberType::i32));
        expect_equal(cast_on_device(given, "u8"), reference::cast(half, reference::NumberType::u8));
        const Tensor seed = reference::cast(random.uniform({size}), reference::NumberType::f16);
        expect_equal(run_gradients({"cast", {x}, {{"to", "f16"}}}, seed, {0})[0], seed);
        expect_equal(run_gradients({"cast", {given}, {{"to", "f32"}}}, x, {0})[0], half);
    }
    const Tensor edges({8}, {0, -0.0, 65504, -65504, 0x1p-14, 0x1p-24, infinity, -infinity});
    EXPECT_EQ(cast_on_device(edges, "f16").data, edges.data);
    EXPECT_TRUE(std::isnan(cast_on_device(Tensor({1}, {nan}), "f16")[0]));
    const Tensor many = random.uniform({3001});
    expect_equal(cast_on_device(many, "f16", {.device = device(4096)}), reference::cast(many, reference::NumberType::f16));
}

TEST_F(Cast, BytesOfEveryLength) {
    for (int64_t size : {1, 2, 3, 4, 5, 63, 64, 65, 129, 257, 1026}) {
        SCOPED_TRACE(size);
        Tensor x({size});
        for (double& value : x.data) value = double(random.integer(0, 255));
        const Given given(x, DataType::u8);
        expect_equal(cast_on_device(given, "f32"), x);
        expect_equal(cast_on_device(given, "i32"), x);
        expect_equal(cast_on_device(given, "u8"), x);
        expect_equal(cast_on_device(x, "u8"), x);
        expect_equal(cast_on_device(x, "f32"), x);
    }
}

TEST_F(Cast, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    Tensor x({1000, 13});
    for (double& value : x.data) value = double(random.integer(0, 255));
    expect_equal(cast_on_device(Given(x, DataType::u8), "f32", small), x);
    expect_equal(cast_on_device(x, "u8", small), x);
    expect_equal(cast_on_device(Given(x, DataType::i32), "u8", small), x);
}

TEST_F(Cast, TheGradientStopsAtIntegers) {
    const Tensor x = random.uniform({5}), dy = random.uniform({5});
    expect_equal(run_gradients({"cast", {x}, {{"to", "f32"}}}, dy, {0})[0], dy);
    Graph graph;
    const Value input = graph.input("x", {DataType::f32, {5}}),
                seed = graph.input("seed", {DataType::f32, {5}});
    const Value back = graph.add("cast", {graph.add("cast", {input}, {{"to", "i32"}})}, {{"to", "f32"}});
    const std::vector<Value> d = gradients(graph, back, std::vector{input}, seed);
    expect_equal(run_graph(graph, {}, d)[0], Tensor({5}));
}

} // namespace lemnos::test
