// What the batch_norm_*.comp kernels share: the rows of the table of coefficients, the examples that count,
// and y before its activation, which must be the same bits forward and in the gradient.
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

// g times the activation's derivative where its argument is t. Kinks as in activation_derivative().
vec4 gradient_through(vec4 g, vec4 t, uint kind) {
    if (kind == ACTIVATION_NONE) return g;
    if (kind == ACTIVATION_RELU) return mix(vec4(0), g, greaterThan(t, vec4(0)));
    if (kind == ACTIVATION_RELU6) {
        g = mix(vec4(0), g, greaterThan(t, vec4(0)));
        return mix(vec4(0), g, lessThan(t, vec4(6)));
    }
    const vec4 y = activate(t, kind, 0);
    for (uint c = 0; c < 4; ++c) g[c] *= activation_derivative(t[c], y[c], kind, 0);
    return g;
}
