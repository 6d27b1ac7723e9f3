#version 450
#extension GL_GOOGLE_include_directive : require
// Reads READS streams and writes the first WRITES of them, with next to nothing to compute: each write takes what another
// stream held, for a compiler drops the store of what was just loaded. What the optimizers' update is measured against.
// variants: ITEM=4 ITEM=8
#include "stream_ceiling.h"
#if ITEM == 8
#include "wide.glsl"
#define Bits u64vec4
#else
#define Bits uvec4
#endif
#include "linear.glsl"
layout(constant_id = 1) const uint READS = 2;
layout(constant_id = 2) const uint WRITES = 1;
layout(constant_id = 3) const uint EACH = 1; // items of an invocation, a workgroup's width apart
layout(binding = 0) buffer A { Bits a[]; };
layout(binding = 1) buffer B { Bits b[]; };
layout(binding = 2) buffer C { Bits c[]; };
layout(binding = 3) buffer D { Bits d[]; };
layout(binding = 4) buffer E { Bits e[]; };

void main() {
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint first = group * gl_WorkGroupSize.x * EACH + gl_LocalInvocationID.x;
    for (uint step = 0; step < EACH; ++step) {
        const uint i = first + step * gl_WorkGroupSize.x;
        if (i >= count) return;
        Bits va = a[i], vb = b[i], vc = va, vd = va, ve = va;
        if (READS > 2) vc = c[i];
        if (READS > 3) vd = d[i];
        if (READS > 4) ve = e[i];
        // What no other write takes is mixed into the first: a compiler drops the load of what nobody takes.
        Bits mixed = va ^ vb;
        if (READS > 2 && WRITES < 2) mixed ^= vc;
        if (READS > 3 && WRITES < 3) mixed ^= vd;
        if (READS > 4) mixed ^= ve;
        a[i] = mixed;
        if (WRITES > 1) b[i] = READS > 2 ? vc : va;
        if (WRITES > 2) c[i] = READS > 3 ? vd : va;
        if (WRITES > 3) d[i] = va;
    }
}
