#version 450
#extension GL_GOOGLE_include_directive : require
// The sum of squares of the gradients that each invocation meets, by chunks as in optimizer_step.h; NaN where one of them
// is no finite number (tested by its bits: a compiler may assume that nothing is NaN).
// variants: ITEM=4 ITEM=8
#include "items.glsl"
#include "optimizer_step.h"
layout(local_size_x_id = 0) in;
READ_ITEMS(0, gradients)
layout(binding = 1) readonly buffer Chunks { uvec4 table[]; };
layout(binding = 2) writeonly buffer Partials { uint partials[]; };

const uint exponent = 0x7f800000u;
float sum;
bool finite;

void add(vec4 g) {
    finite = finite && all(notEqual(floatBitsToUint(g) & uvec4(exponent), uvec4(exponent)));
    sum += dot(g, g);
}

void main() {
    const uint index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (index >= chunks) return;
    const uvec4 chunk = table[2 * (first_chunk + index)];
    const uint end = (chunk.x + chunk.y) * (64 / ITEM);
    sum = 0;
    finite = true;
    for (uint i = chunk.x * (64 / ITEM) + gl_LocalInvocationID.x; i < end + (asked & never); i += gl_WorkGroupSize.x) {
        const Item g = load_gradients(i);
#if ITEM == 8
        add(g.lo);
        add(g.hi);
#else
        add(g);
#endif
    }
    partials[(first_chunk + index) * gl_WorkGroupSize.x + gl_LocalInvocationID.x] =
        finite ? floatBitsToUint(sum) : 0x7fc00000u;
}
