#include "train/optimizer.h"

namespace lemnos {

Optimizer::Optimizer(const std::string& name, Attributes options) : options_(std::move(options)) {
    std::vector<std::string> known;
    for (const OptimizerRule& rule : all_optimizers()) {
        known.push_back(rule.name);
        if (name == rule.name) rule_ = &rule;
    }
    if (!rule_) fail(ErrorCode::not_found, "There is no optimizer \"", name, "\".", did_you_mean(name, known));
    options_.complete(rule_->options, text("Optimizer ", name));
    rule_->flags(options_); // refuses combinations that do not fit
}

double Optimizer::momentum() const {
    return (flags() & OPTIMIZER_HAS_MOMENTUM) != 0 ? options_.real("momentum") : 0.0;
}

double Optimizer::clip_norm() const { return options_.contains("largest_norm") ? options_.real("largest_norm") : 0.0; }

OptimizerScalars Optimizer::scalars(int64_t step, double rate) const {
    OptimizerScalars scalars{};
    scalars[OPTIMIZER_BASE_RATE] = float(rate);
    rule_->scalars(options_, step, rate, scalars);
    scalars[OPTIMIZER_FACTOR] = options_.boolean("maximize") ? -1.0f : 1.0f;
    // Lookahead (Zhang et al., arXiv 1907.08610): the slow weights begin as the fast ones at the first synchronisation.
    if (const int64_t every = lookahead(); every > 0 && step % every == 0)
        scalars[OPTIMIZER_LOOKAHEAD] = step == every ? 1.0f : float(options_.real("lookahead_share"));
    return scalars;
}

} // namespace lemnos
