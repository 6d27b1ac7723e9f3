#version 450
#extension GL_GOOGLE_include_directive : require
// y = factor * x, ITEM elements an invocation.
// variants: ITEM=4 ITEM=8 ITEM=4,REAL=16 ITEM=8,REAL=16
#include "items.glsl"
#include "linear.glsl"
#include "scale.h"
layout(binding = 0) readonly buffer X { Bits x[]; };
layout(binding = 1) writeonly buffer Y { Real y[]; };
layout(binding = 1) writeonly buffer YBits { Bits y_bits[]; };

void main() {
    const uint i = linear_index(), first = ITEM * i;
    if (first >= count) return;
    const Item result = times(filled(factor), unpack(x[i]));
    if (first + ITEM <= count)
        y_bits[i] = pack(result);
    else
        for (uint c = 0; first + c < count; ++c) y[first + c] = Real(element(result, c));
}
