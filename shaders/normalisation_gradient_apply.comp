#version 450
#extension GL_GOOGLE_include_directive : require
// dx = scale * g + slope * (x - mean) + level with g = dy * activation'(y); 0 for rows that do not count. y
// is recomputed from x.
// variants: COLUMN=4 COLUMN=8 COLUMN=4,REAL=16 COLUMN=8,REAL=16
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
    const Column mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const Column scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const Column shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    const Column slope = load_lines(lane.set * line_stride(LINES), LINE_SLOPE, lane.column);
    const Column level = load_lines(lane.set * line_stride(LINES), LINE_LEVEL, lane.column);
    uint row = lane.row;
    for (; row < lane.end + (asked & never); row += abreast) {
        const Column x = load_x(lane.base + row, lane.column), dy = load_dy(lane.base + row, lane.column);
        Column dx;
        EACH_PART {
            const vec4 y = normalise(x[part], mean[part], scale[part], shift[part]);
            const vec4 g = gradient_through(dy[part], y, ACTIVATION, lower, upper);
            dx[part] = g * scale[part] + ((x[part] - mean[part]) * slope[part] + level[part]);
        }
        store_dx(lane.base + row, lane.column, dx);
    }
    if (!COUNTED) return;
    for (; row < end; row += abreast) store_dx(lane.base + row, lane.column, zeros());
}
