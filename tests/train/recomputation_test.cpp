// Training under a limit of memory: what is computed again instead of kept changes no bit, of parameters or of running
// statistics, whatever the limit; and a limit that cannot be kept is refused with the least that can.
#include "data/dataset.h"
#include "models/layers.h"
#include "ops/harness.h"
#include "support/random.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <cstring>
#include <iostream>

namespace lemnos::test {

namespace {

std::shared_ptr<const Dataset> pictures(int64_t count, int size) {
    const RecordShape shape{size, size, 1};
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < count; ++i) {
        labels.push_back(int32_t(i % 2));
        for (int64_t at = 0; at < shape.bytes(); ++at)
            pixels.push_back(uint8_t(random_bits(7, uint32_t(i), uint32_t(at), RandomPurpose::shuffle, 0)[0] % 200 + (i % 2 ? 50 : 0)));
    }
    return std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(2));
}

struct Trained {
    std::vector<float> numbers; // parameters and running statistics
    double loss = 0;
    int64_t workspace_bytes = 0;
    RecomputationPlan recomputation;
};

struct Setting {
    const char* architecture;
    Attributes architecture_options;
    int size;
    Attributes options = {};
    double rate = 0.05;
};

std::shared_ptr<Model> model_of(const Setting& setting, std::shared_ptr<Device> on = device()) {
    Attributes options = setting.architecture_options;
    options.set("channels", int64_t(1));
    options.set("classes", int64_t(2));
    auto model = std::make_shared<Model>(std::move(on), build_architecture(setting.architecture, options));
    model->initialise(3);
    return model;
}

std::unique_ptr<Trainer> trainer_of(const Setting& setting, std::shared_ptr<Model> model, int64_t limit) {
    Attributes options = setting.options;
    if (!options.contains("batch")) options.set("batch", int64_t(8));
    options.set("epochs", int64_t(1));
    options.set("memory_limit", limit);
    return std::make_unique<Trainer>(std::move(model), pictures(24, setting.size), Optimizer("sgd", {{"rate", setting.rate}, {"momentum", 0.9}}),
                                     Schedule("constant", {}), std::move(options));
}

Trained train(const Setting& setting, int64_t limit) {
    const auto model = model_of(setting);
    const auto trainer = trainer_of(setting, model, limit);
    while (trainer->step()) {}
    Trained trained{.loss = trainer->progress(true).loss,
                    .workspace_bytes = trainer->accumulate_plan().workspace_bytes(),
                    .recomputation = trainer->recomputation()};
    trained.numbers = model->parameters().read();
    const std::vector<float> states = model->states().read();
    trained.numbers.insert(trained.numbers.end(), states.begin(), states.end());
    return trained;
}

// The least that a refusal of one byte names.
int64_t least_of(const Setting& setting) {
    try {
        trainer_of(setting, model_of(setting), 1);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory) << error.what();
        const std::string sentence = error.what();
        const size_t at = sentence.find("at least ");
        EXPECT_NE(at, std::string::npos) << sentence;
        return at == std::string::npos ? 0 : std::stoll(sentence.substr(at + 9));
    }
    ADD_FAILURE() << "A limit of one byte was kept.";
    return 0;
}

} // namespace

struct Recomputation : OpTest {
    void expect_the_same_bits(const Setting& setting) {
        SCOPED_TRACE(setting.architecture);
        const Trained whole = train(setting, 0);
        EXPECT_TRUE(whole.recomputation.again.empty());
        const int64_t least = least_of(setting);
        EXPECT_LT(least, whole.workspace_bytes);
        for (int64_t limit : {(3 * whole.workspace_bytes + least) / 4, (whole.workspace_bytes + 3 * least) / 4, least}) {
            const Trained limited = train(setting, limit);
            std::cout << setting.architecture << ": " << limited.workspace_bytes << " of " << whole.workspace_bytes << " bytes, "
                      << 100 * limited.recomputation.more_work << " % more work\n";
            EXPECT_LE(limited.workspace_bytes, limit);
            EXPECT_EQ(limited.workspace_bytes, limited.recomputation.workspace_bytes);
            EXPECT_EQ(limited.recomputation.workspace_bytes_without, whole.workspace_bytes);
            EXPECT_GT(limited.recomputation.more_work, 0);
            EXPECT_LT(limited.recomputation.more_work, 0.5);
            EXPECT_EQ(limited.loss, whole.loss);
            ASSERT_EQ(limited.numbers.size(), whole.numbers.size());
            EXPECT_EQ(std::memcmp(limited.numbers.data(), whole.numbers.data(), whole.numbers.size() * sizeof(float)), 0);
        }
        const Trained enough = train(setting, whole.workspace_bytes);
        EXPECT_EQ(enough.workspace_bytes, whole.workspace_bytes);
        EXPECT_EQ(enough.recomputation.more_work, 0);
    }
};

