#version 450
#extension GL_GOOGLE_include_directive : require
// y = activation((x - mean) * scale + shift + residual); rows that do not count become 0, or activation(residual).
// variants: COLUMN=4 COLUMN=8 COLUMN=4,REAL=16 COLUMN=8,REAL=16
#include "channel_rows.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const uint ACTIVATION = 0;
layout(constant_id = 5) const bool RESIDUAL = false;
READ_ROWS(0, x)
READ_VECTORS(1, coefficients)
WRITE_ROWS(2, y)
layout(binding = 3) readonly buffer Valid { float valid[]; };
READ_ROWS(4, residual)

void main() {
    Lane lane = this_lane();
    if (!lane.inside) return;
    const uint end = lane.end;
    if (COUNTED) limit(lane, counted_rows(valid[0], lane.set));
    const uint line = lane.set * line_stride(COEFFICIENTS);
    const Column mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const Column scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const Column shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    Column residual = zeros();
    uint row = lane.row;
    for (; row < lane.end + (asked & never); row += abreast) {
        const Column x = load_x(lane.base + row, lane.column);
        if (RESIDUAL) residual = load_residual(lane.base + row, lane.column);
        Column y;
        EACH_PART {
            const vec4 v = normalise(x[part], mean[part], scale[part], shift[part]);
            y[part] = activate_normalised(RESIDUAL ? v + residual[part] : v, ACTIVATION, lower, upper);
        }
        store_y(lane.base + row, lane.column, y);
    }
    if (!COUNTED) return;
    for (; row < end + (asked & never); row += abreast) {
        Column y = zeros();
        if (RESIDUAL) {
            residual = load_residual(lane.base + row, lane.column);
            EACH_PART y[part] = activate_normalised(residual[part], ACTIVATION, lower, upper);
        }
        store_y(lane.base + row, lane.column, y);
    }
}
