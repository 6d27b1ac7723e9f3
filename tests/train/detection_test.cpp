// Detectors: they learn to find rectangles, by every loss; predictions, measures and files agree.
#include "ops/harness.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "train/shapes.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <cmath>

namespace lemnos::test {

struct DetectionTraining : OpTest {
    static std::shared_ptr<Model> detector(const std::string& name, Attributes options) {
        options.set("channels", int64_t(1));
        options.set("classes", int64_t(2));
        auto model = std::make_shared<Model>(device(), build_architecture(name, options));
        model->initialise(3);
        return model;
    }
    static std::shared_ptr<Model> ssdlite(double width = 0.25) {
        return detector("ssdlite_mobilenet_v2", {{"width", width}, {"resolution", int64_t(96)}});
    }
    static std::unique_ptr<Trainer> trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> data, Attributes more = {}) {
        Attributes options{{"batch", int64_t(8)}, {"epochs", int64_t(1)}, {"seed", int64_t(5)}};
        for (const auto& [name, value] : more.all()) options.set(name, value);
        return std::make_unique<Trainer>(std::move(model), std::move(data), Optimizer("adamw", {{"rate", 0.01}}),
                                         Schedule("cosine", {{"warmup", 0.1}}), std::move(options));
    }
    static double train(Trainer& trainer) {
        while (trainer.step()) {}
        return trainer.progress(true).loss;
    }
    static std::string refusal(const std::function<void()>& work) {
        try {
            work();
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
};

TEST_F(DetectionTraining, FindsRectangles) {
    const auto data = std::make_shared<Rectangles>(128, 96), unseen = std::make_shared<Rectangles>(160, 96);
    const auto model = ssdlite();
    const auto t = trainer(model, data, {{"epochs", int64_t(20)}});
    const double loss = train(*t);
    const AveragePrecision precision = evaluate_boxes(model, *unseen).precision;
    const double map_50 = precision.summary(PrecisionRule::voc2010).mean, map_coco = precision.summary(PrecisionRule::coco).mean;
    std::printf("SSDLite on rectangles: loss %.3f, mAP %.3f at 0.5, %.3f over 0.50 to 0.95\n", loss, map_50, map_coco);
    EXPECT_GT(map_50, 0.8);
    EXPECT_EQ(precision.images(), 160);
    EXPECT_GT(map_50, map_coco);

    // A predictor names what is there, in falling order.
    const PredictorOptions unsure{.objects = {.score = 0.05}}; // after so short a training
    Predictor predictor(model, 2, unsure);
    ASSERT_EQ(predictor.outputs(), 600);
    std::vector<uint8_t> pixels(size_t(3 * data->shape().bytes()));
    int32_t label;
    for (int64_t i = 0; i < 3; ++i) data->read(i, pixels.data() + i * data->shape().bytes(), label);
    std::vector<float> rows(3 * 600);
    predictor.run(pixels.data(), 3, rows.data());
    for (size_t i = 0; i < 3; ++i) {
        const float* best = rows.data() + 600 * i;
        EXPECT_GE(best[1], 0.05f);
        for (int k = 1; k < 100 && best[6 * k] >= 0; ++k) EXPECT_LE(best[6 * k + 1], best[6 * k - 5]);
    }

    // The file is a detector without its builder, to the bit.
    const ScratchFolder folder;
    model->save(folder.file("model"));
    const auto loaded = Model::load(device(), folder.file("model"));
    EXPECT_EQ(loaded->architecture().detection->anchor_rows(), model->architecture().detection->anchor_rows());
    Predictor again(loaded, 2, unsure);
    std::vector<float> same(rows.size());
    again.run(pixels.data(), 3, same.data());
    EXPECT_EQ(same, rows);
}

// A few steps of every loss make it smaller.
TEST_F(DetectionTraining, EveryLossFalls) {
    const auto data = std::make_shared<Rectangles>(32, 96);
    const auto falls = [&](const std::shared_ptr<Model>& model, const std::shared_ptr<const Dataset>& set, Attributes options) {
        options.set("epochs", int64_t(6));
        const auto t = trainer(model, set, options);
        t->step(), t->step();
        const double before = t->progress(true).loss, after = train(*t);
        EXPECT_LT(after, 0.85 * before);
    };
    const auto form = [&](const char* name, Attributes options) {
        SCOPED_TRACE(name);
        options.set("width", 0.25);
        options.set("resolution", int64_t(96));
        return detector(name, std::move(options));
    };
    falls(form("ssdlite_mobilenet_v1", {}), data, {});
    falls(form("ssdlite_mobilenet_v2", {{"scores", std::string("softmax")}}), data, {});
    falls(form("ssdlite_mobilenet_v2", {}), data, {{"focal_gamma", 2.0}});
    falls(form("ssdlite_mobilenet_v2", {{"prediction", std::string("pointwise")}}), data, {{"negatives", 0.0}});
    const auto small = std::make_shared<Rectangles>(8, 64);
    falls(detector("yolov2", {{"resolution", int64_t(64)}}), small, {{"batch", int64_t(4)}});
}

// Each image counts by itself: two micro-batches give the gradients of the batch (with group normalisation, which does not
// mix images).
TEST_F(DetectionTraining, MicroBatchesChangeNothing) {
    const auto data = std::make_shared<Rectangles>(16, 96);
    std::vector<float> first;
    for (const int64_t micro : {16, 4}) {
        const auto model = detector("ssdlite_mobilenet_v2", {{"width", 0.25}, {"resolution", int64_t(96)}, {"norm", std::string("group:4")}});
        Trainer t(model, data, Optimizer("sgd", {{"rate", 0.01}}), Schedule("constant", {}),
                  {{"batch", int64_t(16)}, {"micro_batch", micro}, {"epochs", int64_t(1)}});
        EXPECT_TRUE(t.step());
        EXPECT_TRUE(std::isfinite(t.progress(true).loss));
        const std::vector<float> values = model->parameters().read();
        if (first.empty()) first = values;
        else
            for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], first[i], 2e-5 * (1 + std::abs(first[i]))) << i;
    }
}

