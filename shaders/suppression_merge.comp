#version 450
#extension GL_GOOGLE_include_directive : require
// The best of what all groups of an image kept, each of which is sorted already: again and again the best of
// their heads. A workgroup an image; a lane owns every LANES-th group.
#include "group.glsl"
#include "non_maximum_suppression.h"
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Kept { uvec2 kept[]; };
layout(binding = 2) buffer States { uvec2 states[]; }; // how many were kept, and how many of those are taken
layout(binding = 3) writeonly buffer Detections { float detections[]; }; // [images][limit][6]

void main() {
    const uint image = group_index(), lane = group_lane();
    if (image >= images) return;
    const uint first_group = image * groups;
    for (uint row = 0; row < limit; ++row) {
        float best = 0;
        uint group = none;
        for (uint g = lane; g < groups; g += LANES) {
            const uvec2 state = states[first_group + g];
            if (state.y >= state.x) continue;
            const float score = uintBitsToFloat(kept[(first_group + g) * most + state.y].x);
            if (score > best) {
                best = score;
                group = g;
            }
        }
        group_best(best, group);
        const uint to = ((first_image + image) * limit + row) * 6;
        if (group == none) {
            if (lane == 0)
                for (uint i = 0; i < 6; ++i) detections[to + i] = i == 0 ? -1.0 : 0.0;
        } else if (group % LANES == lane) {
            const uint head = states[first_group + group].y;
            const uint candidate = kept[(first_group + group) * most + head].y, c = candidate / anchors;
            const uint a = candidate - c * anchors;
            const vec4 box = clamp(boxes[(first_image + image) * anchors + a], 0.0, 1.0);
            states[first_group + group].y = head + 1;
            detections[to] = float(c);
            detections[to + 1] = best;
            for (uint i = 0; i < 4; ++i) detections[to + 2 + i] = box[i];
        }
    }
}
