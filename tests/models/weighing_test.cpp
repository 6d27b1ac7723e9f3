// Inference example weighing: what alphas make of a model's predictions, against a computation in double from the pixels.
#include "reference/elementwise.h"
#include "reference/loss.h"
#include "reference/normalisation.h"
#include "reference/pooling.h"
#include "refusal.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "train/scales.h"
#include "unit/scratch.h"

#include <cmath>
#include <thread>

namespace lemnos::test {

namespace {

constexpr int64_t images = 8, batch = 3; // that does not divide them
using Alphas = std::map<std::string, double>;

std::vector<uint8_t> pixels_of(const Dataset& data) {
    std::vector<uint8_t> pixels(size_t(data.size() * data.shape().bytes()));
    int32_t label = 0;
    for (int64_t i = 0; i < data.size(); ++i) data.read(i, pixels.data() + i * data.shape().bytes(), label);
    return pixels;
}

// The network of scales.h.
Tensor expected(const Model& model, const Dataset& data, const Alphas& alphas) {
    const auto vector = [&](const std::string& name) {
        const std::vector<float> values = model.read(name);
        return Tensor({int64_t(values.size())}, std::vector<double>(values.begin(), values.end()));
    };
    const auto normalised = [&](const std::string& layer, const Tensor& x) {
        const auto alpha = alphas.find(layer);
        return reference::batch_norm_weighed(x, vector(layer + ".weight"), vector(layer + ".bias"),
                                             vector(layer + ".running_mean"), vector(layer + ".running_var"),
                                             alpha == alphas.end() ? 0 : alpha->second, 1e-5);
    };
    const auto pooled = [&](const Tensor& x) {
        return reference::global_average_pool(reference::activate(reference::relu(), x));
    };
    Tensor image({data.size(), scales_size, scales_size, scales_channels});
    const std::vector<uint8_t> pixels = pixels_of(data);
    for (size_t i = 0; i < pixels.size(); ++i) image[int64_t(i)] = (pixels[i] / 255.0 - 0.5) / 0.25;
    const Tensor half = reference::max_pool(image, {.stride_y = 2, .stride_x = 2});
    const Tensor features = reference::add(reference::add(pooled(normalised("a", image)), pooled(normalised("b", half))),
                                           normalised("c", reference::global_average_pool(image)));
    const Tensor weight = vector("head.weight"), bias = vector("head.bias"); // the former [class][channel]
    Tensor logits({data.size(), 2});
    for (int64_t i = 0; i < logits.size(); ++i) {
        logits[i] = bias[i % 2];
        for (int64_t c = 0; c < scales_channels; ++c)
            logits[i] += weight[i % 2 * scales_channels + c] * features[i / 2 * scales_channels + c];
    }
    return reference::softmax(logits);
}

std::vector<float> predicted(Predictor& predictor, const Dataset& data) {
    std::vector<float> probabilities(size_t(data.size() * predictor.model().architecture().classes()));
    predictor.run(pixels_of(data).data(), data.size(), probabilities.data());
    return probabilities;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, double(std::abs(a[i] - b[i])));
    return largest;
}

// Statistics far from those of the images, so that alphas matter.
std::shared_ptr<Model> trained_elsewhere() {
    auto model = scales_model();
    for (const std::string layer : {"a", "b", "c"}) {
        model->write(layer + ".running_mean", {0.5f, -1, 0.25f});
        model->write(layer + ".running_var", {2, 0.5f, 3});
        model->write(layer + ".weight", {1, -0.5f, 2});
        model->write(layer + ".bias", {0.25f, 0, -0.5f});
    }
    return model;
}

} // namespace

struct Weighing : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        data = noisy_pictures(images);
        model = trained_elsewhere();
        predictor = std::make_unique<Predictor>(model, batch);
    }
    // Of sums of at most 36 numbers of size 1 to 10, and exp.
    void expect_predictions(const Alphas& alphas) {
        const Tensor wanted = expected(*model, *data, alphas);
        const std::vector<float> probabilities = predicted(*predictor, *data);
        double loss = 0;
        for (int64_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(probabilities[size_t(i)], wanted[i], 1e-5) << i;
        for (int64_t i = 0; i < images; ++i) loss -= std::log(wanted[2 * i + i % 2]) / double(images);
        EXPECT_NEAR(evaluate(*model, *data, batch).loss(), loss, 1e-5 * std::max(1.0, loss));
    }
    std::shared_ptr<const Dataset> data;
    std::shared_ptr<Model> model;
    std::unique_ptr<Predictor> predictor;
};

