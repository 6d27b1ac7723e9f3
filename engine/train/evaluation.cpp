#include "train/evaluation.h"

#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <numeric>

namespace lemnos {

static constexpr int64_t default_batch = 100, default_detector_batch = 8;

void require_fit(const Architecture& architecture, const Dataset& dataset) {
    const bool detects = architecture.detection.has_value();
    require(detects == (dataset.most_boxes() > 0), "The data set's images have ", dataset.most_boxes() > 0 ? "boxes" : "a class each",
            ", and the model ", architecture.name, detects ? " finds objects (boxes are needed)." : " classifies images (classes are needed).");
    const RecordShape shape = dataset.shape();
    require(shape.height == architecture.height() && shape.width == architecture.width() &&
                shape.channels == architecture.channels(),
            "The data set's images (", to_string(shape), ") are not the model's (", architecture.height(), " x ",
            architecture.width(), " x ", architecture.channels(), ").");
    require(dataset.classes() <= architecture.classes(), "The data set has ", dataset.classes(), " classes (the model has ",
            architecture.classes(), ").");
    require(dataset.size() > 0, "The data set has no images.");
}

Metrics evaluate(const Model& model, const Dataset& dataset, int64_t asked) {
    require(!model.architecture().detection, "The model ", model.architecture().name, " finds objects: it has an average precision, not an accuracy.");
    require(asked >= 0, "The evaluation batch (", asked, ") is negative (0: a good default).");
    require_fit(model.architecture(), dataset);
    const auto start = std::chrono::steady_clock::now();
    const int64_t batch = std::min(asked ? asked : default_batch, dataset.size());

    Network network = instantiate(model.architecture(), {.batch = batch, .fold = true, .weigh = model.weighs()});
    Graph& graph = network.graph;
    const Value labels = graph.input("labels", {DataType::i32, {batch}});
    const Value weights = graph.input("weights", {DataType::f32, {batch}});
    const Value loss = graph.add("softmax_cross_entropy", {network.logits, labels, weights});
    const Value correct = graph.add("count_correct", {network.logits, labels, weights});
    Folding folding(model, network);
    Bindings bindings;
    model.bind(network, bindings);
    folding.bind(bindings);
    const auto replay = Replay::compile(model.device(), graph, bindings,
                                        {network.pixels, network.sample_index, network.step, labels, weights},
                                        {loss, correct}, {.plan = {.name = "evaluate", .keep_derived = true}});

    Metrics metrics;
    std::deque<std::pair<int, int64_t>> running; // slots and their images
    const auto collect = [&] {
        const auto [slot, images] = running.front();
        running.pop_front();
        replay->wait(slot);
        metrics.images += images;
        metrics.loss_sum += double(*replay->fetched<float>(slot, loss));
        metrics.correct += int64_t(*replay->fetched<float>(slot, correct));
    };
    BatchLoader loader(dataset, batch, replay->slots() + 1);
    std::vector<uint32_t> order(size_t(dataset.size()));
    std::iota(order.begin(), order.end(), 0u);
    loader.start(std::move(order));
    while (const FilledSlot* filled = loader.next()) {
        if (int(running.size()) == replay->slots()) collect();
        const int slot = replay->begin();
        std::memcpy(replay->feed<uint8_t>(slot, network.pixels), filled->memory.pixels,
                    size_t(batch * dataset.shape().bytes()));
        std::memcpy(replay->feed<int32_t>(slot, labels), filled->memory.labels, size_t(batch) * 4);
        std::memcpy(replay->feed<uint32_t>(slot, network.sample_index), filled->memory.samples, size_t(batch) * 4);
        std::fill_n(replay->feed<int32_t>(slot, network.step), 4, 0);
        for (int64_t i = 0; i < batch; ++i) replay->feed<float>(slot, weights)[i] = i < filled->valid ? 1.0f : 0.0f;
        const int64_t images = filled->valid;
        loader.release(filled);
        folding.submit(*replay, slot);
        running.emplace_back(slot, images);
    }
    while (!running.empty()) collect();
    metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return metrics;
}

BoxMetrics evaluate_boxes(std::shared_ptr<const Model> model, const Dataset& dataset, int64_t asked, const ObjectOptions& options,
                          Precision precision) {
    require(asked >= 0, "The evaluation batch (", asked, ") is negative (0: a good default).");
    const Architecture& architecture = model->architecture();
    require(architecture.detection.has_value(), "The model ", architecture.name, " classifies images and finds no boxes.");
    require_fit(architecture, dataset);
    const auto start = std::chrono::steady_clock::now();
    const int64_t batch = std::min(asked ? asked : default_detector_batch, dataset.size());
    Predictor predictor(std::move(model), batch, {.objects = options, .precision = precision});
    std::vector<float> results(size_t(checked_multiply(batch, predictor.outputs())));
    BoxMetrics metrics{AveragePrecision(int(architecture.classes())), 0};
    BatchLoader loader(dataset, batch, 2);
    std::vector<uint32_t> order(size_t(dataset.size()));
    std::iota(order.begin(), order.end(), 0u);
    loader.start(std::move(order));
    while (const FilledSlot* filled = loader.next()) {
        predictor.run(filled->memory.pixels, filled->valid, results.data());
        for (int64_t i = 0; i < filled->valid; ++i) {
            std::vector<FoundBox> found;
            const float* row = results.data() + i * predictor.outputs();
            for (int64_t k = 0; k < options.limit && row[0] >= 0; ++k, row += object_columns)
                found.push_back({row[1], {row[0], row[2], row[3], row[4], row[5]}});
            metrics.precision.add(dataset.boxes(filled->memory.samples[i]), found);
        }
        loader.release(filled);
    }
    metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return metrics;
}

} // namespace lemnos
