// The order of an epoch: a permutation of the samples that is a function of (seed, epoch) and of nothing
// else.
#pragma once

#include <cstdint>
#include <span>

namespace lemnos {

// Fills `order` with a permutation of 0 … order.size() - 1. Allocates nothing.
void shuffled_order(uint64_t seed, uint32_t epoch, std::span<uint32_t> order);

} // namespace lemnos