TEST_F(Weighing, MixesTheImagesOwnMomentsIn) {
    expect_predictions({});
    const Tensor without = expected(*model, *data, {});
    for (double alpha : {1.0 / 128, 0.25, 1.0}) {
        model->set_alpha("*", alpha);
        EXPECT_TRUE(model->weighs());
        expect_predictions({{"a", alpha}, {"b", alpha}, {"c", alpha}});
    }
    EXPECT_GT(reference::largest_magnitude(reference::subtract(expected(*model, *data, {{"a", 1}, {"b", 1}, {"c", 1}}), without)),
              0.1);
    model->set_alpha("*", 0);
    EXPECT_FALSE(model->weighs());
    expect_predictions({});
}

TEST_F(Weighing, IsSetLayerByLayer) {
    model->set_alpha("b", 0.5);
    expect_predictions({{"b", 0.5}});
    model->set_alpha("?", 0.125);
    model->set_alpha("c*", 0);
    expect_predictions({{"a", 0.125}, {"b", 0.125}});
    model->set_alpha("a", 0);
    expect_predictions({{"b", 0.125}});
}

// An alpha of nearly 0 runs the form that folds nothing.
TEST_F(Weighing, OfNothingIsTheFoldedNetwork) {
    const auto folded = std::make_shared<Model>(device(), build_architecture("resnet20_cifar", {{"resolution", int64_t(scales_size)}}));
    folded->initialise(4);
    for (const Segment& state : folded->states().layout->segments()) {
        const bool mean = state.name.ends_with("mean");
        const Tensor values = random.uniform(state.shape, mean ? -0.5 : 0.5, mean ? 0.5 : 2);
        folded->write(state.name, std::vector<float>(values.data.begin(), values.data.end()));
    }
    Predictor own(folded, batch);
    const std::vector<float> before = predicted(own, *data);
    folded->set_alpha("*", 1e-30);
    EXPECT_LE(largest_difference(predicted(own, *data), before), 1e-5);
    folded->set_alpha("layer2.*", 0.5);
    EXPECT_GT(largest_difference(predicted(own, *data), before), 1e-3);
    folded->set_alpha("*", 0);
    EXPECT_EQ(predicted(own, *data), before);
}

TEST_F(Weighing, CompilesNothingWhenAlphaChanges) {
    model->set_alpha("*", 0.5);
    std::vector<float> last = predicted(*predictor, *data);
    const auto counters = [] {
        const DeviceCounters& now = device()->counters();
        return std::vector<int64_t>{now.pipelines, now.allocations, now.buffers, now.descriptor_writes};
    };
    const std::vector<int64_t> before = counters();
    for (double alpha : {0.25, 1.0, 1.0 / 128}) {
        model->set_alpha("*", alpha);
        const std::vector<float> now = predicted(*predictor, *data);
        EXPECT_NE(now, last) << alpha;
        last = now;
    }
    // Both forms are there by now.
    model->set_alpha("*", 0);
    predicted(*predictor, *data);
    model->set_alpha("a", 0.5);
    predicted(*predictor, *data);
    EXPECT_EQ(counters(), before);
}

TEST_F(Weighing, RefusesWhatItCannotSet) {
    model->set_alpha("a", 0.5);
    const auto alphas = model->architecture().alpha;
    const std::vector<float> before = predicted(*predictor, *data);
    for (const char* pattern : {"d", "a.*", "", "A"})
        expect_refusal(ErrorCode::not_found,
                       {text("No layer of batch normalisation fits \"", pattern, "\" (the first is named \"a\").")},
                       [&] { model->set_alpha(pattern, 0.25); });
    for (const auto& [alpha, words] : {std::pair{-0.1, "-0.1"}, {1.5, "1.5"}, {std::nan(""), "nan"}, {HUGE_VAL, "inf"}})
        expect_refusal(ErrorCode::invalid_argument,
                       {text("The weight alpha of an image's own moments (", words, ") is not from 0 to 1.")},
                       [&, number = alpha] { model->set_alpha("*", number); });
    EXPECT_EQ(model->architecture().alpha, alphas);
    EXPECT_EQ(predicted(*predictor, *data), before);
}

TEST_F(Weighing, IsSavedWithTheModel) {
    const ScratchFolder folder;
    model->set_alpha("a", 0.1);
    model->set_alpha("c", 1);
    model->save(folder.file("model"));
    const auto loaded = Model::load(device(), folder.file("model"));
    EXPECT_TRUE(loaded->weighs());
    EXPECT_EQ(loaded->architecture().alpha, (Alphas{{"a", 0.1}, {"c", 1}}));
    Predictor other(loaded, batch);
    EXPECT_EQ(predicted(other, *data), predicted(*predictor, *data));
}

