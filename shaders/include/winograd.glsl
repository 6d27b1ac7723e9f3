// Winograd's minimal filtering F(TILE × TILE, 3 × 3) (Lavin and Gray, "Fast algorithms for convolutional neural networks",
// arXiv 1509.09308): TILE² results from (TILE + 2)² products a pair of channels instead of 9·TILE²,
//     Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A,
// the products summed over the channels as a matrix product for each of the (TILE + 2)² positions. The gradient of the
// filter is the adjoint of that, the products summed over the tiles:
//     dg = Gᵀ [ (Bᵀ d B) ⊙ (A dY Aᵀ) ] G.
// Here are the transforms along one axis, over values of PART neighbouring channels. READ_OPERAND(1, STORED, w) declares
// operand 1 as w.at[i]; it comes after the header of the parameters.
// TILE 2 has the points 0, ±1, ∞. TILE 4 has 0, ±1/√2, ±√2, ∞: symmetric, so that sums and differences are shared, and
// nearer to 1 than the paper's 0, ±1, ±2, ∞, which halves the rounding error. With points ±a, ±b the rows are
//     Bᵀ  (a²b², 0, −a²−b², 0, 1, 0); for ±a (0, ∓ab², −b², ±a, 1, 0), for ±b likewise; (0, a²b², 0, −a²−b², 0, 1)
//     G   (1, 0, 0) / a²b²; for a point p (1, p, p²) / Π(p − other finite points); (0, 0, 1)
//     Aᵀ  the powers of the points, (0, …, 0, 1) at ∞.
#extension GL_EXT_control_flow_attributes : require
const uint SIDE = TILE + 2;  // positions along an axis
#if PART == 8
#include "addressed.glsl"
#include "wide.glsl"
#define READ_OPERAND(operand, type, name) ADDRESSED(operand, type, name)
#define VALUE mat2x4
#define STORED u64vec4
VALUE unpack(STORED v) {
    const Eight e = unpack8(v);
    return VALUE(e.lo, e.hi);
}
STORED pack(VALUE v) { return pack8(v[0], v[1]); }
#else
#define READ_OPERAND(operand, type, name) layout(binding = operand) readonly buffer name##_memory { type at[]; } name;
#define VALUE float
#define STORED float
VALUE unpack(STORED v) { return v; }
STORED pack(VALUE v) { return v; }
#endif

#if TILE == 2
void transform_input(VALUE d[SIDE], out VALUE v[SIDE]) {  // Bᵀ d
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
}
void transform_filter(VALUE g[3], out VALUE u[SIDE]) {  // G g
    const VALUE even = 0.5 * (g[0] + g[2]), odd = 0.5 * g[1];
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
}
void transform_output(VALUE m[SIDE], out VALUE y[TILE]) {  // Aᵀ m
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
}
void transform_output_gradient(VALUE y[TILE], out VALUE m[SIDE]) {  // A y
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
}
void transform_filter_gradient(VALUE u[SIDE], out VALUE g[3]) {  // Gᵀ u
    const VALUE even = 0.5 * (u[1] + u[2]);
    g[0] = u[0] + even;
    g[1] = 0.5 * (u[1] - u[2]);
    g[2] = even + u[3];
}
#else
const float A = 0.70710678118654752, B = 1.41421356237309505;  // a² = 1/2, b² = 2, ab² = √2, a²b = 1/√2
void transform_input(VALUE d[SIDE], out VALUE v[SIDE]) {
    const VALUE a_even = d[4] - 2.0 * d[2], a_odd = A * d[3] - B * d[1];
    const VALUE b_even = d[4] - 0.5 * d[2], b_odd = B * d[3] - A * d[1];
    v[0] = d[0] - 2.5 * d[2] + d[4];
    v[1] = a_even + a_odd;
    v[2] = a_even - a_odd;
    v[3] = b_even + b_odd;
    v[4] = b_even - b_odd;
    v[5] = d[1] - 2.5 * d[3] + d[5];
}
void transform_filter(VALUE g[3], out VALUE u[SIDE]) {
    const VALUE a_even = (-2.0 / 3.0) * g[0] - (1.0 / 3.0) * g[2], a_odd = (-B / 3.0) * g[1];
    const VALUE b_even = (1.0 / 6.0) * g[0] + (1.0 / 3.0) * g[2], b_odd = (B / 6.0) * g[1];
    u[0] = g[0];
    u[1] = a_even + a_odd;
    u[2] = a_even - a_odd;
    u[3] = b_even + b_odd;
    u[4] = b_even - b_odd;
    u[5] = g[2];
}
void transform_output(VALUE m[SIDE], out VALUE y[TILE]) {
    const VALUE a_even = m[1] + m[2], a_odd = m[1] - m[2], b_even = m[3] + m[4], b_odd = m[3] - m[4];
    y[0] = m[0] + a_even + b_even;
    y[1] = A * a_odd + B * b_odd;
    y[2] = 0.5 * a_even + 2.0 * b_even;
    y[3] = (0.5 * A) * a_odd + (2.0 * B) * b_odd + m[5];
}
void transform_output_gradient(VALUE y[TILE], out VALUE m[SIDE]) {
    const VALUE a_even = y[0] + 0.5 * y[2], a_odd = A * y[1] + (0.5 * A) * y[3];
    const VALUE b_even = y[0] + 2.0 * y[2], b_odd = B * y[1] + (2.0 * B) * y[3];
    m[0] = y[0];
    m[1] = a_even + a_odd;
    m[2] = a_even - a_odd;
    m[3] = b_even + b_odd;
    m[4] = b_even - b_odd;
    m[5] = y[3];
}
void transform_filter_gradient(VALUE u[SIDE], out VALUE g[3]) {
    const VALUE a_even = u[1] + u[2], b_even = u[3] + u[4];
    g[0] = u[0] - (2.0 / 3.0) * a_even + (1.0 / 6.0) * b_even;
    g[1] = (B / 6.0) * (u[3] - u[4]) - (B / 3.0) * (u[1] - u[2]);
    g[2] = (1.0 / 3.0) * (b_even - a_even) + u[5];
}
#endif
