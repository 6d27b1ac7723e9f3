#version 450
#extension GL_GOOGLE_include_directive : require
// The input of a 3 × 3 convolution of stride 1 in Winograd's form: for tiles of TILE × TILE results, the values d of the
// TILE + 2 rows and columns that they see become Bᵀ d B (include/winograd.glsl). With OUTPUT_GRADIENT the TILE rows and
// columns of dy themselves become A dy Aᵀ. One invocation PART channels of a tile.
// variants: TILE=2,PART=1 TILE=2,PART=8 TILE=4,PART=1 TILE=4,PART=8 TILE=2,PART=1,OUTPUT_GRADIENT=dy TILE=2,PART=8,OUTPUT_GRADIENT=dy TILE=4,PART=1,OUTPUT_GRADIENT=dy TILE=4,PART=8,OUTPUT_GRADIENT=dy
// With PART 8 the result lies as [position][channels / 8][tile][8], so that the rows of the product's register tile are
// neighbours and no power of two apart, which would crowd them into a few lines of the cache. With PART 1 as
// [tile][position][channel], the input of a grouped pointwise convolution.
#include "winograd.glsl"
#include "winograd_input.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size
#include "folded.glsl"
#ifdef OUTPUT_GRADIENT
const uint SEEN = TILE;
#define TRANSFORM transform_output_gradient
#else
const uint SEEN = SIDE;
#define TRANSFORM transform_input
#endif
READ_OPERAND(0, STORED, x)
layout(binding = 1) writeonly buffer V { STORED v[]; };

void main() {
    const uint i = folded_index();
    if (i < tiles * parts) {
        const uint tile = i / parts, part = i - tile * parts;
        const uint line = (first_tile + tile) / tiles_x, n = line / tiles_y;
        const int from_y = int((line - n * tiles_y) * TILE) + origin_y;
        const int from_x = int((first_tile + tile - line * tiles_x) * TILE) + origin_x;
        VALUE half_done[SEEN][SIDE];  // by column
        [[unroll]] for (uint column = 0; column < SEEN; column++) {
            const int at_x = from_x + int(column);
            const bool inside_x = at_x >= 0 && at_x < int(width);
            VALUE d[SEEN];
            [[unroll]] for (uint row = 0; row < SEEN; row++) {
                const int at_y = from_y + int(row);
                const bool inside = inside_x && at_y >= 0 && at_y < int(height);
                // Read in any case: see READ8_INSIDE.
                d[row] = unpack(x.at[inside ? ((n * height + uint(at_y)) * width + uint(at_x)) * parts + part : 0]);
                if (!inside) d[row] = VALUE(0);
            }
            TRANSFORM(d, half_done[column]);
        }
        [[unroll]] for (uint row = 0; row < SIDE; row++) {
            VALUE d[SEEN], t[SIDE];
            [[unroll]] for (uint column = 0; column < SEEN; column++) d[column] = half_done[column][row];
            TRANSFORM(d, t);
            [[unroll]] for (uint column = 0; column < SIDE; column++) {
                const uint position = row * SIDE + column;
#if PART == 8
                v[(position * parts + part) * tiles + tile] = pack(t[column]);
#else
                v[(tile * SIDE * SIDE + position) * parts + part] = pack(t[column]);
#endif
            }
        }
    }
}