TEST_F(Weighing, RefusesFilesThatMakeNoSense) {
    const ScratchFolder folder;
    model->save(folder.file("model"));
    const std::string metadata = SafetensorsFile::open(folder.file("model")).metadata().at("lemnos.model");
    const auto refusal = [&](const std::string& from, const std::string& to) -> std::string {
        std::string changed = metadata;
        const size_t at = changed.find(from);
        EXPECT_NE(at, std::string::npos) << from << " in " << metadata;
        changed.replace(at, from.size(), to);
        ModelWriter writer;
        writer.add(model->parameters());
        writer.add(model->states());
        writer.add_architecture(model->architecture());
        writer.add_metadata("lemnos.model", changed);
        writer.write(folder.file("changed"), Seal::none);
        try {
            Model::load(device(), folder.file("changed"));
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::file_malformed);
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal("\"alpha\":{}", "\"alpha\":{\"a\":2.0}").find("The alpha of a (2) is not from 0 to 1."), std::string::npos);
    EXPECT_NE(refusal("\"alpha\":{}", "\"alpha\":{\"d\":0.5}").find("There is an alpha of d, which is no layer of batch normalisation."),
              std::string::npos);
    EXPECT_NE(refusal("\"trained_together\":0", "\"trained_together\":-5").find("(-5) are negative"), std::string::npos);
    EXPECT_NE(refusal("\"deviation\":[", "\"deviation\":[-").find("is not above 0."), std::string::npos);
    EXPECT_NE(refusal("\"auxiliary\":[-1,0]", "\"auxiliary\":[1,99]").find("1:99"), std::string::npos);
}

// A layer whose statistics are another layer's, or no states, would have its moments written anywhere.
TEST_F(Weighing, RefusesStatisticsThatAreNotALayersOwn) {
    for (const int which : {0, 1, 2}) {
        Architecture network;
        network.name = "shared";
        network.image = network.graph.input("image", {DataType::f32, {1, 4, 4, 2}});
        network.pixels = {{0.5, 0.5}, {0.5, 0.5}};
        LayerBuilder layers(network, {});
        const Value first = layers.normalisation(network.image, "a", "none");
        const std::vector<Value> inputs = network.graph.node(first.node).inputs;
        const std::vector<Value> own{first, inputs[1], inputs[2], which == 2 ? inputs[2] : inputs[4], inputs[3]};
        const Value second = layers.add("batch_norm", own, {}, which == 1 ? "a" : "b");
        network.logits = layers.linear(layers.global_average_pool(second), "head", 2, 0.5);
        try {
            Model(device(), network);
            ADD_FAILURE() << which;
        } catch (const Error& error) {
            const std::string expected = which == 1 ? "A layer of batch normalisation has the name of another, a."
                                                    : "The statistics of b are not states of its own.";
            EXPECT_EQ(error.what(), expected);
        }
    }
}

TEST_F(Weighing, StandsThreads) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            for (int round = 0; round < 200; ++round) {
                if (i == 3) model->snapshot();
                else model->set_alpha(i == 0 ? "a" : i == 1 ? "b" : "*", 0.25 * (round % 4));
            }
        });
    for (std::thread& thread : threads) thread.join();
    model->set_alpha("*", 0.5);
    for (const auto& [layer, alpha] : model->snapshot().alpha) EXPECT_EQ(alpha, 0.5) << layer;
}

// A predictor keeps the preparation of pixels that it was made with, in both of its forms.
TEST_F(Weighing, KeepsThePreparationOfPixels) {
    model->set_alpha("*", 0.25);
    const std::vector<float> weighed = predicted(*predictor, *data);
    model->set_alpha("*", 0);
    Predictor fresh(model, batch);
    const std::vector<float> plain = predicted(fresh, *data);
    model->set_pixels({std::vector<double>(scales_channels, 0.1), std::vector<double>(scales_channels, 0.9)});
    model->set_alpha("*", 0.25);
    EXPECT_EQ(predicted(fresh, *data), weighed);
    model->set_alpha("*", 0);
    EXPECT_EQ(predicted(fresh, *data), plain);
}

// Where training normalises each image on its own, inference does too, and there is nothing to weigh.
TEST_F(Weighing, NeedsRunningStatistics) {
    const auto grouped = std::make_shared<Model>(
        device(), build_architecture("resnet20_cifar", {{"resolution", int64_t(scales_size)}, {"norm", std::string("group:4")}}));
    grouped->initialise(5);
    Predictor own(grouped, batch);
    const std::vector<float> before = predicted(own, *data);
    expect_refusal(ErrorCode::not_found, {"No layer of batch normalisation fits \"*\" (the model has none)."},
                   [&] { grouped->set_alpha("*", 0.5); });
    EXPECT_FALSE(grouped->weighs());
    EXPECT_EQ(predicted(own, *data), before);
}

} // namespace lemnos::test
