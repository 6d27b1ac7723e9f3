#version 450
#extension GL_GOOGLE_include_directive : require
// What normalisation_statistics.comp, normalisation_merge.comp and normalisation_apply.comp compute, of small sets, in one
// dispatch: see include/normalisation_strip.glsl.
// variants: REAL=32 REAL=16
#include "normalisation.h"
#include "normalisation_strip.glsl"
#include "normalisation_moments.glsl"
layout(constant_id = 3) const bool RESIDUAL = false;
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer Gamma { float gamma[]; };
layout(binding = 2) readonly buffer Beta { float beta[]; };
layout(binding = 3) readonly buffer Valid { float valid[]; };
layout(binding = 4) writeonly buffer Mean { float mean[]; };
layout(binding = 5) writeonly buffer Variance { float variance[]; };
layout(binding = 6) writeonly buffer Coefficients { float coefficients[]; };
layout(binding = 7) writeonly buffer Y { Real y[]; };
layout(binding = 8) readonly buffer Residual { Real residual[]; };
#include "normalisation_table.glsl"

// Of `count` rows from element `at` on.
Moments moments_of(uint at, uint count) {
    const float first = float(x[at]);
    float sum = 0, squares = 0;
    [[dont_unroll]] for (uint i = 1; i < count; ++i) {
        at += channels;
        const float d = float(x[at]) - first;
        sum += d;
        squares += d * d;
    }
    const float offset = sum / float(count);
    return Moments(first, offset, max(squares - sum * offset, 0), float(count));
}

void main() {
    const Strip strip = this_strip();
    if (!strip.inside) return;
    const uint c = strip.channel, line = strip.set * line_stride(COEFFICIENTS);
    if (c >= channels) {
        pad_coefficients(line, c);
        return;
    }
    const uint counted = COUNTED ? counted_rows(valid[0], strip.set) : rows;
    Moments sum = Moments(0, 0, 0, 0);
    [[dont_unroll]] for (uint row = 0; row < counted; row += BLOCK) {
        Moments part = moments_of(strip.at + row * channels, min(counted - row, BLOCK));
        if (row == 0) part = about_its_mean(part);
        add(sum, part);
    }
    const MeanAndVariance moments = mean_and_variance(sum);
    mean[strip.set * vector_stride + c] = moments.mean;
    variance[strip.set * vector_stride + c] = moments.variance;
    const vec2 line_of_y = store_coefficients(line, c, gamma[c], beta[c], moments.mean, moments.rest, moments.variance);
    uint at = strip.at;
    [[dont_unroll]] for (uint row = 0; row < rows; ++row, at += channels) {
        float v = normalised(float(x[at]), moments.mean, line_of_y.x, line_of_y.y);
        if (COUNTED && row >= counted) v = 0;
        if (RESIDUAL) v += float(residual[at]);
        v = activate_normalised(vec4(v), ACTIVATION, lower, upper).x;
        if (COUNTED && !RESIDUAL && row >= counted) v = 0;
        y[at] = Real(v);
    }
}
