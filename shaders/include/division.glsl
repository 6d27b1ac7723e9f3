// n / d for n < 2^31 by a multiplication: l = ceil(log2 d), multiplier = ceil(2^(31+l) / d), shift = 31 + l,
// found by the host. (A CPU driver divides a vector lane by lane.) Granlund and Montgomery, PLDI 1994,
// theorem 4.2 for 31 bits.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
uint divide(uint n, uint multiplier, uint shift) {
    return uint((uint64_t(n) * uint64_t(multiplier)) >> shift);
}
