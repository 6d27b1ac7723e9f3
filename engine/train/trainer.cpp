#include "train/trainer.h"

#include "data/shuffle.h"
#include "train/evaluation.h"
#include "train/policy.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <set>

namespace lemnos {

static int64_t now_ns() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

static constexpr double yolo_prior = 0.01; // how much YOLO's boxes are pulled to their anchors at first (as in its authors' code)
static constexpr double auxiliary_weight = 0.4; // of a second classifier's loss (Szegedy et al., arXiv 1409.4842)

static std::vector<AttributeSpec> general_options() {
    return {
        integer_attribute("batch", 128, 1, INT32_MAX, "Images of one parameter update."),
        integer_attribute("micro_batch", 0, 0, INT32_MAX,
                          "Images that the device holds at a time; it divides the batch. 0: the batch where that is at most "
                          "128, its largest divisor below otherwise."),
        integer_attribute("memory_limit", 0, 0, INT64_MAX,
                          "Bytes that the activations of a micro-batch may take; where they must, some are computed again instead of "
                          "kept, with the same results. 0: what the device's own limit leaves, if it has one."),
        integer_attribute("epochs", 2, 1, 1000000, "Passes over the data set."),
        integer_attribute("seed", 1, 0, INT64_MAX, "Of the order of images, crops, flips and dropout."),
        real_attribute("label_smoothing", 0, 0, 0.999, "The share of a label that is spread over all classes."),
        integer_attribute("crop", 0, 0, 64, "Random crops out of the image padded by that many pixels."),
        boolean_attribute("flip", false, "Mirror images with probability 1/2."),
        choice_attribute("tail", "drop", {"drop", "include"},
                         "What becomes of an epoch's last images when they do not fill a batch."),
        choice_attribute("decay", "all", {"all", "weights"},
                         "Parameters that weight decay applies to: all, or filters and matrices alone."),
        real_attribute("statistics_momentum", 0.1, 1e-9, 1, "The share of a batch in the running statistics."),
        real_attribute("clip_norm", 0, 0, 1e30, "Gradients are scaled down to this global norm; 0: never."),
        real_attribute("clip_value", 0, 0, 1e30, "No element of the gradient exceeds it; 0: any may."),
        precision_attribute("mixed: activations and their gradients lie in memory as f16, at half the size; sums, weights, losses "
                            "and the optimizer stay f32."),
        boolean_attribute("loss_scaling", false,
                          "Multiply the loss by a scale that follows the gradients, and skip steps that are not finite; on where "
                          "precision is mixed, unless it is set off."),
        real_attribute("loss_scale", 65536, 1e-6, 1e30, "The first scale; it doubles and halves."),
        integer_attribute("loss_scale_interval", 2000, 1, 1000000000, "Steps without a skip after which it doubles."),
        below(real_attribute("average", 0, 0, 1, "Decay of a moving average of the weights; 0: none.")),
        text_attribute("policies", "",
                       "How single parameters are trained, by patterns of names or as @gamma and @beta of all normalisations: "
                       "\"features.0.* frozen; *.bias decay=0 rate=2; @gamma target=1\". rate and decay are factors, target is "
                       "what the weight decay pulls towards, frozen parameters are not trained."),
        text_attribute("frozen_statistics", "",
                       "Normalisations that use their running statistics in training and leave them as they are, by patterns of "
                       "names: \"features.0.1; features.1.*\"."),
        choice_attribute("statistics", "moments", {"moments", "pytorch"},
                         "What is averaged over the batches. moments: the first and second moments; pytorch: the mean and the "
                         "unbiased variance."),
        integer_attribute("ghost", 0, 0, INT32_MAX,
                          "Images that batch normalisation takes together (arXiv 1705.08741); it divides the micro-batch. 0: what "
                          "the model says, or else the whole micro-batch."),
        boolean_attribute("measure_noise", false, "Measure the gradient's noise between micro-batches."),
        integer_attribute("loader_threads", 1, 1, 64, "Threads that read images."),
        text_attribute("events", "", "A folder for an event file of the curves, which TensorBoard shows; empty: none."),
        choice_attribute("augment", "ssd", {"none", "flip", "ssd", "ssd_expand"},
                         "Of detectors, on the pictures as they are: flip mirrors half of them; ssd also crops and changes colours "
                         "(arXiv 1512.02325); ssd_expand also puts some small into a larger empty picture."),
    };
}

std::span<const AttributeSpec> trainer_options() {
    static const std::vector<AttributeSpec> options = [] {
        std::vector<AttributeSpec> all = general_options(), detection = detection_loss_options();
        all.insert(all.end(), detection.begin(), detection.end());
        return all;
    }();
    return options;
}

// What an option of the other task asks for would silently not happen.
static void refuse_useless(const Attributes& options, bool detects) {
    std::set<std::string> others{"crop", "flip", "label_smoothing"};
    if (!detects) {
        others = {"augment"};
        for (const AttributeSpec& spec : detection_loss_options()) others.insert(spec.name);
    }
    for (const AttributeSpec& spec : trainer_options()) {
        if (!others.contains(spec.name)) continue;
        const std::string value = describe_value(options.all().find(spec.name)->second);
        require(value == describe_value(spec.fallback), "The option ", spec.name, " (", value,
                detects ? ") is of images with a class each; those of a detector are changed by the option augment, boxes included."
                        : ") is of models that detect objects; this one classifies images.");
    }
}

static Augmentation augmentation_of(const Attributes& options) {
    const std::string& kind = options.choice("augment");
    const bool ssd = kind.starts_with("ssd");
    return {.crop = ssd, .flip = kind != "none", .colours = ssd, .expand = kind == "ssd_expand"};
}

static Attributes completed(Attributes options) {
    const bool open = !options.contains("loss_scaling");
    const std::span<const AttributeSpec> specs = trainer_options();
    options.complete({specs.begin(), specs.end()}, "The trainer");
    // Gradients below 6e-8, the least f16, would vanish.
    if (open && precision_of(options) == Precision::mixed) options.set("loss_scaling", int64_t(1));
    return options;
}

static Tail tail_of(const Attributes& options) { return options.choice("tail") == "drop" ? Tail::drop : Tail::include; }

static bool measures_noise(const Attributes& options, const Schedule& schedule) {
    return schedule.adaptive() || options.boolean("measure_noise");
}

static BatchSettings settings_of(const Attributes& options, const Schedule& schedule, const Dataset& dataset) {
    const int64_t batch = options.integer("batch");
    require(batch <= dataset.size(), "The batch (", batch, ") is larger than the data set (", dataset.size(), " images).");
    return {dataset.size(), options.integer("epochs"), batch,
            choose_micro_batch(batch, options.integer("micro_batch"), measures_noise(options, schedule))};
}

static Optimizer with_momentum(const Optimizer& optimizer, double momentum) {
    if (momentum == optimizer.momentum()) return optimizer;
    Attributes options = optimizer.options();
    options.set("momentum", momentum);
    return {optimizer.rule().name, std::move(options)};
}

static const Dataset& fitting(const Dataset& dataset, const Model& model) {
    require_fit(model.architecture(), dataset);
    return dataset;
}

Trainer::Trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> dataset, Optimizer optimizer,
                 Schedule schedule, Attributes options)
    : model_(std::move(model)), dataset_(std::move(dataset)), schedule_(std::move(schedule)),
      options_(completed(std::move(options))), settings_(settings_of(options_, schedule_, fitting(*dataset_, *model_))),
      plan_(schedule_, optimizer, settings_, tail_of(options_)), optimizer_(with_momentum(optimizer, plan_.momentum())),
      seed_(uint64_t(options_.integer("seed"))), micro_batch_(settings_.micro_batch),
      measures_noise_(measures_noise(options_, schedule_)), adaptive_batch_(settings_.batch),
      noise_(schedule_.adaptive() ? schedule_.options().real("smoothing") : 0.95) {
    require_sets();
    refuse_useless(options_, detects());
    if (schedule_.adaptive()) largest_batch(schedule_.options(), settings_); // refuses what does not fit
    order_.resize(size_t(dataset_->size()));
    compile();
    if (!options_.text("events").empty()) events_ = std::make_unique<EventFile>(options_.text("events"));
    warn_of_single_examples();
    start_loader();
}

