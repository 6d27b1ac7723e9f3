// Every tensor is read as a matrix [cells][channels]; the cells of the valid examples come first.
#include "reference/normalisation.h"

#include <algorithm>
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

// The cells that are normalised together: those of examples [first, last) in channels [begin, end).
struct Cells {
    int64_t first, last, begin, end;
};

// Calls visit(cells) for every set and group, without the examples that do not count.
template <typename Visit>
void for_each_group(const Tensor& x, int64_t valid, const Grouping& grouping, const Visit& visit) {
    const int64_t batch = extent(x, 0), channels = extent(x, -1);
    if (valid == all_examples) valid = batch;
    const int64_t examples = grouping.examples ? grouping.examples : batch;
    const int64_t span = grouping.groups ? channels / grouping.groups : 1;
    require(batch % examples == 0 && channels % span == 0, "The grouping does not divide ",
            shape_text(x.shape), ".");
    for (int64_t first = 0; first < std::min(batch, valid); first += examples)
        for (int64_t begin = 0; begin < channels; begin += span)
            visit(Cells{first, std::min(first + examples, valid), begin, begin + span});
}

template <typename Visit>
int64_t for_each_cell(const Tensor& x, const Cells& cells, const Visit& visit) {
    const int64_t channels = extent(x, -1), example = x.size() / extent(x, 0);
    int64_t count = 0;
    for (int64_t row = cells.first * example; row < cells.last * example; row += channels)
        for (int64_t c = cells.begin; c < cells.end; ++c, ++count) visit(row + c, c);
    return count;
}

struct Moments {
    double mean = 0, variance = 0, cells = 0;
};

// In two passes, so that a large mean costs nothing.
Moments moments_of(const Tensor& x, const Cells& cells) {
    Moments moments;
    moments.cells = double(for_each_cell(x, cells, [&](int64_t i, int64_t) { moments.mean += x[i]; }));
    if (moments.cells == 0) return moments;
    moments.mean /= moments.cells;
    for_each_cell(x, cells, [&](int64_t i, int64_t) {
        moments.variance += (x[i] - moments.mean) * (x[i] - moments.mean);
    });
    moments.variance /= moments.cells;
    return moments;
}

// The average over the group's channels of raw moments, as mean and variance.
Moments given_moments(const Tensor& mean, const Tensor& variance, const Cells& cells) {
    double first = 0, second = 0;
    const auto span = double(cells.end - cells.begin);
    for (int64_t c = cells.begin; c < cells.end; ++c) {
        first += mean[c] / span;
        second += (variance[c] + mean[c] * mean[c]) / span;
    }
    return {first, second - first * first};
}

} // namespace

BatchNorm normalisation(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                        int64_t valid, const Grouping& grouping) {
    require_channels(x, {&gamma, &beta});
    BatchNorm result{Tensor(x.shape), {}, {}};
    moments(x, cells_of(x, valid), result.mean, result.variance);
    for_each_group(x, valid, grouping, [&](const Cells& cells) {
        const Moments own = moments_of(x, cells);
        for_each_cell(x, cells, [&](int64_t i, int64_t c) {
            result.y[i] = gamma[c] * (x[i] - own.mean) / std::sqrt(own.variance + epsilon) + beta[c];
        });
    });
    return result;
}

// dx = (g dy - mean(g dy) - xhat mean(g dy xhat)) / sqrt(variance + epsilon), with g = gamma inside the means.
BatchNormGradients normalisation_backward(const Tensor& x, const Tensor& gamma, const Tensor& dy,
                                          double epsilon, int64_t valid, const Grouping& grouping) {
    require_channels(x, {&gamma});
    require_same_shape(x, dy);
    BatchNormGradients d{Tensor(x.shape), Tensor(gamma.shape), Tensor(gamma.shape)};
    for_each_group(x, valid, grouping, [&](const Cells& cells) {
        const Moments own = moments_of(x, cells);
        const double deviation = std::sqrt(own.variance + epsilon);
        double sum = 0, along = 0;
        const auto normalised = [&](int64_t i) { return (x[i] - own.mean) / deviation; };
        for_each_cell(x, cells, [&](int64_t i, int64_t c) {
            d.gamma[c] += dy[i] * normalised(i);
            d.beta[c] += dy[i];
            sum += gamma[c] * dy[i] / own.cells;
            along += gamma[c] * dy[i] * normalised(i) / own.cells;
        });
        for_each_cell(x, cells, [&](int64_t i, int64_t c) {
            d.x[i] = (gamma[c] * dy[i] - sum - normalised(i) * along) / deviation;
        });
    });
    return d;
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon, int64_t groups) {
    return batch_norm_weighed(x, gamma, beta, mean, variance, 0, epsilon, groups);
}

BatchNormGradients batch_norm_inference_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                                 const Tensor& variance, const Tensor& dy, double epsilon,
                                                 int64_t groups) {
    require_channels(x, {&gamma, &mean, &variance});
    require_same_shape(x, dy);
    BatchNormGradients d{Tensor(x.shape), Tensor(gamma.shape), Tensor(gamma.shape)};
    for_each_group(x, all_examples, {0, groups}, [&](const Cells& cells) {
        const Moments given = given_moments(mean, variance, cells);
        const double deviation = std::sqrt(given.variance + epsilon);
        for_each_cell(x, cells, [&](int64_t i, int64_t c) {
            d.x[i] = dy[i] * gamma[c] / deviation;
            d.gamma[c] += dy[i] * (x[i] - given.mean) / deviation;
            d.beta[c] += dy[i];
        });
    });
    return d;
}

Tensor batch_norm_weighed(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                          const Tensor& variance, double alpha, double epsilon, int64_t groups) {
    require_channels(x, {&gamma, &beta, &mean, &variance});
    Tensor y(x.shape);
    for_each_group(x, all_examples, {1, groups}, [&](const Cells& cells) {
        const Moments own = moments_of(x, cells), given = given_moments(mean, variance, cells);
        const double first = alpha * own.mean + (1 - alpha) * given.mean;
        const double second = alpha * (own.variance + own.mean * own.mean) +
                              (1 - alpha) * (given.variance + given.mean * given.mean);
        const double deviation = std::sqrt(second - first * first + epsilon);
        for_each_cell(x, cells,
                      [&](int64_t i, int64_t c) { y[i] = gamma[c] * (x[i] - first) / deviation + beta[c]; });
    });
    return y;
}

} // namespace lemnos::reference
