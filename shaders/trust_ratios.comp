#version 450
#extension GL_GOOGLE_include_directive : require
// The ratio by which layerwise optimizers scale the step of each tensor, from the partial sums of the squares of its
// parameters w and of its step or gradient u, added up in a fixed order:
//     LARS  coefficient |w| / (|g| + decay |w| + epsilon)      LAMB  |w| / |u|      1 where either norm is 0
#include "optimizer.h"
#include "trust_ratios.h"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ALGORITHM = 0;
layout(constant_id = 2) const uint FLAGS = 0;
layout(binding = 0) readonly buffer Norms { vec2 norms[]; };
layout(binding = 1) readonly buffer Segments { uvec4 table[]; };
layout(binding = 2) readonly buffer Scalars { float scalars[]; };
layout(binding = 3) writeonly buffer Ratios { float ratios[]; };

const uint most_lanes = 64;
shared vec2 sums[most_lanes];

void main() {
    const uint segment = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, lane = gl_LocalInvocationID.x;
    if (segment >= segments) return;
    const uvec4 range = table[2 * segment];
    const vec4 policy = uintBitsToFloat(table[2 * segment + 1]);
    vec2 sum = vec2(0);
    for (uint i = lane; i < range.y; i += gl_WorkGroupSize.x) sum += norms[range.x + i];
    sums[lane] = sum;
    barrier();
    if (lane != 0) return;
    for (uint i = 1; i < gl_WorkGroupSize.x; ++i) sum += sums[i];

    const float parameters = sqrt(sum.x), step = sqrt(sum.y);
    const bool adapts = policy.x != 0 || (FLAGS & OPTIMIZER_ALWAYS_ADAPT) != 0;
    float ratio = 1;
    if (adapts && parameters > 0 && step > 0) {
        if (ALGORITHM == OPTIMIZER_SGD)
            ratio = scalars[OPTIMIZER_TRUST] * parameters /
                    (step + policy.x * parameters + scalars[OPTIMIZER_TRUST_EPSILON]);
        else
            ratio = parameters / step;
    }
    if (adapts && (FLAGS & OPTIMIZER_TRUST_CLIP) != 0)
        ratio = min(ALGORITHM == OPTIMIZER_SGD ? ratio / (scalars[OPTIMIZER_BASE_RATE] * policy.y) : ratio, 1.0);
    ratios[segment] = ratio;
}
