#include "train/trainer.h"

#include "data/shuffle.h"
#include "train/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

namespace lemnos {

using Json = nlohmann::ordered_json;

static constexpr int64_t largest_default_micro_batch = 128;
static constexpr const char* checkpoint_key = "lemnos.checkpoint";

static int64_t now_ns() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

std::span<const AttributeSpec> trainer_options() {
    static const std::vector<AttributeSpec> options{
        integer_attribute("batch", 128, 1, INT32_MAX, "Images of one parameter update."),
        integer_attribute("micro_batch", 0, 0, INT32_MAX,
                          "Images that the device holds at a time; it divides the batch. 0: the batch where that is at most "
                          "128, its largest divisor below otherwise."),
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
        integer_attribute("loader_threads", 1, 1, 64, "Threads that read images."),
    };
    return options;
}

static int64_t choose_micro_batch(int64_t batch, int64_t asked) {
    if (asked > 0) {
        require(batch % asked == 0, "The micro-batch (", asked, ") does not divide the batch (", batch, ").");
        return asked;
    }
    for (int64_t micro = std::min(batch, largest_default_micro_batch);; --micro)
        if (batch % micro == 0) return micro;
}

Trainer::Trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> dataset, Optimizer optimizer,
                 Schedule schedule, Attributes options)
    : model_(std::move(model)), dataset_(std::move(dataset)), optimizer_(std::move(optimizer)),
      schedule_(std::move(schedule)), options_(std::move(options)) {
    const std::span<const AttributeSpec> specs = trainer_options();
    options_.complete({specs.begin(), specs.end()}, "The trainer");
    require_fit(model_->architecture(), *dataset_);
    seed_ = uint64_t(options_.integer("seed"));
    batch_ = options_.integer("batch");
    require(batch_ <= dataset_->size(), "The batch (", batch_, ") is larger than the data set (", dataset_->size(), " images).");
    micro_batch_ = choose_micro_batch(batch_, options_.integer("micro_batch"));
    steps_per_epoch_ = options_.choice("tail") == "drop" ? dataset_->size() / batch_ : divide_up(dataset_->size(), batch_);
    steps_ = checked_multiply(steps_per_epoch_, options_.integer("epochs"));
    order_.resize(size_t(dataset_->size()));
    compile();
    start_loader();
}

Trainer::~Trainer() = default;

// ---- plans ----------------------------------------------------------------------------------------------------------

void Trainer::compile() {
    const std::shared_ptr<Device>& device = model_->device();
    const auto layout = model_->parameters().layout;
    gradients_ = Arena(device, layout, "gradients");
    micro_gradients_ = Arena(device, layout, "micro-batch gradients");
    for (const std::string& state : optimizer_.states()) optimizer_states_.emplace_back(device, layout, state.c_str());

    network_ = instantiate(model_->architecture(), {.mode = Mode::training,
                                                     .batch = micro_batch_,
                                                     .crop_padding = options_.integer("crop"),
                                                     .flip = options_.boolean("flip")});
    std::vector<Value> means;
    for (const Network::Moments& moments : network_.moments) means.push_back(moments.running_mean);
    const int64_t moment_bytes = ArenaLayout(network_.graph, means).bytes();
    if (!means.empty()) {
        moments_ = Buffer::create(device, BufferKind::device, 4 * moment_bytes, "moments");
        device->fill(*moments_, 0, 4 * moment_bytes, 0);
    }
    compile_accumulate(!means.empty(), moment_bytes);
    compile_update(!means.empty(), moment_bytes);
    running_.resize(size_t(accumulate_->slots()));
}

static TensorType moments_type(int64_t bytes) {
    return {DataType::f32, {bytes / ArenaLayout::alignment, ArenaLayout::block}};
}

