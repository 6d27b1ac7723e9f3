// Tiles in shared memory, for GPUs: an implicit product of 64 x 64 results a workgroup, and the gradient of the filter with
// split sums. They run on every device and compute every convolution.
#include "ops/convolution_parts.h"
#include "ops/items.h"

namespace lemnos {

namespace {

constexpr int64_t tile_size = 64; // rows and columns of a workgroup

bool fits(const DeviceProfile&, const ConvolutionProblem&) { return true; }

void tiled(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands, KernelTile) {
    for (GatheredProduct& product : gathered_products(e, problem, operands)) {
        shader::Conv2dDirectParams& params = product.params;
        const ConvolutionOperands& o = product.operands;
        params.column_tiles = uint32_t(divide_up(params.columns, tile_size));
        Kernel kernel{.shader = real_variant("conv2d_tiled", problem.dtype),
                      .specialisation = {0, problem.bias, problem.residual, uint32_t(product.activation), product.scatter},
                      .operands = {o.x, o.filter, or_none(e, o.bias), or_none(e, o.residual), o.y}};
        kernel.groups = folded_groups(divide_up(params.rows, tile_size), params.column_tiles * product.groups);
        kernel.flops = product.flops();
        e.dispatch(std::move(kernel.params(params)));
    }
}

void tiled_filter_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    dispatch_filter_gradient(e, problem.shape, o, tiled_product(problem.shape, problem.dtype));
}

} // namespace

FilterGradientProduct tiled_product(const ConvolutionShape& shape, DataType dtype) {
    FilterGradientProduct product{.kernel = {.shader = real_variant("conv2d_filter_gradient_tiled", dtype)},
                                  .params = filter_gradient_params(shape),
                                  .tile_rows = tile_size,
                                  .row_step = 16};
    product.params.column_tiles = uint32_t(divide_up(product.params.columns, tile_size));
    return product;
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(tiled) {
    using enum ConvolutionPass;
    return {
        {"tiled", forward, KernelFamily::tiled, fits, tiled, nullptr, nullptr, true},
        {"tiled", input_gradient, KernelFamily::tiled, fits, tiled, nullptr, nullptr, true},
        {"tiled", filter_gradient, KernelFamily::tiled, fits, tiled_filter_gradient, nullptr, nullptr, true},
    };
}
