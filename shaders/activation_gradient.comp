#version 450
#extension GL_GOOGLE_include_directive : require
// dx = dy * f'(x), four elements an invocation; f' from y = f(x) where that suffices (see activation.glsl).
// variants: REAL=32 REAL=16
#include "activation.h"
#include "activation.glsl"
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const uint kind = 0;
layout(binding = 0) readonly buffer XY { Real4 xy[]; }; // the result y; for hard-swish the argument x
layout(binding = 1) readonly buffer DY { Real4 dy[]; };
layout(binding = 2) writeonly buffer DX4 { Real4 dx4[]; };
layout(binding = 2) writeonly buffer DX { Real dx[]; };

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    const vec4 given = from_real4(xy[i]);
    vec4 result = from_real4(dy[i]);
    for (uint c = 0; c < 4; ++c) result[c] *= activation_derivative(given[c], given[c], kind, slope);
    if (first + 4 <= count)
        dx4[i] = to_real4(result);
    else
        for (uint c = 0; first + c < count; ++c) dx[first + c] = Real(result[c]);
}
