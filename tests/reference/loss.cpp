// Every tensor is read as a matrix of rows; `begin` is the offset of a row's first element.
#include "reference/loss.h"

#include <algorithm>
#include <cmath>

namespace lemnos::reference {
namespace {

// Subtracting the two parts one after the other neither overflows nor loses digits to a large row.
struct LogNormaliser {
    double largest, log_sum; // of exp(x - largest)

    double log_softmax(double x) const { return x - largest - log_sum; }
};

LogNormaliser log_normaliser(const Tensor& x, int64_t begin, int64_t classes) {
    double largest = x[begin], sum = 0;
    for (int64_t c = 1; c < classes; ++c) largest = std::max(largest, x[begin + c]);
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[begin + c] - largest);
    return {largest, std::log(sum)};
}

double target(int64_t c, int32_t label, int64_t classes, double smoothing) {
    require(label >= 0 && label < classes, "The label ", label, " does not lie in [0, ", classes, ").");
    return (c == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
}

void require_rows(const Tensor& weights, int64_t rows) {
    require(weights.size() == rows, "There are ", weights.size(), " weights for ", rows, " rows.");
}

int64_t rows_of(const Tensor& logits, const Labels& labels, const Tensor& weights) {
    const int64_t rows = logits.size() / extent(logits, -1);
    require(static_cast<int64_t>(labels.size()) == rows, "There are ", labels.size(), " labels for ", rows,
            " rows.");
    require_rows(weights, rows);
    return rows;
}

} // namespace

Tensor softmax(const Tensor& x) {
    Tensor y = log_softmax(x);
    for (double& value : y.data) value = std::exp(value);
    return y;
}

// dx = y (dy - sum_c dy_c y_c)
Tensor softmax_backward(const Tensor& x, const Tensor& dy) {
    require_same_shape(x, dy);
    const Tensor y = softmax(x);
    const int64_t classes = extent(x, -1);
    Tensor dx(x.shape);
    for (int64_t begin = 0; begin < x.size(); begin += classes) {
        double sum = 0;
        for (int64_t i = begin; i < begin + classes; ++i) sum += dy[i] * y[i];
        for (int64_t i = begin; i < begin + classes; ++i) dx[i] = y[i] * (dy[i] - sum);
    }
    return dx;
}

Tensor log_softmax(const Tensor& x) {
    const int64_t classes = extent(x, -1);
    Tensor y(x.shape);
    for (int64_t begin = 0; begin < x.size(); begin += classes) {
        const LogNormaliser row = log_normaliser(x, begin, classes);
        for (int64_t i = begin; i < begin + classes; ++i) y[i] = row.log_softmax(x[i]);
    }
    return y;
}

// dx = dy - softmax(x) sum_c dy_c
Tensor log_softmax_backward(const Tensor& x, const Tensor& dy) {
    require_same_shape(x, dy);
    const Tensor y = softmax(x);
    const int64_t classes = extent(x, -1);
    Tensor dx(x.shape);
    for (int64_t begin = 0; begin < x.size(); begin += classes) {
        double sum = 0;
        for (int64_t i = begin; i < begin + classes; ++i) sum += dy[i];
        for (int64_t i = begin; i < begin + classes; ++i) dx[i] = dy[i] - y[i] * sum;
    }
    return dx;
}

Tensor softmax_cross_entropy(const Tensor& logits, const Labels& labels, const Tensor& weights,
                             double smoothing) {
    const int64_t rows = rows_of(logits, labels, weights), classes = extent(logits, -1);
    Tensor loss(Shape{});
    for (int64_t n = 0; n < rows; ++n) {
        if (weights[n] == 0) continue;
        const LogNormaliser row = log_normaliser(logits, n * classes, classes);
        for (int64_t c = 0; c < classes; ++c)
            loss[0] -= weights[n] * target(c, labels[static_cast<size_t>(n)], classes, smoothing) *
                       row.log_softmax(logits[n * classes + c]);
    }
    return loss;
}

// dlogits = dy weight (softmax(logits) - target)
Tensor softmax_cross_entropy_backward(const Tensor& logits, const Labels& labels, const Tensor& weights,
                                      double smoothing, const Tensor& dy) {
    const int64_t rows = rows_of(logits, labels, weights), classes = extent(logits, -1);
    Tensor d(logits.shape);
    for (int64_t n = 0; n < rows; ++n) {
        if (weights[n] == 0) continue;
        const LogNormaliser row = log_normaliser(logits, n * classes, classes);
        for (int64_t c = 0; c < classes; ++c) {
            const double probability = std::exp(row.log_softmax(logits[n * classes + c]));
            d[n * classes + c] =
                dy[0] * weights[n] *
                (probability - target(c, labels[static_cast<size_t>(n)], classes, smoothing));
        }
    }
    return d;
}

Tensor mean_squared_error(const Tensor& prediction, const Tensor& target, const Tensor& weights) {
    require_same_shape(prediction, target);
    require_rows(weights, extent(prediction, 0));
    const int64_t row_size = prediction.size() / extent(prediction, 0);
    Tensor loss(Shape{});
    for (int64_t i = 0; i < prediction.size(); ++i) {
        const double weight = weights[i / row_size], error = prediction[i] - target[i];
        if (weight != 0) loss[0] += weight * error * error / static_cast<double>(row_size);
    }
    return loss;
}

MeanSquaredErrorGradients mean_squared_error_backward(const Tensor& prediction, const Tensor& target,
                                                      const Tensor& weights, const Tensor& dy) {
    require_same_shape(prediction, target);
    require_rows(weights, extent(prediction, 0));
    const int64_t row_size = prediction.size() / extent(prediction, 0);
    MeanSquaredErrorGradients d{Tensor(prediction.shape), Tensor(target.shape)};
    for (int64_t i = 0; i < prediction.size(); ++i) {
        const double weight = weights[i / row_size];
        if (weight == 0) continue;
        d.prediction[i] = dy[0] * weight * 2 * (prediction[i] - target[i]) / static_cast<double>(row_size);
        d.target[i] = -d.prediction[i];
    }
    return d;
}

} // namespace lemnos::reference
