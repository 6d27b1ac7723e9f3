// Binary cross-entropies and focal losses of four columns of a row against the target 1 at the label and 0
// elsewhere. Of a logit z that is x at the label and -x elsewhere, with p = sigmoid(z) and q = 1 - p: log p =
// -softplus(-z) and log q = -softplus(z), so nothing overflows. For a shader that includes rows.glsl.
layout(constant_id = 3) const bool FOCAL = false;

// log(1 + e) of 0 <= e <= 1, exact however small e is (Goldberg, "What every computer scientist should know
// about floating-point arithmetic", theorem 4).
vec4 log_1_plus(vec4 e) {
    precise const vec4 u = 1 + e, exact = u - 1;
    return mix(log(u) * (e / max(exact, vec4(1e-30))), e, equal(exact, vec4(0)));
}
vec4 softplus(vec4 z) { return max(z, vec4(0)) + log_1_plus(exp(-abs(z))); }
vec4 sigmoid(vec4 z) {
    const vec4 e = exp(-abs(z));
    return mix(vec4(1), e, lessThan(z, vec4(0))) / (1 + e);
}

bvec4 at_label(uint q, uint label) {
    return equal(4 * q + uvec4(0, 1, 2, 3), uvec4(label));
}

vec4 binary_losses(vec4 x, bvec4 hit) {
    const vec4 z = mix(-x, x, hit), loss = softplus(-z);
    if (!FOCAL) return loss;
    return mix(vec4(1 - alpha), vec4(alpha), hit) * (exp(-gamma * softplus(z)) * loss);
}

// By x: d(-log p)/dz = -q, d(-q^gamma log p)/dz = q^gamma (gamma p log p - q).
vec4 binary_slopes(vec4 x, bvec4 hit) {
    const vec4 z = mix(-x, x, hit), sign = mix(vec4(-1), vec4(1), hit), rest = sigmoid(-z);
    if (!FOCAL) return -sign * rest;
    return mix(vec4(1 - alpha), vec4(alpha), hit) * sign * exp(-gamma * softplus(z)) *
           (-gamma * sigmoid(z) * softplus(-z) - rest);
}
