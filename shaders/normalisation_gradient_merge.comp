#version 450
#extension GL_GOOGLE_include_directive : require
// Adds the partial sums of normalisation_gradient_sums.comp in their order: dbeta = sum g, dgamma = sum g *
// xhat, and the lines of dx of a normalisation channel by channel. One invocation a channel of a set, or 16 that share it
// (SHARED). Both may be added to totals.
// variants: SHARED=0 SHARED=1
#include "normalisation.h"
#include "normalisation_channels.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(binding = 0) readonly buffer Partials { float partials[]; };
layout(binding = 1) readonly buffer Coefficients { float coefficients[]; };
layout(binding = 2) readonly buffer Valid { float valid[]; };
layout(binding = 3) buffer DGamma { float dgamma[]; };
layout(binding = 4) buffer DBeta { float dbeta[]; };
layout(binding = 5) writeonly buffer Lines { float lines[]; };
layout(binding = 6) readonly buffer Keep { float keep[]; }; // 0: what a total holds counts for nothing
#include "normalisation_channel_gradient.glsl"

#if SHARED
shared vec2 parts[128];
#endif

void main() {
    const uint stride = padded_channels();
    const Channel channel = this_channel();
    const uint c = channel.number;
    vec2 sums = vec2(0); // of g, of g * (x - mean)
    if (channel.inside && c < channels) {
        const Strand run = first_strand_of_lane();
        uint at = 2 * stride * (channel.set * set_strands + run.number) + c;
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
    if (!channel.inside) return;
    const uint line = channel.set * line_stride(COEFFICIENTS), own = channel.set * line_stride(LINES);
    if (c >= channels) {
        lines[own + LINE_SLOPE * stride + c] = lines[own + LINE_LEVEL * stride + c] = 0;
        return;
    }
    const ChannelGradient gradient = channel_gradient(line, c, sums, COUNTED ? counted_rows(valid[0], channel.set) : set_rows());
    store_parameter_gradients(channel.set * vector_stride + c, gradient);
    lines[own + LINE_SLOPE * stride + c] = gradient.slope;
    lines[own + LINE_LEVEL * stride + c] = gradient.level;
}
