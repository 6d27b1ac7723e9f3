#version 450
#extension GL_GOOGLE_include_directive : require
// db[c] = Σ_m dy[m][c], as partial[slice][c]; conv2d_sum adds the slices in order.
// variants: WIDTH=1 WIDTH=8
// WIDTH columns an invocation: 8 where the columns allow it and the device has 64-bit integers
// (include/wide.glsl).
#if WIDTH == 8
#include "wide.glsl"
#endif
#include "conv2d_bias_gradient.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's on a CPU
#include "folded.glsl"
#if WIDTH == 8
layout(binding = 0) readonly buffer Dy { u64vec4 dy[]; };
layout(binding = 1) writeonly buffer Partial { u64vec4 partial[]; };
#else
layout(binding = 0) readonly buffer Dy { float dy[]; };
layout(binding = 1) writeonly buffer Partial { float partial[]; };
#endif

void main() {
    const uint i = folded_index();
    if (i < items) {
        const uint blocks = columns / WIDTH;
        const uint slice = i / blocks, block = i - slice * blocks;
        const uint end = min((slice + 1) * slice_rows, rows);
#if WIDTH == 8
        Eight sum = Eight(vec4(0), vec4(0));
        for (uint m = slice * slice_rows; m < end; m++) {
            const Eight v = unpack8(dy[m * blocks + block]);
            sum.lo += v.lo;
            sum.hi += v.hi;
        }
        partial[i] = pack8(sum.lo, sum.hi);
#else
        float sum = 0;
        for (uint m = slice * slice_rows; m < end; m++) sum += dy[m * blocks + block];
        partial[i] = sum;
#endif
    }
}
