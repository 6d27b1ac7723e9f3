#include "train/optimizer.h"

#include "shaders/optimizer_step.h"

#include <cmath>

namespace lemnos {

static const AttributeSpec beta1_option = real_attribute("beta1", 0.9, 0, 0.9999999, "Decay of the mean of gradients.");
static const AttributeSpec beta2_option = real_attribute("beta2", 0.999, 0, 0.9999999, "Decay of the mean of squares.");
static const AttributeSpec epsilon_option = real_attribute("epsilon", 1e-8, 0, 1, "Added to the denominator.");
static const AttributeSpec maximize_option = boolean_attribute("maximize", false, "Climb instead of descending.");

static AttributeSpec rate_option(double fallback) {
    return real_attribute("rate", fallback, 0, 1e6, "The base learning rate, which the schedule multiplies.");
}
static AttributeSpec decay_option(double fallback, const char* help) {
    return real_attribute("weight_decay", fallback, 0, 1e3, help);
}
static constexpr const char* coupled_help = "L2 decay: this times the parameter is added to its gradient.";
static constexpr const char* decoupled_help = "Decoupled decay: each step shrinks the parameter by rate times this.";

static uint32_t no_flags(const Attributes&) { return 0; }
static std::vector<std::string> adam_states(const Attributes&) { return {"mean", "square"}; }

// b = mu b + (1 - dampening) g, in the first step b = g; the step is b, or g + mu b with Nesterov's momentum.
static OptimizerScalars sgd_scalars(const Attributes& options, int64_t step, double rate) {
    const double momentum = options.real("momentum");
    OptimizerScalars scalars{};
    scalars[OPTIMIZER_RATE] = float(rate);
    scalars[OPTIMIZER_MOMENTUM] = step == 1 ? 0.0f : float(momentum);
    scalars[OPTIMIZER_GRADIENT] = step == 1 ? 1.0f : float(1 - options.real("dampening"));
    scalars[OPTIMIZER_LOOK_AHEAD] = float(momentum);
    return scalars;
}

static uint32_t sgd_flags(const Attributes& options) {
    const double momentum = options.real("momentum");
    if (!options.boolean("nesterov")) return momentum > 0 ? OPTIMIZER_HAS_MOMENTUM : 0;
    require(momentum > 0 && options.real("dampening") == 0, "Optimizer sgd: Nesterov's momentum needs a momentum (", momentum,
            ") above 0 and a dampening (", options.real("dampening"), ") of 0.");
    return OPTIMIZER_HAS_MOMENTUM | OPTIMIZER_NESTEROV;
}

static std::vector<std::string> sgd_states(const Attributes& options) {
    return options.real("momentum") > 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{};
}

// m += (1 - b1)(g - m); v = b2 v + (1 - b2) g^2; p -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon).
static OptimizerScalars adam_scalars(const Attributes& options, int64_t step, double rate) {
    const double beta1 = options.real("beta1"), beta2 = options.real("beta2");
    OptimizerScalars scalars{};
    scalars[OPTIMIZER_RATE] = float(rate / (1 - std::pow(beta1, double(step))));
    scalars[OPTIMIZER_DECAY_RATE] = float(rate);
    scalars[OPTIMIZER_GRADIENT] = float(1 - beta1);
    scalars[OPTIMIZER_BETA2] = float(beta2);
    scalars[OPTIMIZER_SQUARE] = float(1 - beta2);
    scalars[OPTIMIZER_DENOMINATOR] = float(1 / std::sqrt(1 - std::pow(beta2, double(step))));
    scalars[OPTIMIZER_EPSILON] = float(options.real("epsilon"));
    return scalars;
}

Rectification rectification(double beta2, int64_t step) {
    const double t = double(step), power = std::pow(beta2, t), infinity = 2 / (1 - beta2) - 1;
    Rectification result;
    result.rho = infinity - 2 * t * power / (1 - power);
    if (result.rho > 4)
        result.factor = std::sqrt((result.rho - 4) * (result.rho - 2) * infinity /
                                  ((infinity - 4) * (infinity - 2) * result.rho));
    return result;
}

// Rectified where rho is above the variant's threshold: p -= rate r m^ sqrt(1 - b2^t) / (sqrt(v) + epsilon). Below it
// the step is rate m^, or none in the authors' own code unless degenerated_to_sgd.
static OptimizerScalars radam_scalars(const Attributes& options, int64_t step, double rate) {
    const std::string& variant = options.choice("variant");
    const Rectification r = rectification(options.real("beta2"), step);
    const bool rectified = variant == "paper" ? r.rho > 4 : variant == "pytorch" ? r.rho > 5 : r.rho >= 5;
    OptimizerScalars scalars = adam_scalars(options, step, rate);
    const double corrected = rate / (1 - std::pow(options.real("beta1"), double(step)));
    if (rectified) {
        scalars[OPTIMIZER_RATE] =
            float(corrected * r.factor * std::sqrt(1 - std::pow(options.real("beta2"), double(step))));
        scalars[OPTIMIZER_DENOMINATOR] = 1;
    } else {
        const bool still = variant == "authors" && !options.boolean("degenerated_to_sgd");
        scalars[OPTIMIZER_RATE] = still ? 0.0f : float(corrected);
        if (still) scalars[OPTIMIZER_DECAY_RATE] = 0; // the authors decay only in steps that update
        scalars[OPTIMIZER_DENOMINATOR] = 0;
        scalars[OPTIMIZER_EPSILON] = 1;
    }
    return scalars;
}

std::span<const OptimizerRule> all_optimizers() {
    static const std::vector<OptimizerRule> rules{
        {"sgd", "Stochastic gradient descent with momentum, dampening and Nesterov's form.",
         {rate_option(1e-3), real_attribute("momentum", 0, 0, 1, "Decay of the buffer of gradients; 0: no buffer."),
          real_attribute("dampening", 0, 0, 1, "The buffer takes 1 - dampening of each gradient after the first."),
          boolean_attribute("nesterov", false, "Step along gradient + momentum * buffer."), decay_option(0, coupled_help),
          maximize_option},
         OPTIMIZER_SGD, sgd_flags, sgd_states, sgd_scalars},
        {"adam", "Adam (Kingma and Ba, arXiv 1412.6980) with L2 decay.",
         {rate_option(1e-3), beta1_option, beta2_option, epsilon_option, decay_option(0, coupled_help), maximize_option},
         OPTIMIZER_ADAM, no_flags, adam_states, adam_scalars},
        {"adamw", "Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).",
         {rate_option(1e-3), beta1_option, beta2_option, epsilon_option, decay_option(1e-2, decoupled_help),
          maximize_option},
         OPTIMIZER_ADAM, [](const Attributes&) -> uint32_t { return OPTIMIZER_DECOUPLED; }, adam_states, adam_scalars},
        {"radam", "Rectified Adam (Liu et al., arXiv 1908.03265): no warm-up needed.",
         {rate_option(1e-3), beta1_option, beta2_option, epsilon_option,
          decay_option(0, "L2 decay, or decoupled decay with decoupled_weight_decay."),
          boolean_attribute("decoupled_weight_decay", false, "Shrink parameters instead of adding to gradients."),
          choice_attribute("variant", "pytorch", {"pytorch", "paper", "authors"},
                           "Rectify where rho > 5, rho > 4, or rho >= 5 with no step before."),
          boolean_attribute("degenerated_to_sgd", false, "authors: step along the mean before rectification."),
          maximize_option},
         OPTIMIZER_ADAM,
         [](const Attributes& options) -> uint32_t {
             return options.boolean("decoupled_weight_decay") || options.choice("variant") == "authors" ? OPTIMIZER_DECOUPLED : 0;
         },
         adam_states, radam_scalars},
    };
    return rules;
}

OptimizerScalars Optimizer::scalars(int64_t step, double rate) const {
    OptimizerScalars scalars = rule_->scalars(options_, step, rate);
    scalars[OPTIMIZER_SIGN] = options_.boolean("maximize") ? -1.0f : 1.0f;
    return scalars;
}

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

std::string Optimizer::describe() const { return text(rule_->name, describe_options(options_)); }

} // namespace lemnos
