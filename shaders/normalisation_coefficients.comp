#version 450
#extension GL_GOOGLE_include_directive : require
// The coefficients of a normalisation over groups of channels, with the moments of each set, with given ones, or with both:
// those of the set weigh alpha, the given ones 1 - alpha (Summers and Dinneen, arXiv 1906.03548, inference example weighing).
// All averages are of raw moments, computed in central form so that nothing cancels:
//     mean = M + alpha (m - M),   variance = alpha v + (1 - alpha) V + alpha (1 - alpha) (m - M)^2
#include "normalisation_group.h"
#include "normalisation_groups.glsl"
layout(constant_id = 2) const bool OWN = true;    // the moments of each set are known
layout(constant_id = 3) const bool GIVEN = false; // moments of each channel are given
layout(binding = 0) readonly buffer Gamma { float gamma[]; };
layout(binding = 1) readonly buffer Beta { float beta[]; };
layout(binding = 2) readonly buffer Table { float table[]; };          // of the set's channels: mean and rest
layout(binding = 3) readonly buffer Variances { float variances[]; }; // of the set's channels
layout(binding = 4) readonly buffer GivenMean { float given_mean[]; };
layout(binding = 5) readonly buffer GivenVariance { float given_variance[]; };
layout(binding = 6) readonly buffer Alpha { float alpha[]; };
layout(binding = 7) writeonly buffer Coefficients { float coefficients[]; };
#include "normalisation_table.glsl"

struct Moments {
    float mean, rest; // the mean in two numbers
    float variance;
};

Moments of_channel(bool own, uint set, uint c) {
    if (!own) return Moments(given_mean[c], 0, given_variance[c]);
    const uint line = set * line_stride(COEFFICIENTS), stride = padded_channels();
    return Moments(table[line + COEFFICIENT_MEAN * stride + c], table[line + COEFFICIENT_REST * stride + c],
                   variances[set * vector_stride + c]);
}

// from.mean + from.rest + offset as a mean in two numbers.
Moments moved(Moments from, float offset, float variance) {
    precise float away = from.rest + offset;
    precise float centre = from.mean + away;
    precise float rest = away - (centre - from.mean);
    return Moments(centre, rest, variance);
}

float distance_of(Moments to, Moments from) {
    precise float difference = (to.mean - from.mean) + (to.rest - from.rest);
    return difference;
}

// Channels have equally many cells.
Moments of_group(bool own, const Group group) {
    const Moments origin = of_channel(own, group.set, group.begin);
    if (span == 1) return origin;
    float sum = 0;
    for (uint c = group.begin; c < group.end; ++c) sum += distance_of(of_channel(own, group.set, c), origin);
    const float offset = sum / float(span);
    float spread = 0;
    for (uint c = group.begin; c < group.end; ++c) {
        const Moments moments = of_channel(own, group.set, c);
        const float away = distance_of(moments, origin) - offset;
        spread += moments.variance + away * away;
    }
    return moved(origin, offset, spread / float(span));
}

void main() {
    const Group group = this_group();
    if (!group.inside) return;
    Moments moments = of_group(OWN, group);
    if (OWN && GIVEN) {
        const Moments given = of_group(false, group);
        const float a = alpha[0], difference = distance_of(moments, given);
        moments = moved(given, a * difference,
                        a * moments.variance + (1.0 - a) * given.variance + a * (1.0 - a) * difference * difference);
    }
    const uint line = group.set * line_stride(COEFFICIENTS);
    for (uint c = group.first; c < group.last; ++c)
        store_coefficients(line, c, gamma[c], beta[c], moments.mean, moments.rest, moments.variance);
    if (group.last == channels)
        for (uint c = channels; c < padded_channels(); ++c) pad_coefficients(line, c);
}
