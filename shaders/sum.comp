#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of the elements of x, in f32 whatever x holds.
// variants: REAL=32 REAL=16
#include "real.glsl"
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 0) readonly buffer X4 { Real4 x4[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 1) writeonly buffer Y4 { vec4 y4[]; };

float term(uint at, uint outer_index) { return float(x[at]); }
vec4 term4(uint at, uint outer_index) { return from_real4(x4[at / 4]); }

#include "reduction.glsl"
