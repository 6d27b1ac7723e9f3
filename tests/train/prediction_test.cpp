// Predictors see every later change of their model: they give the bits that a predictor made at that moment
// gives.
#include "data/dataset.h"
#include "ops/harness.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <cmath>
#include <thread>

namespace lemnos::test {

namespace {

constexpr int64_t images = 32, size = 12, classes = 2;

std::vector<uint8_t> noise() {
    RandomCases random;
    std::vector<uint8_t> pixels(size_t(images * size * size));
    for (uint8_t& pixel : pixels) pixel = uint8_t(random.integer(0, 255));
    return pixels;
}

std::shared_ptr<const Dataset> dataset() {
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < images; ++i) labels.push_back(int32_t(i % classes));
    return std::make_shared<MemoryDataset>("noise", RecordShape{size, size, 1}, noise(), std::move(labels),
                                           number_names(classes));
}

std::shared_ptr<Model> model_of(uint64_t seed) {
    auto model = std::make_shared<Model>(
        device(), build_architecture("mobilenet_v2", {{"preset", std::string("small28")},
                                                      {"resolution", size},
                                                      {"width", 0.1},
                                                      {"channels", int64_t(1)},
                                                      {"classes", classes},
                                                      {"head", int64_t(16)}}));
    model->initialise(seed);
    return model;
}

std::unique_ptr<Trainer> trainer_of(std::shared_ptr<Model> model, int64_t epochs = 4) {
    return std::make_unique<Trainer>(std::move(model), dataset(), Optimizer("adam", {{"rate", 0.01}}),
                                     Schedule("constant", {}),
                                     Attributes{{"batch", int64_t(8)}, {"epochs", epochs}, {"average", 0.5}});
}

std::vector<float> predict(Predictor& predictor) {
    const std::vector<uint8_t> pixels = noise();
    std::vector<float> probabilities(size_t(images * classes));
    predictor.run(pixels.data(), images, probabilities.data());
    return probabilities;
}

} // namespace

struct Prediction : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        model = model_of(1);
        predictor = std::make_unique<Predictor>(model, 16);
        last = predict(*predictor);
    }
    std::shared_ptr<Model> model;
    std::unique_ptr<Predictor> predictor;
    std::vector<float> last;

    void expect_new(const char* what) {
        SCOPED_TRACE(what);
        const std::vector<float> now = predict(*predictor);
        EXPECT_NE(now, last) << "The predictor still sees what was before.";
        Predictor fresh(model, 16);
        EXPECT_EQ(now, predict(fresh));
        EXPECT_EQ(predict(*predictor), now);
        last = now;
    }
};

TEST_F(Prediction, SeesWhatIsWritten) {
    const ScratchFolder folder;
    model_of(2)->save(folder.file("other"));
    for (const char* name : {"features.0.0.weight", "features.0.1.weight", "features.0.1.bias",
                             "features.0.1.running_mean", "features.0.1.running_var", "classifier.1.bias"}) {
        std::vector<float> values = model->read(name);
        for (size_t i = 0; i < values.size(); ++i) values[i] += 0.5f + 0.1f * float(i);
        model->write(name, values);
        expect_new(name);
    }
    model->load_weights(folder.file("other"));
    expect_new("load_weights");
    model->initialise(3);
    expect_new("initialise");
}

TEST_F(Prediction, SeesATraining) {
    const ScratchFolder folder;
    const auto trainer = trainer_of(model);
    for (int step = 0; step < 3; ++step) {
        ASSERT_TRUE(trainer->step());
        expect_new("step");
    }
    trainer->save(folder.file("checkpoint"));
    const std::vector<float> saved = last;
    trainer->step();
    expect_new("one more step");
    trainer->swap_average();
    expect_new("swap_average");
    trainer->swap_average();
    expect_new("swapped back");
    trainer->resume(folder.file("checkpoint"));
    expect_new("resume");
    EXPECT_EQ(last, saved);
}

TEST_F(Prediction, RunsBesideATraining) {
    const auto trainer = trainer_of(model, 8);
    std::thread training([&] {
        while (trainer->step()) {
        }
    });
    for (int i = 0; i < 20; ++i) predict(*predictor);
    training.join();
    expect_new("the whole training");
}

TEST_F(Prediction, EvaluationAgrees) {
    const Metrics metrics = evaluate(*model, *dataset(), 10);
    double loss = 0;
    for (int64_t i = 0; i < images; ++i) loss -= std::log(double(last[size_t(i * classes + i % classes)]));
    EXPECT_EQ(metrics.images, images);
    EXPECT_NEAR(metrics.loss(), loss / double(images), 1e-5);
}

} // namespace lemnos::test
