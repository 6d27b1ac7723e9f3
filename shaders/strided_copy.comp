#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y[y_first + index · y_stride] = x[x_first + index · x_stride] for every index below extent: slices, concatenation,
// transposition, broadcasting (stride 0). Words are copied as bits, whatever their type.
#include "linear.glsl"
#include "strided_copy.h"
layout(constant_id = 1) const uint AXES = 1;
// 0: words, 1: groups of four, 2: a word of x becomes a group of four of y, 3: a group of four of y from words of x that
// lie x_step apart
layout(constant_id = 2) const uint ITEMS = 0;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };
layout(binding = 1) writeonly buffer Y4 { uvec4 y4[]; };

void main() {
    uint rest = linear_index();
    if (rest >= count) return;
    uint from = x_first, to = y_first;
    [[unroll]] for (uint axis = AXES - 1; axis > 0; --axis) {
        const uint outer = rest / extent[axis], index = rest - outer * extent[axis];
        from += index * x_stride[axis];
        to += index * y_stride[axis];
        rest = outer;
    }
    from += rest * x_stride[0];
    to += rest * y_stride[0];
    if (ITEMS == 0) y[to] = x[from];
    else if (ITEMS == 1) y4[to] = x4[from];
    else if (ITEMS == 2) y4[to] = uvec4(x[from]);
    else y4[to] = uvec4(x[from], x[from + x_step], x[from + 2 * x_step], x[from + 3 * x_step]);
}
