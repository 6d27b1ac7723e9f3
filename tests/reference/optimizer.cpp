#include "reference/optimizer.h"

#include <algorithm>
#include <cmath>

namespace lemnos::reference {

namespace {

// Options with a default at each place of use.
class Options {
  public:
    explicit Options(const Attributes& given) : given_(given.all()) {}
    double real(const char* name, double fallback) const {
        const auto found = given_.find(name);
        if (found == given_.end()) return fallback;
        if (const int64_t* whole = std::get_if<int64_t>(&found->second)) return double(*whole);
        return std::get<double>(found->second);
    }
    bool flag(const char* name, bool fallback = false) const { return real(name, fallback) != 0; }
    std::string word(const char* name, const char* fallback) const {
        const auto found = given_.find(name);
        return found == given_.end() ? fallback : std::get<std::string>(found->second);
    }

  private:
    const Attributes::Values& given_;
};

template <typename Number>
double norm(const std::vector<Number>& values) {
    double sum = 0;
    for (Number value : values) sum += double(value) * double(value);
    return std::sqrt(sum);
}

// One step of one tensor. Scalars are computed in double, elements in Number.
template <typename Number>
class Step {
  public:
    using Values = std::vector<Number>;

    Step(const Options& options, int64_t step, double rate, OptimizerTensor<Number>& tensor, double weight_decay,
         double gradient_factor)
        : options_(options), t_(double(step)), rate_(rate * tensor.rate), decay_(weight_decay * tensor.decay),
          tensor_(tensor), p_(tensor.parameters), g_(tensor.gradients) {
        for (Number& g : g_) g *= Number(gradient_factor);
    }

    void run(const std::string& name) {
        if (name == "sgd")
            sgd();
        else if (name == "adagrad")
            adagrad();
        else if (name == "adadelta")
            adadelta();
        else if (name == "rmsprop")
            rmsprop();
        else if (name == "rmsprop_tf")
            rmsprop_tf();
        else if (name == "adam")
            adam(false);
        else if (name == "adamw")
            adam(true);
        else if (name == "nadam")
            nadam();
        else if (name == "radam")
            radam();
        else if (name == "adabelief")
            adabelief();
        else if (name == "lars")
            lars();
        else if (name == "lamb")
            lamb();
        else if (name == "lion")
            lion();
        else
            fail(ErrorCode::not_found, "There is no reference of the optimizer \"", name, "\".");
    }

  private:
    Values& state(const char* name) { return tensor_.states.at(name); }

    // g + decay * p
    void add_decay() {
        for (size_t i = 0; i < p_.size(); ++i) g_[i] += Number(decay_) * (p_[i] - Number(tensor_.target));
    }
    // p - rate * decay * p
    void shrink() {
        for (Number& p : p_) p -= Number(rate_ * decay_) * (p - Number(tensor_.target));
    }
    void add_or_shrink(bool decoupled) {
        if (decoupled)
            shrink();
        else
            add_decay();
    }

    // The first buffer is the gradient itself, whatever the dampening.
    void momentum_step() {
        const double mu = options_.real("momentum", 0), dampening = options_.real("dampening", 0);
        if (mu == 0) {
            for (size_t i = 0; i < p_.size(); ++i) p_[i] -= Number(rate_) * g_[i];
            return;
        }
        Values& b = state("momentum");
        for (size_t i = 0; i < p_.size(); ++i) {
            b[i] = t_ == 1 ? g_[i] : Number(mu) * b[i] + Number(1 - dampening) * g_[i];
            const Number direction = options_.flag("nesterov") ? g_[i] + Number(mu) * b[i] : b[i];
            p_[i] -= Number(rate_) * direction;
        }
    }

    void sgd() {
        add_decay();
        momentum_step();
    }

    void lars() {
        if (decay_ != 0 || options_.flag("always_adapt")) {
            const double w = norm(p_), g = norm(g_);
            double ratio =
                options_.real("trust_coefficient", 1e-3) * w / (g + decay_ * w + options_.real("epsilon", 1e-8));
            if (w == 0 || g == 0) ratio = 1;
            if (options_.flag("trust_clip")) ratio = std::min(ratio / rate_, 1.0);
            add_decay();
            for (Number& value : g_) value *= Number(ratio);
        }
        momentum_step();
    }

