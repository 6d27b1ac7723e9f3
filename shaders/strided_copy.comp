#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y[y_first + index · y_stride] = x[x_first + index · x_stride] for every index below extent: slices,
// concatenation, transposition, broadcasting (stride 0). Words are copied as bits, whatever their type.
// variants: ITEM=4 ITEM=8
#include "linear.glsl"
#include "strided_copy.h"
layout(constant_id = 1) const uint AXES = 1;
// REPEATED: a word of x fills a group of y; GATHERED: words x_step apart do.
const uint WORDS = 0, GROUPS = 1, REPEATED = 2, GATHERED = 3;
layout(constant_id = 2) const uint MOVED = WORDS;
#if ITEM == 8 // see wide.glsl
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define Group u64vec4
#else
#define Group uvec4
#endif
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer XGroups { Group x_groups[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };
layout(binding = 1) writeonly buffer YGroups { Group y_groups[]; };

Group gathered(uint from, uint apart) {
#if ITEM == 8
    u64vec4 result;
    [[unroll]] for (uint c = 0; c < 4; ++c)
        result[c] = packUint2x32(uvec2(x[from + 2 * c * apart], x[from + (2 * c + 1) * apart]));
    return result;
#else
    return uvec4(x[from], x[from + apart], x[from + 2 * apart], x[from + 3 * apart]);
#endif
}

Group repeated(uint from) {
#if ITEM == 8
    return u64vec4(packUint2x32(uvec2(x[from])));
#else
    return uvec4(x[from]);
#endif
}

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
    if (MOVED == WORDS) y[to] = x[from];
    else if (MOVED == GROUPS) y_groups[to] = x_groups[from];
    else y_groups[to] = MOVED == REPEATED ? repeated(from) : gathered(from, x_step);
}
