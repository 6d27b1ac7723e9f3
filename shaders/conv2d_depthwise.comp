#version 450
#extension GL_GOOGLE_include_directive : require
// y[n][oy][ox][c] = activation(bias[c] + Σ_ky,kx x[n][oy·s − pad + ky][ox·s − pad + kx][c] · w[ky][kx][c]),
// NHWC, channels % 8 == 0, dilation 1. With flip the filter is turned by 180°: the data gradient at stride 1.
// Fast because an invocation keeps the filter of its 8 channels and walks along a strip of the image, so that
// an input column is read once for all the output columns that need it. It walks along rows, where what comes
// next lies near: walking down columns, software Vulkan waits for memory most of the time. Strips, not lanes,
// share the halo: any subgroup size will do.
// variants: REAL=32 REAL=16
#include "addressed.glsl"
#include "activation.glsl"
#include "conv2d_depthwise.h"
#include "depthwise_strip.glsl"  // specialisation 0 to 5, binding 0
#include "folded.glsl"
layout(constant_id = 6) const bool BIAS = false;
layout(constant_id = 7) const uint ACTIVATION = 0;  // 7: kind of activation.glsl
ADDRESSED(1, u64vec4, w)
ADDRESSED(2, u64vec4, bias)
layout(binding = 3) writeonly buffer Y { Real8 y[]; };

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
        stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = w.at[tap * blocks + block];
    }
    Eight filter_[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) {
        filter_[t] = unpack8(stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x]);
    }
    Eight start = Eight(vec4(0), vec4(0));
    if (BIAS) start = unpack8(bias.at[block]);

    for (uint n = first_image; n < last_image; n++) {
        clear_columns();
        const uint asked = ask_columns(int(n), in_y, first_x, last_x, block, blocks);
        for (int out_x = first_x - WARM_UP + int(asked); out_x < last_x; out_x++) {
            read_columns(int(n), in_y, out_x, block, blocks);
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
            keep_columns();
        }
    }
}
