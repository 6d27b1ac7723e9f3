// The optimizers' step on the device against PyTorch itself (oracle/oracle.py) and, with all options and also where
// PyTorch has no such optimizer, against our own reference, which is checked by PyTorch and by published trajectories.
//
// Single steps from random state with random options are compared element by element, parameters and states:
//     |a - b| <= r |b| + 1e-7     r = 1e-5, of Adadelta and centred RMSprop, where differences cancel, 1e-4
// The absolute part is what rounding leaves of sums that cancel. For a state whose root mean square is below 0.1 it is
// as much smaller, or the squares of small gradients would all hide behind it.
#include "reference/optimizer.h"
#include "train/trajectories.h"
#include "train/update_run.h"
#include "unit/scratch.h"

#include <sys/wait.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>

namespace lemnos::test {

namespace {

using reference::OptimizerTensor;
using Arrays = std::vector<std::vector<double>>; // all tensors one after the other

static_assert(std::endian::native == std::endian::little); // of the oracle's file

const std::vector<int64_t> lengths{1003, 1};
constexpr size_t elements = 1004;
constexpr int64_t yes = 1, no = 0;

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

std::vector<std::string> state_names(const std::string& optimizer, const Attributes& options) {
    std::vector<std::string> names;
    for (const reference::OptimizerStateName& state : reference::optimizer_states(optimizer, options))
        names.push_back(state.name);
    return names;
}

double rms(const std::vector<double>& values) {
    const double sum = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
    return std::sqrt(sum / double(values.size()));
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
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

Stepped by_reference(const SingleStep& given) {
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

Stepped on_device(const SingleStep& given) {
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

bool cancels(const SingleStep& given) {
    return given.optimizer == "adadelta" || (given.options.contains("centered") && given.options.boolean("centered"));
}

// Adds a failure that names the worst element.
void expect_same(const SingleStep& given, const Stepped& actual, const Stepped& expected, double relative,
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

void expect_on_device(const SingleStep& given, const Stepped& expected, Tally& tally) {
    expect_same(given, on_device(given), expected, cancels(given) ? 1e-4 : 1e-5, tally);
}

// After many steps: no further from float64 than twice as far as another computation in float32, in the mean and in the
// worst element.
void expect_as_near(const std::string& what, const std::vector<double>& actual, const std::vector<double>& other,
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

std::vector<double> run_on_device(const std::string& optimizer, const Attributes& options, double rate,
                                  const std::vector<double>& start, const Arrays& gradients) {
    UpdateRun run(lengths, Optimizer(optimizer, options));
    run.set_parameters(start);
    for (const std::vector<double>& gradient : gradients) run.step(gradient, rate);
    return run.parameters();
}

// ---- PyTorch ------------------------------------------------------------------------------------------------------

// What the oracle wrote.
struct Oracle {
    struct Run {
        std::string optimizer;
        Attributes options;
        double rate = 0;
        std::vector<double> start, exact, float32;
    };
    std::string missing, broken; // why there is nothing
    std::vector<std::pair<SingleStep, Stepped>> steps;
    Arrays gradients;
    std::vector<Run> runs;
};

class OracleFile {
  public:
    explicit OracleFile(const std::string& path) : in_(path, std::ios::binary) {}

    bool next() { // record
        std::string line;
        if (!std::getline(in_, line)) return false;
        words_ = std::istringstream(line);
        return true;
    }
    template <typename T = std::string>
    T word() {
        T value{};
        require(bool(words_ >> value), "The oracle's file is malformed.");
        return value;
    }
    void expect(const std::string& wanted) { require(word() == wanted, "The oracle's file is malformed."); }
    Attributes options() {
        expect("options");
        Attributes options;
        for (int left = word<int>(); left > 0; --left) {
            const std::string name = word(), value = word();
            if (value.find_first_of(".e") == std::string::npos)
                options.set(name, int64_t(std::stoll(value)));
            else
                options.set(name, std::strtod(value.c_str(), nullptr));
        }
        return options;
    }
    std::vector<double> array() {
        std::vector<double> values(elements);
        in_.read(reinterpret_cast<char*>(values.data()), std::streamsize(elements * sizeof(double)));
        require(bool(in_), "The oracle's file is cut short.");
        return values;
    }
    Arrays arrays(size_t count) {
        Arrays all;
        for (size_t i = 0; i < count; ++i) all.push_back(array());
        return all;
    }

  private:
    std::ifstream in_;
    std::istringstream words_;
};

void read_oracle(const std::string& path, Oracle& oracle) {
    OracleFile file(path);
    while (file.next()) {
        const std::string kind = file.word();
        if (kind == "gradients") {
            oracle.gradients = file.arrays(file.word<size_t>());
        } else if (kind == "run") {
            Oracle::Run& run = oracle.runs.emplace_back();
            run.optimizer = file.word();
            file.expect("rate");
            run.rate = file.word<double>();
            run.options = file.options();
            run.start = file.array();
            run.exact = file.array();
            run.float32 = file.array();
        } else {
            auto& [given, expected] = oracle.steps.emplace_back();
            given.optimizer = file.word();
            file.expect("step");
            given.step = file.word<int64_t>();
            file.expect("rate");
            given.rate = file.word<double>();
            file.expect("factors");
            for (size_t i = 0; i < lengths.size(); ++i) {
                SegmentPolicy& policy = given.policies.emplace_back();
                policy.rate = file.word<double>();
                policy.decay = file.word<double>();
            }
            file.expect("states");
            const size_t states = file.word<size_t>();
            given.options = file.options();
            given.parameters = file.array();
            given.gradients = file.array();
            given.states = file.arrays(states);
            expected.parameters = file.array();
            expected.states = file.arrays(states);
        }
    }
}

// Runs the oracle once a process. LEMNOS_PYTHON names another interpreter than Debian's.
const Oracle& oracle(const std::string& seed) {
    static const Oracle result = [&seed] {
        Oracle oracle;
        const ScratchFolder folder;
        const char* chosen = std::getenv("LEMNOS_PYTHON");
        const std::string python = chosen && *chosen ? chosen : "/usr/bin/python3", file = folder.file("oracle");
        // -I: neither the user's packages nor environment variables choose another torch.
        const std::string command =
            text("'", python, "' -I '", LEMNOS_ORACLE, "' generate '", file, "' ", seed, " 2>&1");
        FILE* pipe = popen(command.c_str(), "r");
        if (!pipe) {
            oracle.broken = text("\"", command, "\" could not be run.");
            return oracle;
        }
        std::string said;
        for (int c; (c = std::fgetc(pipe)) != EOF;) said += char(c);
        const int status = pclose(pipe), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (code == 77 || code == 126 || code == 127) { // no torch, or no such interpreter
            oracle.missing = text("There is no PyTorch to compare with (Debian's package python3-torch): ", said);
        } else if (code != 0) {
            oracle.broken = text("\"", command, "\" ended with the status ", status, ": ", said);
        } else {
            std::cout << text("    the oracle is ", said);
            read_oracle(file, oracle);
        }
        return oracle;
    }();
    return result;
}

// A test that asks PyTorch. Where there is none it is skipped, or fails with LEMNOS_REQUIRE_ORACLES=1.
struct PyTorch : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        const std::string seed = random.seed_text();
        const Oracle& all = oracle(seed.substr(seed.find('=') + 1));
        ASSERT_EQ(all.broken, "");
        if (all.missing.empty()) return;
        const char* required = std::getenv("LEMNOS_REQUIRE_ORACLES");
        if (required && std::string(required) == "1") FAIL() << all.missing;
        GTEST_SKIP() << all.missing;
    }
    static const Oracle& answers() { return oracle(""); }
};

} // namespace

TEST_F(PyTorch, AgreesInSingleSteps) {
    ASSERT_EQ(answers().steps.size(), 1000u);
    Tally tally;
    for (const auto& [given, expected] : answers().steps) expect_on_device(given, expected, tally);
    tally.print("the tolerance");
}

TEST_F(PyTorch, IsNotTwiceAsNearToFloat64AfterAThousandSteps) {
    ASSERT_EQ(answers().gradients.size(), 1000u);
    ASSERT_EQ(answers().runs.size(), 16u);
    for (const Oracle::Run& run : answers().runs)
        expect_as_near(text(run.optimizer, describe_options(run.options)),
                       run_on_device(run.optimizer, run.options, run.rate, run.start, answers().gradients), run.float32,
                       run.exact);
}

// Both in double: nothing but the order of operations differs.
TEST_F(PyTorch, AgreesWithTheReference) {
    Tally tally;
    for (const auto& [given, expected] : answers().steps)
        expect_same(given, by_reference(given), expected, 1e-10, tally);
    tally.print("1e-10");
}

// ---- our own reference --------------------------------------------------------------------------------------------

namespace {

struct OptimizerReference : OpTest {
    double power_of_ten(double low, double high) { return std::pow(10, random.number(low, high)); }
    bool chance(double probability) { return random.number(0, 1) < probability; }
    // About normal: the sum of three uniform numbers, numbers of f32.
    std::vector<double> values(double scale) {
        std::vector<double> all(elements);
        for (double& value : all)
            value = double(float(scale * (random.number(-1, 1) + random.number(-1, 1) + random.number(-1, 1))));
        return all;
    }
    std::vector<double> squares(double scale, double least = 0.2) {
        std::vector<double> all = values(1);
        for (double& value : all) value = double(float(std::pow(scale * (least + std::abs(value)), 2)));
        return all;
    }

    // An option that nobody draws fails here, so that a new one is tested too.
    AttributeValue draw(const AttributeSpec& spec) {
        const std::string& name = spec.name;
        const bool usual = chance(0.8); // otherwise the option's edge
        if (spec.kind == AttributeKind::boolean) return int64_t(chance(0.5));
        if (spec.kind == AttributeKind::choice)
            return spec.choices[size_t(random.integer(0, int64_t(spec.choices.size()) - 1))];
        if (name == "rate") return spec.fallback; // a schedule's counts
        if (name == "momentum") return chance(0.6) ? random.number(0.05, 0.99) : 0.0;
        if (name == "dampening") return chance(0.5) ? random.number(0, 1) : 0.0;
        if (name == "weight_decay") return usual ? power_of_ten(-4, -1) : 0.0;
        if (name == "rate_decay") return usual ? power_of_ten(-5, -1) : 0.0;
        if (name == "initial_accumulator") return random.number(0, 1);
        if (name == "epsilon") return power_of_ten(-10, -2);
        if (name == "rho" || name == "alpha") return random.number(0.5, 0.999);
        if (name == "beta1") return usual ? random.number(0.3, 0.99) : 0.0;
        if (name == "beta2") return 1 - power_of_ten(-4, -0.3);
        if (name == "momentum_decay") return usual ? power_of_ten(-4, 0) : 0.0;
        if (name == "trust_coefficient") return power_of_ten(-4, -1);
        if (name == "largest_norm") return usual ? power_of_ten(-2, 2) : 0.0;
        if (name == "lookahead") return usual ? no : random.integer(1, 6);
        if (name == "lookahead_share") return random.number(0, 1);
        ADD_FAILURE() << "no test draws the option " << name;
        return spec.fallback;
    }

    SingleStep random_step(const OptimizerRule& rule, bool targets = false) {
        SingleStep given;
        given.optimizer = rule.name;
        const bool layerwise = given.optimizer == "lars" || given.optimizer == "lamb";
        for (const AttributeSpec& spec : rule.options) given.options.set(spec.name, draw(spec));
        if (given.options.contains("nesterov") && given.options.boolean("nesterov")) {
            if (given.options.real("momentum") == 0)
                given.options.set("nesterov", no);
            else
                given.options.set("dampening", 0.0);
        }
        given.step = int64_t(power_of_ten(0, 4));
        if (const int64_t every = given.options.integer("lookahead"); every > 0 && chance(0.7))
            given.step = (given.step + every - 1) / every * every; // one that synchronises
        given.rate = given.optimizer == "lars" ? power_of_ten(-1, 1.3) : power_of_ten(-4, 0);
        for (size_t i = 0; i < lengths.size(); ++i) {
            SegmentPolicy& policy = given.policies.emplace_back();
            policy.decay = chance(0.6) ? 1 : chance(0.5) ? 0 : random.number(0, 2);
            if (chance(0.3)) policy.rate = random.number(0.1, 2);
            if (targets) policy.target = random.number(-1, 1);
        }

        const double scale = power_of_ten(-3, -0.7); // of the gradient
        given.parameters = values(power_of_ten(-2, -0.2));
        given.gradients = values(scale);
        if (chance(0.1)) given.parameters.back() = 0; // the tensor of one
        if (chance(0.1)) given.gradients.back() = 0;
        const std::vector<std::string> names = state_names(given.optimizer, given.options);
        const bool rmsprop = given.optimizer.starts_with("rmsprop"),
                   centered = rmsprop && given.options.boolean("centered");
        // Steps of at most about 1 in a buffer that may cancel them.
        const bool tame = rmsprop && (centered || given.options.real("momentum") > 0);
        const auto state = [&](const char* name) -> std::vector<double>& {
            return given.states[size_t(std::find(names.begin(), names.end(), name) - names.begin())];
        };
        for (const std::string& name : names) {
            if (name == "mean")
                given.states.push_back(values(centered ? 0.5 * scale : scale));
            else if (name == "squared_step")
                given.states.push_back(squares(power_of_ten(-3, -1)));
            else if (name == "lookahead")
                given.states.push_back(values(0.5));
            else if (name != "momentum")
                given.states.push_back(tame ? squares(scale, 1) : squares(scale * power_of_ten(-1, 1)));
            else if (given.optimizer == "rmsprop")
                given.states.push_back(values(0.1)); // of gradients divided by their size
            else if (given.optimizer == "rmsprop_tf")
                given.states.push_back(values(0.03)); // and times the rate
            else
                given.states.push_back(values(layerwise ? 1e-2 * scale : scale));
        }
        for (size_t i = 0; i < elements; ++i) {
            // The mean of squares is mean^2 and a variance, not so small that it drowns in the rounding of the sum.
            if (centered) state("square")[i] = double(float(state("square")[i] + std::pow(state("mean")[i], 2)));
            if (given.optimizer != "lion") continue;
            // The sign of what is 0 but for rounding is anyone's.
            const double beta1 = given.options.real("beta1"), mean = state("mean")[i];
            if (std::abs(beta1 * mean + (1 - beta1) * given.gradients[i]) < 1e-4 * std::abs(mean))
                state("mean")[i] = -mean;
        }

        // Of larger steps the rounding alone is as large as the absolute tolerance.
        constexpr double largest_change = 0.25;
        for (int attempt = 0; attempt < 8; ++attempt) {
            SingleStep alone = given;
            alone.options.set("lookahead", no);
            alone.states.resize(state_names(alone.optimizer, alone.options).size());
            const double change = largest_difference(by_reference(alone).parameters, given.parameters);
            if (change <= largest_change) break;
            given.rate *= 0.9 * largest_change / change;
        }
        return given;
    }
};

} // namespace

// The table has 12 digits, so it rounds by up to 5e-12 of values from 1 to 10.
TEST_F(OptimizerReference, FollowsThePublishedTrajectories) {
    for (const Trajectory& expected : published_trajectories()) {
        SCOPED_TRACE(expected.name);
        const double rate = Optimizer(expected.optimizer, expected.options).rate();
        std::vector<OptimizerTensor<double>> tensors(1);
        tensors[0].parameters.assign(std::begin(trajectory_start), std::end(trajectory_start));
        size_t row = 0;
        for (int step = 1; step <= 10; ++step) {
            const double(&gradient)[4] = trajectory_gradients[(step - 1) % 4];
            tensors[0].gradients.assign(std::begin(gradient), std::end(gradient));
            reference::optimizer_step(expected.optimizer, expected.options, step, rate, tensors);
            if (trajectory_steps[row] != step) continue;
            for (size_t i = 0; i < 4; ++i) {
                const double wanted = expected.after[row][i];
                EXPECT_NEAR(tensors[0].parameters[i], wanted, 6e-12 * std::max(1.0, std::abs(wanted)))
                    << "step " << step << ", parameter " << i;
            }
            ++row;
        }
        EXPECT_EQ(row, 5u);
    }
}

// No trajectory of AdaBelief is published. With a constant gradient g its mean is g (1 - q^t), q = beta1, its deviation
// g q^t, and its state the sum over i <= t of beta2^(t - i) ((1 - beta2) g^2 q^2i + epsilon).
TEST_F(OptimizerReference, AdaBeliefHasAClosedForm) {
    const double g = -0.3, b1 = 0.8, b2 = 0.99, epsilon = 1e-4, rate = 0.01, decay = 0.1;
    for (int64_t rectify : {no, yes})
        for (int64_t degenerated : {no, yes}) {
            const Attributes options{{"beta1", b1},        {"beta2", b2},
                                     {"epsilon", epsilon}, {"weight_decay", decay},
                                     {"rectify", rectify}, {"degenerated_to_sgd", degenerated}};
            std::vector<OptimizerTensor<double>> tensors(1);
            tensors[0].parameters = {1};
            double wanted = 1;
            for (int t = 1; t <= 40; ++t) {
                tensors[0].gradients = {g};
                reference::optimizer_step("adabelief", options, t, rate, tensors);
                const double q = b1 * b1, mean = g * (1 - std::pow(b1, t)), bias2 = 1 - std::pow(b2, t);
                const double square =
                    (1 - b2) * g * g * q * (std::pow(q, t) - std::pow(b2, t)) / (q - b2) + epsilon * bias2 / (1 - b2);
                const Rectification rectified = rectification(b2, t);
                const double corrected = mean / (1 - std::pow(b1, t));
                wanted *= 1 - rate * decay;
                if (!rectify)
                    wanted -= rate * corrected / (std::sqrt(square / bias2) + epsilon);
                else if (rectified.rho >= 5)
                    wanted -= rate * rectified.factor * corrected * std::sqrt(bias2) / (std::sqrt(square) + epsilon);
                else if (degenerated)
                    wanted -= rate * corrected;
                EXPECT_NEAR(tensors[0].states.at("square")[0], square, 1e-12 * square) << t;
                EXPECT_NEAR(tensors[0].parameters[0], wanted, 1e-12) << t;
            }
        }
}

TEST_F(OptimizerReference, AgreesInSingleSteps) {
    constexpr int cases = 1000;
    Tally tally;
    const auto rules = all_optimizers();
    for (int i = 0; i < cases; ++i) {
        const SingleStep given = random_step(rules[size_t(i) % rules.size()]);
        std::vector<std::string> names;
        for (const OptimizerState& state : Optimizer(given.optimizer, given.options).states())
            names.push_back(state.name);
        if (given.options.integer("lookahead") > 0) names.push_back("lookahead");
        ASSERT_EQ(names, state_names(given.optimizer, given.options)) << given.describe();
        expect_on_device(given, by_reference(given), tally);
    }
    tally.print("the tolerance");
}

// Decay that pulls towards another number than 0. What lies between the tensors has no part in it.
TEST_F(OptimizerReference, AgreesInSingleStepsTowardsTargets) {
    Tally tally;
    for (int i = 0; i < 10; ++i)
        for (const OptimizerRule& rule : all_optimizers()) {
            const SingleStep given = random_step(rule, true);
            expect_on_device(given, by_reference(given), tally);
        }
    tally.print("the tolerance");
}

// A tensor that does not decay is stepped at the rate itself, though it be above 1, as timm has it.
TEST_F(OptimizerReference, LarsClipsOnlyWhereItAdapts) {
    SingleStep given{.optimizer = "lars",
                     .options = {{"trust_clip", yes}, {"weight_decay", 0.01}},
                     .rate = 4,
                     .policies = {{}, {.decay = 0}},
                     .parameters = values(0.1),
                     .gradients = values(0.01),
                     .states = {}};
    Tally tally;
    for (bool adapts : {false, true}) {
        given.options.set("always_adapt", int64_t(adapts));
        expect_on_device(given, by_reference(given), tally);
    }
}

// What PyTorch 1.13 lacks.
TEST_F(OptimizerReference, InFloatIsNotTwiceAsNearToDoubleAfterAThousandSteps) {
    struct Run {
        const char* optimizer;
        double rate;
        Attributes options;
    };
    const std::vector<Run> runs{
        {"lars", 1, {{"momentum", 0.9}, {"weight_decay", 1e-3}, {"trust_coefficient", 1e-2}}},
        {"lars",
         0.02,
         {{"momentum", 0.9},
          {"nesterov", yes},
          {"weight_decay", 1e-3},
          {"trust_clip", yes},
          {"trust_coefficient", 0.1}}},
        {"lars", 1, {{"momentum", 0.8}, {"dampening", 0.3}, {"always_adapt", yes}}},
        {"lamb", 1e-3, {}},
        {"lamb", 1e-3, {{"bias_correction", no}, {"grad_averaging", no}, {"trust_clip", yes}, {"largest_norm", 0.1}}},
        {"lion", 1e-3, {{"weight_decay", 0.1}}},
        {"adabelief", 1e-3, {{"weight_decay", 1e-2}}},
        {"adabelief",
         1e-3,
         {{"rectify", no}, {"weight_decay", 1e-3}, {"decoupled_weight_decay", no}, {"epsilon", 1e-8}}},
        {"adabelief", 1e-3, {{"degenerated_to_sgd", no}}},
        {"rmsprop_tf", 1e-3, {{"momentum", 0.9}, {"epsilon", 1.0}, {"weight_decay", 4e-5}}},
        {"rmsprop_tf", 1e-3, {{"centered", yes}, {"momentum", 0.9}, {"epsilon", 1e-3}}},
        {"radam", 1e-3, {{"weight_decay", 1e-2}, {"decoupled_weight_decay", yes}, {"maximize", yes}}},
        {"radam", 1e-3, {{"weight_decay", 1e-2}, {"variant", std::string("paper")}}},
        {"radam", 1e-3, {{"weight_decay", 1e-2}, {"variant", std::string("authors")}}},
        {"nadam", 1e-3, {{"weight_decay", 1e-2}, {"decoupled_weight_decay", yes}, {"maximize", yes}}},
        {"adam", 1e-3, {{"lookahead", int64_t(6)}}},
    };
    // Each element has a scale of its own. Lion's see no gradient near 0 and turn only now and then: where rounding
    // decides a sign, one computation in float32 says little of another.
    std::vector<double> scales(elements), signs(elements);
    for (size_t i = 0; i < elements; ++i) {
        scales[i] = std::ldexp(1.0, -int(random.integer(2, 10)));
        signs[i] = chance(0.5) ? 1 : -1;
    }
    Arrays gradients, one_sided;
    for (int step = 0; step < 1000; ++step) {
        gradients.push_back(values(1));
        one_sided.push_back(gradients.back());
        for (size_t i = 0; i < elements; ++i) {
            gradients.back()[i] *= scales[i];
            one_sided.back()[i] = double(float(scales[i] * signs[i] * (0.5 + std::abs(one_sided.back()[i])))) *
                                  (step / 300 % 2 == 0 ? 1 : -1);
        }
    }
    for (const Run& run : runs) {
        const Arrays& given = std::string(run.optimizer) == "lion" ? one_sided : gradients;
        const std::vector<double> start = values(1);
        std::vector<OptimizerTensor<double>> exact = tensors_of<double>(start);
        std::vector<OptimizerTensor<float>> rounded = tensors_of<float>(start);
        for (size_t step = 0; step < given.size(); ++step) {
            set_gradients(exact, given[step]);
            set_gradients(rounded, given[step]);
            reference::optimizer_step(run.optimizer, run.options, int64_t(step) + 1, run.rate, exact);
            reference::optimizer_step(run.optimizer, run.options, int64_t(step) + 1, run.rate, rounded);
        }
        expect_as_near(text(run.optimizer, describe_options(run.options)),
                       run_on_device(run.optimizer, run.options, run.rate, start, given), parameters_of(rounded),
                       parameters_of(exact));
    }
}

} // namespace lemnos::test
