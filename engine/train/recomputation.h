// A training step under a limit of memory: values of the forward pass that the backward pass reads are not kept but computed
// once more (gradients(), graph.h). Here it is chosen which: by planning the whole step without a device's memory, as little as
// the limit allows. The results stay the same, bit for bit.
//
// What there is to choose from, by rising saving and cost:
//  * results that are made of a kept value and little work: normalisations with their activation, and activations;
//  * all but the values that cross some places of the forward pass (Chen et al., arXiv 1604.06174), which are chosen where
//    little crosses: between the blocks of a network. The part after the last such place is kept.
// Of what the limit asks for, as much is kept after all as still fits, first what costs most for its bytes.
#pragma once

#include "plan/plan.h"

#include <functional>

namespace lemnos {

struct RecomputationPlan {
    std::vector<bool> again; // for gradients(); empty: all is kept
    int64_t workspace_bytes = 0;         // what Plan::workspace_bytes() will be
    int64_t workspace_bytes_without = 0; // the same where all is kept
    double more_work = 0;                // of the step, as a share: 0.3 is 30 % more
};

// Adds all that follows the forward pass to a copy of it and gives the results that will be bound.
using FinishStep = std::function<std::vector<Value>(Graph&, const std::vector<bool>& again)>;

// `limit`: bytes of activations and temporaries; `what`: "The activations of resnet18 in micro-batches of 32", for the refusal
// of a limit that cannot be kept, which says what can.
RecomputationPlan plan_recomputation(const Graph& forward, const DeviceProfile& profile, int64_t limit, const std::string& what,
                                     const FinishStep& finish);

} // namespace lemnos
