// Softmax and the losses. A loss is the scalar sum over rows i of weights[i] * l_i, so that the caller
// chooses the mean (1 / n each) and masks padding: a row of weight 0 is not even read, be it NaN or its label
// out of range.
#pragma once

#include "reference/tensor.h"

#include <cstdint>
#include <vector>

namespace lemnos::reference {

// Over the last axis. The backward takes the input of the forward.
Tensor softmax(const Tensor& x);
Tensor softmax_backward(const Tensor& x, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
Tensor log_softmax_backward(const Tensor& x, const Tensor& dy);

using Labels = std::vector<int32_t>;

// logits [...][classes], one label and one weight a row; l_i = -sum_c t_c log softmax(logits_i)_c with the
// target t = (1 - smoothing) at the label plus smoothing / classes everywhere, as PyTorch has it.
Tensor softmax_cross_entropy(const Tensor& logits, const Labels& labels, const Tensor& weights,
                             double smoothing);
Tensor softmax_cross_entropy_backward(const Tensor& logits, const Labels& labels, const Tensor& weights,
                                      double smoothing, const Tensor& dy);

struct MeanSquaredErrorGradients {
    Tensor prediction, target;
};

// Both [n]...; a row is an example and l_i the mean of its (prediction - target)^2.
Tensor mean_squared_error(const Tensor& prediction, const Tensor& target, const Tensor& weights);
MeanSquaredErrorGradients mean_squared_error_backward(const Tensor& prediction, const Tensor& target,
                                                      const Tensor& weights, const Tensor& dy);

} // namespace lemnos::reference
