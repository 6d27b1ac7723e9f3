#version 450
#extension GL_GOOGLE_include_directive : require
// The lines of dx of a normalisation over groups of channels, whose n cells share their moments:
//     dx = (gamma g - sum(gamma g) / n - xhat sum(gamma g xhat) / n) / sqrt(variance + epsilon)
// with gamma inside the sums, which run over all channels of the group.
#include "normalisation_group.h"
#include "normalisation_groups.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(binding = 0) readonly buffer Coefficients { float coefficients[]; };
layout(binding = 1) readonly buffer DGamma { float dgamma[]; }; // of each set: sum g xhat
layout(binding = 2) readonly buffer DBeta { float dbeta[]; };   // of each set: sum g
layout(binding = 3) readonly buffer Valid { float valid[]; };
layout(binding = 4) writeonly buffer Lines { float lines[]; };

void main() {
    const Group group = this_group();
    if (!group.inside) return;
    const uint stride = padded_channels(), line = group.set * line_stride(COEFFICIENTS), vector = group.set * vector_stride;
    const float inverse = coefficients[line + COEFFICIENT_INVERSE * stride + group.begin];
    const float rest = coefficients[line + COEFFICIENT_REST * stride + group.begin];
    float sum = 0, along = 0; // with scale = gamma * inverse
    for (uint c = group.begin; c < group.end; ++c) {
        const float scale = coefficients[line + COEFFICIENT_SCALE * stride + c];
        sum += scale * dbeta[vector + c];
        along += scale * dgamma[vector + c];
    }
    const uint counted = COUNTED ? counted_rows(valid[0], group.set) : examples * example_rows;
    const float cells = float(counted) * float(span);
    const float slope = counted > 0 ? -inverse * along / cells : 0;
    const float level = counted > 0 ? -sum / cells - slope * rest : 0;
    const uint own = group.set * line_stride(LINES);
    for (uint c = group.first; c < group.last; ++c) {
        lines[own + LINE_SLOPE * stride + c] = slope;
        lines[own + LINE_LEVEL * stride + c] = level;
    }
    if (group.last == channels)
        for (uint c = channels; c < stride; ++c) lines[own + LINE_SLOPE * stride + c] = lines[own + LINE_LEVEL * stride + c] = 0;
}
