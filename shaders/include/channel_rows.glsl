// A tensor as rows of channels. A lane owns WIDTH neighbouring channels (a column) of `depth` rows that lie
// `abreast` rows apart, so that what belongs to a channel is loaded once for many rows. Needs the push
// constants `channels`, `rows`, `abreast` and `depth`. FORM is how lanes are dealt:
//   0  Side by side over the columns first and then over `abreast` rows: neighbours touch neighbouring
//      memory, and a tensor of 8 channels leaves no lane idle. Columns of 4 channels.
//   1  The same, with columns of 8 channels, read and written as 64-bit words (see wide.glsl): a multiple of
//      8 channels.
//   2  A workgroup is a tile of COLUMN_LANES columns and `abreast` rows, whose lanes merge their sums in
//      shared memory. Columns of 4 channels; groups are counted over columns in x, over blocks of rows in y
//      and z.
#extension GL_EXT_control_flow_attributes : require
#include "linear.glsl"
#if FORM == 1
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
    uint strand;   // the number under which its partial sums are stored
    uint row, end; // the first row and the end of its block of rows
    bool inside;
};

Lane this_lane() {
    Lane lane;
#if FORM == 2
    lane.column = gl_WorkGroupID.x * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    lane.strand = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
    const uint block = lane.strand * tile_rows();
    lane.row = block + gl_LocalInvocationID.x / COLUMN_LANES;
    lane.inside = block < rows && lane.column < columns();
#else
    const uint index = linear_index(), wide = columns();
    lane.strand = index / wide;
    lane.column = index - lane.strand * wide;
    const uint block = lane.strand / abreast * tile_rows();
    lane.row = block + lane.strand % abreast;
    lane.inside = block < rows;
#endif
    lane.end = min(block + tile_rows(), rows);
    return lane;
}

#if FORM == 1
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

// A tensor of rows × channels: load_NAME(row, column, v).
#define READ_ROWS(number, name)                                                                                        \
    layout(binding = number) readonly buffer Scalars_##name { float name[]; };                                         \
    layout(binding = number) readonly buffer Vectors_##name { VECTOR name##_vectors[]; };                              \
    void load_##name(uint row, uint column, out vec4 v[PARTS]) {                                                       \
        if (ALIGNED) {                                                                                                 \
            LOAD(name, row * columns() + column, v)                                                                    \
        } else {                                                                                                       \
            const uint at = row * channels, c = column * WIDTH, last = channels - 1;                                   \
            EACH_PART [[unroll]] for (uint i = 0; i < 4; ++i) v[p][i] = name[at + min(c + 4 * p + i, last)];           \
        }                                                                                                              \
    }

// The same, written: store_NAME(row, column, v).
#define WRITE_ROWS(number, name)                                                                                       \
    layout(binding = number) writeonly buffer Scalars_##name { float name[]; };                                        \
    layout(binding = number) writeonly buffer Vectors_##name { VECTOR name##_vectors[]; };                             \
    void store_##name(uint row, uint column, vec4 v[PARTS]) {                                                          \
        if (ALIGNED) {                                                                                                 \
            STORE(name, row * columns() + column, v)                                                                   \
        } else {                                                                                                       \
            const uint at = row * channels, c = column * WIDTH;                                                        \
            EACH_PART [[unroll]] for (uint i = 0; i < 4; ++i)                                                          \
                if (c + 4 * p + i < channels) name[at + c + 4 * p + i] = v[p][i];                                      \
        }                                                                                                              \
    }

// A table of vectors of one value a channel, each padded to a multiple of 8: load_NAME(vector, column, v).
#define READ_VECTORS(number, name)                                                                                     \
    layout(binding = number) readonly buffer Vectors_##name { VECTOR name##_vectors[]; };                              \
    void load_##name(uint vector, uint column, out vec4 v[PARTS]) {                                                    \
        LOAD(name, vector * vector_columns() + column, v)                                                              \
    }

#define WRITE_VECTORS(number, name)                                                                                    \
    layout(binding = number) writeonly buffer Vectors_##name { VECTOR name##_vectors[]; };                             \
    void store_##name(uint vector, uint column, vec4 v[PARTS]) {                                                       \
        STORE(name, vector * vector_columns() + column, v)                                                             \
    }
