#version 450
#extension GL_GOOGLE_include_directive : require
// dx[n][..][c] = dy[n][c] / cells. One invocation for four channels of a run of cells of an example.
// variants: REAL=32 REAL=16
#include "global_average_pool.h"
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4
layout(binding = 0) readonly buffer DY { Real dy[]; };
layout(binding = 0) readonly buffer DY4 { Real4 dy4[]; };
layout(binding = 1) writeonly buffer DX { Real dx[]; };
layout(binding = 1) writeonly buffer DX4 { Real4 dx4[]; };

void main() {
    const uint columns = (channels + 3) / 4, runs = (cells + run - 1) / run;
    const uint i = linear_index(), strand = i / columns, column = i - strand * columns;
    const uint example = strand / runs;
    if (example >= examples) return;
    const uint first = (strand - example * runs) * run, end = min(first + run, cells);
    if (ALIGNED) {
        const Real4 share = to_real4(from_real4(dy4[example * columns + column]) / float(cells));
        for (uint cell = first; cell < end; ++cell) dx4[(example * cells + cell) * columns + column] = share;
        return;
    }
    for (uint c = 4 * column; c < min(4 * column + 4, channels); ++c) {
        const float share = float(dy[example * channels + c]) / float(cells);
        for (uint cell = first; cell < end; ++cell) dx[(example * cells + cell) * channels + c] = Real(share);
    }
}
