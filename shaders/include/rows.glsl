// The rows of a matrix, one an invocation (LANES 1) or one a workgroup of LANES invocations; read four columns
// at a time.
#include "linear.glsl" // specialisation 0: the size of a workgroup
#include "rows.h"
layout(constant_id = 1) const uint LANES = 1;    // 1 or the size of a workgroup, a power of two
layout(constant_id = 2) const bool WIDE = false; // columns and first % 4 == 0
shared float row_scratch[LANES];

const float lowest = -3.402823466e38;

uint row_index() {
    return LANES == 1 ? linear_index() : gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}
uint row_lane() { return LANES == 1 ? 0 : gl_LocalInvocationID.x; }
uint row_quads() { return (columns + 3) / 4; }

// Columns 4q to 4q + 3 of the row that begins at `begin`; beyond the row's end the last element again.
#define ROW_COLUMN(x, begin, c) x[(begin) + min(c, columns - 1)]
#define ROW_QUAD(x, x4, begin, q) \
    (WIDE ? x4[(begin) / 4 + (q)] \
          : vec4(ROW_COLUMN(x, begin, 4 * (q)), ROW_COLUMN(x, begin, 4 * (q) + 1), \
                 ROW_COLUMN(x, begin, 4 * (q) + 2), ROW_COLUMN(x, begin, 4 * (q) + 3)))
// v inside the row, `outside` beyond its end.
vec4 row_inside(vec4 v, uint q, float outside) {
    if (WIDE) return v;
    for (uint c = 1; c < 4; ++c)
        if (4 * q + c >= columns) v[c] = outside;
    return v;
}
#define ROW_WRITE(y, y4, begin, q, v) \
    if (WIDE) y4[(begin) / 4 + (q)] = v; \
    else for (uint c = 0; c < 4 && 4 * (q) + c < columns; ++c) y[(begin) + 4 * (q) + c] = v[c];

float sum_of(vec4 v) { return (v.x + v.y) + (v.z + v.w); }
float largest_of(vec4 v) { return max(max(v.x, v.y), max(v.z, v.w)); }

// Over the lanes of a row, in a fixed order.
float row_sum(float v) {
    if (LANES == 1) return v;
    const uint lane = gl_LocalInvocationID.x;
    barrier();
    row_scratch[lane] = v;
    barrier();
    for (uint step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) row_scratch[lane] += row_scratch[lane + step];
        barrier();
    }
    return row_scratch[0];
}

float row_max(float v) {
    if (LANES == 1) return v;
    const uint lane = gl_LocalInvocationID.x;
    barrier();
    row_scratch[lane] = v;
    barrier();
    for (uint step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) row_scratch[lane] = max(row_scratch[lane], row_scratch[lane + step]);
        barrier();
    }
    return row_scratch[0];
}
