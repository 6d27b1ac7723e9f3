// The noise of the gradient, measured from what accumulation produces anyway: the squared norms of the gradients of
// micro-batches, b images each, and of their mean over the batch of B (McCandlish et al., arXiv 1812.06162, appendix A):
//     |G|^2   = (B |G_B|^2 - b |G_b|^2) / (B - b)              the true gradient's
//     tr(S)   = (|G_b|^2 - |G_B|^2) / (1/b - 1/B)              the sum of variances of one image's gradient
// Both are unbiased; their ratio, the noise batch tr(S) / |G|^2, is taken of their moving averages.
#pragma once

#include <array>
#include <cstdint>

namespace lemnos {

class GradientNoise {
  public:
    explicit GradientNoise(double smoothing = 0.95) : smoothing_(smoothing) {}

    // Of one micro-batch, |gradient|^2 as it was added: each image weighed loss scale / B.
    void add_micro_batch(int64_t step, double squared_norm, int64_t images, int64_t batch);
    // Of the whole batch, after its micro-batches; a step that was skipped is forgotten.
    void add_batch(int64_t step, double norm, double loss_scale, bool skipped);
    void forget(int64_t step) { of(step) = {}; } // its micro-batches will come again

    // The batch whose gradient is half noise; 0 before anything was measured, infinity where noise is all there is.
    double noise_batch() const;
    // For checkpoints: weight, mean tr(S), mean |G|^2.
    std::array<double, 3> state() const { return {weight_, variance_, square_}; }
    void set_state(const std::array<double, 3>& state);

  private:
    struct Step {
        int64_t step = -1, micro_batches = 0, images = 0, batch = 0;
        double squares = 0; // of the mean gradients of micro-batches
        double norm = -1;   // of the batch; negative: not known yet
        double loss_scale = 1;
        bool skipped = false;
    };
    Step& of(int64_t step);
    void close(Step& step);

    double smoothing_;
    double weight_ = 0, variance_ = 0, square_ = 0;
    std::array<Step, 16> recent_{}; // more than are ever in flight
};

} // namespace lemnos
