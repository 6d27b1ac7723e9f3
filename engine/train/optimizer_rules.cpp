// The table of optimizers. p: parameter, g: its gradient, t: the step, counted from 1. L2 decay adds decay * p to g;
// decoupled decay first shrinks p by rate * decay * p. What depends on the step is folded into the scalars here, in double.
#include "train/optimizer.h"

#include <cmath>

namespace lemnos {

namespace {

using Scalars = OptimizerScalars;
using States = std::vector<OptimizerState>;

double power(double base, int64_t exponent) { return std::pow(base, double(exponent)); }

// ---- SGD and LARS ---------------------------------------------------------------------------------------------------

// b = mu b + (1 - dampening) g, in the first step b = g; the step is b, or g + mu b with Nesterov's momentum.
void sgd_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    const double momentum = options.real("momentum");
    scalars[OPTIMIZER_RATE] = float(rate);
    scalars[OPTIMIZER_MOMENTUM] = step == 1 ? 0.0f : float(momentum);
    scalars[OPTIMIZER_GRADIENT] = step == 1 ? 1.0f : float(1 - options.real("dampening"));
    scalars[OPTIMIZER_LOOK_AHEAD] = float(momentum);
}

uint32_t sgd_flags(const Attributes& options) {
    const double momentum = options.real("momentum");
    if (!options.boolean("nesterov")) return momentum > 0 ? OPTIMIZER_HAS_MOMENTUM : 0;
    require(momentum > 0 && options.real("dampening") == 0, "Nesterov's momentum needs a momentum (", momentum,
            ") above 0 and a dampening (", options.real("dampening"), ") of 0.");
    return OPTIMIZER_HAS_MOMENTUM | OPTIMIZER_NESTEROV;
}

States sgd_states(const Attributes& options) { return options.real("momentum") > 0 ? States{{"momentum"}} : States{}; }

uint32_t layerwise_flags(const Attributes& options) {
    return OPTIMIZER_LAYERWISE | (options.boolean("always_adapt") ? OPTIMIZER_ALWAYS_ADAPT : 0) |
           (options.boolean("trust_clip") ? OPTIMIZER_TRUST_CLIP : 0);
}

// You et al., arXiv 1708.03888, in timm's form: SGD on ratio * (g + decay p), the ratio in shaders/trust_ratios.comp.
void lars_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    sgd_scalars(options, step, rate, scalars);
    scalars[OPTIMIZER_TRUST] = float(options.real("trust_coefficient"));
    scalars[OPTIMIZER_TRUST_EPSILON] = float(options.real("epsilon"));
}

// ---- rules without a mean of gradients ------------------------------------------------------------------------------

// s += g^2; p -= rate / (1 + (t - 1) rate_decay) g / (sqrt(s) + epsilon).
void adagrad_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    scalars[OPTIMIZER_RATE] = float(rate / (1 + double(step - 1) * options.real("rate_decay")));
    scalars[OPTIMIZER_EPSILON] = float(options.real("epsilon"));
}

// s = rho s + (1 - rho) g^2; step = sqrt(a + epsilon) / sqrt(s + epsilon) g; a = rho a + (1 - rho) step^2; p -= rate step.
void adadelta_scalars(const Attributes& options, int64_t, double rate, Scalars& scalars) {
    scalars[OPTIMIZER_RATE] = float(rate);
    scalars[OPTIMIZER_BETA2] = float(options.real("rho"));
    scalars[OPTIMIZER_SQUARE] = float(1 - options.real("rho"));
    scalars[OPTIMIZER_EPSILON] = float(options.real("epsilon"));
}

// v = alpha v + (1 - alpha) g^2; centered: m += (1 - alpha)(g - m), and m^2 is taken off v.
//     PyTorch:    step = g / (sqrt(v) + epsilon); b = mu b + step; p -= rate b
//     TensorFlow: v starts at 1; step = g / sqrt(v + epsilon); b = mu b + rate step; p -= b
void rmsprop_scalars(const Attributes& options, int64_t, double rate, Scalars& scalars) {
    const double alpha = options.real("alpha");
    scalars[OPTIMIZER_RATE] = float(rate);
    scalars[OPTIMIZER_BETA2] = float(alpha);
    scalars[OPTIMIZER_SQUARE] = scalars[OPTIMIZER_GRADIENT] = float(1 - alpha);
    scalars[OPTIMIZER_MOMENTUM] = float(options.real("momentum"));
    scalars[OPTIMIZER_EPSILON] = float(options.real("epsilon"));
}

