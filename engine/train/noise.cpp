#include "train/noise.h"

#include <cmath>

namespace lemnos {

GradientNoise::Step& GradientNoise::of(int64_t number) {
    Step& step = recent_[size_t(number) % recent_.size()];
    if (step.step != number) {
        step = {};
        step.step = number;
    }
    return step;
}

void GradientNoise::add_micro_batch(int64_t number, double squared_norm, int64_t images, int64_t batch) {
    Step& step = of(number);
    const double share = double(images) / double(batch);
    step.batch = batch;
    step.images += images;
    ++step.micro_batches;
    step.squares += squared_norm / (share * share);
    close(step);
}

void GradientNoise::add_batch(int64_t number, double norm, double loss_scale, bool skipped) {
    Step& step = of(number);
    step.norm = norm;
    step.loss_scale = loss_scale;
    step.skipped = skipped;
    close(step);
}

void GradientNoise::close(Step& step) {
    if (step.norm < 0 || step.batch == 0 || step.images < step.batch) return;
    const double micro = double(step.images) / double(step.micro_batches), batch = double(step.batch);
    const double scale = step.loss_scale * step.loss_scale;
    const double small = step.squares / double(step.micro_batches) / scale, large = step.norm * step.norm;
    if (!step.skipped && step.micro_batches > 1 && std::isfinite(small) && std::isfinite(large)) {
        const double share = 1 - smoothing_;
        weight_ += share * (1 - weight_);
        square_ += share * ((batch * large - micro * small) / (batch - micro) - square_);
        variance_ += share * ((small - large) / (1 / micro - 1 / batch) - variance_);
    }
    step = {};
}

double GradientNoise::noise_batch() const {
    if (weight_ == 0) return 0;
    return square_ > 0 ? std::fmax(variance_, 0) / square_ : HUGE_VAL;
}

void GradientNoise::set_state(const std::array<double, 3>& state) {
    weight_ = state[0];
    variance_ = state[1];
    square_ = state[2];
    recent_ = {};
}

} // namespace lemnos
