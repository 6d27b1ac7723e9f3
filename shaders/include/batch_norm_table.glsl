// Writes one channel of the table of coefficients, the buffer `coefficients`. Needs `epsilon`.
void store_coefficients(uint c, uint stride, float gamma, float beta, float mean, float rest,
                        float variance) {
    const float inverse = 1.0 / sqrt(variance + epsilon), scale = gamma * inverse;
    coefficients[COEFFICIENT_MEAN * stride + c] = mean;
    coefficients[COEFFICIENT_SCALE * stride + c] = scale;
    coefficients[COEFFICIENT_SHIFT * stride + c] = beta - rest * scale;
    coefficients[COEFFICIENT_REST * stride + c] = rest;
    coefficients[COEFFICIENT_INVERSE * stride + c] = inverse;
}

void pad_coefficients(uint c, uint stride) {
    for (uint i = 0; i < COEFFICIENTS; ++i) coefficients[i * stride + c] = 0;
}
