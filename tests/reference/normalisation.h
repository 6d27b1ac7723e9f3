// Batch normalisation over all axes but the last (../shared/spec/batch-normalization.md, section 4.1).
#pragma once

#include "reference/tensor.h"

namespace lemnos::reference {

struct BatchNorm {
    Tensor y, mean, variance; // the variance is biased: divided by the number of cells
};

struct BatchNormGradients {
    Tensor x, gamma, beta;
};

constexpr int64_t all_examples = -1;

// x [n]...[c], gamma and beta [c]. Only the first `valid` examples count: they alone make the moments, and
// the later ones are normalised to 0. Without any valid example the moments are 0.
BatchNorm batch_norm_training(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                              int64_t valid = all_examples);

// The gradients of y alone: the moments feed the running averages, through which nothing is differentiated.
BatchNormGradients batch_norm_training_backward(const Tensor& x, const Tensor& gamma, const Tensor& dy,
                                                double epsilon, int64_t valid = all_examples);

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta with given moments, which are constants.
Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon);
BatchNormGradients batch_norm_inference_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                                 const Tensor& variance, const Tensor& dy, double epsilon);

} // namespace lemnos::reference
