// n / d for n < 2^31 by a multiplication (a CPU driver divides a vector lane by lane), without 64-bit
// integers. With l = ceil(log2 d): multiplier = ceil(2^(31 + l) / d), shift = l, found by the host
// (engine/ops/quotient.h). Granlund and Montgomery, "Division by Invariant Integers using Multiplication",
// PLDI 1994, theorem 4.2.
uint quotient(uint n, uint multiplier, uint shift) {
    uint high, low;
    umulExtended(2 * n, multiplier, high, low);
    return high >> shift;
}