void Trainer::compile_accumulate(bool has_moments, int64_t moment_bytes) {
    Graph& graph = network_.graph;
    auto& values = accumulate_values_;
    values.labels = graph.input("labels", {DataType::i32, {micro_batch_}});
    values.weights = graph.input("weights", {DataType::f32, {micro_batch_}});
    values.keep = graph.input("keep", {DataType::f32, {1}});
    values.share = graph.input("share", {DataType::f32, {1}});
    values.loss = graph.add("softmax_cross_entropy", {network_.logits, values.labels, values.weights},
                            {{"label_smoothing", options_.real("label_smoothing")}});
    values.correct = graph.add("count_correct", {network_.logits, values.labels, values.weights});
    const std::vector<Value> parameter_gradients = gradients(graph, values.loss, network_.parameters);

    Bindings bindings;
    model_->bind(network_, bindings);
    for (size_t i = 0; i < parameter_gradients.size(); ++i) {
        const Segment& segment = *micro_gradients_.layout->find(graph.node(network_.parameters[i].node).name);
        bindings[parameter_gradients[i]] = micro_gradients_.view(segment);
    }
    const TensorType arena = gradients_.layout->type();
    const Value total = graph.input("total gradients", arena), addend = graph.input("gradients", arena);
    bindings[total] = gradients_.whole();
    bindings[addend] = micro_gradients_.whole();
    bindings[graph.add("accumulate", {total, addend, values.keep})] = gradients_.whole();

    if (has_moments) {
        std::vector<Value> means;
        for (const Network::Moments& moments : network_.moments) means.push_back(moments.running_mean);
        const ArenaLayout layout(graph, means);
        for (size_t i = 0; i < network_.moments.size(); ++i) {
            const Segment& segment = layout.segments()[i];
            bindings[network_.moments[i].mean] = {moments_, segment.offset, segment.elements * 4};
            bindings[network_.moments[i].variance] = {moments_, moment_bytes + segment.offset, segment.elements * 4};
        }
        std::vector<Value> parts;
        const char* names[] = {"micro-batch means", "micro-batch variances", "batch means", "batch variances"};
        for (int i = 0; i < 4; ++i) {
            parts.push_back(graph.input(names[i], moments_type(moment_bytes)));
            bindings[parts.back()] = {moments_, i * moment_bytes, moment_bytes};
        }
        const Value merged = graph.add("merge_moments", {parts[2], parts[3], parts[0], parts[1], values.share});
        bindings[merged] = bindings[parts[2]];
        bindings[{merged.node, 1}] = bindings[parts[3]];
    }
    accumulate_ = Replay::compile(model_->device(), graph, bindings,
                                  {network_.pixels, network_.sample_index, network_.step, network_.valid,
                                   values.labels, values.weights, values.keep, values.share},
                                  {values.loss, values.correct}, {.plan = {.name = "accumulate"}});
}

