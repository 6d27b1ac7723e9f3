#version 450
#extension GL_GOOGLE_include_directive : require
// y = activation((x - mean) * scale + shift); rows that do not count become 0.
// variants: FORM=0 FORM=1 FORM=10 FORM=11
#include "normalisation.h"
#include "channel_rows.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const uint ACTIVATION = 0;
READ_ROWS(0, x)
READ_VECTORS(1, coefficients)
WRITE_ROWS(2, y)
layout(binding = 3) readonly buffer Valid { float valid[]; };

void main() {
    Lane lane = this_lane();
    if (!lane.inside) return;
    const uint end = lane.end;
    if (COUNTED) limit(lane, counted_rows(valid[0], lane.set));
    const uint line = lane.set * line_stride(COEFFICIENTS);
    vec4 mean[PARTS], scale[PARTS], shift[PARTS], v[PARTS];
    load_coefficients(line, COEFFICIENT_MEAN, lane.column, mean);
    load_coefficients(line, COEFFICIENT_SCALE, lane.column, scale);
    load_coefficients(line, COEFFICIENT_SHIFT, lane.column, shift);
    uint row = lane.row;
    for (; row < lane.end; row += abreast) {
        load_x(lane.base + row, lane.column, v);
        EACH_PART v[p] = activate(normalise(v[p], mean[p], scale[p], shift[p]), ACTIVATION, 0);
        store_y(lane.base + row, lane.column, v);
    }
    if (!COUNTED) return;
    EACH_PART v[p] = vec4(0);
    for (; row < end; row += abreast) store_y(lane.base + row, lane.column, v);
}
