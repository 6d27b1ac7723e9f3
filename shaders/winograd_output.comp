#version 450
#extension GL_GOOGLE_include_directive : require
// Results from Winograd's products m (include/winograd.glsl): y = activation(Aᵀ m A + bias + residual), one invocation PART
// channels of a tile of TILE × TILE. The products lie as [position][tile][channel] with PART 8 and as
// [tile][position][channel] with PART 1.
// variants: TILE=2,PART=1 TILE=2,PART=8 TILE=4,PART=1 TILE=4,PART=8
#include "winograd.glsl"
#include "activation.glsl"
#include "winograd_output.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
layout(constant_id = 1) const bool BIAS = false;      // 1
layout(constant_id = 2) const bool RESIDUAL = false;  // 2
layout(constant_id = 3) const uint ACTIVATION = 0;    // 3: kind of activation.glsl
READ_OPERAND(0, STORED, m)
READ_OPERAND(0, uint, m_words)
READ_OPERAND(1, STORED, bias)
READ_OPERAND(2, STORED, residual)
layout(binding = 3) writeonly buffer Y { STORED y[]; };

VALUE activated(VALUE v) {
#if PART == 8
    return VALUE(activate(v[0], ACTIVATION, slope), activate(v[1], ACTIVATION, slope));
#else
    return activate(v, ACTIVATION, slope);
#endif
}

void main() {
    const uint i = folded_index();
    if (i < tiles * parts) {
        const uint tile = i / parts, part = i - tile * parts;
        const uint line = (first_tile + tile) / tiles_x, n = line / tiles_y;
        const uint from_y = (line - n * tiles_y) * TILE, from_x = (first_tile + tile - line * tiles_x) * TILE;
#if PART == 8
        uint asked = 0;
        [[dont_unroll]] for (uint position = 0; position < SIDE * SIDE; position++)  // see wide.glsl
            asked |= m_words.at[((position * tiles + tile) * parts + part) * 8];
        asked &= never;
#endif
        VALUE half_done[SIDE][TILE];  // by column
        [[unroll]] for (uint column = 0; column < SIDE; column++) {
            VALUE products[SIDE];
            [[unroll]] for (uint row = 0; row < SIDE; row++) {
                const uint position = row * SIDE + column;
#if PART == 8
                products[row] = unpack(m.at[(position * tiles + tile) * parts + part + asked]);
#else
                products[row] = unpack(m.at[(tile * SIDE * SIDE + position) * parts + part]);
#endif
            }
            transform_output(products, half_done[column]);
        }
        const VALUE start = BIAS ? unpack(bias.at[part]) : VALUE(0);
        [[unroll]] for (uint row = 0; row < TILE; row++) {
            VALUE across[SIDE], sums[TILE];
            [[unroll]] for (uint column = 0; column < SIDE; column++) across[column] = half_done[column][row];
            transform_output(across, sums);
            [[unroll]] for (uint column = 0; column < TILE; column++) {
                if (from_y + row < height && from_x + column < width) {
                    const uint at = ((n * height + from_y + row) * width + from_x + column) * parts + part;
                    VALUE v = sums[column] + start;
                    if (RESIDUAL) v += unpack(residual.at[at]);
                    y[at] = pack(activated(v));
                }
            }
        }
    }
}
