#version 450
#extension GL_GOOGLE_include_directive : require
// The probability of each class, which are the columns of a row but the first: by softmax over all columns,
// by sigmoid, or YOLO's sigmoid of the first times the softmax of the others.
#include "rows.glsl"
const uint SOFTMAX = 0, SIGMOID = 1, YOLO = 2;
layout(constant_id = 3) const uint KIND = SOFTMAX;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

// Four columns, those that are not summed over as `outside`.
vec4 summed(uint begin, uint q, float outside) {
    vec4 v = row_inside(ROW_QUAD(x, x4, begin, q), q, outside);
    if (KIND == YOLO && q == 0) v.x = outside;
    return v;
}
vec4 sigmoid(vec4 v) {
    const vec4 e = exp(-abs(v));
    return mix(vec4(1), e, lessThan(v, vec4(0))) / (1 + e);
}

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, to = narrow_first + i * (columns - 1);
    float largest = 0, factor = 1;
    if (KIND != SIGMOID) {
        vec4 most = vec4(lowest), sum = vec4(0);
        for (uint q = row_lane(); q < row_quads(); q += LANES) most = max(most, summed(begin, q, lowest));
        largest = row_max(largest_of(most));
        for (uint q = row_lane(); q < row_quads(); q += LANES) {
            vec4 part = row_inside(exp(ROW_QUAD(x, x4, begin, q) - largest), q, 0.0);
            if (KIND == YOLO && q == 0) part.x = 0;
            sum += part;
        }
        factor = (KIND == YOLO ? sigmoid(vec4(x[begin])).x : 1.0) / row_sum(sum_of(sum));
    }
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 v = ROW_QUAD(x, x4, begin, q);
        const vec4 score = KIND == SIGMOID ? sigmoid(v) : exp(v - largest) * factor;
        for (uint c = 0; c < 4; ++c)
            if (4 * q + c > 0 && 4 * q + c < columns) y[to + 4 * q + c - 1] = score[c];
    }
}
