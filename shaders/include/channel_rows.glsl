// A tensor as rows of channels, its examples as sets of `examples * example_rows` rows. A lane owns 4 neighbouring channels
// (a column) of `depth` rows of one set that lie `abreast` rows apart, so that what belongs to a channel is loaded once for
// many rows. Needs the push constants of normalisation.h. How lanes are dealt:
//   TILED=0  Side by side over the columns first and then over `abreast` rows: neighbours touch neighbouring memory, and a
//            tensor of 4 channels leaves no lane idle.
//   TILED=1  A workgroup is a tile of COLUMN_LANES columns and `abreast` rows, whose lanes merge their sums in shared
//            memory; groups are counted over columns in x, over blocks of rows in y and z.
// Tensors are of f32 or, with REAL=16, of f16; what is computed, and all tables, are f32. Rows are read by 32-bit words on
// lavapipe too: with AVX-512 it reads 64-bit words (wide.glsl) by masked loads, ahead of which a processor does not fetch,
// and rows a stride apart took 2 to 4 times as long (Mesa 25.0.7 on an AMD EPYC, 56 x 56 x 144).
#extension GL_EXT_control_flow_attributes : require
#include "linear.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4
layout(constant_id = 4) const uint COLUMN_LANES = 8;

uint columns() { return (channels + 3) / 4; }
// Columns of a vector of one value a channel, which is padded to a multiple of 8.
uint vector_columns() { return (channels + 7) / 8 * 2; }
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

// A tensor of rows × channels: load_NAME(row, column).
#define READ_ROWS(number, name)                                                                                        \
    layout(binding = number) readonly buffer Scalars_##name { Real name[]; };                                          \
    layout(binding = number) readonly buffer Vectors_##name { Real4 name##_vectors[]; };                               \
    vec4 load_##name(uint row, uint column) {                                                                          \
        if (ALIGNED) return from_real4(name##_vectors[skip / 4 + row * columns() + column]);                           \
        const uint at = skip + row * channels, c = column * 4, last = channels - 1;                                    \
        vec4 v;                                                                                                        \
        [[unroll]] for (uint i = 0; i < 4; ++i) v[i] = float(name[at + min(c + i, last)]);                             \
        return v;                                                                                                      \
    }

// The same, written: store_NAME(row, column, v).
#define WRITE_ROWS(number, name)                                                                                       \
    layout(binding = number) writeonly buffer Scalars_##name { Real name[]; };                                         \
    layout(binding = number) writeonly buffer Vectors_##name { Real4 name##_vectors[]; };                              \
    void store_##name(uint row, uint column, vec4 v) {                                                                 \
        if (ALIGNED) {                                                                                                 \
            name##_vectors[skip / 4 + row * columns() + column] = to_real4(v);                                         \
        } else {                                                                                                       \
            const uint at = skip + row * channels, c = column * 4;                                                     \
            [[unroll]] for (uint i = 0; i < 4; ++i)                                                                    \
                if (c + i < channels) name[at + c + i] = Real(v[i]);                                                   \
        }                                                                                                              \
    }

// A table of vectors of one value a channel, each padded to a multiple of 8: load_NAME(at, vector, column), where the
// vectors are counted from the float `at`.
#define READ_VECTORS(number, name)                                                                                     \
    layout(binding = number) readonly buffer Vectors_##name { vec4 name##_vectors[]; };                                \
    vec4 load_##name(uint at, uint vector, uint column) {                                                              \
        return name##_vectors[at / 4 + vector * vector_columns() + column];                                            \
    }

#define WRITE_VECTORS(number, name)                                                                                    \
    layout(binding = number) writeonly buffer Vectors_##name { vec4 name##_vectors[]; };                               \
    void store_##name(uint vector, uint column, vec4 v) { name##_vectors[vector * vector_columns() + column] = v; }
