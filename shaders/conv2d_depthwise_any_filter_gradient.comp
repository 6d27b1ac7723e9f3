#version 450
#extension GL_GOOGLE_include_directive : require
// dw[ky][kx][c·m + j] = Σ_n,oy,ox x[n][oy·s + ky·d − pad][ox·s + kx·d − pad][c] · dy[n][oy][ox][c·m + j]: the
// filter gradient of conv2d_depthwise_any.comp as partial[slice][ky][kx][c·m + j], one invocation each;
// conv2d_sum adds the slices in order.
// variants: REAL=32 REAL=16
#include "conv2d_depthwise_any.h"
#include "real.glsl"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer Dy { Real dy[]; };
layout(binding = 2) writeonly buffer Partial { float partial[]; };

void main() {
    const uint i = folded_index();
    if (i < count) {
        const uint channels = in_channels * multiplier;
        const uint rest = i / channels, channel = i - rest * channels;
        const uint taps = kernel_height * kernel_width, slice = rest / taps, tap = rest - slice * taps;
        const int shift_y = int(tap / kernel_width) * dilation_y - pad_top;
        const int shift_x = int(tap % kernel_width) * dilation_x - pad_left;
        const uint end = min((slice + 1) * slice_rows, rows);
        float sum = 0;
        for (uint m = slice * slice_rows; m < end; m++) {
            const uint line = m / out_width, n = line / out_height;
            const int at_y = int(line - n * out_height) * stride_y + shift_y;
            const int at_x = int(m - line * out_width) * stride_x + shift_x;
            if (at_y >= 0 && at_y < int(in_height) && at_x >= 0 && at_x < int(in_width)) {
                const uint from = (n * in_height + uint(at_y)) * in_width + uint(at_x);
                sum += float(x[from * in_channels + channel / multiplier]) * float(dy[m * channels + channel]);
            }
        }
        partial[i] = sum;
    }
}
