#version 450
#extension GL_GOOGLE_include_directive : require
// Partial moments of every channel, one pass over x. A strand of rows is summed relative to its own first
// value, so that a large mean costs no digits: a sample's distance from the mean is at most sqrt(n)
// deviations, so the relative error of the squares is at most n roundings. Three vectors a strand: that first
// value, the mean's distance from it, and the sum of squares about the mean.
// variants: TILED=0 TILED=1 TILED=0,REAL=16 TILED=1,REAL=16
#include "normalisation.h"
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
    vec4 first = load_x(lane.base + min(lane.row, rows - 1), lane.column);
    vec4 sum = vec4(0), squares = vec4(0);
    float count = 1;
    for (uint row = lane.row + abreast; row < lane.end; row += abreast) {
        const vec4 d = load_x(lane.base + row, lane.column) - first;
        sum += d;
        squares += d * d;
        count += 1;
    }
    vec4 offset = sum / count;
    squares = max(squares - sum * offset, vec4(0));
#if TILED
    tile[gl_LocalInvocationID.x] = Moments(first, offset, squares, lane.row < lane.end ? count : 0);
    merge_tile();
    if (!lane.inside || gl_LocalInvocationID.x >= COLUMN_LANES) return;
    first = tile[gl_LocalInvocationID.x].first;
    offset = tile[gl_LocalInvocationID.x].offset;
    squares = tile[gl_LocalInvocationID.x].squares;
#endif
    const uint at = 3 * (lane.set * set_strands + first_strand + lane.strand);
    store_partials(at, lane.column, first);
    store_partials(at + 1, lane.column, offset);
    store_partials(at + 2, lane.column, squares);
}
