#version 450
#extension GL_GOOGLE_include_directive : require
// The probability of every class from a row of logits whose first column is the background's, or of YOLO the objectness.
#include "rows.glsl"
layout(constant_id = 3) const uint KIND = 0; // 0: softmax, 1: sigmoid, 2: YOLO's
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Scores { float scores[]; };
#include "boxes.glsl"

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, result = narrow_first + i * (columns - 1), from = KIND == 2 ? 1 : 0;
    float largest = lowest, sum = 0;
    if (KIND != 1) {
        for (uint c = from + row_lane(); c < columns; c += LANES) largest = max(largest, x[begin + c]);
        largest = row_max(largest);
        for (uint c = from + row_lane(); c < columns; c += LANES) sum += exp(x[begin + c] - largest);
        sum = row_sum(sum);
    }
    const float object = KIND == 2 ? sigmoid(x[begin]) : 1.0;
    for (uint c = 1 + row_lane(); c < columns; c += LANES)
        scores[result + c - 1] = KIND == 1 ? sigmoid(x[begin + c]) : object * (exp(x[begin + c] - largest) / sum);
}
