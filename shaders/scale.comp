#version 450
#extension GL_GOOGLE_include_directive : require
// y = factor * x, four elements an invocation.
#include "linear.glsl"
#include "scale.h"
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    const vec4 result = factor * x[i];
    if (first + 4 <= count)
        y4[i] = result;
    else
        for (uint c = 0; first + c < count; ++c) y[first + c] = result[c];
}
