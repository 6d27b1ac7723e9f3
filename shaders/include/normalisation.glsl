// What the normalisation_*.comp kernels share: the tables that they hand each other, the examples that count, and y before
// its activation, which must be the same bits forward and in the gradient.
#include "activation.glsl"

// The table of coefficients: one line a set, a vector of channels padded to a multiple of 8 for each of these.
const uint COEFFICIENT_MEAN = 0;    // rounded to f32
const uint COEFFICIENT_SCALE = 1;   // gamma * inverse
const uint COEFFICIENT_SHIFT = 2;   // beta - rest * scale: y = (x - mean) * scale + shift
const uint COEFFICIENT_REST = 3;    // what rounding took from the mean
const uint COEFFICIENT_INVERSE = 4; // 1 / sqrt(variance + epsilon)
const uint COEFFICIENTS = 5;
// The lines of the gradient, dx = scale * g + slope * (x - mean) + level.
const uint LINE_SLOPE = 0;
const uint LINE_LEVEL = 1;
const uint LINES = 2;

uint padded_channels() { return (channels + 7) / 8 * 8; }
// Floats from one set's line to the next one's: a binding may begin at each.
uint line_stride(uint vectors) { return (vectors * padded_channels() + 63) / 64 * 64; }

// Rows of a set of this piece that count, when only the first `valid` examples of the whole tensor do.
uint counted_rows(float valid, uint set) {
    const float counted = clamp(valid - float((first_set + set) * examples), 0.0, float(examples));
    return uint(floor(counted + 0.5)) * example_rows;
}

vec4 normalise(vec4 x, vec4 mean, vec4 scale, vec4 shift) {
    precise vec4 y = (x - mean) * scale + shift;
    return y;
}

// Kind 0 limits y, from below, from above or not at all: no activation, relu and relu6 are one kernel, for it is compiled once.
vec4 activate_normalised(vec4 y, uint kind, float lower, float upper) {
    return kind == 0 ? clamp(y, vec4(lower), vec4(upper)) : activate(y, kind, 0);
}

// g times the derivative of that where its argument is t. Kinks as in activation_derivative().
vec4 gradient_through(vec4 g, vec4 t, uint kind, float lower, float upper) {
    if (kind == 0) {
        g = mix(g, vec4(0), lessThanEqual(t, vec4(lower)));
        return mix(g, vec4(0), greaterThanEqual(t, vec4(upper)));
    }
    const vec4 y = activate(t, kind, 0);
    for (uint c = 0; c < 4; ++c) g[c] *= activation_derivative(t[c], y[c], kind, 0);
    return g;
}
