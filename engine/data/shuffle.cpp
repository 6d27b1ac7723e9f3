// Fisher-Yates (Knuth, TAOCP 2, algorithm 3.4.2 P), where the draw at each place is a Philox block of its
// own.
#include "data/shuffle.h"

#include "support/error.h"
#include "support/random.h"

#include <limits>
#include <numeric>
#include <utility>

namespace lemnos {

void shuffled_order(uint64_t seed, uint32_t epoch, std::span<uint32_t> order) {
    constexpr size_t most = std::numeric_limits<uint32_t>::max();
    require(order.size() <= most, "An epoch has ", order.size(), " samples; at most ", most,
            " can be shuffled.");
    std::iota(order.begin(), order.end(), 0u);
    for (uint32_t last = uint32_t(order.size()); last-- > 1;) {
        const PhiloxCounter bits = random_bits(seed, last, epoch, RandomPurpose::shuffle, 0);
        std::swap(order[last], order[random_below(bits[0], bits[1], last + 1)]);
    }
}

} // namespace lemnos
