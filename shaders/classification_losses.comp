#version 450
#extension GL_GOOGLE_include_directive : require
// l[i] = the sum over all columns of binary cross-entropies or focal losses of x[i]; NaN where the label is
// no column. (Softmax cross-entropies are those of softmax_cross_entropy.comp.)
#include "rows.glsl"
#include "binary_losses.glsl"
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Labels { uint label[]; }; // a negative one is a large one
layout(binding = 2) writeonly buffer Losses { float losses[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, target = label[row_first + i];
    vec4 part = vec4(0);
    for (uint q = row_lane(); q < row_quads(); q += LANES)
        part += row_inside(binary_losses(ROW_QUAD(x, x4, begin, q), at_label(q, target)), q, 0.0);
    const float sum = row_sum(sum_of(part));
    if (row_lane() == 0) losses[row_first + i] = target < columns ? sum : uintBitsToFloat(0x7fc00000u);
}
