#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// y[n][oy][ox][c] = activation(bias[c] + Σ_ky,kx x[n][oy·s − pad + ky][ox·s − pad + kx][c] · w[ky][kx][c]),
// NHWC, channels % 8 == 0, dilation 1. With flip the filter is turned by 180°: the data gradient at stride 1.
// Fast because an invocation keeps the filter of its 8 channels and walks along a strip of the image, so that
// an input column is read once for all the output columns that need it. It walks along rows, where what comes
// next lies near: walking down columns, software Vulkan waits for memory most of the time. Strips, not lanes,
// share the halo: any subgroup size will do.
// variants: REAL=32 REAL=16
#include "wide.glsl"
#include "activation.glsl"
#include "conv2d_depthwise.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
#include "folded.glsl"
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 1;
layout(constant_id = 4) const uint STRIDE_X = 1;
layout(constant_id = 5) const uint STRIP = 4;       // 5: output rows a strip
layout(constant_id = 6) const bool BIAS = false;
layout(constant_id = 7) const uint ACTIVATION = 0;  // 7: kind of activation.glsl
layout(binding = 0) readonly buffer X { Real8 x[]; };
layout(binding = 0) readonly buffer XWords { uint x_words[]; };
layout(binding = 1) readonly buffer W { u64vec4 w[]; };
layout(binding = 2) readonly buffer Bias { u64vec4 bias[]; };
layout(binding = 3) writeonly buffer Y { Real8 y[]; };

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
    uint rest = item / blocks;
    const uint block = item - rest * blocks;
    const int first_x = int(rest % bands * columns_per_item);
    rest /= bands;
    const int out_y = int(rest % strips * STRIP);
    const uint first_image = rest / strips * images_per_item;
    const uint last_image = item < items ? min(first_image + images_per_item, batch) : 0;
    const int last_x = min(first_x + int(columns_per_item), int(out_width));
    const int in_y = out_y * int(STRIDE_Y) - pad_top;

    // The filter goes through memory of this lane's own: a loop over a load compiles faster than nine loads.
    [[dont_unroll]] for (uint t = 0; t < TAPS; t++) {
        const uint tap = flip != 0 ? TAPS - 1 - t : t;
        stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = w[tap * blocks + block];
    }
    Eight filter_[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) {
        filter_[t] = unpack8(stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x]);
    }
    Eight start = Eight(vec4(0), vec4(0));
    if (BIAS) start = unpack8(bias[block]);

    for (uint n = first_image; n < last_image; n++) {
        Eight columns[KERNEL_X * SPAN];
        [[unroll]] for (uint i = 0; i < KERNEL_X * SPAN; i++) columns[i] = Eight(vec4(0), vec4(0));
        for (int out_x = first_x - WARM_UP; out_x < last_x; out_x++) {
            const int row = (int(n) * int(in_height) + in_y) * int(in_width), first = out_x * int(STRIDE_X) - pad_left;
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
            const uint to = (n * out_height + uint(out_y)) * out_width + uint(out_x);
            [[unroll]] for (uint p = 0; p < STRIP; p++) {
                Eight sum = start;
                [[unroll]] for (uint j = 0; j < KERNEL_Y; j++) {
                    [[unroll]] for (uint i = 0; i < KERNEL_X; i++) {
                        sum.lo += columns[i * SPAN + p * STRIDE_Y + j].lo * filter_[j * KERNEL_X + i].lo;
                        sum.hi += columns[i * SPAN + p * STRIDE_Y + j].hi * filter_[j * KERNEL_X + i].hi;
                    }
                }
                if (out_x >= first_x && out_y + int(p) < int(out_height)) {
                    y[(to + p * out_width) * blocks + block] =
                        to_real8(activate(sum.lo, ACTIVATION, slope), activate(sum.hi, ACTIVATION, slope));
                }
            }
            [[unroll]] for (uint i = 0; i < KEPT * SPAN; i++) columns[i] = columns[i + STRIDE_X * SPAN];
        }
    }
}
