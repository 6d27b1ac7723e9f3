#include "train/predictor.h"

#include <algorithm>
#include <cstring>

namespace lemnos {

std::span<const AttributeSpec> predictor_options() {
    static const std::vector<AttributeSpec> specs = [] {
        std::vector<AttributeSpec> all(memory_options().begin(), memory_options().end());
        const std::vector<AttributeSpec> objects = object_options({});
        all.insert(all.end(), objects.begin(), objects.end());
        all.push_back(precision_attribute("mixed: activations lie in memory as f16, at half the size; sums stay f32."));
        return all;
    }();
    return specs;
}

PredictorOptions predictor_options_from(Attributes given, const std::string& owner) {
    given.complete({predictor_options().begin(), predictor_options().end()}, owner);
    return {memory_options_from(given, owner), object_options_from(given), precision_of(given)};
}

Predictor::Predictor(std::shared_ptr<const Model> model, int64_t batch, PredictorOptions options)
    : model_(std::move(model)), batch_(batch), options_(options), pixels_(model_->architecture().pixels) {
    require(batch >= 1, "The predictor's batch (", batch, ") must be at least 1.");
    require_precision(*model_->device(), options_.precision);
    form();
}

int64_t Predictor::outputs() const {
    return model_->architecture().detection ? options_.objects.limit * object_columns
                                            : model_->architecture().classes();
}

Predictor::Form& Predictor::form() {
    const bool weigh = model_->weighs();
    std::unique_ptr<Form>& compiled = weigh ? weighing_ : plain_;
    if (compiled) return *compiled;
    auto form = std::make_unique<Form>();
    const Architecture& architecture = model_->architecture();
    NetworkOptions options{.batch = batch_, .pixels = pixels_, .fold = true, .weigh = weigh, .precision = options_.precision};
    const auto finish = [&](Network& network) -> std::vector<Value> {
        if (!architecture.detection) return {network.graph.add("softmax", {network.logits})};
        const Objects objects = add_objects(network, architecture, options_.objects);
        form->anchors = objects.anchors;
        return {objects.rows};
    };
    if (options_.memory.asks()) {
        MemoryPlan plan =
            plan_memory(architecture, options, model_->device()->profile(), options_.memory, finish);
        options.channel_groups = std::move(plan.channel_groups);
        form->workspace_bytes_without = plan.workspace_bytes_without;
    }
    form->network = instantiate(architecture, options);
    Network& network = form->network;
    form->results = finish(network)[0];
    form->folding = std::make_unique<Folding>(*model_, network);
    Bindings bindings;
    model_->bind(network, bindings);
    form->folding->bind(bindings);
    if (form->anchors) bindings[form->anchors] = model_->anchors();
    form->replay = Replay::compile(model_->device(), network.graph, bindings,
                                   {network.pixels, network.sample_index, network.step}, {form->results},
                                   {.slots = 1, .plan = {.name = "predict", .keep_derived = !options_.memory.asks()}});
    if (!options_.memory.asks()) form->workspace_bytes_without = form->replay->plan().workspace_bytes();
    compiled = std::move(form);
    return *compiled;
}

Predictor::Memory Predictor::memory() {
    const Form& form = this->form();
    return {form.replay->plan().workspace_bytes(), form.workspace_bytes_without, form.folding->bytes(),
            form.network.transforms};
}

void Predictor::run(const uint8_t* pixels, int64_t count, float* results) {
    Form& form = this->form();
    const Network& network = form.network;
    Replay& replay = *form.replay;
    const Shape& shape = network.graph.shape(network.pixels);
    const int64_t image_bytes = shape[1] * shape[2] * shape[3], each = outputs();
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
        std::memcpy(results + done * each, replay.fetched<float>(slot, form.results),
                    size_t(part * each) * 4);
    }
}

} // namespace lemnos
