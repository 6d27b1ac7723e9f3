#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// dx[n][iy][ix][c] = Σ dy[n][oy][ox][c] · w[ky][kx][c] over ky, kx with oy·s + ky − pad = iy and ox·s + kx −
// pad = ix: the data gradient of the depthwise convolution at any stride, channels % 8 == 0, dilation 1. With
// ix + pad = s·t + a the residue a fixes the taps (kx = a, a + s, …) and t − i is the column of dy that tap a +
// s·i meets. Fast for the reason of conv2d_depthwise.comp: step t reads one column of dy, keeps the ones before,
// and writes s columns of dx.
// variants: REAL=32 REAL=16
#include "addressed.glsl"
#include "wide.glsl"
#include "conv2d_depthwise_input_gradient.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
#include "folded.glsl"
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 2;
layout(constant_id = 4) const uint STRIDE_X = 2;
layout(constant_id = 5) const uint STRIP = 2;  // 5: steps in y an item, STRIP·STRIDE_Y rows of dx
ADDRESSED(0, Real8, dy)
ADDRESSED(0, uint, dy_words)
ADDRESSED(1, u64vec4, w)
layout(binding = 2) writeonly buffer Dx { Real8 dx[]; };

const uint TAPS = KERNEL_Y * KERNEL_X;
const uint BACK_X = (KERNEL_X - 1) / STRIDE_X;  // columns of dy before column t that step t needs
const uint BACK_Y = (KERNEL_Y - 1) / STRIDE_Y;
const uint SPAN = STRIP + BACK_Y;
shared u64vec4 stage[TAPS * gl_WorkGroupSize.x];

void main() {
    const uint item = folded_index();
    const uint blocks = channels / 8;
    uint rest = item / blocks;
    const uint block = item - rest * blocks;
    const int first_column = pad_left / int(STRIDE_X) + int(rest % bands * columns_per_item);
    rest /= bands;
    const int first_row = pad_top / int(STRIDE_Y) + int(rest % strips * STRIP);
    const uint first_image = rest / strips * images_per_item;
    const uint last_image = item < items ? min(first_image + images_per_item, batch) : 0;
    const int end_column = (int(in_width) - 1 + pad_left) / int(STRIDE_X) + 1;
    const int last_column = min(first_column + int(columns_per_item), end_column);
    const int from_row = first_row - int(BACK_Y);

    // The filter goes through memory of this lane's own: a loop over a load compiles faster than nine loads.
    [[dont_unroll]] for (uint t = 0; t < TAPS; t++) {
        stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = w.at[t * blocks + block];
    }
    Eight filter_[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) {
        filter_[t] = unpack8(stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x]);
    }

    for (uint n = first_image; n < last_image; n++) {
        Eight columns[(BACK_X + 1) * SPAN];  // columns[i] is column t − i of dy
        [[unroll]] for (uint i = 0; i < (BACK_X + 1) * SPAN; i++) columns[i] = Eight(vec4(0), vec4(0));
        const int bottom = far != 0 ? min(from_row + int(SPAN), int(out_height)) : 0;  // of what is asked for: see wide.glsl
        const ivec2 first = ivec2(max(first_column - int(BACK_X), 0), max(from_row, 0));
        uint asked = 0;
        ASK_PIXELS(asked, dy_words, int(n * out_height), out_width, first, ivec2(min(last_column, int(out_width)), bottom))
        for (int t = first_column - int(BACK_X) + int(asked & never); t < last_column; t++) {
            const bool inside = t >= 0 && t < int(out_width);
            const int from = (int(n * out_height) + from_row) * int(out_width) + t;
            [[unroll]] for (uint j = 0; j < SPAN; j++) {
                const int at_y = from_row + int(j);
                READ8_INSIDE(columns[j], dy, inside && at_y >= 0 && at_y < int(out_height),
                             uint(from + int(j * out_width)) * blocks + block)
            }
            [[unroll]] for (uint a = 0; a < STRIDE_X; a++) {
                const int in_x = t * int(STRIDE_X) + int(a) - pad_left;
                [[unroll]] for (uint p = 0; p < STRIP * STRIDE_Y; p++) {
                    const int in_y = first_row * int(STRIDE_Y) + int(p) - pad_top;
                    Eight sum = Eight(vec4(0), vec4(0));
                    [[unroll]] for (uint j = 0; j <= BACK_Y; j++) {
                        [[unroll]] for (uint i = 0; i <= BACK_X; i++) {
                            const uint ky = j * STRIDE_Y + p % STRIDE_Y, kx = i * STRIDE_X + a;
                            if (ky < KERNEL_Y && kx < KERNEL_X) {
                                const uint at = i * SPAN + p / STRIDE_Y + BACK_Y - j;
                                sum.lo += columns[at].lo * filter_[ky * KERNEL_X + kx].lo;
                                sum.hi += columns[at].hi * filter_[ky * KERNEL_X + kx].hi;
                            }
                        }
                    }
                    const bool inside_x = t >= first_column && in_x >= 0 && in_x < int(in_width);
                    if (inside_x && in_y >= 0 && in_y < int(in_height)) {
                        const uint to = (n * in_height + uint(in_y)) * in_width + uint(in_x);
                        dx[to * blocks + block] = to_real8(sum.lo, sum.hi);
                    }
                }
            }
            [[unroll]] for (uint i = BACK_X * SPAN; i > 0; i--) columns[i - 1 + SPAN] = columns[i - 1];
        }
    }
}
