#version 450
#extension GL_GOOGLE_include_directive : require
// What normalisation_gradient_sums.comp, normalisation_gradient_merge.comp and normalisation_gradient_apply.comp compute, of
// small sets, in one dispatch: see include/normalisation_strip.glsl.
// variants: REAL=32 REAL=16
#include "normalisation.h"
#include "normalisation_strip.glsl"
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer Dy { Real dy[]; };
layout(binding = 2) readonly buffer Coefficients { float coefficients[]; };
layout(binding = 3) readonly buffer Valid { float valid[]; };
layout(binding = 4) buffer DGamma { float dgamma[]; };
layout(binding = 5) buffer DBeta { float dbeta[]; };
layout(binding = 6) writeonly buffer Dx { Real dx[]; };
layout(binding = 7) readonly buffer Keep { float keep[]; }; // 0: what a total holds counts for nothing
#include "normalisation_channel_gradient.glsl"

void main() {
    const Strip strip = this_strip();
    if (!strip.inside || strip.channel >= channels) return;
    const uint counted = COUNTED ? counted_rows(valid[0], strip.set) : rows;
    const uint c = strip.channel, stride = padded_channels(), line = strip.set * line_stride(COEFFICIENTS);
    const float mean = coefficients[line + COEFFICIENT_MEAN * stride + c];
    const float scale = coefficients[line + COEFFICIENT_SCALE * stride + c];
    const float shift = coefficients[line + COEFFICIENT_SHIFT * stride + c];
    vec2 sums = vec2(0); // of g, of g * (x - mean)
    uint at = strip.at;
    [[dont_unroll]] for (uint row = 0; row < counted;) {
        vec2 part = vec2(0);
        [[dont_unroll]] for (const uint end = min(row + BLOCK, counted); row < end; ++row, at += channels) {
            const float d = float(x[at]) - mean, y = normalised(float(x[at]), mean, scale, shift);
            const float g = gradient_through(vec4(dy[at]), vec4(y), ACTIVATION, lower, upper).x;
            part += vec2(g, g * d);
        }
        sums += part;
    }
    const ChannelGradient gradient = channel_gradient(line, c, sums, counted);
    store_parameter_gradients(strip.set * vector_stride + c, gradient);
    at = strip.at;
    [[dont_unroll]] for (uint row = 0; row < rows; ++row, at += channels) {
        const float d = float(x[at]) - mean, y = normalised(float(x[at]), mean, scale, shift);
        const float g = gradient_through(vec4(dy[at]), vec4(y), ACTIVATION, lower, upper).x;
        const float v = g * scale + (d * gradient.slope + gradient.level);
        dx[at] = Real(COUNTED && row >= counted ? 0 : v);
    }
}
