// Schedules of the batch against the figures of Smith et al. (arXiv 1711.00489): the ladder of the noise, the numbers of
// updates in three conventions, the rule of the cap, the rows for ImageNet; and chains of schedules.
#include "train/training_plan.h"

#include <cmath>
#include <gtest/gtest.h>

namespace lemnos {

namespace {

struct Planned {
    const char* name;
    const char* schedule;
    Attributes options;
    std::vector<int64_t> batches;
    std::vector<double> rates;
    UpdateCounts updates;
};

TrainingPlan plan(const char* schedule, Attributes options, int64_t examples = 50000, int64_t epochs = 200, int64_t batch = 128,
                  double rate = 0.1, double momentum = 0.9, int64_t micro_batch = 128) {
    return {Schedule(schedule, std::move(options)), Optimizer("sgd", {{"rate", rate}, {"momentum", momentum}}),
            {examples, epochs, batch, micro_batch}, Tail::drop};
}

std::string refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST(BatchSchedules, ReproduceTheSevenOfThePaper) {
    const std::vector<double> milestones{60, 120, 160};
    const Planned expected[] = {
        {"5.1 decaying", "decay_rate", {}, {128, 128, 128, 128}, {.1, .02, .004, .0008}, {78125, 78000, 78200}},
        {"5.1 hybrid", "hybrid", {}, {128, 640, 640, 640}, {.1, .1, .02, .004}, {34375, 34320, 34520}},
        {"5.1 increasing", "grow_batch", {{"largest_batch", int64_t(50048)}}, {128, 640, 3200, 16000}, {.1, .1, .1, .1},
         {28875, 28800, 29000}},
        {"5.2 original", "decay_rate", {}, {128, 128, 128, 128}, {.1, .02, .004, .0008}, {78125, 78000, 78200}},
        {"5.2 increasing", "grow_batch", {{"largest_batch", int64_t(5120)}}, {128, 640, 3200, 5120}, {.1, .1, .1, .032},
         {29140.625, 29040, 29240}},
        {"5.2 initial rate", "increase_rate", {{"largest_batch", int64_t(5120)}}, {640, 3200, 5120, 5120}, {.5, .5, .16, .032},
         {6406.25, 6300, 6500}},
        {"5.2 momentum", "increase_momentum", {{"largest_batch", int64_t(5120)}}, {3200, 5120, 5120, 5120}, {.5, .16, .032, .0064},
         {2304.6875, 2160, 2360}},
    };
    const double ladder[] = {390.625, 78.125, 15.625, 3.125};
    for (const Planned& row : expected) {
        SCOPED_TRACE(row.name);
        for (bool fractions : {false, true}) {
            Attributes options = row.options;
            if (!fractions) options.set("milestones", milestones); // the default says the same in fractions
            const TrainingPlan planned = plan(row.schedule, options);
            ASSERT_EQ(planned.phases().size(), 4u);
            for (size_t i = 0; i < 4; ++i) {
                const TrainingPhase& phase = planned.phases()[i];
                EXPECT_EQ(phase.batch, row.batches[i]);
                EXPECT_NEAR(phase.rate, row.rates[i], 1e-12);
                EXPECT_NEAR(phase.approximate_noise, ladder[i], 1e-9);
                EXPECT_EQ(phase.first_epoch, i == 0 ? 0 : int64_t(milestones[i - 1]));
                EXPECT_NEAR(planned.rate(phase.first_step), row.rates[i], 1e-12);
            }
            EXPECT_NEAR(planned.updates().exact, row.updates.exact, 1e-9);
            EXPECT_EQ(planned.updates().dropped, row.updates.dropped);
            EXPECT_EQ(planned.updates().included, row.updates.included);
        }
    }
    EXPECT_EQ(plan("increase_momentum", {{"largest_batch", int64_t(5120)}}).momentum(), 0.98);
}

TEST(BatchSchedules, GiveTheExactNoise) {
    const struct { double rate, momentum; int64_t batch; double noise; } rows[] = {
        {.1, .9, 128, 389.625}, {.1, .9, 640, 77.125}, {.1, .9, 3200, 14.625},
        {.1, .9, 16000, 2.125}, {.032, .9, 5120, 2.805}, {.5, .98, 3200, 365.625}};
    for (const auto& row : rows) EXPECT_NEAR(noise_scale(row.rate, row.momentum, 50000, row.batch), row.noise, 1e-9);
}

// N = 1,281,167, 90 epochs, the noise divided by 10 at 30, 60 and 80.
TEST(BatchSchedules, ReproduceTheRowsOfImageNet) {
    const Attributes tens{{"milestones", std::vector<double>{30, 60, 80}}, {"factor", 10.0}};
    const auto imagenet = [&](const char* schedule, Attributes options, int64_t batch, double momentum) {
        for (const auto& [name, value] : tens.all()) options.set(name, value);
        return plan(schedule, options, 1281167, 90, batch, 3, momentum, 64);
    };
    EXPECT_EQ(imagenet("decay_rate", {}, 8192, .9).steps(), 14040);
    EXPECT_EQ(imagenet("grow_batch", {{"largest_batch", int64_t(81920)}}, 8192, .9).steps(), 5580);
    const struct { double momentum; int64_t batch, steps; } rows[] = {{.9, 8192, 5820}, {.95, 16384, 3480}, {.975, 32768, 2310}};
    for (const auto& row : rows) {
        const TrainingPlan planned = imagenet("grow_batch", {{"largest_batch", int64_t(65536)}}, row.batch, row.momentum);
        EXPECT_EQ(planned.steps(), row.steps) << row.momentum;
        EXPECT_NEAR(planned.phases()[0].approximate_noise, 3.0 * 1281167 / (8192 * 0.1), 1e-6);
    }
}

TEST(BatchSchedules, DecayTheRateBeyondATenthOfTheData) {
    const TrainingPlan planned = plan("grow_batch", {}); // a tenth is 5000: 39 micro-batches
    EXPECT_EQ(planned.phases()[3].batch, 4992);
    const double ladder[] = {390.625, 78.125, 15.625, 3.125};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(planned.phases()[i].approximate_noise, ladder[i], 1e-9);
    // A factor that batches of whole micro-batches cannot follow: the rate makes up for it.
    const TrainingPlan uneven = plan("grow_batch", {{"factor", 2.5}});
    EXPECT_EQ(uneven.phases()[1].batch, 256);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(uneven.phases()[i].approximate_noise, 390.625 / std::pow(2.5, double(i)), 1e-9);
}

TEST(BatchSchedules, RefuseWithASentence) {
    EXPECT_EQ(refusal([] { plan("grow_batch", {}, 50000, 200, 100); }), "The micro-batch (128) does not divide the batch (100).");
    EXPECT_EQ(refusal([] { plan("grow_batch", {{"largest_batch", int64_t(5000)}}); }),
              "The micro-batch (128) does not divide the largest batch (5000).");
    EXPECT_EQ(refusal([] { plan("grow_batch", {{"largest_batch", int64_t(128)}}, 50000, 200, 640); }),
              "The largest batch (128) is below the first (640).");
    EXPECT_EQ(refusal([] { plan("grow_batch", {{"factor", 0.2}}, 50000, 200, 256); }),
              "The schedule shrinks the batch from 256 to 51 in epoch 60, below one micro-batch (128).");
    EXPECT_EQ(refusal([] { plan("hybrid", {}, 300, 200, 512); }), "The batch (512) is larger than the data set (300 images).");
    EXPECT_EQ(refusal([] { plan("decay_rate", {{"milestones", std::vector<double>{60, 20}}}); }),
              "The milestones of a schedule must rise (epoch 20 follows epoch 60).");
    EXPECT_EQ(refusal([] { plan("increase_momentum", {}, 50000, 200, 128, .1, 0); }),
              "A schedule that raises the momentum needs an optimizer that has one (its momentum is 0).");
    EXPECT_EQ(refusal([] { plan("constant", {{"warmup", 1e6}}).rate(0); }),
              "The warm-up (1e+06 steps) is longer than the training (78000 steps).");
}

// ---- the rate -------------------------------------------------------------------------------------------------------

static double factor(const char* schedule, Attributes options, int64_t step, int64_t steps = 100, int64_t per_epoch = 10) {
    return Schedule(schedule, std::move(options))
        .factor({step, steps, double(step) / double(per_epoch), double(steps) / double(per_epoch)});
}

TEST(RateSchedules, MultiStepPolynomialAndRestarts) {
    const Attributes two{{"milestones", std::vector<double>{2, 5}}, {"gamma", 0.5}};
    EXPECT_EQ(factor("multi_step", two, 19), 1);
    EXPECT_EQ(factor("multi_step", two, 20), 0.5);
    EXPECT_EQ(factor("multi_step", two, 50), 0.25);
    EXPECT_DOUBLE_EQ(factor("polynomial", {{"power", 2.0}, {"end", 0.2}}, 50, 101), 0.2 + 0.8 * 0.25);
    // CosineAnnealingWarmRestarts(T_0=2, T_mult=2): periods begin at epochs 0, 2, 6.
    const Attributes restarts{{"restart_epochs", 2.0}, {"restart_growth", 2.0}};
    for (int64_t step : {0, 20, 60}) EXPECT_DOUBLE_EQ(factor("cosine", restarts, step), 1) << step;
    EXPECT_NEAR(factor("cosine", restarts, 10), 0.5, 1e-12);
    EXPECT_NEAR(factor("cosine", restarts, 40), 0.5, 1e-12);
}

TEST(RateSchedules, UntunedWarmUps) {
    const double expected[] = {0.0005, 0.005, 0.05, 0.5, 1};
    const int64_t steps[] = {1, 10, 100, 1000, 2000};
    for (int i = 0; i < 5; ++i) {
        EXPECT_NEAR(factor("untuned_linear", {}, steps[i] - 1, 5000), expected[i], 1e-12);
        EXPECT_NEAR(factor("untuned_exponential", {}, steps[i] - 1, 5000), 1 - std::exp(-0.001 * double(steps[i])), 1e-12);
    }
}

TEST(RateSchedules, ChainsSeeThemselvesAsTheWholeTraining) {
    const Attributes chain{{"parts", std::string("linear start=0.2 for 10 steps; cosine end=0.5 for 4 epochs; constant")}};
    EXPECT_DOUBLE_EQ(factor("chain", chain, 0), 0.2);
    EXPECT_DOUBLE_EQ(factor("chain", chain, 5), 0.6);
    EXPECT_DOUBLE_EQ(factor("chain", chain, 10), 1);
    EXPECT_DOUBLE_EQ(factor("chain", chain, 49), 0.5);
    EXPECT_DOUBLE_EQ(factor("chain", chain, 50), 1);
    EXPECT_DOUBLE_EQ(factor("chain", chain, 99), 1);
    const Attributes steps{{"parts", std::string("untuned_linear beta2=0.9 for 0.25 steps; step gamma=0.1 epochs=2")}};
    EXPECT_DOUBLE_EQ(factor("chain", steps, 1), 0.1);
    EXPECT_DOUBLE_EQ(factor("chain", steps, 44), 1);
    EXPECT_DOUBLE_EQ(factor("chain", steps, 46), 0.1) << "its epochs are counted from its own beginning";
    // What the last part leaves keeps its last value.
    EXPECT_DOUBLE_EQ(factor("chain", {{"parts", std::string("polynomial end=0.5 for 11 steps")}}, 80), 0.5);
}

TEST(RateSchedules, RefuseChainsWithASentence) {
    const auto refused = [](const char* parts) { return refusal([&] { Schedule("chain", {{"parts", std::string(parts)}}); }); };
    EXPECT_EQ(refused("linear for 5 steps; cosin"), "There is no schedule \"cosin\". Did you mean \"cosine\"?");
    EXPECT_EQ(refused("linear; cosine"),
              "The part \"linear\" of a chain of schedules has no length (\"for 500 steps\"); only the last part may lack it.");
    EXPECT_EQ(refused("linear start for 5 steps; cosine"),
              "The part \"linear start for 5 steps\" of a chain of schedules has an option \"start\" that is not name=value.");
    EXPECT_EQ(refused("linear for 5 years; cosine"),
              "The part \"linear for 5 years\" of a chain of schedules ends in no length (\"for 500 steps\", \"for 2.5 epochs\"; below 1 step a "
              "fraction of the training).");
    EXPECT_EQ(refused("grow_batch"), "The part \"grow_batch\" of a chain of schedules is no schedule of the rate alone; such parts are not chained.");
    EXPECT_EQ(refused(""), "A chain of schedules has an empty part (\"\").");
}

} // namespace lemnos