Trainer::~Trainer() = default;

// The images that batch normalisation takes together, by the option or by the model, divide the micro-batch.
void Trainer::require_sets() const {
    const int64_t ghost = options_.integer("ghost");
    const std::string micro = micro_batch_ == settings_.batch ? text("batch (", micro_batch_, ")")
                                                               : text("micro-batch (", micro_batch_, " of the batch ", settings_.batch, ")");
    require(ghost == 0 || micro_batch_ % ghost == 0, "The ghost size (", ghost, ") does not divide the ", micro, ".");
    bool any = false;
    for (const Node& node : model_->architecture().graph.nodes()) {
        if (!node.op || std::string_view(node.op->name) != "batch_norm") continue;
        any = true;
        const int64_t examples = node.attributes.integer("examples");
        require(ghost > 0 || examples == 0 || micro_batch_ % examples == 0, "The layer ", node.name, " normalises ", examples,
                " images together, which do not divide the ", micro, "; another batch, micro_batch or normaliser is needed.");
    }
    require(ghost == 0 || any, "The option ghost (", ghost, ") is of no use: the model has no batch normalisation.");
}

// Images that batch normalisation takes together; 0: there is none.
int64_t Trainer::images_together() const {
    if (network_.moments.empty()) return 0;
    const int64_t examples = network_.graph.node(network_.moments[0].mean.node).attributes.integer("examples");
    return examples ? examples : micro_batch_;
}

