#version 450
#extension GL_GOOGLE_include_directive : require
// A loop of multiply-adds without loads: 16 independent chains of vec4, so that only arithmetic limits it. What other
// kernels reach is quoted as a share of this, measured in the same run. 128 operations a round and invocation.
#include "multiply_add_ceiling.h"
layout(local_size_x_id = 0) in;
layout(binding = 0) writeonly buffer Y { vec4 y[]; };

void main() {
    vec4 sums[16];
    for (uint i = 0; i < 16; ++i) sums[i] = vec4(float(gl_LocalInvocationID.x + i));
    for (uint round = 0; round < rounds; ++round)
        for (uint i = 0; i < 16; ++i) sums[i] = sums[i] * factor + addend;
    vec4 total = vec4(0.0);
    for (uint i = 0; i < 16; ++i) total += sums[i];
    y[gl_GlobalInvocationID.x] = total;
}
