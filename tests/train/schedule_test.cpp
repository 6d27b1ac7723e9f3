// Learning-rate schedules against closed forms and torch.optim.lr_scheduler.OneCycleLR.
#include "train/schedule.h"

#include <cmath>
#include <gtest/gtest.h>

namespace lemnos {

static double factor(const Schedule& schedule, int64_t step, int64_t steps, int64_t per_epoch = 10) {
    return schedule.factor({step, steps, double(step) / double(per_epoch), double(steps) / double(per_epoch)});
}

TEST(Schedules, ConstantStepExponential) {
    EXPECT_EQ(factor(Schedule("constant", {}), 7, 10), 1.0);
    const Schedule step("step", {{"gamma", 0.2}, {"epochs", 2.0}});
    EXPECT_DOUBLE_EQ(factor(step, 19, 100), 1.0);
    EXPECT_DOUBLE_EQ(factor(step, 20, 100), 0.2);
    EXPECT_DOUBLE_EQ(factor(step, 99, 100), std::pow(0.2, 4));
    EXPECT_DOUBLE_EQ(factor(Schedule("exponential", {{"gamma", 0.5}}), 15, 100), std::pow(0.5, 1.5));
    EXPECT_DOUBLE_EQ(factor(Schedule("exponential", {{"gamma", 0.5}, {"staircase", int64_t(1)}}), 15, 100), 0.5);
}

TEST(Schedules, CosineEndsWhereItShould) {
    const Schedule cosine("cosine", {{"end", 0.1}});
    EXPECT_DOUBLE_EQ(factor(cosine, 0, 101), 1.0);
    EXPECT_DOUBLE_EQ(factor(cosine, 50, 101), 0.55);
    EXPECT_DOUBLE_EQ(factor(cosine, 100, 101), 0.1);
}

// OneCycleLR(max_lr=1, total_steps=10): rates of its steps, printed by PyTorch.
TEST(Schedules, OneCycleIsPyTorchs) {
    const double expected[] = {0.04, 0.52, 1.0, 0.950484632, 0.811745654, 0.611262022,
                               0.388741978, 0.188258346, 0.049519368, 4e-6};
    const Schedule one_cycle("one_cycle", {});
    for (int64_t step = 0; step < 10; ++step) EXPECT_NEAR(factor(one_cycle, step, 10), expected[step], 1e-8) << step;
}

TEST(Schedules, WarmUpRisesLinearlyAndTheRuleFollows) {
    const Schedule steps("constant", {{"warmup", int64_t(4)}}), fraction("cosine", {{"warmup", 0.25}});
    for (int64_t step = 0; step < 4; ++step) EXPECT_DOUBLE_EQ(factor(steps, step, 20), double(step + 1) / 5);
    EXPECT_DOUBLE_EQ(factor(steps, 4, 20), 1.0);
    EXPECT_LT(factor(fraction, 4, 20), 1.0);
    EXPECT_DOUBLE_EQ(factor(fraction, 5, 20), 1.0);
    EXPECT_NEAR(factor(fraction, 19, 20), 0.0, 1e-15);
    EXPECT_DOUBLE_EQ(factor(Schedule("one_cycle", {{"warmup", 10.0}}), 9, 10), 10.0 / 11 * factor(Schedule("one_cycle", {}), 0, 1));
    EXPECT_THROW(factor(Schedule("constant", {{"warmup", 11.0}}), 9, 10), Error);
}

TEST(Schedules, RefuseWithASentence) {
    const auto refusal = [](const char* name, Attributes options) -> std::string {
        try {
            Schedule(name, std::move(options));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(refusal("cosin", {}), "There is no schedule \"cosin\". Did you mean \"cosine\"?");
    EXPECT_EQ(refusal("step", {{"gamma", 2.0}}), "Schedule step: the attribute gamma (2) is outside its range (0 to 1).");
    EXPECT_THROW(factor(Schedule("constant", {}), 10, 10), Error);
}

} // namespace lemnos
