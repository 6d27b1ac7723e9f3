// Softmax cross-entropy, mean squared error and the count of correct rows, with and without weights.
#include "ops/harness.h"
#include "reference/loss.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace lemnos::test {

using reference::Labels;

static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
static const Tensor absent;

struct LossTest : OpTest {
    static Shape leading(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }
    static Tensor equal_weights(const Shape& rows) {
        return Tensor(rows, 1.0 / double(reference::element_count(rows)));
    }
    static Given labels_given(const Labels& labels, const Shape& rows) {
        return {Tensor(rows, std::vector<double>(labels.begin(), labels.end())), DataType::i32};
    }
    // Some are 0.
    Tensor random_weights(const Shape& rows) {
        Tensor weights = random.uniform(rows, 0.1, 2);
        for (double& value : weights.data)
            if (random.integer(0, 3) == 0) value = 0;
        return weights;
    }
};

// ---- softmax cross-entropy --------------------------------------------------------------------------------

struct CrossEntropy : LossTest {
    void expect(const Shape& shape, double smoothing, double size = 4, const RunOptions& options = {}) {
        const Shape rows = leading(shape);
        const Tensor x = random.uniform(shape, -size, size);
        const Labels labels = random.labels(reference::element_count(rows), shape.back());
        for (const Tensor& weights : {absent, random_weights(rows)}) {
            SCOPED_TRACE(
                text(to_string(shape), ", smoothing ", smoothing, weights.empty() ? "" : ", weights"));
            const OpCase loss{"softmax_cross_entropy",
                              {x, labels_given(labels, rows), weights},
                              {{"label_smoothing", smoothing}}};
            const Tensor used = weights.empty() ? equal_weights(rows) : weights;
            // As for log_softmax (softmax_test.cpp), and a sum of rows of one sign. The logarithm of a sum
            // near 1 is exact to some 2^-24 of 1, however small it is itself.
            const double all = std::accumulate(used.data.begin(), used.data.end(), 0.0);
            EXPECT_EQ(mismatch(run(loss, options),
                               reference::softmax_cross_entropy(x, labels, used, smoothing), 3e-6, 0.1 * all),
                      "");
            const Tensor dy(Shape{}, random.number(0.5, 3));
            const Tensor expected = reference::softmax_cross_entropy_backward(x, labels, used, smoothing, dy);
            // The difference of two numbers up to the largest weight, each exact to some 5e-6 (see
            // softmax_test.cpp).
            EXPECT_EQ(mismatch(run_gradients(loss, dy, {0}, options)[0], expected, 5e-6,
                               dy[0] * largest_magnitude(used)),
                      "");
        }
    }
};

TEST_F(CrossEntropy, MatchesTheReference) {
    for (int64_t classes : {1, 2, 3, 4, 10, 65, 129, 257, 1000, 1001})
        for (int64_t rows : {1, 3, 67}) expect({rows, classes}, rows == 3 ? 0.1 : 0.0);
}

TEST_F(CrossEntropy, ManyRows) {
    expect({4099, 10}, 0);
    expect({20000, 3}, 0.2);
}

TEST_F(CrossEntropy, AnyRank) {
    expect({5}, 0);
    expect({2, 3, 5, 7}, 0.1);
    expect({2, 9, 12}, 0.99);
}

TEST_F(CrossEntropy, LargeLogits) {
    expect({5, 10}, 0, 1e4);
    expect({5, 10}, 0.1, 1e30);
}

TEST_F(CrossEntropy, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({700, 10}, 0.1, 4, small);
    expect({1500, 7}, 0, 4, small);
    expect({3, 801}, 0, 4, small);
}

TEST_F(CrossEntropy, RowsOfWeightZeroAreNotLookedAt) {
    Tensor x = random.uniform({3, 5}), weights({3}, {1, 0, 2});
    const Labels valid{1, 2, 3};
    const Tensor dy(Shape{}, 1), expected = reference::softmax_cross_entropy(x, valid, weights, 0);
    const Tensor expected_gradient = reference::softmax_cross_entropy_backward(x, valid, weights, 0, dy);
    for (int64_t c = 0; c < 5; ++c) x(1, c) = nan;
    const OpCase loss{"softmax_cross_entropy", {x, labels_given({1, -7, 3}, {3}), weights}};
    expect_near(run(loss), expected, 3e-6);
    expect_near(run_gradients(loss, dy, {0})[0], expected_gradient, 5e-6);
}