    void adagrad() {
        add_decay();
        const double rate = rate_ / (1 + (t_ - 1) * options_.real("rate_decay", 0));
        const double epsilon = options_.real("epsilon", 1e-10);
        Values& s = state("sum");
        for (size_t i = 0; i < p_.size(); ++i) {
            s[i] += g_[i] * g_[i];
            p_[i] -= Number(rate) * g_[i] / (std::sqrt(s[i]) + Number(epsilon));
        }
    }

    void adadelta() {
        add_decay();
        const double rho = options_.real("rho", 0.9), epsilon = options_.real("epsilon", 1e-6);
        Values &s = state("square"), &a = state("squared_step");
        for (size_t i = 0; i < p_.size(); ++i) {
            s[i] = Number(rho) * s[i] + Number(1 - rho) * g_[i] * g_[i];
            const Number step = std::sqrt(a[i] + Number(epsilon)) / std::sqrt(s[i] + Number(epsilon)) * g_[i];
            a[i] = Number(rho) * a[i] + Number(1 - rho) * step * step;
            p_[i] -= Number(rate_) * step;
        }
    }

    void rmsprop() {
        add_decay();
        const double alpha = options_.real("alpha", 0.99), epsilon = options_.real("epsilon", 1e-8);
        const double mu = options_.real("momentum", 0);
        Values& v = state("square");
        for (size_t i = 0; i < p_.size(); ++i) {
            v[i] = Number(alpha) * v[i] + Number(1 - alpha) * g_[i] * g_[i];
            const Number step = g_[i] / (std::sqrt(centered(v[i], alpha, i)) + Number(epsilon));
            Number direction = step;
            if (mu > 0) direction = state("momentum")[i] = Number(mu) * state("momentum")[i] + step;
            p_[i] -= Number(rate_) * direction;
        }
    }

    void rmsprop_tf() {
        add_decay();
        const double alpha = options_.real("alpha", 0.9), epsilon = options_.real("epsilon", 1e-10);
        const double mu = options_.real("momentum", 0);
        Values& v = state("square");
        for (size_t i = 0; i < p_.size(); ++i) {
            v[i] += Number(1 - alpha) * (g_[i] * g_[i] - v[i]);
            Number step = Number(rate_) * g_[i] / std::sqrt(centered(v[i], alpha, i) + Number(epsilon));
            if (mu > 0) step = state("momentum")[i] = Number(mu) * state("momentum")[i] + step;
            p_[i] -= step;
        }
    }

    // Of the mean of squares, what remains without the square of the mean.
    Number centered(Number v, double alpha, size_t i) {
        if (!options_.flag("centered")) return v;
        Number& mean = state("mean")[i];
        mean += Number(1 - alpha) * (g_[i] - mean);
        return v - mean * mean;
    }

    // ---- Adam and its relatives ---------------------------------------------------------------------------------

    double beta1() const { return options_.real("beta1", 0.9); }
    double beta2() const { return options_.real("beta2", 0.999); }
    double bias1() const { return 1 - std::pow(beta1(), t_); }
    double bias2() const { return 1 - std::pow(beta2(), t_); }
    // The length of the approximated moving average and the factor of the step (arXiv 1908.03265, algorithm 2).
    double rho_infinity() const { return 2 / (1 - beta2()) - 1; }
    double rho() const { return rho_infinity() - 2 * t_ * std::pow(beta2(), t_) / bias2(); }
    double rectification() const {
        const double r = rho(), all = rho_infinity();
        return std::sqrt((r - 4) * (r - 2) * all / ((all - 4) * (all - 2) * r));
    }

    void moments() {
        Values &m = state("mean"), &v = state("square");
        for (size_t i = 0; i < p_.size(); ++i) {
            m[i] += Number(1 - beta1()) * (g_[i] - m[i]);
            v[i] = Number(beta2()) * v[i] + Number(1 - beta2()) * g_[i] * g_[i];
        }
    }

    // p -= rate * m / (1 - beta1^t) / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
    void adam_step(const Values& v, double epsilon) {
        const Values& m = state("mean");
        for (size_t i = 0; i < p_.size(); ++i)
            p_[i] -= Number(rate_ / bias1()) * m[i] / (std::sqrt(v[i]) / Number(std::sqrt(bias2())) + Number(epsilon));
    }

