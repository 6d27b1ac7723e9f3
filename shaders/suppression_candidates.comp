#version 450
#extension GL_GOOGLE_include_directive : require
// The candidates of an image, those of a score above the threshold: their number in every block of anchors of
// every class, or themselves, gathered without gaps in the order of groups, classes and anchors. Neighbouring
// invocations read neighbouring classes.
#include "linear.glsl"
#include "non_maximum_suppression.h"
layout(constant_id = 1) const bool GATHER = false;
layout(binding = 0) readonly buffer Scores { float scores[]; };
// [images][classes][blocks]: how many, or where they begin in their group.
layout(binding = 1) buffer Counts { uint counts[]; };
layout(binding = 2) writeonly buffer CandidateScores { float candidate_scores[]; };
layout(binding = 3) writeonly buffer Candidates { uint candidates[]; }; // class * anchors + anchor

void main() {
    const uint index = linear_index(), part = index / classes, c = index - part * classes;
    const uint image = part / blocks, block = part - image * blocks;
    if (image >= images) return;
    const uint cell = (image * classes + c) * blocks + block;
    const uint class_groups = classes / groups; // classes of a group
    uint at = 0;
    if (GATHER) at = (image * groups + c / class_groups) * class_groups * anchors + counts[cell];
    const uint from = block * SUPPRESSION_BLOCK, to = min(from + SUPPRESSION_BLOCK, anchors);
    uint count = 0;
    for (uint a = from; a < to; ++a) {
        const float score = scores[((first_image + image) * anchors + a) * classes + c];
        if (!(score > score_threshold)) continue;
        if (GATHER) {
            candidate_scores[at + count] = score;
            candidates[at + count] = c * anchors + a;
        }
        ++count;
    }
    if (!GATHER) counts[cell] = count;
}
