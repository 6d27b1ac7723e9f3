// The optimizers' step on the device against published trajectories, against their invariants, and what surrounds it:
// clipping, loss scaling, averages, gradients that are no numbers.
#include "train/trajectories.h"
#include "train/update_run.h"
#include "unit/scratch.h"

#include <cmath>
#include <limits>
#include <random>

namespace lemnos::test {

struct Optimizers : OpTest {};

static std::vector<double> random_values(size_t count, uint32_t seed, double deviation = 1) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal(0, deviation);
    std::vector<double> values(count);
    for (double& value : values) value = double(float(normal(engine)));
    return values;
}

static double norm(const std::vector<double>& values) {
    double sum = 0;
    for (double value : values) sum += value * value;
    return std::sqrt(sum);
}

TEST_F(Optimizers, FollowThePublishedTrajectories) {
    for (const Trajectory& expected : published_trajectories()) {
        SCOPED_TRACE(expected.name);
        const std::string optimizer = expected.optimizer;
        // Where a difference of squares cancels, rounding weighs more.
        const bool cancels = optimizer == "adadelta" || expected.options.contains("centered");
        UpdateRun run({4}, Optimizer(optimizer, expected.options));
        run.set_parameters({std::begin(trajectory_start), std::end(trajectory_start)});
        size_t row = 0;
        for (int step = 1; step <= 10; ++step) {
            const double(&gradient)[4] = trajectory_gradients[(step - 1) % 4];
            run.step({std::begin(gradient), std::end(gradient)});
            if (trajectory_steps[row] != step) continue;
            const std::vector<double> values = run.parameters();
            for (size_t i = 0; i < 4; ++i) {
                const double wanted = expected.after[row][i];
                EXPECT_NEAR(values[i], wanted, (cancels ? 1e-4 : 1e-5) * std::abs(wanted) + 1e-7)
                    << "step " << step << ", parameter " << i;
            }
            ++row;
        }
        EXPECT_EQ(row, 5u);
        EXPECT_TRUE(run.padding_is_zero());
    }
}

// The same numbers from one tensor, from many, and where one binding covers only a part of the arena.
TEST_F(Optimizers, DoNotMindHowTheArenaIsCut) {
    const std::vector<int64_t> lengths{1, 63, 64, 65, 4097, 1, 12000, 5};
    size_t count = 0;
    for (int64_t length : lengths) count += size_t(length);
    for (const OptimizerRule& rule : all_optimizers()) {
        SCOPED_TRACE(rule.name);
        std::vector<std::vector<double>> results;
        for (int64_t range : {0, 16384}) {
            UpdateRun run(lengths, Optimizer(rule.name, {{"weight_decay", 0.01}}), {}, {}, range ? device(range) : device());
            run.set_parameters(random_values(count, 1));
            for (uint32_t step = 0; step < 4; ++step) run.step(random_values(count, 10 + step));
            results.push_back(run.parameters());
            EXPECT_TRUE(run.padding_is_zero());
        }
        EXPECT_EQ(results[0], results[1]);
        if (std::string(rule.name) == "lars" || std::string(rule.name) == "lamb") continue; // they mind tensors
        UpdateRun whole({int64_t(count)}, Optimizer(rule.name, {{"weight_decay", 0.01}}));
        whole.set_parameters(random_values(count, 1));
        for (uint32_t step = 0; step < 4; ++step) whole.step(random_values(count, 10 + step));
        EXPECT_EQ(results[0], whole.parameters());
    }
}

// ---- invariants -----------------------------------------------------------------------------------------------------

TEST_F(Optimizers, LionMovesExactlyByTheRate) {
    UpdateRun run({1003}, Optimizer("lion", {{"rate", 0.0009765625}})); // a power of two: exact sums
    const std::vector<double> before(1003, 0.5);
    run.set_parameters(before);
    run.step(random_values(1003, 3));
    for (double value : run.parameters()) EXPECT_EQ(std::abs(value - 0.5), 0.0009765625);
    UpdateRun still({8}, Optimizer("lion", {}));
    still.set_parameters(std::vector<double>(8, 0.25));
    still.step(std::vector<double>(8, 0.0));
    for (double value : still.parameters()) EXPECT_EQ(value, 0.25) << "the sign of 0 is 0";
}

