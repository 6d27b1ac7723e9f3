// The register tile of a subgroup (shaders/include/row_tile.glsl), the scalar family's product: `pointwise` where the rows are
// those of a matrix (channels in fours, results in eights), `pointwise_strided` where they are some of its rows, `direct` over
// gathered rows for all other convolutions, and `row_tile` for the gradient of the filter, with split sums.
#include "ops/convolution_parts.h"
#include "ops/items.h"
#include "shaders/conv2d_filter_gradient.h"
#include "shaders/conv2d_pointwise.h"

#include <algorithm>
#include <utility>

namespace lemnos {

namespace {

std::string variant(const DeviceProfile& profile, const char* shader, DataType dtype) {
    return item_variant(shader, profile.subgroup_size, dtype);
}

// ---- how a subgroup lies over a matrix, beside register_tile() ----

// The default, then every other division of the subgroup with as many rows a lane, and with 8 or 16.
std::vector<KernelTile> with_alternatives(const DeviceProfile& profile, KernelTile fastest) {
    std::vector<KernelTile> tiles{fastest};
    for (uint32_t rows : {fastest.rows, 8u, 16u})
        for (uint32_t lanes = 1; lanes <= profile.subgroup_size && (rows >= profile.subgroup_size || rows == fastest.rows); lanes *= 2)
            if (std::find(tiles.begin(), tiles.end(), KernelTile{lanes, rows}) == tiles.end()) tiles.push_back({lanes, rows});
    return tiles;
}

std::vector<KernelTile> direct_tiles(const DeviceProfile& profile, int64_t rows, int64_t columns, bool wide, bool x_wide) {
    const uint32_t subgroup = profile.subgroup_size;
    if (subgroup != tabled_subgroup) return with_alternatives(profile, {subgroup, std::max(16u, subgroup)});
    if (rows <= 8) return with_alternatives(profile, {8, 8});
    if (!wide) return with_alternatives(profile, {columns <= 2 ? 2u : columns <= 4 ? 4u : 8u, 16});
    const uint32_t lanes = columns <= 8 ? 1 : columns <= 16 ? 2 : columns < 64 ? 4 : 8;
    return with_alternatives(profile, {x_wide ? lanes : std::max(2u, lanes), 16});
}

// ---- forward, and the input's gradient ----

// The matrices of a pass: x or dy is read, y or dx is written.
struct Product {
    int64_t rows, inner, columns;
};
Product product_of(const ConvolutionProblem& p) {
    const ConvolutionShape& s = p.shape;
    const bool forward = p.pass == ConvolutionPass::forward;
    return {s.pixels(), forward ? s.in_channels : s.out_channels, forward ? s.out_channels : s.in_channels};
}

bool is_matrix_product(const DeviceProfile& profile, const ConvolutionProblem& p) {
    const Product product = product_of(p);
    return profile.has_subgroup_kernels() && p.shape.pointwise() && p.shape.groups == 1 && product.inner % 4 == 0 &&
           product.columns % 8 == 0;
}
bool fits_pointwise(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return is_matrix_product(profile, p) && !p.shape.strided();
}
bool fits_pointwise_strided(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return is_matrix_product(profile, p) && p.shape.strided();
}

std::vector<KernelTile> tiles_of_pointwise(const DeviceProfile& profile, const ConvolutionProblem& p) {
    const Product product = product_of(p);
    KernelTile fastest = register_tile(profile, product.rows, product.columns);
    if (p.shape.strided() && fastest.rows == 20) fastest.rows = 16; // up to a sixth faster on WRN's shapes, elsewhere the same
    return with_alternatives(profile, fastest);
}

// So few rows read the filter hardly more than once, from afar.
constexpr int64_t rows_of_bound_filter = 64;
// A filter that stays in the caches next to a processor beside the rows that pass through. All tiles of some rows then follow each
// other (a tenth faster where there are several, on an AMD EPYC); a larger one is read once for all rows, a few columns at a time.
constexpr int64_t near_filter_bytes = near_bytes / 2;

void pointwise(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile tile) {
    const ConvolutionShape& s = problem.shape;
    const auto [rows, inner, columns] = product_of(problem);
    const uint32_t subgroup = e.profile().subgroup_size, lanes = tile.columns;
    const bool forward = problem.pass == ConvolutionPass::forward;
    const uint32_t filter = !forward ? FILTER_TRANSPOSED : rows <= rows_of_bound_filter ? FILTER_THROUGH_BINDING : FILTER_BY_ADDRESS;
    Kernel kernel{.shader = variant(e.profile(), "conv2d_pointwise", problem.dtype),
                  .specialisation = {subgroup, lanes, tile.rows, 1, problem.bias, problem.residual, uint32_t(problem.activation), filter,
                                     s.strided()},
                  .operands = {forward ? o.x : o.y, o.filter, or_none(e, o.bias), or_none(e, o.residual), forward ? o.y : o.x}};
    kernel.groups = folded_groups(divide_up(rows, tile.rows * (subgroup / lanes)), divide_up(columns, 8 * lanes));
    const bool columns_first = kernel.operands[1].bytes <= near_filter_bytes;
    if (columns_first) std::swap(kernel.groups[0], kernel.groups[1]);
    kernel.flops = 2.0 * double(rows) * double(inner) * double(columns);
    kernel.subgroups = true;
    shader::Conv2dPointwiseParams params{.rows = uint32_t(rows),
                                         .inner = uint32_t(inner),
                                         .columns = uint32_t(columns),
                                         .columns_first = columns_first,
                                         .far = lies_far(kernel.operands[0]),
                                         .far_residual = problem.residual && lies_far(kernel.operands[3]),
                                         .out_height = uint32_t(s.out_height),
                                         .out_width = uint32_t(s.out_width),
                                         .in_height = uint32_t(s.in_height),
                                         .in_width = uint32_t(s.in_width),
                                         .stride_y = uint32_t(s.stride_y),
                                         .stride_x = uint32_t(s.stride_x)};
    set_division(s.out_height, params.height_multiplier, params.height_shift);
    set_division(s.out_width, params.width_multiplier, params.width_shift);
    e.dispatch(std::move(kernel.params(params)));
}

bool fits_direct(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return profile.has_subgroup_kernels() && !(p.shape.by_channel());
}

// {0, 0}: each product of the pass is cut by the table.
std::vector<KernelTile> tiles_of_direct(const DeviceProfile& profile, const ConvolutionProblem& p) {
    const Product product = product_of(p);
    const int64_t inner = product.inner / p.shape.groups, columns = product.columns / p.shape.groups;
    std::vector<KernelTile> tiles = direct_tiles(profile, product.rows, columns, columns % 8 == 0, inner % 4 == 0);
    tiles.front() = {};
    return tiles;
}

void direct(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands, KernelTile asked) {
    const uint32_t subgroup = e.profile().subgroup_size;
    for (GatheredProduct& product : gathered_products(e, problem, operands)) {
        shader::Conv2dDirectParams& params = product.params;
        const ConvolutionOperands& o = product.operands;
        const bool wide = params.columns % 8 == 0 && params.out_channels % 8 == 0, x_wide = params.inner % 4 == 0;
        const KernelTile tile =
            asked.columns ? asked : direct_tiles(e.profile(), params.rows, params.columns, wide, x_wide).front();
        set_division(params.grid_height, params.height_multiplier, params.height_shift);
        set_division(params.grid_width, params.width_multiplier, params.width_shift);
        params.column_tiles = uint32_t(divide_up(params.columns, tile.columns * (wide ? 8 : 1)));
        Kernel kernel{.shader = variant(e.profile(), "conv2d_direct", problem.dtype),
                      .specialisation = {subgroup, tile.columns, tile.rows, wide, problem.bias, problem.residual,
                                         uint32_t(product.activation), x_wide, product.scatter},
                      .operands = {o.x, o.filter, or_none(e, o.bias), or_none(e, o.residual), o.y}};
        kernel.groups = folded_groups(divide_up(params.rows, tile.rows * (subgroup / tile.columns)),
                                      params.column_tiles * product.groups);
        kernel.flops = product.flops();
        kernel.subgroups = true;
        e.dispatch(std::move(kernel.params(params)));
    }
}

// ---- the filter's gradient ----

std::vector<KernelTile> filter_gradient_tiles(const DeviceProfile& profile, const ConvolutionShape& s) {
    const int64_t columns = s.out_channels / s.groups, inner = s.in_channels / s.groups;
    const bool wide = columns % 8 == 0, inner_wide = inner % 8 == 0;
    const int64_t filter_rows = s.kernel_height * s.kernel_width * inner;
    const uint32_t rows = filter_rows <= 8 ? 8 : 16;
    if (profile.subgroup_size != tabled_subgroup) return with_alternatives(profile, {profile.subgroup_size, rows});
    if (!wide) return with_alternatives(profile, {8, rows});
    if (!inner_wide) return with_alternatives(profile, {columns >= 64 ? 8u : 4u, rows});
    const uint32_t lanes = column_lanes(columns);
    return with_alternatives(profile, {lanes, lanes == 1 ? 8 : rows});
}

std::vector<KernelTile> tiles_of_filter_gradient(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return filter_gradient_tiles(profile, p.shape);
}

void row_tile_filter_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile tile) {
    FilterGradientProduct product = row_tile_product(e.profile(), problem.shape, problem.dtype, tile);
    product.params.far_x = lies_far(o.x);
    product.params.far_dy = lies_far(o.y);
    dispatch_filter_gradient(e, problem.shape, o, std::move(product));
}

} // namespace

