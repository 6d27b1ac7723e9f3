// The operators of object detection. Boxes are (top, left, bottom, right), anchors (centre y, centre x,
// height, width); truth [images][boxes][5] = (class, box), where a class below 0 is no box.
#pragma once

#include "reference/loss.h"

#include <array>

namespace lemnos::reference {

// Rounded to f32: ties and thresholds are then the same for a device, as long as it computes with numbers
// that f32 holds.
double overlap(const std::array<double, 4>& a, const std::array<double, 4>& b);

Tensor match_anchors(const Tensor& anchors, const Tensor& truth, double threshold); // indices, -1

struct EncodedBoxes {
    Tensor targets, labels;
};
EncodedBoxes encode_boxes(const Tensor& anchors, const Tensor& truth, const Tensor& match,
                          const std::vector<double>& scales, bool x_first);

struct BoxCoder {
    bool yolo = false, x_first = false;
    std::vector<double> scales{10, 10, 5, 5};
    int64_t rows = 1, columns = 1;
};
Tensor decode_boxes(const Tensor& boxes, const Tensor& anchors, const BoxCoder& coder);

enum class ClassificationLoss { softmax, sigmoid, focal };
Tensor classification_losses(const Tensor& logits, const Labels& labels, ClassificationLoss kind,
                             double alpha, double gamma);
Tensor classification_losses_backward(const Tensor& logits, const Labels& labels, ClassificationLoss kind,
                                      double alpha, double gamma, const Tensor& dy);

Tensor smooth_l1_losses(const Tensor& prediction, const Tensor& target, double beta);
Tensor smooth_l1_losses_backward(const Tensor& prediction, const Tensor& target, double beta,
                                 const Tensor& dy);

struct MultiboxWeights {
    Tensor class_weights, box_weights;
};
MultiboxWeights multibox_weights(const Tensor& losses, const Tensor& match, const Tensor& weights,
                                 double negatives_per_positive, int64_t least_negatives);

Tensor l2_normalisation(const Tensor& x, const Tensor& scale, double epsilon);
struct L2NormalisationGradients {
    Tensor x, scale;
};
L2NormalisationGradients l2_normalisation_backward(const Tensor& x, const Tensor& scale, double epsilon,
                                                   const Tensor& dy);

enum class ScoreKind { softmax, sigmoid, yolo };
Tensor detection_scores(const Tensor& logits, ScoreKind kind);

struct Suppression {
    double score_threshold = 0.01, overlap_threshold = 0.45;
    int64_t per_class = 100, limit = 100;
    bool class_agnostic = false;
};
Tensor non_maximum_suppression(const Tensor& boxes, const Tensor& scores, const Suppression& how);

struct YoloTargets {
    Tensor targets, error_weights, labels, class_weights;
};
struct YoloLoss {
    int64_t rows = 1, columns = 1;
    double threshold = 0.6, object = 5, no_object = 1, coordinates = 1, classes = 1;
    double prior = 0;
};
YoloTargets yolo_targets(const Tensor& boxes, const Tensor& anchors, const Tensor& truth,
                         const Tensor& weights, const YoloLoss& loss);

} // namespace lemnos::reference
