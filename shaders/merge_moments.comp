#version 450
#extension GL_GOOGLE_include_directive : require
// Merges a mean and a variance into a weighted average of raw moments, in central form so that nothing cancels:
//     M' = M + a (m - M),   V' = (1 - a) V + a v + a (1 - a) (m - M)^2
// With a = share of the examples this merges micro-batches, with a = 1 - decay it is the running average.
#include "accumulate.h"
#include "linear.glsl"
layout(binding = 0) buffer Mean { vec4 mean[]; };
layout(binding = 1) buffer Variance { vec4 variance[]; };
layout(binding = 2) readonly buffer NewMean { vec4 new_mean[]; };
layout(binding = 3) readonly buffer NewVariance { vec4 new_variance[]; };
layout(binding = 4) readonly buffer Share { float share[]; };

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    const float a = share[0];
    if (a == 0.0) return; // a skipped step: what is new may be no number
    if (a == 1.0) { // the first micro-batch: what was there before does not count, whatever it is
        mean[i] = new_mean[i];
        variance[i] = new_variance[i];
        return;
    }
    const vec4 difference = new_mean[i] - mean[i];
    mean[i] += a * difference;
    variance[i] = (1.0 - a) * variance[i] + a * new_variance[i] + a * (1.0 - a) * difference * difference;
}
