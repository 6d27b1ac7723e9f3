// The trainer: repeatable, resumable bit for bit, quiet once it runs, and exact about batches.
#include "data/dataset.h"
#include "models/layers.h"
#include "ops/convolution_menu.h"
#include "ops/harness.h"
#include "support/file.h"
#include "support/random.h"
#include "train/evaluation.h"
#include "train/pictures.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <atomic>
#include <cmath>

namespace lemnos::test {

static std::shared_ptr<Model> small_model(uint64_t seed = 3, std::shared_ptr<Device> owner = device()) {
    auto model = std::make_shared<Model>(
        std::move(owner), build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"resolution", int64_t(12)},
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

// A second classifier pulls at what it sees with 0.4 of its loss, which is not reported; inference does without it.
TEST_F(Training, AnAuxiliaryClassifierHelpsAlong) {
    const auto built = [&](bool auxiliary) {
        Architecture network;
        network.name = "two_heads";
        network.image = network.graph.input("image", {DataType::f32, {1, 12, 12, 1}});
        network.pixels = {{0.5}, {0.25}};
        LayerBuilder layers(network, {});
        const Value x = layers.global_average_pool(layers.convolution(network.image, "conv", {.channels = 4}));
        network.logits = layers.linear(x, "head", 2, 0.5);
        if (auxiliary) network.auxiliary = layers.linear(x, "second", 2, 0.5);
        auto model = std::make_shared<Model>(device(), std::move(network));
        model->initialise(4);
        return model;
    };
    const auto data = pictures(16);
    const auto trained = [&](const std::shared_ptr<Model>& model) {
        Trainer made(model, data, Optimizer("sgd", {{"rate", 1.0}}), Schedule("constant", {}), {{"batch", int64_t(16)}, {"epochs", int64_t(1)}});
        EXPECT_TRUE(made.step());
        return made.progress(true).loss;
    };
    const auto start = built(true), with = built(true), without = built(false);
    EXPECT_EQ(trained(with), trained(without));
    EXPECT_EQ(with->read("head.weight"), without->read("head.weight"));
    EXPECT_NE(with->read("second.weight"), start->read("second.weight"));
    EXPECT_NE(with->read("conv.weight"), without->read("conv.weight"));

    // With the second classifier the same as the first, the convolution's step is 1.4 times as long.
    const auto twice = built(true);
    twice->write("second.weight", twice->read("head.weight"));
    const std::vector<float> before = twice->read("conv.weight"), one = without->read("conv.weight");
    trained(twice);
    const std::vector<float> after = twice->read("conv.weight");
    for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i] - before[i], 1.4 * (one[i] - before[i]), 1e-6);

    const ScratchFolder folder;
    with->save(folder.file("model"));
    EXPECT_TRUE(bool(Model::load(device(), folder.file("model"))->architecture().auxiliary));
    EXPECT_GT(evaluate(*with, *data).accuracy(), 0);
}

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

// So many pictures that the loader is still shuffling their order when the next thing happens.
class ManyPictures final : public Dataset {
  public:
    explicit ManyPictures(int64_t count) : count_(count) {}
    int64_t size() const override { return count_; }
    RecordShape shape() const override { return few_->shape(); }
    const std::vector<std::string>& class_names() const override { return few_->class_names(); }
    std::string name(int64_t index) const override { return few_->name(index % few_->size()); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override { few_->read(index % few_->size(), pixels, label); }

  private:
    const int64_t count_;
    const std::shared_ptr<const Dataset> few_ = pictures(1000);
};

TEST_F(Training, EndsWhileTheLoaderIsAtWork) {
    const auto data = std::make_shared<ManyPictures>(int64_t(1) << 24); // an order that the system takes back when it is freed
    trainer(small_model(), data, usual);
}

// Its threads write to the device's memory, which is gone then.
TEST_F(Training, OutlivesADeviceThatIsClosedWhileTheLoaderIsAtWork) {
    for (const int64_t threads : {1, 4})
        for (int steps = 0; steps < 6; ++steps) {
            const auto own = Device::open({});
            Attributes options = usual;
            options.set("loader_threads", threads);
            const auto t = trainer(small_model(3, own), pictures(4000), options);
            for (int step = 0; step < steps; ++step) t->step();
            own->close();
            for (int again = 0; again < 2; ++again)
                expect_refusal(ErrorCode::device_closed, {"has been closed"}, [&] {
                    for (int step = 0; step < 100; ++step) t->step();
                });
        }
}

TEST_F(Training, IsResumedWhileTheLoaderIsAtWork) {
    const auto data = std::make_shared<ManyPictures>(int64_t(1) << 23);
    const ScratchFolder folder;
    const auto unbroken = small_model(), resumed = small_model(99);
    {
        const auto t = trainer(unbroken, data, usual);
        for (int step = 0; step < 2; ++step) t->step();
        t->save(folder.file("run.checkpoint"));
        for (int step = 0; step < 3; ++step) t->step();
        t->progress(true);
    }
    const auto t = trainer(resumed, data, usual);
    t->resume(folder.file("run.checkpoint"));
    for (int step = 0; step < 3; ++step) t->step();
    t->progress(true);
    EXPECT_TRUE(same_bits(all_numbers(*unbroken), all_numbers(*resumed)));
}

// One of whose pictures cannot be read the first time.
class OnceUnreadable final : public Dataset {
  public:
    int64_t size() const override { return pictures_->size(); }
    RecordShape shape() const override { return pictures_->shape(); }
    const std::vector<std::string>& class_names() const override { return pictures_->class_names(); }
    std::string name(int64_t index) const override { return pictures_->name(index); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        if (index == 17 && !failed_.exchange(true)) fail(ErrorCode::file_unreadable, "The picture 17 could not be read.");
        pictures_->read(index, pixels, label);
    }

