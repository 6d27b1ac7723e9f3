// Optimizers: rules as data. A rule says which kernel variant to run, how many states it keeps, and the scalars of each
// step, computed in double. Semantics and defaults are PyTorch's; sources of formulas are in optimizer.cpp.
#pragma once

#include "graph/attributes.h"

#include <array>
#include <cstdint>
#include <span>

namespace lemnos {

using OptimizerScalars = std::array<float, 16>; // indices in shaders/optimizer_step.h

struct OptimizerRule {
    const char* name = "";
    const char* summary = "";
    std::vector<AttributeSpec> options;
    uint32_t algorithm = 0;
    uint32_t (*flags)(const Attributes& options) = nullptr;
    std::vector<std::string> (*states)(const Attributes& options) = nullptr; // their names
    // step counts from 1.
    OptimizerScalars (*scalars)(const Attributes& options, int64_t step, double rate) = nullptr;
};

std::span<const OptimizerRule> all_optimizers();

// A rule with its options, checked.
class Optimizer {
  public:
    Optimizer(const std::string& name, Attributes options);

    const OptimizerRule& rule() const { return *rule_; }
    const Attributes& options() const { return options_; }
    double rate() const { return options_.real("rate"); } // the base rate, which a schedule multiplies
    double weight_decay() const { return options_.real("weight_decay"); }
    uint32_t flags() const { return rule_->flags(options_); }
    std::vector<std::string> states() const { return rule_->states(options_); }
    OptimizerScalars scalars(int64_t step, double rate) const;
    std::string describe() const; // "radam rate=0.001 beta1=0.9 …", equal for equal optimizers

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
