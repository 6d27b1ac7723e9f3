#version 450
#extension GL_GOOGLE_include_directive : require
// Keeps the best candidate of a group, drops those that overlap it, and again, a workgroup a group. A lane
// owns every LANES-th candidate and moves up those that are left, so that a round costs as much as there are
// left.
#include "group.glsl"
#include "boxes.glsl"
#include "non_maximum_suppression.h"
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Totals { uint totals[]; };
layout(binding = 2) buffer CandidateScores { float candidate_scores[]; };
layout(binding = 3) buffer Candidates { uint candidates[]; };
layout(binding = 4) writeonly buffer Kept { uvec2 kept[]; };   // score and candidate, [images][groups][most]
layout(binding = 5) writeonly buffer States { uvec2 states[]; }; // how many were kept, and 0

void main() {
    const uint group = group_index(), lane = group_lane();
    if (group >= images * groups) return;
    const uint image = group / groups, number = group - image * groups, class_groups = classes / groups;
    const uint list = group * class_groups * anchors + lane, first_box = (first_image + image) * anchors;
    // Of one class the candidates are its anchors and an offset; of several, a division finds the anchor.
    const uint first_candidate = number * class_groups * anchors;
    uint left = (totals[group] + LANES - 1 - lane) / LANES;
    float best = 0;
    uint best_candidate = none;
    for (uint i = 0; i < left; ++i) {
        const float score = candidate_scores[list + i * LANES];
        if (score > best) {
            best = score;
            best_candidate = candidates[list + i * LANES];
        }
    }
    uint count = 0;
    for (; count < most; ++count) {
        group_best(best, best_candidate);
        if (best_candidate == none) break;
        if (lane == 0) kept[group * most + count] = uvec2(floatBitsToUint(best), best_candidate);
        const uint best_anchor = class_groups == 1 ? best_candidate - first_candidate : best_candidate % anchors;
        const vec4 box = boxes[first_box + best_anchor];
        const uint dropped = best_candidate;
        best = 0;
        best_candidate = none;
        uint stays = 0;
        for (uint i = 0; i < left; ++i) {
            const uint candidate = candidates[list + i * LANES];
            const uint a = class_groups == 1 ? candidate - first_candidate : candidate % anchors;
            if (candidate == dropped || overlap(box, boxes[first_box + a]) > overlap_threshold) continue;
            const float score = candidate_scores[list + i * LANES];
            if (stays < i) {
                candidates[list + stays * LANES] = candidate;
                candidate_scores[list + stays * LANES] = score;
            }
            ++stays;
            if (score > best) {
                best = score;
                best_candidate = candidate;
            }
        }
        left = stays;
    }
    if (lane == 0) states[group] = uvec2(count, 0);
}
