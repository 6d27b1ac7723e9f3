#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of weight * (prediction - target)^2; an example of weight 0 counts as 0 whatever it holds.
layout(constant_id = 3) const bool WEIGHTS = false;
layout(binding = 0) readonly buffer P { float p[]; };
layout(binding = 0) readonly buffer P4 { vec4 p4[]; };
layout(binding = 1) readonly buffer T { float t[]; };
layout(binding = 1) readonly buffer T4 { vec4 t4[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 2) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 3) readonly buffer Weights { float weight[]; };

float term(uint at, uint example) {
    const float w = WEIGHTS ? weight[example] : 1.0, error = p[at] - t[at];
    return w == 0 ? 0.0 : w * (error * error);
}
vec4 term4(uint at, uint example) {
    const float w = WEIGHTS ? weight[example] : 1.0;
    const vec4 error = p4[at / 4] - t4[at / 4];
    return w == 0 ? vec4(0) : w * (error * error);
}

#include "reduction.glsl"
