// Writes one channel of a set's line of coefficients, which begins at `at`, into the buffer `coefficients`; gives its scale and
// shift. Needs `epsilon`.
vec2 store_coefficients(uint at, uint c, float gamma, float beta, float mean, float rest, float variance) {
    const uint stride = padded_channels();
    const float inverse = 1.0 / sqrt(variance + epsilon), scale = gamma * inverse, shift = beta - rest * scale;
    coefficients[at + COEFFICIENT_MEAN * stride + c] = mean;
    coefficients[at + COEFFICIENT_SCALE * stride + c] = scale;
    coefficients[at + COEFFICIENT_SHIFT * stride + c] = shift;
    coefficients[at + COEFFICIENT_REST * stride + c] = rest;
    coefficients[at + COEFFICIENT_INVERSE * stride + c] = inverse;
    return vec2(scale, shift);
}

void pad_coefficients(uint at, uint c) {
    for (uint i = 0; i < COEFFICIENTS; ++i) coefficients[at + i * padded_channels() + c] = 0;
}