TEST_F(CrossEntropy, ALabelThatIsNoClassMakesNaN) {
    for (int32_t label : {-1, 5, 1000000, std::numeric_limits<int32_t>::min()}) {
        const OpCase loss{"softmax_cross_entropy",
                          {random.uniform({3, 5}), labels_given({1, label, 3}, {3})}};
        EXPECT_TRUE(std::isnan(run(loss)[0])) << label;
        const Tensor d = run_gradients(loss, Tensor(Shape{}, 1), {0})[0];
        for (int64_t c = 0; c < 5; ++c) {
            EXPECT_TRUE(std::isfinite(d(0, c)) && std::isnan(d(1, c)) && std::isfinite(d(2, c))) << label;
        }
    }
}

TEST_F(CrossEntropy, RefusesWhatDoesNotFit) {
    const Given labels = labels_given({0, 0}, {2});
    EXPECT_EQ(refusal({"softmax_cross_entropy", {Tensor({3, 5}), labels}}),
              "Operator softmax_cross_entropy: the labels (2) need the shape of the logits (3 x 5) "
              "without the last axis.");
    EXPECT_EQ(refusal({"softmax_cross_entropy", {Tensor({2, 5}), Tensor({2})}}),
              "Operator softmax_cross_entropy: the input labels is f32 (i32 is needed).");
    EXPECT_EQ(refusal({"softmax_cross_entropy", {Tensor({2, 5}), labels, Tensor({3})}}),
              "Operator softmax_cross_entropy: the weights (3) need the shape 2.");
    EXPECT_EQ(refusal({"softmax_cross_entropy", {Tensor({2, 5}), labels}, {{"label_smoothing", 1.0}}}),
              "Operator softmax_cross_entropy: the attribute label_smoothing (1) must be below 1.");
    EXPECT_THROW(
        run_gradients({"softmax_cross_entropy", {Tensor({2, 5}), labels, Tensor({2})}}, Tensor(Shape{}), {2}),
        Error);
}

// ---- mean squared error -----------------------------------------------------------------------------------

struct SquaredError : LossTest {
    void expect(const Shape& shape, const RunOptions& options = {}) {
        const Shape rows = shape.empty() ? Shape{} : Shape{shape[0]};
        const Tensor p = random.uniform(shape, -3, 3), t = random.uniform(shape, -3, 3);
        for (const Tensor& weights : {absent, random_weights(rows)}) {
            SCOPED_TRACE(text(to_string(shape), weights.empty() ? "" : ", weights"));
            const OpCase loss{"mean_squared_error", {p, t, weights}};
            // The reference reads the first extent, so a scalar is given to it as one example.
            const auto rank_1 = [](Tensor x) {
                if (x.shape.empty()) x.shape = {1};
                return x;
            };
            const Tensor used = rank_1(weights.empty() ? equal_weights(rows) : weights);
            // All terms have one sign, so the sum is as exact as in reduction_test.cpp.
            EXPECT_EQ(mismatch(run(loss, options), reference::mean_squared_error(rank_1(p), rank_1(t), used),
                               4e-5, 1e-6),
                      "");
            const Tensor dy(Shape{}, random.number(0.5, 3));
            auto expected = reference::mean_squared_error_backward(rank_1(p), rank_1(t), used, dy);
            expected.prediction.shape = expected.target.shape = shape;
            const std::vector<Tensor> d = run_gradients(loss, dy, {0, 1}, options);
            expect_near(d[0], expected.prediction, 5e-7); // four roundings
            expect_near(d[1], expected.target, 5e-7);
        }
    }
};

