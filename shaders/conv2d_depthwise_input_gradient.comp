#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// dx[n][iy][ix][c] = Σ dy[n][oy][ox][c] · w[ky][kx][c] over ky, kx with oy·s + ky − pad = iy and ox·s + kx −
// pad = ix: the data gradient of the depthwise convolution at any stride, channels % 8 == 0, dilation 1. With
// iy + pad = s·t + a the residue a fixes the taps (ky = a, a + s, …) and t − j is the row of dy that tap a +
// s·j meets. Fast for the reason of conv2d_depthwise.comp: step t reads one row of dy, keeps the ones before,
// and writes s rows of dx.
// variants: REAL=32 REAL=16
#include "wide.glsl"
#include "conv2d_depthwise_input_gradient.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
#include "folded.glsl"
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 2;
layout(constant_id = 4) const uint STRIDE_X = 2;
layout(constant_id = 5) const uint STRIP = 2;  // 5: steps in x an item, STRIP·STRIDE_X columns of dx
layout(binding = 0) readonly buffer Dy { Real8 dy[]; };
layout(binding = 1) readonly buffer W { u64vec4 w[]; };
layout(binding = 2) writeonly buffer Dx { Real8 dx[]; };

const uint TAPS = KERNEL_Y * KERNEL_X;
const uint BACK_Y = (KERNEL_Y - 1) / STRIDE_Y;  // rows of dy before row t that step t needs
const uint BACK_X = (KERNEL_X - 1) / STRIDE_X;
const uint SPAN = STRIP + BACK_X;
shared u64vec4 stage[TAPS * gl_WorkGroupSize.x];

void main() {
    const uint item = folded_index();
    const uint blocks = channels / 8;
    uint rest = item / blocks;
    const uint block = item - rest * blocks;
    const int first_column = pad_left / int(STRIDE_X) + int(rest % strips * STRIP);
    rest /= strips;
    const int first_row = pad_top / int(STRIDE_Y) + int(rest % bands * rows_per_item);
    const uint first_image = rest / bands * images_per_item;
    const uint last_image = item < items ? min(first_image + images_per_item, batch) : 0;
    const int end_row = (int(in_height) - 1 + pad_top) / int(STRIDE_Y) + 1;
    const int last_row = min(first_row + int(rows_per_item), end_row);
    const int from_column = first_column - int(BACK_X);

    // The filter goes through memory of this lane's own: a loop over a load compiles faster than nine loads.
    [[dont_unroll]] for (uint t = 0; t < TAPS; t++) {
        stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = w[t * blocks + block];
    }
    Eight filter_[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) {
        filter_[t] = unpack8(stage[t * gl_WorkGroupSize.x + gl_LocalInvocationID.x]);
    }

    for (uint n = first_image; n < last_image; n++) {
        Eight rows[(BACK_Y + 1) * SPAN];  // rows[j] is row t − j of dy
        [[unroll]] for (uint i = 0; i < (BACK_Y + 1) * SPAN; i++) rows[i] = Eight(vec4(0), vec4(0));
        for (int t = first_row - int(BACK_Y); t < last_row; t++) {
            const bool inside = t >= 0 && t < int(out_height);
            const int from = (int(n * out_height) + t) * int(out_width) + from_column;
            [[unroll]] for (uint i = 0; i < SPAN; i++) {
                const int at_x = from_column + int(i);
                READ8_INSIDE(rows[i], dy, inside && at_x >= 0 && at_x < int(out_width),
                             uint(from + int(i)) * blocks + block)
            }
            [[unroll]] for (uint a = 0; a < STRIDE_Y; a++) {
                const int in_y = t * int(STRIDE_Y) + int(a) - pad_top;
                [[unroll]] for (uint p = 0; p < STRIP * STRIDE_X; p++) {
                    const int in_x = first_column * int(STRIDE_X) + int(p) - pad_left;
                    Eight sum = Eight(vec4(0), vec4(0));
                    [[unroll]] for (uint j = 0; j <= BACK_Y; j++) {
                        [[unroll]] for (uint i = 0; i <= BACK_X; i++) {
                            const uint ky = j * STRIDE_Y + a, kx = i * STRIDE_X + p % STRIDE_X;
                            if (ky < KERNEL_Y && kx < KERNEL_X) {
                                const uint at = j * SPAN + p / STRIDE_X + BACK_X - i;
                                sum.lo += rows[at].lo * filter_[ky * KERNEL_X + kx].lo;
                                sum.hi += rows[at].hi * filter_[ky * KERNEL_X + kx].hi;
                            }
                        }
                    }
                    const bool inside_y = t >= first_row && in_y >= 0 && in_y < int(in_height);
                    if (inside_y && in_x >= 0 && in_x < int(in_width)) {
                        const uint to = (n * in_height + uint(in_y)) * in_width + uint(in_x);
                        dx[to * blocks + block] = to_real8(sum.lo, sum.hi);
                    }
                }
            }
            [[unroll]] for (uint i = BACK_Y * SPAN; i > 0; i--) rows[i - 1 + SPAN] = rows[i - 1];
        }
    }
}
