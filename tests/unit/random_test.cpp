// Philox against the vectors that its authors publish, and against a second implementation that shares no
// line with it.
#include "support/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace lemnos {
namespace {

// Random123, tests/kat_vectors, the lines "philox4x32 10": counter, key, result.
static_assert(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});

TEST(Random, PhiloxGivesThePublishedVectors) {
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
              (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, TheSeedIsTheKeyAndTheRestIsTheCounter) {
    EXPECT_EQ(random_bits(0x299f31d0a4093822, 0x243f6a88, 0x85a308d3, RandomPurpose(0x13198a2e), 0x03707344),
              (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
    // The values are the shaders' too.
    EXPECT_EQ(uint32_t(RandomPurpose::shuffle), 0u);
    EXPECT_EQ(uint32_t(RandomPurpose::crop), 1u);
    EXPECT_EQ(uint32_t(RandomPurpose::flip), 2u);
    EXPECT_EQ(uint32_t(RandomPurpose::dropout), 3u);
    EXPECT_EQ(uint32_t(RandomPurpose::initial_weights), 4u);
}

TEST(Random, EveryBitIsSetHalfTheTime) {
    constexpr int draws = 20'000;
    std::vector<int> ones(128);
    for (uint32_t i = 0; i < draws; ++i) {
        const PhiloxCounter bits = random_bits(7, i, 3, RandomPurpose::dropout, 0);
        for (size_t bit = 0; bit < 128; ++bit) ones[bit] += int(bits[bit / 32] >> bit % 32 & 1);
    }
    // Five standard deviations of a binomial: sqrt(n) / 2 each. The bits are fixed, so this cannot flake.
    const double bound = 5 * std::sqrt(double(draws)) / 2;
    for (const int count : ones) EXPECT_NEAR(count, draws / 2.0, bound);
}

TEST(Random, BelowIsTheHighHalfOfTheProduct) {
    EXPECT_EQ(random_below(0, 0, 10), 0u);
    EXPECT_EQ(random_below(~0u, ~0u, 10), 9u);
    EXPECT_EQ(random_below(~0u, ~0u, ~0u), ~0u - 1);
    EXPECT_EQ(random_below(~0u, ~0u, 1), 0u);
    for (uint32_t i = 0; i < 1000; ++i) {
        const PhiloxCounter bits = philox({i, 0, 0, 0}, {1, 2});
        const uint32_t bound = bits[2] | 1;
        const unsigned __int128 random = (unsigned __int128)(bits[1]) << 32 | bits[0];
        EXPECT_EQ(random_below(bits[0], bits[1], bound), uint32_t(random * bound >> 64));
    }
}

} // namespace
} // namespace lemnos
