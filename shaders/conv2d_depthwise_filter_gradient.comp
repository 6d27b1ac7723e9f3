#version 450
#extension GL_GOOGLE_include_directive : require
// dw[ky][kx][c] = Σ_n,oy,ox x[n][oy·s − pad + ky][ox·s − pad + kx][c] · dy[n][oy][ox][c]: the filter gradient
// of the depthwise convolution, channels % 8 == 0, dilation 1, as one partial sum for each slice of the
// images (partial[slice][ky][kx][c]; conv2d_sum adds them in order, so the bits repeat). Fast for the reason
// of conv2d_depthwise.comp: the sums of 8 channels stay in registers while strips are walked along.
// variants: REAL=32 REAL=16
#include "addressed.glsl"
#include "conv2d_depthwise_filter_gradient.h"
#include "depthwise_strip.glsl"  // specialisation 0 to 5, binding 0
#include "folded.glsl"
ADDRESSED(1, Real8, dy)
ADDRESSED(1, uint, dy_words)
layout(binding = 2) writeonly buffer Partial { u64vec4 partial[]; };

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
        clear_columns();
        uint asked = ask_columns(int(n), in_y, 0, int(out_width), block, blocks);
        const int bottom = far != 0 ? min(out_y + int(STRIP), int(out_height)) : 0;
        ASK_PIXELS(asked, dy_words, int(n * out_height), out_width, ivec2(0, out_y), ivec2(out_width, bottom))
        for (int out_x = int(asked & never) - WARM_UP; out_x < int(out_width); out_x++) {
            read_columns(int(n), in_y, out_x, block, blocks);
            const uint at = (n * out_height + uint(out_y)) * out_width + uint(out_x);
            [[unroll]] for (uint p = 0; p < STRIP; p++) {
                Eight g;
                READ8_INSIDE(g, dy, out_x >= 0 && out_y + int(p) < int(out_height), (at + p * out_width) * blocks + block)
                [[unroll]] for (uint j = 0; j < KERNEL_Y; j++) {
                    [[unroll]] for (uint i = 0; i < KERNEL_X; i++) {
                        sums[j * KERNEL_X + i].lo += columns[i * SPAN + p * STRIDE_Y + j].lo * g.lo;
                        sums[j * KERNEL_X + i].hi += columns[i * SPAN + p * STRIDE_Y + j].hi * g.hi;
                    }
                }
            }
            keep_columns();
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
