#version 450
#extension GL_GOOGLE_include_directive : require
// l[i] = -w[i] * sum_c t_c log softmax(x[i])_c with the target t = (1 - smoothing) at the label
// + smoothing / columns. A row of weight 0 gives 0 whatever it holds; a label that is no column gives NaN, so that it is seen.
#include "rows.glsl"
layout(constant_id = 3) const bool WEIGHTS = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Labels { uint label[]; }; // a negative one is a large one
layout(binding = 2) readonly buffer Weights { float weight[]; };
layout(binding = 3) writeonly buffer Losses { float losses[]; };
#include "softmax_row.glsl"

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, target = label[row_first + i];
    const float w = WEIGHTS ? weight[row_first + i] : 1.0;
    const Normaliser row = row_normaliser(begin);
    vec4 part = vec4(0);
    if (smoothing > 0)
        for (uint q = row_lane(); q < row_quads(); q += LANES)
            part += row_inside(ROW_QUAD(x, x4, begin, q) - row.largest, q, 0.0);
    const float sum = smoothing > 0 ? row_sum(sum_of(part)) : 0.0;
    if (row_lane() > 0) return;
    const float hit = x[begin + min(target, columns - 1)] - row.largest;
    const float loss = log(row.sum) - (1 - smoothing) * hit - smoothing / columns * sum;
    losses[row_first + i] = w == 0 ? 0.0 : target < columns ? w * loss : uintBitsToFloat(0x7fc00000u);
}
