#include "train/training_plan.h"

#include "support/checked.h"

#include <algorithm>

namespace lemnos {

double noise_scale(double rate, double momentum, int64_t examples, int64_t batch) {
    return rate / (1 - momentum) * (double(examples) / double(batch) - 1);
}

double approximate_noise_scale(double rate, double momentum, int64_t examples, int64_t batch) {
    return rate / (1 - momentum) * double(examples) / double(batch);
}

static constexpr int64_t largest_default_micro_batch = 128;

int64_t choose_micro_batch(int64_t batch, int64_t asked, bool measures_noise) {
    if (asked > 0) {
        require(batch % asked == 0, "The micro-batch (", asked, ") does not divide the batch (", batch, ").");
        require(!measures_noise || asked < batch, "The noise of the gradient is measured between micro-batches: the micro-batch (",
                asked, ") must be smaller than the batch (", batch, ").");
        return asked;
    }
    require(!measures_noise || batch > 1, "The noise of the gradient is measured between micro-batches, and a batch of 1 has one.");
    for (int64_t micro = std::min(measures_noise ? batch / 2 : batch, largest_default_micro_batch);; --micro)
        if (batch % micro == 0) return micro;
}

TrainingPlan::TrainingPlan(const Schedule& schedule, const Optimizer& optimizer, BatchSettings settings, Tail tail)
    : schedule_(schedule), base_rate_(optimizer.rate()), settings_(settings), tail_(tail) {
    require(settings.batch <= settings.examples, "The batch (", settings.batch, ") is larger than the data set (",
            settings.examples, " images).");
    settings_.momentum = optimizer.momentum();
    for (const SchedulePhase& phase : schedule.phases(settings_)) {
        TrainingPhase planned{phase.first_epoch, phase.epochs, phase.batch, base_rate_ * phase.rate,
                              phase.momentum >= 0 ? phase.momentum : settings_.momentum};
        const int64_t dropped = settings_.examples / phase.batch, included = divide_up(settings_.examples, phase.batch);
        planned.first_step = steps_;
        planned.steps_per_epoch = tail == Tail::drop ? dropped : included;
        planned.noise = noise_scale(planned.rate, planned.momentum, settings_.examples, phase.batch);
        planned.approximate_noise = approximate_noise_scale(planned.rate, planned.momentum, settings_.examples, phase.batch);
        updates_.exact += double(settings_.examples) / double(phase.batch) * double(phase.epochs);
        updates_.dropped = checked_add(updates_.dropped, checked_multiply(dropped, phase.epochs));
        updates_.included = checked_add(updates_.included, checked_multiply(included, phase.epochs));
        steps_ = tail == Tail::drop ? updates_.dropped : updates_.included;
        phases_.push_back(planned);
        factors_.push_back(phase.rate);
    }
}

const TrainingPhase& TrainingPlan::phase_of_epoch(int64_t epoch) const {
    const auto after = std::upper_bound(phases_.begin(), phases_.end(), epoch,
                                        [](int64_t at, const TrainingPhase& phase) { return at < phase.first_epoch; });
    return after == phases_.begin() ? phases_.front() : after[-1];
}

const TrainingPhase& TrainingPlan::phase_of_step(int64_t step) const {
    const auto after = std::upper_bound(phases_.begin(), phases_.end(), step,
                                        [](int64_t at, const TrainingPhase& phase) { return at < phase.first_step; });
    return after == phases_.begin() ? phases_.front() : after[-1];
}

double TrainingPlan::rate(int64_t step) const {
    const TrainingPhase& phase = phase_of_step(step);
    const double epoch = double(phase.first_epoch) + double(step - phase.first_step) / double(phase.steps_per_epoch);
    return base_rate_ * factors_[size_t(&phase - phases_.data())] *
           schedule_.factor({step, steps_, epoch, double(settings_.epochs)});
}

int64_t batch_length(const Position& position, int64_t batch, int64_t examples, Tail tail) {
    const int64_t left = examples - position.offset;
    return left >= batch ? batch : tail == Tail::include ? left : 0;
}

} // namespace lemnos
