// A normalisation with given moments, folded into the convolution before it.
#pragma once

#include "reference/tensor.h"

namespace lemnos::reference {

struct FoldedConvolution {
    Tensor filter, bias;
};

// filter [..][c]; gamma, beta, mean and variance [c]; bias [c] or absent.
FoldedConvolution fold_batch_norm(const Tensor& filter, const Tensor& bias, const Tensor& gamma,
                                  const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                  double epsilon);

} // namespace lemnos::reference
