#version 450
#extension GL_GOOGLE_include_directive : require
// y = value
#include "fill.h"
#include "linear.glsl"
layout(binding = 0) writeonly buffer Y { float y[]; };

void main() {
    const uint i = linear_index();
    if (i < count) y[i] = value;
}
