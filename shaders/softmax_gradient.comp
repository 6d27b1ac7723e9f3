#version 450
#extension GL_GOOGLE_include_directive : require
// From y = softmax(x): dx = y (dy - sum of dy y); from y = log softmax(x): dx = dy - exp(y) * sum of dy.
#include "rows.glsl"
layout(constant_id = 3) const bool LOGARITHM = false;
layout(binding = 0) readonly buffer Y { float y[]; };
layout(binding = 0) readonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer DY { float dy[]; };
layout(binding = 1) readonly buffer DY4 { vec4 dy4[]; };
layout(binding = 2) writeonly buffer DX { float dx[]; };
layout(binding = 2) writeonly buffer DX4 { vec4 dx4[]; };

void main() {
    if (row_index() >= rows) return;
    const uint begin = first + row_index() * columns;
    vec4 part = vec4(0);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        vec4 term = ROW_QUAD(dy, dy4, begin, q);
        if (!LOGARITHM) term *= ROW_QUAD(y, y4, begin, q);
        part += row_inside(term, q, 0.0);
    }
    const float sum = row_sum(sum_of(part));
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 given = ROW_QUAD(y, y4, begin, q), slope = ROW_QUAD(dy, dy4, begin, q);
        const vec4 result = LOGARITHM ? slope - exp(given) * sum : given * (slope - sum);
        ROW_WRITE(dx, dx4, begin, q, result)
    }
}
