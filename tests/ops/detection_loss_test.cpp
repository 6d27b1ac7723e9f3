// Losses of one number a row, and the normalisation of rows to a length.
#include "ops/harness.h"
#include "reference/detection.h"

#include <cmath>
#include <limits>

namespace lemnos::test {

using reference::ClassificationLoss;
using reference::Labels;

static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

static Shape leading(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }
static Given labels_given(const Labels& labels, const Shape& rows) {
    return {Tensor(rows, std::vector<double>(labels.begin(), labels.end())), DataType::i32};
}

// ---- classification_losses --------------------------------------------------------------------------------

static constexpr std::pair<ClassificationLoss, const char*> kinds[] = {
    {ClassificationLoss::softmax, "softmax"},
    {ClassificationLoss::sigmoid, "sigmoid"},
    {ClassificationLoss::focal, "focal"}};

struct ClassificationLosses : OpTest {
    void expect(const Shape& shape, double size = 4, double alpha = 0.25, double gamma = 2,
                const RunOptions& options = {}) {
        const Shape rows = leading(shape);
        const Tensor x = random.uniform(shape, -size, size);
        const Labels labels = random.labels(reference::element_count(rows), shape.back());
        for (const auto& [kind, name] : kinds) {
            SCOPED_TRACE(text(to_string(shape), ", ", name, ", alpha ", alpha, ", gamma ", gamma));
            const OpCase losses{"classification_losses",
                                {x, labels_given(labels, rows)},
                                {{"kind", name}, {"alpha", alpha}, {"gamma", gamma}}};
            // Logarithms of sums near 1, see loss_test.cpp; then a sum of terms of one sign. A focal loss has
            // the error of gamma log(1 - p), which is as large as gamma times the logit.
            const double tolerance = kind == ClassificationLoss::focal ? 5e-6 + 2e-7 * gamma * size : 3e-6;
            EXPECT_EQ(mismatch(run(losses, options),
                               reference::classification_losses(x, labels, kind, alpha, gamma), tolerance,
                               0.1),
                      "");
            Tensor dy = random.uniform(rows, -2, 2);
            const Tensor expected =
                reference::classification_losses_backward(x, labels, kind, alpha, gamma, dy);
            EXPECT_EQ(mismatch(run_gradients(losses, dy, {0}, options)[0], expected, 5e-6 + tolerance, 0.1),
                      "");
        }
    }
};

TEST_F(ClassificationLosses, MatchTheReference) {
    for (int64_t classes : {1, 2, 3, 4, 21, 81, 257, 1001})
        for (int64_t rows : {1, 3, 67}) expect({rows, classes});
}

TEST_F(ClassificationLosses, ManyRows) {
    expect({4099, 21});
    expect({2, 8732, 3});
}

TEST_F(ClassificationLosses, AnyRank) {
    expect({5});
    expect({2, 3, 5, 7});
}

TEST_F(ClassificationLosses, AnyAlphaAndGamma) {
    for (double alpha : {0.0, 0.5, 1.0})
        for (double gamma : {0.0, 0.5, 1.0, 5.0}) expect({9, 13}, 4, alpha, gamma);
}

TEST_F(ClassificationLosses, LargeLogits) {
    expect({5, 10}, 80);
    expect({5, 10}, 1e4);
    expect({5, 12}, 1e30);
}

TEST_F(ClassificationLosses, SmallLossesAreExact) {
    // Binary losses of a logit that is right are as small as exp(-|x|), below the resolution of 1.
    const Tensor x({1, 2}, {15, -20});
    const double expected = std::log1p(std::exp(-15.0)) + std::log1p(std::exp(-20.0));
    EXPECT_NEAR(run({"classification_losses", {x, labels_given({0}, {1})}, {{"kind", "sigmoid"}}})[0] /
                    expected,
                1, 1e-5);
}

TEST_F(ClassificationLosses, LargerThanOneBinding) {
    const RunOptions tight{.device = device(4096)};
    expect({700, 10}, 4, 0.25, 2, tight);
    expect({5, 300, 7}, 4, 0.25, 2, tight);
    expect({3, 801}, 4, 0.25, 2, tight);
}

TEST_F(ClassificationLosses, RowsOfGradientZeroAreNotLookedAt) {
    for (const auto& [kind, name] : kinds) {
        Tensor x = random.uniform({3, 5});
        for (int64_t c = 0; c < 5; ++c) x(1, c) = nan;
        const OpCase losses{"classification_losses", {x, labels_given({1, -7, 3}, {3})}, {{"kind", name}}};
        const Tensor values = run(losses);
        EXPECT_TRUE(std::isfinite(values[0]) && std::isnan(values[1]) && std::isfinite(values[2])) << name;
        const Tensor d = run_gradients(losses, Tensor({3}, {1, 0, 2}), {0})[0];
        for (int64_t c = 0; c < 5; ++c) {
            EXPECT_TRUE(std::isfinite(d(0, c)) && std::isfinite(d(2, c))) << name;
            EXPECT_EQ(d(1, c), 0) << name;
        }
    }
}

TEST_F(ClassificationLosses, ALabelThatIsNoClassMakesNaN) {
    for (const auto& [kind, name] : kinds)
        for (int32_t label : {-1, 5, 1000000, std::numeric_limits<int32_t>::min()}) {
            const OpCase losses{"classification_losses",
                                {random.uniform({3, 5}), labels_given({1, label, 3}, {3})},
                                {{"kind", name}}};
            const Tensor values = run(losses);
            EXPECT_TRUE(std::isfinite(values[0]) && std::isnan(values[1]) && std::isfinite(values[2]))
                << name << label;
            const Tensor d = run_gradients(losses, Tensor({3}, 1.0), {0})[0];
            for (int64_t c = 0; c < 5; ++c) {
                EXPECT_TRUE(std::isfinite(d(0, c)) && std::isnan(d(1, c)) && std::isfinite(d(2, c)))
                    << name << label;
            }
        }
}

TEST_F(ClassificationLosses, RefuseWhatDoesNotFit) {
    EXPECT_EQ(refusal({"classification_losses", {Tensor({3, 5}), labels_given({0, 0}, {2})}}),
              "Operator classification_losses: the input labels (2) needs the shape of the first input (3 x "
              "5) without the "
              "last axis.");
    EXPECT_NE(
        refusal(
            {"classification_losses", {Tensor({3, 5}), labels_given({0, 0, 0}, {3})}, {{"kind", "hinge"}}}),
        "");
}

// ---- smooth_l1_losses -------------------------------------------------------------------------------------

struct SmoothL1Losses : OpTest {
    void expect(const Shape& shape, double beta = 1, const RunOptions& options = {}) {
        const Tensor p = random.uniform(shape, -2, 2), t = random.uniform(shape, -2, 2),
                     dy = random.uniform(leading(shape));
        SCOPED_TRACE(text(to_string(shape), ", beta ", beta));
        const OpCase losses{"smooth_l1_losses", {p, t}, {{"beta", beta}}};
        // The difference of two numbers up to 2, and a sum of terms of one sign.
        EXPECT_EQ(mismatch(run(losses, options), reference::smooth_l1_losses(p, t, beta), 2e-6), "");
        const Tensor expected = reference::smooth_l1_losses_backward(p, t, beta, dy);
        const std::vector<Tensor> d = run_gradients(losses, dy, {0, 1}, options);
        Tensor negative = expected;
        for (double& value : negative.data) value = -value;
        // d / beta has the rounding of d, up to 2e-7 / beta.
        EXPECT_EQ(mismatch(d[0], expected, 2e-6 + (beta > 0 ? 2e-7 / beta : 0)), "");
        EXPECT_EQ(mismatch(d[1], negative, 2e-6 + (beta > 0 ? 2e-7 / beta : 0)), "");
    }
};

TEST_F(SmoothL1Losses, MatchTheReference) {
    for (const Shape& shape :
         {Shape{1}, {4}, {7}, {1, 4}, {3, 5}, {67, 4}, {2, 1001, 4}, {3, 7, 3}, {3, 257}, {1, 1000}})
        for (double beta : {1.0, 1.0 / 9, 0.0, 2.5}) expect(shape, beta);
}

TEST_F(SmoothL1Losses, AtTheKinks) {
    const Tensor p({6, 1}, {1, -1, 0, 0.5, 2, 0}), t({6, 1}, {0, 0, 0, 0, 0, -0.25});
    EXPECT_EQ(run({"smooth_l1_losses", {p, t}}).data,
              (std::vector<double>{0.5, 0.5, 0, 0.125, 1.5, 0.03125}));
    EXPECT_EQ(run_gradients({"smooth_l1_losses", {p, t}}, Tensor({6}, 1.0), {0})[0].data,
              (std::vector<double>{1, -1, 0, 0.5, 1, 0.25}));
    EXPECT_EQ(run_gradients({"smooth_l1_losses", {p, t}, {{"beta", 0.0}}}, Tensor({6}, 1.0), {0})[0].data,
              (std::vector<double>{1, -1, 0, 1, 1, 1}));
}

TEST_F(SmoothL1Losses, RowsOfGradientZeroAreNotLookedAt) {
    Tensor p = random.uniform({3, 4});
    for (int64_t c = 0; c < 4; ++c) p(1, c) = nan;
    const Tensor d =
        run_gradients({"smooth_l1_losses", {p, random.uniform({3, 4})}}, Tensor({3}, {1, 0, 2}), {0})[0];
    for (int64_t c = 0; c < 4; ++c) EXPECT_EQ(d(1, c), 0);
}

TEST_F(SmoothL1Losses, LargerThanOneBinding) {
    const RunOptions tight{.device = device(4096)};
    expect({7, 300, 4}, 1, tight);
    expect({999, 3}, 0.5, tight);
    expect({3, 801}, 1, tight);
}

TEST_F(SmoothL1Losses, RefuseWhatDoesNotFit) {
    EXPECT_EQ(refusal({"smooth_l1_losses", {Tensor({3, 5}), Tensor({5, 3})}}),
              "Operator smooth_l1_losses: the prediction (3 x 5) and the target (5 x 3) differ in shape.");
}

// ---- together ---------------------------------------------------------------------------------------------

struct MultiboxLoss : OpTest {};

TEST_F(MultiboxLoss, IsDifferentiatedThroughItsLossesButNotThroughItsWeights) {
    const int64_t images = 2, anchors = 37, classes = 5;
    const Tensor x = random.uniform({images, anchors, classes}),
                 prediction = random.uniform({images, anchors, 4});
    Tensor of({anchors, 4}), truth({images, 3, 5});
    for (int64_t a = 0; a < anchors; ++a)
        for (int64_t c = 0; c < 4; ++c) of(a, c) = double(random.integer(2, 14)) / 16;
    for (int64_t n = 0; n < images; ++n)
        for (int64_t t = 0; t < 3; ++t) {
            truth(n, t, 0) = double(random.integer(0, classes - 2));
            for (int64_t c = 0; c < 4; ++c)
                truth(n, t, 1 + c) = double(random.integer(0, 7) + (c < 2 ? 0 : 8)) / 16;
        }
    const Tensor weights({images}, {0.5, 0.25});

    Graph graph;
    std::map<Value, Given> given;
    const auto input = [&](const char* name, const Tensor& tensor) {
        const Value value = graph.input(name, {DataType::f32, tensor.shape});
        given.emplace(value, tensor);
        return value;
    };
    const Value logits = input("logits", x), boxes = input("boxes", prediction), a = input("anchors", of),
                t = input("truth", truth), w = input("weights", weights);
    const Value match = graph.add("match_anchors", {a, t}), coded = graph.add("encode_boxes", {a, t, match});
    const Value losses = graph.add("classification_losses", {logits, {coded.node, 1}});
    const Value counted = graph.add("multibox_weights", {losses, match, w});
    const Value box_losses = graph.add("smooth_l1_losses", {boxes, coded});
    const Value loss =
        graph.add("add", {graph.add("sum", {graph.add("mul", {counted, losses})}),
                          graph.add("sum", {graph.add("mul", {{counted.node, 1}, box_losses})})});
    const std::vector<Value> d = gradients(graph, loss, std::vector<Value>{logits, boxes});
    const std::vector<Tensor> found = run_graph(graph, given, {loss, d[0], d[1]});

    const Tensor matched = reference::match_anchors(of, truth, 0.5);
    const auto expected = reference::encode_boxes(of, truth, matched, {10, 10, 5, 5}, false);
    const Labels labels(expected.labels.data.begin(), expected.labels.data.end());
    const Tensor by_class = classification_losses(x, labels, ClassificationLoss::softmax, 0, 0),
                 by_box = smooth_l1_losses(prediction, expected.targets, 1);
    const auto counts = reference::multibox_weights(by_class, matched, weights, 3, 3);
    double sum = 0;
    for (int64_t i = 0; i < images * anchors; ++i)
        sum += counts.class_weights[i] * by_class[i] + counts.box_weights[i] * by_box[i];
    EXPECT_NEAR(found[0][0] / sum, 1, 1e-5);
    expect_near(
        found[1],
        classification_losses_backward(x, labels, ClassificationLoss::softmax, 0, 0, counts.class_weights),
        1e-5);
    expect_near(found[2], smooth_l1_losses_backward(prediction, expected.targets, 1, counts.box_weights),
                1e-5);
}

// ---- l2_normalisation -------------------------------------------------------------------------------------

struct L2Normalisation : OpTest {
    void expect(const Shape& shape, double size = 3, double epsilon = 1e-10, const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(shape), ", size ", size, ", epsilon ", epsilon));
        const Tensor x = random.uniform(shape, -size, size), scale = random.uniform({shape.back()}, 0.5, 20);
        const Tensor dy = random.uniform(shape);
        const OpCase op{"l2_normalisation", {x, scale}, {{"epsilon", epsilon}}};
        expect_near(run(op, options), reference::l2_normalisation(x, scale, epsilon),
                    3e-6); // the sum of squares
        const auto expected = reference::l2_normalisation_backward(x, scale, epsilon, dy);
        const std::vector<Tensor> d = run_gradients(op, dy, {0, 1}, options);
        // That of x is a difference of terms as large as scale dy / n.
        Tensor terms(shape);
        for (int64_t i = 0; i < x.size(); ++i) {
            double squares = 0;
            const int64_t begin = i / shape.back() * shape.back();
            for (int64_t c = 0; c < shape.back(); ++c) squares += x[begin + c] * x[begin + c];
            terms[i] = scale[i % shape.back()] * dy[i] / std::max(std::sqrt(squares), epsilon);
        }
        EXPECT_EQ(mismatch(d[0], expected.x, 6e-6, largest_magnitude(terms)), "");
        EXPECT_EQ(mismatch(d[1], expected.scale, 1e-5, 0.1), "");
    }
};

