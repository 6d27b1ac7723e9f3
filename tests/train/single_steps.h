// Single steps of optimizers, and long runs, on the device and by our own reference in double, and how they are compared.
//
// Single steps from random state with random options are compared element by element, parameters and states:
//     |a - b| <= r |b| + 1e-7     r = 1e-5, of Adadelta and centred RMSprop, where differences cancel, 1e-4
// The absolute part is what rounding leaves of sums that cancel. For a state whose root mean square is below 0.1 it is
// as much smaller, or the squares of small gradients would all hide behind it.
#pragma once

#include "reference/optimizer.h"
#include "train/update_run.h"

#include <cmath>
#include <iostream>
#include <numeric>

namespace lemnos::test {

using reference::OptimizerTensor;
using Arrays = std::vector<std::vector<double>>; // all tensors one after the other

inline const std::vector<int64_t> lengths{1003, 1};
inline constexpr size_t elements = 1004;

struct SingleStep {
    std::string optimizer;
    Attributes options;
    int64_t step = 1;
    double rate = 0;
    std::vector<SegmentPolicy> policies; // one a tensor
    std::vector<double> parameters, gradients;
    Arrays states; // in the engine's order

    std::string describe() const {
        std::string words = text(optimizer, describe_options(options), ", step ", step, ", rate ", rate);
        for (size_t i = 0; i < policies.size(); ++i)
            words += text(", tensor ", i, " rate * ", policies[i].rate, " decay * ", policies[i].decay, " to ",
                          policies[i].target);
        return words;
    }
};

// Parameters and states after a step.
struct Stepped {
    std::vector<double> parameters;
    Arrays states;
};

inline std::vector<std::string> state_names(const std::string& optimizer, const Attributes& options) {
    std::vector<std::string> names;
    for (const reference::OptimizerStateName& state : reference::optimizer_states(optimizer, options))
        names.push_back(state.name);
    return names;
}

inline double rms(const std::vector<double>& values) {
    const double sum = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
    return std::sqrt(sum / double(values.size()));
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

// ---- the two sides ------------------------------------------------------------------------------------------------

template <typename Number>
std::vector<OptimizerTensor<Number>> tensors_of(const std::vector<double>& parameters) {
    std::vector<OptimizerTensor<Number>> tensors;
    auto from = parameters.begin();
    for (int64_t length : lengths) {
        tensors.emplace_back().parameters.assign(from, from + length);
        from += length;
    }
    return tensors;
}

template <typename Number>
void set_gradients(std::vector<OptimizerTensor<Number>>& tensors, const std::vector<double>& gradients) {
    auto from = gradients.begin();
    for (OptimizerTensor<Number>& tensor : tensors) {
        tensor.gradients.assign(from, from + int64_t(tensor.parameters.size()));
        from += int64_t(tensor.parameters.size());
    }
}

template <typename Number>
std::vector<double> parameters_of(const std::vector<OptimizerTensor<Number>>& tensors) {
    std::vector<double> all;
    for (const OptimizerTensor<Number>& tensor : tensors)
        all.insert(all.end(), tensor.parameters.begin(), tensor.parameters.end());
    return all;
}

inline Stepped by_reference(const SingleStep& given) {
    std::vector<OptimizerTensor<double>> tensors = tensors_of<double>(given.parameters);
    set_gradients(tensors, given.gradients);
    const std::vector<std::string> names = state_names(given.optimizer, given.options);
    size_t at = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const size_t count = tensors[i].parameters.size();
        for (size_t k = 0; k < names.size(); ++k)
            tensors[i].states[names[k]].assign(given.states[k].begin() + int64_t(at),
                                               given.states[k].begin() + int64_t(at + count));
        tensors[i].rate = given.policies[i].rate;
        tensors[i].decay = given.policies[i].decay;
        tensors[i].target = given.policies[i].target;
        at += count;
    }
    reference::optimizer_step(given.optimizer, given.options, given.step, given.rate, tensors);
    Stepped result{parameters_of(tensors), Arrays(names.size())};
    for (const OptimizerTensor<double>& tensor : tensors)
        for (size_t k = 0; k < names.size(); ++k) {
            const std::vector<double>& state = tensor.states.at(names[k]);
            result.states[k].insert(result.states[k].end(), state.begin(), state.end());
        }
    return result;
}

inline Stepped on_device(const SingleStep& given) {
    UpdateRun run(lengths, Optimizer(given.optimizer, given.options), {}, given.policies);
    EXPECT_EQ(run.states(), given.states.size());
    for (size_t k = 0; k < given.states.size(); ++k) run.write(run.state(k), given.states[k]);
    run.set_parameters(given.parameters);
    run.set_steps(given.step - 1);
    run.step(given.gradients, given.rate);
    Stepped result{run.parameters(), {}};
    for (size_t k = 0; k < given.states.size(); ++k) result.states.push_back(run.read(run.state(k)));
    EXPECT_TRUE(run.padding_is_zero());
    return result;
}

// ---- comparison ---------------------------------------------------------------------------------------------------

// The largest errors of each optimizer, in units of what is allowed.
class Tally {
  public:
    void add(const std::string& optimizer, double excess) {
        Entry& entry = entries_[optimizer];
        ++entry.cases;
        entry.worst = std::max(entry.worst, excess);
    }
    void print(const char* unit) const {
        for (const auto& [name, entry] : entries_)
            std::cout << text("    ", name, ": ", entry.cases, " cases, worst error ", entry.worst, " of ", unit, "\n");
    }

