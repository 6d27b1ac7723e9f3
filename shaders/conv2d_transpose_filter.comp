#version 450
#extension GL_GOOGLE_include_directive : require
// out[tap][r][g·Cin/G + c] = w[tap][c][g·Cout/G + r]: the filter with the channels of each group swapped, for
// the data gradient.
// variants: WIDTH=1 WIDTH=4
// WIDTH × WIDTH elements an invocation: 4 where both channels of a group are multiples of that and the device has 64-bit
// integers (include/wide.glsl; 8 would be no faster, and take four times as long to compile).
#extension GL_EXT_control_flow_attributes : require
#if WIDTH == 4
#include "wide.glsl"
#define STORED u64vec2
#else
#define STORED float
#endif
#include "conv2d_transpose_filter.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(binding = 0) readonly buffer W { STORED w[]; };
layout(binding = 1) writeonly buffer Out { STORED transposed[]; };

void main() {
    const uint i = folded_index();
    if (i < count / (WIDTH * WIDTH)) {
        // All in units of WIDTH.
        const uint ins = in_channels / WIDTH, outs = out_channels / WIDTH;
        const uint per_in = ins / groups, per_out = outs / groups;
        const uint line = i / ins, in_channel = i - line * ins;
        const uint tap = line / per_out, r = line - tap * per_out;
        const uint set = in_channel / per_in, c = in_channel - set * per_in;
        const uint from = (tap * per_in + c) * WIDTH * outs + set * per_out + r, to = line * WIDTH * ins + in_channel;
#if WIDTH == 4
        mat4 block;
        [[unroll]] for (uint row = 0; row < 4; row++) block[row] = unpack4(w[from + row * outs]);
        block = transpose(block);
        [[unroll]] for (uint row = 0; row < 4; row++) transposed[to + row * ins] = pack4(block[row]);
#else
        transposed[to] = w[from];
#endif
    }
}
