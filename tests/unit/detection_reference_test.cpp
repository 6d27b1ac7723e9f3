// The references of object detection against values worked out by hand, and their backwards against central
// differences.
#include "reference/detection.h"
#include "reference/expect.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lemnos::reference {
namespace {

constexpr double exact = 1e-14; // a few roundings of double

struct DetectionReference : testing::Test {
    RandomCases random;
};

} // namespace

TEST_F(DetectionReference, overlaps_by_hand) {
    EXPECT_EQ(overlap({0, 0, 2, 2}, {1, 1, 3, 3}), static_cast<double>(1.0f / 7));
    EXPECT_EQ(overlap({0, 0, 1, 1}, {0, 0, 1, 1}), 1);
    EXPECT_EQ(overlap({0, 0, 1, 1}, {1, 0, 2, 1}), 0); // touch
    EXPECT_EQ(overlap({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
    EXPECT_EQ(overlap({0, 0, 1, 1}, {0.75, 0, 0.25, 1}), 0); // turned around
}

TEST_F(DetectionReference, matches_by_hand) {
    // Both boxes fit anchor 0 best. The last takes it; the first takes anchor 2, though that would rather
    // have the last.
    const Tensor anchors({3, 4}, {0.5, 0.5, 1, 1, 0.5, 0.25, 1, 0.5, 0.5, 0.5, 1, 0.75});
    const Tensor truth({1, 3, 5}, {4, 0, 0, 1, 0.75, -1, 0, 0, 1, 1, 2, 0, 0, 1, 1});
    expect_near(match_anchors(anchors, truth, 0.5), Tensor({1, 3}, {2, 0, 0}), exact);
}

TEST_F(DetectionReference, codes_by_hand) {
    const Tensor anchors({1, 4}, {0.5, 0.25, 0.5, 0.25}), truth({1, 1, 5}, {6, 0.25, 0.25, 1, 0.5}),
        match({1, 1});
    const EncodedBoxes coded = encode_boxes(anchors, truth, match, {10, 10, 5, 5}, false);
    expect_near(coded.targets, Tensor({1, 1, 4}, {2.5, 5, 5 * std::log(1.5), 0}), exact);
    EXPECT_EQ(coded.labels[0], 7);
    expect_near(decode_boxes(coded.targets, anchors, {}), Tensor({1, 1, 4}, {0.25, 0.25, 1, 0.5}), exact);
    const BoxCoder yolo{.yolo = true, .x_first = true, .rows = 2, .columns = 4};
    expect_near(decode_boxes(Tensor({1, 1, 4}, {std::log(3.0), 0, std::log(2.0), 0}), anchors, yolo),
                Tensor({1, 1, 4}, {0.25, 0.0625, 0.75, 0.5625}), exact);
}

TEST_F(DetectionReference, losses_by_hand) {
    const Tensor x({1, 2}, {0, std::log(3.0)});
    const auto loss = [&](ClassificationLoss kind) {
        return classification_losses(x, {1}, kind, 0.25, 2)[0];
    };
    EXPECT_NEAR(loss(ClassificationLoss::softmax), std::log(4.0 / 3), exact);
    EXPECT_NEAR(loss(ClassificationLoss::sigmoid), std::log(2.0) + std::log(4.0 / 3), exact);
    EXPECT_NEAR(loss(ClassificationLoss::focal), 0.75 * 0.25 * std::log(2.0) + 0.25 / 16 * std::log(4.0 / 3),
                exact);
    EXPECT_NEAR(smooth_l1_losses(Tensor({1, 3}, {0.5, -3, 0}), Tensor({1, 3}, {0, 0, 2}), 1)[0],
                0.125 + 2.5 + 1.5, exact);
    const MultiboxWeights weights = multibox_weights(
        Tensor({1, 5}, {9, 1, 4, 4, 5}), Tensor({1, 5}, {0, -1, -1, -1, -1}), Tensor({1}, 0.5), 2, 1);
    expect_near(weights.class_weights, Tensor({1, 5}, {0.5, 0, 0.5, 0, 0.5}), exact);
    expect_near(weights.box_weights, Tensor({1, 5}, {0.5, 0, 0, 0, 0}), exact);
    expect_near(l2_normalisation(Tensor({2, 2}, {3, 4, 0, 0.5}), Tensor({2}, {10, 20}), 1),
                Tensor({2, 2}, {6, 16, 0, 10}), exact);
}

TEST_F(DetectionReference, detections_by_hand) {
    const Tensor x({1, 1, 3}, {0, std::log(2.0), 0});
    expect_near(detection_scores(x, ScoreKind::softmax), Tensor({1, 1, 2}, {0.5, 0.25}), exact);
    expect_near(detection_scores(x, ScoreKind::sigmoid), Tensor({1, 1, 2}, {2.0 / 3, 0.5}), exact);
    expect_near(detection_scores(x, ScoreKind::yolo), Tensor({1, 1, 2}, {1.0 / 3, 1.0 / 6}), exact);
    const Tensor boxes({1, 3, 4}, {0, 0, 0.5, 1, 0, 0, 0.5, 1.25, 0.5, 0, 1, 1}),
        scores({1, 3, 1}, {0.5, 0.75, 0.25});
    expect_near(non_maximum_suppression(boxes, scores, {.limit = 3}),
                Tensor({1, 3, 6}, {0, 0.75, 0, 0, 0.5, 1, 0, 0.25, 0.5, 0, 1, 1, -1, 0, 0, 0, 0, 0}), exact);
    expect_near(non_maximum_suppression(boxes, scores, {.overlap_threshold = 0.8, .limit = 2}),
                Tensor({1, 2, 6}, {0, 0.75, 0, 0, 0.5, 1, 0, 0.5, 0, 0, 0.5, 1}), exact);
}

TEST_F(DetectionReference, yolo_by_hand) {
    const Tensor anchors({2, 4}, {0.5, 0.25, 0.5, 0.5, 0.5, 0.75, 0.5, 0.5}),
        truth({1, 1, 5}, {7, 0.25, 0.5, 0.75, 0.75});
    const YoloTargets found = yolo_targets(Tensor({1, 2, 4}), anchors, truth, Tensor({1}, 2),
                                           {.rows = 1, .columns = 2, .prior = 0.25});
    expect_near(found.targets, Tensor({1, 2, 5}, {0.5, 0.5, 0, 0, 0, 0.25, 0.5, -std::log(2.0), 0, 0.5}),
                exact);
    expect_near(found.error_weights, Tensor({1, 2, 5}, {0.5, 0.5, 0.5, 0.5, 2, 3.75, 3.75, 3.75, 3.75, 10}),
                exact);
    expect_near(found.labels, Tensor({1, 2}, {0, 7}), exact);
    expect_near(found.class_weights, Tensor({1, 2}, {0, 2}), exact);
}

TEST_F(DetectionReference, gradients) {
    for (const Shape& shape : {Shape{1, 1}, {5, 7}, {2, 3, 5}}) {
        const Labels labels = random.labels(element_count(shape) / shape.back(), shape.back());
        for (ClassificationLoss kind :
             {ClassificationLoss::softmax, ClassificationLoss::sigmoid, ClassificationLoss::focal})
            for (double gamma : {0.0, 0.5, 2.0})
                expect_gradient(
                    random, random.uniform(shape, -3, 3),
                    [&](const Tensor& x) { return classification_losses(x, labels, kind, 0.3, gamma); },
                    [&](const Tensor& x, const Tensor& dy) {
                        return classification_losses_backward(x, labels, kind, 0.3, gamma, dy);
                    });
        for (double beta : {1.0, 0.3, 0.0}) {
            // Away from the kinks by construction: the target is 0 there.
            const Tensor p = random.away_from({-beta, 0, beta}, shape, -2, 2);
            expect_gradients(
                random, {p, Tensor(shape)},
                [&](const Tensors& in) { return smooth_l1_losses(in[0], in[1], beta); },
                [&](const Tensors& in, const Tensor& dy) {
                    const Tensor d = smooth_l1_losses_backward(in[0], in[1], beta, dy);
                    Tensor negative = d;
                    for (double& value : negative.data) value = -value;
                    return Tensors{d, negative};
                });
        }
        for (double epsilon : {1e-10, 0.7})
            expect_gradients(
                random, {random.uniform(shape, 0.2, 1), random.uniform({shape.back()}, 0.5, 2)},
                [&](const Tensors& in) { return l2_normalisation(in[0], in[1], epsilon); },
                [&](const Tensors& in, const Tensor& dy) {
                    const L2NormalisationGradients d = l2_normalisation_backward(in[0], in[1], epsilon, dy);
                    return Tensors{d.x, d.scale};
                });
    }
}

} // namespace lemnos::reference