uint32_t rmsprop_flags(const Attributes& options) {
    return (options.boolean("centered") ? OPTIMIZER_CENTERED : 0) |
           (options.real("momentum") > 0 ? OPTIMIZER_HAS_MOMENTUM : 0);
}

States rmsprop_states(const Attributes& options, float square) {
    States states{{"square", square}};
    if (options.boolean("centered")) states.push_back({"mean"});
    if (options.real("momentum") > 0) states.push_back({"momentum"});
    return states;
}

// u = sign(beta1 m + (1 - beta1) g); p -= rate u; m += (1 - beta2)(g - m). Chen et al., arXiv 2302.06675.
void lion_scalars(const Attributes& options, int64_t, double rate, Scalars& scalars) {
    scalars[OPTIMIZER_RATE] = scalars[OPTIMIZER_DECAY_RATE] = float(rate);
    scalars[OPTIMIZER_MOMENTUM] = float(options.real("beta1"));
    scalars[OPTIMIZER_GRADIENT] = float(1 - options.real("beta1"));
    scalars[OPTIMIZER_SQUARE] = float(1 - options.real("beta2"));
}

// ---- Adam and its relatives -----------------------------------------------------------------------------------------

// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon).
void adam_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    const double beta1 = options.real("beta1"), beta2 = options.real("beta2");
    scalars[OPTIMIZER_RATE] = float(rate / (1 - power(beta1, step)));
    scalars[OPTIMIZER_DECAY_RATE] = float(rate);
    scalars[OPTIMIZER_MOMENTUM] = float(beta1);
    scalars[OPTIMIZER_GRADIENT] = float(1 - beta1);
    scalars[OPTIMIZER_BETA2] = float(beta2);
    scalars[OPTIMIZER_SQUARE] = float(1 - beta2);
    scalars[OPTIMIZER_DENOMINATOR] = float(1 / std::sqrt(1 - power(beta2, step)));
    scalars[OPTIMIZER_EPSILON] = float(options.real("epsilon"));
}

States adam_states(const Attributes& options) {
    States states{{"mean"}, {"square"}};
    if (options.contains("amsgrad") && options.boolean("amsgrad")) states.push_back({"largest_square"});
    return states;
}

uint32_t amsgrad_flag(const Attributes& options) { return options.boolean("amsgrad") ? OPTIMIZER_LARGEST : 0; }
uint32_t decoupled_flag(const Attributes& options) {
    return options.boolean("decoupled_weight_decay") ? OPTIMIZER_DECOUPLED : 0;
}

// The product of NAdam's momenta mu_i = b1 (1 - 0.96^(i psi) / 2) up to t, from its logarithm:
//     log P_t = t log b1 - sum over k of 2^-k / k * (q^k + q^2k + … + q^tk)   with q = 0.96^psi.
double momentum_product(double beta1, double momentum_decay, int64_t step) {
    const double log_q = momentum_decay * std::log(0.96);
    double logarithm = double(step) * std::log(beta1);
    for (int k = 1; k <= 60; ++k) {
        const double exponent = double(k) * log_q;
        const double sum = log_q == 0 ? double(step)
                                      : std::exp(exponent) * std::expm1(double(step) * exponent) / std::expm1(exponent);
        logarithm -= std::ldexp(sum / double(k), -k);
    }
    return std::exp(logarithm);
}

// p -= rate ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) / (sqrt(v / (1 - b2^t)) + epsilon). Dozat 2016.
void nadam_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    adam_scalars(options, step, rate, scalars);
    const double beta1 = options.real("beta1"), decay = options.real("momentum_decay");
    const auto momentum = [&](int64_t t) { return beta1 * (1 - 0.5 * std::pow(0.96, double(t) * decay)); };
    const double product = beta1 > 0 ? momentum_product(beta1, decay, step) : 0.0;
    scalars[OPTIMIZER_RATE] = float(rate);
    scalars[OPTIMIZER_LOOK_AHEAD] = float((1 - momentum(step)) / (1 - product));
    scalars[OPTIMIZER_MEAN] = float(momentum(step + 1) / (1 - product * momentum(step + 1)));
}

enum class Unrectified { mean, still };

