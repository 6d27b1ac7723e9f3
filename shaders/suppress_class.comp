#version 450
#extension GL_GOOGLE_include_directive : require
// Greedy non-maximum suppression in one class of one image, a workgroup each: again and again the candidate of the largest
// score, of equals the first anchor, is kept, and those that overlap it more than the threshold go. A lane gathers the
// candidates of a stretch of anchors and keeps them to itself, so lanes meet only to find the best.
#include "group.glsl"
#include "boxes.glsl"
#include "suppression.h"
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Scores { float scores[]; };
layout(binding = 2) buffer Candidates { uvec2 candidates[]; }; // [images of this dispatch][classes][anchors]: score and anchor
layout(binding = 3) writeonly buffer Kept { uvec2 kept[]; };   // [images of this dispatch][classes][per_class], likewise
layout(binding = 4) writeonly buffer Counts { uint counts[]; };

void main() {
    const uint group = group_index(), lane = group_lane(), image = group / classes, category = group - image * classes;
    if (image >= images) return;
    const uint stretch = (anchors + LANES - 1) / LANES, from = min(lane * stretch, anchors), to = min(from + stretch, anchors);
    const uint first = (first_image + image) * anchors, mine = group * anchors + from;
    uint count = 0;
    float value = score_threshold;
    uint best = none;
    for (uint a = from; a < to; ++a) {
        const float score = scores[(first + a) * classes + category];
        if (!(score > score_threshold)) continue;
        candidates[mine + count++] = uvec2(floatBitsToUint(score), a);
        if (score > value) {
            value = score;
            best = a;
        }
    }
    uint round = 0;
    for (; round < per_class; ++round) {
        group_best(value, best);
        if (best == none) break;
        if (lane == 0) kept[group * per_class + round] = uvec2(floatBitsToUint(value), best);
        const uint last = best;
        const vec4 box = boxes[first + last];
        uint left = 0;
        value = score_threshold;
        best = none;
        for (uint i = 0; i < count; ++i) {
            const uvec2 candidate = candidates[mine + i];
            if (candidate.y == last || overlap(boxes[first + candidate.y], box) > iou_threshold) continue;
            candidates[mine + left++] = candidate;
            if (uintBitsToFloat(candidate.x) > value) {
                value = uintBitsToFloat(candidate.x);
                best = candidate.y;
            }
        }
        count = left;
    }
    if (lane == 0) counts[group] = round;
}
