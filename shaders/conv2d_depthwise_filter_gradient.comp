#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// dw[ky][kx][c] = Σ_n,oy,ox x[n][oy·s − pad + ky][ox·s − pad + kx][c] · dy[n][oy][ox][c]: the filter gradient
// of the depthwise convolution, channels % 8 == 0, dilation 1, as one partial sum for each slice of the
// images (partial[slice][ky][kx][c]; conv2d_sum adds them in order, so the bits repeat). Fast for the reason
// of conv2d_depthwise.comp: the sums of 8 channels stay in registers while strips are walked along.
// variants: REAL=32 REAL=16
#include "wide.glsl"
#include "conv2d_depthwise_filter_gradient.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
#include "folded.glsl"
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 1;
layout(constant_id = 4) const uint STRIDE_X = 1;
layout(constant_id = 5) const uint STRIP = 4;  // 5: output rows a strip
layout(binding = 0) readonly buffer X { Real8 x[]; };
layout(binding = 0) readonly buffer XWords { uint x_words[]; };
layout(binding = 1) readonly buffer Dy { Real8 dy[]; };
layout(binding = 1) readonly buffer DyWords { uint dy_words[]; };
layout(binding = 2) writeonly buffer Partial { u64vec4 partial[]; };

const uint TAPS = KERNEL_Y * KERNEL_X;
const uint SPAN = (STRIP - 1) * STRIDE_Y + KERNEL_Y;  // input rows under a strip
// Input columns shared with the next output column.
const uint KEPT = KERNEL_X > STRIDE_X ? KERNEL_X - STRIDE_X : 0;
// Output columns walked before the first is complete.
const int WARM_UP = int((KEPT + STRIDE_X - 1) / STRIDE_X);
shared u64vec4 stage[TAPS * gl_WorkGroupSize.x];

void main() {
    const uint item = folded_index();
    const uint blocks = channels / 8;
    const uint slice = item / blocks;
    const uint block = item - slice * blocks;
    const uint last = item < items ? min((slice + 1) * units_per_slice, units) : 0;

    Eight sums[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) sums[t] = Eight(vec4(0), vec4(0));
    for (uint unit = slice * units_per_slice; unit < last; unit++) {
        const uint n = unit / strips;
        const int out_y = int((unit - n * strips) * STRIP);
        const int in_y = out_y * int(STRIDE_Y) - pad_top;
        Eight columns[KERNEL_X * SPAN];
        [[unroll]] for (uint i = 0; i < KERNEL_X * SPAN; i++) columns[i] = Eight(vec4(0), vec4(0));
        for (int out_x = -WARM_UP; out_x < int(out_width); out_x++) {
            const int row = (int(n * in_height) + in_y) * int(in_width), first = out_x * int(STRIDE_X) - pad_left;
            // Rows are asked for before they are read (see wide.glsl).
            uint asked = 0;
            [[dont_unroll]] for (uint t = KEPT * SPAN; t < KERNEL_X * SPAN; t++) {
                const int in_x = first + int(t / SPAN), j = int(t % SPAN);
                const bool inside = uint(in_x) < in_width && uint(in_y + j) < in_height;
                asked |= x_words[inside ? (uint(row + j * int(in_width) + in_x) * blocks + block) * 8 / IN_WORD : 0];
            }
            asked &= never;
            [[unroll]] for (uint i = KEPT; i < KERNEL_X; i++) {
                const int in_x = first + int(i);
                [[unroll]] for (uint j = 0; j < SPAN; j++) columns[i * SPAN + j] = Eight(vec4(0), vec4(0));
                if (uint(in_x) < in_width) {
                    [[unroll]] for (uint j = 0; j < SPAN; j++) {
                        READ8_INSIDE(columns[i * SPAN + j], x, uint(in_y + int(j)) < in_height,
                                     uint(row + int(j * in_width) + in_x) * blocks + block + asked)
                    }
                }
            }
            const uint at = (n * out_height + uint(out_y)) * out_width + uint(out_x);
            [[unroll]] for (uint p = 0; p < STRIP; p++) {
                Eight g = Eight(vec4(0), vec4(0));
                if (out_x >= 0 && out_y + int(p) < int(out_height)) g = from_real8(dy[(at + p * out_width) * blocks + block]);
                [[unroll]] for (uint j = 0; j < KERNEL_Y; j++) {
                    [[unroll]] for (uint i = 0; i < KERNEL_X; i++) {
                        sums[j * KERNEL_X + i].lo += columns[i * SPAN + p * STRIDE_Y + j].lo * g.lo;
                        sums[j * KERNEL_X + i].hi += columns[i * SPAN + p * STRIDE_Y + j].hi * g.hi;
                    }
                }
            }
            [[unroll]] for (uint i = 0; i < KEPT * SPAN; i++) columns[i] = columns[i + STRIDE_X * SPAN];
        }
    }
    // Through memory of this lane's own: a loop over a store compiles faster than nine stores.
    [[unroll]] for (uint t = 0; t < TAPS; t++) {
        stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = pack8(sums[t].lo, sums[t].hi);
    }
    if (item < items) {
        [[dont_unroll]] for (uint t = 0; t < TAPS; t++) {
            partial[(slice * TAPS + t) * blocks + block] =
                stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x];
        }
    }
}
