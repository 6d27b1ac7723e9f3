#version 450
#extension GL_GOOGLE_include_directive : require
// dx = scale * g + slope * (x - mean) + level with g = dy * activation'(y); 0 for rows that do not count. y
// is recomputed from x.
// variants: FORM=0 FORM=1 FORM=10 FORM=11
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
    vec4 mean[PARTS], scale[PARTS], shift[PARTS], slope[PARTS], level[PARTS], v[PARTS], g[PARTS];
    load_coefficients(line, COEFFICIENT_MEAN, lane.column, mean);
    load_coefficients(line, COEFFICIENT_SCALE, lane.column, scale);
    if (ACTIVATION != ACTIVATION_NONE) load_coefficients(line, COEFFICIENT_SHIFT, lane.column, shift);
    load_lines(lane.set * line_stride(LINES), LINE_SLOPE, lane.column, slope);
    load_lines(lane.set * line_stride(LINES), LINE_LEVEL, lane.column, level);
    uint row = lane.row;
    for (; row < lane.end; row += abreast) {
        load_x(lane.base + row, lane.column, v);
        load_dy(lane.base + row, lane.column, g);
        EACH_PART {
            if (ACTIVATION != ACTIVATION_NONE)
                g[p] = gradient_through(g[p], normalise(v[p], mean[p], scale[p], shift[p]), ACTIVATION);
            g[p] = g[p] * scale[p] + ((v[p] - mean[p]) * slope[p] + level[p]);
        }
        store_dx(lane.base + row, lane.column, g);
    }
    if (!COUNTED) return;
    EACH_PART g[p] = vec4(0);
    for (; row < end; row += abreast) store_dx(lane.base + row, lane.column, g);
}
