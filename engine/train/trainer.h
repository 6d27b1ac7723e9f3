// The trainer: a model, a data set, an optimizer and a schedule, compiled into two plans that are replayed.
//
// A logical batch of B images is B/b replays of *accumulate* (forward, loss, backward; the gradients are added to the
// gradient arena by the kernels that make them) and one of *update* (optimizer, running moments). Every image weighs 1/B, so the sum over
// micro-batches is the mean over the batch whatever b is. The order of the images and all that is random are
// functions of the seed, the epoch and the image. Metrics are read when a slot comes round again: nobody
// waits for them.
#pragma once

#include "data/dataset.h"
#include "data/loader.h"
#include "io/event_file.h"
#include "models/model.h"
#include "plan/replay.h"
#include "train/detection_loss.h"
#include "train/noise.h"
#include "train/recomputation.h"
#include "train/training_plan.h"
#include "train/update.h"

#include <functional>
#include <map>

namespace lemnos {

std::span<const AttributeSpec> trainer_options();

struct Progress {
    int64_t step = 0, steps = 0; // finished, in all (an adaptive batch: as it stands now)
    int64_t epoch = 0;
    int64_t images = 0;            // used so far, of finished steps
    double loss = 0, accuracy = 0; // over the images of the current epoch so far; detectors have no accuracy
    double rate = 0;               // of the last step
    double seconds = 0;            // since the trainer was made or resumed, from the first step on
    double images_per_second = 0;  // over the last seconds
    int64_t batch = 0;             // of the next step
    int64_t next_epoch = 0;        // that the next step belongs to
    double gradient_norm = 0;      // of the last finished step, before clipping
    double noise_batch = 0;        // the batch whose gradient is half noise; 0: not measured
    double loss_scale = 1;
    int64_t skipped_steps = 0; // because of gradients that were not finite, under loss scaling
};

class Trainer {
  public:
    Trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> dataset, Optimizer optimizer,
            Schedule schedule, Attributes options);
    ~Trainer();

    // One parameter update; false when all epochs are done. Returns when the work is submitted. Throws
    // invalid_state when the loss or the gradient of a finished step is not finite; such a step has changed
    // nothing.
    bool step();
    // Metrics of the steps that are finished; with `wait` of all submitted ones.
    Progress progress(bool wait);

    void save(const std::string& path);
    void resume(const std::string& path);

    // Adds a number at the last step to the event file (the option events), for what is measured beside the
    // training.
    void log(const std::string& tag, double value);

    // Exchanges the weights and their moving average; a training goes on once they are exchanged back.
    void swap_average();

    const Model& model() const { return *model_; }
    const TrainingPlan& training_plan() const { return plan_; }
    int64_t steps() const; // in all
    const Plan& accumulate_plan() const {
        require_plan();
        return accumulate_->plan();
    }
    const Plan& update_plan() const { return update_->plan(); }
    const ParameterUpdate& update() const { return *update_; }
    const RecomputationPlan& recomputation() const { return recomputation_; }

  private:
    static constexpr int replays_in_flight = 3; // of the accumulate plan
    static constexpr int filled_ahead = 2;      // beside those in flight and one that each thread fills: enough to wake it seldom
    struct MicroBatch { // what a slot of the accumulate ring is running
        int64_t images = 0, batch = 0, step = 0, epoch = 0;
        const FilledSlot* filled = nullptr; // the loader's, which fills it anew once it is given back
        bool pending = false;
    };
    struct StepRecord { // what the event file says of a step, once all of it is known
        int64_t step = 0, images = 0, correct = 0, batch = 0;
        int64_t missing = 0; // micro-batches and the update's report
        double loss = 0, rate = 0;
    };
    struct EpochMetrics {
        int64_t epoch = 0, images = 0, correct = 0;
        double loss_sum = 0;
    };

