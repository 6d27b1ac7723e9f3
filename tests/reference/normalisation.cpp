// Every tensor is read as a matrix [cells][channels]; the cells of the valid examples come first.
#include "reference/normalisation.h"

#include <cmath>

namespace lemnos::reference {
namespace {

// The number of cells of the examples that count.
int64_t cells_of(const Tensor& x, int64_t valid) {
    const int64_t examples = extent(x, 0);
    if (valid == all_examples) valid = examples;
    require(valid >= 0 && valid <= examples, "Of ", examples, " examples ", valid, " cannot count.");
    return x.size() / examples * valid / extent(x, -1);
}

void require_channels(const Tensor& x, std::initializer_list<const Tensor*> vectors) {
    for (const Tensor* vector : vectors)
        require(vector->shape == Shape{extent(x, -1)}, "The vector ", shape_text(vector->shape),
                " does not have one value a channel of ", shape_text(x.shape), ".");
}

// In two passes, so that a large mean costs nothing.
void moments(const Tensor& x, int64_t cells, Tensor& mean, Tensor& variance) {
    const int64_t channels = extent(x, -1);
    mean = variance = Tensor({channels});
    if (cells == 0) return;
    for (int64_t i = 0; i < cells * channels; ++i) mean[i % channels] += x[i];
    for (double& sum : mean.data) sum /= static_cast<double>(cells);
    for (int64_t i = 0; i < cells * channels; ++i) {
        const double centred = x[i] - mean[i % channels];
        variance[i % channels] += centred * centred;
    }
    for (double& sum : variance.data) sum /= static_cast<double>(cells);
}

} // namespace

BatchNorm batch_norm_training(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                              int64_t valid) {
    require_channels(x, {&gamma, &beta});
    const int64_t cells = cells_of(x, valid), channels = extent(x, -1);
    BatchNorm result;
    moments(x, cells, result.mean, result.variance);
    result.y = batch_norm_inference(x, gamma, beta, result.mean, result.variance, epsilon);
    for (int64_t i = cells * channels; i < x.size(); ++i) result.y[i] = 0;
    return result;
}

// dx = (g dy - mean(g dy) - xhat mean(g dy xhat)) / sqrt(variance + epsilon), with g = gamma.
BatchNormGradients batch_norm_training_backward(const Tensor& x, const Tensor& gamma, const Tensor& dy,
                                                double epsilon, int64_t valid) {
    require_channels(x, {&gamma});
    require_same_shape(x, dy);
    const int64_t cells = cells_of(x, valid), channels = extent(x, -1);
    const auto count = static_cast<double>(cells);
    Tensor mean, variance;
    moments(x, cells, mean, variance);
    BatchNormGradients d{Tensor(x.shape), Tensor({channels}), Tensor({channels})};
    for (int64_t c = 0; c < channels; ++c) {
        const double deviation = std::sqrt(variance[c] + epsilon);
        const auto normalised = [&](int64_t i) { return (x[i] - mean[c]) / deviation; };
        for (int64_t i = c; i < cells * channels; i += channels) {
            d.gamma[c] += dy[i] * normalised(i);
            d.beta[c] += dy[i];
        }
        for (int64_t i = c; i < cells * channels; i += channels)
            d.x[i] = gamma[c] / deviation * (dy[i] - d.beta[c] / count - normalised(i) * d.gamma[c] / count);
    }
    return d;
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon) {
    require_channels(x, {&gamma, &beta, &mean, &variance});
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) {
        const int64_t c = i % extent(x, -1);
        y[i] = gamma[c] * (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) + beta[c];
    }
    return y;
}

BatchNormGradients batch_norm_inference_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                                 const Tensor& variance, const Tensor& dy, double epsilon) {
    require_channels(x, {&gamma, &mean, &variance});
    require_same_shape(x, dy);
    BatchNormGradients d{Tensor(x.shape), Tensor(gamma.shape), Tensor(gamma.shape)};
    for (int64_t i = 0; i < x.size(); ++i) {
        const int64_t c = i % extent(x, -1);
        const double deviation = std::sqrt(variance[c] + epsilon);
        d.x[i] = dy[i] * gamma[c] / deviation;
        d.gamma[c] += dy[i] * (x[i] - mean[c]) / deviation;
        d.beta[c] += dy[i];
    }
    return d;
}

} // namespace lemnos::reference
