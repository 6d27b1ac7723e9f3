#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y = x with cells of one value around it.
#include "linear.glsl"
#include "pad.h"
layout(constant_id = 1) const uint AXES = 1;
layout(constant_id = 2) const bool WIDE = false;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };
layout(binding = 1) writeonly buffer Y4 { uvec4 y4[]; };

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
        uvec4 result = uvec4(value);
        if (inside) result = x4[from];
        y4[y_first + i] = result;
    } else {
        uint result = value;
        if (inside) result = x[from];
        y[y_first + i] = result;
    }
}
