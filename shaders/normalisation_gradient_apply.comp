#version 450
#extension GL_GOOGLE_include_directive : require
// dx = scale * g + slope * (x - mean) + level with g = dy * activation'(y); 0 for rows that do not count. y
// is recomputed from x.
// variants: TILED=0 TILED=0,REAL=16
#include "normalisation.h"
#include "channel_rows.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const uint ACTIVATION = 0;
READ_ROWS(0, x)
READ_ROWS(1, dy)
READ_VECTORS(2, coefficients)
READ_VECTORS(3, lines)
WRITE_ROWS(4, dx)
layout(binding = 5) readonly buffer Valid { float valid[]; };

void main() {
    Lane lane = this_lane();
    if (!lane.inside) return;
    const uint end = lane.end;
    if (COUNTED) limit(lane, counted_rows(valid[0], lane.set));
    const uint line = lane.set * line_stride(COEFFICIENTS);
    const vec4 mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const vec4 scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const vec4 shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    const vec4 slope = load_lines(lane.set * line_stride(LINES), LINE_SLOPE, lane.column);
    const vec4 level = load_lines(lane.set * line_stride(LINES), LINE_LEVEL, lane.column);
    uint row = lane.row;
    for (; row < lane.end; row += abreast) {
        const vec4 x = load_x(lane.base + row, lane.column);
        const vec4 dy = load_dy(lane.base + row, lane.column), y = normalise(x, mean, scale, shift);
        const vec4 g = gradient_through(dy, y, ACTIVATION, lower, upper);
        store_dx(lane.base + row, lane.column, g * scale + ((x - mean) * slope + level));
    }
    if (!COUNTED) return;
    for (; row < end; row += abreast) store_dx(lane.base + row, lane.column, vec4(0));
}
