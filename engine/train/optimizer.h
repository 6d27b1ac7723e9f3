// Optimizers: rules as data. A rule says which kernel variant to run, which states it keeps, and the scalars of each step,
// computed in double. Semantics, names of options and defaults are PyTorch's where it has the optimizer.
#pragma once

#include "graph/attributes.h"
#include "shaders/optimizer.h"

#include <array>
#include <cstdint>
#include <span>

namespace lemnos {

using OptimizerScalars = std::array<float, OPTIMIZER_SCALARS>; // indices in shaders/optimizer.h

struct OptimizerState {
    std::string name;
    float initial = 0;
};

struct OptimizerRule {
    const char* name = "";
    const char* summary = "";
    std::vector<AttributeSpec> options; // besides those that every optimizer has
    uint32_t algorithm = 0;
    uint32_t (*flags)(const Attributes& options) = nullptr; // refuses options that do not fit together
    std::vector<OptimizerState> (*states)(const Attributes& options) = nullptr;
    // Of the step-th step that is taken, from 1; rate is what the schedule gives.
    void (*scalars)(const Attributes& options, int64_t step, double rate, OptimizerScalars& scalars) = nullptr;
};

// The table of all optimizers, with the options of each complete (optimizer_rules.cpp).
std::span<const OptimizerRule> all_optimizers();

// A rule with its options, checked.
class Optimizer {
  public:
    Optimizer(const std::string& name, Attributes options);

    const OptimizerRule& rule() const { return *rule_; }
    const Attributes& options() const { return options_; }
    double rate() const { return options_.real("rate"); } // the base rate, which a schedule multiplies
    double weight_decay() const { return options_.real("weight_decay"); }
    double momentum() const; // of a buffer of gradients, 0 where there is none
    double clip_norm() const; // LAMB's own clipping of the global norm; 0: none
    int64_t lookahead() const { return options_.integer("lookahead"); }
    uint32_t flags() const { return rule_->flags(options_) | (weight_decay() > 0 ? OPTIMIZER_DECAYS : 0); }
    bool layerwise() const { return (flags() & OPTIMIZER_LAYERWISE) != 0; }
    std::vector<OptimizerState> states() const { return rule_->states(options_); }
    OptimizerScalars scalars(int64_t step, double rate) const;

  private:
    const OptimizerRule* rule_ = nullptr;
    Attributes options_;
};

// RAdam's quantities of step t (Liu et al., arXiv 1908.03265, algorithm 2), in double.
struct Rectification {
    double rho = 0;    // the length of the approximated moving average
    double factor = 0; // r_t, where rho > 4
};
Rectification rectification(double beta2, int64_t step);

} // namespace lemnos
