// The optimizers' step on the device against our own reference, with all options and also where PyTorch has no such
// optimizer. The reference itself is checked by PyTorch (pytorch_test.cpp) and by published trajectories.
#include "train/single_steps.h"
#include "train/trajectories.h"

namespace lemnos::test {

namespace {

constexpr int64_t yes = 1, no = 0;

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
