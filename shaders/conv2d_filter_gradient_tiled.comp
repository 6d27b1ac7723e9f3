#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// The sum of conv2d_filter_gradient.comp for GPUs: partial[split][k][co] = Σ_m x[m at k] · dy[m][co] over the
// m of a split, tiles in shared memory; conv2d_sum adds the splits in order. Push constants:
// conv2d_filter_gradient.h (the multipliers and shifts are not used). 128 invocations make 64 k × 64 columns,
// each 8 × 4 of them in registers, 16 values of m a step; 8.9 KB of shared memory, no subgroup operation. An
// invocation loads one k, whose tap it works out once, and the pixels of a step are shared.
// variants: REAL=32 REAL=16
#include "conv2d_filter_gradient.h"
#include "real.glsl"
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer Dy { Real dy[]; };
layout(binding = 2) writeonly buffer Partial { float partial[]; };

const uint TILE = 64, STEP = 16;
const uint PITCH = TILE / 4 + 1;   // vec4s a line, one more than needed: fewer bank conflicts
shared vec4 a_tile[STEP * PITCH];  // [m][k]
shared vec4 b_tile[STEP * PITCH];  // [m][column]
shared ivec3 pixel[STEP];          // image · in_height, y and x of x that the filter's first tap meets

void main() {
    const uint me = gl_LocalInvocationID.x;
    const uint split = gl_WorkGroupID.z;
    const uint set = gl_WorkGroupID.y / column_tiles;  // the group of channels
    const uint first_k = gl_WorkGroupID.x * TILE;
    const uint first_column = (gl_WorkGroupID.y - set * column_tiles) * TILE;

    const uint mine = me % TILE, my_m = me / TILE;  // loads k `mine` and column `mine` of m my_m + 2i
    const uint k = min(first_k + mine, filter_rows - 1);
    const uint tap = k / inner, channel = set * inner + k - tap * inner;
    const int shift_y = int(tap / kernel_width) * dilation_y, shift_x = int(tap % kernel_width) * dilation_x;
    const uint out_column = set * columns + min(first_column + mine, columns - 1);

    vec4 sums[8];
    [[unroll]] for (uint r = 0; r < 8; r++) sums[r] = vec4(0);
    const uint k_part = me / 16, column_part = me % 16;  // k 8·k_part.., columns 4·column_part..

    const uint end = min((split + 1) * split_rows, rows);
    for (uint first_m = split * split_rows; first_m < end; first_m += STEP) {
        if (me < STEP) {
            const uint m = min(first_m + me, rows - 1);
            const uint line = m / out_width, n = line / out_height;
            pixel[me] = ivec3(int(n * in_height), int(line - n * out_height) * stride_y - pad_top,
                              int(m - line * out_width) * stride_x - pad_left);
        }
        barrier();
        [[unroll]] for (uint i = 0; i < 8; i++) {
            const uint q = my_m + 2 * i;
            const ivec3 p = pixel[q];
            const int at_y = p.y + shift_y, at_x = p.z + shift_x;
            float a = 0, b = 0;
            if (first_m + q < end) {
                if (at_y >= 0 && at_y < int(in_height) && at_x >= 0 && at_x < int(in_width)) {
                    a = float(x[uint((p.x + at_y) * int(in_width) + at_x) * in_channels + channel]);
                }
                b = float(dy[(first_m + q) * out_channels + out_column]);
            }
            a_tile[q * PITCH + mine / 4][mine % 4] = a;
            b_tile[q * PITCH + mine / 4][mine % 4] = b;
        }
        barrier();
        [[unroll]] for (uint q = 0; q < STEP; q++) {
            const vec4 b = b_tile[q * PITCH + column_part];
            const vec4 a0 = a_tile[q * PITCH + k_part * 2], a1 = a_tile[q * PITCH + k_part * 2 + 1];
            [[unroll]] for (uint r = 0; r < 4; r++) {
                sums[r] += a0[r] * b;
                sums[r + 4] += a1[r] * b;
            }
        }
    }

    [[unroll]] for (uint r = 0; r < 8; r++) {
        const uint row = first_k + k_part * 8 + r;
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const uint column = first_column + column_part * 4 + j;
            if (row < filter_rows && column < columns) {
                partial[(split * filter_rows + row) * out_channels + set * columns + column] = sums[r][j];
            }
        }
    }
}