TEST_F(Optimizers, LambMovesEachTensorByTheRateTimesItsNorm) {
    const std::vector<int64_t> lengths{1000, 3, 250};
    UpdateRun run(lengths, Optimizer("lamb", {{"rate", 0.01}}));
    const std::vector<double> before = random_values(1253, 5);
    run.set_parameters(before);
    run.step(random_values(1253, 6));
    const std::vector<double> after = run.parameters();
    size_t at = 0;
    for (int64_t length : lengths) {
        std::vector<double> moved, was;
        for (int64_t i = 0; i < length; ++i, ++at) {
            moved.push_back(after[at] - before[at]);
            was.push_back(before[at]);
        }
        EXPECT_NEAR(norm(moved) / norm(was), 0.01, 1e-6) << length;
    }
}

TEST_F(Optimizers, LarsMindsNoScaleOfTheGradient) {
    std::vector<std::vector<double>> results;
    for (double scale : {1.0, 1024.0}) {
        UpdateRun run({100, 20}, Optimizer("lars", {{"momentum", 0.9}, {"epsilon", 1e-30}, {"always_adapt", int64_t(1)}}));
        run.set_parameters(random_values(120, 1));
        for (uint32_t step = 0; step < 5; ++step) {
            std::vector<double> gradient = random_values(120, 20 + step);
            for (double& value : gradient) value *= scale;
            run.step(gradient);
        }
        results.push_back(run.parameters());
    }
    for (size_t i = 0; i < results[0].size(); ++i) EXPECT_NEAR(results[0][i], results[1][i], 1e-6 * std::abs(results[0][i]));
}

// Below the threshold RAdam's steps scale with the gradient, above it they do not.
TEST_F(Optimizers, RAdamScalesWithTheGradientUntilItRectifies) {
    const auto steps = [](double scale) {
        UpdateRun run({50}, Optimizer("radam", {{"epsilon", 1e-30}, {"rate", 1.0}}));
        std::vector<std::vector<double>> moved;
        for (uint32_t step = 0; step < 8; ++step) {
            run.set_parameters(std::vector<double>(50, 0.0));
            std::vector<double> gradient = random_values(50, 30 + step);
            for (double& value : gradient) value *= scale;
            run.step(gradient);
            moved.push_back(run.parameters());
        }
        return moved;
    };
    const auto one = steps(1), large = steps(64);
    for (size_t step = 0; step < 8; ++step)
        for (size_t i = 0; i < 50; ++i)
            EXPECT_NEAR(large[step][i], one[step][i] * (step < 5 ? 64 : 1), 1e-4 * std::abs(large[step][i])) << "step " << step + 1;
}

TEST_F(Optimizers, AdamWWithoutGradientOnlyShrinks) {
    UpdateRun run({4}, Optimizer("adamw", {}));
    run.set_parameters({3, -2, 1e-3, 0});
    double expected = 1;
    for (int step = 0; step < 10; ++step, expected *= 1 - 1e-3 * 1e-2) run.step({0, 0, 0, 0});
    const std::vector<double> after = run.parameters(), before{3, -2, 1e-3, 0};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(after[i], before[i] * expected, 1e-6 * std::abs(before[i]));
}

TEST_F(Optimizers, LargestSquareNeverFalls) {
    UpdateRun run({64}, Optimizer("adam", {{"amsgrad", int64_t(1)}, {"beta2", 0.9}}));
    std::vector<double> before(64, 0.0);
    for (uint32_t step = 0; step < 10; ++step) {
        run.step(random_values(64, 50 + step, step < 3 ? 10 : 0.1));
        const std::vector<double> now = run.read(run.state(2));
        for (size_t i = 0; i < 64; ++i) EXPECT_GE(now[i], before[i]);
        before = now;
    }
}

TEST_F(Optimizers, MaximizeIsTheNegativeGradient) {
    for (const OptimizerRule& rule : all_optimizers()) {
        SCOPED_TRACE(rule.name);
        UpdateRun up({10}, Optimizer(rule.name, {{"maximize", int64_t(1)}})), down({10}, Optimizer(rule.name, {}));
        for (UpdateRun* run : {&up, &down}) run->set_parameters(random_values(10, 1));
        for (uint32_t step = 0; step < 7; ++step) {
            std::vector<double> gradient = random_values(10, step);
            up.step(gradient);
            for (double& value : gradient) value = -value;
            down.step(gradient);
        }
        EXPECT_EQ(up.parameters(), down.parameters());
    }
}

// ---- around the step ------------------------------------------------------------------------------------------------

