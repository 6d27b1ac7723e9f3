#version 450
#extension GL_GOOGLE_include_directive : require
// The moments of the whole batch from those of its sets, each weighed by its examples that count, in central form so that
// nothing cancels. One invocation a channel, the sets in their order.
#include "normalisation_group.h"
#include "linear.glsl"
#include "normalisation.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(binding = 0) readonly buffer SetMeans { float set_means[]; };
layout(binding = 1) readonly buffer SetVariances { float set_variances[]; };
layout(binding = 2) readonly buffer Valid { float valid[]; };
layout(binding = 3) readonly buffer Table { float table[]; }; // what rounding took from the means
layout(binding = 4) writeonly buffer Mean { float mean[]; };
layout(binding = 5) writeonly buffer Variance { float variance[]; };

// Means are taken relative to the first set's.
void main() {
    const uint c = linear_index();
    if (c >= channels) return;
    const uint line = line_stride(COEFFICIENTS), rest_row = COEFFICIENT_REST * padded_channels();
    const float origin = set_means[c];
    float count = 0, centre = 0, squares = 0;
    for (uint set = 0; set < sets; ++set) {
        const float own = COUNTED ? clamp(valid[0] - float(set * examples), 0.0, float(examples)) : float(examples);
        if (own == 0) break;
        precise float offset = (set_means[set * vector_stride + c] - origin) + table[set * line + rest_row + c];
        const float distance = offset - centre, share = own / (count + own);
        squares += own * set_variances[set * vector_stride + c] + distance * distance * (count * share);
        centre += distance * share;
        count += own;
    }
    mean[c] = origin + centre;
    variance[c] = count > 0 ? squares / count : 0.0;
}
