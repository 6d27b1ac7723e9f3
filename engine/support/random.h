// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
// Easy as 1, 2, 3" (SC 2011). It has no state: 128 random bits are a pure function of a counter and a key, so
// that the host and the shaders (which hold the same function in GLSL) agree, and a resumed run repeats the
// bits of an unbroken one.
//
// Everything random in Lemnos is keyed by the seed and counted by {sample, epoch, purpose, i}: what happens
// to a sample does not depend on its place in a micro-batch.
#pragma once

#include <array>
#include <cstdint>

namespace lemnos {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t first = uint64_t(0xD2511F53) * counter[0];
        const uint64_t second = uint64_t(0xCD9E8D57) * counter[2];
        counter = {uint32_t(second >> 32) ^ counter[1] ^ key[0], uint32_t(second),
                   uint32_t(first >> 32) ^ counter[3] ^ key[1], uint32_t(first)};
        key[0] += 0x9E3779B9; // the golden ratio
        key[1] += 0xBB67AE85; // the square root of 3, less 1
    }
    return counter;
}

constexpr PhiloxKey philox_key(uint64_t seed) { return {uint32_t(seed), uint32_t(seed >> 32)}; }

// The third word of the counter: what the random bits are for. The values are part of what a seed means and
// of the shaders, so they never change.
enum class RandomPurpose : uint32_t { shuffle = 0, crop = 1, flip = 2, dropout = 3, initial_weights = 4, augmentation = 5 };

constexpr PhiloxCounter random_bits(uint64_t seed, uint32_t sample, uint32_t epoch, RandomPurpose purpose,
                                    uint32_t i) {
    return philox({sample, epoch, uint32_t(purpose), i}, philox_key(seed));
}

// A number in [0, bound) from 64 random bits: the high half of their product, whose bias is below
// bound / 2^64.
constexpr uint32_t random_below(uint32_t low, uint32_t high, uint32_t bound) {
    return uint32_t((uint64_t(high) * bound + (uint64_t(low) * bound >> 32)) >> 32);
}

} // namespace lemnos
