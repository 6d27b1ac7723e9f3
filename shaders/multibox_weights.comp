#version 450
#extension GL_GOOGLE_include_directive : require
// Which anchors count in SSD's loss: those with a box, and of the others the k of the largest losses. A
// workgroup an image finds the k-th largest digit by digit, from counts of each of the 256 digits, and takes
// of those equal to it the first.
#include "group.glsl"
#include "multibox_weights.h"
layout(binding = 0) readonly buffer Losses { float losses[]; };
layout(binding = 1) readonly buffer Matches { int matches[]; };
layout(binding = 2) readonly buffer Weights { float weights[]; };
layout(binding = 3) writeonly buffer ClassWeights { float class_weights[]; };
layout(binding = 4) writeonly buffer BoxWeights { float box_weights[]; };

const uint digits = 256;
shared uint counts[digits];
shared uint found_digit, found_place;

// Larger losses have larger keys; NaN has the largest.
uint key_of(float loss) {
    const uint bits = floatBitsToUint(loss);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0xffffffffu;
    if ((bits & 0x7fffffffu) == 0) return 0x80000000u;
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

void main() {
    const uint image = group_index(), lane = group_lane(), first = image * anchors;
    if (image >= images) return;
    uint mine = 0, before;
    for (uint a = lane; a < anchors; a += LANES)
        if (matches[first + a] >= 0) ++mine;
    const uint positives = group_count(mine, before), negatives = anchors - positives;
    const float weight = weights[image] / float(max(positives, 1));
    uint wanted = negatives;
    if (negatives_per_positive > 0) {
        const float ratio = floor(negatives_per_positive * float(positives));
        wanted = ratio < float(negatives) ? min(max(uint(ratio), least_negatives), negatives) : negatives;
    }

    // The key of the wanted-th largest, and how many of those of this key are wanted.
    uint key = 0, place = wanted;
    const bool search = wanted > 0 && wanted < negatives;
    for (int shift = 24; search && shift >= 0; shift -= 8) {
        barrier();
        for (uint d = lane; d < digits; d += LANES) counts[d] = 0;
        barrier();
        for (uint a = lane; a < anchors; a += LANES) {
            if (matches[first + a] >= 0) continue;
            const uint other = key_of(losses[first + a]);
            // Shifts of 32 are undefined, so it is two.
            if (((other ^ key) >> shift >> 8) == 0) atomicAdd(counts[other >> shift & (digits - 1)], 1);
        }
        barrier();
        if (lane == 0) {
            uint d = digits - 1;
            for (; d > 0 && counts[d] < place; --d) place -= counts[d];
            found_digit = d;
            found_place = place;
        }
        barrier();
        key |= found_digit << shift;
        place = found_place;
    }

    // Each lane a stretch of anchors, so that those of equal keys are counted in their order.
    const uint stretch = (anchors + LANES - 1) / LANES, from = min(lane * stretch, anchors),
               to = min(from + stretch, anchors);
    mine = 0;
    for (uint a = from; search && a < to; ++a)
        if (matches[first + a] < 0 && key_of(losses[first + a]) == key) ++mine;
    group_count(mine, before);
    for (uint a = from; a < to; ++a) {
        const bool positive = matches[first + a] >= 0;
        bool counted = positive || (!search && wanted > 0);
        if (search && !positive) {
            const uint other = key_of(losses[first + a]);
            counted = other > key || (other == key && before < place);
            if (other == key) ++before;
        }
        class_weights[first + a] = counted ? weight : 0.0;
        box_weights[first + a] = positive ? weight : 0.0;
    }
}
