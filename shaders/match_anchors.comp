#version 450
#extension GL_GOOGLE_include_directive : require
// For every anchor the true box of largest overlap, where that reaches the threshold, else -1; of equals the
// first.
#include "group.glsl"
#include "boxes.glsl"
#include "match_anchors.h"
#include "truth.glsl"
layout(binding = 0) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(1)
layout(binding = 2) readonly buffer List { uint list[]; };
layout(binding = 3) writeonly buffer Matches { int matches[]; };

void main() {
    const uint blocks = (anchors + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    const uint image = group_index() / blocks; // one for all lanes
    const uint a = (group_index() - image * blocks) * gl_WorkGroupSize.x + group_lane();
    if (image >= images || a >= anchors) return;
    const vec4 box = anchor_corners(anchor[a]);
    const uint count = TRUTH_COUNT(image);
    float best = -1;
    uint match = none;
    for (uint j = 0; j < count; ++j) {
        const uint t = TRUTH_AT(image, j);
        const float value = overlap(box, TRUTH_BOX(image, t));
        if (value > best) {
            best = value;
            match = t;
        }
    }
    matches[image * anchors + a] = match != none && best >= threshold ? int(match) : -1;
}