  private:
    const std::shared_ptr<const Dataset> pictures_ = pictures(80);
    mutable std::atomic<bool> failed_ = false;
};

// One of several parts fails when others of its batch have been submitted, and some of them counted.
TEST_F(Training, AStepThatFailedIsMadeAnew) {
    for (int64_t micro_batch : {16, 1}) {
        SCOPED_TRACE(text("parts of ", micro_batch));
        Attributes options = usual;
        options.set("micro_batch", micro_batch);
        options.set("measure_noise", int64_t(micro_batch < 16));
        const auto unbroken = small_model(), broken = small_model();
        const auto smooth = trainer(unbroken, pictures(80), options);
        while (smooth->step()) {}
        const Progress expected = smooth->progress(true);
        const auto t = trainer(broken, std::make_shared<OnceUnreadable>(), options);
        int failures = 0;
        for (bool more = true; more;) {
            try {
                more = t->step();
            } catch (const Error& error) {
                EXPECT_STREQ(error.what(), "The picture 17 could not be read.");
                ASSERT_EQ(++failures, 1);
            }
        }
        EXPECT_EQ(failures, 1);
        const Progress progress = t->progress(true);
        EXPECT_EQ(progress.images, 160);
        EXPECT_NEAR(progress.loss, expected.loss, 1e-12);
        EXPECT_EQ(progress.accuracy, expected.accuracy);
        EXPECT_EQ(progress.noise_batch, expected.noise_batch);
        EXPECT_TRUE(same_bits(all_numbers(*unbroken), all_numbers(*broken)));
    }
}

// What a device has decided since a checkpoint was made rounds otherwise; the resumed run takes the checkpoint's kernels.
TEST_F(Training, AResumedRunKeepsItsKernels) {
    const auto data = pictures(80);
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    const auto unbroken = small_model();
    const auto t = trainer(unbroken, data, usual);
    for (int step = 0; t->step(); ++step)
        if (step == 3) t->save(path);
    t->progress(true);

    KernelChoices& choices = *device()->profile().kernels;
    const KernelDecisions before = choices.decisions();
    KernelDecisions others;
    for (const auto& [problem, use] : t->accumulate_plan().kernels()) {
        const std::string other = convolution_problem(problem).shape.by_channel() ? "depthwise_any" : "tiled";
        const std::string changed = use.choice.kernel == other ? "direct" : other;
        KernelDecision& decision = others[problem];
        decision.best = {changed};
        decision.fallback = use.choice;
    }
    choices.replace_decisions(others);
    const auto run = [&](bool resumed) {
        const auto model = small_model(resumed ? 99 : 3);
        const auto other = trainer(model, data, usual);
        bool differs = false;
        for (const auto& [problem, use] : t->accumulate_plan().kernels())
            differs |= other->accumulate_plan().kernels().at(problem).choice != use.choice;
        if (resumed) other->resume(path);
        while (other->step()) {}
        other->progress(true);
        for (const auto& [problem, use] : t->accumulate_plan().kernels()) {
            const std::string taken = to_string(other->accumulate_plan().kernels().at(problem).choice);
            EXPECT_TRUE(!resumed || taken == to_string(use.choice)) << problem << " by " << taken;
        }
        return std::pair(differs, all_numbers(*model));
    };
    const auto [differs, fresh] = run(false);
    const auto resumed = run(true).second;
    choices.replace_decisions(before);
    EXPECT_TRUE(same_bits(all_numbers(*unbroken), resumed));
    EXPECT_EQ(differs, device()->profile().has_subgroup_kernels()); // elsewhere there is one kernel for each problem
    EXPECT_EQ(same_bits(all_numbers(*unbroken), fresh), !differs);  // the other kernels do round otherwise
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

// ---- batches that grow ----------------------------------------------------------------------------------------------

static Attributes with(Attributes options, std::initializer_list<std::pair<const char*, AttributeValue>> more) {
    for (const auto& [name, value] : more) options.set(name, value);
    return options;
}

static std::unique_ptr<Trainer> growing(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> data, Schedule schedule,
                                        std::initializer_list<std::pair<const char*, AttributeValue>> options) {
    return std::make_unique<Trainer>(std::move(model), std::move(data), Optimizer("sgd", {{"rate", 0.02}, {"momentum", 0.9}}),
                                     std::move(schedule), with({{"batch", int64_t(8)}, {"epochs", int64_t(4)}}, options));
}

TEST_F(Training, AGrowingBatchMakesTheUpdatesThatWerePlanned) {
    const Schedule schedule("grow_batch", {{"milestones", std::vector<double>{1, 2}}, {"factor", 4.0}, {"largest_batch", int64_t(64)}});
    for (const char* tail : {"drop", "include"}) {
        const auto t = growing(small_model(), pictures(84), schedule, {{"tail", std::string(tail)}});
        std::vector<int64_t> batches;
        while (t->step()) {
            const Progress progress = t->progress(false);
            batches.push_back(progress.batch);
        }
        const bool drop = std::string(tail) == "drop";
        EXPECT_EQ(t->progress(true).step, drop ? 10 + 2 + 1 + 1 : 11 + 3 + 2 + 2);
        EXPECT_EQ(t->steps(), t->progress(true).step);
        EXPECT_EQ(t->progress(true).images, drop ? 80 + 64 + 64 + 64 : 4 * 84);
        EXPECT_EQ(batches.front(), 8);
        EXPECT_EQ(batches.back(), 64);
    }
}

TEST_F(Training, AGrowingBatchIsRepeatedAndResumedBitForBit) {
    const auto data = pictures(84);
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    const Schedule grow("grow_batch", {{"milestones", std::vector<double>{1, 2}}, {"factor", 4.0}, {"largest_batch", int64_t(64)}});
    const Schedule adapt("adaptive", {{"interval", int64_t(3)}, {"noise", 0.05}, {"largest_batch", int64_t(32)}, {"smoothing", 0.5}});
    for (const Schedule& schedule : {grow, adapt}) {
        SCOPED_TRACE(schedule.name());
        const std::initializer_list<std::pair<const char*, AttributeValue>> options{
            {"micro_batch", int64_t(4)}, {"average", 0.9}, {"loss_scaling", int64_t(1)}, {"clip_norm", 1.0}};
        const auto unbroken = small_model(), resumed = small_model(50);
        int64_t steps = 0;
        {
            const auto t = growing(unbroken, data, schedule, options);
            while (t->step())
                if (++steps == 9) t->save(path);
            t->progress(true);
            t->swap_average();
        }
        const auto t = growing(resumed, data, schedule, options);
        t->resume(path);
        EXPECT_EQ(t->progress(true).step, 9);
        while (t->step()) {}
        EXPECT_EQ(t->progress(true).step, steps);
        t->swap_average();
        EXPECT_THROW(t->step(), Error);
        EXPECT_TRUE(same_bits(all_numbers(*unbroken), all_numbers(*resumed)));
    }
}

TEST_F(Training, AnAdaptiveBatchGrowsAndThenTheRateFalls) {
    // Labels that have nothing to do with the pictures: all of the gradient is noise.
    const RecordShape shape{12, 12, 1};
    std::vector<uint8_t> pixels(size_t(200 * shape.bytes()));
    std::vector<int32_t> labels;
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(random_bits(3, uint32_t(i), 0, RandomPurpose::shuffle, 0)[0]);
    for (uint32_t i = 0; i < 200; ++i) labels.push_back(int32_t(random_bits(4, i, 0, RandomPurpose::shuffle, 0)[0] % 2));
    const auto data = std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(2));
    const Schedule schedule("adaptive", {{"interval", int64_t(5)}, {"noise", 0.1}, {"largest_batch", int64_t(40)}});
    const auto t = growing(small_model(), data, schedule, {{"micro_batch", int64_t(4)}});
    int64_t before = 8;
    while (t->step()) {
        const int64_t batch = t->progress(false).batch;
        EXPECT_GE(batch, before) << "it never shrinks";
        EXPECT_EQ(batch % 4, 0);
        before = batch;
    }
    const Progress progress = t->progress(true);
    EXPECT_EQ(progress.batch, 40);
    EXPECT_GT(progress.noise_batch, 0);
    EXPECT_LT(progress.rate, 0.02);
    EXPECT_THROW(growing(small_model(), data, schedule, {{"micro_batch", int64_t(8)}}), Error) << "one micro-batch measures nothing";
}

// Forty times the batch by accumulation needs no more memory.
TEST_F(Training, ALargeBatchNeedsNoMoreMemory) {
    const auto data = pictures(700);
    const auto bytes_for = [&](int64_t batch) {
        const int64_t before = device()->counters().memory_bytes;
        const auto t = growing(small_model(), data, Schedule("constant", {}), {{"batch", batch}, {"micro_batch", int64_t(16)}});
        t->step();
        t->progress(true);
        return device()->counters().memory_bytes - before;
    };
    const int64_t small = bytes_for(16), large = bytes_for(640);
    EXPECT_LT(large - small, 1 << 20);
}

// One update of a plan with micro-batch 640 and ghosts of 128 is that of five micro-batches of 128.
TEST_F(Training, ABatchOfGhostsIsItsMicroBatches) {
    const auto data = pictures(640);
    std::vector<std::vector<float>> results;
    for (int64_t micro : {640, 128}) {
        const auto model = small_model();
        const auto t = growing(model, data, Schedule("constant", {}),
                               {{"batch", int64_t(640)}, {"micro_batch", micro}, {"ghost", int64_t(128)}, {"epochs", int64_t(1)}});
        EXPECT_TRUE(t->step());
        t->progress(true);
        results.push_back(all_numbers(*model));
    }
    float difference = 0, largest = 0;
    for (size_t i = 0; i < results[0].size(); ++i) {
        difference = std::max(difference, std::abs(results[0][i] - results[1][i]));
        largest = std::max(largest, std::abs(results[1][i]));
    }
    EXPECT_LT(difference / largest, 1e-6);
    EXPECT_FALSE(same_bits(all_numbers(*small_model()), results[0]));
    EXPECT_THROW(growing(small_model(), data, Schedule("constant", {}), {{"ghost", int64_t(3)}}), Error);
}

TEST_F(Training, AResumeThatChangesSomethingSaysWhat) {
    const auto data = pictures(80);
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    trainer(small_model(), data, usual)->save(path);
    const auto refusal = [&](Optimizer optimizer, Attributes options) -> std::string {
        try {
            Trainer(small_model(), data, std::move(optimizer), Schedule("one_cycle", {}), std::move(options)).resume(path);
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal(Optimizer("adam", {{"rate", 0.01}}), usual).find("belongs to another training: its optimizer is radam (here adam)."),
              std::string::npos);
    const auto normalised = std::make_shared<Model>(
        device(), build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"resolution", int64_t(12)}, {"width", 0.1},
                                                      {"channels", int64_t(1)}, {"classes", int64_t(2)}, {"head", int64_t(16)},
                                                      {"norm", std::string("ghost:4")}}));
    const auto brighter = small_model();
    brighter->set_pixels({{0.25}, {0.5}});
    for (const auto& [model, words] : {std::pair{normalised, "its network is mobilenet_v2 with the graph "},
                                       std::pair{brighter, "its mean of the pixels is 0.5 (here 0.25)."}})
        try {
            trainer(model, data, usual)->resume(path);
            ADD_FAILURE() << words;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
        }
    EXPECT_NE(refusal(Optimizer("radam", {{"rate", 0.02}}), with(usual, {{"batch", int64_t(8)}}))
                  .find("its optimizer option rate is 0.01 (here 0.02), its option batch is 16 (here 8)."),
              std::string::npos);
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
