#include "ops/convolution_parts.h"

#include "shaders/conv2d_sum.h"
#include "shaders/conv2d_transpose_filter.h"

#include <algorithm>
#include <numeric>

namespace lemnos {

std::array<uint32_t, 3> folded_groups(int64_t count, int64_t columns) {
    constexpr int64_t widest_grid = 32768; // workgroups in x before they fold into z
    const int64_t x = std::min(count, widest_grid);
    return {uint32_t(x), uint32_t(columns), uint32_t(divide_up(count, x))};
}

// What tiles of so many rows cost over a matrix of `rows`: what a lane reads for its columns is as dear as seven rows of
// multiply-adds.
static int64_t tile_cost(int64_t rows, int64_t tile_rows) { return divide_up(rows, tile_rows) * (tile_rows + 7); }

uint32_t column_lanes(int64_t columns) {
    if (columns <= 8) return 1;
    if (columns <= 16) return 2;
    return 6 * round_up(columns, 64) > 7 * round_up(columns, 32) ? 4 : 8;
}

KernelTile register_tile(const DeviceProfile& profile, int64_t rows, int64_t columns) {
    const uint32_t subgroup = profile.subgroup_size, lanes = column_lanes(columns);
    if (subgroup != tabled_subgroup) return {subgroup, std::max(16u, subgroup)};
    if (rows <= 8) return {8, rows <= 4 ? 4u : 8u};
    if (lanes < 8) return {lanes, lanes == 1 ? 8u : 16u};
    // Eight lanes, and no others, have registers for 20 rows. Where 16 are not much better, there is one pipeline less to compile.
    return {8, 9 * tile_cost(rows, 20) > 10 * tile_cost(rows, 16) ? 16u : 20u};
}

void set_division(int64_t divisor, uint32_t& multiplier, uint32_t& shift) {
    uint32_t log = 0;
    while ((int64_t(1) << log) < divisor) ++log;
    multiplier = uint32_t(((uint64_t(1) << (31 + log)) + uint64_t(divisor) - 1) / uint64_t(divisor));
    shift = 31 + log;
}

int64_t parts_of(const Emitter& e, int64_t units, int64_t groups_a_part, int64_t copy_bytes, int64_t least) {
    const int64_t wanted = e.profile().is_cpu ? 32 : 1024;
    const int64_t fitting = std::max<int64_t>(1, e.profile().max_storage_range / std::max<int64_t>(copy_bytes, 1));
    return std::clamp<int64_t>(std::max(divide_up(wanted, groups_a_part), least), 1, std::min(std::max<int64_t>(units, 1), fitting));
}

// Operands of each sum: the copies and the result; shared: keep. Numbers: count, copies, adds.
static Kernel sum_kernel(const DeviceProfile& profile, bool joined, std::span<const Postponed> sums) {
    const int64_t width = joined ? 8 : 1;
    const Operand any = sums[0].operands[0];
    Kernel kernel{.shader = text("conv2d_sum.", int(joined)),
                  .specialisation = {convolution_group_size},
                  .operands = {sums[0].shared.region < 0 ? any.slice(0, std::min<int64_t>(any.bytes, 16)) : sums[0].shared}};
    shader::Conv2dSumParams params{.ask = profile.is_cpu};
    int64_t groups = 0;
    for (const Postponed& sum : sums) {
        const uint32_t j = params.sums++;
        params.count[j] = sum.numbers[0];
        params.copies[j] = sum.numbers[1];
        params.adds[j] = sum.numbers[2];
        params.first_group[j] = uint32_t(groups);
        groups += divide_up(params.count[j] / width, convolution_group_size);
        kernel.operands.insert(kernel.operands.end(), sum.operands.begin(), sum.operands.end());
    }
    kernel.groups = folded_groups(groups);
    return std::move(kernel.params(params));
}

static const Joint joined_sums{
    .most = [](const DeviceProfile& profile) { return size_t(std::min<uint32_t>(MOST_SUMS, (profile.max_storage_buffers - 1) / 2)); },
    .kernel = [](const DeviceProfile& profile, std::span<const Postponed> sums) { return sum_kernel(profile, true, sums); },
};

void dispatch_sum(Emitter& e, const Operand& partial, const Operand& result, int64_t count, int64_t copies,
                  const Addition& add) {
    const uint32_t adds = add.always ? SUM_ADDS : add.any() ? SUM_ADDS_KEPT : SUM_REPLACES;
    Postponed sum{.operands = {partial.as(Access::read), result.as(add.any() ? Access::read_write : Access::write)},
                  .shared = add.keep,
                  .numbers = {uint32_t(count), uint32_t(copies), adds}};
    if (e.profile().addresses && e.profile().int64 && count % 8 == 0) e.postpone(joined_sums, std::move(sum));
    else e.dispatch(sum_kernel(e.profile(), false, {&sum, 1}));
}

Operand swap_channels(Emitter& e, const ConvolutionShape& s, const Operand& filter) {
    const int64_t count = s.kernel_height * s.kernel_width * (s.out_channels / s.groups) * s.in_channels;
    const bool wide = e.profile().int64 && s.in_channels / s.groups % 4 == 0 && s.out_channels / s.groups % 4 == 0;
    const Operand swapped = e.workspace(count * 4);
    Kernel transpose{.shader = wide ? "conv2d_transpose_filter.4" : "conv2d_transpose_filter.1",
                     .specialisation = {convolution_group_size},
                     .operands = {filter, swapped.as(Access::write)}};
    transpose.groups = folded_groups(divide_up(count / (wide ? 16 : 1), convolution_group_size));
    e.dispatch(std::move(transpose.params(shader::Conv2dTransposeFilterParams{uint32_t(count), uint32_t(s.in_channels),
                                                                              uint32_t(s.out_channels), uint32_t(s.groups)})));
    return swapped.as(Access::read);
}

static shader::Conv2dDirectParams forward_params(const ConvolutionShape& s) {
    shader::Conv2dDirectParams p{};
    p.rows = uint32_t(s.pixels());
    p.grid_height = p.out_height = uint32_t(s.out_height);
    p.grid_width = p.out_width = uint32_t(s.out_width);
    p.in_height = uint32_t(s.in_height);
    p.in_width = uint32_t(s.in_width);
    p.in_channels = uint32_t(s.in_channels);
    p.inner = uint32_t(s.in_channels / s.groups);
    p.columns = uint32_t(s.out_channels / s.groups);
    p.out_channels = uint32_t(s.out_channels);
    p.taps_y = uint32_t(s.kernel_height);
    p.taps_x = uint32_t(s.kernel_width);
    p.stride_y = int32_t(s.stride_y);
    p.stride_x = int32_t(s.stride_x);
    p.origin_y = -int32_t(s.pad_top);
    p.origin_x = -int32_t(s.pad_left);
    p.step_y = int32_t(s.dilation_y);
    p.step_x = int32_t(s.dilation_x);
    p.filter_step_y = uint32_t(s.kernel_width);
    p.filter_step_x = 1;
    p.out_step_y = p.out_step_x = 1;
    return p;
}

// The taps that input pixels of one residue meet along an axis: those with (residue + pad - tap * dilation) % stride == 0.
struct Taps {
    uint32_t count = 0, first = 0, step = 1; // filter taps
    int32_t origin = 0, input_step = 0;      // in dy
};
static Taps taps_of_residue(int64_t residue, int64_t pad, int64_t stride, int64_t dilation, int64_t kernel) {
    Taps taps;
    taps.step = uint32_t(stride / std::gcd(stride, dilation));
    for (int64_t tap = 0; tap < kernel && taps.count == 0; ++tap)
        if ((residue + pad - tap * dilation) % stride == 0) {
            taps.first = uint32_t(tap);
            taps.count = uint32_t((kernel - 1 - tap) / taps.step + 1);
        }
    taps.origin = int32_t((residue + pad - int64_t(taps.first) * dilation) / stride);
    taps.input_step = -int32_t(dilation * taps.step / stride);
    return taps;
}

std::vector<GatheredProduct> gathered_products(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o) {
    const ConvolutionShape& s = problem.shape;
    if (problem.pass == ConvolutionPass::forward) return {{forward_params(s), o, problem.activation, false, s.groups}};
    const ConvolutionOperands operands{.x = o.y, .filter = swap_channels(e, s, o.filter), .y = o.x, .residual = o.residual};
    std::vector<GatheredProduct> products;
    const bool strided = s.stride_y > 1 || s.stride_x > 1;
    for (int64_t y = 0; y < std::min(s.stride_y, s.in_height); ++y)
        for (int64_t x = 0; x < std::min(s.stride_x, s.in_width); ++x) {
            const Taps down = taps_of_residue(y, s.pad_top, s.stride_y, s.dilation_y, s.kernel_height);
            const Taps across = taps_of_residue(x, s.pad_left, s.stride_x, s.dilation_x, s.kernel_width);
            shader::Conv2dDirectParams p{};
            p.grid_height = uint32_t(divide_up(s.in_height - y, s.stride_y));
            p.grid_width = uint32_t(divide_up(s.in_width - x, s.stride_x));
            p.rows = uint32_t(s.batch) * p.grid_height * p.grid_width;
            p.in_height = uint32_t(s.out_height);
            p.in_width = uint32_t(s.out_width);
            p.in_channels = uint32_t(s.out_channels);
            p.inner = uint32_t(s.out_channels / s.groups);
            p.columns = uint32_t(s.in_channels / s.groups);
            p.out_channels = uint32_t(s.in_channels);
            p.taps_y = down.count;
            p.taps_x = across.count;
            p.stride_y = p.stride_x = 1;
            p.origin_y = down.origin;
            p.origin_x = across.origin;
            p.step_y = down.input_step;
            p.step_x = across.input_step;
            p.filter_first = down.first * uint32_t(s.kernel_width) + across.first;
            p.filter_step_y = down.step * uint32_t(s.kernel_width);
            p.filter_step_x = across.step;
            p.out_height = uint32_t(s.in_height);
            p.out_width = uint32_t(s.in_width);
            p.out_step_y = uint32_t(s.stride_y);
            p.out_step_x = uint32_t(s.stride_x);
            p.out_first_y = uint32_t(y);
            p.out_first_x = uint32_t(x);
            products.push_back({p, operands, ActivationKind::none, strided, s.groups});
        }
    return products;
}

shader::Conv2dFilterGradientParams filter_gradient_params(const ConvolutionShape& s) {
    shader::Conv2dFilterGradientParams p{};
    p.rows = uint32_t(s.pixels());
    p.out_height = uint32_t(s.out_height);
    p.out_width = uint32_t(s.out_width);
    p.in_height = uint32_t(s.in_height);
    p.in_width = uint32_t(s.in_width);
    p.in_channels = uint32_t(s.in_channels);
    p.inner = uint32_t(s.in_channels / s.groups);
    p.columns = uint32_t(s.out_channels / s.groups);
    p.out_channels = uint32_t(s.out_channels);
    p.filter_rows = uint32_t(s.kernel_height * s.kernel_width) * p.inner;
    p.kernel_width = uint32_t(s.kernel_width);
    p.stride_y = int32_t(s.stride_y);
    p.stride_x = int32_t(s.stride_x);
    p.dilation_y = int32_t(s.dilation_y);
    p.dilation_x = int32_t(s.dilation_x);
    p.pad_top = int32_t(s.pad_top);
    p.pad_left = int32_t(s.pad_left);
    return p;
}

// Every tile of the filter reads all of x and dy. On a CPU a part of them should stay in the caches next to the processor until
// the last tile has read it (64 to 256 channels, 8 x 56 x 56 pixels: half the time on an AMD EPYC), but be no smaller than the
// copy of the filter that it leaves.
static int64_t parts_near(const Emitter& e, const ConvolutionOperands& o, int64_t copy_bytes, int64_t groups) {
    return e.profile().is_cpu ? (o.x.bytes + o.y.bytes) / std::max(groups * near_bytes, copy_bytes) : 1;
}

// Cuts the pixels into splits; gives the copies of the filter that come of it.
static int64_t split_pixels(const Emitter& e, const ConvolutionShape& s, const ConvolutionOperands& o, FilterGradientProduct& product) {
    shader::Conv2dFilterGradientParams& params = product.params;
    const int64_t split_bytes = int64_t(params.filter_rows) * s.out_channels * 4 * product.copies_a_split;
    const int64_t row_tiles = divide_up(params.filter_rows, product.tile_rows);
    const int64_t column_tiles = int64_t(params.column_tiles) * s.groups;
    const int64_t wanted = parts_of(e, s.pixels() / 64, row_tiles * column_tiles, split_bytes, parts_near(e, o, split_bytes, s.groups));
    params.split_rows = uint32_t(round_up(divide_up(s.pixels(), wanted), product.row_step));
    params.splits = uint32_t(divide_up(s.pixels(), params.split_rows));
    product.kernel.groups = {uint32_t(row_tiles), uint32_t(column_tiles), params.splits};
    product.kernel.flops = 2 * s.macs();
    return params.splits * product.copies_a_split;
}

static void dispatch_product(Emitter& e, const ConvolutionOperands& o, FilterGradientProduct product, const Operand& result,
                             const Addition& add) {
    product.kernel.operands = {o.x.as(Access::read), o.y.as(Access::read), result};
    if (product.adds) {
        product.kernel.specialisation.insert(product.kernel.specialisation.end(), {add.any(), add.always});
        product.kernel.operands.push_back(or_none(e, add.keep));
    }
    e.dispatch(std::move(product.kernel.params(product.params)));
}

PartialSums dispatch_partial_sums(Emitter& e, const ConvolutionShape& s, const ConvolutionOperands& o,
                                  FilterGradientProduct product, const Operand& reused) {
    const int64_t copies = split_pixels(e, s, o, product), bytes = copies * product.params.filter_rows * s.out_channels * 4;
    const Operand partial = reused.region >= 0 && reused.bytes >= bytes ? reused.slice(0, bytes) : e.workspace(bytes);
    dispatch_product(e, o, std::move(product), partial.as(Access::write), {});
    return {partial.as(Access::read), copies};
}

void dispatch_filter_gradient(Emitter& e, const ConvolutionShape& s, const ConvolutionOperands& o, FilterGradientProduct product) {
    if (product.adds && split_pixels(e, s, o, product) == 1)
        return dispatch_product(e, o, std::move(product), o.filter.as(o.add.any() ? Access::read_write : Access::write), o.add);
    const int64_t count = int64_t(product.params.filter_rows) * s.out_channels;
    const PartialSums sums = dispatch_partial_sums(e, s, o, std::move(product));
    dispatch_sum(e, sums.numbers, o.filter, count, sums.copies, o.add);
}

} // namespace lemnos
