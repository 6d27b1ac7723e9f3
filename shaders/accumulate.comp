#version 450
#extension GL_GOOGLE_include_directive : require
// total = addend in the first micro-batch, total + addend in later ones.
// variants: ITEM=4 ITEM=8
#include "accumulate.h"
#include "items.glsl"
#include "linear.glsl"
layout(binding = 0) buffer Total { Bits total[]; };
layout(binding = 1) readonly buffer Addend { Bits addend[]; };
layout(binding = 2) readonly buffer Keep { float keep[]; }; // 0: first micro-batch, 1: later

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    if (keep[0] == 0.0) total[i] = addend[i];
    else total[i] = pack(plus(unpack(total[i]), unpack(addend[i])));
}
