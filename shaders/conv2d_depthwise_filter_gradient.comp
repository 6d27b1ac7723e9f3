#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// dw[ky][kx][c] = Σ_n,oy,ox x[n][oy·s − pad + ky][ox·s − pad + kx][c] · dy[n][oy][ox][c]: the filter gradient
// of the depthwise convolution, channels % 8 == 0, dilation 1, as one partial sum for each slice of the
// images (partial[slice][ky][kx][c]; conv2d_sum adds them in order, so the bits repeat). Fast for the reason
// of conv2d_depthwise.comp: the sums of 8 channels stay in registers while strips are walked down.
// variants: REAL=32 REAL=16
#include "wide.glsl"
#include "conv2d_depthwise_filter_gradient.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
#include "folded.glsl"
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 1;
layout(constant_id = 4) const uint STRIDE_X = 1;
layout(constant_id = 5) const uint STRIP = 4;  // 5: output columns a strip
layout(binding = 0) readonly buffer X { Real8 x[]; };
layout(binding = 1) readonly buffer Dy { Real8 dy[]; };
layout(binding = 2) writeonly buffer Partial { u64vec4 partial[]; };

const uint TAPS = KERNEL_Y * KERNEL_X;
const uint SPAN = (STRIP - 1) * STRIDE_X + KERNEL_X;  // input columns under a strip
// Input rows shared with the next output row.
const uint KEPT = KERNEL_Y > STRIDE_Y ? KERNEL_Y - STRIDE_Y : 0;
// Output rows walked before the first is complete.
const int WARM_UP = int((KEPT + STRIDE_Y - 1) / STRIDE_Y);
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
        const int out_x = int((unit - n * strips) * STRIP);
        const int in_x = out_x * int(STRIDE_X) - pad_left;
        Eight rows[KERNEL_Y * SPAN];
        [[unroll]] for (uint i = 0; i < KERNEL_Y * SPAN; i++) rows[i] = Eight(vec4(0), vec4(0));
        for (int out_y = -WARM_UP; out_y < int(out_height); out_y++) {
            [[unroll]] for (uint j = KEPT; j < KERNEL_Y; j++) {
                const int in_y = out_y * int(STRIDE_Y) - pad_top + int(j);
                const bool inside = in_y >= 0 && in_y < int(in_height);
                const int from = (int(n * in_height) + in_y) * int(in_width) + in_x;
                [[unroll]] for (uint i = 0; i < SPAN; i++) {
                    Eight v = Eight(vec4(0), vec4(0));
                    if (inside && in_x + int(i) >= 0 && in_x + int(i) < int(in_width)) {
                        v = from_real8(x[uint(from + int(i)) * blocks + block]);
                    }
                    rows[j * SPAN + i] = v;
                }
            }
            const uint at = (n * out_height + uint(out_y)) * out_width + uint(out_x);
            [[unroll]] for (uint p = 0; p < STRIP; p++) {
                Eight g = Eight(vec4(0), vec4(0));
                if (out_y >= 0 && out_x + int(p) < int(out_width)) g = from_real8(dy[(at + p) * blocks + block]);
                [[unroll]] for (uint j = 0; j < KERNEL_Y; j++) {
                    [[unroll]] for (uint i = 0; i < KERNEL_X; i++) {
                        sums[j * KERNEL_X + i].lo += rows[j * SPAN + p * STRIDE_X + i].lo * g.lo;
                        sums[j * KERNEL_X + i].hi += rows[j * SPAN + p * STRIDE_X + i].hi * g.hi;
                    }
                }
            }
            [[unroll]] for (uint i = 0; i < KEPT * SPAN; i++) rows[i] = rows[i + STRIDE_Y * SPAN];
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