void Trainer::compile_update(bool has_moments, int64_t moment_bytes) {
    const std::shared_ptr<Device>& device = model_->device();
    const ArenaLayout& layout = *gradients_.layout;
    Graph graph;
    Bindings bindings;
    const auto bound = [&](const char* name, TensorType type, BufferView view) {
        const Value value = graph.input(name, std::move(type));
        bindings[value] = std::move(view);
        return value;
    };
    // Two policies: parameters that decay and parameters that do not.
    const float policies[2][4] = {{float(optimizer_.weight_decay()), 1, 0, 0}, {0, 1, 0, 0}};
    policies_ = Buffer::create(device, BufferKind::device, sizeof policies, "policies");
    device->write(*policies_, 0, policies, sizeof policies);
    std::vector<int32_t> policy_of_block(size_t(layout.blocks()), 0);
    const bool weights_only = options_.choice("decay") == "weights";
    for (const Segment& segment : layout.segments())
        if (weights_only && segment.shape.size() < 2)
            std::fill_n(policy_of_block.begin() + segment.offset / ArenaLayout::alignment,
                        divide_up(segment.elements, ArenaLayout::block), 1);
    policy_of_block_ = Buffer::create(device, BufferKind::device, layout.blocks() * 4, "policy of each block");
    device->write(*policy_of_block_, 0, policy_of_block.data(), layout.blocks() * 4);

    update_values_.scalars = graph.input("scalars", {DataType::f32, {int64_t(std::tuple_size_v<OptimizerScalars>)}});
    std::vector<Value> inputs{bound("parameters", layout.type(), model_->parameters().whole()),
                              bound("gradients", layout.type(), gradients_.whole()),
                              bound("policy of each block", {DataType::i32, {layout.blocks()}}, {policy_of_block_, 0, layout.blocks() * 4}),
                              bound("policies", {DataType::f32, {2, 4}}, {policies_, 0, sizeof policies}), update_values_.scalars};
    for (size_t i = 0; i < optimizer_states_.size(); ++i)
        inputs.push_back(bound(optimizer_.states()[i].c_str(), layout.type(), optimizer_states_[i].whole()));
    const Value updated = graph.add("optimizer_step", inputs, {{"algorithm", int64_t(optimizer_.rule().algorithm)},
                                                               {"flags", int64_t(optimizer_.flags())}});
    bindings[updated] = model_->parameters().whole();
    for (int i = 0; i < int(optimizer_states_.size()); ++i)
        bindings[{updated.node, 1 + i}] = optimizer_states_[size_t(i)].whole();

    std::vector<Value> feeds{update_values_.scalars};
    if (has_moments) {
        const std::shared_ptr<Buffer>& states = model_->states().buffer; // means first, variances next
        update_values_.share = graph.input("share", {DataType::f32, {1}});
        feeds.push_back(update_values_.share);
        const Value running_mean = bound("running means", moments_type(moment_bytes), {states, 0, moment_bytes});
        const Value running_variance = bound("running variances", moments_type(moment_bytes), {states, moment_bytes, moment_bytes});
        const Value mean = bound("batch means", moments_type(moment_bytes), {moments_, 2 * moment_bytes, moment_bytes});
        const Value variance = bound("batch variances", moments_type(moment_bytes), {moments_, 3 * moment_bytes, moment_bytes});
        const Value merged = graph.add("merge_moments", {running_mean, running_variance, mean, variance, update_values_.share});
        bindings[merged] = bindings[running_mean];
        bindings[{merged.node, 1}] = bindings[running_variance];
    }
    update_ = Replay::compile(device, graph, bindings, feeds, {}, {.plan = {.name = "update"}});
}

// ---- steps ----------------------------------------------------------------------------------------------------------

// The loader asks for micro-batches in order; which images they hold is a function of the position alone.
void Trainer::start_loader() {
    order_epoch_ = -1;
    loader_step_ = step_;
    loader_done_ = 0;
    const int threads = int(options_.integer("loader_threads"));
    if (!loader_) loader_ = std::make_unique<BatchLoader>(*dataset_, micro_batch_, accumulate_->slots() + threads, threads);
    loader_->start([this](std::span<uint32_t> samples) -> int64_t {
        if (loader_step_ == steps_) return 0;
        const int64_t epoch = loader_step_ / steps_per_epoch_, first = loader_step_ % steps_per_epoch_ * batch_;
        if (epoch != order_epoch_) {
            shuffled_order(seed_, uint32_t(epoch), order_);
            order_epoch_ = epoch;
        }
        const int64_t total = std::min(batch_, dataset_->size() - first);
        const int64_t count = std::min(int64_t(samples.size()), total - loader_done_);
        std::copy_n(order_.begin() + first + loader_done_, count, samples.begin());
        loader_done_ += count;
        if (loader_done_ == total) {
            loader_done_ = 0;
            ++loader_step_;
        }
        return count;
    });
}

