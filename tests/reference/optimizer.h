// One step of each optimizer, element by element, in the formulas of the papers and of PyTorch and timm, whose names
// and defaults the options have. In double it is what devices are compared with; in float it shows how far rounding
// alone leads away. Written without the engine's rules: nothing is folded, defaults are stated once more.
#pragma once

#include "graph/attributes.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lemnos::reference {

// A tensor, what an optimizer keeps of it, and how its update differs from the others'.
template <typename Number>
struct OptimizerTensor {
    std::vector<Number> parameters, gradients;
    std::map<std::string, std::vector<Number>> states; // optimizer_states()
    double rate = 1, decay = 1;                        // of the learning rate and of the weight decay
    double target = 0;                                 // what the decay pulls towards
};

struct OptimizerStateName {
    std::string name;
    double initial = 0;
};

// In the engine's order; Lookahead's slow weights, "lookahead", come last.
std::vector<OptimizerStateName> optimizer_states(const std::string& optimizer, const Attributes& options);

// The step-th step, from 1. Lists of states that are missing are begun.
template <typename Number>
void optimizer_step(const std::string& optimizer, const Attributes& options, int64_t step, double rate,
                    std::vector<OptimizerTensor<Number>>& tensors);

} // namespace lemnos::reference
