// Mixed precision: it learns what f32 learns, an overflow of f16 skips a step and changes nothing, and what one precision began
// the other does not continue.
#include "ops/harness.h"
#include "train/evaluation.h"
#include "train/pictures.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <algorithm>
#include <cmath>

namespace lemnos::test {

namespace {

std::shared_ptr<Model> small_model() {
    auto model = std::make_shared<Model>(
        device(), build_architecture("resnet20_cifar", {{"resolution", int64_t(12)}, {"channels", int64_t(1)}, {"classes", int64_t(2)}}));
    model->initialise(3);
    return model;
}

std::unique_ptr<Trainer> trainer(std::shared_ptr<Model> model, const std::string& precision, Attributes options = {}) {
    options.set("precision", precision);
    options.set("batch", int64_t(16));
    return std::make_unique<Trainer>(std::move(model), pictures(80), Optimizer("sgd", {{"rate", 0.05}, {"momentum", 0.9}}),
                                     Schedule("constant", {}), std::move(options));
}

std::vector<float> trained(const std::string& precision, double& loss) {
    const auto model = small_model();
    const auto t = trainer(model, precision, {{"epochs", int64_t(3)}});
    while (t->step()) {}
    loss = t->progress(true).loss;
    return model->parameters().read();
}

bool all_finite(const std::vector<float>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](float number) { return std::isfinite(number); });
}

} // namespace

struct MixedPrecision : OpTest {};

TEST_F(MixedPrecision, LearnsAsF32DoesAndRepeatsItsBits) {
    double f32 = 0, mixed = 0, again = 0;
    const std::vector<float> full = trained("f32", f32), half = trained("mixed", mixed), repeated = trained("mixed", again);
    EXPECT_EQ(half, repeated);
    EXPECT_NE(half, full) << "The precision makes no difference.";
    EXPECT_LT(f32, 0.2);
    EXPECT_NEAR(mixed, f32, 0.05); // of a loss that began at 0.7
}

// The gradient of a logit is about 1/32 of the scale here, which f16 holds from 2^20 downwards.
TEST_F(MixedPrecision, AnOverflowSkipsTheStep) {
    const auto model = small_model();
    const std::vector<float> before = model->parameters().read();
    const auto t = trainer(model, "mixed", {{"epochs", int64_t(20)}, {"loss_scale", 0x1p60}});
    t->step();
    Progress progress = t->progress(true);
    EXPECT_EQ(progress.skipped_steps, 1);
    EXPECT_EQ(model->parameters().read(), before);
    while (t->step()) {}
    progress = t->progress(true);
    EXPECT_GE(progress.skipped_steps, 38);
    EXPECT_LT(progress.skipped_steps, 60);
    EXPECT_EQ(progress.loss_scale, std::ldexp(1.0, 60 - int(progress.skipped_steps)));
    EXPECT_TRUE(all_finite(model->parameters().read()));
    EXPECT_NE(model->parameters().read(), before);
}

TEST_F(MixedPrecision, ScalesTheLossUnlessToldNotTo) {
    const auto scale = [](Attributes options) {
        const auto t = trainer(small_model(), "mixed", std::move(options));
        t->step();
        return t->progress(true).loss_scale;
    };
    EXPECT_EQ(scale({}), 65536);
    EXPECT_EQ(scale({{"loss_scaling", int64_t(0)}}), 1);
}

TEST_F(MixedPrecision, ResumesBitForBitAndNothingElse) {
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    const auto unbroken = small_model(), resumed = small_model();
    const auto first = trainer(unbroken, "mixed");
    for (int step = 0; first->step(); ++step)
        if (step == 2) first->save(path);
    first->progress(true);
    const auto second = trainer(resumed, "mixed");
    second->resume(path);
    while (second->step()) {}
    second->progress(true);
    EXPECT_EQ(resumed->parameters().read(), unbroken->parameters().read());
    try {
        trainer(small_model(), "f32", {{"loss_scaling", int64_t(1)}})->resume(path);
        ADD_FAILURE() << "A run of another precision was continued.";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("belongs to another training: its option precision is mixed (here f32)."), std::string::npos)
            << error.what();
    }
}

// Predictors fold normalisations into filters of f32 and keep activations as f16.
TEST_F(MixedPrecision, PredictsWhatF32PredictsInHalfOfTheMemory) {
    const auto model = small_model();
    const auto t = trainer(model, "f32");
    while (t->step()) {}
    t->progress(true);
    const auto data = pictures(16);
    std::vector<uint8_t> pixels;
    for (int64_t i = 0; i < 16; ++i) {
        std::vector<uint8_t> image(size_t(data->shape().bytes()));
        int32_t label = 0;
        data->read(i, image.data(), label);
        pixels.insert(pixels.end(), image.begin(), image.end());
    }
    std::vector<float> full(32), half(32);
    Predictor f32(model, 16), mixed(model, 16, {.precision = Precision::mixed});
    f32.run(pixels.data(), 16, full.data());
    mixed.run(pixels.data(), 16, half.data());
    EXPECT_NE(full, half);
    for (size_t i = 0; i < full.size(); ++i) EXPECT_NEAR(half[i], full[i], 1e-2);
    EXPECT_LT(mixed.memory().workspace_bytes, 0.7 * double(f32.memory().workspace_bytes));
}

} // namespace lemnos::test
