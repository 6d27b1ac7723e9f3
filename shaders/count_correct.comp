#version 450
#extension GL_GOOGLE_include_directive : require
// hits[i] = 1 where the first maximum of row i is its label and its weight is above 0, else 0.
#include "rows.glsl"
layout(constant_id = 3) const bool WEIGHTS = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(binding = 1) readonly buffer Labels { uint label[]; };
layout(binding = 2) readonly buffer Weights { float weight[]; };
layout(binding = 3) writeonly buffer Hits { float hits[]; };

void main() {
    const uint i = row_index();
    if (i >= rows) return;
    const uint begin = first + i * columns, target = label[row_first + i];
    // The label is the first maximum when nothing before it is as large and nothing after it is larger.
    const float hit = x[begin + min(target, columns - 1)];
    float larger = target < columns && hit == hit ? 0 : 1;
    for (uint q = row_lane(); q < row_quads(); q += LANES) {
        const vec4 v = ROW_QUAD(x, x4, begin, q);
        for (uint c = 0; c < 4; ++c) {
            const uint column = 4 * q + c;
            if (column < columns && (v[c] > hit || column < target && v[c] == hit)) larger = 1;
        }
    }
    larger = row_max(larger);
    if (row_lane() > 0) return;
    hits[row_first + i] = larger == 0 && (!WEIGHTS || weight[row_first + i] > 0) ? 1 : 0;
}