KernelTile row_tile_of_filter_gradient(const DeviceProfile& profile, const ConvolutionShape& shape) {
    return filter_gradient_tiles(profile, shape).front();
}

FilterGradientProduct row_tile_product(const DeviceProfile& profile, const ConvolutionShape& s, DataType dtype, KernelTile tile,
                                       bool blocked) {
    const uint32_t subgroup = profile.subgroup_size, lane_groups = subgroup / tile.columns;
    shader::Conv2dFilterGradientParams params = filter_gradient_params(s);
    const bool wide = params.columns % 8 == 0;
    params.column_tiles = uint32_t(divide_up(params.columns, tile.columns * (wide ? 8 : 1)));
    set_division(params.out_height, params.height_multiplier, params.height_shift);
    set_division(params.out_width, params.width_multiplier, params.width_shift);
    return {.kernel = {.shader = variant(profile, "conv2d_filter_gradient", dtype),
                       .specialisation = {subgroup, tile.columns, wide, params.inner % 8 == 0, s.pointwise(), s.pointwise() && s.strided(),
                                          tile.rows / 8, blocked},
                       .subgroups = true},
            .params = params,
            .tile_rows = tile.rows,
            .row_step = 4 * lane_groups,
            .copies_a_split = lane_groups,
            .adds = true};
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(row_tile) {
    using enum ConvolutionPass;
    return {
        {"pointwise", forward, KernelFamily::scalar, fits_pointwise, pointwise, tiles_of_pointwise, nullptr, true},
        {"pointwise", input_gradient, KernelFamily::scalar, fits_pointwise, pointwise, tiles_of_pointwise, nullptr, true},
        {"pointwise_strided", forward, KernelFamily::scalar, fits_pointwise_strided, pointwise, tiles_of_pointwise, nullptr, true},
        {"pointwise_strided", input_gradient, KernelFamily::scalar, fits_pointwise_strided, pointwise, tiles_of_pointwise, nullptr, true},
        {"direct", forward, KernelFamily::scalar, fits_direct, direct, tiles_of_direct, nullptr, true},
        {"direct", input_gradient, KernelFamily::scalar, fits_direct, direct, tiles_of_direct, nullptr, true},
        {"row_tile", filter_gradient, KernelFamily::scalar, fits_direct, row_tile_filter_gradient, tiles_of_filter_gradient, nullptr, true},
    };
}
