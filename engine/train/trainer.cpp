#include "train/trainer.h"

#include "data/shuffle.h"
#include "train/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>

namespace lemnos {

static int64_t now_ns() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

static constexpr double yolo_prior = 0.01; // how much YOLO's boxes are pulled to their anchors at first (as in its authors' code)

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

// ---- steps ----------------------------------------------------------------------------------------------------------

int64_t Trainer::batch_of(int64_t epoch, int64_t adaptive_batch) const {
    return schedule_.adaptive() ? adaptive_batch : plan_.phase_of_epoch(epoch).batch;
}

// To where the batch after one of `images` begins.
void Trainer::advance(Position& position, int64_t images, int64_t adaptive_batch) const {
    position.offset += images;
    if (batch_length(position, batch_of(position.epoch, adaptive_batch), dataset_->size(), plan_.tail()) == 0)
        position = {position.epoch + 1, 0};
}

// The loader asks for micro-batches in order; which images they hold is a function of the position alone. Whatever changes is
// the loader's own, for its threads work on while a step, a checkpoint or the end of the training changes what is here. Its
// slots are those of the accumulate ring, so nothing may be running that is fed from them.
void Trainer::start_loader() {
    const int threads = int(options_.integer("loader_threads"));
    if (!loader_) loader_ = std::make_unique<BatchLoader>(*dataset_, micro_batch_, accumulate_->slots(), threads);
    loader_->stop();
    for (int slot = 0; slot < accumulate_->slots(); ++slot) {
        accumulate_->wait(slot);
        running_[size_t(slot)].filled = nullptr;
    }
    std::optional<Draw> augmentation;
    if (detects() && options_.choice("augment") != "none") augmentation = Draw{augmentation_of(options_), seed_, 0, 0};
    struct Order {
        int64_t epoch = -1;
        std::vector<uint32_t> images;
    };
    auto next = [this, at = position_, batch = adaptive_batch_, done = int64_t(0), order = Order()](
                    std::span<uint32_t> samples, uint32_t& epoch) mutable -> int64_t {
        if (at.epoch == settings_.epochs) return 0;
        epoch = uint32_t(at.epoch);
        if (at.epoch != order.epoch) {
            order.images.resize(size_t(dataset_->size()));
            shuffled_order(seed_, uint32_t(at.epoch), order.images);
            order.epoch = at.epoch;
        }
        const int64_t total = batch_length(at, batch_of(at.epoch, batch), dataset_->size(), plan_.tail());
        const int64_t count = std::min(int64_t(samples.size()), total - done);
        std::copy_n(order.images.begin() + at.offset + done, count, samples.begin());
        done += count;
        if (done == total) {
            done = 0;
            advance(at, total, batch);
        }
        return count;
    };
    loader_->start(std::move(next), augmentation, [this](const FilledSlot& filled) { deliver(filled); });
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
    advance(position_, 0, adaptive_batch_); // the rest of this epoch may be too short now
    start_loader();
}

// Copies what the loader has read to where a run of its slot is fed from, on the loader's threads: most of what a step is fed.
void Trainer::deliver(const FilledSlot& filled) const {
    const Device::KeepOpen open(*model_->device()); // whose memory that is
    const auto copy = [&](Value leaf, const void* source, int64_t bytes) {
        std::memcpy(accumulate_->feed<uint8_t>(filled.slot, leaf), source, size_t(bytes));
    };
    copy(network_.pixels, filled.memory.pixels, micro_batch_ * dataset_->shape().bytes());
    copy(network_.sample_index, filled.memory.samples, micro_batch_ * 4);
    if (detects()) copy(detection_loss_.truth, filled.memory.boxes, micro_batch_ * dataset_->most_boxes() * int64_t(sizeof(Box)));
    else copy(accumulate_values_.labels, filled.memory.labels, micro_batch_ * 4);
}

// Takes in the oldest runs until the slot is free and another one may be in flight.
void Trainer::make_room(int slot) {
    const auto pending = [&](int each) { return running_[size_t(each)].pending; };
    const auto in_flight = [&] {
        return std::count_if(running_.begin(), running_.end(), [](const MicroBatch& each) { return each.pending; });
    };
    while (pending(slot) || in_flight() >= replays_in_flight) {
        const int oldest = accumulate_->oldest(pending);
        accumulate_->wait(oldest);
        collect(oldest);
    }
}

bool Trainer::step() {
    require_plan();
    if (averaged_)
        fail(ErrorCode::invalid_state, "The model holds its averaged weights; exchange them back before the training goes on.");
    adapt_batch();
    if (position_.epoch == settings_.epochs) return false;
    if (start_ns_ == 0) {
        start_ns_ = now_ns();
        if (!network_.moments.empty()) model_->set_trained_together(images_together());
    }
    const int64_t epoch = position_.epoch;
    const int64_t total = batch_length(position_, batch_of(epoch, adaptive_batch_), dataset_->size(), plan_.tail());
    rate_ = rate_of_step();
    record_of(step_) = {.step = step_, .batch = total, .missing = divide_up(total, micro_batch_) + 1, .rate = rate_};
    try {
        submit_batch(epoch, total);
    } catch (...) { // the next call makes it anew
        forget_running(step_);
        take_back(record_of(step_));
        start_loader();
        throw;
    }
    ++step_;
    advance(position_, total, adaptive_batch_);
    return true;
}

void Trainer::forget_running(int64_t first_step) {
    for (MicroBatch& micro : running_)
        if (micro.step >= first_step) micro.pending = false;
}

// What the finished micro-batches of a step have added to.
void Trainer::take_back(const StepRecord& record) {
    metrics_.images -= record.images;
    metrics_.correct -= record.correct;
    metrics_.loss_sum -= record.loss * double(record.batch);
    finished_images_ -= record.images;
    noise_.forget(record.step);
}

void Trainer::submit_batch(int64_t epoch, int64_t total) {
    const auto& values = accumulate_values_;
    for (int64_t done = 0; done < total;) {
        const FilledSlot* filled = loader_->next();
        if (!filled) fail(ErrorCode::internal, "The loader ended before the training did (step ", step_, ").");
        const int slot = filled->slot;
        make_room(slot);
        const int64_t valid = filled->valid;
        float* weights = accumulate_->feed<float>(slot, values.weights);
        for (int64_t i = 0; i < micro_batch_; ++i) weights[i] = i < valid ? float(1.0 / double(total)) : 0.0f;
        const uint32_t key[4] = {uint32_t(seed_), uint32_t(seed_ >> 32), uint32_t(epoch), 0};
        std::memcpy(accumulate_->feed<uint32_t>(slot, network_.step), key, sizeof key);
        *accumulate_->feed<float>(slot, network_.valid) = float(valid);
        *accumulate_->feed<float>(slot, values.keep) = done == 0 ? 0.0f : 1.0f;
        *accumulate_->feed<float>(slot, values.share) = float(double(valid) / double(done + valid));
        if (detection_loss_.prior) {
            const int64_t first_image = position_.epoch * dataset_->size() + position_.offset + done;
            *accumulate_->feed<float>(slot, detection_loss_.prior) = first_image < options_.integer("prior_images") ? float(yolo_prior) : 0.0f;
        }
        done += valid;
        if (done < total) accumulate_->submit(slot);
        else update_->submit(step_, rate_, {options_.real("statistics_momentum"), total}, {accumulate_.get(), slot});
        running_[size_t(slot)] = {valid, total, step_, epoch, filled, true};
    }
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
    if (micro.filled) loader_->release(std::exchange(micro.filled, nullptr));
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
    require_plan();
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
    progress.batch = batch_of(std::min(position_.epoch, settings_.epochs - 1), adaptive_batch_);
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
