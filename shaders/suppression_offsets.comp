#version 450
#extension GL_GOOGLE_include_directive : require
// From the candidates of each block to where those of the block begin in its group's list; and the length of
// that.
#include "linear.glsl"
#include "non_maximum_suppression.h"
layout(binding = 0) buffer Counts { uint counts[]; };
layout(binding = 1) writeonly buffer Totals { uint totals[]; }; // [images][groups]

void main() {
    const uint group = linear_index();
    if (group >= images * groups) return;
    const uint cells = classes / groups * blocks;
    uint sum = 0;
    for (uint i = group * cells; i < (group + 1) * cells; ++i) {
        const uint count = counts[i];
        counts[i] = sum;
        sum += count;
    }
    totals[group] = sum;
}
