#version 450
#extension GL_GOOGLE_include_directive : require
// Merges the partial moments of normalisation_statistics.comp in their order, relative to the first one's mean, and prepares
// the coefficients of a normalisation channel by channel. One invocation a channel of a set, or 16 that share it (SHARED).
// variants: SHARED=0 SHARED=1
#include "normalisation.h"
#include "normalisation_channels.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(binding = 0) readonly buffer Partials { float partials[]; };
layout(binding = 1) readonly buffer Gamma { float gamma[]; };
layout(binding = 2) readonly buffer Beta { float beta[]; };
layout(binding = 3) readonly buffer Valid { float valid[]; };
layout(binding = 4) writeonly buffer Mean { float mean[]; };
layout(binding = 5) writeonly buffer Variance { float variance[]; };
layout(binding = 6) writeonly buffer Coefficients { float coefficients[]; };
#include "normalisation_table.glsl"
#include "normalisation_moments.glsl"

#if SHARED
shared Moments parts[128];
#endif

// The rows of a strand that begins with `row`.
float rows_of(uint row, uint end) {
    if (row >= end) return 0;
    const uint apart = strand_step();
    if (apart == abreast && row + (depth - 1) * abreast < end) return float(depth);
    return float((end - row + apart - 1) / apart);
}

void main() {
    const uint stride = padded_channels();
    const Channel channel = this_channel();
    const uint c = channel.number, counted = COUNTED ? counted_rows(valid[0], channel.set) : set_rows();
    Moments sum = Moments(0, 0, 0, 0);
    if (channel.inside && c < channels) {
        Strand strand = first_strand_of_lane();
        for (; strand.number < strand.last; next_strand(strand)) {
            const uint at = 3 * stride * (channel.set * set_strands + strand.number) + c;
            const float cells = rows_of(strand.row, min(strand.end, counted));
            if (cells == 0) continue;
            Moments part = Moments(partials[at], partials[at + stride], partials[at + 2 * stride], cells);
            if (sum.cells == 0) part = about_its_mean(part);
            add(sum, part);
        }
    }
#if SHARED
    const uint me = gl_LocalInvocationID.x;
    parts[me] = sum;
    for (uint step = gl_WorkGroupSize.x / 2; step >= 8; step /= 2) {
        barrier();
        if (me < step) add(parts[me], parts[me + step]);
    }
    if (me >= 8) return;
    sum = parts[me];
#endif
    if (!channel.inside) return;
    const uint line = channel.set * line_stride(COEFFICIENTS);
    if (c >= channels) {
        pad_coefficients(line, c);
        return;
    }
    const MeanAndVariance moments = mean_and_variance(sum);
    mean[channel.set * vector_stride + c] = moments.mean;
    variance[channel.set * vector_stride + c] = moments.variance;
    store_coefficients(line, c, gamma[c], beta[c], moments.mean, moments.rest, moments.variance);
}
