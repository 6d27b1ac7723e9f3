// The trainer: repeatable, resumable bit for bit, quiet once it runs, and exact about batches.
#include "data/dataset.h"
#include "ops/harness.h"
#include "support/file.h"
#include "support/random.h"
#include "train/evaluation.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <cmath>

namespace lemnos::test {

// Small pictures of two classes that a network can tell apart: dark ones and bright ones, with noise.
static std::shared_ptr<const Dataset> pictures(int64_t count) {
    const RecordShape shape{12, 12, 1};
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < count; ++i) {
        labels.push_back(int32_t(i % 2));
        for (int64_t at = 0; at < shape.bytes(); ++at) {
            const uint32_t noise = random_bits(7, uint32_t(i), uint32_t(at), RandomPurpose::shuffle, 0)[0] % 100;
            pixels.push_back(uint8_t(noise + (i % 2 ? 120 : 20)));
        }
    }
    return std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(2));
}

static std::shared_ptr<Model> small_model(uint64_t seed = 3) {
    auto model = std::make_shared<Model>(
        device(), build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"resolution", int64_t(12)},
                                                      {"width", 0.1}, {"channels", int64_t(1)}, {"classes", int64_t(2)},
                                                      {"head", int64_t(16)}}));
    model->initialise(seed);
    return model;
}

static std::unique_ptr<Trainer> trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> data, Attributes options) {
    return std::make_unique<Trainer>(std::move(model), std::move(data), Optimizer("radam", {{"rate", 0.01}}),
                                     Schedule("one_cycle", {}), std::move(options));
}

static const Attributes usual{{"batch", int64_t(16)}, {"epochs", int64_t(2)}, {"crop", int64_t(2)}, {"flip", int64_t(1)},
                              {"seed", int64_t(5)}};

static std::vector<float> all_numbers(const Model& model) {
    std::vector<float> numbers = model.parameters().read(), states = model.states().read();
    numbers.insert(numbers.end(), states.begin(), states.end());
    return numbers;
}

static bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Training : OpTest {};

TEST_F(Training, TwoRunsWithOneSeedGiveTheSameBits) {
    const auto data = pictures(80);
    std::vector<float> first;
    for (int run = 0; run < 2; ++run) {
        const auto model = small_model();
        const auto t = trainer(model, data, usual);
        while (t->step()) {}
        t->progress(true);
        if (run == 0)
            first = all_numbers(*model);
        else
            EXPECT_TRUE(same_bits(first, all_numbers(*model)));
    }
    const auto other = small_model();
    Attributes options = usual;
    options.set("seed", int64_t(6));
    const auto t = trainer(other, data, options);
    while (t->step()) {}
    t->progress(true);
    EXPECT_FALSE(same_bits(first, all_numbers(*other))) << "The seed makes no difference.";
}

TEST_F(Training, LearnsAndCountsEveryImage) {
    const auto data = pictures(84), held_out = pictures(53);
    const auto model = std::make_shared<Model>(
        device(), build_architecture("resnet20_cifar", {{"resolution", int64_t(12)}, {"channels", int64_t(1)}, {"classes", int64_t(2)}}));
    model->initialise(3);
    Attributes options = usual;
    options.set("epochs", int64_t(8));
    const auto t = trainer(model, data, options);
    EXPECT_EQ(t->training_plan().phases()[0].steps_per_epoch, 5); // the tail of 4 is dropped
    while (t->step()) {}
    const Progress progress = t->progress(true);
    EXPECT_EQ(progress.step, 40);
    EXPECT_EQ(progress.images, 40 * 16);
    EXPECT_GT(progress.accuracy, 0.9);
    const Metrics one = evaluate(*model, *held_out, 10), other = evaluate(*model, *held_out, 53);
    EXPECT_EQ(one.images, 53);
    EXPECT_EQ(one.correct, other.correct);
    EXPECT_NEAR(one.loss(), other.loss(), 1e-5);
    EXPECT_GT(one.accuracy(), 0.9);
}