    void rectified_step(double epsilon) {
        const Values &m = state("mean"), &v = state("square");
        const double rate = rate_ / bias1() * std::sqrt(bias2()) * rectification();
        for (size_t i = 0; i < p_.size(); ++i) p_[i] -= Number(rate) * m[i] / (std::sqrt(v[i]) + Number(epsilon));
    }

    void mean_step() {
        const Values& m = state("mean");
        for (size_t i = 0; i < p_.size(); ++i) p_[i] -= Number(rate_ / bias1()) * m[i];
    }

    void adam(bool decoupled) {
        if (decoupled)
            shrink();
        else
            add_decay();
        moments();
        if (options_.flag("amsgrad")) {
            Values &largest = state("largest_square"), &v = state("square");
            for (size_t i = 0; i < p_.size(); ++i) largest[i] = std::max(largest[i], v[i]);
            adam_step(largest, options_.real("epsilon", 1e-8));
        } else {
            adam_step(state("square"), options_.real("epsilon", 1e-8));
        }
    }

    void nadam() {
        add_or_shrink(options_.flag("decoupled_weight_decay"));
        moments();
        const double psi = options_.real("momentum_decay", 4e-3);
        const auto mu = [&](double t) { return beta1() * (1 - 0.5 * std::pow(0.96, t * psi)); };
        double product = 1;
        for (double t = 1; t <= t_; ++t) product *= mu(t);
        const double of_gradient = rate_ * (1 - mu(t_)) / (1 - product);
        const double of_mean = rate_ * mu(t_ + 1) / (1 - product * mu(t_ + 1));
        const Values &m = state("mean"), &v = state("square");
        const Number epsilon = Number(options_.real("epsilon", 1e-8));
        for (size_t i = 0; i < p_.size(); ++i) {
            const Number d = std::sqrt(v[i]) / Number(std::sqrt(bias2())) + epsilon;
            p_[i] -= Number(of_gradient) * g_[i] / d;
            p_[i] -= Number(of_mean) * m[i] / d;
        }
    }

    void radam() {
        const std::string variant = options_.word("variant", "pytorch");
        const double epsilon = options_.real("epsilon", 1e-8);
        if (variant == "authors") {
            const bool rectifies = rho() >= 5;
            // They decay only in steps that update.
            if (rectifies || options_.flag("degenerated_to_sgd")) shrink();
            moments();
            if (rectifies)
                rectified_step(epsilon);
            else if (options_.flag("degenerated_to_sgd"))
                mean_step();
            return;
        }
        add_or_shrink(options_.flag("decoupled_weight_decay"));
        moments();
        if (rho() > (variant == "paper" ? 4 : 5))
            rectified_step(epsilon);
        else
            mean_step();
    }

    void adabelief() {
        const double epsilon = options_.real("epsilon", 1e-16);
        add_or_shrink(options_.flag("decoupled_weight_decay", true));
        Values &m = state("mean"), &s = state("square");
        for (size_t i = 0; i < p_.size(); ++i) {
            m[i] += Number(1 - beta1()) * (g_[i] - m[i]);
            const Number deviation = g_[i] - m[i];
            s[i] = Number(beta2()) * s[i] + Number(1 - beta2()) * deviation * deviation + Number(epsilon);
        }
        if (!options_.flag("rectify", true))
            adam_step(s, epsilon);
        else if (rho() >= 5)
            rectified_step(epsilon);
        else if (options_.flag("degenerated_to_sgd", true))
            mean_step();
    }

    void lamb() {
        const bool corrects = options_.flag("bias_correction", true);
        const double b1 = beta1(), b2 = beta2(), epsilon = options_.real("epsilon", 1e-6);
        const double share = options_.flag("grad_averaging", true) ? 1 - b1 : 1;
        const double c1 = corrects ? bias1() : 1, c2 = corrects ? bias2() : 1;
        Values &m = state("mean"), &v = state("square"), u(p_.size());
        for (size_t i = 0; i < p_.size(); ++i) {
            m[i] = Number(b1) * m[i] + Number(share) * g_[i];
            v[i] = Number(b2) * v[i] + Number(1 - b2) * g_[i] * g_[i];
            u[i] = m[i] / Number(c1) / (std::sqrt(v[i]) / Number(std::sqrt(c2)) + Number(epsilon)) +
                   Number(decay_) * (p_[i] - Number(tensor_.target));
        }
        double ratio = 1;
        if (decay_ != 0 || options_.flag("always_adapt")) {
            const double w = norm(p_), of_step = norm(u);
            if (w > 0 && of_step > 0) ratio = w / of_step;
            if (options_.flag("trust_clip")) ratio = std::min(ratio, 1.0);
        }
        for (size_t i = 0; i < p_.size(); ++i) p_[i] -= Number(rate_ * ratio) * u[i];
    }