// ---- plans ----------------------------------------------------------------------------------------------------------

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
        int64_t rings = 0; // and what staging may ask for later
        for (Value feed : feeds) rings += (1 + ReplayOptions().slots) * round_up(network_.graph.type(feed).bytes(), ArenaLayout::alignment);
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
                               {.plan = {.name = "accumulate", .kernels = std::move(kernels)}});
    };
    accumulate_ = compile_replay_(nullptr);
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
    accumulate_.reset(); // its memory is needed
    try {
        accumulate_ = compile_replay_(choices);
    } catch (...) {
        accumulate_ = compile_replay_(nullptr);
        throw;
    }
    if (!same())
        model_->device()->log().line(Log::warning, "The checkpoint was made with kernels that are not used here, so the run that is resumed "
                                     "may round differently from the unbroken one.");
}

// ---- steps ----------------------------------------------------------------------------------------------------------

int64_t Trainer::batch_of(int64_t epoch) const {
    return schedule_.adaptive() ? adaptive_batch_ : plan_.phase_of_epoch(epoch).batch;
}

// To where the batch after one of `images` begins.
void Trainer::advance(Position& position, int64_t images) const {
    position.offset += images;
    if (batch_length(position, batch_of(position.epoch), dataset_->size(), plan_.tail()) == 0) position = {position.epoch + 1, 0};
}

// The loader asks for micro-batches in order; which images they hold is a function of the position alone.
void Trainer::start_loader() {
    order_epoch_ = -1;
    loader_position_ = position_;
    loader_done_ = 0;
    const int threads = int(options_.integer("loader_threads"));
    if (!loader_) loader_ = std::make_unique<BatchLoader>(*dataset_, micro_batch_, accumulate_->slots() + threads, threads);
    std::optional<Draw> augmentation;
    if (detects() && options_.choice("augment") != "none") augmentation = Draw{augmentation_of(options_), seed_, 0, 0};
    const auto next = [this](std::span<uint32_t> samples, uint32_t& epoch) -> int64_t {
        Position& at = loader_position_;
        if (at.epoch == settings_.epochs) return 0;
        epoch = uint32_t(at.epoch);
        if (at.epoch != order_epoch_) {
            shuffled_order(seed_, uint32_t(at.epoch), order_);
            order_epoch_ = at.epoch;
        }
        const int64_t total = batch_length(at, batch_of(at.epoch), dataset_->size(), plan_.tail());
        const int64_t count = std::min(int64_t(samples.size()), total - loader_done_);
        std::copy_n(order_.begin() + at.offset + loader_done_, count, samples.begin());
        loader_done_ += count;
        if (loader_done_ == total) {
            loader_done_ = 0;
            advance(at, total);
        }
        return count;
    };
    loader_->start(next, augmentation);
}

int64_t Trainer::steps() const {
    if (!schedule_.adaptive()) return plan_.steps();
    const int64_t a_epoch = plan_.tail() == Tail::drop ? dataset_->size() / adaptive_batch_
                                                       : divide_up(dataset_->size(), adaptive_batch_);
    return step_ + std::max<int64_t>(0, settings_.epochs - position_.epoch) * a_epoch - position_.offset / adaptive_batch_;
}

double Trainer::rate_of_step() const {
    if (!schedule_.adaptive()) return plan_.rate(step_);
    const int64_t all = std::max(steps(), step_ + 1);
    const double epoch = double(position_.epoch) + double(position_.offset) / double(dataset_->size());
    return optimizer_.rate() * adaptive_rate_ * schedule_.factor({step_, all, epoch, double(settings_.epochs)});
}

