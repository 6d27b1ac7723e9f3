#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// The sum of conv2d_direct.comp (any convolution, its data gradient, linear) for GPUs: an implicit matrix
// product over k = (tap y, tap x, channel) with tiles in shared memory. Push constants: conv2d_direct.h. 128
// invocations make 64 rows × 64 columns, each 8 × 4 of them in registers, 16 values of k a step; 8.6 KB of
// shared memory, no subgroup operation. Neighbouring invocations read neighbouring channels, so that loads
// coalesce; an invocation loads the same k of eight rows, so that the tap is worked out once a step.
// variants: REAL=32 REAL=16
#include "activation.glsl"
#include "conv2d_direct.h"
#include "real.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 1) const bool BIAS = false;
layout(constant_id = 2) const bool RESIDUAL = false;
layout(constant_id = 3) const uint ACTIVATION = 0;   // kind of activation.glsl
layout(constant_id = 4) const bool SCATTER = false;  // the grid is not the whole output
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) readonly buffer Residual { Real residual[]; };
layout(binding = 4) writeonly buffer Y { Real y[]; };

const uint TILE = 64, STEP = 16;
const uint PITCH = TILE / 4 + 1;         // vec4s a line, one more than needed: fewer bank conflicts
shared vec4 a_tile[STEP * PITCH];        // [k][row]
shared vec4 b_tile[STEP * PITCH];        // [k][column]

uvec3 pixel_of(uint row) {
    const uint line = row / grid_width, n = line / grid_height;
    return uvec3(n, line - n * grid_height, row - line * grid_width);
}

void main() {
    const uint me = gl_LocalInvocationID.x;
    const uint set = gl_WorkGroupID.y / column_tiles;  // the group of channels
    const uint first_row = (gl_WorkGroupID.x + gl_WorkGroupID.z * gl_NumWorkGroups.x) * TILE;
    const uint first_column = (gl_WorkGroupID.y - set * column_tiles) * TILE;
    const uint count = taps_y * taps_x * inner;

    // Loads of x: value k = me % 16 of rows me / 16 + 8i.
    const uint my_k = me % STEP, my_row = me / STEP;
    int base[8], from_y[8], from_x[8];
    [[unroll]] for (uint i = 0; i < 8; i++) {
        const uint row = first_row + my_row + 8 * i;
        const uvec3 p = pixel_of(min(row, rows - 1));
        base[i] = int(p.x * in_height);
        from_y[i] = row < rows ? int(p.y) * stride_y + origin_y : -0x40000000;
        from_x[i] = int(p.z) * stride_x + origin_x;
    }
    // Loads of w: column me % 64 of k = me / 64 + 2i.
    const uint my_column = me % TILE;
    const uint out_column = set * columns + min(first_column + my_column, columns - 1);

    vec4 sums[8];
    [[unroll]] for (uint r = 0; r < 8; r++) sums[r] = vec4(0);
    const uint row_part = me / 16, column_part = me % 16;  // rows 8·row_part.., columns 4·column_part..

    for (uint first_k = 0; first_k < count; first_k += STEP) {
        {
            const uint k = first_k + my_k;
            const uint tap = k / inner, channel = k - tap * inner;
            const uint tap_y = tap / taps_x, tap_x = tap - tap_y * taps_x;
            const int shift_y = int(tap_y) * step_y, shift_x = int(tap_x) * step_x;
            [[unroll]] for (uint i = 0; i < 8; i++) {
                const int at_y = from_y[i] + shift_y, at_x = from_x[i] + shift_x;
                float v = 0;
                if (k < count && at_y >= 0 && at_y < int(in_height) && at_x >= 0 && at_x < int(in_width)) {
                    const uint pixel = uint((base[i] + at_y) * int(in_width) + at_x);
                    v = float(x[pixel * in_channels + set * inner + channel]);
                }
                const uint row = my_row + 8 * i;
                a_tile[my_k * PITCH + row / 4][row % 4] = v;
            }
        }
        [[unroll]] for (uint i = 0; i < 8; i++) {
            const uint k = first_k + me / TILE + 2 * i;
            const uint tap = k / inner, channel = k - tap * inner;
            const uint tap_y = tap / taps_x, tap_x = tap - tap_y * taps_x;
            float v = 0;
            if (k < count) {
                const uint at = filter_first + tap_y * filter_step_y + tap_x * filter_step_x;
                v = w[(at * inner + channel) * out_channels + out_column];
            }
            b_tile[(me / TILE + 2 * i) * PITCH + my_column / 4][my_column % 4] = v;
        }
        barrier();
        [[unroll]] for (uint k = 0; k < STEP; k++) {
            const vec4 b = b_tile[k * PITCH + column_part];
            const vec4 a0 = a_tile[k * PITCH + row_part * 2], a1 = a_tile[k * PITCH + row_part * 2 + 1];
            [[unroll]] for (uint r = 0; r < 4; r++) {
                sums[r] += a0[r] * b;
                sums[r + 4] += a1[r] * b;
            }
        }
        barrier();
    }

    [[unroll]] for (uint r = 0; r < 8; r++) {
        const uint row = first_row + row_part * 8 + r;
        if (row < rows) {
            uint pixel = row;
            if (SCATTER) {
                const uvec3 p = pixel_of(row);
                const uint to_y = p.y * out_step_y + out_first_y, to_x = p.z * out_step_x + out_first_x;
                pixel = (p.x * out_height + to_y) * out_width + to_x;
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const uint column = first_column + column_part * 4 + j;
                if (column < columns) {
                    const uint at = pixel * out_channels + set * columns + column;
                    float e = sums[r][j];
                    if (BIAS) e += bias[set * columns + column];
                    if (RESIDUAL) e += float(residual[at]);
                    y[at] = Real(activate(e, ACTIVATION, slope));
                }
            }
        }
    }
}
