#version 450
#extension GL_GOOGLE_include_directive : require
// Partial sums of g = dy * activation'(y) and of g * (x - mean) for every channel; y is recomputed from x.
// variants: TILED=0 TILED=1 TILED=0,REAL=16 TILED=1,REAL=16
#include "normalisation.h"
#include "channel_rows.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
layout(constant_id = 3) const uint ACTIVATION = 0;
READ_ROWS(0, x)
READ_ROWS(1, dy)
READ_VECTORS(2, coefficients)
WRITE_VECTORS(3, partials)
layout(binding = 4) readonly buffer Valid { float valid[]; };

#if TILED
shared vec4 tile_sum[128], tile_product[128];
#endif

void main() {
    Lane lane = this_lane();
#if TILED
    lane.column = min(lane.column, columns() - 1); // an idle lane repeats another's sums
#else
    if (!lane.inside) return;
#endif
    if (COUNTED) limit(lane, counted_rows(valid[0], lane.set));
    const uint line = lane.set * line_stride(COEFFICIENTS);
    const vec4 mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const vec4 scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const vec4 shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    vec4 sum = vec4(0), product = vec4(0);
    for (uint row = lane.row; row < lane.end; row += abreast) {
        const vec4 x = load_x(lane.base + row, lane.column);
        const vec4 dy = load_dy(lane.base + row, lane.column), y = normalise(x, mean, scale, shift);
        const vec4 g = gradient_through(dy, y, ACTIVATION, lower, upper);
        sum += g;
        product += g * (x - mean);
    }
#if TILED
    const uint me = gl_LocalInvocationID.x;
    tile_sum[me] = sum;
    tile_product[me] = product;
    for (uint step = gl_WorkGroupSize.x / 2; step >= COLUMN_LANES; step /= 2) {
        barrier();
        if (me >= step) continue;
        tile_sum[me] += tile_sum[me + step];
        tile_product[me] += tile_product[me + step];
    }
    if (!lane.inside || me >= COLUMN_LANES) return;
    sum = tile_sum[me];
    product = tile_product[me];
#endif
    const uint at = 2 * (lane.set * set_strands + first_strand + lane.strand);
    store_partials(at, lane.column, sum);
    store_partials(at + 1, lane.column, product);
}
