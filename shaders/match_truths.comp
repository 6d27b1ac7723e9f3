#version 450
#extension GL_GOOGLE_include_directive : require
// For every true box the anchor of largest overlap, of equals the first. A workgroup a box.
#include "group.glsl"
#include "boxes.glsl"
#include "match_anchors.h"
#include "truth.glsl"
layout(binding = 0) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(1)
layout(binding = 2) readonly buffer List { uint list[]; };
layout(binding = 3) writeonly buffer Best { uvec2 best[]; }; // overlap and anchor, in the list's order

void main() {
    const uint image = group_index() / truths, j = group_index() - image * truths;
    if (image >= images || j >= TRUTH_COUNT(image)) return;
    const vec4 box = TRUTH_BOX(image, TRUTH_AT(image, j));
    float value = -1;
    uint index = none;
    for (uint a = group_lane(); a < anchors; a += LANES) {
        const float mine = overlap(anchor_corners(anchor[a]), box);
        if (mine > value) {
            value = mine;
            index = a;
        }
    }
    group_best(value, index);
    if (group_lane() == 0) best[image * truths + j] = uvec2(floatBitsToUint(value), index);
}
