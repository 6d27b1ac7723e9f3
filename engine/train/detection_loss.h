// The loss of a detector, built as graph.
//
// SSD (Liu et al., arXiv 1512.02325, section 2.2): anchors are matched with the truth; the classification loss of matched
// anchors and of the hardest others, and the smooth L1 distance of the matched ones' offsets, each divided by the number of
// matches of the image. YOLOv2 (Redmon and Farhadi, arXiv 1612.08242): squared errors of boxes and objectness, cross-entropy of
// classes. An image counts by its weight, so a batch may be cut into micro-batches as one likes.
#pragma once

#include "models/architecture.h"

namespace lemnos {

// The options of a trainer that a detector's loss takes.
std::vector<AttributeSpec> detection_loss_options();

struct DetectionLoss {
    Value anchors; // leaf f32 [anchors, 4]: Detection::anchor_rows()
    Value truth;   // leaf f32 [batch, boxes, 5]: class (-1: no box), top, left, bottom, right; fractions of the image
    Value prior;   // leaf f32 [1], of YOLO: how much boxes that nothing is known of are pulled to their anchors
    Value loss;    // one number
};

// Adds the loss to a network of the architecture; `weights`: f32 [batch].
DetectionLoss add_detection_loss(Network& network, const Architecture& architecture, Value weights, int64_t boxes,
                                 const Attributes& options);

} // namespace lemnos
