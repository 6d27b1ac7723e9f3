// The trainer: a model, a data set, an optimizer and a schedule, compiled into two plans that are replayed.
//
// A logical batch of B images is B/b replays of *accumulate* (forward, loss, backward, sum into the gradient arena) and one
// of *update* (optimizer, running moments). Every image weighs 1/B, so the sum over micro-batches is the mean over the
// batch whatever b is. The order of the images and all that is random are functions of the seed, the epoch and the image.
// Metrics are read when a slot comes round again: nobody waits for them.
#pragma once

#include "data/dataset.h"
#include "data/loader.h"
#include "models/model.h"
#include "plan/replay.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace lemnos {

std::span<const AttributeSpec> trainer_options();

struct Progress {
    int64_t step = 0, steps = 0; // finished, in all
    int64_t epoch = 0;
    int64_t images = 0;                // used so far, of finished steps
    double loss = 0, accuracy = 0;     // over the images of the current epoch so far
    double rate = 0;                   // of the last step
    double seconds = 0;                // since the trainer was made or resumed, from the first step on
    double images_per_second = 0;      // over the last seconds
};

class Trainer {
  public:
    Trainer(std::shared_ptr<Model> model, std::shared_ptr<const Dataset> dataset, Optimizer optimizer, Schedule schedule,
            Attributes options);
    ~Trainer();

    // One parameter update; false when all epochs are done. Returns when the work is submitted. Throws invalid_state when
    // the loss of a finished step is not finite.
    bool step();
    // Metrics of the steps that are finished; with `wait` of all submitted ones.
    Progress progress(bool wait);

    void save(const std::string& path);
    void resume(const std::string& path);

    const Model& model() const { return *model_; }
    int64_t steps_per_epoch() const { return steps_per_epoch_; }
    int64_t steps() const { return steps_; }
    const Plan& accumulate_plan() const { return accumulate_->plan(); }
    const Plan& update_plan() const { return update_->plan(); }

  private:
    struct MicroBatch { // what a slot of the accumulate ring is running
        int64_t images = 0, batch = 0, step = 0;
        bool pending = false;
    };
    struct EpochMetrics {
        int64_t epoch = 0, images = 0, correct = 0;
        double loss_sum = 0;
    };

    void compile();
    void compile_accumulate(bool has_moments, int64_t moment_bytes);
    void compile_update(bool has_moments, int64_t moment_bytes);
    void start_loader();
    void collect(int slot);
    void collect_finished(bool wait);
    std::string fingerprint() const;

    std::shared_ptr<Model> model_;
    std::shared_ptr<const Dataset> dataset_;
    Optimizer optimizer_;
    Schedule schedule_;
    Attributes options_;
    uint64_t seed_ = 0;
    int64_t batch_ = 0, micro_batch_ = 0, steps_per_epoch_ = 0, steps_ = 0;

    std::vector<Arena> optimizer_states_;
    Arena gradients_, micro_gradients_;
    std::shared_ptr<Buffer> moments_; // of the micro-batch and of the batch: mean, variance, mean, variance
    std::shared_ptr<Buffer> policies_, policy_of_block_;

    Network network_;
    struct {
        Value labels, weights, keep, share, loss, correct;
    } accumulate_values_;
    struct {
        Value scalars, share;
    } update_values_;
    std::unique_ptr<Replay> accumulate_, update_;

    std::unique_ptr<BatchLoader> loader_;
    std::vector<uint32_t> order_;          // of the loader's epoch
    int64_t order_epoch_ = -1, loader_step_ = 0, loader_done_ = 0; // the loader threads' own

    int64_t step_ = 0;
    std::vector<MicroBatch> running_; // by slot
    EpochMetrics metrics_;
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
