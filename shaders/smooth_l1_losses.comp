#version 450
#extension GL_GOOGLE_include_directive : require
// l[i] = the sum over the columns of 0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta, with d = p[i] -
// t[i].
#include "rows.glsl"
layout(binding = 0) readonly buffer P { float p[]; };
layout(binding = 0) readonly buffer P4 { vec4 p4[]; };
layout(binding = 1) readonly buffer T { float t[]; };
layout(binding = 1) readonly buffer T4 { vec4 t4[]; };
layout(binding = 2) writeonly buffer Losses { float losses[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns;
    vec4 part = vec4(0);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 d = abs(ROW_QUAD(p, p4, begin, q) - ROW_QUAD(t, t4, begin, q));
        vec4 loss = d - 0.5 * beta;
        if (beta > 0) loss = mix(loss, 0.5 * d * (d / beta), lessThan(d, vec4(beta)));
        part += row_inside(loss, q, 0.0);
    }
    const float sum = row_sum(sum_of(part));
    if (row_lane() == 0) losses[row_first + i] = sum;
}
