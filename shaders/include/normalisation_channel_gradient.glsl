// From a channel's sums of g and of g * (x - mean), what the gradients of its parameters and of x are made of. Needs the buffers
// coefficients, dgamma, dbeta and keep.
layout(constant_id = 3) const bool GIVEN = false;       // mean and variance are constants
layout(constant_id = 4) const bool GAMMA_TOTAL = false; // dgamma is a total
layout(constant_id = 5) const bool BETA_TOTAL = false;

struct ChannelGradient {
    float gamma, beta;
    float slope, level; // dx = scale * g + slope * (x - mean) + level
};

// `line`: where the set's line of coefficients begins; `counted`: rows.
ChannelGradient channel_gradient(uint line, uint c, vec2 sums, uint counted) {
    const uint stride = padded_channels();
    const float scale = coefficients[line + COEFFICIENT_SCALE * stride + c];
    const float rest = coefficients[line + COEFFICIENT_REST * stride + c];
    const float inverse = coefficients[line + COEFFICIENT_INVERSE * stride + c];
    const float along = (sums.y - rest * sums.x) * inverse; // sum g * xhat
    ChannelGradient gradient = ChannelGradient(along, sums.x, 0, 0);
    if (!GIVEN && counted > 0) {
        const float share = scale / float(counted);
        gradient.slope = -share * inverse * along;
        gradient.level = -share * sums.x - gradient.slope * rest;
    }
    return gradient;
}

void store_parameter_gradients(uint at, ChannelGradient gradient) {
    dgamma[at] = GAMMA_TOTAL && keep[0] != 0.0 ? dgamma[at] + gradient.gamma : gradient.gamma;
    dbeta[at] = BETA_TOTAL && keep[0] != 0.0 ? dbeta[at] + gradient.beta : gradient.beta;
}
