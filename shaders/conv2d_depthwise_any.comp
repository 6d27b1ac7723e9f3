#version 450
#extension GL_GOOGLE_include_directive : require
// y[n][oy][ox][c·m + j] = activation(bias[c·m + j] + Σ_ky,kx x[n][oy·s + ky·d − pad][ox·s + kx·d − pad][c] ·
// w[ky][kx][c·m + j]): the depthwise convolution with any multiplier m, kernel, stride, dilation and channel
// count. One invocation an output, channels fastest: neighbours read neighbours, and a GPU's cache does the
// reuse. On a CPU driver it is the fallback of conv2d_depthwise.comp.
// variants: REAL=32 REAL=16
#include "activation.glsl"
#include "conv2d_depthwise_any.h"
#include "real.glsl"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(constant_id = 1) const bool BIAS = false;    // 1
layout(constant_id = 2) const uint ACTIVATION = 0;  // 2: kind of activation.glsl
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer Y { Real y[]; };

void main() {
    const uint i = folded_index();
    if (i < count) {
        const uint channels = in_channels * multiplier;
        const uint pixel = i / channels, channel = i - pixel * channels;
        const uint line = pixel / out_width, n = line / out_height;
        const int from_y = int(line - n * out_height) * stride_y - pad_top;
        const int from_x = int(pixel - line * out_width) * stride_x - pad_left;
        float sum = BIAS ? bias[channel] : 0.0;
        for (uint ky = 0; ky < kernel_height; ky++) {
            const int at_y = from_y + int(ky) * dilation_y;
            for (uint kx = 0; kx < kernel_width; kx++) {
                const int at_x = from_x + int(kx) * dilation_x;
                if (at_y >= 0 && at_y < int(in_height) && at_x >= 0 && at_x < int(in_width)) {
                    const uint from = (n * in_height + uint(at_y)) * in_width + uint(at_x);
                    sum += float(x[from * in_channels + channel / multiplier]) *
                           w[(ky * kernel_width + kx) * channels + channel];
                }
            }
        }
        y[i] = Real(activate(sum, ACTIVATION, slope));
    }
}
