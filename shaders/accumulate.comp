#version 450
#extension GL_GOOGLE_include_directive : require
// total = addend in the first micro-batch, total + addend in later ones.
#include "accumulate.h"
#include "linear.glsl"
layout(binding = 0) buffer Total { vec4 total[]; };
layout(binding = 1) readonly buffer Addend { vec4 addend[]; };
layout(binding = 2) readonly buffer Keep { float keep[]; }; // 0: first micro-batch, 1: later

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    total[i] = keep[0] == 0.0 ? addend[i] : total[i] + addend[i];
}
