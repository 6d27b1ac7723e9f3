#version 450
#extension GL_GOOGLE_include_directive : require
// y[n][c] = mean of x[n][..][c]. One invocation for four channels of an example; the sum of many cells is
// made of sums of short runs, so that rounding grows with the square root of their number.
// variants: REAL=32 REAL=16
#include "global_average_pool.h"
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 0) readonly buffer X4 { Real4 x4[]; };
layout(binding = 1) writeonly buffer Y { Real y[]; };
layout(binding = 1) writeonly buffer Y4 { Real4 y4[]; };

void main() {
    const uint columns = (channels + 3) / 4;
    const uint i = linear_index(), example = i / columns, column = i - example * columns;
    if (example >= examples) return;
    const uint c = 4 * column, last = channels - 1;
    vec4 total = vec4(0);
    for (uint first = 0; first < cells; first += run) {
        const uint end = min(first + run, cells);
        vec4 sum = vec4(0);
        for (uint cell = first; cell < end; ++cell) {
            if (ALIGNED) {
                sum += from_real4(x4[(example * cells + cell) * columns + column]);
            } else {
                const uint at = (example * cells + cell) * channels;
                sum += vec4(x[at + c], x[at + min(c + 1, last)], x[at + min(c + 2, last)],
                            x[at + min(c + 3, last)]);
            }
        }
        total += sum;
    }
    total /= float(cells);
    if (ALIGNED)
        y4[i] = to_real4(total);
    else
        for (uint k = 0; k < 4 && c + k < channels; ++k) y[example * channels + c + k] = Real(total[k]);
}
