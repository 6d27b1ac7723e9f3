#version 450
#extension GL_GOOGLE_include_directive : require
// dx[i] = dloss * factor * w[i] * (softmax(x[i]) - t), t as in softmax_cross_entropy.comp; 0 in rows of
// weight 0. Where each row has a gradient dl[i] of its own, that is the weight, and there is no dloss.
#include "rows.glsl"
layout(constant_id = 3) const uint WEIGHTS = 0; // 1: weights, 2: gradients of the rows
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Labels { uint label[]; };
layout(binding = 2) readonly buffer Weights { float weight[]; };
layout(binding = 3) readonly buffer DLoss { float dloss[]; };
layout(binding = 4) writeonly buffer DX { float dx[]; };
layout(binding = 4) writeonly buffer DX4 { vec4 dx4[]; };
#include "softmax_row.glsl"

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, target = label[row_first + i];
    const float w = WEIGHTS > 0 ? weight[row_first + i] : 1.0;
    const Normaliser row = row_normaliser(begin);
    const float by_loss = WEIGHTS == 2 ? w : dloss[0] * factor * w;
    const float scale = target < columns ? by_loss : uintBitsToFloat(0x7fc00000u);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        vec4 result = exp(ROW_QUAD(x, x4, begin, q) - row.largest) / row.sum - smoothing / columns;
        for (uint c = 0; c < 4; ++c)
            if (4 * q + c == target) result[c] -= 1 - smoothing;
        result = w == 0 ? vec4(0) : scale * result;
        ROW_WRITE(dx, dx4, begin, q, result)
    }
}
