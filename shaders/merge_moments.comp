#version 450
#extension GL_GOOGLE_include_directive : require
// Merges a mean and a variance into a weighted average of raw moments, in central form so that nothing cancels:
//     M' = M + a (m - M),   V' = (1 - a) V + a v + a (1 - a) (m - M)^2
// With a = share of the examples this merges micro-batches, with a = 1 - decay it is the running average. Where the number
// n of cells is counted, means and unbiased variances are averaged on their own, as PyTorch does:
//     V' = (1 - a) V + a v n / (n - 1)
#include "merge_moments.h"
#include "linear.glsl"
layout(binding = 0) buffer Mean { vec4 mean[]; };
layout(binding = 1) buffer Variance { vec4 variance[]; };
layout(binding = 2) readonly buffer NewMean { vec4 new_mean[]; };
layout(binding = 3) readonly buffer NewVariance { vec4 new_variance[]; };
layout(binding = 4) readonly buffer Share { float share[]; };
layout(binding = 5) readonly buffer Cells { float cells[]; };
layout(binding = 6) readonly buffer Examples { float examples[]; };

const uint block_items = 16; // four floats each

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    const float a = share[0];
    if (a == 0.0) return; // a skipped step: what is new may be no number
    if (selects != 0 && cells[i / block_items] == 0.0) return;
    vec4 v = new_variance[i];
    if (counts != 0) {
        const float n = cells[i / block_items] * examples[0];
        if (n > 1.0) v *= n / (n - 1.0);
    }
    const vec4 old_mean = mean[i], difference = new_mean[i] - old_mean;
    vec4 merged = (1.0 - a) * variance[i] + a * v;
    if (counts == 0) merged += a * (1.0 - a) * difference * difference;
    const bool first = a == 1.0; // micro-batch: what was there before does not count, whatever it is
    mean[i] = first ? new_mean[i] : old_mean + a * difference;
    variance[i] = first ? v : merged;
}
