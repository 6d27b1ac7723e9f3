// Memory reuse by liveness: regions in order of falling size, each at the lowest address of the first pool where it
// overlaps no region whose life overlaps its own ("greedy by size", Pisarchyk and Lee, arXiv 2001.03288). Where that needs
// more than the regions that live together, it is tried again with the region that came to lie highest placed first.
#include "plan/builder.h"

#include <algorithm>
#include <numeric>

namespace lemnos {

// Places regions one after the other.
static Placement place_in_order(std::vector<Region>& regions, const std::vector<size_t>& order, int64_t alignment,
                                int64_t max_pool_bytes, bool separate) {
    Placement placement;
    placement.pool_of.assign(regions.size(), -1);
    std::vector<std::vector<size_t>> pools; // regions placed in each, by rising offset
    for (size_t index : order) {
        Region& region = regions[index];
        const int64_t bytes = round_up(region.bytes, alignment);
        if (bytes > max_pool_bytes)
            fail(ErrorCode::out_of_device_memory, "The ", region.name, " (", region.bytes,
                 " bytes) is larger than one buffer of this device (", max_pool_bytes, " bytes).");
        size_t pool = separate ? pools.size() : 0;
        int64_t offset = 0;
        for (; pool < pools.size(); ++pool) {
            offset = 0;
            for (size_t other : pools[pool]) {
                const Region& placed = regions[other];
                if (placed.last < region.first || region.last < placed.first) continue;
                if (placed.view.offset >= offset + bytes) break;
                offset = std::max(offset, placed.view.offset + round_up(placed.bytes, alignment));
            }
            if (offset + bytes <= max_pool_bytes) break;
        }
        if (pool == pools.size()) {
            pools.emplace_back();
            placement.pool_bytes.push_back(0);
            offset = 0;
        }
        region.view.offset = offset;
        region.view.bytes = bytes;
        placement.pool_of[index] = int32_t(pool);
        placement.pool_bytes[pool] = std::max(placement.pool_bytes[pool], offset + bytes);
        auto& placed = pools[pool];
        placed.insert(std::upper_bound(placed.begin(), placed.end(), index,
                                       [&](size_t a, size_t b) { return regions[a].view.offset < regions[b].view.offset; }),
                      index);
    }
    return placement;
}

static int64_t total_bytes(const Placement& placement) {
    return std::accumulate(placement.pool_bytes.begin(), placement.pool_bytes.end(), int64_t(0));
}

// How often a placement may be tried again, so that it takes no more than some tens of milliseconds.
static int64_t further_attempts(size_t regions) {
    constexpr int64_t most = 32, pairs = int64_t(1) << 24;
    return std::min(most, pairs / std::max<int64_t>(1, int64_t(regions * regions)));
}

Placement place_regions(std::vector<Region>& regions, int64_t alignment, int64_t max_pool_bytes, bool separate) {
    std::vector<size_t> order;
    for (size_t i = 0; i < regions.size(); ++i)
        if (!regions[i].bound && regions[i].first >= 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return regions[a].bytes > regions[b].bytes; });
    Placement best = place_in_order(regions, order, alignment, max_pool_bytes, separate);
    if (separate || order.empty()) return best;

    std::vector<Region> rounded = regions;
    for (Region& region : rounded) region.bytes = round_up(region.bytes, alignment);
    const int64_t least = liveness_bound(rounded);
    std::vector<Region> trial = regions;
    Placement placement = best;
    for (int64_t i = further_attempts(order.size()); i > 0 && total_bytes(best) > least; --i) {
        const auto end = [&](size_t index) { return trial[index].view.offset + trial[index].view.bytes; };
        const auto highest = std::max_element(order.begin(), order.end(), [&](size_t a, size_t b) { return end(a) < end(b); });
        std::rotate(order.begin(), highest, highest + 1);
        placement = place_in_order(trial, order, alignment, max_pool_bytes, false);
        if (total_bytes(placement) >= total_bytes(best)) continue;
        best = placement;
        regions = trial;
    }
    return best;
}

std::vector<int64_t> live_bytes(const std::vector<Region>& regions) {
    int32_t last = -1;
    for (const Region& region : regions) last = std::max(last, region.last);
    std::vector<int64_t> change(size_t(last) + 2, 0);
    for (const Region& region : regions)
        if (!region.bound && region.first >= 0) {
            change[size_t(region.first)] += region.bytes;
            change[size_t(region.last) + 1] -= region.bytes;
        }
    change.pop_back();
    std::partial_sum(change.begin(), change.end(), change.begin());
    return change;
}

int64_t liveness_bound(const std::vector<Region>& regions) {
    const std::vector<int64_t> live = live_bytes(regions);
    return live.empty() ? 0 : *std::max_element(live.begin(), live.end());
}

} // namespace lemnos
