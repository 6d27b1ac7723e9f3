#version 450
#extension GL_GOOGLE_include_directive : require
// dw[k][co] = Σ_m x[m at k] · dy[m][co], k = (ky, kx, ci), m = (n, oy, ox), x[m at k] = x[n][oy·s + ky·d −
// pad][…][ci]: the filter gradient of any convolution, and of linear. The sum over m is split: split s and
// lane group g write their own copy p = s · GROUPS + g of the filter, partial[p][k][co], which conv2d_sum
// adds in this order, so the bits repeat. Where one copy is all, it is the result, or is added to that.
// variants: SUBGROUP=4 SUBGROUP=8 SUBGROUP=16 SUBGROUP=4,REAL=16 SUBGROUP=8,REAL=16 SUBGROUP=16,REAL=16
// Fast because 8 or 16 rows of k × 8 columns a lane stay in registers while m runs. Four values of m at a
// time: a lane reads 8 channels of x at one pixel and hands them round its group; dy is read 8 columns a
// lane. See include/row_tile.glsl. More rows would read less for the same sums, but their loop no longer fits
// in a processor's instruction cache: measured when all was read through bindings, on Mesa 25.0.7, 26 KB of code at 16
// rows, 69 KB and a fifth slower at 32.
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "addressed.glsl"
#include "wide.glsl"
#include "conv2d_filter_gradient.h"
#include "strided.glsl"
#ifndef SUBGROUP
#define SUBGROUP 8
#endif
layout(local_size_x_id = 0) in;                       // 0: workgroup size = SUBGROUP
layout(constant_id = 1) const uint COLUMN_LANES = 8;  // 1: power of two, 1 to SUBGROUP
layout(constant_id = 2) const bool WIDE = true;       // 2: 8 columns a lane (columns % 8 == 0), or 1
layout(constant_id = 3) const bool X_WIDE = true;     // 3: inner % 8 == 0 (and so is in_channels)
layout(constant_id = 4) const bool POINTWISE = false; // 4: 1×1, no padding: row m of x is pixel m
layout(constant_id = 5) const bool STRIDED = false;   // 5: (with 4) or the one that it stands for
layout(constant_id = 6) const uint BLOCKS = 2;        // 6: rows of k, in eights: 1 or 2
layout(constant_id = 7) const bool BLOCKED = false;   // 7: (with 2 to 4) x and dy lie as [channels / 8][row][8]
layout(constant_id = 8) const bool ADDS = false;      // 8: to what is there
layout(constant_id = 9) const bool ALWAYS = false;    // 9: else where keep is not 0
ADDRESSED(0, Real, x)
STREAMED(0, x8)
ADDRESSED(1, Real, dy)
STREAMED(1, dy8)
layout(binding = 2) buffer Partial { float partial[]; };
layout(binding = 2) buffer Partial8 { u64vec4 partial8[]; };
layout(binding = 3) readonly buffer Keep { float keep[]; };

const uint GROUPS = SUBGROUP / COLUMN_LANES;
const uint ROWS = BLOCKS * 8;
// A unit is 8 neighbouring k of one m: unit 4h + q holds rows 8h to 8h+7 of the tile at the q-th of four m.
const uint UNITS = BLOCKS * 4;
const uint READS = (UNITS + COLUMN_LANES - 1) / COLUMN_LANES;  // units a lane reads

uint lane = gl_SubgroupInvocationID;
uint group = lane / COLUMN_LANES;
uint place = lane % COLUMN_LANES;
uint first_lane = group * COLUMN_LANES;
vec4 lo[16], hi[16];
Eight unit[READS];
Eight b[4];

#define SPREAD(v, t) (COLUMN_LANES == SUBGROUP ? subgroupBroadcast(v, (t) % SUBGROUP) \
                      : COLUMN_LANES == 1 ? v : subgroupShuffle(v, first_lane + (t) % COLUMN_LANES))
#define VALUE(q, h, half_, c) SPREAD(unit[(4 * h + q) / COLUMN_LANES].half_[c], 4 * h + q)
#define ADD(h, half_, c, r) { \
        const vec4 s = vec4(VALUE(0, h, half_, c), VALUE(1, h, half_, c), \
                            VALUE(2, h, half_, c), VALUE(3, h, half_, c)); \
        if (WIDE) { \
            lo[r] = lo[r] + s.x * b[0].lo + s.y * b[1].lo + s.z * b[2].lo + s.w * b[3].lo; \
            hi[r] = hi[r] + s.x * b[0].hi + s.y * b[1].hi + s.z * b[2].hi + s.w * b[3].hi; \
        } else { \
            lo[r].x = lo[r].x + s.x * b[0].lo.x + s.y * b[1].lo.x + s.z * b[2].lo.x + s.w * b[3].lo.x; \
        } \
    }
#define ADD_UNIT(h) \
    ADD(h, lo, 0, 8 * h) ADD(h, lo, 1, 8 * h + 1) ADD(h, lo, 2, 8 * h + 2) ADD(h, lo, 3, 8 * h + 3) \
    ADD(h, hi, 0, 8 * h + 4) ADD(h, hi, 1, 8 * h + 5) ADD(h, hi, 2, 8 * h + 6) ADD(h, hi, 3, 8 * h + 7)

// The row of x, where x is a matrix.
uint row_of_x(uint m) { return STRIDED ? number_of(pixel_of(m)) : m; }

// Where the value of x that row k of the filter gradient meets lies from the first pixel under the filter: rows, columns, channels.
ivec3 tap_of(uint k) {
    const uint tap = k / inner;
    const uint ky = tap / kernel_width;
    const uint kx = tap - ky * kernel_width;
    return ivec3(int(ky) * dilation_y, int(kx) * dilation_x, int(k - tap * inner));
}

