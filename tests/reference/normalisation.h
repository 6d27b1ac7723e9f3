// Normalisation in all its groupings (../shared/spec/batch-normalization.md, section 4.1).
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

// What is normalised together: so many examples (0: all), and the channels of each of so many groups (0: every channel on its
// own).
struct Grouping {
    int64_t examples = 0, groups = 0;
};

// x [n]...[c], gamma and beta [c]. Only the first `valid` examples count: they alone make the moments, and
// the later ones are normalised to 0. Without any valid example the moments are 0. Mean and variance are those of the whole
// batch, channel by channel, however it is grouped.
BatchNorm normalisation(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                        int64_t valid = all_examples, const Grouping& grouping = {});

// The gradients of y alone: the moments feed the running averages, through which nothing is differentiated.
BatchNormGradients normalisation_backward(const Tensor& x, const Tensor& gamma, const Tensor& dy, double epsilon,
                                          int64_t valid = all_examples, const Grouping& grouping = {});

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta with given moments, which are constants; over groups of channels
// with the average of their raw moments.
Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon, int64_t groups = 0);
BatchNormGradients batch_norm_inference_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                                 const Tensor& variance, const Tensor& dy, double epsilon, int64_t groups = 0);

// Inference example weighing (section 4.2, number 1), by raw moments as the paper defines it: each example's own weigh alpha,
// the given ones 1 - alpha.
Tensor batch_norm_weighed(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                          const Tensor& variance, double alpha, double epsilon, int64_t groups = 0);

} // namespace lemnos::reference
