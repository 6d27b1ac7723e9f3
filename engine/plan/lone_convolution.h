// One convolution by itself, on tensors of its own: what the check of kernels and the tuner run. Inputs are multiples of 1/8
// between -1 and 1, so that sums of products are exact in f32 and inputs are in f16.
#pragma once

#include "ops/convolution_menu.h"
#include "plan/plan.h"

namespace lemnos {

class LoneConvolution {
  public:
    LoneConvolution(std::shared_ptr<Device> device, const ConvolutionProblem& problem);

    // A plan that computes it with this kernel, which need not be the one that is chosen elsewhere. `offered`: rows besides
    // those of the menu.
    std::shared_ptr<Plan> compile(const KernelChoice& choice, const std::vector<const ConvolutionKernel*>& offered = {},
                                  bool timestamps = false) const;
    // Runs it once, with a result that was all NaN before, and reads the result.
    std::vector<double> run(Plan& plan) const;
    // The result in double precision, by the definition.
    std::vector<double> expected() const;

    // How far two results may be apart, as a part of the largest element. What is wrong is wrong by far more; rounding in
    // f32 stays below, transformed products (Winograd's) included.
    double tolerance() const { return problem_.dtype == DataType::f16 ? 4e-3 : 2e-4; }
    // Empty where they agree, else words that say by how much they do not.
    std::string difference(const std::vector<double>& result, const std::vector<double>& expected) const;

  private:
    struct Tensor {
        Value value;
        TensorType type;
        BufferView view;
        std::vector<double> numbers;
    };
    Tensor add(const char* name, DataType dtype, Shape shape);
    BufferView memory(const TensorType& type) const;

    std::shared_ptr<Device> device_;
    ConvolutionProblem problem_;
    Graph graph_;
    Bindings bindings_;
    uint32_t random_ = 1;
    Tensor x_, filter_, bias_, residual_, dy_; // those that the pass reads
    TensorType result_type_;
    BufferView result_;
};

} // namespace lemnos
