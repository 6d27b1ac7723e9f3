#version 450
#extension GL_GOOGLE_include_directive : require
// The moments of the batch from those of its ghosts, each weighed by its examples that count, in central form so that
// nothing cancels. One invocation a channel, the ghosts in their order.
#include "batch_norm_pool.h"
#include "linear.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(binding = 0) readonly buffer GhostMeans { float ghost_means[]; };
layout(binding = 1) readonly buffer GhostVariances { float ghost_variances[]; };
layout(binding = 2) readonly buffer Valid { float valid[]; };
layout(binding = 3) readonly buffer Coefficients { float coefficients[]; };
layout(binding = 4) writeonly buffer Mean { float mean[]; };
layout(binding = 5) writeonly buffer Variance { float variance[]; };

// Means are taken relative to the first ghost's, with what rounding took from them.
void main() {
    const uint c = linear_index();
    if (c >= channels) return;
    const float origin = ghost_means[c];
    float examples = 0, centre = 0, squares = 0;
    for (uint g = 0; g < ghosts; ++g) {
        const float count = COUNTED ? clamp(valid[0] - float(g * ghost), 0.0, float(ghost)) : float(ghost);
        if (count == 0) break;
        const float rest = coefficients[g * line + rest_row + c];
        precise float offset = (ghost_means[g * stride + c] - origin) + rest;
        const float distance = offset - centre, share = count / (examples + count);
        squares += count * ghost_variances[g * stride + c] + distance * distance * (examples * share);
        centre += distance * share;
        examples += count;
    }
    mean[c] = origin + centre;
    variance[c] = examples > 0 ? squares / examples : 0.0;
}