    void lion() {
        const double b1 = beta1(), b2 = options_.real("beta2", 0.99);
        shrink();
        Values& m = state("mean");
        for (size_t i = 0; i < p_.size(); ++i) {
            const Number c = Number(b1) * m[i] + Number(1 - b1) * g_[i];
            if (c != 0) p_[i] -= std::copysign(Number(rate_), c);
            m[i] += Number(1 - b2) * (g_[i] - m[i]);
        }
    }

    const Options& options_;
    double t_, rate_, decay_;
    OptimizerTensor<Number>& tensor_;
    Values &p_, g_; // the gradient is a copy
};

double default_decay(const std::string& name) { return name == "adamw" || name == "lamb" ? 1e-2 : 0; }

} // namespace

std::vector<OptimizerStateName> optimizer_states(const std::string& optimizer, const Attributes& given) {
    const Options options(given);
    std::vector<OptimizerStateName> states;
    if (optimizer == "adagrad") {
        states = {{"sum", options.real("initial_accumulator", 0)}};
    } else if (optimizer == "adadelta") {
        states = {{"square"}, {"squared_step"}};
    } else if (optimizer == "rmsprop" || optimizer == "rmsprop_tf") {
        states = {{"square", optimizer == "rmsprop_tf" ? 1.0 : 0.0}};
        if (options.flag("centered")) states.push_back({"mean"});
    } else if (optimizer == "lion") {
        states = {{"mean"}};
    } else if (optimizer != "sgd" && optimizer != "lars") {
        states = {{"mean"}, {"square"}};
        if (options.flag("amsgrad")) states.push_back({"largest_square"});
    }
    if (options.real("momentum", 0) > 0) states.push_back({"momentum"});
    if (options.real("lookahead", 0) > 0) states.push_back({"lookahead"});
    return states;
}

template <typename Number>
void optimizer_step(const std::string& optimizer, const Attributes& given, int64_t step, double rate,
                    std::vector<OptimizerTensor<Number>>& tensors) {
    const Options options(given);
    double factor = options.flag("maximize") ? -1 : 1;
    // LAMB first scales the gradient of all tensors down to a norm.
    if (const double largest = options.real("largest_norm", 1); optimizer == "lamb" && largest > 0) {
        double sum = 0;
        for (const OptimizerTensor<Number>& tensor : tensors) sum += std::pow(norm(tensor.gradients), 2);
        factor /= std::max(1.0, std::sqrt(sum) / largest);
    }
    const int64_t every = int64_t(options.real("lookahead", 0));
    for (OptimizerTensor<Number>& tensor : tensors) {
        for (const OptimizerStateName& state : optimizer_states(optimizer, given))
            tensor.states.try_emplace(state.name, tensor.parameters.size(), Number(state.initial));
        Step<Number>(options, step, rate, tensor, options.real("weight_decay", default_decay(optimizer)), factor)
            .run(optimizer);
        if (every == 0 || step % every != 0) continue;
        // Lookahead: the slow weights begin as the fast ones at the first synchronisation.
        std::vector<Number>& slow = tensor.states.at("lookahead");
        for (size_t i = 0; i < slow.size(); ++i) {
            Number& p = tensor.parameters[i];
            slow[i] = step == every ? p : slow[i] + Number(options.real("lookahead_share", 0.5)) * (p - slow[i]);
            p = slow[i];
        }
    }
}

template void optimizer_step(const std::string&, const Attributes&, int64_t, double,
                             std::vector<OptimizerTensor<double>>&);
template void optimizer_step(const std::string&, const Attributes&, int64_t, double,
                             std::vector<OptimizerTensor<float>>&);

} // namespace lemnos::reference
