#version 450
#extension GL_GOOGLE_include_directive : require
// What each anchor is to predict of its box, if it has one, and how much its errors weigh.
#include "linear.glsl"
#include "boxes.glsl"
#include "yolo_targets.h"
#include "truth.glsl"
layout(constant_id = 1) const bool PRIOR = false;
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(2)
layout(binding = 3) readonly buffer Weights { float weights[]; };
layout(binding = 4) readonly buffer Prior { float prior[]; };
layout(binding = 5) readonly buffer List { uint list[]; };
layout(binding = 6) writeonly buffer Targets { float targets[]; };
layout(binding = 7) writeonly buffer ErrorWeights { float error_weights[]; };

void main() {
    const uint i = linear_index(), image = i / anchors, a = i - image * anchors;
    if (image >= images) return;
    const vec2 cells = vec2(rows, columns);
    const vec4 predicted = decoded_in_cell(boxes[i].yxwz, anchor[a], cells);
    const uint count = TRUTH_COUNT(image), of = TRUTH_AT(image, 2 * truths + a);
    float best = 0;
    for (uint j = 0; j < count; ++j) {
        const uint t = TRUTH_AT(image, j);
        best = max(best, overlap(predicted, TRUTH_BOX(image, t)));
    }
    const float pull = PRIOR ? max(prior[0], 0.0) : 0.0;
    vec4 target = pull > 0 ? vec4(0.5, 0.5, 0, 0) : vec4(0);
    float object_target = 0, weight = pull, object_weight = best > threshold ? 0.0 : no_object;
    if (of < truths) {
        const vec4 box = TRUTH_BOX(image, of), centre = box_centre(box);
        const vec2 size = max(centre.zw, vec2(least_size)), place = centre.xy * cells;
        const uint cell = a / priors, row = cell / columns;
        const vec2 inside = clamp(place - vec2(row, cell - row * columns), vec2(0), vec2(1));
        target = vec4(inside.yx, log(size / max(anchor[a].zw, vec2(least_size))).yx);
        weight = coordinates * (2 - size.x * size.y);
        object_target = overlap(predicted, box);
        object_weight = object;
    }
    for (uint c = 0; c < 4; ++c) {
        targets[5 * i + c] = target[c];
        error_weights[5 * i + c] = weights[image] * weight;
    }
    targets[5 * i + 4] = object_target;
    error_weights[5 * i + 4] = weights[image] * object_weight;
}