// Where rectified: p -= rate r m^ sqrt(1 - b2^t) / (sqrt(v) + epsilon). Below the threshold the step is rate m^, or none.
void rectified_scalars(const Attributes& options, int64_t step, double rate, bool rectified, Unrectified below,
                       Scalars& scalars) {
    adam_scalars(options, step, rate, scalars);
    const double beta2 = options.real("beta2"), corrected = rate / (1 - power(options.real("beta1"), step));
    if (rectified) {
        scalars[OPTIMIZER_RATE] = float(corrected * rectification(beta2, step).factor * std::sqrt(1 - power(beta2, step)));
        scalars[OPTIMIZER_DENOMINATOR] = 1;
    } else {
        scalars[OPTIMIZER_RATE] = below == Unrectified::still ? 0.0f : float(corrected);
        scalars[OPTIMIZER_DENOMINATOR] = 0;
        scalars[OPTIMIZER_EPSILON] = 1;
    }
}

void radam_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    const std::string& variant = options.choice("variant");
    const double rho = rectification(options.real("beta2"), step).rho;
    const bool rectified = variant == "paper" ? rho > 4 : variant == "pytorch" ? rho > 5 : rho >= 5;
    const bool still = variant == "authors" && !options.boolean("degenerated_to_sgd");
    rectified_scalars(options, step, rate, rectified, still ? Unrectified::still : Unrectified::mean, scalars);
    if (!rectified && still) scalars[OPTIMIZER_DECAY_RATE] = 0; // the authors decay only in steps that update
}

// Zhuang et al., arXiv 2010.07468, as timm has it: v = b2 v + (1 - b2)(g - m)^2 + epsilon, then Adam or RAdam (rho >= 5).
void adabelief_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    if (options.boolean("rectify"))
        rectified_scalars(options, step, rate, rectification(options.real("beta2"), step).rho >= 5,
                          options.boolean("degenerated_to_sgd") ? Unrectified::mean : Unrectified::still, scalars);
    else
        adam_scalars(options, step, rate, scalars);
    scalars[OPTIMIZER_STATE_EPSILON] = float(options.real("epsilon"));
}

// You et al., arXiv 1904.00962, in timm's form: u = m^ / (sqrt(v^) + epsilon) + decay p; p -= rate |p| / |u| u.
void lamb_scalars(const Attributes& options, int64_t step, double rate, Scalars& scalars) {
    adam_scalars(options, step, rate, scalars);
    const bool corrects = options.boolean("bias_correction");
    scalars[OPTIMIZER_RATE] = float(rate);
    if (!options.boolean("grad_averaging")) scalars[OPTIMIZER_GRADIENT] = 1;
    scalars[OPTIMIZER_MEAN] = corrects ? float(1 / (1 - power(options.real("beta1"), step))) : 1.0f;
    if (!corrects) scalars[OPTIMIZER_DENOMINATOR] = 1;
}

// ---- the table ------------------------------------------------------------------------------------------------------

// Small, but not 0: where a gradient is 0 nothing may be divided by 0.
constexpr double least_epsilon = 1e-30;

AttributeSpec rate_option(double fallback) {
    return real_attribute("rate", fallback, 0, 1e6, "The base learning rate, which the schedule multiplies.");
}
AttributeSpec fraction(const char* name, double fallback, const char* help) {
    return below(real_attribute(name, fallback, 0, 1, help));
}
AttributeSpec beta1(double fallback = 0.9) { return fraction("beta1", fallback, "Decay of the mean of gradients."); }
AttributeSpec beta2(double fallback = 0.999) { return fraction("beta2", fallback, "Decay of the mean of squares."); }
AttributeSpec epsilon_option(double fallback, const char* help = "Added to the denominator.") {
    return real_attribute("epsilon", fallback, least_epsilon, 1e3, help);
}
AttributeSpec coupled(double fallback) {
    return real_attribute("weight_decay", fallback, 0, 1e3, "L2 decay: this times the parameter is added to its gradient.");
}
AttributeSpec decoupled(double fallback) {
    return real_attribute("weight_decay", fallback, 0, 1e3,
                          "Decoupled decay: each step shrinks the parameter by rate times this.");
}
AttributeSpec decay_of_either_kind() {
    return real_attribute("weight_decay", 0, 0, 1e3, "L2 decay, or decoupled decay with decoupled_weight_decay.");
}
AttributeSpec decoupling(bool fallback = false) {
    return boolean_attribute("decoupled_weight_decay", fallback, "Shrink parameters instead of adding to gradients.");
}
AttributeSpec momentum_option() {
    return fraction("momentum", 0, "Decay of the buffer of gradients; 0: no buffer.");
}
AttributeSpec dampening() {
    return real_attribute("dampening", 0, 0, 1, "The buffer takes 1 - dampening of each gradient after the first.");
}
AttributeSpec nesterov() { return boolean_attribute("nesterov", false, "Step along gradient + momentum * buffer."); }
AttributeSpec amsgrad() {
    return boolean_attribute("amsgrad", false, "Divide by the largest mean of squares so far (arXiv 1904.09237).");
}
AttributeSpec always_adapt() {
    return boolean_attribute("always_adapt", false, "Scale also tensors that do not decay.");
}
AttributeSpec degenerated(bool fallback) {
    return boolean_attribute("degenerated_to_sgd", fallback, "Step along the mean before rectification.");
}

