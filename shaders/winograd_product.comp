#version 450
#extension GL_GOOGLE_include_directive : require
// m[p][tile][n] = Σ_k v[p][k][tile] · u[p][k][n] for all positions p of Winograd's form: a matrix product each. The register
// tile of include/row_tile.glsl over operands that lie as it reads them: v as [position][k / 8][tile][8] from
// winograd_input.comp, u as [position][n / 8][k][8] from winograd_filter.comp, so that every lane walks along memory.
// variants: SUBGROUP=4 SUBGROUP=8 SUBGROUP=16
#include "addressed.glsl"
#include "row_tile.glsl"  // specialisation 0 to 3; WIDE is true here
#include "winograd_product.h"
ADDRESSED(0, u64vec2, v)
ADDRESSED(1, u64vec4, u)
layout(binding = 2) writeonly buffer M { u64vec4 m[]; };

void main() {
    const uint first_row = gl_WorkGroupID.x * TILE_ROWS, position = gl_WorkGroupID.z;
    const uint column = gl_WorkGroupID.y * TILE_COLUMNS + lane_column;
    const uint safe_column = min(column, columns - 8);  // lanes past the edge read anything and write nothing
    uint from[CHUNKS];
    [[unroll]] for (uint i = 0; i < CHUNKS; i++)
        from[i] = 2 * (position * (inner / 8) * tiles + min(first_row + chunk_row(i), tiles - 1));
    uint from_u = (position * (columns / 8) + safe_column / 8) * inner;

    clear_sums(Eight(vec4(0), vec4(0)));
    for (uint k = 0; k < inner; k += 4) {
        [[unroll]] for (uint i = 0; i < CHUNKS; i++) a[i] = unpack4(v.at[from[i] + (k / 8) * 2 * tiles + (k / 4) % 2]);
        [[unroll]] for (uint q = 0; q < 4; q++) b[q] = unpack8(u.at[from_u + k + q]);
        add_products();
    }

    // Unrolled, this would take as long to compile as all the rest.
    [[dont_unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint row = first_row + sum_row(r);
        if (row < tiles && column < columns) m[((position * tiles + row) * columns + column) / 8] = pack8(lo[r], hi[r]);
    }
}
