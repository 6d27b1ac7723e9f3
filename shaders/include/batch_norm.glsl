// What the batch_norm_*.comp kernels share: the rows of the table of coefficients, the
// rows that count, and y before its activation, which must be the same bits forward and in the gradient.
#include "activation.glsl"

const uint COEFFICIENT_MEAN = 0;    // rounded to f32
const uint COEFFICIENT_SCALE = 1;   // gamma * inverse
const uint COEFFICIENT_SHIFT = 2;   // beta - rest * scale: y = (x - mean) * scale + shift
const uint COEFFICIENT_REST = 3;    // what rounding took from the mean
const uint COEFFICIENT_INVERSE = 4; // 1 / sqrt(variance + epsilon)
const uint COEFFICIENTS = 5;

// Rows of the whole batch that count, when only the first `examples` examples do.
uint counted_rows(float examples, uint example_rows, uint total_rows) {
    const float rounded = floor(clamp(examples, 0.0, float(total_rows / example_rows)) + 0.5);
    return min(uint(rounded) * example_rows, total_rows);
}

vec4 normalise(vec4 x, vec4 mean, vec4 scale, vec4 shift) {
    precise vec4 y = (x - mean) * scale + shift;
    return y;
}

// The activation's derivative where its argument is t.
vec4 slope_at(vec4 t, uint kind) {
    const vec4 y = activate(t, kind, 0);
    return vec4(activation_derivative(t.x, y.x, kind, 0), activation_derivative(t.y, y.y, kind, 0),
                activation_derivative(t.z, y.z, kind, 0), activation_derivative(t.w, y.w, kind, 0));
}
