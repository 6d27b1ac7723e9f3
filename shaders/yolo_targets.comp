#version 450
#extension GL_GOOGLE_include_directive : require
// What YOLOv2's loss asks of anchors that no true box is assigned to: no object, unless the predicted box overlaps a true
// one more than the threshold; while there is a prior, also a box as the anchor itself. yolo_assign.comp goes over it.
#include "linear.glsl"
#include "boxes.glsl"
#include "yolo_targets.h"
#include "truth.glsl"
layout(constant_id = 1) const bool PRIOR = false;
layout(binding = 0) readonly buffer Predicted { vec4 predicted[]; }; // (tx, ty, tw, th)
layout(binding = 1) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(2)
layout(binding = 3) readonly buffer Weights { float weights[]; };
layout(binding = 4) readonly buffer Prior { float prior[]; };
layout(binding = 5) writeonly buffer Targets { float targets[]; };
layout(binding = 6) writeonly buffer ErrorWeights { float error_weights[]; };
layout(binding = 7) writeonly buffer Labels { int labels[]; };
layout(binding = 8) writeonly buffer ClassWeights { float class_weights[]; };

void main() {
    const uint i = linear_index();
    if (i >= images * anchors) return;
    const uint image = i / anchors;
    const vec4 box = decoded_in_cell(predicted[i].yxwz, anchor[i - image * anchors], vec2(rows, columns));
    float best = 0;
    for (uint t = 0; t < truths; ++t)
        if (TRUTH_CLASS(image, t) >= 0) best = max(best, overlap(box, TRUTH_BOX(image, t)));
    const float pull = PRIOR ? max(prior[0], 0.0) : 0.0, weight = weights[image];
    for (uint c = 0; c < 4; ++c) {
        targets[5 * i + c] = pull > 0 && c < 2 ? 0.5 : 0.0;
        error_weights[5 * i + c] = weight * pull;
    }
    targets[5 * i + 4] = 0;
    error_weights[5 * i + 4] = best > threshold ? 0.0 : weight * no_object;
    labels[i] = 0;
    class_weights[i] = 0;
}