TEST_F(Training, StoppedAndResumedIsUnbroken) {
    const auto data = pictures(80);
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    const auto unbroken = small_model();
    {
        const auto t = trainer(unbroken, data, usual);
        for (int step = 0; t->step(); ++step)
            if (step == 3) t->save(path);
        t->progress(true);
    }
    for (int stop : {3, 6}) { // in the first and in the second epoch
        const auto model = small_model(99);
        const auto t = trainer(model, data, usual);
        if (stop == 3) {
            t->resume(path);
            EXPECT_EQ(t->progress(true).step, 4);
        } else {
            const auto begun = small_model();
            const auto first = trainer(begun, data, usual);
            for (int step = 0; step < stop; ++step) first->step();
            first->save(path);
            t->resume(path);
        }
        while (t->step()) {}
        t->progress(true);
        EXPECT_TRUE(same_bits(all_numbers(*unbroken), all_numbers(*model))) << "stopped after step " << stop;
    }
}

TEST_F(Training, RefusesForeignCheckpoints) {
    const auto data = pictures(80);
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    trainer(small_model(), data, usual)->save(path);
    Attributes options = usual;
    options.set("batch", int64_t(8));
    const auto model = small_model(4);
    const std::vector<float> before = all_numbers(*model);
    const auto t = trainer(model, data, options);
    EXPECT_THROW(t->resume(path), Error);
    small_model()->save(path);
    EXPECT_THROW(t->resume(path), Error);
    EXPECT_THROW(t->resume(folder.file("none")), Error);
    EXPECT_TRUE(same_bits(before, all_numbers(*model))) << "A refused checkpoint changed the model.";
}

// A batch is the mean over its images whatever the micro-batch; normalisation sees micro-batches, so the network here has
// none that matters: the difference that remains is that of ghost batches, hence one micro-batch size and two batches.
TEST_F(Training, AnEpochsTailIsTrainedWhenAsked) {
    const auto data = pictures(40);
    Attributes options = usual;
    options.set("tail", std::string("include"));
    options.set("micro_batch", int64_t(8));
    options.set("epochs", int64_t(1));
    const auto model = small_model();
    const auto t = trainer(model, data, options);
    EXPECT_EQ(t->steps(), 3);
    while (t->step()) {}
    EXPECT_EQ(t->progress(true).images, 40);
    for (float number : all_numbers(*model)) ASSERT_TRUE(std::isfinite(number));
}

TEST_F(Training, LaterStepsMakeNothingOnTheDevice) {
    const auto data = pictures(160);
    const auto t = trainer(small_model(), data, usual);
    DeviceCounters& counters = device()->counters();
    for (int i = 0; i < 2; ++i) t->step();
    const int64_t pipelines = counters.pipelines, writes = counters.descriptor_writes, buffers = counters.allocations;
    while (t->step()) {}
    t->progress(true);
    EXPECT_EQ(counters.pipelines, pipelines);
    EXPECT_EQ(counters.descriptor_writes, writes);
    EXPECT_EQ(counters.allocations, buffers);
}

TEST_F(Training, DivergenceIsAnErrorThatNamesTheStep) {
    const auto t = std::make_unique<Trainer>(small_model(), pictures(64), Optimizer("sgd", {{"rate", 1e6}, {"weight_decay", 1e3}}),
                                             Schedule("constant", {}), usual);
    try {
        while (t->step()) {}
        t->progress(true);
        FAIL() << "The training should have diverged.";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_state);
        EXPECT_NE(std::string(error.what()).find("is not finite"), std::string::npos) << error.what();
    }
}

TEST_F(Training, RefusesWithASentence) {
    const auto refusal = [&](Attributes options) -> std::string {
        try {
            trainer(small_model(), pictures(20), std::move(options));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(refusal({{"batch", int64_t(21)}}), "The batch (21) is larger than the data set (20 images).");
    EXPECT_EQ(refusal({{"batch", int64_t(16)}, {"micro_batch", int64_t(5)}}),
              "The micro-batch (5) does not divide the batch (16).");
    EXPECT_EQ(refusal({{"epoch", int64_t(1)}}), "The trainer has no attribute \"epoch\". Did you mean \"epochs\"?");
}

} // namespace lemnos::test
