#version 450
#extension GL_GOOGLE_include_directive : require
// The gradient of a filter [3][3][in][out] from the sums of Winograd's products m (include/winograd.glsl): dw = Gᵀ m G, or
// dw + that. The sums lie as [in][position][out]. One invocation PART of the columns of one inner channel.
// variants: TILE=2,PART=1 TILE=2,PART=8 TILE=4,PART=1 TILE=4,PART=8
#include "winograd.glsl"
#include "winograd_filter_gradient.h"
layout(local_size_x_id = 0) in;                     // 0: workgroup size
#include "folded.glsl"
layout(constant_id = 1) const bool ADDS = false;    // 1: to what is there
layout(constant_id = 2) const bool ALWAYS = false;  // 2: else where keep is not 0
READ_OPERAND(0, STORED, m)
layout(binding = 1) buffer W { STORED w[]; };
layout(binding = 2) readonly buffer Keep { float keep[]; };

void main() {
    const uint i = folded_index();
    if (i < inner * parts) {
        const uint k = i / parts, part = i - k * parts;
        VALUE half_done[SIDE][3];  // by column
        [[unroll]] for (uint column = 0; column < SIDE; column++) {
            VALUE sums[SIDE];
            [[unroll]] for (uint row = 0; row < SIDE; row++) sums[row] = unpack(m.at[((k * SIDE + row) * SIDE + column) * parts + part]);
            transform_filter_gradient(sums, half_done[column]);
        }
        const bool add = ADDS && (ALWAYS || keep[0] != 0.0);
        [[unroll]] for (uint row = 0; row < 3; row++) {
            VALUE across[SIDE], g[3];
            [[unroll]] for (uint column = 0; column < SIDE; column++) across[column] = half_done[column][row];
            transform_filter_gradient(across, g);
            [[unroll]] for (uint column = 0; column < 3; column++) {
                const uint at = ((row * 3 + column) * inner + k) * parts + part;
                if (add) g[column] += unpack(w[at]);
                w[at] = pack(g[column]);
            }
        }
    }
}