    void require_sets() const;
    int64_t images_together() const;
    void compile();
    std::optional<StatisticsUpdate> make_moments();
    void compile_accumulate(const std::vector<SegmentPolicy>& policies);
    void use_kernels(const std::map<std::string, KernelChoice>& wanted);
    struct Backward {
        Bindings bindings;
        Value squared_norm; // of the micro-batch's gradient, where noise is measured
    };
    Backward add_backward(Graph& graph, Value loss, const std::vector<SegmentPolicy>& policies, const std::vector<bool>& again) const;
    void add_moments(Graph& graph, Bindings& bindings) const;
    void keep_limit(Value loss, const std::vector<SegmentPolicy>& policies, const std::vector<Value>& feeds);
    Value add_loss();
    bool detects() const { return model_->architecture().detection.has_value(); }
    // Of the accumulate ring and of the loader.
    int ring_slots() const { return replays_in_flight + filled_ahead + int(options_.integer("loader_threads")); }
    void deliver(const FilledSlot& filled) const;
    void warn_of_single_examples() const;
    void start_loader();
    void submit_batch(int64_t epoch, int64_t total);
    void forget_running(int64_t first_step); // what this step and later ones have under way counts for nothing
    void require_plan() const;
    int64_t batch_of(int64_t epoch, int64_t adaptive_batch) const;
    void advance(Position& position, int64_t images, int64_t adaptive_batch) const;
    double rate_of_step() const;
    void adapt_batch();
    void make_room(int slot);
    void collect(int slot);
    void collect_finished(bool wait);
    void take_report(const UpdateReport& report);
    StepRecord& record_of(int64_t step) { return records_[size_t(step) % records_.size()]; }
    void write_complete(StepRecord& record);
    void take_back(const StepRecord& record);
    std::map<std::string, std::string> facts() const;

    std::shared_ptr<Model> model_;
    std::shared_ptr<const Dataset> dataset_;
    Schedule schedule_;
    Attributes options_;
    BatchSettings settings_;
    TrainingPlan plan_;
    Optimizer optimizer_; // with the momentum that the schedule may have raised
    uint64_t seed_ = 0;
    int64_t micro_batch_ = 0;
    bool measures_noise_ = false;

    Arena gradients_;
    Arena micro_gradients_; // where noise is measured: each micro-batch's own
    RecomputationPlan recomputation_;
    std::shared_ptr<Buffer> moments_; // of the micro-batch and of the batch: mean, variance, mean, variance
    std::shared_ptr<Buffer> cells_;   // of an example, by block of the moments
    int64_t moment_bytes_ = 0;        // of one of the four; 0: no statistics are updated
    PixelPreparation network_pixels_; // with which the network was compiled
    Network network_;
    struct {
        Value labels, weights, keep, share, loss, correct, squared_norm; // labels and correct: of classifiers
    } accumulate_values_;
    DetectionLoss detection_loss_; // of detectors
    std::function<std::unique_ptr<Replay>(std::shared_ptr<KernelChoices>)> compile_replay_; // null: the device's own choices
    std::unique_ptr<Replay> accumulate_;
    std::unique_ptr<ParameterUpdate> update_;

    std::unique_ptr<BatchLoader> loader_; // after all that its threads use

    int64_t step_ = 0;
    Position position_;
    int64_t adaptive_batch_ = 0; // and the factor of the rate once it is the largest
    double adaptive_rate_ = 1;
    GradientNoise noise_;
    UpdateReport report_;             // of the last finished step
    bool averaged_ = false;           // the model holds the average
    std::vector<MicroBatch> running_; // by slot
    EpochMetrics metrics_;
    std::unique_ptr<EventFile> events_;  // null: none is asked for
    std::array<StepRecord, 64> records_; // a ring, longer than steps can be in flight
    int64_t finished_images_ = 0;
    double rate_ = 0;
    int64_t start_ns_ = 0; // of the first step
    struct Moment {
        int64_t ns = 0, images = 0;
    };
    std::array<Moment, 16> recent_{}; // a ring of finishing times, for the speed
    size_t recent_count_ = 0;
};

} // namespace lemnos
