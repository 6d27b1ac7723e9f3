#version 450
#extension GL_GOOGLE_include_directive : require
// dp[i] = dl[i] * (d / beta where |d| < beta, else the sign of d), d = p[i] - t[i]; 0 where dl[i] is 0,
// whatever the row holds.
#include "rows.glsl"
layout(binding = 0) readonly buffer P { float p[]; };
layout(binding = 0) readonly buffer P4 { vec4 p4[]; };
layout(binding = 1) readonly buffer T { float t[]; };
layout(binding = 1) readonly buffer T4 { vec4 t4[]; };
layout(binding = 2) readonly buffer DLosses { float dlosses[]; };
layout(binding = 3) writeonly buffer DP { float dp[]; };
layout(binding = 3) writeonly buffer DP4 { vec4 dp4[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns;
    const float dl = dlosses[row_first + i];
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 d = ROW_QUAD(p, p4, begin, q) - ROW_QUAD(t, t4, begin, q);
        vec4 slopes = sign(d);
        if (beta > 0) slopes = mix(slopes, d / beta, lessThan(abs(d), vec4(beta)));
        const vec4 result = dl == 0 ? vec4(0) : dl * slopes;
        ROW_WRITE(dp, dp4, begin, q, result)
    }
}
