#version 450
#extension GL_GOOGLE_include_directive : require
// Gives every true box an anchor of its own, as long as there are any: again and again the pair of largest
// overlap among the boxes and anchors that are left, of equals the first box and then the first anchor. Each
// box's best anchor is known from match_truths.comp and looked for anew only when another box took it. A
// workgroup an image.
#include "group.glsl"
#include "boxes.glsl"
#include "match_anchors.h"
#include "truth.glsl"
layout(binding = 0) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(1)
layout(binding = 2) readonly buffer List { uint list[]; };
// Of a box without an anchor the overlap and the anchor; of the others the anchor and `none`.
layout(binding = 3) coherent buffer Best { uvec2 best[]; };
// While this runs, -2 where an anchor is taken.
layout(binding = 4) coherent buffer Matches { int matches[]; };

void main() {
    const uint image = group_index(), lane = group_lane();
    if (image >= images) return;
    const uint count = TRUTH_COUNT(image), first = image * truths, first_anchor = image * anchors;
    uint left = min(count, anchors);
    for (; left > 0; --left) {
        float value = -1;
        uint j = none;
        for (uint i = lane; i < count; i += LANES) {
            const uvec2 mine = best[first + i];
            if (mine.y != none && uintBitsToFloat(mine.x) > value) {
                value = uintBitsToFloat(mine.x);
                j = i;
            }
        }
        group_best(value, j);
        if (value <= 0) break;
        const uint taken = best[first + j].y;
        barrier();
        if (lane == 0) {
            best[first + j] = uvec2(taken, none);
            matches[first_anchor + taken] = -2;
        }
        group_sync();
        for (uint i = 0; i < count; ++i) {
            if (best[first + i].y != taken) continue;
            const vec4 box = TRUTH_BOX(image, TRUTH_AT(image, i));
            value = -1;
            uint index = none;
            for (uint a = lane; a < anchors; a += LANES) {
                const float mine = overlap(anchor_corners(anchor[a]), box);
                if (mine > value && matches[first_anchor + a] > -2) {
                    value = mine;
                    index = a;
                }
            }
            group_best(value, index);
            // Where no anchor is left, no further round is made.
            if (lane == 0) best[first + i] = uvec2(floatBitsToUint(value), min(index, anchors));
        }
        group_sync();
    }
    // Boxes that overlap no anchor that is left: in their order, each the first one.
    if (lane == 0) {
        uint a = 0;
        for (uint i = 0; i < count && left > 0; ++i) {
            if (best[first + i].y == none) continue;
            while (matches[first_anchor + a] <= -2) ++a;
            best[first + i] = uvec2(a, none);
            matches[first_anchor + a] = -2;
            --left;
        }
    }
    group_sync();
    for (uint i = lane; i < count; i += LANES)
        if (best[first + i].y == none) matches[first_anchor + best[first + i].x] = int(TRUTH_AT(image, i));
}
