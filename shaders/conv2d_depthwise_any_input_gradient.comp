#version 450
#extension GL_GOOGLE_include_directive : require
// dx[n][iy][ix][c] = Σ_j,ky,kx dy[n][oy][ox][c·m + j] · w[ky][kx][c·m + j] where oy·s + ky·d − pad = iy, and
// likewise ox: the data gradient of conv2d_depthwise_any.comp. One invocation an input value gathers what it
// contributed to.
// variants: REAL=32 REAL=16
#include "conv2d_depthwise_any.h"
#include "real.glsl"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(binding = 0) readonly buffer Dy { Real dy[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) writeonly buffer Dx { Real dx[]; };

void main() {
    const uint i = folded_index();
    if (i < count) {
        const uint channels = in_channels * multiplier;
        const uint pixel = i / in_channels, channel = (i - pixel * in_channels) * multiplier;
        const uint line = pixel / in_width, n = line / in_height;
        const int from_y = int(line - n * in_height) + pad_top;
        const int from_x = int(pixel - line * in_width) + pad_left;
        float sum = 0;
        for (uint ky = 0; ky < kernel_height; ky++) {
            const int at_y = from_y - int(ky) * dilation_y;
            for (uint kx = 0; kx < kernel_width; kx++) {
                const int at_x = from_x - int(kx) * dilation_x;
                const int out_y = at_y / stride_y, out_x = at_x / stride_x;
                if (at_y >= 0 && at_x >= 0 && out_y * stride_y == at_y && out_x * stride_x == at_x &&
                    out_y < int(out_height) && out_x < int(out_width)) {
                    const uint line_y = n * out_height + uint(out_y);
                    const uint from = (line_y * out_width + uint(out_x)) * channels + channel;
                    const uint tap = (ky * kernel_width + kx) * channels + channel;
                    for (uint j = 0; j < multiplier; j++) sum += float(dy[from + j]) * w[tap + j];
                }
            }
        }
        dx[i] = Real(sum);
    }
}