// Grows the batch to hold the noise of its gradient, tr(S) / (batch |G|^2), at what was asked for; where it is the largest,
// the rate falls instead. It never shrinks: measurements of a converging model are noisy.
void Trainer::adapt_batch() {
    if (!schedule_.adaptive() || step_ == 0 || step_ % schedule_.options().integer("interval") != 0) return;
    collect_finished(true); // so that the decision depends on nothing but the steps before
    const double wanted = noise_.noise_batch() / schedule_.options().real("noise");
    const int64_t largest = std::max(largest_batch(schedule_.options(), settings_), settings_.batch);
    const double micro = double(micro_batch_);
    const int64_t batch = wanted < double(largest) ? int64_t(std::ceil(wanted / micro)) * micro_batch_ : largest;
    if (batch >= largest && wanted > 0) adaptive_rate_ = std::min(adaptive_rate_, std::max(double(largest) / wanted, 1e-3));
    if (batch <= adaptive_batch_) return;
    adaptive_batch_ = std::min(batch, largest);
    advance(position_, 0); // the rest of this epoch may be too short now
    start_loader();
}

// Pixels and labels; `first_image` counts the images that came before.
void Trainer::feed(int slot, const FilledSlot& filled, int64_t first_image) {
    const auto copy = [&](Value leaf, const void* source, int64_t bytes) {
        std::memcpy(accumulate_->feed<uint8_t>(slot, leaf), source, size_t(bytes));
    };
    copy(network_.pixels, filled.memory.pixels, micro_batch_ * dataset_->shape().bytes());
    copy(network_.sample_index, filled.memory.samples, micro_batch_ * 4);
    if (!detects()) {
        copy(accumulate_values_.labels, filled.memory.labels, micro_batch_ * 4);
        return;
    }
    copy(detection_loss_.truth, filled.memory.boxes, micro_batch_ * dataset_->most_boxes() * int64_t(sizeof(Box)));
    if (detection_loss_.prior)
        *accumulate_->feed<float>(slot, detection_loss_.prior) = first_image < options_.integer("prior_images") ? float(yolo_prior) : 0.0f;
}

bool Trainer::step() {
    if (averaged_)
        fail(ErrorCode::invalid_state, "The model holds its averaged weights; exchange them back before the training goes on.");
    adapt_batch();
    if (position_.epoch == settings_.epochs) return false;
    if (start_ns_ == 0) {
        start_ns_ = now_ns();
        if (!network_.moments.empty()) model_->set_trained_together(images_together());
    }
    const int64_t epoch = position_.epoch;
    const int64_t total = batch_length(position_, batch_of(epoch), dataset_->size(), plan_.tail());
    rate_ = rate_of_step();
    record_of(step_) = {.step = step_, .batch = total, .missing = divide_up(total, micro_batch_) + 1, .rate = rate_};
    const auto& values = accumulate_values_;
    for (int64_t done = 0; done < total;) {
        const FilledSlot* filled = loader_->next();
        if (!filled) fail(ErrorCode::internal, "The loader ended before the training did (step ", step_, ").");
        const int slot = accumulate_->begin();
        collect(slot);
        feed(slot, *filled, position_.epoch * dataset_->size() + position_.offset + done);
        const int64_t valid = filled->valid;
        loader_->release(filled);
        float* weights = accumulate_->feed<float>(slot, values.weights);
        for (int64_t i = 0; i < micro_batch_; ++i) weights[i] = i < valid ? float(1.0 / double(total)) : 0.0f;
        const uint32_t key[4] = {uint32_t(seed_), uint32_t(seed_ >> 32), uint32_t(epoch), 0};
        std::memcpy(accumulate_->feed<uint32_t>(slot, network_.step), key, sizeof key);
        *accumulate_->feed<float>(slot, network_.valid) = float(valid);
        *accumulate_->feed<float>(slot, values.keep) = done == 0 ? 0.0f : 1.0f;
        *accumulate_->feed<float>(slot, values.share) = float(double(valid) / double(done + valid));
        done += valid;
        if (done < total) accumulate_->submit(slot);
        else update_->submit(step_, rate_, {options_.real("statistics_momentum"), total}, {accumulate_.get(), slot});
        running_[size_t(slot)] = {valid, total, step_, epoch, true};
    }
    ++step_;
    advance(position_, total);
    return true;
}

