// The optimizers that are measured, and their updates as plans of their own.
#pragma once

#include "plan/plan.h"
#include "train/optimizer.h"

#include <memory>

namespace lemnos::bench {

struct OptimizerCase {
    const char* label;
    const char* optimizer;
    Attributes options;
    std::vector<std::pair<int, int>> passes; // over the arenas: tensors read, tensors written
    int bytes;        // of one parameter, that the ideal fused kernel moves
    std::string peer; // the same for peer.py; empty: PyTorch has none
};
const std::vector<OptimizerCase>& optimizer_cases();

// The optimizer's dispatches alone, over an arena of so many tensors.
std::shared_ptr<Plan> optimizer_plan(const std::shared_ptr<Device>& device, const Optimizer& optimizer, int64_t parameters, int64_t tensors);

} // namespace lemnos::bench
