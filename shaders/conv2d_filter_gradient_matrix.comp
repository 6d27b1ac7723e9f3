#version 450
#extension GL_GOOGLE_include_directive : require
// The sum of conv2d_filter_gradient.comp on matrix units, for x and dy of f16: partial[split][k][co] = Σ_m x[m at k] ·
// dy[m][co] over the m of a split, in f32; conv2d_sum adds the splits in order. Push constants: conv2d_filter_gradient.h.
// environment: vulkan1.3
// variants: MATRIX=1 MATRIX=2 MATRIX=3
#define A_BY_STEP
#include "conv2d_filter_gradient.h"
#include "matrix_tile.glsl" // specialisation 0 to 9; its rows are k, its columns co, and it sums over m
layout(constant_id = 10) const bool X_WIDE = false; // inner and in_channels % 8 == 0
layout(constant_id = 11) const bool WIDE = false;   // columns and out_channels % 8 == 0
layout(binding = 0) readonly buffer X { uint16_t x[]; };
layout(binding = 0) readonly buffer XChunks { uvec4 x_chunks[]; };
layout(binding = 1) readonly buffer Dy { uint16_t dy[]; };
layout(binding = 1) readonly buffer DyChunks { uvec4 dy_chunks[]; };
layout(binding = 2) writeonly buffer Partial { float partial[]; };
layout(binding = 2) writeonly buffer PartialVectors { vec4 partial_vectors[]; };

uint set, split;

void begin() {
    split = gl_WorkGroupID.z;
    set = gl_WorkGroupID.y / column_tiles; // the group of channels
    first_row = gl_WorkGroupID.x * TILE_ROWS;
    first_column = (gl_WorkGroupID.y - set * column_tiles) * TILE_COLUMNS;
    first_k = split * split_rows;
    end_k = min(first_k + split_rows, rows);
}

// Where row k of the filter finds its value of x for the pixel (image · in_height, y and x of the filter's first tap), or
// -1 outside the image.
int address_of(uint k, ivec3 pixel) {
    const uint tap = k / inner, channel = k - tap * inner;
    const int at_y = pixel.y + int(tap / kernel_width) * dilation_y, at_x = pixel.z + int(tap % kernel_width) * dilation_x;
    if (at_y < 0 || at_y >= int(in_height) || at_x < 0 || at_x >= int(in_width)) return -1;
    return ((pixel.x + at_y) * int(in_width) + at_x) * int(in_channels) + int(set * inner + channel);
}

void fetch(uint step_m) {
    const uint k = first_row + 8 * a_part(0); // the same for every load
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
        a_chunks[i] = uvec4(0);
        const uint m = step_m + a_line(i);
        if (m >= end_k || k >= filter_rows) continue;
        const uint line = m / out_width, n = line / out_height;
        const ivec3 pixel = ivec3(int(n * in_height), int(line - n * out_height) * stride_y - pad_top,
                                  int(m - line * out_width) * stride_x - pad_left);
        if (X_WIDE) {
            const int at = address_of(k, pixel);
            if (at >= 0) a_chunks[i] = x_chunks[at / 8];
        } else {
            for (uint j = 0; j < 8 && k + j < filter_rows; j++) {
                const int at = address_of(k + j, pixel);
                if (at >= 0) put(a_chunks[i], j, uint(x[at]));
            }
        }
    }
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) {
        b_chunks[i] = uvec4(0);
        const uint m = step_m + b_line(i), column = first_column + 8 * b_part(i);
        if (m >= end_k || column >= columns) continue;
        const uint at = m * out_channels + set * columns + column;
        if (WIDE) {
            b_chunks[i] = dy_chunks[at / 8];
        } else {
            for (uint j = 0; j < 8 && column + j < columns; j++) put(b_chunks[i], j, uint(dy[at + j]));
        }
    }
}

#if MATRIX == 1
void finish(uint row, uint column, float v[8]) {
    if (row >= filter_rows || column >= columns) return;
    const uint at = (split * filter_rows + row) * out_channels + set * columns + column;
    if (WIDE) {
        partial_vectors[at / 4] = vec4(v[0], v[1], v[2], v[3]);
        partial_vectors[at / 4 + 1] = vec4(v[4], v[5], v[6], v[7]);
    } else {
        for (uint j = 0; j < 8 && column + j < columns; j++) partial[at + j] = v[j];
    }
}
#else
void finish_one(uint row, uint column, float v) {
    if (row >= filter_rows || column >= columns) return;
    partial[(split * filter_rows + row) * out_channels + set * columns + column] = v;
}
#endif