void Trainer::log(const std::string& tag, double value) {
    if (!events_) fail(ErrorCode::invalid_state, "There is no event file to add \"", tag, "\" to: the option events was not given.");
    const Scalar scalar{tag, float(value)};
    events_->add(step_, {&scalar, 1});
}

void Trainer::write_complete(StepRecord& record) {
    if (--record.missing > 0 || !events_) return;
    std::array<Scalar, 7> scalars;
    size_t count = 0;
    const auto add = [&](const char* tag, double value) { scalars[count++] = {tag, float(value)}; };
    if (record.images == record.batch) add("train/loss", record.loss); // of a skipped step it is not known
    if (record.images == record.batch && accumulate_values_.correct) add("train/accuracy", double(record.correct) / double(record.images));
    add("train/rate", record.rate);
    add("train/batch", double(record.batch));
    add("train/gradient_norm", report_.gradient_norm);
    if (measures_noise_) add("train/noise_batch", noise_.noise_batch());
    if (options_.boolean("loss_scaling")) add("train/loss_scale", report_.loss_scale);
    events_->add(record.step + 1, {scalars.data(), count});
}

void Trainer::take_report(const UpdateReport& report) {
    report_ = report;
    write_complete(record_of(report.step));
    if (measures_noise_) noise_.add_batch(report.step, report.gradient_norm, report.loss_scale, report.skipped);
}

// Takes in what a finished slot has fetched.
void Trainer::collect(int slot) {
    MicroBatch& micro = running_[size_t(slot)];
    if (!micro.pending) return;
    micro.pending = false;
    const float loss = *accumulate_->fetched<float>(slot, accumulate_values_.loss);
    if (measures_noise_)
        noise_.add_micro_batch(micro.step, double(*accumulate_->fetched<float>(slot, accumulate_values_.squared_norm)),
                               micro.images, micro.batch);
    if (micro.epoch != metrics_.epoch) metrics_ = {micro.epoch, 0, 0, 0};
    StepRecord& record = record_of(micro.step);
    if (!std::isfinite(loss)) {
        write_complete(record);
        if (options_.boolean("loss_scaling")) return; // the step is skipped
        fail(ErrorCode::invalid_state, "The loss of step ", micro.step, " is not finite (", loss,
             "): the training diverged; a lower learning rate may help (it is ", rate_, ").");
    }
    metrics_.images += micro.images;
    metrics_.loss_sum += double(loss) * double(micro.batch); // each image weighed 1 / batch
    const int64_t correct = accumulate_values_.correct ? int64_t(*accumulate_->fetched<float>(slot, accumulate_values_.correct)) : 0;
    metrics_.correct += correct;
    record.images += micro.images;
    record.correct += correct;
    record.loss += double(loss);
    write_complete(record);
    finished_images_ += micro.images;
    recent_[recent_count_++ % recent_.size()] = {now_ns(), finished_images_};
}

void Trainer::collect_finished(bool wait) {
    accumulate_->collect(wait, [&](int slot) { return running_[size_t(slot)].pending; }, [&](int slot) { collect(slot); });
    update_->collect(wait);
}

Progress Trainer::progress(bool wait) {
    collect_finished(wait);
    if (wait) model_->device()->wait_all();
    Progress progress;
    progress.step = step_;
    progress.steps = steps();
    progress.epoch = metrics_.epoch;
    progress.images = finished_images_;
    if (metrics_.images > 0) {
        progress.loss = metrics_.loss_sum / double(metrics_.images);
        progress.accuracy = double(metrics_.correct) / double(metrics_.images);
    }
    progress.rate = rate_;
    progress.batch = batch_of(std::min(position_.epoch, settings_.epochs - 1));
    progress.next_epoch = position_.epoch;
    progress.gradient_norm = report_.gradient_norm;
    progress.noise_batch = noise_.noise_batch();
    progress.loss_scale = report_.loss_scale;
    progress.skipped_steps = report_.skipped_steps;
    const int64_t now = now_ns();
    progress.seconds = start_ns_ ? double(now - start_ns_) * 1e-9 : 0;
    if (recent_count_ >= 2) {
        const Moment& newest = recent_[(recent_count_ - 1) % recent_.size()];
        const Moment& oldest = recent_[recent_count_ > recent_.size() ? recent_count_ % recent_.size() : 0];
        if (newest.ns > oldest.ns)
            progress.images_per_second = double(newest.images - oldest.images) * 1e9 / double(newest.ns - oldest.ns);
    }
    return progress;
}

} // namespace lemnos