  private:
    struct Entry {
        int cases = 0;
        double worst = 0;
    };
    std::map<std::string, Entry> entries_;
};

inline bool cancels(const SingleStep& given) {
    return given.optimizer == "adadelta" || (given.options.contains("centered") && given.options.boolean("centered"));
}

// Adds a failure that names the worst element.
inline void expect_same(const SingleStep& given, const Stepped& actual, const Stepped& expected, double relative,
                 Tally& tally) {
    const std::vector<std::string> names = state_names(given.optimizer, given.options);
    ASSERT_EQ(actual.states.size(), names.size()) << given.describe();
    ASSERT_EQ(expected.states.size(), names.size()) << given.describe();
    double worst = 0;
    std::string sentence;
    for (size_t k = 0; k <= names.size(); ++k) {
        const std::vector<double>& a = k == 0 ? actual.parameters : actual.states[k - 1];
        const std::vector<double>& b = k == 0 ? expected.parameters : expected.states[k - 1];
        ASSERT_EQ(a.size(), elements);
        ASSERT_EQ(b.size(), elements);
        const bool weights = k == 0 || names[k - 1] == "lookahead";
        const double absolute = std::min(1e-2 * relative, 1e-7) * (weights ? 1.0 : std::min(1.0, 10 * rms(b)));
        for (size_t i = 0; i < elements; ++i) {
            const bool finite = std::isfinite(a[i]) && std::isfinite(b[i]);
            const double difference = std::abs(a[i] - b[i]);
            const double excess = !finite           ? HUGE_VAL
                                  : difference == 0 ? 0
                                                    : difference / (relative * std::abs(b[i]) + absolute);
            if (excess <= worst) continue;
            worst = excess;
            std::ostringstream words;
            words.precision(10);
            words << (k == 0 ? "the parameter" : "the state " + names[k - 1]) << " of element " << i << " is " << a[i]
                  << ", expected " << b[i] << " (" << excess << " times the tolerance); it had the parameter "
                  << given.parameters[i] << " and the gradient " << given.gradients[i];
            for (size_t s = 0; s < names.size(); ++s) words << " and " << names[s] << " " << given.states[s][i];
            sentence = words.str();
        }
    }
    tally.add(given.optimizer, worst);
    EXPECT_LE(worst, 1) << given.describe() << ":\n" << sentence;
}

inline void expect_on_device(const SingleStep& given, const Stepped& expected, Tally& tally) {
    expect_same(given, on_device(given), expected, cancels(given) ? 1e-4 : 1e-5, tally);
}

// After many steps: no further from float64 than twice as far as another computation in float32, in the mean and in the
// worst element.
inline void expect_as_near(const std::string& what, const std::vector<double>& actual, const std::vector<double>& other,
                    const std::vector<double>& exact) {
    std::vector<double> mine(elements), others(elements);
    for (size_t i = 0; i < elements; ++i) {
        ASSERT_TRUE(std::isfinite(actual[i])) << what;
        mine[i] = actual[i] - exact[i];
        others[i] = other[i] - exact[i];
    }
    const std::vector<double> zero(elements);
    const double worst = largest_difference(mine, zero), worst_other = largest_difference(others, zero);
    std::cout << text("    ", what, ": rms error ", rms(mine), ", the other float32's ", rms(others), "; largest ",
                      worst, ", ", worst_other, "\n");
    EXPECT_LE(rms(mine), 2 * rms(others)) << what;
    EXPECT_LE(worst, 2 * worst_other) << what;
}

inline std::vector<double> run_on_device(const std::string& optimizer, const Attributes& options, double rate,
                                  const std::vector<double>& start, const Arrays& gradients) {
    UpdateRun run(lengths, Optimizer(optimizer, options));
    run.set_parameters(start);
    for (const std::vector<double>& gradient : gradients) run.step(gradient, rate);
    return run.parameters();
}

} // namespace lemnos::test
