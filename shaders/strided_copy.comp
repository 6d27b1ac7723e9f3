#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y[y_first + index · y_stride] = x[x_first + index · x_stride] for every index below extent: slices,
// concatenation, transposition, broadcasting (stride 0). Words are copied as bits, whatever their type; they are of 16 bits
// with REAL=16.
// variants: ITEM=4 ITEM=8 ITEM=4,REAL=16 ITEM=8,REAL=16
#include "linear.glsl"
#include "strided_copy.h"
layout(constant_id = 1) const uint AXES = 1;
// REPEATED: a word of x fills a group of y; GATHERED: words x_step apart do.
const uint WORDS = 0, GROUPS = 1, REPEATED = 2, GATHERED = 3;
layout(constant_id = 2) const uint MOVED = WORDS;
#if REAL == 16
#extension GL_EXT_shader_16bit_storage : require
#define Word uint16_t
#else
#define Word uint
#endif
#if ITEM == 8 // see wide.glsl
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#if REAL == 16
#define Group u64vec2
#else
#define Group u64vec4
#endif
#elif REAL == 16
#define Group uvec2
#else
#define Group uvec4
#endif
layout(binding = 0) readonly buffer X { Word x[]; };
layout(binding = 0) readonly buffer XGroups { Group x_groups[]; };
layout(binding = 1) writeonly buffer Y { Word y[]; };
layout(binding = 1) writeonly buffer YGroups { Group y_groups[]; };

// The i-th 32 bits of a group.
uint part(uint from, uint apart, uint i) {
#if REAL == 16
    return uint(x[from + 2 * i * apart]) | uint(x[from + (2 * i + 1) * apart]) << 16;
#else
    return x[from + i * apart];
#endif
}

Group gathered(uint from, uint apart) {
    Group result;
#if ITEM == 8
    [[unroll]] for (uint c = 0; c < result.length(); ++c)
        result[c] = packUint2x32(uvec2(part(from, apart, 2 * c), part(from, apart, 2 * c + 1)));
#else
    [[unroll]] for (uint c = 0; c < result.length(); ++c) result[c] = part(from, apart, c);
#endif
    return result;
}

Group repeated(uint from) {
    const uint word = part(from, 0, 0);
#if ITEM == 8
    return Group(packUint2x32(uvec2(word)));
#else
    return Group(word);
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
