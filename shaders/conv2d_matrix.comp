#version 450
#extension GL_GOOGLE_include_directive : require
// The sum of conv2d_direct.comp (any convolution, its data gradient, linear) on matrix units, for x, residual and y of f16
// and a filter of f32, which is rounded to f16 on its way into shared memory: an implicit matrix product over
// k = (tap y, tap x, channel), whose A is gathered from the image. Push constants: conv2d_direct.h.
// environment: vulkan1.3
// variants: MATRIX=1 MATRIX=2 MATRIX=3
#include "activation.glsl"
#include "conv2d_direct.h"
#include "matrix_tile.glsl" // specialisation 0 to 9
layout(constant_id = 10) const bool BIAS = false;
layout(constant_id = 11) const bool RESIDUAL = false;
layout(constant_id = 12) const uint ACTIVATION = 0;  // kind of activation.glsl
layout(constant_id = 13) const bool SCATTER = false; // the grid is not the whole output
layout(constant_id = 14) const bool X_WIDE = false;  // inner and in_channels % 8 == 0
layout(constant_id = 15) const bool WIDE = false;    // columns and out_channels % 8 == 0
layout(binding = 0) readonly buffer X { uint16_t x[]; };
layout(binding = 0) readonly buffer XChunks { uvec4 x_chunks[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 1) readonly buffer WVectors { vec4 w_vectors[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) readonly buffer Residual { float16_t residual[]; };
layout(binding = 3) readonly buffer ResidualChunks { uvec4 residual_chunks[]; };
layout(binding = 4) writeonly buffer Y { float16_t y[]; };
layout(binding = 4) writeonly buffer YChunks { uvec4 y_chunks[]; };

uint set; // the group of channels
// Where in x the rows begin that this invocation loads; their chunks have the same k in each step.
int base[A_LOADS], from_y[A_LOADS], from_x[A_LOADS];

uvec3 pixel_of(uint row) {
    const uint line = row / grid_width, n = line / grid_height;
    return uvec3(n, line - n * grid_height, row - line * grid_width);
}

void begin() {
    set = gl_WorkGroupID.y / column_tiles;
    first_row = (gl_WorkGroupID.x + gl_WorkGroupID.z * gl_NumWorkGroups.x) * TILE_ROWS;
    first_column = (gl_WorkGroupID.y - set * column_tiles) * TILE_COLUMNS;
    first_k = 0;
    end_k = taps_y * taps_x * inner;
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
        const uint row = first_row + a_line(i);
        const uvec3 p = pixel_of(min(row, rows - 1));
        base[i] = int(p.x * in_height);
        from_y[i] = row < rows ? int(p.y) * stride_y + origin_y : -0x40000000;
        from_x[i] = int(p.z) * stride_x + origin_x;
    }
}

struct Tap {
    uint y, x, channel;
};

Tap tap_of(uint k) {
    const uint tap = k / inner, tap_y = tap / taps_x;
    return Tap(tap_y, tap - tap_y * taps_x, k - tap * inner);
}

// Where load i finds the tap in x, or -1 outside the image.
int address_of(Tap tap, uint i) {
    const int at_y = from_y[i] + int(tap.y) * step_y, at_x = from_x[i] + int(tap.x) * step_x;
    if (at_y < 0 || at_y >= int(in_height) || at_x < 0 || at_x >= int(in_width)) return -1;
    return ((base[i] + at_y) * int(in_width) + at_x) * int(in_channels) + int(set * inner + tap.channel);
}

void fetch(uint step_k) {
    const uint k = step_k + 8 * a_part(0);
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) a_chunks[i] = uvec4(0);
    if (X_WIDE) {
        const Tap tap = tap_of(k);
        [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
            const int at = k < end_k ? address_of(tap, i) : -1;
            if (at >= 0) a_chunks[i] = x_chunks[at / 8];
        }
    } else {
        for (uint j = 0; j < 8 && k + j < end_k; j++) {
            const Tap tap = tap_of(k + j);
            [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
                const int at = address_of(tap, i);
                if (at >= 0) put(a_chunks[i], j, uint(x[at]));
            }
        }
    }
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) {
        b_chunks[i] = uvec4(0);
        const uint row = step_k + b_line(i), column = first_column + 8 * b_part(i);
        if (row >= end_k || column >= columns) continue;
        const Tap tap = tap_of(row);
        const uint at_tap = filter_first + tap.y * filter_step_y + tap.x * filter_step_x;
        const uint at = (at_tap * inner + tap.channel) * out_channels + set * columns + column;
        if (WIDE) {
            b_chunks[i] = halves(w_vectors[at / 4], w_vectors[at / 4 + 1]);
        } else {
            for (uint j = 0; j < 8 && column + j < columns; j++)
                put(b_chunks[i], j, packHalf2x16(vec2(w[at + j], 0)));
        }
    }
}

uint result_of(uint row) {
    if (!SCATTER) return row * out_channels;
    const uvec3 p = pixel_of(row);
    const uint to_y = p.y * out_step_y + out_first_y, to_x = p.z * out_step_x + out_first_x;
    return ((p.x * out_height + to_y) * out_width + to_x) * out_channels;
}

void write_one(uint at, uint column, float v) {
    if (BIAS) v += bias[column];
    if (RESIDUAL) v += float(residual[at]);
    y[at] = float16_t(activate(v, ACTIVATION, slope));
}

#if MATRIX == 1
void finish(uint row, uint column, float v[8]) {
    if (row >= rows || column >= columns) return;
    const uint out_column = set * columns + column, at = result_of(row) + out_column;
    if (WIDE) {
        vec4 lo = vec4(v[0], v[1], v[2], v[3]), hi = vec4(v[4], v[5], v[6], v[7]);
        if (BIAS) {
            lo += vec4(bias[out_column], bias[out_column + 1], bias[out_column + 2], bias[out_column + 3]);
            hi += vec4(bias[out_column + 4], bias[out_column + 5], bias[out_column + 6], bias[out_column + 7]);
        }
        if (RESIDUAL) {
            const uvec4 other = residual_chunks[at / 8];
            lo += vec4(unpackHalf2x16(other.x), unpackHalf2x16(other.y));
            hi += vec4(unpackHalf2x16(other.z), unpackHalf2x16(other.w));
        }
        y_chunks[at / 8] = halves(activate(lo, ACTIVATION, slope), activate(hi, ACTIVATION, slope));
    } else {
        for (uint j = 0; j < 8 && column + j < columns; j++) write_one(at + j, out_column + j, v[j]);
    }
}
#else
void finish_one(uint row, uint column, float v) {
    if (row >= rows || column >= columns) return;
    const uint out_column = set * columns + column;
    write_one(result_of(row) + out_column, out_column, v);
}
#endif
