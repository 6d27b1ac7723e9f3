#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of the elements of x, in f32 whatever x holds, which may be added to what y holds.
// variants: REAL=32 REAL=16
#include "real.glsl"
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 0) readonly buffer X4 { Real4 x4[]; };
layout(binding = 1) buffer Y { float y[]; };
layout(binding = 1) buffer Y4 { vec4 y4[]; };
layout(binding = 2) readonly buffer Keep { float keep[]; }; // 0: what y holds counts for nothing
layout(constant_id = 3) const bool TOTAL = false;           // y is a total

float term(uint at, uint outer_index) { return float(x[at]); }
vec4 term4(uint at, uint outer_index) { return from_real4(x4[at / 4]); }

float before(uint i) { return TOTAL && keep[0] != 0.0 ? y[i] : 0.0; }
vec4 before4(uint i) { return TOTAL && keep[0] != 0.0 ? y4[i] : vec4(0); }
#define ADDS_TO_Y

#include "reduction.glsl"
