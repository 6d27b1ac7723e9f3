#version 450
#extension GL_GOOGLE_include_directive : require
// A filter [3][3][in][out] in Winograd's form, G g Gᵀ (include/winograd.glsl), for winograd_product.comp (PART 8) or as
// the filter [in][position][out] of a grouped pointwise convolution (PART 1). With TURNED for the data gradient: turned
// by 180 degrees, the sum going over the results' channels. One invocation PART of the columns of one inner channel.
// variants: TILE=2,PART=1 TILE=2,PART=8 TILE=4,PART=1 TILE=4,PART=8
#include "winograd.glsl"
#include "winograd_filter.h"
layout(local_size_x_id = 0) in;                     // 0: workgroup size
#include "folded.glsl"
layout(constant_id = 1) const bool TURNED = false;  // 1
READ_OPERAND(0, STORED, w)
READ_OPERAND(0, float, single)
layout(binding = 1) writeonly buffer U { STORED u[]; };

VALUE weights(uint tap, uint k, uint part) {
    if (!TURNED) return unpack(w.at[(tap * inner + k) * parts + part]);
#if PART == 8
    VALUE v;  // neighbouring columns lie a row of the filter apart
    [[unroll]] for (uint j = 0; j < 8; j++) v[j / 4][j % 4] = single.at[((8 - tap) * parts * 8 + part * 8 + j) * inner + k];
    return v;
#else
    return single.at[((8 - tap) * parts + part) * inner + k];
#endif
}

void main() {
    const uint i = folded_index();
    if (i < inner * parts) {
        // Neighbours write neighbours.
        const uint part = PART == 8 ? i / inner : i % parts, k = PART == 8 ? i - part * inner : i / parts;
        VALUE half_done[3][SIDE];
        [[unroll]] for (uint column = 0; column < 3; column++) {
            VALUE g[3];
            [[unroll]] for (uint row = 0; row < 3; row++) g[row] = weights(row * 3 + column, k, part);
            transform_filter(g, half_done[column]);
        }
        [[unroll]] for (uint row = 0; row < SIDE; row++) {
            VALUE g[3], t[SIDE];
            [[unroll]] for (uint column = 0; column < 3; column++) g[column] = half_done[column][row];
            transform_filter(g, t);
            [[unroll]] for (uint column = 0; column < SIDE; column++) {
                const uint position = row * SIDE + column;
#if PART == 8
                u[(position * parts + part) * inner + k] = pack(t[column]);
#else
                u[(k * SIDE * SIDE + position) * parts + part] = pack(t[column]);
#endif
            }
        }
    }
}
