// Activation functions by number (ActivationKind in engine/ops/activation.h), forward and gradient. Kinks take the
// value of the open interval's outside: relu6' is 1 on (0, 6) and 0 elsewhere.
const uint ACTIVATION_NONE = 0;
const uint ACTIVATION_RELU = 1;
const uint ACTIVATION_RELU6 = 2;
const uint ACTIVATION_LEAKY_RELU = 3;
const uint ACTIVATION_SIGMOID = 4;
const uint ACTIVATION_TANH = 5;
const uint ACTIVATION_HARD_SWISH = 6;

// GLSL's tanh overflows for large arguments on some drivers; exp of a negative number never does.
float stable_tanh(float x) {
    const float e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

float activate(float x, uint kind, float slope) {
    switch (kind) {
    case ACTIVATION_RELU: return max(x, 0.0);
    case ACTIVATION_RELU6: return clamp(x, 0.0, 6.0);
    case ACTIVATION_LEAKY_RELU: return x > 0.0 ? x : slope * x;
    case ACTIVATION_SIGMOID: return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
    case ACTIVATION_TANH: return stable_tanh(x);
    case ACTIVATION_HARD_SWISH: return x * clamp(x + 3.0, 0.0, 6.0) * (1.0 / 6.0);
    default: return x;
    }
}

vec4 activate(vec4 x, uint kind, float slope) {
    switch (kind) {
    case ACTIVATION_NONE: return x;
    case ACTIVATION_RELU: return max(x, vec4(0.0));
    case ACTIVATION_RELU6: return clamp(x, vec4(0.0), vec4(6.0));
    default:
        return vec4(activate(x.x, kind, slope), activate(x.y, kind, slope), activate(x.z, kind, slope),
                    activate(x.w, kind, slope));
    }
}

// The derivative, from the result y where that suffices (all but hard-swish) and from the argument x otherwise.
float activation_derivative(float x, float y, uint kind, float slope) {
    switch (kind) {
    case ACTIVATION_RELU: return y > 0.0 ? 1.0 : 0.0;
    case ACTIVATION_RELU6: return y > 0.0 && y < 6.0 ? 1.0 : 0.0;
    case ACTIVATION_LEAKY_RELU: return y > 0.0 ? 1.0 : slope;
    case ACTIVATION_SIGMOID: return y * (1.0 - y);
    case ACTIVATION_TANH: return 1.0 - y * y;
    case ACTIVATION_HARD_SWISH: return x <= -3.0 ? 0.0 : x >= 3.0 ? 1.0 : (2.0 * x + 3.0) * (1.0 / 6.0);
    default: return 1.0;
    }
}