TEST_F(SquaredError, MatchesTheReference) {
    for (const Shape& shape :
         {Shape{}, Shape{1}, Shape{3}, Shape{65}, Shape{257}, Shape{1, 1}, Shape{3, 5}, Shape{2, 129},
          Shape{5, 4, 4}, Shape{3, 7, 9, 5}, Shape{2, 64, 65}, Shape{5000}, Shape{5, 4001}, Shape{3, 8004}})
        expect(shape);
}

TEST_F(SquaredError, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({700, 10}, small);
    expect({300, 16}, small);
    expect({5, 801}, small);
    expect({3001}, small);
}

TEST_F(SquaredError, ExamplesOfWeightZeroAreNotLookedAt) {
    Tensor p = random.uniform({3, 8}), weights({3}, {1, 0, 2});
    const Tensor t = random.uniform({3, 8}), dy(Shape{}, 1),
                 expected = reference::mean_squared_error(p, t, weights);
    const auto expected_gradient = reference::mean_squared_error_backward(p, t, weights, dy);
    for (int64_t c = 0; c < 8; ++c) p(1, c) = nan;
    const OpCase loss{"mean_squared_error", {p, t, weights}};
    expect_near(run(loss), expected, 1e-6);
    expect_near(run_gradients(loss, dy, {0})[0], expected_gradient.prediction, 5e-7);
}

TEST_F(SquaredError, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"mean_squared_error", {Tensor({2, 3}), Tensor({3, 2})}}),
              "Operator mean_squared_error: the prediction (2 x 3) and the target (3 x 2) differ in shape.");
    EXPECT_EQ(refusal({"mean_squared_error", {Tensor({2, 3}), Tensor({2, 3}), Tensor({3})}}),
              "Operator mean_squared_error: the weights (3) need the shape 2.");
}

// ---- count_correct ----------------------------------------------------------------------------------------

struct CountCorrect : LossTest {
    static double counted(const Tensor& x, const Labels& labels, const Tensor& weights) {
        const int64_t classes = x.shape.back();
        double count = 0;
        for (size_t i = 0; i < labels.size(); ++i) {
            int64_t best = 0;
            for (int64_t c = 1; c < classes; ++c)
                if (x[int64_t(i) * classes + c] > x[int64_t(i) * classes + best]) best = c;
            count += best == labels[i] && (weights.empty() || weights[int64_t(i)] > 0);
        }
        return count;
    }
    void expect(const Shape& shape, const RunOptions& options = {}) {
        const Shape rows = leading(shape);
        Tensor x(shape); // few different values, so that there are ties
        for (double& value : x.data) value = double(random.integer(-2, 2));
        const Labels labels = random.labels(reference::element_count(rows), shape.back());
        for (const Tensor& weights : {absent, random_weights(rows)}) {
            SCOPED_TRACE(to_string(shape));
            EXPECT_EQ(run({"count_correct", {x, labels_given(labels, rows), weights}}, options)[0],
                      counted(x, labels, weights));
        }
    }
};

TEST_F(CountCorrect, CountsTheFirstMaximum) {
    for (int64_t classes : {1, 2, 3, 4, 5, 10, 65, 257, 1000})
        for (int64_t rows : {1, 3, 129, 1000}) expect({rows, classes});
    expect({3, 4, 5, 6});
    expect({7});
}

TEST_F(CountCorrect, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({1200, 10}, small);
    expect({999, 3}, small);
}

TEST_F(CountCorrect, SpecialRows) {
    const Tensor x({4, 3}, {nan, 1, 2, -1e38, -1e38, -1e38, 5, 5, 5, 0, -0.0, 0});
    EXPECT_EQ(run({"count_correct", {x, labels_given({2, 0, 0, 0}, {4})}})[0], 4); // NaN is no maximum
    EXPECT_EQ(run({"count_correct", {x, labels_given({0, 1, 2, 1}, {4})}})[0], 0);
    EXPECT_EQ(run({"count_correct", {x, labels_given({-1, 3, 100, -2}, {4})}})[0], 0);
}

TEST_F(CountCorrect, HasNoGradient) {
    EXPECT_THROW(
        run_gradients({"count_correct", {Tensor({2, 3}), labels_given({0, 1}, {2})}}, Tensor(Shape{}), {0}),
        Error);
}

} // namespace lemnos::test
