#version 450
#extension GL_GOOGLE_include_directive : require
// y[M][N] = activation(x[M][K] · w[K][N] + bias[N] + residual[M][N]), K % 4 == 0, N % 8 == 0:
// the 1×1 convolution over NHWC, linear, and with w as it lies transposed the data gradient of both. At a stride the rows of x,
// or in the data gradient those of y, are some of an image's pixels; the gradient of the others is 0, or the residual.
// variants: SUBGROUP=4 SUBGROUP=8 SUBGROUP=16 SUBGROUP=4,REAL=16 SUBGROUP=8,REAL=16 SUBGROUP=16,REAL=16
// Fast because the sums stay in registers and both operands are read wide: see include/row_tile.glsl.
#include "addressed.glsl"
#include "row_tile.glsl"  // specialisation 0 to 3; WIDE is true here
#include "activation.glsl"
#include "conv2d_pointwise.h"
#include "strided.glsl"
layout(constant_id = 4) const bool BIAS = false;
layout(constant_id = 5) const bool RESIDUAL = false;
layout(constant_id = 6) const uint ACTIVATION = 0;  // kind of activation.glsl
layout(constant_id = 7) const uint FILTER = FILTER_BY_ADDRESS;  // how w is read and lies
layout(constant_id = 8) const bool STRIDED = false;
ADDRESSED(0, RealWide4, x)
ADDRESSED(0, uint, x_words)
ADDRESSED(1, u64vec4, w)
ADDRESSED(1, u64vec2, w_columns)
layout(binding = 1) readonly buffer W4 { vec4 w4[]; };
ADDRESSED(2, u64vec4, bias)
ADDRESSED(3, Real8, residual)
ADDRESSED(3, uint, residual_words)
layout(binding = 4) writeonly buffer Y { Real8 y[]; };

const bool GATHERS = STRIDED && FILTER != FILTER_TRANSPOSED, SCATTERS = STRIDED && FILTER == FILTER_TRANSPOSED;
const uint TILE_LINES = (TILE_COLUMNS + LINE - 1) / LINE;  // of the cache, in a row of the tile

// Four rows of w from row k on, of a lane's columns.
void read_rows(uint column, uint k) {
    [[unroll]] for (uint q = 0; q < 4; q++) {
        const uint at = ((k + q) * columns + column) / 8;
        b[q] = FILTER == FILTER_THROUGH_BINDING ? Eight(w4[2 * at], w4[2 * at + 1]) : unpack8(w.at[at]);
    }
}

// The same where they are columns of what lies there: a lane reads four numbers of each, and a component is a register of its
// own, so that turning them costs nothing. It is the faster way (0.94 of the time in MobileNetV2 on an AMD EPYC).
void read_columns(uint column, uint k) {
    [[unroll]] for (uint c = 0; c < 8; c++) {
        const vec4 four = unpack4(w_columns.at[((column + c) * inner + k) / 4]);
        [[unroll]] for (uint q = 0; q < 4; q++) {
            if (c < 4) b[q].lo[c & 3] = four[q];
            else b[q].hi[c & 3] = four[q];
        }
    }
}

void write(uint row, uint column, Eight sum) {
    const uint at = (row * columns + column) / 8;
    if (RESIDUAL) {
        const Eight other = from_real8(residual.at[at]);
        sum.lo += other.lo;
        sum.hi += other.hi;
    }
    y[at] = to_real8(activate(sum.lo, ACTIVATION, slope), activate(sum.hi, ACTIVATION, slope));
}

void main() {
    const bool turned = columns_first != 0;
    const uint row_tile = turned ? gl_WorkGroupID.y + gl_WorkGroupID.z * gl_NumWorkGroups.y
                                 : gl_WorkGroupID.x + gl_WorkGroupID.z * gl_NumWorkGroups.x;
    const uint first_row = row_tile * TILE_ROWS, first_column = (turned ? gl_WorkGroupID.x : gl_WorkGroupID.y) * TILE_COLUMNS;
    const uint column = first_column + lane_column;
    const uint safe_column = min(column, columns - 8);  // lanes past the edge read anything and write nothing
    uint from[CHUNKS];
    [[unroll]] for (uint i = 0; i < CHUNKS; i++) {
        const uint row = min(first_row + chunk_row(i), rows - 1);
        from[i] = (GATHERS ? number_of(pixel_of(row)) : row) * inner;
    }
    uint asked = 0;  // for all rows of the tile and its residual: see wide.glsl
    [[dont_unroll]] for (uint k = 0; k < far * inner; k += LINE) {
        [[unroll]] for (uint i = 0; i < CHUNKS; i++) asked |= x_words.at[(from[i] + k) / IN_WORD];
    }
    if (RESIDUAL && !SCATTERS) {
        [[dont_unroll]] for (uint t = lane; t < far_residual * TILE_ROWS * TILE_LINES; t += SUBGROUP) {
            const uint row = min(first_row + t / TILE_LINES, rows - 1);
            const uint at = row * columns + min(first_column + t % TILE_LINES * LINE, columns - 1);
            asked |= residual_words.at[at / IN_WORD];
        }
    }
    [[unroll]] for (uint i = 0; i < CHUNKS; i++) from[i] += asked & never;

    if (BIAS) clear_sums(unpack8(bias.at[safe_column / 8]));
    else clear_sums(Eight(vec4(0), vec4(0)));
    for (uint k = 0; k < inner; k += 4) {
        [[unroll]] for (uint i = 0; i < CHUNKS; i++) a[i] = from_real_wide4(x.at[(from[i] + k) / 4]);
        if (FILTER == FILTER_TRANSPOSED) read_columns(safe_column, k);
        else read_rows(safe_column, k);
        add_products();
    }

    // Unrolled, this would take as long to compile as all the rest.
    [[dont_unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint row = first_row + sum_row(r);
        if (row >= rows || column >= columns) continue;
        const Eight sum = Eight(lo[r], hi[r]);
        if (!SCATTERS) {
            write(row, column, sum);
            continue;
        }
        const uvec3 first = pixel_of(row), end = uvec3(0, min(first.y + stride_y, in_height), min(first.z + stride_x, in_width));
        [[dont_unroll]] for (uvec3 pixel = first; pixel.y < end.y; pixel.y++) {
            [[dont_unroll]] for (pixel.z = first.z; pixel.z < end.z; pixel.z++) {
                Eight result = sum;
                if (pixel != first) result = Eight(vec4(0), vec4(0));
                write(number_of(pixel), column, result);
            }
        }
    }
}
