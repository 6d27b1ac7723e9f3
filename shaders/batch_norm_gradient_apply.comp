#version 450
#extension GL_GOOGLE_include_directive : require
// dx = scale * g + slope * (x - mean) + level with g = dy * activation'(y); 0 for rows that do not count. y
// is recomputed from x.
// variants: FORM=0 FORM=1
#include "batch_norm.h"
#include "channel_rows.glsl"
#include "batch_norm.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const uint ACTIVATION = 0;
READ_ROWS(0, x)
READ_ROWS(1, dy)
READ_VECTORS(2, coefficients)
READ_VECTORS(3, lines)
WRITE_ROWS(4, dx)
layout(binding = 5) readonly buffer Valid { float valid[]; };

void main() {
    const Lane lane = this_lane();
    if (!lane.inside) return;
    uint end = lane.end;
    if (COUNTED) {
        const uint counted = counted_rows(valid[0] - float(first_example), example_rows, total_rows);
        end = min(end, counted - min(counted, first_row));
    }
    vec4 mean[PARTS], scale[PARTS], shift[PARTS], slope[PARTS], level[PARTS], v[PARTS], g[PARTS];
    load_coefficients(COEFFICIENT_MEAN, lane.column, mean);
    load_coefficients(COEFFICIENT_SCALE, lane.column, scale);
    if (ACTIVATION != ACTIVATION_NONE) load_coefficients(COEFFICIENT_SHIFT, lane.column, shift);
    load_lines(0, lane.column, slope);
    load_lines(1, lane.column, level);
    uint row = lane.row;
    for (; row < end; row += abreast) {
        load_x(row, lane.column, v);
        load_dy(row, lane.column, g);
        EACH_PART {
            if (ACTIVATION != ACTIVATION_NONE)
                g[p] = gradient_through(g[p], normalise(v[p], mean[p], scale[p], shift[p]), ACTIVATION);
            g[p] = g[p] * scale[p] + ((v[p] - mean[p]) * slope[p] + level[p]);
        }
        store_dx(row, lane.column, g);
    }
    if (!COUNTED) return;
    EACH_PART g[p] = vec4(0);
    for (; row < lane.end; row += abreast) store_dx(row, lane.column, g);
}
