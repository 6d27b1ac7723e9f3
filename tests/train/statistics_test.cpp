// Running statistics: against a computation in double from the pixels, frozen layer by layer, and what is said of
// statistics over single examples.
#include "data/shuffle.h"
#include "refusal.h"
#include "train/evaluation.h"
#include "train/scales.h"
#include "train/trainer.h"
#include "unit/scratch.h"

#include <cmath>

namespace lemnos::test {
namespace {

struct Statistics : OpTest {};

constexpr double share = 0.3;
const std::vector<std::string> layers{"a", "b", "c"};

Attributes with(Attributes options, const Attributes& more) {
    for (const auto& [name, value] : more.all()) options.set(name, value);
    return options;
}

std::unique_ptr<Trainer> trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> data, const Attributes& options) {
    const Attributes usual{{"batch", int64_t(8)}, {"micro_batch", int64_t(4)}, {"epochs", int64_t(1)}, {"seed", int64_t(5)},
                           {"tail", std::string("include")}, {"statistics_momentum", share}};
    return std::make_unique<Trainer>(std::move(model), std::move(data), Optimizer("adamw", {{"rate", 0.01}, {"weight_decay", 0.1}}),
                                     Schedule("constant", {}), with(usual, options));
}

void train(Trainer& trainer) {
    while (trainer.step()) {}
    trainer.progress(true);
}

// What the cells of a layer hold in one channel, for one image.
std::vector<double> cells(const std::string& layer, const Dataset& data, uint32_t image, int channel) {
    std::vector<uint8_t> pixels(size_t(data.shape().bytes()));
    int32_t label = 0;
    data.read(image, pixels.data(), label);
    std::vector<double> values;
    const int step = layer == "b" ? 2 : 1;
    for (int y = 0; y < scales_size; y += step)
        for (int x = 0; x < scales_size; x += step)
            values.push_back((pixels[size_t((y * scales_size + x) * scales_channels + channel)] / 255.0 - 0.5) / 0.25);
    if (layer != "c") return values;
    double sum = 0;
    for (double value : values) sum += value;
    return {sum / double(values.size())};
}

struct Moments {
    double mean = 0, variance = 1;
};

// The running statistics of a channel after one epoch in the trainer's order.
Moments expected(const std::string& layer, const Dataset& data, int channel, int64_t batch, bool pytorch) {
    std::vector<uint32_t> order(size_t(data.size()));
    shuffled_order(5, 0, order);
    Moments running;
    double second = 1; // the running raw moment, E[x^2]
    for (int64_t first = 0; first < data.size(); first += batch) {
        std::vector<double> values;
        for (int64_t i = first; i < std::min(first + batch, data.size()); ++i)
            for (double value : cells(layer, data, order[size_t(i)], channel)) values.push_back(value);
        double mean = 0, variance = 0;
        for (double value : values) mean += value / double(values.size());
        for (double value : values) variance += (value - mean) * (value - mean) / double(values.size());
        const auto n = double(values.size());
        running.mean += share * (mean - running.mean);
        second += share * (variance + mean * mean - second);
        const double unbiased = n > 1 ? variance * n / (n - 1) : variance;
        running.variance = pytorch ? (1 - share) * running.variance + share * unbiased : second - running.mean * running.mean;
    }
    return running;
}

std::vector<float> tensors_of(const Model& model, const std::string& layer, const std::vector<const char*>& names) {
    std::vector<float> all;
    for (const char* name : names) {
        const std::vector<float> values = model.read(layer + name);
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

std::vector<float> statistics_of(const Model& model, const std::string& layer) {
    return tensors_of(model, layer, {".running_mean", ".running_var"});
}

} // namespace

// Layers of 36, 9 and 1 cells; batches of 8 and a last one of 6, 5 or 1, whose last micro-batch is full, part or alone. Where
// one image is left, layer c has one value in all, whose unbiased variance is taken to be 0.
TEST_F(Statistics, AgreeWithThePixels) {
    for (const char* kind : {"moments", "pytorch"})
        for (int64_t images : {22, 21, 17})
            for (const auto& [micro, ghost] : {std::pair<int64_t, int64_t>{8, 0}, {4, 0}, {4, 2}}) {
                SCOPED_TRACE(text(kind, ", ", images, " images, micro-batch ", micro, ", ghost ", ghost));
                const auto data = noisy_pictures(images);
                const auto model = scales_model();
                train(*trainer(model, data, {{"micro_batch", micro}, {"ghost", ghost}, {"statistics", std::string(kind)}}));
                for (const std::string& layer : layers)
                    for (int channel = 0; channel < scales_channels; ++channel) {
                        const Moments wanted = expected(layer, *data, channel, 8, std::string(kind) == "pytorch");
                        // Sums of a few hundred numbers of size 1, rounded pairwise; 1 / n would be wrong by 1e-3 and more.
                        EXPECT_NEAR(model->read(layer + ".running_mean")[size_t(channel)], wanted.mean, 2e-6) << layer;
                        EXPECT_NEAR(model->read(layer + ".running_var")[size_t(channel)], wanted.variance, 2e-6) << layer;
                    }
            }
}

// One binding of the second device covers 64 blocks of the 200.
TEST_F(Statistics, DoNotMindHowTheArenaIsCut) {
    constexpr int64_t blocks = 200;
    const TensorType arena{DataType::f32, {blocks, ArenaLayout::block}};
    const auto numbers = [&](int64_t count, double low, double high) {
        std::vector<float> values(static_cast<size_t>(count));
        for (float& value : values) value = float(random.number(low, high));
        return values;
    };
    const int64_t elements = arena.elements();
    const std::vector<std::vector<float>> given{numbers(elements, -2, 2), numbers(elements, 0, 4), numbers(elements, -2, 2), numbers(elements, 0, 4)};
    std::vector<float> cells(blocks);
    for (size_t i = 0; i < cells.size(); ++i) cells[i] = float(i * 7 % 5); // 0 every fifth time
    const float part = 0.25f, examples = 3;
    for (int64_t range : {0, 16384}) {
        const auto on = range ? device(range) : device();
        Graph graph;
        Bindings bindings;
        const auto input = [&](const char* name, TensorType type, const float* values) {
            const Value value = graph.input(name, type);
            const auto buffer = Buffer::create(on, BufferKind::device, type.bytes(), name);
            bindings[value] = {buffer, 0, type.bytes()};
            bindings[value].write(values);
            return value;
        };
        std::vector<Value> inputs;
        for (const char* name : {"mean", "variance", "new mean", "new variance"})
            inputs.push_back(input(name, arena, given[inputs.size()].data()));
        inputs.push_back(input("share", {DataType::f32, {1}}, &part));
        inputs.push_back(input("cells", {DataType::f32, {blocks}}, cells.data()));
        inputs.push_back(input("examples", {DataType::f32, {1}}, &examples));
        const Value merged = graph.add("merge_moments", inputs);
        bindings[merged] = bindings[inputs[0]];
        bindings[{merged.node, 1}] = bindings[inputs[1]];
        const auto plan = Plan::compile(on, graph, bindings);
        plan->run();
        EXPECT_EQ(plan->dispatches(), range ? 4 : 1);
        std::vector<float> mean(static_cast<size_t>(elements)), variance = mean;
        bindings[inputs[0]].read(mean.data());
        bindings[inputs[1]].read(variance.data());
        for (size_t i = 0; i < mean.size(); ++i) {
            const double n = double(cells[i / size_t(ArenaLayout::block)]) * double(examples), a = n == 0 ? 0 : 0.25;
            ASSERT_NEAR(mean[i], given[0][i] + a * (double(given[2][i]) - given[0][i]), 1e-6) << i;
            ASSERT_NEAR(variance[i], (1 - a) * given[1][i] + (n == 0 ? 0 : a * given[3][i] * n / (n - 1)), 1e-6) << i;
        }
    }
}

TEST_F(Statistics, StayInSkippedSteps) {
    for (const char* kind : {"moments", "pytorch"}) {
        const auto model = scales_model();
        std::vector<float> weights = model->read("head.weight");
        for (size_t i = 0; i < weights.size(); ++i) weights[i] = i % 2 ? 1e12f : -1e12f;
        model->write("head.weight", weights);
        const std::vector<float> before = model->states().read();
        const auto t = trainer(model, noisy_pictures(8), {{"statistics", std::string(kind)}, {"loss_scaling", int64_t(1)}, {"loss_scale", 1e30}});
        train(*t);
        EXPECT_EQ(t->progress(true).skipped_steps, 1);
        EXPECT_TRUE(same_bits(before, model->states().read())) << kind;
    }
}

TEST_F(Statistics, OfAnotherKindAreNotResumed) {
    const ScratchFolder folder;
    const std::string path = folder.file("run.checkpoint");
    const auto data = noisy_pictures(16);
    trainer(scales_model(), data, {})->save(path);
    expect_refusal(ErrorCode::invalid_argument, {"its option statistics is moments (here pytorch)."},
                   [&] { trainer(scales_model(), data, {{"statistics", std::string("pytorch")}})->resume(path); });
    expect_refusal(ErrorCode::invalid_argument, {"its option frozen_statistics is empty (here b)."},
                   [&] { trainer(scales_model(), data, {{"frozen_statistics", std::string("b")}})->resume(path); });
}

// ---- frozen ---------------------------------------------------------------------------------------------------------

// The statistics of the other layers are those of a training in which nothing is frozen, for all see the pixels alone.
TEST_F(Statistics, FrozenKeepTheirBitsWhileOthersMove) {
    for (const char* kind : {"moments", "pytorch"}) {
        const auto data = noisy_pictures(22);
        const auto free = scales_model();
        const std::vector<float> before = free->states().read();
        train(*trainer(free, data, {{"statistics", std::string(kind)}}));
        for (const std::string& layer : layers) EXPECT_FALSE(same_bits(statistics_of(*free, layer), statistics_of(*scales_model(), layer)));
        for (const char* patterns : {"a", "b", "c", "a; c", "a b", "?"}) {
            SCOPED_TRACE(patterns);
            const auto model = scales_model();
            train(*trainer(model, data, {{"statistics", std::string(kind)}, {"frozen_statistics", std::string(patterns)}}));
            for (const std::string& layer : layers) {
                const bool frozen = std::string(patterns).find(layer) != std::string::npos || std::string(patterns) == "?";
                EXPECT_TRUE(same_bits(statistics_of(*model, layer), statistics_of(frozen ? *scales_model() : *free, layer))) << layer;
            }
            EXPECT_FALSE(same_bits(model->parameters().read(), free->parameters().read())) << "batch statistics were used";
            if (std::string(patterns) == "?") {
                EXPECT_TRUE(same_bits(model->states().read(), before));
            }
        }
    }
}

// With all statistics frozen a training sees what an evaluation sees, whatever the micro-batch.
TEST_F(Statistics, FrozenGiveTheLossOfAnEvaluation) {
    const auto data = noisy_pictures(16);
    const auto prepared = [] {
        auto model = scales_model();
        model->write("a.running_mean", {0.5f, -1, 0});
        model->write("a.running_var", {2, 0.5f, 3});
        model->write("c.running_var", {0.01f, 1, 4});
        return model;
    };
    const double evaluated = evaluate(*prepared(), *data, 16).loss();
    for (int64_t micro : {16, 4, 1}) {
        const auto t = trainer(prepared(), data, {{"batch", int64_t(16)}, {"micro_batch", micro}, {"frozen_statistics", std::string("*")}});
        train(*t);
        EXPECT_NEAR(t->progress(true).loss, evaluated, 1e-5);
    }
    const auto t = trainer(prepared(), data, {{"batch", int64_t(16)}, {"micro_batch", int64_t(16)}});
    train(*t);
    EXPECT_GT(std::abs(t->progress(true).loss - evaluated), 1e-2);
}

TEST_F(Statistics, FrozenWithTheirParametersAreAConstantLayer) {
    const auto model = scales_model();
    const std::vector<const char*> all{".weight", ".bias", ".running_mean", ".running_var"};
    model->write("b.weight", {0.5f, -0.0f, 2});
    const std::vector<float> a = tensors_of(*model, "a", all), b = tensors_of(*model, "b", all);
    const auto t = trainer(model, noisy_pictures(40), {{"frozen_statistics", std::string("b")}, {"policies", std::string("b.* frozen")}, {"average", 0.9}});
    train(*t);
    EXPECT_TRUE(same_bits(tensors_of(*model, "b", all), b));
    EXPECT_FALSE(same_bits(tensors_of(*model, "a", all), a));
    t->swap_average();
    EXPECT_TRUE(same_bits(tensors_of(*model, "b", all), b));
}

TEST_F(Statistics, FrozenThatFitNothingAreRefused) {
    expect_refusal(ErrorCode::invalid_argument, {"The pattern \"d.*\" fits no layer of batch normalisation of the model (the first is named \"a\")."},
                   [&] { trainer(scales_model(), noisy_pictures(16), {{"frozen_statistics", std::string("a; d.*")}}); });
}

// ---- single examples ------------------------------------------------------------------------------------------------

TEST_F(Statistics, OverSingleExamplesAreWarnedOfOnce) {
    std::vector<std::string> lines;
    DeviceOptions options;
    options.log = Log(Log::warning, [&](std::string_view line) { lines.emplace_back(line); });
    const auto own = Device::open(options);
    const auto warnings = [&](bool single_cell, const Attributes& given) {
        lines.clear();
        const auto t = trainer(scales_model(own, single_cell), noisy_pictures(16), given);
        train(*t);
        return lines;
    };
    using Lines = std::vector<std::string>;
    const std::string helps = " a larger batch, group normalisation or the option frozen_statistics helps.";
    const Attributes one{{"batch", int64_t(1)}, {"micro_batch", int64_t(0)}}, ghosts{{"ghost", int64_t(1)}};
    EXPECT_EQ(warnings(false, one), (Lines{"lemnos,1,warning,The batch statistics of a are taken over a single example (the micro-batch "
                                           "is 1);" + helps}));
    EXPECT_EQ(warnings(false, ghosts), (Lines{"lemnos,1,warning,The batch statistics of a are taken over a single example (the ghost "
                                              "size is 1);" + helps}));
    EXPECT_EQ(warnings(true, one), (Lines{"lemnos,1,warning,The batch statistics of c are taken over a single cell, so that its output "
                                          "is the same for every image (the micro-batch is 1);" + helps}));
    EXPECT_EQ(warnings(true, with(one, {{"frozen_statistics", std::string("*")}})), Lines{});
    EXPECT_EQ(warnings(true, {{"batch", int64_t(2)}, {"micro_batch", int64_t(2)}}), Lines{});
    EXPECT_EQ(warnings(true, with(ghosts, {{"ghost", int64_t(2)}})), Lines{});
    EXPECT_EQ(warnings(false, {{"policies", std::string("@gamma target=1 decay=0")}}),
              (Lines{"lemnos,1,warning,The target 1 of a.weight is of no use: its weight decay is 0."}));
    // An epoch's last batch: 16 images in batches of 5 and 15.
    for (const int64_t batch : {5, 15})
        EXPECT_EQ(warnings(false, {{"batch", batch}, {"micro_batch", batch}, {"tail", std::string("include")}}),
                  (Lines{text("lemnos,1,warning,The last batch of each epoch ends with a single image (16 images in batches of ", batch,
                              "), whose statistics count as those of the others; another batch or tail=drop avoids it.")}));

    // Statistics of single images, over the 1 x 1 cells of a network's end.
    lines.clear();
    const auto model = std::make_shared<Model>(own, build_architecture("mobilenet_v1", {{"width", 0.25}, {"resolution", int64_t(scales_size)},
                                                                                        {"norm", std::string("instance")}, {"classes", int64_t(2)}}));
    model->initialise(1);
    trainer(model, noisy_pictures(16), {{"batch", int64_t(4)}});
    EXPECT_EQ(lines, (Lines{"lemnos,1,warning,The statistics of features.4.1 are taken over a single cell of each image, so that its output "
                            "is the same for every image; larger images, fewer groups or batch normalisation help."}));
    own->close();
}

} // namespace lemnos::test
