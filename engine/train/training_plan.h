// What a training will do, known before it starts: its phases with batch, rate and noise, and the number of updates; and
// the walk through the epochs, batch by batch.
#pragma once

#include "train/optimizer.h"
#include "train/schedule.h"

namespace lemnos {

enum class Tail { drop, include }; // an epoch's last images that do not fill a batch

struct TrainingPhase {
    int64_t first_epoch = 0, epochs = 0;
    int64_t batch = 0;
    double rate = 0, momentum = 0; // of its first step after a warm-up, where the schedule is one of the batch
    int64_t first_step = 0, steps_per_epoch = 0;
    // g = rate / (1 - momentum) * (N / batch - 1), and without the 1: the noise of SGD's steps.
    double noise = 0, approximate_noise = 0;
};

// Parameter updates by three conventions: as a real number N / batch, tails dropped, tails included.
struct UpdateCounts {
    double exact = 0;
    int64_t dropped = 0, included = 0;
};

class TrainingPlan {
  public:
    TrainingPlan(const Schedule& schedule, const Optimizer& optimizer, BatchSettings settings, Tail tail);

    const std::vector<TrainingPhase>& phases() const { return phases_; }
    const UpdateCounts& updates() const { return updates_; }
    int64_t steps() const { return steps_; } // by this plan's tail
    const BatchSettings& settings() const { return settings_; }
    Tail tail() const { return tail_; }
    const TrainingPhase& phase_of_epoch(int64_t epoch) const;
    const TrainingPhase& phase_of_step(int64_t step) const;
    // The rate of a step: the optimizer's base rate, the schedule's factor and the phase's.
    double rate(int64_t step) const;
    double momentum() const { return phases_.front().momentum; }

  private:
    Schedule schedule_;
    double base_rate_;
    BatchSettings settings_;
    Tail tail_;
    std::vector<TrainingPhase> phases_;
    std::vector<double> factors_; // of the rate, one a phase
    UpdateCounts updates_;
    int64_t steps_ = 0;
};

// The noise scale of SGD's steps (arXiv 1711.00489), exact and for batch << examples.
double noise_scale(double rate, double momentum, int64_t examples, int64_t batch);
double approximate_noise_scale(double rate, double momentum, int64_t examples, int64_t batch);

// The images that the device holds at a time: what was asked for, or (0) the largest divisor of the batch up to 128. A
// measurement of the gradient's noise needs two micro-batches.
int64_t choose_micro_batch(int64_t batch, int64_t asked, bool measures_noise);

// Where in the data the next batch begins.
struct Position {
    int64_t epoch = 0, offset = 0; // images of the epoch that are used
};
// Images of the batch that begins there; 0 when the epoch has no further batch.
int64_t batch_length(const Position& position, int64_t batch, int64_t examples, Tail tail);

} // namespace lemnos
