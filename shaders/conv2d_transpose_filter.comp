#version 450
#extension GL_GOOGLE_include_directive : require
// out[tap][r][g·Cin/G + c] = w[tap][c][g·Cout/G + r]: the filter with the channels of each group swapped, for
// the data gradient. Small beside the convolution, so it is written plainly.
#include "conv2d_transpose_filter.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(binding = 0) readonly buffer W { float w[]; };
layout(binding = 1) writeonly buffer Out { float transposed[]; };

void main() {
    const uint i = folded_index();
    if (i < count) {
        const uint per_in = in_channels / groups, per_out = out_channels / groups;
        const uint line = i / in_channels, in_channel = i - line * in_channels;
        const uint tap = line / per_out, r = line - tap * per_out;
        const uint set = in_channel / per_in, c = in_channel - set * per_in;
        transposed[i] = w[(tap * per_in + c) * out_channels + set * per_out + r];
    }
}