bool Trainer::step() {
    if (step_ == steps_) return false;
    if (start_ns_ == 0) start_ns_ = now_ns();
    const int64_t epoch = step_ / steps_per_epoch_, first = step_ % steps_per_epoch_ * batch_;
    const int64_t total = std::min(batch_, dataset_->size() - first);
    rate_ = optimizer_.rate() * schedule_.factor({step_, steps_, steps_per_epoch_});
    const auto& values = accumulate_values_;
    for (int64_t done = 0; done < total;) {
        const FilledSlot* filled = loader_->next();
        if (!filled) fail(ErrorCode::internal, "The loader ended before the training did (step ", step_, ").");
        const int slot = accumulate_->begin();
        collect(slot);
        std::memcpy(accumulate_->feed<uint8_t>(slot, network_.pixels), filled->memory.pixels,
                    size_t(micro_batch_ * dataset_->shape().bytes()));
        std::memcpy(accumulate_->feed<int32_t>(slot, values.labels), filled->memory.labels, size_t(micro_batch_) * 4);
        std::memcpy(accumulate_->feed<uint32_t>(slot, network_.sample_index), filled->memory.samples, size_t(micro_batch_) * 4);
        const int64_t valid = filled->valid;
        loader_->release(filled);
        float* weights = accumulate_->feed<float>(slot, values.weights);
        for (int64_t i = 0; i < micro_batch_; ++i) weights[i] = i < valid ? float(1.0 / double(total)) : 0.0f;
        const uint32_t key[4] = {uint32_t(seed_), uint32_t(seed_ >> 32), uint32_t(epoch), 0};
        std::memcpy(accumulate_->feed<uint32_t>(slot, network_.step), key, sizeof key);
        *accumulate_->feed<float>(slot, network_.valid) = float(valid);
        *accumulate_->feed<float>(slot, values.keep) = done == 0 ? 0.0f : 1.0f;
        *accumulate_->feed<float>(slot, values.share) = float(double(valid) / double(done + valid));
        accumulate_->submit(slot);
        running_[size_t(slot)] = {valid, total, step_, true};
        done += valid;
    }
    const int slot = update_->begin();
    const OptimizerScalars scalars = optimizer_.scalars(step_ + 1, rate_);
    std::memcpy(update_->feed<float>(slot, update_values_.scalars), scalars.data(), sizeof scalars);
    if (update_values_.share)
        *update_->feed<float>(slot, update_values_.share) = float(options_.real("statistics_momentum"));
    update_->submit(slot);
    ++step_;
    return true;
}

// Takes in what a finished slot has fetched.
void Trainer::collect(int slot) {
    MicroBatch& micro = running_[size_t(slot)];
    if (!micro.pending) return;
    micro.pending = false;
    const float loss = *accumulate_->fetched<float>(slot, accumulate_values_.loss);
    if (!std::isfinite(loss))
        fail(ErrorCode::invalid_state, "The loss of step ", micro.step, " is not finite (", loss,
             "): the training diverged; a lower learning rate may help (it is ", rate_, ").");
    const int64_t epoch = micro.step / steps_per_epoch_;
    if (epoch != metrics_.epoch) metrics_ = {epoch, 0, 0, 0};
    metrics_.images += micro.images;
    metrics_.loss_sum += double(loss) * double(micro.batch); // each image weighed 1 / batch
    metrics_.correct += int64_t(*accumulate_->fetched<float>(slot, accumulate_values_.correct));
    finished_images_ += micro.images;
    recent_[recent_count_++ % recent_.size()] = {now_ns(), finished_images_};
}

// Slots finish in the order in which they were submitted, which is the order of the ring from the next one on.
void Trainer::collect_finished(bool wait) {
    const int slots = accumulate_->slots();
    for (int i = 0; i < slots; ++i) {
        int oldest = -1;
        for (int slot = 0; slot < slots; ++slot)
            if (running_[size_t(slot)].pending &&
                (oldest < 0 || accumulate_->ticket(slot) < accumulate_->ticket(oldest)))
                oldest = slot;
        if (oldest < 0) return;
        if (wait)
            accumulate_->wait(oldest);
        else if (!accumulate_->done(oldest))
            return;
        collect(oldest);
    }
}

