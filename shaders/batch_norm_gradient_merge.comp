#version 450
#extension GL_GOOGLE_include_directive : require
// Adds the partial sums of batch_norm_gradient_sums.comp in their order: dbeta = sum g, dgamma = sum g *
// xhat, and the coefficients of dx = scale * g + slope * (x - mean) + level. One invocation a channel, or 16
// that share it (SHARED).
// variants: SHARED=0 SHARED=1
#include "batch_norm.h"
#include "batch_norm_channels.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const bool GIVEN = false;   // mean and variance are constants
layout(binding = 0) readonly buffer Partials { float partials[]; };
layout(binding = 1) readonly buffer Coefficients { float coefficients[]; };
layout(binding = 2) readonly buffer Valid { float valid[]; };
layout(binding = 3) writeonly buffer DGamma { float dgamma[]; };
layout(binding = 4) writeonly buffer DBeta { float dbeta[]; };
layout(binding = 5) writeonly buffer Lines { float lines[]; }; // slope, level

#if SHARED
shared vec2 parts[128];
#endif

void main() {
    const uint stride = (channels + 7) / 8 * 8, c = this_channel();
    vec2 sums = vec2(0); // of g, of g * (x - mean)
    if (c < channels) {
        const Strand run = first_strand();
        uint at = 2 * stride * run.number + c;
        for (uint number = run.number; number < run.last; ++number, at += 2 * stride)
            sums += vec2(partials[at], partials[at + stride]);
    }
#if SHARED
    const uint me = gl_LocalInvocationID.x;
    parts[me] = sums;
    for (uint step = gl_WorkGroupSize.x / 2; step >= 8; step /= 2) {
        barrier();
        if (me < step) parts[me] += parts[me + step];
    }
    if (me >= 8) return;
    sums = parts[me];
#endif
    if (c >= stride) return;
    if (c >= channels) {
        lines[c] = lines[stride + c] = 0;
        return;
    }
    const float sum = sums.x, product = sums.y;
    const float scale = coefficients[COEFFICIENT_SCALE * stride + c];
    const float rest = coefficients[COEFFICIENT_REST * stride + c];
    const float inverse = coefficients[COEFFICIENT_INVERSE * stride + c];
    const float along = (product - rest * sum) * inverse; // sum g * xhat
    dgamma[c] = along;
    dbeta[c] = sum;
    const uint counted = COUNTED ? counted_rows(valid[0] - float(first_example), example_rows, total_rows) : total_rows;
    float slope = 0, level = 0;
    if (!GIVEN && counted > 0) {
        const float share = scale / float(counted);
        slope = -share * inverse * along;
        level = -share * sum - slope * rest;
    }
    lines[c] = slope;
    lines[stride + c] = level;
}
