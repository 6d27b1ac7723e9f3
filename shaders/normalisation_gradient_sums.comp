#version 450
#extension GL_GOOGLE_include_directive : require
// Partial sums of g = dy * activation'(y) and of g * (x - mean) for every channel; y is recomputed from x.
// variants: COLUMN=4 COLUMN=8 TILED=1 COLUMN=4,REAL=16 COLUMN=8,REAL=16 TILED=1,REAL=16
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
    const Column mean = load_coefficients(line, COEFFICIENT_MEAN, lane.column);
    const Column scale = load_coefficients(line, COEFFICIENT_SCALE, lane.column);
    const Column shift = load_coefficients(line, COEFFICIENT_SHIFT, lane.column);
    Column sum = zeros(), product = zeros();
    for (uint row = lane.row; row < lane.end + (asked & never); row += abreast) {
        const Column x = load_x(lane.base + row, lane.column), dy = load_dy(lane.base + row, lane.column);
        EACH_PART {
            const vec4 y = normalise(x[part], mean[part], scale[part], shift[part]);
            const vec4 g = gradient_through(dy[part], y, ACTIVATION, lower, upper);
            sum[part] += g;
            product[part] += g * (x[part] - mean[part]);
        }
    }
#if TILED
    const uint me = gl_LocalInvocationID.x;
    tile_sum[me] = sum[0];
    tile_product[me] = product[0];
    for (uint step = gl_WorkGroupSize.x / 2; step >= COLUMN_LANES; step /= 2) {
        barrier();
        if (me >= step) continue;
        tile_sum[me] += tile_sum[me + step];
        tile_product[me] += tile_product[me + step];
    }
    if (!lane.inside || me >= COLUMN_LANES) return;
    sum[0] = tile_sum[me];
    product[0] = tile_product[me];
#endif
    const uint at = 2 * (lane.set * set_strands + first_strand + lane.strand);
    store_partials(at, lane.column, sum);
    store_partials(at + 1, lane.column, product);
}
