// A product A · B of halves, summed in f32 by the device's matrix units, one tile of the result a workgroup. A shader that
// includes this gathers what it multiplies and writes what comes out; the product itself is here.
//
//   MATRIX=1  VK_KHR_cooperative_matrix: matrices of the size that the device's list names, several a subgroup
//   MATRIX=2  VK_NV_cooperative_matrix2, flexible dimensions: one large matrix a subgroup, which the driver cuts
//   MATRIX=3  the same, one matrix a workgroup
//
// Both operands are staged in shared memory, STEP values of k a step, so that a value is read from memory once a
// workgroup; while the units multiply a step, the loads of the next are under way in registers. Lines in shared memory are
// longer by eight halves than what they hold, so that the rows of a matrix lie in different banks.
//
// The shader that includes this declares
//     void begin();                         // finds first_row, first_column, first_k and end_k
//     void fetch(uint k);                   // reads the step at k into a_chunks and b_chunks; zeros beyond the edges
//     void finish(uint row, uint column, float v[8]);  // row and eight columns of the result; checks the edges
//     void finish_one(uint row, uint column, float v); // one element
// Chunk i of an invocation belongs at line a_line(i), part a_part(i) of A's tile: eight neighbouring halves. A line is a row
// of A with its values of k, or with A_BY_STEP a value of k with its rows. Lines of B are values of k with their columns.
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#if MATRIX > 1
#extension GL_NV_cooperative_matrix2 : require
#endif
layout(local_size_x_id = 0) in;                       // 0: LANES · SUBGROUP_ROWS · SUBGROUP_COLUMNS
layout(constant_id = 1) const uint LANES = 32;        // of a subgroup; of the workgroup with MATRIX=3
layout(constant_id = 2) const uint UNIT_ROWS = 16;    // of a matrix
layout(constant_id = 3) const uint UNIT_COLUMNS = 16; // a multiple of 8
layout(constant_id = 4) const uint UNIT_STEP = 16;
layout(constant_id = 5) const uint SUBGROUP_ROWS = 2; // subgroups over the rows and the columns of the tile
layout(constant_id = 6) const uint SUBGROUP_COLUMNS = 2;
layout(constant_id = 7) const uint BLOCK_ROWS = 2; // matrices of a subgroup
layout(constant_id = 8) const uint BLOCK_COLUMNS = 2;
layout(constant_id = 9) const uint STEP = 32; // a multiple of UNIT_STEP and of 8

const uint THREADS = LANES * SUBGROUP_ROWS * SUBGROUP_COLUMNS;
const uint TILE_ROWS = SUBGROUP_ROWS * BLOCK_ROWS * UNIT_ROWS;
const uint TILE_COLUMNS = SUBGROUP_COLUMNS * BLOCK_COLUMNS * UNIT_COLUMNS;

#ifdef A_BY_STEP
const uint A_LINES = STEP, A_PARTS = TILE_ROWS / 8;
#else
const uint A_LINES = TILE_ROWS, A_PARTS = STEP / 8;
#endif
const uint B_LINES = STEP, B_PARTS = TILE_COLUMNS / 8;
const uint A_PITCH = A_PARTS + 1, B_PITCH = B_PARTS + 1; // in chunks
// THREADS divides both numbers of chunks.
const uint A_LOADS = A_LINES * A_PARTS / THREADS, B_LOADS = B_LINES * B_PARTS / THREADS;

shared uvec4 a_tile[A_LINES * A_PITCH];
shared uvec4 b_tile[B_LINES * B_PITCH];
#if MATRIX == 1
shared float result_tile[SUBGROUP_ROWS * SUBGROUP_COLUMNS * UNIT_ROWS * UNIT_COLUMNS];
#endif

uint first_row, first_column; // of the tile
uint first_k, end_k;
uvec4 a_chunks[A_LOADS], b_chunks[B_LOADS];

uint a_line(uint i) { return (gl_LocalInvocationID.x + i * THREADS) / A_PARTS; }
uint a_part(uint i) { return (gl_LocalInvocationID.x + i * THREADS) % A_PARTS; }
uint b_line(uint i) { return (gl_LocalInvocationID.x + i * THREADS) / B_PARTS; }
uint b_part(uint i) { return (gl_LocalInvocationID.x + i * THREADS) % B_PARTS; }

// A half, as its bits, in place j of a chunk that begins as zero.
void put(inout uvec4 chunk, uint j, uint bits) { chunk[j / 2] |= bits << (16 * (j % 2)); }
uvec4 halves(vec4 a, vec4 b) {
    return uvec4(packHalf2x16(a.xy), packHalf2x16(a.zw), packHalf2x16(b.xy), packHalf2x16(b.zw));
}

