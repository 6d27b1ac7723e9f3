#version 450
#extension GL_GOOGLE_include_directive : require
// y = f(x), four elements an invocation; f by specialisation constant 1.
// variants: REAL=32 REAL=16
#include "activation.h"
#include "activation.glsl"
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const uint kind = 0;
layout(binding = 0) readonly buffer X { Real4 x[]; };
layout(binding = 1) writeonly buffer Y4 { Real4 y4[]; };
layout(binding = 1) writeonly buffer Y { Real y[]; };

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    const vec4 result = activate(from_real4(x[i]), kind, slope);
    if (first + 4 <= count)
        y4[i] = to_real4(result);
    else
        for (uint c = 0; first + c < count; ++c) y[first + c] = Real(result[c]);
}
