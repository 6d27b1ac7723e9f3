// What a training computes on the device: the graph of a micro-batch, forward, loss and backward, with what it keeps and what it
// recomputes, and the update of the parameters.
#include "train/trainer.h"

#include "train/policy.h"

#include <set>

namespace lemnos {

static constexpr double auxiliary_weight = 0.4; // of a second classifier's loss (Szegedy et al., arXiv 1409.4842)

void Trainer::compile() {
    const std::shared_ptr<Device>& device = model_->device();
    require_precision(*device, precision_of(options_));
    const auto layout = model_->parameters().layout;
    gradients_ = Arena(device, layout, "gradients");
    if (measures_noise_) micro_gradients_ = Arena(device, layout, "micro-batch gradients");
    network_pixels_ = model_->architecture().pixels;
    network_ = instantiate(model_->architecture(), {.mode = Mode::training,
                                                     .batch = micro_batch_,
                                                     .crop_padding = options_.integer("crop"),
                                                     .flip = options_.boolean("flip"),
                                                     .ghost = options_.integer("ghost"),
                                                     .frozen_statistics = normalisations_fitting(
                                                         options_.text("frozen_statistics"), model_->architecture().graph),
                                                     .precision = precision_of(options_)});
    const std::vector<SegmentPolicy> policies = parse_policies(options_.text("policies"), model_->architecture().graph, *layout,
                                                               options_.choice("decay") == "weights");
    const double decay = optimizer_.weight_decay();
    for (size_t i = 0; i < policies.size(); ++i)
        if (policies[i].target != 0 && !policies[i].frozen && decay * policies[i].decay == 0) {
            device->log().line(Log::warning, "The target ", policies[i].target, " of ", layout->segments()[i].name, " is of no use: ",
                               decay == 0 ? "the optimizer's weight decay is 0." : "its weight decay is 0.");
            break;
        }
    update_ = std::make_unique<ParameterUpdate>(
        model_->parameters(), gradients_, optimizer_, policies,
        UpdateOptions{options_.real("clip_norm"), options_.real("clip_value"), options_.boolean("loss_scaling"),
                      options_.real("loss_scale"), options_.integer("loss_scale_interval"), options_.real("average")},
        make_moments(), [this](const UpdateReport& report) { take_report(report); });
    compile_accumulate(policies);
    running_.resize(size_t(accumulate_->slots()));
}

static const Segment& segment_of(const Arena& arena, const Graph& graph, Value leaf) {
    return *arena.layout->find(graph.node(leaf.node).name);
}

// Cells that an example has in the layer whose statistics these are.
static int64_t cells_of(const Graph& graph, const Network::Moments& moments) {
    const TensorType& x = graph.type(graph.node(moments.mean.node).inputs[0]);
    return x.elements() / (x.shape[0] * x.channels());
}

// The model's statistics begin with the means of all layers, and their variances follow in the same places. The moments of
// a batch lie likewise, with gaps where the statistics of a layer are frozen.
std::optional<StatisticsUpdate> Trainer::make_moments() {
    if (network_.moments.empty()) return {};
    const std::shared_ptr<Device>& device = model_->device();
    const Arena& states = model_->states();
    const auto place = [&](Value state) { return segment_of(states, network_.graph, state).offset; };
    const Network::Moments& first = network_.moments[0];
    moment_bytes_ = place(first.running_variance) - place(first.running_mean);
    moments_ = Buffer::create(device, BufferKind::device, 4 * moment_bytes_, "moments");
    device->fill(*moments_, 0, 4 * moment_bytes_, 0);

    std::vector<float> cells(size_t(moment_bytes_ / ArenaLayout::alignment), 0.0f);
    for (const Network::Moments& moments : network_.moments) {
        const Segment& segment = segment_of(states, network_.graph, moments.running_mean);
        std::fill_n(cells.begin() + segment.offset / ArenaLayout::alignment, divide_up(segment.elements, ArenaLayout::block),
                    float(cells_of(network_.graph, moments)));
    }
    const auto cell_bytes = int64_t(cells.size() * sizeof(float));
    cells_ = Buffer::create(device, BufferKind::device, cell_bytes, "cells");
    device->write(*cells_, 0, cells.data(), cell_bytes);
    StatisticsUpdate statistics;
    statistics.running_mean = {states.buffer, 0, moment_bytes_};
    statistics.running_variance = {states.buffer, moment_bytes_, moment_bytes_};
    statistics.mean = {moments_, 2 * moment_bytes_, moment_bytes_};
    statistics.variance = {moments_, 3 * moment_bytes_, moment_bytes_};
    statistics.cells = {cells_, 0, cell_bytes};
    statistics.unbiased = options_.choice("statistics") == "pytorch";
    return statistics;
}

// Statistics over one example are noise, and over one cell nothing: what is normalised is 0 whatever the image.
void Trainer::warn_of_single_examples() const {
    const Graph& graph = network_.graph;
    std::set<int32_t> batch_norms;
    for (const Network::Moments& moments : network_.moments) batch_norms.insert(moments.mean.node);
    for (int32_t index = 0; index < int32_t(graph.nodes().size()); ++index) { // each image's own cells
        const Node& node = graph.node(index);
        if (!node.op || std::string_view(node.op->name) != "normalisation" || batch_norms.contains(index)) continue;
        const TensorType& x = graph.type(node.inputs[0]);
        const int64_t groups = node.attributes.integer("groups"), span = groups ? x.channels() / groups : 1;
        if (x.elements() / x.channels() / x.shape[0] * span > 1) continue;
        model_->device()->log().line(Log::warning, "The statistics of ", node.name, " are taken over a single cell of each image, so that its "
                                     "output is the same for every image; larger images, fewer groups or batch normalisation help.");
        return;
    }
    if (network_.moments.empty()) return;
    const int64_t last = plan_.tail() == Tail::include ? dataset_->size() % settings_.batch % micro_batch_ : 0;
    if (images_together() != 1 && last == 1)
        model_->device()->log().line(Log::warning, "The last batch of each epoch ends with a single image (", dataset_->size(), " images in batches of ",
                                     settings_.batch, "), whose statistics count as those of the others; another batch or tail=drop avoids it.");
    if (images_together() != 1) return;
    const auto layer = std::find_if(network_.moments.begin(), network_.moments.end(), [&](const Network::Moments& moments) {
        return cells_of(network_.graph, moments) == 1;
    });
    const bool one_cell = layer != network_.moments.end();
    const Network::Moments& named = one_cell ? *layer : network_.moments[0];
    model_->device()->log().line(
        Log::warning, "The batch statistics of ", network_.graph.node(named.mean.node).name, " are taken over ",
        one_cell ? "a single cell, so that its output is the same for every image" : "a single example", " (the ",
        micro_batch_ > 1 ? "ghost size" : "micro-batch", " is 1); a larger batch, group normalisation or the option frozen_statistics "
        "helps.");
}

static TensorType moments_type(int64_t bytes) {
    return {DataType::f32, {bytes / ArenaLayout::alignment, ArenaLayout::block}};
}

// What is differentiated; values.loss is what is reported.
Value Trainer::add_loss() {
    Graph& graph = network_.graph;
    auto& values = accumulate_values_;
    values.weights = graph.input("weights", {DataType::f32, {micro_batch_}});
    if (detects()) {
        detection_loss_ = add_detection_loss(network_, model_->architecture(), values.weights, dataset_->most_boxes(), options_);
        return values.loss = detection_loss_.loss;
    }
    values.labels = graph.input("labels", {DataType::i32, {micro_batch_}});
    const auto cross_entropy = [&](Value logits) {
        return graph.add("softmax_cross_entropy", {logits, values.labels, values.weights},
                         {{"label_smoothing", options_.real("label_smoothing")}});
    };
    values.loss = cross_entropy(network_.logits);
    values.correct = graph.add("count_correct", {network_.logits, values.labels, values.weights});
    if (!network_.auxiliary) return values.loss;
    const Value second = graph.add("scale", {cross_entropy(network_.auxiliary)}, {{"factor", auxiliary_weight}});
    return graph.add("add", {values.loss, second});
}

// All that follows the forward pass and the loss, in a graph that holds these.
Trainer::Backward Trainer::add_backward(Graph& graph, Value loss, const std::vector<SegmentPolicy>& policies,
                                        const std::vector<bool>& again) const {
    Backward backward;
    Bindings& bindings = backward.bindings;
    model_->bind(network_, bindings);
    if (detects()) bindings[detection_loss_.anchors] = model_->anchors();
    Value seed; // of the loss's gradient
    if (options_.boolean("loss_scaling")) {
        seed = graph.input("loss scale", graph.type(accumulate_values_.loss));
        bindings[seed] = update_->loss_scale();
    }
    std::vector<Value> trained; // the gradients of frozen parameters stay 0
    for (Value parameter : network_.parameters) {
        const Segment& segment = segment_of(gradients_, graph, parameter);
        if (!policies[size_t(&segment - gradients_.layout->segments().data())].frozen) trained.push_back(parameter);
    }
    const std::vector<Value> parameter_gradients = gradients(graph, loss, trained, seed, again);
    const auto add_to = [&](const std::string& name, Value addend, const BufferView& view) {
        const Value total = graph.input(text("total of ", name), graph.type(addend));
        bindings[total] = view;
        bindings[graph.add("accumulate", {total, addend, accumulate_values_.keep})] = view;
    };
    if (!measures_noise_) {
        for (size_t i = 0; i < trained.size(); ++i)
            add_to(graph.node(trained[i].node).name, parameter_gradients[i], gradients_.view(segment_of(gradients_, graph, trained[i])));
    } else {
        for (size_t i = 0; i < trained.size(); ++i)
            bindings[parameter_gradients[i]] = micro_gradients_.view(segment_of(micro_gradients_, graph, trained[i]));
        const Value arena = graph.input("gradients", gradients_.layout->type());
        bindings[arena] = micro_gradients_.whole();
        add_to("gradients", arena, gradients_.whole());
        const ArenaChunks& chunks = update_->chunks();
        const Value table = graph.input("chunks", chunks.chunk_type());
        bindings[table] = chunks.chunk_table();
        const Value partials =
            graph.add("gradient_norm", {arena, table}, {{"windows", chunks.windows()}, {"lanes", chunks.lanes()}});
        backward.squared_norm = graph.add("sum", {partials}, {{"axes", std::vector<int64_t>{0}}});
    }
    if (moment_bytes_ > 0) add_moments(graph, bindings);
    return backward;
}

// The moments of the micro-batch, merged into the batch's.
void Trainer::add_moments(Graph& graph, Bindings& bindings) const {
    for (const Network::Moments& moments : network_.moments) {
        const Segment& segment = segment_of(model_->states(), graph, moments.running_mean);
        bindings[moments.mean] = {moments_, segment.offset, segment.elements * 4};
        bindings[moments.variance] = {moments_, moment_bytes_ + segment.offset, segment.elements * 4};
    }
    std::vector<Value> parts;
    const char* names[] = {"micro-batch means", "micro-batch variances", "batch means", "batch variances"};
    for (int i = 0; i < 4; ++i) {
        parts.push_back(graph.input(names[i], moments_type(moment_bytes_)));
        bindings[parts.back()] = {moments_, i * moment_bytes_, moment_bytes_};
    }
    const Value merged = graph.add("merge_moments", {parts[2], parts[3], parts[0], parts[1], accumulate_values_.share});
    bindings[merged] = bindings[parts[2]];
    bindings[{merged.node, 1}] = bindings[parts[3]];
}

// Under a limit of memory, the option's or what the device's leaves, values of the forward pass are computed again.
void Trainer::keep_limit(Value loss, const std::vector<SegmentPolicy>& policies, const std::vector<Value>& feeds) {
    Device& device = *model_->device();
    int64_t limit = options_.integer("memory_limit");
    if (device.memory_limit() > 0) {
        int64_t rings = 3 * ArenaLayout::alignment; // of the numbers that are fetched, and of feeds; a sixteenth is left to staging
        for (Value feed : feeds) rings += round_up(network_.graph.type(feed).bytes(), ArenaLayout::alignment);
        rings *= 1 + ring_slots();
        const int64_t left = device.memory_limit() - device.memory_limit() / 16 - device.counters().memory_bytes - rings;
        limit = limit > 0 ? std::min(limit, left) : std::max<int64_t>(left, 1);
    }
    if (limit == 0) return;
    const auto finish = [&](Graph& graph, const std::vector<bool>& again) {
        const Backward backward = add_backward(graph, loss, policies, again);
        std::vector<Value> results{accumulate_values_.loss};
        for (Value value : {accumulate_values_.correct, backward.squared_norm})
            if (value) results.push_back(value);
        for (const auto& [value, view] : backward.bindings)
            if (graph.node(value.node).op) results.push_back(value);
        return results;
    };
    recomputation_ = plan_recomputation(
        network_.graph, device.profile(), limit,
        text("The activations of a training step of ", model_->architecture().name, " in micro-batches of ", micro_batch_), finish);
    device.log().line(Log::plan, "accumulate,recomputed,", std::count(recomputation_.again.begin(), recomputation_.again.end(), true),
                      ",workspace,", recomputation_.workspace_bytes, ",without,", recomputation_.workspace_bytes_without, ",work,",
                      1 + recomputation_.more_work);
}

void Trainer::compile_accumulate(const std::vector<SegmentPolicy>& policies) {
    Graph& graph = network_.graph;
    auto& values = accumulate_values_;
    const Value loss = add_loss();
    values.keep = graph.input("keep", {DataType::f32, {1}});
    values.share = graph.input("share", {DataType::f32, {1}});
    std::vector<Value> feeds{network_.pixels, network_.sample_index, network_.step, network_.valid, values.weights, values.keep, values.share};
    for (Value labels : {values.labels, detection_loss_.truth, detection_loss_.prior})
        if (labels) feeds.push_back(labels);
    keep_limit(loss, policies, feeds);
    Backward backward = add_backward(graph, loss, policies, recomputation_.again);
    values.squared_norm = backward.squared_norm;
    std::vector<Value> fetches{values.loss};
    for (Value value : {values.correct, values.squared_norm})
        if (value) fetches.push_back(value);
    compile_replay_ = [this, bindings = std::move(backward.bindings), feeds, fetches](std::shared_ptr<KernelChoices> kernels) {
        return Replay::compile(model_->device(), network_.graph, bindings, feeds, fetches,
                               {.slots = ring_slots(), .plan = {.name = "accumulate", .kernels = std::move(kernels)}});
    };
    accumulate_ = compile_replay_(nullptr);
}

void Trainer::require_plan() const {
    if (!accumulate_)
        fail(ErrorCode::invalid_state, "The training has no plan any more: there was no memory for it when a checkpoint was resumed. "
             "It must be made anew.");
}

// With the kernels of a checkpoint, so that sums are rounded as there. What this device cannot follow stays as it is here.
void Trainer::use_kernels(const std::map<std::string, KernelChoice>& wanted) {
    const auto same = [&] {
        for (const auto& [problem, use] : accumulate_plan().kernels())
            if (const auto found = wanted.find(problem); found != wanted.end() && found->second != use.choice) return false;
        return true;
    };
    if (same()) return;
    const auto choices = std::make_shared<KernelChoices>(*model_->device()->profile().kernels);
    KernelDecisions decisions;
    for (const auto& [problem, choice] : wanted) decisions[problem] = {choice, choice};
    choices->replace_decisions(std::move(decisions));
    loader_->stop();     // which fills memory that is gone then
    forget_running(0);   // which fetched to such memory
    accumulate_.reset(); // its memory is needed
    try {
        accumulate_ = compile_replay_(choices);
    } catch (...) {
        accumulate_ = compile_replay_(nullptr);
        start_loader();
        throw;
    }
    if (!same())
        model_->device()->log().line(Log::warning, "The checkpoint was made with kernels that are not used here, so the run that is resumed "
                                     "may round differently from the unbroken one.");
}

} // namespace lemnos
