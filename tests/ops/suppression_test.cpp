// What a detector says: probabilities of classes, and non-maximum suppression. Boxes lie on a grid, as in
// detection_test.cpp.
#include "ops/harness.h"
#include "reference/detection.h"

#include <cmath>
#include <limits>

namespace lemnos::test {

using reference::ScoreKind;
using reference::Suppression;

static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ---- detection_scores -------------------------------------------------------------------------------------

struct DetectionScores : OpTest {
    void expect(const Shape& shape, double size = 4, const RunOptions& options = {}) {
        const Tensor x = random.uniform(shape, -size, size);
        for (const auto& [kind, name] : {std::pair{ScoreKind::softmax, "softmax"},
                                         {ScoreKind::sigmoid, "sigmoid"},
                                         {ScoreKind::yolo, "yolo"}}) {
            SCOPED_TRACE(text(to_string(shape), ", ", name));
            // As softmax (softmax_test.cpp).
            EXPECT_EQ(mismatch(run({"detection_scores", {x}, {{"kind", name}}}, options),
                               reference::detection_scores(x, kind), 5e-6, 1e-3),
                      "");
        }
    }
};

TEST_F(DetectionScores, MatchTheReference) {
    for (int64_t classes : {2, 3, 4, 5, 21, 64, 81, 257, 1001})
        for (int64_t anchors : {1, 3, 67}) expect({anchors == 3 ? 2 : 1, anchors, classes});
    expect({3, 2034, 7});
}

TEST_F(DetectionScores, LargeLogits) {
    expect({1, 5, 10}, 1e4);
    expect({1, 5, 12}, 1e30);
}

TEST_F(DetectionScores, LargerThanOneBinding) {
    const RunOptions tight{.device = device(4096)};
    expect({3, 300, 10}, 4, tight);
    expect({1, 999, 4}, 4, tight);
    expect({1, 5, 801}, 4, tight);
}

TEST_F(DetectionScores, RefuseWhatDoesNotFit) {
    EXPECT_EQ(refusal({"detection_scores", {Tensor({3, 5})}}),
              "Operator detection_scores: the logits (3 x 5) are not [images, anchors, 1 + classes].");
    EXPECT_EQ(refusal({"detection_scores", {Tensor({3, 5, 1})}}),
              "Operator detection_scores: the logits (3 x 5 x 1) are not [images, anchors, 1 + classes].");
}

// ---- non_maximum_suppression ------------------------------------------------------------------------------

struct NonMaximumSuppression : OpTest {
    Tensor random_boxes(int64_t images, int64_t anchors, int64_t cells = 16) {
        Tensor boxes({images, anchors, 4});
        for (int64_t n = 0; n < images; ++n)
            for (int64_t a = 0; a < anchors; ++a)
                for (int64_t axis = 0; axis < 2; ++axis) {
                    boxes(n, a, axis) = double(random.integer(-2, cells - 1)) / double(cells);
                    boxes(n, a, axis + 2) =
                        boxes(n, a, axis) + double(random.integer(0, cells / 2)) / double(cells);
                }
        return boxes;
    }
    // One in `rarity` is above the threshold of 0.01; few values, so that there are ties.
    Tensor random_scores(int64_t images, int64_t anchors, int64_t classes, int64_t rarity,
                         int64_t values = 64) {
        Tensor scores({images, anchors, classes});
        for (double& score : scores.data)
            score =
                random.integer(1, rarity) == 1 ? double(random.integer(1, values)) / double(values) : 0.005;
        return scores;
    }
    static Attributes attributes_of(const Suppression& how) {
        return {{"score_threshold", how.score_threshold},
                {"iou_threshold", how.overlap_threshold},
                {"per_class", how.per_class},
                {"limit", how.limit},
                {"class_agnostic", int64_t(how.class_agnostic)}};
    }
    void expect(const Tensor& boxes, const Tensor& scores, Suppression how = {},
                const RunOptions& options = {}) {
        for (bool agnostic : {false, true}) {
            how.class_agnostic = agnostic;
            SCOPED_TRACE(text("scores ", to_string(scores.shape), agnostic ? ", class-agnostic" : ""));
            const Tensor found =
                run({"non_maximum_suppression", {boxes, scores}, attributes_of(how)}, options);
            const Tensor expected = reference::non_maximum_suppression(boxes, scores, how);
            EXPECT_EQ(found.shape, expected.shape);
            EXPECT_EQ(found.data, expected.data);
        }
    }
    void expect(int64_t images, int64_t anchors, int64_t classes, int64_t rarity, const Suppression& how = {},
                const RunOptions& options = {}) {
        expect(random_boxes(images, anchors), random_scores(images, anchors, classes, rarity), how, options);
    }
};

TEST_F(NonMaximumSuppression, MatchesTheReference) {
    for (int64_t anchors : {1, 2, 9, 63, 64, 65, 257, 1001})
        for (int64_t classes : {1, 3, 20})
            for (int64_t rarity : {1, 5, 100}) expect(anchors == 9 ? 3 : 1, anchors, classes, rarity);
}

TEST_F(NonMaximumSuppression, Limits) {
    for (int64_t per_class : {1, 7, 1000})
        for (int64_t limit : {1, 10, 500}) expect(2, 300, 4, 2, {.per_class = per_class, .limit = limit});
}

TEST_F(NonMaximumSuppression, Thresholds) {
    for (double overlap : {0.0, 0.25, 0.45, 0.5, 1.0})
        for (double score : {0.0, 0.5, 1.0})
            expect(1, 200, 3, 1, {.score_threshold = score, .overlap_threshold = overlap});
}

TEST_F(NonMaximumSuppression, Ties) {
    const Tensor boxes = random_boxes(2, 150);
    expect(boxes, Tensor({2, 150, 3}, 0.5)); // the lower class and then the lower anchor
    expect(boxes, random_scores(2, 150, 3, 1, 2));
    expect(Tensor({1, 40, 4}, 0.5), random_scores(1, 40, 2, 1)); // boxes of size 0 overlap nothing
}

TEST_F(NonMaximumSuppression, AllAreCandidates) {
    expect(1, 24564, 2, 1, {.per_class = 30, .limit = 50});
    expect(1, 2034, 20, 1, {.per_class = 20, .limit = 30});
    // More than are sorted at once: of equal scores; with few that are kept; with more kept than are sorted
    // at once.
    expect(random_boxes(1, 1000), Tensor({1, 1000, 2}, 0.5), {.overlap_threshold = 0.1});
    expect(random_boxes(2, 700), random_scores(2, 700, 2, 1, 2), {.overlap_threshold = 0.3});
    expect(random_boxes(1, 3000, 4), random_scores(1, 3000, 2, 1), {.overlap_threshold = 0, .limit = 200});
    expect(1, 1200, 1, 1, {.overlap_threshold = 0.9, .per_class = 1000, .limit = 1000});
}

TEST_F(NonMaximumSuppression, ByHand) {
    const Tensor boxes({1, 4, 4}, {-0.25, 0, 0.5, 0.5, 0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1.5, 0.5, 0.5, 1, 1});
    const Tensor scores({1, 4, 1}, {0.5, 0.75, 0.25, nan});
    EXPECT_EQ(run({"non_maximum_suppression", {boxes, scores}, {{"limit", 3}}}).data,
              (std::vector<double>{0, 0.75, 0, 0, 0.5, 0.5, 0, 0.25, 0.5, 0.5, 1, 1, -1, 0, 0, 0, 0, 0}));
    EXPECT_EQ(
        run({"non_maximum_suppression", {boxes, scores}, {{"limit", 3}, {"iou_threshold", 0.7}}}).data,
        (std::vector<double>{0, 0.75, 0, 0, 0.5, 0.5, 0, 0.5, 0, 0, 0.5, 0.5, 0, 0.25, 0.5, 0.5, 1, 1}));
}

TEST_F(NonMaximumSuppression, LargerThanOneBinding) {
    const RunOptions tight{.device = device(4096)};
    expect(9, 64, 4, 2, {.per_class = 100, .limit = 32}, tight);
    expect(5, 16, 16, 1, {.per_class = 5, .limit = 32}, tight);
    expect(2, 128, 1, 3, {.per_class = 100, .limit = 32}, tight);
}

TEST_F(NonMaximumSuppression, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"non_maximum_suppression", {Tensor({1, 3, 4}), Tensor({1, 4, 2})}}),
              "Operator non_maximum_suppression: the input boxes (1 x 3 x 4) needs the shape 1 x 4 x 4.");
    EXPECT_EQ(refusal({"non_maximum_suppression", {Tensor({1, 3, 4}), Tensor({3, 2})}}),
              "Operator non_maximum_suppression: the scores (3 x 2) are not [images, anchors, classes].");
}

} // namespace lemnos::test