// That of the next k: a division less. Past the filter it is of no use, and harmless.
ivec3 next_tap(ivec3 tap) {
    tap.z++;
    if (tap.z == int(inner)) tap = ivec3(tap.x, tap.y + dilation_x, 0);
    if (tap.y == int(kernel_width) * dilation_x) tap = ivec3(tap.x + dilation_y, 0, 0);
    return tap;
}

void main() {
    const uint split = gl_WorkGroupID.z;
    const uint set = gl_WorkGroupID.y / column_tiles;  // the group of channels
    const uint first_k = gl_WorkGroupID.x * ROWS;
    const uint width = WIDE ? 8 : 1;
    const uint first_column = (gl_WorkGroupID.y - set * column_tiles) * COLUMN_LANES * width;
    const uint column = first_column + place * width;
    const uint out_column = set * columns + min(column, columns - width);
    const uint first_channel = set * inner;

    // What each unit of this lane reads: its m within four, and where its k is; single channels as a difference of indices.
    uint offset[READS];
    ivec3 shift[READS * 8];
    [[unroll]] for (uint j = 0; j < READS; j++) {
        const uint u = min(j * COLUMN_LANES + place, UNITS - 1);
        offset[j] = u % 4;
        ivec3 tap = tap_of(min(first_k + u / 4 * 8, filter_rows - (X_WIDE ? 8 : 1)));
        [[unroll]] for (uint c = 0; c < (X_WIDE ? 1 : 8); c++) {
            shift[j * 8 + c] = tap;
            if (X_WIDE) continue;
            shift[j * 8 + c].z += (tap.x * int(in_width) + tap.y) * int(in_channels);
            tap = next_tap(tap);
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        lo[r] = vec4(0);
        hi[r] = vec4(0);
    }

    const uint end = min((split + 1) * split_rows, rows);
    for (uint m = split * split_rows; m < end + (asked & never); m += 4 * GROUPS) {
        const uint mine = m + 4 * group;
        [[unroll]] for (uint j = 0; j < READS; j++) {
            const uint row = min(mine + offset[j], rows - 1);
            if (POINTWISE && X_WIDE) {
                const uint channel = first_channel + uint(shift[j * 8].z);
                const uint at = BLOCKED ? channel / 8 * rows + row : (row_of_x(row) * in_channels + channel) / 8;
                if (!BLOCKED && far_x != 0) ask_x8(at);
                unit[j] = from_real8(x8.at[at]);
            } else {
                const uvec3 pixel_of_row = pixel_of(row);
                const uint n = pixel_of_row.x;
                const int top = int(pixel_of_row.y) - pad_top, left = int(pixel_of_row.z) - pad_left;
                if (X_WIDE) { // with a difference of indices, as below, this takes a third longer
                    const int at_y = top + shift[j * 8].x, at_x = left + shift[j * 8].y;
                    const int pixel = (int(n * in_height) + at_y) * int(in_width) + at_x;
                    const bool outside = at_y < 0 || at_y >= int(in_height) || at_x < 0 || at_x >= int(in_width);
                    const int at = outside ? -1 : pixel * int(in_channels) + int(first_channel) + shift[j * 8].z;
                    if (far_x != 0) ask_x8(uint(max(at, 0)) / 8);
                    READ8_INSIDE(unit[j], x8, at >= 0, at / 8)
                } else {
                    const int first =
                        ((int(n * in_height) + top) * int(in_width) + left) * int(in_channels) + int(first_channel);
                    [[unroll]] for (uint c = 0; c < 8; c++) {
                        const ivec3 s = shift[j * 8 + c];
                        const bool inside = uint(top + s.x) < in_height && uint(left + s.y) < in_width;
                        const float read = float(x.at[inside ? first + s.z : 0]), v = inside ? read : 0.0;
                        if (c < 4) unit[j].lo[c & 3] = v;
                        else unit[j].hi[c & 3] = v;
                    }
                }
            }
            if (mine + offset[j] >= end) unit[j] = Eight(vec4(0), vec4(0)); // so that dy is multiplied by nothing
        }
        [[unroll]] for (uint q = 0; q < 4; q++) {
            const uint row = min(mine + q, end - 1);
            if (!WIDE) {
                b[q] = Eight(vec4(float(dy.at[row * out_channels + out_column])), vec4(0));
                continue;
            }
            const uint at = BLOCKED ? out_column / 8 * rows + row : (row * out_channels + out_column) / 8;
            if (!BLOCKED && far_dy != 0) ask_dy8(at);
            b[q] = from_real8(dy8.at[at]);
        }
        ADD_UNIT(0)
        if (BLOCKS > 1) { ADD_UNIT(1) }
    }

    const uint copy = (split * GROUPS + group) * filter_rows;
    const bool added = ADDS && (ALWAYS || keep[0] != 0.0);
    // Unrolled, this would take as long to compile as all the rest.
    [[dont_unroll]] for (uint r = 0; r < ROWS; r++) {
        if (first_k + r < filter_rows && column < columns) {
            const uint at = (copy + first_k + r) * out_channels + out_column;
            Eight sum = Eight(lo[r], hi[r]);
            if (added) {
                const Eight before = WIDE ? unpack8(partial8[at / 8]) : Eight(vec4(partial[at]), vec4(0));
                sum.lo += before.lo;
                sum.hi += before.hi;
            }
            if (WIDE) partial8[at / 8] = pack8(sum.lo, sum.hi);
            else partial[at] = sum.lo.x;
        }
    }
}
