#version 450
#extension GL_GOOGLE_include_directive : require
// y = activation((x - mean) * scale + shift + residual); rows that do not count become 0, or activation(residual).
// variants: TILED=0 TILED=0,REAL=16
#include "normalisation.h"
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
    const vec4 mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const vec4 scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const vec4 shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    uint row = lane.row;
    for (; row < lane.end; row += abreast) {
        const vec4 x = load_x(lane.base + row, lane.column);
        vec4 y = normalise(x, mean, scale, shift);
        if (RESIDUAL) y += load_residual(lane.base + row, lane.column);
        store_y(lane.base + row, lane.column, activate_normalised(y, ACTIVATION, lower, upper));
    }
    if (!COUNTED) return;
    for (; row < end; row += abreast) {
        vec4 y = vec4(0);
        if (RESIDUAL) y = activate_normalised(load_residual(lane.base + row, lane.column), ACTIVATION, lower, upper);
        store_y(lane.base + row, lane.column, y);
    }
}