TEST_F(Optimizers, PoliciesScaleRateAndDecayOfSegments) {
    UpdateRun run({10, 10, 10}, Optimizer("sgd", {{"rate", 0.5}, {"weight_decay", 0.25}}), {},
                  {{}, {.decay = 0, .rate = 0.5}, {.decay = 2, .rate = 0, .target = 1}});
    run.set_parameters(std::vector<double>(30, 2.0));
    run.step(std::vector<double>(30, 1.0));
    const std::vector<double> after = run.parameters();
    EXPECT_EQ(after[0], 2 - 0.5 * (1 + 0.25 * 2));
    EXPECT_EQ(after[10], 2 - 0.25);
    EXPECT_EQ(after[20], 2);
    UpdateRun towards({10}, Optimizer("sgd", {{"rate", 0.5}, {"weight_decay", 0.25}}), {}, {{.target = 1}});
    towards.set_parameters(std::vector<double>(10, 2.0));
    towards.step(std::vector<double>(10, 0.0));
    EXPECT_EQ(towards.parameters()[0], 2 - 0.5 * 0.25 * (2 - 1)) << "decay pulls towards 1";
}

TEST_F(Optimizers, ClipTheNormAndTheValue) {
    const std::vector<double> gradient = random_values(300, 9, 3);
    UpdateRun clipped({200, 100}, Optimizer("sgd", {{"rate", 1.0}}), {.clip_norm = 2}), far({200, 100}, Optimizer("sgd", {{"rate", 1.0}}), {.clip_norm = 1e9});
    clipped.step(gradient);
    far.step(gradient);
    const std::vector<double> moved = clipped.parameters(), free = far.parameters();
    EXPECT_NEAR(norm(moved), 2, 1e-5);
    for (size_t i = 0; i < 300; ++i) {
        EXPECT_NEAR(moved[i], -gradient[i] * 2 / (norm(gradient) + 1e-6), 1e-6);
        EXPECT_EQ(free[i], -gradient[i]);
    }
    clipped.update().collect(true);
    ASSERT_EQ(clipped.reports.size(), 1u);
    EXPECT_NEAR(clipped.reports[0].gradient_norm, norm(gradient), 1e-4);

    UpdateRun limited({300}, Optimizer("sgd", {{"rate", 1.0}}), {.clip_value = 0.5});
    limited.step(gradient);
    const std::vector<double> values = limited.parameters();
    for (size_t i = 0; i < 300; ++i) EXPECT_EQ(values[i], -std::clamp(gradient[i], -0.5, 0.5));
}

TEST_F(Optimizers, LookaheadGoesBackEverySixSteps) {
    UpdateRun run({5}, Optimizer("sgd", {{"rate", 0.125}, {"lookahead", int64_t(3)}}));
    double fast = 1, slow = 0;
    run.set_parameters(std::vector<double>(5, fast));
    for (int step = 1; step <= 12; ++step) {
        run.step(std::vector<double>(5, double(step)));
        fast -= 0.125 * step;
        if (step == 3) slow = fast;
        else if (step % 3 == 0) fast = slow += 0.5 * (fast - slow);
        for (double value : run.parameters()) EXPECT_NEAR(value, fast, 1e-6) << step;
    }
}

TEST_F(Optimizers, AverageFollowsTheWeights) {
    UpdateRun run({5}, Optimizer("sgd", {{"rate", 1.0}}), {.average = 0.5});
    run.set_parameters(std::vector<double>(5, 4.0));
    double weight = 4, average = 0;
    for (int step = 1; step <= 30; ++step) {
        run.step(std::vector<double>(5, 0.25));
        weight -= 0.25;
        average += (1 - std::min(0.5, double(step - 1) / (step + 9))) * (weight - average);
        for (double value : run.read(*run.update().average())) EXPECT_NEAR(value, average, 1e-5) << step;
    }
}

static constexpr double infinity = std::numeric_limits<double>::infinity(), not_a_number = std::numeric_limits<double>::quiet_NaN();

TEST_F(Optimizers, AGradientThatIsNoNumberChangesNothingAndIsNamed) {
    for (double bad : {infinity, -infinity, not_a_number}) {
        UpdateRun run({7, 5000, 9}, Optimizer("adam", {{"lookahead", int64_t(1)}}), {.average = 0.9});
        const std::vector<double> start = random_values(5016, 1);
        run.set_parameters(start);
        run.step(random_values(5016, 2));
        const std::vector<double> before = run.parameters(), mean = run.read(run.state(0)), average = run.read(*run.update().average());
        std::vector<double> gradient = random_values(5016, 3);
        gradient[7 + 4321] = bad;
        run.step(gradient);
        EXPECT_EQ(run.parameters(), before);
        EXPECT_EQ(run.read(run.state(0)), mean);
        EXPECT_EQ(run.read(*run.update().average()), average);
        try {
            run.update().collect(true);
            FAIL() << "The step should have been refused.";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_state);
            EXPECT_NE(std::string(error.what()).find("A gradient of step 1 is not finite, first that of 1: "), std::string::npos)
                << error.what();
        }
    }
}

