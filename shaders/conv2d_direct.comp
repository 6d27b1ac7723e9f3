#version 450
#extension GL_GOOGLE_include_directive : require
// y[n][oy][ox][co] = activation(bias[co] + Σ_ky,kx,ci x[n][iy][ix][ci] · w[ky][kx][ci][co] +
// residual[n][oy][ox][co]), iy = oy · stride + ky · dilation − pad, and likewise ix: any convolution over
// NHWC with HWIO filter and groups. The data gradient is the same sum over dy with the transposed filter
// [ky][kx][co][ci]: at stride s one dispatch for each of the s·s residues of the input pixel, which meet
// every s-th tap only (conv2d_direct.h).
// variants: SUBGROUP=4 SUBGROUP=8 SUBGROUP=16 SUBGROUP=4,REAL=16 SUBGROUP=8,REAL=16 SUBGROUP=16,REAL=16
// Fast because it is the register tile of include/row_tile.glsl with gathered rows: nothing is unfolded in
// memory, no multiplication by a padded zero is loaded, and the address of a row is worked out once for four
// channels.
#include "addressed.glsl"
#include "row_tile.glsl"  // specialisation 0 to 3
#include "activation.glsl"
#include "division.glsl"
#include "conv2d_direct.h"
layout(constant_id = 4) const bool BIAS = false;
layout(constant_id = 5) const bool RESIDUAL = false;
layout(constant_id = 6) const uint ACTIVATION = 0;   // kind of activation.glsl
layout(constant_id = 7) const bool X_WIDE = true;    // inner % 4 == 0 (and so is in_channels)
layout(constant_id = 8) const bool SCATTER = false;  // the grid is not the whole output
ADDRESSED(0, Real, x)
ADDRESSED(0, RealWide4, x4)
ADDRESSED(1, float, w)
ADDRESSED(1, u64vec4, w8)
ADDRESSED(2, float, bias)
ADDRESSED(2, u64vec4, bias8)
ADDRESSED(3, Real, residual)
ADDRESSED(3, Real8, residual8)
layout(binding = 0) readonly buffer XWords { uint x_words[]; };  // asked for once a cache line: see STREAMED in addressed.glsl
layout(binding = 4) writeonly buffer Y { Real y[]; };
layout(binding = 4) writeonly buffer Y8 { Real8 y8[]; };

// The pixel of the grid that a row stands for: image, y, x.
uvec3 pixel_of(uint row) {
    const uint line = divide(row, width_multiplier, width_shift);
    const uint n = divide(line, height_multiplier, height_shift);
    return uvec3(n, line - n * grid_height, row - line * grid_width);
}

Eight weights(uint k, uint column) {
    const uint at = k * out_channels + column;
    if (WIDE) return unpack8(w8.at[at / 8]);
    return Eight(vec4(w.at[at], 0, 0, 0), vec4(0));
}

void main() {
    const uint tile = gl_WorkGroupID.x + gl_WorkGroupID.z * gl_NumWorkGroups.x;
    const uint set = gl_WorkGroupID.y / column_tiles;  // the group of channels
    const uint first_row = tile * TILE_ROWS;
    const uint column = (gl_WorkGroupID.y - set * column_tiles) * TILE_COLUMNS + lane_column;
    const uint out_column = set * columns + min(column, columns - (WIDE ? 8 : 1));

    int base[CHUNKS], from_y[CHUNKS], from_x[CHUNKS];
    [[unroll]] for (uint i = 0; i < CHUNKS; i++) {
        const uvec3 p = pixel_of(min(first_row + chunk_row(i), rows - 1));
        from_y[i] = int(p.y) * stride_y + origin_y;
        from_x[i] = int(p.z) * stride_x + origin_x;
        base[i] = ((int(p.x * in_height) + from_y[i]) * int(in_width) + from_x[i]) * int(in_channels) + int(set * inner);
    }

    if (!BIAS) clear_sums(Eight(vec4(0), vec4(0)));
    else if (WIDE) clear_sums(unpack8(bias8.at[out_column / 8]));
    else clear_sums(Eight(vec4(bias.at[out_column], 0, 0, 0), vec4(0)));

    const uint count = taps_y * taps_x * inner;
    uint channel = 0, tap_y = 0, tap_x = 0;  // of the next k
    // 0, for results are of two bytes at least in a binding of less than 4 GiB; there is no room for one parameter more.
    const uint never = rows >> 31;
    for (uint k = 0; k < count + (asked & never); k += 4) {
        [[unroll]] for (uint q = 0; q < 4; q++) {
            if (q == 0 || !X_WIDE) {
                const bool valid = tap_y < taps_y;
                const uint tap = filter_first + tap_y * filter_step_y + tap_x * filter_step_x;
                const uint row = valid ? tap * inner + channel : 0;
                b[q] = weights(row, out_column);
                if (X_WIDE) {
                    [[unroll]] for (uint j = 1; j < 4; j++) b[j] = weights(row + j, out_column);
                }
                const int down = int(tap_y) * step_y, across = int(tap_x) * step_x;
                const int away = (down * int(in_width) + across) * int(in_channels) + int(channel);
                [[unroll]] for (uint i = 0; i < CHUNKS; i++) {
                    // Read in any case: see READ8_INSIDE.
                    const bool inside = valid && uint(from_y[i] + down) < in_height && uint(from_x[i] + across) < in_width;
                    const uint at = inside ? uint(base[i] + away) : 0;
                    if (X_WIDE && channel % LINE == 0) asked |= x_words[at / IN_WORD];
                    if (X_WIDE) {
                        a[i] = from_real_wide4(x4.at[at / 4]);
                        if (!inside) a[i] = vec4(0);
                    } else {
                        const float read = float(x.at[at]);
                        a[i][q] = inside ? read : 0.0;
                    }
                }
                channel += X_WIDE ? 4 : 1;
                if (channel == inner) {
                    channel = 0;
                    tap_x++;
                    if (tap_x == taps_x) {
                        tap_x = 0;
                        tap_y++;
                    }
                }
            }
        }
        add_products();
    }

    // Unrolled, this would take as long to compile as all the rest.
    [[dont_unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint row = first_row + sum_row(r);
        if (row < rows && column < columns) {
            uint pixel = row;
            if (SCATTER) {
                const uvec3 p = pixel_of(row);
                const uint to_y = p.y * out_step_y + out_first_y, to_x = p.z * out_step_x + out_first_x;
                pixel = (p.x * out_height + to_y) * out_width + to_x;
            }
            const uint at = pixel * out_channels + out_column;
            if (WIDE) {
                Eight e = Eight(lo[r], hi[r]);
                if (RESIDUAL) {
                    const Eight other = from_real8(residual8.at[at / 8]);
                    e.lo += other.lo;
                    e.hi += other.hi;
                }
                y8[at / 8] = to_real8(activate(e.lo, ACTIVATION, slope), activate(e.hi, ACTIVATION, slope));
            } else {
                float e = lo[r].x;
                if (RESIDUAL) e += float(residual.at[at]);
                y[at] = Real(activate(e, ACTIVATION, slope));
            }
        }
    }
}
