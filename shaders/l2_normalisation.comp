#version 450
#extension GL_GOOGLE_include_directive : require
// Rows x divided by their length n = max(|x|, epsilon), times a scale a column, or what gradients need of
// them.
#include "rows.glsl"
// NORMALISE: y = scale x / n. BY_X: of g, the gradient of y, h / n - (sum of h x) x / n^3 with h = scale g,
// and h / n where n is epsilon. BY_SCALE: the terms g x / n, whose sum over all rows is the gradient of the
// scale.
const uint NORMALISE = 0, BY_X = 1, BY_SCALE = 2;
layout(constant_id = 3) const uint MODE = NORMALISE;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Scales { float scales[]; };
layout(binding = 1) readonly buffer Scales4 { vec4 scales4[]; };
layout(binding = 2) readonly buffer G { float g[]; };
layout(binding = 2) readonly buffer G4 { vec4 g4[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 3) writeonly buffer Y4 { vec4 y4[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns;
    vec4 squares = vec4(0), products = vec4(0);
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 v = ROW_QUAD(x, x4, begin, q);
        squares += row_inside(v * v, q, 0.0);
        if (MODE == BY_X)
            products += row_inside(v * (ROW_QUAD(g, g4, begin, q) * ROW_QUAD(scales, scales4, 0, q)), q, 0.0);
    }
    const float size = sqrt(row_sum(sum_of(squares))), inverse = 1 / max(size, epsilon);
    const float product = MODE == BY_X ? row_sum(sum_of(products)) : 0.0;
    const float along = size > epsilon ? product * inverse * inverse : 0.0;
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 v = ROW_QUAD(x, x4, begin, q);
        vec4 result;
        if (MODE == NORMALISE) result = ROW_QUAD(scales, scales4, 0, q) * (v * inverse);
        else if (MODE == BY_SCALE) result = ROW_QUAD(g, g4, begin, q) * (v * inverse);
        else result = (ROW_QUAD(g, g4, begin, q) * ROW_QUAD(scales, scales4, 0, q) - v * along) * inverse;
        ROW_WRITE(y, y4, begin, q, result)
    }
}
