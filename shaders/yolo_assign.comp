#version 450
#extension GL_GOOGLE_include_directive : require
// Assigns every true box to the prior of the most similar shape in the cell of its centre; of two boxes for one anchor the
// later one counts. One invocation an image, for boxes are few and their order matters.
#include "linear.glsl"
#include "boxes.glsl"
#include "yolo_targets.h"
#include "truth.glsl"
layout(binding = 0) readonly buffer Predicted { vec4 predicted[]; }; // (tx, ty, tw, th)
layout(binding = 1) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(2)
layout(binding = 3) readonly buffer Weights { float weights[]; };
layout(binding = 4) writeonly buffer Targets { float targets[]; };
layout(binding = 5) writeonly buffer ErrorWeights { float error_weights[]; };
layout(binding = 6) writeonly buffer Labels { int labels[]; };
layout(binding = 7) writeonly buffer ClassWeights { float class_weights[]; };

void main() {
    const uint image = linear_index();
    if (image >= images) return;
    const uvec2 cells = uvec2(rows, columns);
    const uint priors = anchors / (rows * columns);
    const float weight = weights[image];
    for (uint t = 0; t < truths; ++t) {
        const float category = TRUTH_CLASS(image, t);
        if (!(category >= 0)) continue;
        const vec4 box = TRUTH_BOX(image, t);
        const vec2 centre = 0.5 * (box.xy + box.zw), size = max(box.zw - box.xy, vec2(least_size));
        const vec2 place = centre * vec2(cells);
        const uvec2 cell = uvec2(clamp(floor(place), vec2(0), vec2(cells - 1u)));
        const uint from = (cell.x * columns + cell.y) * priors;
        const vec4 shape = vec4(-0.5 * size, 0.5 * size);
        uint a = from;
        float best = -1;
        for (uint p = from; p < from + priors; ++p) {
            const float similar = overlap(shape, vec4(-0.5 * anchor[p].zw, 0.5 * anchor[p].zw));
            if (similar > best) {
                best = similar;
                a = p;
            }
        }
        const uint i = image * anchors + a;
        const vec2 within = clamp(place - vec2(cell), 0.0, 1.0), scale = log(size / max(anchor[a].zw, vec2(least_size)));
        const float found = overlap(decoded_in_cell(predicted[i].yxwz, anchor[a], vec2(cells)), box);
        const float values[5] = float[](within.y, within.x, scale.y, scale.x, found);
        for (uint c = 0; c < 5; ++c) {
            targets[5 * i + c] = values[c];
            error_weights[5 * i + c] = weight * (c == 4 ? object : coordinates * (2 - size.x * size.y));
        }
        labels[i] = int(category);
        class_weights[i] = weight * classes;
    }
}
