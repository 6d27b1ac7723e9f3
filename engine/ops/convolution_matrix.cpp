// Products on matrix units, for f16: the sum over gathered rows and the gradient of the filter, by VK_KHR_cooperative_matrix or
// VK_NV_cooperative_matrix2. Factors are f16 (the filter is rounded to it) and sums f32, so that f32 problems never come here.
#include "ops/convolution_parts.h"
#include "vulkan/matrix_units.h"

#include <algorithm>

namespace lemnos {

namespace {

// How many rows, columns and workgroups' worth of them a problem has.
struct Extent {
    int64_t rows, columns, times;
};

Extent extent_of(const ConvolutionProblem& problem) {
    const ConvolutionShape& s = problem.shape;
    const int64_t inner = s.in_channels / s.groups, outer = s.out_channels / s.groups;
    switch (problem.pass) {
    case ConvolutionPass::forward: return {s.pixels(), outer, s.groups};
    case ConvolutionPass::input_gradient:
        return {s.batch * divide_up(s.in_height, s.stride_y) * divide_up(s.in_width, s.stride_x), inner,
                s.groups * s.stride_y * s.stride_x};
    default: return {s.kernel_height * s.kernel_width * inner, outer, s.groups * std::max<int64_t>(1, s.pixels() / 256)};
    }
}

template <MatrixFamily family>
bool fits(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    return problem.dtype == DataType::f16 && !problem.shape.by_channel() && !matrix_tiles(profile, family).empty();
}

// First the largest tile that leaves less than half of its rows and columns empty and enough workgroups for the device, or else
// that which comes nearest to it: the smallest.
template <MatrixFamily family>
std::vector<KernelTile> tiles(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    const Extent extent = extent_of(problem);
    const int64_t enough = profile.is_cpu ? 4 : 128;
    std::vector<KernelTile> choices;
    for (const MatrixTile& tile : matrix_tiles(profile, family)) choices.push_back({tile.columns(), tile.rows()});
    const auto suits = [&](const KernelTile& tile) {
        return 2 * extent.rows > tile.rows && 2 * extent.columns > tile.columns &&
               divide_up(extent.rows, tile.rows) * divide_up(extent.columns, tile.columns) * extent.times >= enough;
    };
    auto best = std::find_if(choices.begin(), choices.end(), suits);
    if (best == choices.end()) --best;
    std::rotate(choices.begin(), best, best + 1);
    return choices;
}

template <MatrixFamily family>
MatrixTile tile_of(const DeviceProfile& profile, KernelTile wanted) {
    for (const MatrixTile& tile : matrix_tiles(profile, family))
        if (tile.columns() == wanted.columns && tile.rows() == wanted.rows) return tile;
    fail(ErrorCode::internal, "No tile of ", wanted.rows, " x ", wanted.columns, " runs on this device's matrix units.");
}

Kernel kernel_of(const MatrixTile& tile, const char* shader, std::initializer_list<uint32_t> more) {
    Kernel kernel{.shader = tile.shader(shader), .specialisation = tile.specialisation()};
    kernel.specialisation.insert(kernel.specialisation.end(), more);
    kernel.subgroups = true;
    return kernel;
}

template <MatrixFamily family>
void matrix(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands, KernelTile wanted) {
    const MatrixTile tile = tile_of<family>(e.profile(), wanted);
    for (GatheredProduct& product : gathered_products(e, problem, operands)) {
        shader::Conv2dDirectParams& params = product.params;
        const ConvolutionOperands& o = product.operands;
        params.column_tiles = uint32_t(divide_up(params.columns, tile.columns()));
        Kernel kernel = kernel_of(tile, "conv2d_matrix",
                                  {problem.bias, problem.residual, uint32_t(product.activation), product.scatter,
                                   params.inner % 8 == 0, params.columns % 8 == 0});
        kernel.operands = {o.x, o.filter, or_none(e, o.bias), or_none(e, o.residual), o.y};
        kernel.groups = folded_groups(divide_up(params.rows, tile.rows()), params.column_tiles * product.groups);
        kernel.flops = product.flops();
        e.dispatch(std::move(kernel.params(params)));
    }
}

template <MatrixFamily family>
void matrix_filter_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile wanted) {
    const MatrixTile tile = tile_of<family>(e.profile(), wanted);
    shader::Conv2dFilterGradientParams params = filter_gradient_params(problem.shape);
    params.column_tiles = uint32_t(divide_up(params.columns, tile.columns()));
    dispatch_filter_gradient(
        e, problem.shape, o,
        {.kernel = kernel_of(tile, "conv2d_filter_gradient_matrix", {params.inner % 8 == 0, params.columns % 8 == 0}),
         .params = params,
         .tile_rows = tile.rows(),
         .row_step = tile.step});
}

template <MatrixFamily family>
void add_rows(std::vector<ConvolutionKernel>& rows) {
    using enum ConvolutionPass;
    const char* name = name_of(family);
    rows.push_back({name, forward, {}, fits<family>, matrix<family>, tiles<family>, nullptr, true});
    rows.push_back({name, input_gradient, {}, fits<family>, matrix<family>, tiles<family>, nullptr, true});
    rows.push_back({name, filter_gradient, {}, fits<family>, matrix_filter_gradient<family>, tiles<family>, nullptr, true});
}

} // namespace

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(matrix) {
    std::vector<ConvolutionKernel> rows;
    add_rows<MatrixFamily::coopmat2>(rows);
    add_rows<MatrixFamily::coopmat>(rows);
    return rows;
}