void begin();
void fetch(uint k);
#if MATRIX == 1
void finish(uint row, uint column, float v[8]);
#else
void finish_one(uint row, uint column, float v);
float finish_element(const in uint row, const in uint column, const in float v, const in uint from_row,
                     const in uint from_column) {
    finish_one(from_row + row, from_column + column, v);
    return v;
}
#endif

#if MATRIX == 3
#define MATRIX_SCOPE gl_ScopeWorkgroup
#define MATRIX_INDEX 0
#else
#define MATRIX_SCOPE gl_ScopeSubgroup
#define MATRIX_INDEX gl_SubgroupID
#endif
#define A_MATRIX coopmat<float16_t, MATRIX_SCOPE, UNIT_ROWS, UNIT_STEP, gl_MatrixUseA>
#define B_MATRIX coopmat<float16_t, MATRIX_SCOPE, UNIT_STEP, UNIT_COLUMNS, gl_MatrixUseB>
#define SUM_MATRIX coopmat<float, MATRIX_SCOPE, UNIT_ROWS, UNIT_COLUMNS, gl_MatrixUseAccumulator>

void main() {
    begin();
    const uint subgroup_row = MATRIX_INDEX / SUBGROUP_COLUMNS, subgroup_column = MATRIX_INDEX % SUBGROUP_COLUMNS;
    const uint own_row = subgroup_row * BLOCK_ROWS * UNIT_ROWS, own_column = subgroup_column * BLOCK_COLUMNS * UNIT_COLUMNS;

    SUM_MATRIX sums[BLOCK_ROWS * BLOCK_COLUMNS];
    [[unroll]] for (uint i = 0; i < BLOCK_ROWS * BLOCK_COLUMNS; i++) sums[i] = SUM_MATRIX(0.0);

    fetch(first_k);
    for (uint k = first_k; k < end_k; k += STEP) {
        barrier(); // the step before has been read
        [[unroll]] for (uint i = 0; i < A_LOADS; i++) a_tile[a_line(i) * A_PITCH + a_part(i)] = a_chunks[i];
        [[unroll]] for (uint i = 0; i < B_LOADS; i++) b_tile[b_line(i) * B_PITCH + b_part(i)] = b_chunks[i];
        barrier();
        if (k + STEP < end_k) fetch(k + STEP);
        [[unroll]] for (uint inner = 0; inner < STEP; inner += UNIT_STEP) {
            A_MATRIX a[BLOCK_ROWS];
            [[unroll]] for (uint r = 0; r < BLOCK_ROWS; r++) {
                const uint row = own_row + r * UNIT_ROWS;
#ifdef A_BY_STEP
                coopMatLoad(a[r], a_tile, inner * A_PITCH + row / 8, A_PITCH, gl_CooperativeMatrixLayoutColumnMajor);
#else
                coopMatLoad(a[r], a_tile, row * A_PITCH + inner / 8, A_PITCH, gl_CooperativeMatrixLayoutRowMajor);
#endif
            }
            [[unroll]] for (uint c = 0; c < BLOCK_COLUMNS; c++) {
                B_MATRIX b;
                coopMatLoad(b, b_tile, inner * B_PITCH + (own_column + c * UNIT_COLUMNS) / 8, B_PITCH,
                            gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (uint r = 0; r < BLOCK_ROWS; r++)
                    sums[r * BLOCK_COLUMNS + c] = coopMatMulAdd(a[r], b, sums[r * BLOCK_COLUMNS + c]);
            }
        }
    }

    [[unroll]] for (uint r = 0; r < BLOCK_ROWS; r++)
        [[unroll]] for (uint c = 0; c < BLOCK_COLUMNS; c++) {
            const uint row = first_row + own_row + r * UNIT_ROWS, column = first_column + own_column + c * UNIT_COLUMNS;
#if MATRIX == 1
            const uint area = UNIT_ROWS * UNIT_COLUMNS, from = gl_SubgroupID * area;
            barrier();
            coopMatStore(sums[r * BLOCK_COLUMNS + c], result_tile, from, UNIT_COLUMNS, gl_CooperativeMatrixLayoutRowMajor);
            barrier();
            for (uint i = gl_SubgroupInvocationID; i < area / 8; i += LANES) {
                float v[8];
                [[unroll]] for (uint j = 0; j < 8; j++) v[j] = result_tile[from + 8 * i + j];
                finish(row + 8 * i / UNIT_COLUMNS, column + 8 * i % UNIT_COLUMNS, v);
            }
#else
            const SUM_MATRIX sum = sums[r * BLOCK_COLUMNS + c];
            SUM_MATRIX written;
            coopMatPerElementNV(written, sum, finish_element, row, column);
#endif
        }
}
