#version 450
#extension GL_GOOGLE_include_directive : require
// y = softmax(x) or its logarithm, row by row.
#include "rows.glsl"
layout(constant_id = 3) const bool LOGARITHM = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 1) writeonly buffer Y4 { vec4 y4[]; };
#include "softmax_row.glsl"

void main() {
    if (row_index() >= rows) return;
    const uint begin = first + row_index() * columns;
    const Normaliser row = row_normaliser(begin);
    const float scale = 1.0 / row.sum, shift = log(row.sum);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 z = ROW_QUAD(x, x4, begin, q) - row.largest;
        const vec4 result = LOGARITHM ? z - shift : exp(z) * scale;
        ROW_WRITE(y, y4, begin, q, result)
    }
}
