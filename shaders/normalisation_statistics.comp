#version 450
#extension GL_GOOGLE_include_directive : require
// Partial moments of every channel, one pass over x. A strand of rows is summed relative to its own first
// value, so that a large mean costs no digits: a sample's distance from the mean is at most sqrt(n)
// deviations, so the relative error of the squares is at most n roundings. Three vectors a strand: that first
// value, the mean's distance from it, and the sum of squares about the mean.
// variants: COLUMN=4 COLUMN=8 TILED=1 COLUMN=4,REAL=16 COLUMN=8,REAL=16 TILED=1,REAL=16
#include "channel_rows.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool COUNTED = false; // only the first examples count
READ_ROWS(0, x)
WRITE_VECTORS(1, partials)
layout(binding = 2) readonly buffer Valid { float valid[]; };

#if TILED
const uint LANES = gl_WorkGroupSize.x; // 128 at most
struct Moments {
    vec4 first, offset, squares;
    float count;
};
shared Moments tile[128];

// Merges the strands of a column pairwise (see normalisation_merge.comp). An earlier strand has no fewer rows.
void merge_tile() {
    const uint me = gl_LocalInvocationID.x;
    for (uint step = LANES / 2; step >= COLUMN_LANES; step /= 2) {
        barrier();
        if (me < step && tile[me + step].count > 0) {
            const Moments other = tile[me + step];
            precise vec4 distance = (other.first - tile[me].first) + (other.offset - tile[me].offset);
            const float share = other.count / (tile[me].count + other.count);
            tile[me].offset += distance * share;
            tile[me].squares += other.squares + distance * distance * (tile[me].count * share);
            tile[me].count += other.count;
        }
    }
}
#endif

void main() {
    Lane lane = this_lane();
#if TILED
    lane.column = min(lane.column, columns() - 1); // an idle lane repeats another's sums
#else
    if (!lane.inside) return;
#endif
    if (COUNTED) limit(lane, counted_rows(valid[0], lane.set));
    Column first = load_x(lane.base + min(lane.row, rows - 1), lane.column);
    Column sum = zeros(), squares = zeros();
    float count = 1;
    for (uint row = lane.row + abreast; row < lane.end + (asked & never); row += abreast) {
        const Column x = load_x(lane.base + row, lane.column);
        EACH_PART {
            const vec4 d = x[part] - first[part];
            sum[part] += d;
            squares[part] += d * d;
        }
        count += 1;
    }
    Column offset;
    EACH_PART {
        offset[part] = sum[part] / count;
        squares[part] = max(squares[part] - sum[part] * offset[part], vec4(0));
    }
#if TILED
    tile[gl_LocalInvocationID.x] = Moments(first[0], offset[0], squares[0], lane.row < lane.end ? count : 0);
    merge_tile();
    if (!lane.inside || gl_LocalInvocationID.x >= COLUMN_LANES) return;
    first[0] = tile[gl_LocalInvocationID.x].first;
    offset[0] = tile[gl_LocalInvocationID.x].offset;
    squares[0] = tile[gl_LocalInvocationID.x].squares;
#endif
    const uint at = 3 * (lane.set * set_strands + first_strand + lane.strand);
    store_partials(at, lane.column, first);
    store_partials(at + 1, lane.column, offset);
    store_partials(at + 2, lane.column, squares);
}
