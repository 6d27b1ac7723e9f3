// The host's half of shaders/include/quotient.glsl.
#pragma once

#include <bit>
#include <cstdint>

namespace lemnos {

inline void set_divisor(int64_t divisor, uint32_t& multiplier, uint32_t& shift) {
    shift = uint32_t(std::bit_width(uint64_t(divisor - 1))); // ceil(log2)
    multiplier = uint32_t(((uint64_t(1) << (31 + shift)) + uint64_t(divisor) - 1) / uint64_t(divisor));
}

} // namespace lemnos
