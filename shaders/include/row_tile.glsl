// A tile of the product A · B held in the registers of one subgroup, for the scalar family.
// A lane owns 8 neighbouring columns (WIDE; one column otherwise) of ROWS rows. COLUMN_LANES lanes stand side
// by side over the columns; the GROUPS = SUBGROUP / COLUMN_LANES lane groups stand over different rows,
// ROWS·GROUPS in all. Chosen by specialisation, so that a narrow matrix leaves no lane idle.
// A is read one row a lane (a chunk is COLUMN_LANES rows of each group), four values of k a read, and its
// values are handed to the lanes of the group by subgroupBroadcast (one group) or subgroupShuffle (several).
// B is read 8 columns a lane. There is no shared memory and no barrier: on a CPU driver a barrier turns the
// shader into coroutines, and a load is dear (a branch a lane and component) while a multiply-add is cheap,
// so that reuse in registers decides.
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "wide.glsl"

#ifndef SUBGROUP
#define SUBGROUP 8
#endif
layout(local_size_x_id = 0) in;                        // 0: workgroup size = SUBGROUP
layout(constant_id = 1) const uint COLUMN_LANES = 8;   // 1: power of two, 1 to SUBGROUP
layout(constant_id = 2) const uint ROWS = 16;          // 2: rows a lane
layout(constant_id = 3) const bool WIDE = true;        // 3: 8 columns a lane (columns % 8 == 0), or one
const uint GROUPS = SUBGROUP / COLUMN_LANES;
const uint CHUNKS = (ROWS + COLUMN_LANES - 1) / COLUMN_LANES;
const uint TILE_ROWS = ROWS * GROUPS;
const uint TILE_COLUMNS = WIDE ? COLUMN_LANES * 8 : COLUMN_LANES;

uint lane = gl_SubgroupInvocationID;
uint group = lane / COLUMN_LANES;
uint lane_column = lane % COLUMN_LANES * (WIDE ? 8 : 1);

vec4 lo[ROWS], hi[ROWS];  // the sums: columns 0 to 3 and 4 to 7 of each row
vec4 a[CHUNKS];           // four values of k of the rows that this lane reads
Eight b[4];               // the same four values of k of this lane's columns

// Row of the tile that the lane reads in a chunk, and the one that its r-th sums belong to.
uint chunk_row(uint i) { return group * ROWS + min(i * COLUMN_LANES + lane % COLUMN_LANES, ROWS - 1); }
uint sum_row(uint r) { return group * ROWS + r; }

void clear_sums(Eight start) {
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        lo[r] = start.lo;
        hi[r] = start.hi;
    }
}

// The value of the group's t-th lane.
#define SPREAD(v, t) (COLUMN_LANES == SUBGROUP ? subgroupBroadcast(v, t) \
                      : COLUMN_LANES == 1 ? v : subgroupShuffle(v, group * COLUMN_LANES + t))
#define ADD_ROW(t) \
    if (t < COLUMN_LANES && i * COLUMN_LANES + t < ROWS) { \
        const vec4 s = SPREAD(a[i], t); \
        const uint r = i * COLUMN_LANES + t; \
        if (WIDE) { \
            lo[r] = lo[r] + s.x * b[0].lo + s.y * b[1].lo + s.z * b[2].lo + s.w * b[3].lo; \
            hi[r] = hi[r] + s.x * b[0].hi + s.y * b[1].hi + s.z * b[2].hi + s.w * b[3].hi; \
        } else { \
            lo[r].x = lo[r].x + s.x * b[0].lo.x + s.y * b[1].lo.x + s.z * b[2].lo.x + s.w * b[3].lo.x; \
        } \
    }

// sums += a · b over four values of k
void add_products() {
    [[unroll]] for (uint i = 0; i < CHUNKS; i++) {
        ADD_ROW(0u) ADD_ROW(1u) ADD_ROW(2u) ADD_ROW(3u)
#if SUBGROUP > 4
        ADD_ROW(4u) ADD_ROW(5u) ADD_ROW(6u) ADD_ROW(7u)
#endif
#if SUBGROUP > 8
        ADD_ROW(8u) ADD_ROW(9u) ADD_ROW(10u) ADD_ROW(11u) ADD_ROW(12u) ADD_ROW(13u) ADD_ROW(14u) ADD_ROW(15u)
#endif
    }
}
