#include "reference/folding.h"

#include <cmath>

namespace lemnos::reference {

FoldedConvolution fold_batch_norm(const Tensor& filter, const Tensor& bias, const Tensor& gamma,
                                  const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                  double epsilon) {
    FoldedConvolution folded{Tensor(filter.shape), Tensor(gamma.shape)};
    const auto scale = [&](int64_t c) { return gamma[c] / std::sqrt(variance[c] + epsilon); };
    for (int64_t i = 0; i < filter.size(); ++i) folded.filter[i] = filter[i] * scale(i % extent(filter, -1));
    for (int64_t c = 0; c < gamma.size(); ++c)
        folded.bias[c] = ((bias.empty() ? 0 : bias[c]) - mean[c]) * scale(c) + beta[c];
    return folded;
}

} // namespace lemnos::reference