Progress Trainer::progress(bool wait) {
    collect_finished(wait);
    if (wait) model_->device()->wait_all();
    Progress progress;
    progress.step = step_;
    progress.steps = steps_;
    progress.epoch = metrics_.epoch;
    progress.images = finished_images_;
    if (metrics_.images > 0) {
        progress.loss = metrics_.loss_sum / double(metrics_.images);
        progress.accuracy = double(metrics_.correct) / double(metrics_.images);
    }
    progress.rate = rate_;
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

// ---- checkpoints ----------------------------------------------------------------------------------------------------

// All that must be equal for a resumed run to be the same run.
std::string Trainer::fingerprint() const {
    Attributes options = options_;
    options.set("loader_threads", int64_t(1)); // reading faster changes nothing
    return text(optimizer_.describe(), " | ", schedule_.describe(), " |", describe_options(options), " | ", dataset_->size(),
                " images of ", to_string(dataset_->shape()));
}

void Trainer::save(const std::string& path) {
    collect_finished(true);
    model_->device()->wait_all();
    ModelWriter writer;
    writer.add(model_->parameters());
    writer.add(model_->states());
    for (size_t i = 0; i < optimizer_states_.size(); ++i)
        writer.add(optimizer_states_[i], text("optimizer.", optimizer_.states()[i], "."));
    writer.add_architecture(model_->architecture());
    writer.add_metadata(checkpoint_key, Json{{"version", 1},
                                             {"run", fingerprint()},
                                             {"step", step_},
                                             {"images", finished_images_},
                                             {"epoch_images", metrics_.images},
                                             {"epoch_correct", metrics_.correct},
                                             {"epoch_loss_sum", metrics_.loss_sum},
                                             {"epoch", metrics_.epoch}}
                                            .dump());
    writer.write(path, Seal::crc32);
}

void Trainer::resume(const std::string& path) {
    const SafetensorsFile file = SafetensorsFile::open(path);
    const auto found = file.metadata().find(checkpoint_key);
    if (found == file.metadata().end())
        fail(ErrorCode::file_malformed, "The file \"", path, "\" is no checkpoint of a training; it may be a finished model.");
    Json json;
    EpochMetrics metrics;
    int64_t step = 0, images = 0;
    std::string run;
    try {
        json = Json::parse(found->second);
        run = json.at("run").get<std::string>();
        step = json.at("step").get<int64_t>();
        images = json.at("images").get<int64_t>();
        metrics = {json.at("epoch").get<int64_t>(), json.at("epoch_images").get<int64_t>(),
                   json.at("epoch_correct").get<int64_t>(), json.at("epoch_loss_sum").get<double>()};
    } catch (const Json::exception&) {
        fail(ErrorCode::file_malformed, "The checkpoint \"", path, "\" lacks its position.");
    }
    require(run == fingerprint(), "The checkpoint \"", path, "\" belongs to another training: it was made with ", run,
            ", and this one is ", fingerprint(), ".");
    require(step >= 0 && step <= steps_, "The checkpoint \"", path, "\" stands at step ", step, " of ", steps_, ".");

    // Everything is read and checked before anything is changed.
    const std::vector<float> parameters = read_arena(file, *model_->parameters().layout);
    const std::vector<float> statistics = read_arena(file, *model_->states().layout);
    std::vector<std::vector<float>> states;
    for (const std::string& state : optimizer_.states())
        states.push_back(read_arena(file, *gradients_.layout, text("optimizer.", state, ".")));
    model_->device()->wait_all();
    model_->parameters().write(parameters);
    model_->states().write(statistics);
    for (size_t i = 0; i < states.size(); ++i) optimizer_states_[i].write(states[i]);
    step_ = step;
    metrics_ = metrics;
    finished_images_ = images;
    for (MicroBatch& micro : running_) micro.pending = false;
    start_ns_ = 0;
    recent_count_ = 0;
    start_loader();
}

} // namespace lemnos