TEST_F(L2Normalisation, MatchesTheReference) {
    for (const Shape& shape : {Shape{1},
                               {5},
                               {1, 1},
                               {3, 5},
                               {67, 4},
                               {2, 7, 9, 16},
                               {1, 38, 38, 64},
                               {3, 129},
                               {65, 512},
                               {4099, 3}})
        expect(shape);
}

TEST_F(L2Normalisation, ShortRows) {
    expect({9, 8}, 1e-3, 1); // all shorter than epsilon
    expect({50, 3}, 1, 0.8); // some
    expect({9, 8}, 1e-6, 1e-10);
    Tensor x = random.uniform({2, 4});
    for (int64_t c = 0; c < 4; ++c) x(1, c) = 0;
    const Tensor y = run({"l2_normalisation", {x, Tensor({4}, 20.0)}});
    for (int64_t c = 0; c < 4; ++c) EXPECT_EQ(y(1, c), 0);
}

TEST_F(L2Normalisation, LargerThanOneBinding) {
    const RunOptions tight{.device = device(4096)};
    expect({700, 10}, 3, 1e-10, tight);
    expect({3, 5, 30, 16}, 3, 1e-10, tight);
    expect({9, 401}, 3, 1e-10, tight);
}

TEST_F(L2Normalisation, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"l2_normalisation", {Tensor({3, 5}), Tensor({3})}}),
              "Operator l2_normalisation: the scale (3) needs the shape 5.");
}

} // namespace lemnos::test