// The device skips, halves the scale and counts; bias corrections count the steps that were taken, though the host wrote
// their scalars before it knew.
TEST_F(Optimizers, LossScalingSkipsCountsAndForgets) {
    const UpdateOptions options{.loss_scaling = true, .loss_scale = 1024, .loss_scale_interval = 3};
    UpdateRun scaled({40}, Optimizer("adam", {}), options), plain({40}, Optimizer("adam", {}));
    for (UpdateRun* run : {&scaled, &plain}) run->set_parameters(random_values(40, 1));
    double scale = 1024;
    int good = 0, skips = 0;
    for (uint32_t step = 0; step < 14; ++step) {
        const bool bad = step == 1 || step == 2 || step == 3 || step == 9;
        std::vector<double> gradient = random_values(40, 60 + step);
        if (!bad) plain.step(gradient);
        for (double& value : gradient) value *= scale;
        if (bad) gradient[step] = step == 9 ? infinity : not_a_number;
        scaled.step(gradient);
        if (bad) {
            scale *= 0.5, good = 0, ++skips;
        } else if (++good == 3) {
            scale *= 2, good = 0;
        }
    }
    scaled.update().collect(true);
    ASSERT_EQ(scaled.reports.size(), 14u);
    EXPECT_EQ(scaled.reports.back().skipped_steps, skips);
    EXPECT_TRUE(scaled.reports[9].skipped && !scaled.reports[8].skipped);
    EXPECT_EQ(scaled.update().control_state()[CONTROL_SCALE], float(scale));
    EXPECT_EQ(scaled.parameters(), plain.parameters());
}

TEST_F(Optimizers, LossScalingGivesUpOnADivergedTraining) {
    UpdateRun run({4}, Optimizer("sgd", {}), {.loss_scaling = true, .loss_scale = 1});
    const auto diverge = [&] {
        for (int step = 0; step < 40; ++step) run.step({not_a_number, 0, 0, 0});
        run.update().collect(true);
    };
    EXPECT_THROW(diverge(), Error);
}

// ---- host ----------------------------------------------------------------------------------------------------------

TEST(Rectification, FollowsTheTable) {
    const double rho[] = {1, 1.99949974985, 2.99866599978, 3.99749874985, 4.9959980004, 5.99416375166};
    for (int64_t t = 1; t <= 6; ++t) EXPECT_NEAR(rectification(.999, t).rho, rho[t - 1], 1e-10) << t;
    EXPECT_NEAR(rectification(.999, 5).factor, .0173115031663, 1e-11);
    EXPECT_NEAR(rectification(.999, 6).factor, .0258211128019, 1e-11);
    EXPECT_NEAR(rectification(.999, 1000).factor, .645325652338, 1e-11);
    EXPECT_NEAR(rectification(.999, 10000).rho, 1998.09649227, 1e-7);
    for (int64_t t = 1; t < 1000; ++t) EXPECT_LE(rectification(.6, t).rho, 4) << "never rectified, step " << t;
    // Naive f32 reads 4.018 here, above the paper's threshold.
    EXPECT_LT(rectification(.9995, 4).rho, 4);
}

static std::string refusal_of(const char* name, Attributes options) {
    try {
        Optimizer(name, std::move(options));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(OptimizerNames, RefuseWithASentence) {
    EXPECT_EQ(refusal_of("radamm", {}), "There is no optimizer \"radamm\". Did you mean \"radam\"?");
    EXPECT_EQ(refusal_of("adam", {{"beta1", 1.5}}), "Optimizer adam: the attribute beta1 (1.5) is outside its range (0 to below 1).");
    EXPECT_EQ(refusal_of("adam", {{"bata1", .5}}), "Optimizer adam has no attribute \"bata1\". Did you mean \"beta1\"?");
    EXPECT_EQ(refusal_of("sgd", {{"nesterov", int64_t(1)}}),
              "Nesterov's momentum needs a momentum (0) above 0 and a dampening (0) of 0.");
    EXPECT_EQ(refusal_of("sgd", {{"rate", -1.0}}), "Optimizer sgd: the attribute rate (-1) is outside its range (0 to 1000000).");
    EXPECT_EQ(refusal_of("lion", {{"beta2", 1.0}}), "Optimizer lion: the attribute beta2 (1) is outside its range (0 to below 1).");
    for (const OptimizerRule& rule : all_optimizers())
        for (const AttributeSpec& spec : rule.options) EXPECT_FALSE(spec.help.empty()) << rule.name << " " << spec.name;
}

} // namespace lemnos::test