std::vector<OptimizerRule> make_rules() {
    const auto no_flags = [](const Attributes&) -> uint32_t { return 0; };
    const auto always_decoupled = [](const Attributes& options) -> uint32_t {
        return OPTIMIZER_DECOUPLED | (options.contains("amsgrad") ? amsgrad_flag(options) : 0);
    };
    std::vector<OptimizerRule> rules{
        {"sgd", "Stochastic gradient descent with momentum, dampening and Nesterov's form.",
         {rate_option(1e-3), momentum_option(), dampening(), nesterov(), coupled(0)},
         OPTIMIZER_SGD, sgd_flags, sgd_states, sgd_scalars},
        {"adagrad", "Rates fall with the sum of squared gradients (Duchi et al. 2011).",
         {rate_option(1e-2), real_attribute("rate_decay", 0, 0, 1e6, "The rate is divided by 1 + (t - 1) times this."),
          real_attribute("initial_accumulator", 0, 0, 1e6, "The sum's first value."), epsilon_option(1e-10), coupled(0)},
         OPTIMIZER_ADAGRAD, no_flags,
         [](const Attributes& options) { return States{{"sum", float(options.real("initial_accumulator"))}}; },
         adagrad_scalars},
        {"adadelta", "Steps as large as past steps (Zeiler, arXiv 1212.5701).",
         {rate_option(1), fraction("rho", 0.9, "Decay of both means of squares."),
          epsilon_option(1e-6, "Added to both means under their roots."), coupled(0)},
         OPTIMIZER_ADADELTA, no_flags, [](const Attributes&) { return States{{"square"}, {"squared_step"}}; },
         adadelta_scalars},
        {"rmsprop", "Gradients divided by the root of their mean square (Tieleman and Hinton 2012).",
         {rate_option(1e-2), fraction("alpha", 0.99, "Decay of the mean of squares."), epsilon_option(1e-8), momentum_option(),
          boolean_attribute("centered", false, "Divide by the deviation: the mean of gradients is taken off."), coupled(0)},
         OPTIMIZER_RMSPROP, rmsprop_flags, [](const Attributes& options) { return rmsprop_states(options, 0); },
         rmsprop_scalars},
        {"rmsprop_tf", "RMSprop as TensorFlow has it: MobileNetV2's recipe. Its mean of squares starts at 1.",
         {rate_option(1e-2), fraction("alpha", 0.9, "Decay of the mean of squares."),
          epsilon_option(1e-10, "Added to the mean of squares under the root; MobileNetV2's recipe has 1."), momentum_option(),
          boolean_attribute("centered", false, "Divide by the deviation: the mean of gradients is taken off."), coupled(0)},
         OPTIMIZER_RMSPROP, [](const Attributes& options) { return rmsprop_flags(options) | OPTIMIZER_TENSORFLOW; },
         [](const Attributes& options) { return rmsprop_states(options, 1); }, rmsprop_scalars},
        {"adam", "Adam (Kingma and Ba, arXiv 1412.6980) with L2 decay.",
         {rate_option(1e-3), beta1(), beta2(), epsilon_option(1e-8), coupled(0), amsgrad()},
         OPTIMIZER_ADAM, amsgrad_flag, adam_states, adam_scalars},
        {"adamw", "Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).",
         {rate_option(1e-3), beta1(), beta2(), epsilon_option(1e-8), decoupled(1e-2), amsgrad()},
         OPTIMIZER_ADAM, always_decoupled, adam_states, adam_scalars},
        {"nadam", "Adam with Nesterov's momentum (Dozat 2016).",
         {rate_option(2e-3), beta1(), beta2(), epsilon_option(1e-8),
          real_attribute("momentum_decay", 4e-3, 0, 1e3, "psi of the momentum's schedule."), decay_of_either_kind(),
          decoupling()},
         OPTIMIZER_ADAM, [](const Attributes& options) { return OPTIMIZER_NESTEROV | decoupled_flag(options); }, adam_states,
         nadam_scalars},
        {"radam", "Rectified Adam (Liu et al., arXiv 1908.03265): no warm-up needed.",
         {rate_option(1e-3), beta1(), beta2(), epsilon_option(1e-8), decay_of_either_kind(), decoupling(),
          choice_attribute("variant", "pytorch", {"pytorch", "paper", "authors"},
                           "Rectify where rho > 5, rho > 4, or rho >= 5 with no step before; authors: decay is decoupled."),
          degenerated(false)},
         OPTIMIZER_ADAM,
         [](const Attributes& options) -> uint32_t {
             return options.choice("variant") == "authors" ? OPTIMIZER_DECOUPLED : decoupled_flag(options);
         },
         adam_states, radam_scalars},
        {"adabelief", "Adam that divides by the deviation from the mean gradient (Zhuang et al., arXiv 2010.07468).",
         {rate_option(1e-3), beta1(), beta2(), epsilon_option(1e-16, "Added to the denominator and in each step to the state."),
          decay_of_either_kind(), decoupling(true),
          boolean_attribute("rectify", true, "As RAdam does, where rho >= 5."), degenerated(true)},
         OPTIMIZER_ADAM,
         [](const Attributes& options) { return OPTIMIZER_BELIEF | decoupled_flag(options); }, adam_states, adabelief_scalars},
        {"lars", "SGD with a rate for each tensor (You et al., arXiv 1708.03888).",
         {rate_option(1), momentum_option(), dampening(), nesterov(), coupled(0),
          real_attribute("trust_coefficient", 1e-3, 0, 1e3, "Of the ratio of norms."),
          epsilon_option(1e-8, "Added to the ratio's denominator."), always_adapt(),
          boolean_attribute("trust_clip", false, "No tensor's rate exceeds the rate itself (LARC).")},
         OPTIMIZER_SGD, [](const Attributes& options) { return sgd_flags(options) | layerwise_flags(options); }, sgd_states,
         lars_scalars},
        {"lamb", "Adam with a rate for each tensor (You et al., arXiv 1904.00962).",
         {rate_option(1e-3), beta1(), beta2(), epsilon_option(1e-6),
          real_attribute("weight_decay", 0.01, 0, 1e3, "Decay that joins the step before its ratio of norms."),
          real_attribute("largest_norm", 1, 0, 1e30, "Gradients are scaled down to this global norm; 0: never."),
          boolean_attribute("bias_correction", true, "Of both means, as Adam's."),
          boolean_attribute("grad_averaging", true, "The mean takes 1 - beta1 of a gradient; otherwise all of it."),
          always_adapt(), boolean_attribute("trust_clip", false, "The ratio of norms is at most 1.")},
         OPTIMIZER_ADAM, layerwise_flags, adam_states, lamb_scalars},
        {"lion", "Steps by signs alone (Chen et al., arXiv 2302.06675).",
         {rate_option(1e-4), beta1(), beta2(0.99), decoupled(0)},
         OPTIMIZER_LION, always_decoupled, [](const Attributes&) { return States{{"mean"}}; }, lion_scalars},
    };
    for (OptimizerRule& rule : rules) {
        rule.options.push_back(boolean_attribute("maximize", false, "Climb instead of descending."));
        rule.options.push_back(integer_attribute(
            "lookahead", 0, 0, 1000000, "Every so many steps go back to a slow average (arXiv 1907.08610; usual: 6); 0: never."));
        rule.options.push_back(real_attribute("lookahead_share", 0.5, 0, 1, "The share of the fast weights in that average."));
    }
    return rules;
}

} // namespace

std::span<const OptimizerRule> all_optimizers() {
    static const std::vector<OptimizerRule> rules = make_rules();
    return rules;
}

Rectification rectification(double beta2, int64_t step) {
    const double t = double(step), decayed = std::pow(beta2, t), infinity = 2 / (1 - beta2) - 1;
    Rectification result;
    result.rho = infinity - 2 * t * decayed / (1 - decayed);
    if (result.rho > 4)
        result.factor = std::sqrt((result.rho - 4) * (result.rho - 2) * infinity /
                                  ((infinity - 4) * (infinity - 2) * result.rho));
    return result;
}

} // namespace lemnos