TEST_F(DetectionTraining, ResumesToTheSameBits) {
    const auto data = std::make_shared<Rectangles>(32, 96);
    const Attributes options{{"epochs", int64_t(2)}};
    const auto whole = ssdlite();
    train(*trainer(whole, data, options));
    const ScratchFolder folder;
    const auto stopped = ssdlite();
    {
        const auto t = trainer(stopped, data, options);
        for (int i = 0; i < 3; ++i) t->step();
        t->save(folder.file("checkpoint"));
    }
    const auto resumed = ssdlite();
    const auto t = trainer(resumed, data, options);
    t->resume(folder.file("checkpoint"));
    train(*t);
    EXPECT_EQ(resumed->parameters().read(), whole->parameters().read());
}

TEST_F(DetectionTraining, RefusesWhatDoesNotFit) {
    const auto boxes = std::make_shared<Rectangles>(16, 96);
    const auto classes = std::make_shared<MemoryDataset>("test", RecordShape{96, 96, 1}, std::vector<uint8_t>(16 * 96 * 96),
                                                         std::vector<int32_t>(16), number_names(2));
    const auto model = ssdlite();
    EXPECT_EQ(refusal([&] { trainer(model, classes); }),
              "The data set's images have a class each, and the model ssdlite_mobilenet_v2 finds objects (boxes are needed).");
    const auto classifier = detector("mobilenet_v2", {{"preset", std::string("small64")}, {"width", 0.1}, {"resolution", int64_t(96)}});
    EXPECT_EQ(refusal([&] { trainer(classifier, boxes); }),
              "The data set's images have boxes, and the model mobilenet_v2 classifies images (classes are needed).");
    EXPECT_EQ(refusal([&] { trainer(model, boxes, {{"flip", int64_t(1)}}); }),
              "The option flip (1) is of images with a class each; those of a detector are changed by the option augment, boxes included.");
    EXPECT_EQ(refusal([&] { trainer(classifier, classes, {{"focal_gamma", 2.0}}); }),
              "The option focal_gamma (2) is of models that detect objects; this one classifies images.");
    const auto softmax = detector("ssdlite_mobilenet_v2", {{"width", 0.25}, {"resolution", int64_t(96)}, {"scores", std::string("softmax")}});
    EXPECT_EQ(refusal([&] { trainer(softmax, boxes, {{"focal_gamma", 2.0}}); }),
              "The focal loss (focal_gamma 2) needs a model with sigmoid scores (this one has softmax).");
}

} // namespace lemnos::test
