#version 450
#extension GL_GOOGLE_include_directive : require
// dx[i] = dl[i] * the slopes of the losses of classification_losses.comp; 0 where dl[i] is 0, whatever the
// row holds.
#include "rows.glsl"
#include "binary_losses.glsl"
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Labels { uint label[]; };
layout(binding = 2) readonly buffer DLosses { float dlosses[]; };
layout(binding = 3) writeonly buffer DX { float dx[]; };
layout(binding = 3) writeonly buffer DX4 { vec4 dx4[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, target = label[row_first + i];
    const float dl = dlosses[row_first + i], scale = target < columns ? dl : uintBitsToFloat(0x7fc00000u);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 slopes = binary_slopes(ROW_QUAD(x, x4, begin, q), at_label(q, target));
        const vec4 result = dl == 0 ? vec4(0) : scale * slopes;
        ROW_WRITE(dx, dx4, begin, q, result)
    }
}
