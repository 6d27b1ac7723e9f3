// A tensor as rows of channels, its examples as sets of `examples * example_rows` rows. A lane owns neighbouring channels
// (a column) of `depth` rows of one set that lie `abreast` rows apart, so that what belongs to a channel is loaded once for
// many rows. How lanes are dealt:
//   COLUMN=4  A column has 4 channels, lanes lie side by side over the columns first and then over `abreast` rows: neighbours
//             touch neighbouring memory, and a tensor of 4 channels leaves no lane idle.
//   COLUMN=8  The same with 8 channels, of tensors whose number of channels is a multiple of 8, for lavapipe; rows are
//             streamed (addressed.glsl).
//   TILED=1   A column has 4 channels. A workgroup is a tile of COLUMN_LANES columns and `abreast` rows, whose lanes merge
//             their sums in shared memory; groups are counted over columns in x, over blocks of rows in y and z.
// Tensors are of f32 or, with REAL=16, of f16; what is computed, and all tables, are f32.
#ifndef TILED
#define TILED 0
#endif
#ifndef COLUMN
#define COLUMN 4
#endif
#if COLUMN == 8
#include "addressed.glsl"
#include "wide.glsl"
#else
const uint asked = 0;
#endif
#include "normalisation.h"
#extension GL_EXT_control_flow_attributes : require
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4
layout(constant_id = 4) const uint COLUMN_LANES = 8;

const int PARTS = COLUMN / 4;
#define Column vec4[PARTS]
// part: each of a column's vectors in turn
#define EACH_PART [[unroll]] for (int part = 0; part < PARTS; ++part)

uint columns() { return (channels + COLUMN - 1) / COLUMN; }
// A vector of one value a channel is padded to a multiple of 8.
uint vector_columns() { return (channels + 7) / 8 * 8 / COLUMN; }
Column zeros() {
    Column v;
    EACH_PART v[part] = vec4(0);
    return v;
}
uint tile_rows() { return abreast * depth; }

struct Lane {
    uint column;
    uint set;      // of this piece
    uint strand;   // of its set, the number under which its partial sums are stored
    uint base;     // the row of this piece where its set begins
    uint row, end; // the first row and the end of its block, counted from there
    bool inside;
};

Lane this_lane() {
    const uint set_blocks = (rows + tile_rows() - 1) / tile_rows();
    Lane lane;
#if TILED
    const uint all = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
    lane.column = gl_WorkGroupID.x * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    lane.set = all / set_blocks;
    lane.strand = all - lane.set * set_blocks;
    const uint block = lane.strand * tile_rows();
    lane.row = block + gl_LocalInvocationID.x / COLUMN_LANES;
    lane.inside = lane.set < sets && lane.column < columns();
#else
    const uint index = linear_index(), wide = columns(), set_lanes = set_blocks * abreast * wide;
    lane.set = index / set_lanes;
    const uint within = index - lane.set * set_lanes;
    lane.strand = within / wide;
    lane.column = within - lane.strand * wide;
    const uint block = lane.strand / abreast * tile_rows();
    lane.row = block + lane.strand % abreast;
    lane.inside = lane.set < sets;
#endif
    lane.set = min(lane.set, sets - 1);
    lane.base = lane.set * examples * example_rows;
    lane.end = min(block + tile_rows(), rows);
    return lane;
}

// Rows that do not count are not of the lane, when of its set only the first `counted` do.
void limit(inout Lane lane, uint counted) { lane.end = min(lane.end, counted - min(counted, first_row)); }

// A tensor of rows × channels: load_NAME(row, column). Loops over rows go on until lane.end + (asked & never).
#if COLUMN == 8
#define READ_ROWS(number, name)                                                                                        \
    STREAMED(number, name)                                                                                             \
    Column load_##name(uint row, uint column) {                                                                        \
        const Eight v = from_real8(stream_##name(skip / 8 + row * columns() + column));                                \
        return Column(v.lo, v.hi);                                                                                     \
    }
#else
#define READ_ROWS(number, name)                                                                                        \
    layout(binding = number) readonly buffer Scalars_##name { Real name[]; };                                          \
    layout(binding = number) readonly buffer Vectors_##name { Real4 name##_vectors[]; };                               \
    Column load_##name(uint row, uint column) {                                                                        \
        if (ALIGNED) return Column(from_real4(name##_vectors[skip / 4 + row * columns() + column]));                   \
        const uint at = skip + row * channels, c = column * 4, last = channels - 1;                                    \
        vec4 v;                                                                                                        \
        [[unroll]] for (uint i = 0; i < 4; ++i) v[i] = float(name[at + min(c + i, last)]);                             \
        return Column(v);                                                                                              \
    }
#endif

// The same, written: store_NAME(row, column, v).
#if COLUMN == 8
#define WRITE_ROWS(number, name)                                                                                       \
    layout(binding = number) writeonly buffer Eights_##name { Real8 name##_eights[]; };                                \
    void store_##name(uint row, uint column, Column v) {                                                               \
        name##_eights[skip / 8 + row * columns() + column] = to_real8(v[0], v[1]);                                     \
    }
#else
#define WRITE_ROWS(number, name)                                                                                       \
    layout(binding = number) writeonly buffer Scalars_##name { Real name[]; };                                         \
    layout(binding = number) writeonly buffer Vectors_##name { Real4 name##_vectors[]; };                              \
    void store_##name(uint row, uint column, Column v) {                                                               \
        if (ALIGNED) {                                                                                                 \
            name##_vectors[skip / 4 + row * columns() + column] = to_real4(v[0]);                                      \
        } else {                                                                                                       \
            const uint at = skip + row * channels, c = column * 4;                                                     \
            [[unroll]] for (uint i = 0; i < 4; ++i)                                                                    \
                if (c + i < channels) name[at + c + i] = Real(v[0][i]);                                                \
        }                                                                                                              \
    }
#endif

// A table of vectors of one value a channel: load_NAME(at, vector, column), where the vectors are counted from the float `at`.
#define READ_VECTORS(number, name)                                                                                     \
    layout(binding = number) readonly buffer Vectors_##name { vec4 name##_vectors[]; };                                \
    Column load_##name(uint at, uint vector, uint column) {                                                            \
        Column v;                                                                                                      \
        EACH_PART v[part] = name##_vectors[at / 4 + (vector * vector_columns() + column) * PARTS + part];              \
        return v;                                                                                                      \
    }

#define WRITE_VECTORS(number, name)                                                                                    \
    layout(binding = number) writeonly buffer Vectors_##name { vec4 name##_vectors[]; };                               \
    void store_##name(uint vector, uint column, Column v) {                                                            \
        EACH_PART name##_vectors[(vector * vector_columns() + column) * PARTS + part] = v[part];                       \
    }
