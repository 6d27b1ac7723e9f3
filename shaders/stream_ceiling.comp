#version 450
#extension GL_GOOGLE_include_directive : require
// Reads READS streams and writes the first WRITES of them, with next to nothing to compute: each write takes what another
// stream held, for a compiler drops the store of what was just loaded. What the optimizers' update is measured against.
// variants: ITEM=4 ITEM=8
#if ITEM == 8
#include "addressed.glsl"
#include "stream_ceiling.h"
#include "wide.glsl"
#define Bits Real8
#define STREAM(number, name) \
    STREAMED(number, name) \
    layout(binding = number) writeonly buffer Written_##name { Bits to_##name[]; };
#else
#include "stream_ceiling.h"
#define Bits uvec4
#define STREAM(number, name) \
    layout(binding = number) buffer Stream_##name { Bits to_##name[]; }; \
    Bits stream_##name(uint i) { return to_##name[i]; }
const uint asked = 0;
#endif
#include "linear.glsl"
layout(constant_id = 1) const uint READS = 2;
layout(constant_id = 2) const uint WRITES = 1;
layout(constant_id = 3) const uint EACH = 1; // items of an invocation, a workgroup's width apart
STREAM(0, a)
STREAM(1, b)
STREAM(2, c)
STREAM(3, d)
STREAM(4, e)

void main() {
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint first = group * gl_WorkGroupSize.x * EACH + gl_LocalInvocationID.x;
    for (uint step = 0; step < EACH + (asked & never); ++step) {
        const uint i = first + step * gl_WorkGroupSize.x;
        if (i >= count) return;
        Bits va = stream_a(i), vb = stream_b(i), vc = va, vd = va, ve = va;
        if (READS > 2) vc = stream_c(i);
        if (READS > 3) vd = stream_d(i);
        if (READS > 4) ve = stream_e(i);
        // What no other write takes is mixed into the first: a compiler drops the load of what nobody takes.
        Bits mixed = va ^ vb;
        if (READS > 2 && WRITES < 2) mixed ^= vc;
        if (READS > 3 && WRITES < 3) mixed ^= vd;
        if (READS > 4) mixed ^= ve;
        to_a[i] = mixed;
        if (WRITES > 1) to_b[i] = READS > 2 ? vc : va;
        if (WRITES > 2) to_c[i] = READS > 3 ? vd : va;
        if (WRITES > 3) to_d[i] = va;
    }
}