TEST_F(Recomputation, ChangesNoBit) {
    expect_the_same_bits({"mobilenet_v2",
                          {{"preset", std::string("small28")}, {"resolution", int64_t(16)}, {"width", 0.35}, {"head", int64_t(32)}},
                          16,
                          {{"flip", int64_t(1)}, {"crop", int64_t(2)}, {"micro_batch", int64_t(4)}}});
    expect_the_same_bits({"resnet20_cifar", {{"resolution", int64_t(16)}}, 16, {{"ghost", int64_t(4)}}});
    expect_the_same_bits({"squeezenet1_1", {{"resolution", int64_t(48)}}, 48, {}, 1e-4}); // without normalisation, with dropout
    expect_the_same_bits({"wrn", {{"depth", int64_t(10)}, {"width", int64_t(1)}, {"resolution", int64_t(16)}, {"dropout", 0.3}}, 16,
                          {{"frozen_statistics", std::string("*")}, {"loss_scaling", int64_t(1)}, {"measure_noise", int64_t(1)}, {"micro_batch", int64_t(4)}}});
}

// What a device has is a limit, too: a step that would not fit is computed in less.
TEST_F(Recomputation, KeepsTheDevicesOwnLimit) {
    const Setting setting{"mobilenet_v2", {{"preset", std::string("small28")}, {"resolution", int64_t(28)}, {"width", 0.35}}, 28,
                          {{"batch", int64_t(12)}}};
    const Trained whole = train(setting, 0);
    const auto used = [&](int64_t limit) {
        const auto device = Device::open({.memory_limit = limit, .cache_on_disk = false});
        const auto trainer = trainer_of(setting, model_of(setting, device), 0);
        EXPECT_TRUE(trainer->step());
        trainer->progress(true);
        return std::pair(device->counters().memory_bytes.load(), trainer->recomputation().more_work);
    };
    const auto [all, no_more] = used(int64_t(1) << 30);
    EXPECT_EQ(no_more, 0);
    // Some of `all` is held in reserve, and given up before anything is recomputed.
    const int64_t limit = all - whole.workspace_bytes / 2;
    const auto [less, more] = used(limit);
    EXPECT_LE(less, limit);
    EXPECT_GT(more, 0);
}

TEST_F(Recomputation, RefusesALimitThatCannotBeKept) {
    const Setting setting{"resnet20_cifar", {{"resolution", int64_t(8)}}, 8, {{"micro_batch", int64_t(4)}}};
    const int64_t least = least_of(setting);
    try {
        trainer_of(setting, model_of(setting), least - 1);
        FAIL() << "The limit was kept.";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory);
        EXPECT_EQ(std::string(error.what()),
                  text("The activations of a training step of resnet20_cifar in micro-batches of 4 take at least ", least,
                       " bytes, with all computed again that is worth it (the memory limit is ", least - 1,
                       " bytes); smaller ones take less."));
    }
}

// The limit is no part of what a checkpoint must share with its run.
TEST_F(Recomputation, MayChangeWhereARunIsResumed) {
    const Setting setting{"resnet20_cifar", {{"resolution", int64_t(8)}}, 8};
    const Trained whole = train(setting, 0);
    const ScratchFolder folder;
    {
        const auto trainer = trainer_of(setting, model_of(setting), 0);
        ASSERT_TRUE(trainer->step());
        trainer->save(folder.file("checkpoint"));
    }
    const auto model = model_of(setting);
    const auto trainer = trainer_of(setting, model, (whole.workspace_bytes + least_of(setting)) / 2);
    trainer->resume(folder.file("checkpoint"));
    while (trainer->step()) {}
    trainer->progress(true);
    const std::vector<float> parameters = model->parameters().read();
    EXPECT_EQ(std::memcmp(parameters.data(), whole.numbers.data(), parameters.size() * sizeof(float)), 0);
}

} // namespace lemnos::test
