#include "train/evaluation.h"

#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <numeric>

namespace lemnos {

static constexpr int64_t default_batch = 100;

void require_fit(const Architecture& architecture, const Dataset& dataset) {
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
                                        {loss, correct}, {.plan = {.name = "evaluate"}});

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

Predictor::Predictor(std::shared_ptr<const Model> model, int64_t batch, MemoryOptions memory)
    : model_(std::move(model)), batch_(batch), memory_(memory), pixels_(model_->architecture().pixels) {
    require(batch >= 1, "The predictor's batch (", batch, ") must be at least 1.");
    form();
}

Predictor::Form& Predictor::form() {
    const bool weigh = model_->weighs();
    std::unique_ptr<Form>& compiled = weigh ? weighing_ : plain_;
    if (compiled) return *compiled;
    auto form = std::make_unique<Form>();
    NetworkOptions options{.batch = batch_, .pixels = pixels_, .fold = true, .weigh = weigh};
    const auto add_softmax = [](Network& network) { return std::vector{network.graph.add("softmax", {network.logits})}; };
    MemoryPlan plan = plan_memory(model_->architecture(), options, model_->device()->profile(), memory_, add_softmax);
    options.channel_groups = std::move(plan.channel_groups);
    form->workspace_bytes_without = plan.workspace_bytes_without;
    form->network = instantiate(model_->architecture(), options);
    Network& network = form->network;
    form->probabilities = add_softmax(network)[0];
    form->folding = std::make_unique<Folding>(*model_, network);
    Bindings bindings;
    model_->bind(network, bindings);
    form->folding->bind(bindings);
    form->replay = Replay::compile(model_->device(), network.graph, bindings, {network.pixels, network.sample_index, network.step},
                                   {form->probabilities}, {.slots = 1, .plan = {.name = "predict"}});
    compiled = std::move(form);
    return *compiled;
}

Predictor::Memory Predictor::memory() {
    const Form& form = this->form();
    return {form.replay->plan().workspace_bytes(), form.workspace_bytes_without, form.folding->bytes(), form.network.transforms};
}

void Predictor::run(const uint8_t* pixels, int64_t count, float* probabilities) {
    Form& form = this->form();
    const Network& network = form.network;
    Replay& replay = *form.replay;
    const Shape& shape = network.graph.shape(network.pixels);
    const int64_t image_bytes = shape[1] * shape[2] * shape[3], classes = model_->architecture().classes();
    for (int64_t done = 0; done < count; done += shape[0]) {
        const int64_t part = std::min(shape[0], count - done);
        const int slot = replay.begin();
        uint8_t* feed = replay.feed<uint8_t>(slot, network.pixels);
        std::memcpy(feed, pixels + done * image_bytes, size_t(part * image_bytes));
        std::memset(feed + part * image_bytes, 0, size_t((shape[0] - part) * image_bytes));
        std::fill_n(replay.feed<int32_t>(slot, network.sample_index), shape[0], 0);
        std::fill_n(replay.feed<int32_t>(slot, network.step), 4, 0);
        form.folding->submit(replay, slot);
        replay.wait(slot);
        std::memcpy(probabilities + done * classes, replay.fetched<float>(slot, form.probabilities), size_t(part * classes) * 4);
    }
}

} // namespace lemnos
