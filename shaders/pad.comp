#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y = x with cells of one value around it. Words are copied as bits; they are of 16 bits with REAL=16.
// variants: REAL=32 REAL=16
#include "linear.glsl"
#include "pad.h"
layout(constant_id = 1) const uint AXES = 1;
layout(constant_id = 2) const bool WIDE = false;
#if REAL == 16
#extension GL_EXT_shader_16bit_storage : require
#define Word uint16_t
#define Word4 uvec2
uint cell = packHalf2x16(vec2(uintBitsToFloat(value)));
#else
#define Word uint
#define Word4 uvec4
uint cell = value;
#endif
layout(binding = 0) readonly buffer X { Word x[]; };
layout(binding = 0) readonly buffer X4 { Word4 x4[]; };
layout(binding = 1) writeonly buffer Y { Word y[]; };
layout(binding = 1) writeonly buffer Y4 { Word4 y4[]; };

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    uint rest = i, from = x_first, stride = 1;
    bool inside = true;
    [[unroll]] for (uint step = 0; step < AXES; ++step) {
        const uint axis = AXES - 1 - step, outer = axis == 0 ? 0 : rest / y_extent[axis];
        // A negative index wraps to a large one.
        const uint index = rest - outer * y_extent[axis] - before[axis];
        inside = inside && index < x_extent[axis];
        from += index * stride;
        stride *= x_extent[axis];
        rest = outer;
    }
    if (WIDE) {
        Word4 result = Word4(cell);
        if (inside) result = x4[from];
        y4[y_first + i] = result;
    } else {
        uint result = cell;
        if (inside) result = uint(x[from]);
        y[y_first + i] = Word(result);
    }
}
