// Memory-efficient inference (MobileNetV2, arXiv 1801.04381, section 5.1): an expansion, a convolution of each channel by
// itself and a projection are a sum over the channels between them,
//     F(x) = sum over groups of projection_i(depthwise_i(expansion_i(x))),
// so they can run a group of channels at a time, and a group's share of the inner tensors is all that is alive. Here the
// groups are chosen: as few as a limit of memory allows, by planning the whole network and splitting what is at the peak.
#pragma once

#include "models/architecture.h"
#include "plan/plan.h"

#include <functional>

namespace lemnos {

struct MemoryOptions {
    int64_t limit = 0;          // bytes of activations; 0: none
    int64_t channel_groups = 0; // of every transform; 0: as few as the limit allows
    bool least = false;         // as little memory as there can be, in as few groups as that takes
};
std::span<const AttributeSpec> memory_options(); // memory_limit, channel_groups, least_memory
MemoryOptions memory_options_from(const Attributes& given, const std::string& owner); // given: complete

struct MemoryPlan {
    std::vector<int64_t> channel_groups; // for NetworkOptions
    int64_t workspace_bytes = 0;         // of activations and temporaries: what Plan::workspace_bytes() will be
    int64_t workspace_bytes_without = 0; // the same where nothing is split
};

// Adds what follows the network's logits and gives all results that will be bound.
using FinishNetwork = std::function<std::vector<Value>(Network&)>;

// Refuses what is more than the limit, with the least that is possible.
MemoryPlan plan_memory(const Architecture& architecture, NetworkOptions network, const DeviceProfile& profile,
                       const MemoryOptions& options, const FinishNetwork& finish);

} // namespace lemnos
