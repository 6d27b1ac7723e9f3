#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of the elements of x.
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 1) writeonly buffer Y4 { vec4 y4[]; };

float term(uint at, uint outer_index) { return x[at]; }
vec4 term4(uint at, uint outer_index) { return x4[at / 4]; }

#include "reduction.glsl"
