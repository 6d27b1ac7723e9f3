// A tensor as rows of channels, its examples as sets of `examples * example_rows` rows. A lane owns WIDTH neighbouring
// channels (a column) of `depth` rows of one set that lie `abreast` rows apart, so that what belongs to a channel is loaded
// once for many rows. Needs the push constants of normalisation.h. FORM is how lanes are dealt:
//   0  Side by side over the columns first and then over `abreast` rows: neighbours touch neighbouring
//      memory, and a tensor of 8 channels leaves no lane idle. Columns of 4 channels.
//   1  The same, with columns of 8 channels, read and written as 64-bit words (see wide.glsl): a multiple of
//      8 channels.
//   2  A workgroup is a tile of COLUMN_LANES columns and `abreast` rows, whose lanes merge their sums in
//      shared memory. Columns of 4 channels; groups are counted over columns in x, over blocks of rows in y
//      and z.
// 10, 11 and 12 are the same for tensors of f16; what is computed, and all tables, are f32.
#extension GL_EXT_control_flow_attributes : require
#include "linear.glsl"
#define WIDE (FORM == 1 || FORM == 11)
#define TILED (FORM == 2 || FORM == 12)
#if FORM >= 10
#define REAL 16
#endif
#include "real.glsl"
#if WIDE
#include "wide.glsl"
const uint PARTS = 2; // vec4s of a column
#else
const uint PARTS = 1;
#endif
const uint WIDTH = 4 * PARTS;
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of WIDTH
layout(constant_id = 4) const uint COLUMN_LANES = 8;

#define EACH_PART [[unroll]] for (uint p = 0; p < PARTS; ++p)

uint columns() { return (channels + WIDTH - 1) / WIDTH; }
// Columns of a vector of one value a channel, which is padded to a multiple of 8.
uint vector_columns() { return (channels + 7) / 8 * (2 / PARTS); }
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

#if WIDE
#define VECTOR u64vec4
#define LOAD(name, at, v)                                                                                              \
    {                                                                                                                  \
        const Eight e = unpack8(name##_vectors[at]);                                                                   \
        v[0] = e.lo;                                                                                                   \
        v[1] = e.hi;                                                                                                   \
    }
#define STORE(name, at, v) name##_vectors[at] = pack8(v[0], v[1]);
#else
#define VECTOR vec4
#define LOAD(name, at, v) v[0] = name##_vectors[at];
#define STORE(name, at, v) name##_vectors[at] = v[0];
#endif

#if WIDE
#define ROW_VECTOR Real8
#define LOAD_ROW(name, at, v)                                                                                          \
    {                                                                                                                  \
        const Eight e = from_real8(name##_vectors[at]);                                                                \
        v[0] = e.lo;                                                                                                   \
        v[1] = e.hi;                                                                                                   \
    }
#define STORE_ROW(name, at, v) name##_vectors[at] = to_real8(v[0], v[1]);
#else
#define ROW_VECTOR Real4
#define LOAD_ROW(name, at, v) v[0] = from_real4(name##_vectors[at]);
#define STORE_ROW(name, at, v) name##_vectors[at] = to_real4(v[0]);
#endif

// A tensor of rows × channels: load_NAME(row, column, v).
#define READ_ROWS(number, name)                                                                                        \
    layout(binding = number) readonly buffer Scalars_##name { Real name[]; };                                          \
    layout(binding = number) readonly buffer Vectors_##name { ROW_VECTOR name##_vectors[]; };                          \
    void load_##name(uint row, uint column, out vec4 v[PARTS]) {                                                       \
        if (ALIGNED) {                                                                                                 \
            LOAD_ROW(name, skip / WIDTH + row * columns() + column, v)                                                 \
        } else {                                                                                                       \
            const uint at = skip + row * channels, c = column * WIDTH, last = channels - 1;                            \
            EACH_PART [[unroll]] for (uint i = 0; i < 4; ++i) v[p][i] = float(name[at + min(c + 4 * p + i, last)]);    \
        }                                                                                                              \
    }

// The same, written: store_NAME(row, column, v).
#define WRITE_ROWS(number, name)                                                                                       \
    layout(binding = number) writeonly buffer Scalars_##name { Real name[]; };                                         \
    layout(binding = number) writeonly buffer Vectors_##name { ROW_VECTOR name##_vectors[]; };                         \
    void store_##name(uint row, uint column, vec4 v[PARTS]) {                                                          \
        if (ALIGNED) {                                                                                                 \
            STORE_ROW(name, skip / WIDTH + row * columns() + column, v)                                                \
        } else {                                                                                                       \
            const uint at = skip + row * channels, c = column * WIDTH;                                                 \
            EACH_PART [[unroll]] for (uint i = 0; i < 4; ++i)                                                          \
                if (c + 4 * p + i < channels) name[at + c + 4 * p + i] = Real(v[p][i]);                                \
        }                                                                                                              \
    }

// A table of vectors of one value a channel, each padded to a multiple of 8: load_NAME(at, vector, column, v), where the
// vectors are counted from the float `at`.
#define READ_VECTORS(number, name)                                                                                     \
    layout(binding = number) readonly buffer Vectors_##name { VECTOR name##_vectors[]; };                              \
    void load_##name(uint at, uint vector, uint column, out vec4 v[PARTS]) {                                           \
        LOAD(name, at / WIDTH + vector * vector_columns() + column, v)                                                 \
    }

#define WRITE_VECTORS(number, name)                                                                                    \
    layout(binding = number) writeonly buffer Vectors_##name { VECTOR name##_vectors[]; };                             \
    void store_##name(uint vector, uint column, vec4 v[PARTS]) {                                                       \
        STORE(name, vector * vector_columns() + column, v)                                                             \
    }
