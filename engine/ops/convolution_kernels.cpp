// How convolutions are computed: the choice of kernel by device profile and shape, and its dispatch. Each shader says at
// its head what it computes and why it is fast; each .h beside it says how it is dispatched.
//
//   family   forward and data gradient                            filter gradient
//   scalar   depthwise (channels in eights, dilation 1), else     likewise depthwise, depthwise_any, else
//            depthwise_any; pointwise (K in fours, N in eights);   filter_gradient (register tile, split sums)
//            direct (register tile over gathered rows)
//   tiled    depthwise_any; else tiled (implicit product in        depthwise_any; else filter_gradient_tiled
//            shared memory)
//
// The data gradient is the forward sum over dy with the channels of the filter swapped; at stride s there is one dispatch
// for each residue of the input pixel, which meets every s-th tap only. Split sums are added in a fixed order by conv2d_sum.
#include "ops/convolution.h"

#include "ops/activation.h"
#include "shaders/conv2d_depthwise.h"
#include "shaders/conv2d_depthwise_any.h"
#include "shaders/conv2d_depthwise_filter_gradient.h"
#include "shaders/conv2d_depthwise_input_gradient.h"
#include "shaders/conv2d_direct.h"
#include "shaders/conv2d_filter_gradient.h"
#include "shaders/conv2d_pointwise.h"
#include "shaders/conv2d_sum.h"
#include "shaders/conv2d_transpose_filter.h"

#include <algorithm>
#include <numeric>

namespace lemnos {

namespace {

constexpr uint32_t group_size = 64;            // of kernels that need no subgroup
constexpr int64_t longest_strip_rows = 28;     // output rows that one invocation walks down
constexpr int64_t tile = 64;                   // rows and columns of a workgroup of the tiled kernels
constexpr int64_t widest_grid = 32768;         // workgroups in x before they fold into z

bool is_scalar(const Emitter& e) { return e.profile().family == KernelFamily::scalar; }
uint32_t subgroup(const Emitter& e) { return e.profile().subgroup_size; }
std::string variant(const Emitter& e, const char* shader) { return text(shader, ".", subgroup(e)); }

// `count` workgroups over x and z, `columns` over y.
std::array<uint32_t, 3> folded_groups(int64_t count, int64_t columns = 1) {
    const int64_t x = std::min(count, widest_grid);
    return {uint32_t(x), uint32_t(columns), uint32_t(divide_up(count, x))};
}

Operand or_none(const Emitter& e, const Operand& operand) { return operand.region < 0 ? e.none() : operand; }

// ---- the register tile ----------------------------------------------------------------------------------------------

// How a subgroup lies over a matrix: some lanes side by side over its columns, the others over further rows. The tables
// are the fastest of all choices on lavapipe with subgroups of 8; at other sizes all lanes go over the columns.
constexpr uint32_t tabled_subgroup = 8;

struct RowTile {
    uint32_t lanes, rows;
};

RowTile pointwise_tile(const Emitter& e, int64_t rows, int64_t columns) {
    if (subgroup(e) != tabled_subgroup) return {subgroup(e), std::max(16u, subgroup(e))};
    if (rows <= 8) return {8, 8};
    return {columns <= 8 ? 1u : columns <= 16 ? 2u : 4u, 16};
}

RowTile direct_tile(const Emitter& e, int64_t rows, int64_t columns, bool wide, bool x_wide) {
    const uint32_t tile_rows = x_wide ? 16 : 8;
    if (subgroup(e) != tabled_subgroup) return {subgroup(e), std::max(tile_rows, subgroup(e))};
    if (rows <= 8) return {8, 8};
    if (!wide) return {columns <= 2 ? 2u : columns <= 4 ? 4u : 8u, tile_rows};
    const uint32_t lanes = columns <= 8 ? 1 : columns <= 16 ? 2 : columns < 64 ? 4 : 8;
    return {x_wide ? lanes : std::max(2u, lanes), tile_rows};
}

uint32_t filter_gradient_lanes(const Emitter& e, int64_t columns, bool wide, bool inner_wide) {
    if (subgroup(e) != tabled_subgroup) return subgroup(e);
    if (!wide || columns >= 64) return 8;
    return !inner_wide ? 4u : columns <= 8 ? 1u : columns <= 16 ? 2u : 4u;
}

// Multiplier and shift of shaders/include/division.glsl.
void set_division(int64_t divisor, uint32_t& multiplier, uint32_t& shift) {
    uint32_t log = 0;
    while ((int64_t(1) << log) < divisor) ++log;
    multiplier = uint32_t(((uint64_t(1) << (31 + log)) + uint64_t(divisor) - 1) / uint64_t(divisor));
    shift = 31 + log;
}

void dispatch_pointwise(Emitter& e, int64_t rows, int64_t inner, int64_t columns, const ConvolutionOperands& o,
                        ActivationKind activation) {
    const auto [lanes, tile_rows] = pointwise_tile(e, rows, columns);
    Kernel kernel{.shader = variant(e, "conv2d_pointwise"),
                  .specialisation = {subgroup(e), lanes, tile_rows, 1, o.bias.region >= 0, o.residual.region >= 0,
                                     uint32_t(activation)},
                  .operands = {o.x, o.filter, or_none(e, o.bias), or_none(e, o.residual), o.y}};
    kernel.groups = folded_groups(divide_up(rows, tile_rows * (subgroup(e) / lanes)), divide_up(columns, 8 * lanes));
    kernel.flops = 2.0 * double(rows) * double(inner) * double(columns);
    kernel.subgroups = true;
    e.dispatch(std::move(kernel.params(shader::Conv2dPointwiseParams{uint32_t(rows), uint32_t(inner), uint32_t(columns), 0})));
}

// The common dispatch of conv2d_direct and conv2d_tiled; params lack what follows from the kernel.
void dispatch_gathered(Emitter& e, shader::Conv2dDirectParams params, int64_t groups, const ConvolutionOperands& o,
                       ActivationKind activation, bool scatter) {
    const bool biased = o.bias.region >= 0, residual = o.residual.region >= 0;
    Kernel kernel{.operands = {o.x, o.filter, or_none(e, o.bias), or_none(e, o.residual), o.y}};
    kernel.flops = 2.0 * params.rows * params.columns * double(groups) * params.inner * params.taps_y * params.taps_x;
    if (!is_scalar(e)) {
        params.column_tiles = uint32_t(divide_up(params.columns, tile));
        kernel.shader = "conv2d_tiled";
        kernel.specialisation = {0, biased, residual, uint32_t(activation), scatter};
        kernel.groups = folded_groups(divide_up(params.rows, tile), params.column_tiles * groups);
        e.dispatch(std::move(kernel.params(params)));
        return;
    }
    const bool wide = params.columns % 8 == 0 && params.out_channels % 8 == 0, x_wide = params.inner % 4 == 0;
    const auto [lanes, tile_rows] = direct_tile(e, params.rows, params.columns, wide, x_wide);
    set_division(params.grid_height, params.height_multiplier, params.height_shift);
    set_division(params.grid_width, params.width_multiplier, params.width_shift);
    params.column_tiles = uint32_t(divide_up(params.columns, lanes * (wide ? 8 : 1)));
    kernel.shader = variant(e, "conv2d_direct");
    kernel.specialisation = {subgroup(e), lanes, tile_rows, wide, biased, residual, uint32_t(activation), x_wide, scatter};
    kernel.groups = folded_groups(divide_up(params.rows, tile_rows * (subgroup(e) / lanes)), params.column_tiles * groups);
    kernel.subgroups = true;
    e.dispatch(std::move(kernel.params(params)));
}

shader::Conv2dDirectParams forward_params(const ConvolutionShape& s) {
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
Taps taps_of_residue(int64_t residue, int64_t pad, int64_t stride, int64_t dilation, int64_t kernel) {
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

// ---- depthwise ------------------------------------------------------------------------------------------------------

bool fits_depthwise(const Emitter& e, const ConvolutionShape& s) {
    return is_scalar(e) && s.depthwise() && s.in_channels % 8 == 0 && s.dilation_y == 1 && s.dilation_x == 1;
}

// Output columns that an invocation computes side by side. At a stride, more of them take twice as long to compile and
// are no faster.
int64_t strip_of(int64_t width, int64_t stride) { return width > 2 && stride == 1 ? 4 : 2; }

struct Share {
    int64_t rows, images;
};
// Long strips reuse their halo; small images are taken several at a time.
Share share_of(int64_t rows, int64_t batch) {
    return {std::min(rows, longest_strip_rows), std::min(batch, std::max<int64_t>(1, longest_strip_rows / rows))};
}

void dispatch_depthwise(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& w, const Operand& bias,
                        const Operand& y, ActivationKind activation, bool flip) {
    const int64_t strip = strip_of(s.out_width, s.stride_x), strips = divide_up(s.out_width, strip);
    const Share share = share_of(s.out_height, s.batch);
    const int64_t bands = divide_up(s.out_height, share.rows);
    const int64_t items = s.in_channels / 8 * strips * bands * divide_up(s.batch, share.images);
    const uint32_t lanes = subgroup(e);
    Kernel kernel{.shader = "conv2d_depthwise",
                  .specialisation = {lanes, uint32_t(s.kernel_height), uint32_t(s.kernel_width), uint32_t(s.stride_y),
                                     uint32_t(s.stride_x), uint32_t(strip), bias.region >= 0, uint32_t(activation)},
                  .operands = {x, w, or_none(e, bias), y}};
    kernel.groups = folded_groups(divide_up(items, lanes));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(s.batch), uint32_t(s.in_height), uint32_t(s.in_width),
        uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top), int32_t(s.pad_left), uint32_t(strips),
        uint32_t(bands), uint32_t(share.rows), uint32_t(share.images), flip, 0})));
}

shader::Conv2dDepthwiseAnyParams any_params(const ConvolutionShape& s) {
    shader::Conv2dDepthwiseAnyParams p{};
    p.rows = uint32_t(s.pixels());
    p.in_channels = uint32_t(s.in_channels);
    p.multiplier = uint32_t(s.out_channels / s.in_channels);
    p.in_height = uint32_t(s.in_height);
    p.in_width = uint32_t(s.in_width);
    p.out_height = uint32_t(s.out_height);
    p.out_width = uint32_t(s.out_width);
    p.kernel_height = uint32_t(s.kernel_height);
    p.kernel_width = uint32_t(s.kernel_width);
    p.stride_y = int32_t(s.stride_y);
    p.stride_x = int32_t(s.stride_x);
    p.dilation_y = int32_t(s.dilation_y);
    p.dilation_x = int32_t(s.dilation_x);
    p.pad_top = int32_t(s.pad_top);
    p.pad_left = int32_t(s.pad_left);
    return p;
}

void dispatch_any(Emitter& e, Kernel kernel, shader::Conv2dDepthwiseAnyParams params, int64_t count, double macs) {
    params.count = uint32_t(count);
    kernel.groups = folded_groups(divide_up(count, group_size));
    kernel.flops = 2 * macs;
    e.dispatch(std::move(kernel.params(params)));
}

// ---- split sums -----------------------------------------------------------------------------------------------------

// result (+)= the copies in order.
void dispatch_sum(Emitter& e, const Operand& partial, const Operand& result, int64_t count, int64_t copies, bool add) {
    const bool wide = e.profile().int64 && count % 8 == 0;
    Kernel kernel{.shader = wide ? "conv2d_sum.8" : "conv2d_sum.1",
                  .specialisation = {group_size},
                  .operands = {partial.as(Access::read), result.as(Access::read_write)}};
    kernel.groups = folded_groups(divide_up(count / (wide ? 8 : 1), group_size));
    e.dispatch(std::move(kernel.params(shader::Conv2dSumParams{uint32_t(count), uint32_t(copies), add})));
}

// Calls emit(shape of the slice, its x, its dy, whether it adds) for batch slices that one binding covers.
template <typename Emit>
void for_each_batch_slice(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& dy, const Emit& emit) {
    const int64_t x_bytes = x.bytes / s.batch, dy_bytes = dy.bytes / s.batch;
    const int64_t step = e.batch_step(s.batch, {x_bytes, dy_bytes});
    for (int64_t first = 0; first < s.batch; first += step) {
        ConvolutionShape slice = s;
        slice.batch = std::min(step, s.batch - first);
        emit(slice, x.slice(first * x_bytes, slice.batch * x_bytes), dy.slice(first * dy_bytes, slice.batch * dy_bytes), first > 0);
    }
}

// Parts of a sum over `units`: enough to fill the device, few enough to fit a binding.
int64_t parts_of(const Emitter& e, int64_t units, int64_t groups_a_part, int64_t copy_bytes) {
    const int64_t wanted = e.profile().is_cpu ? 32 : 1024;
    const int64_t fitting = std::max<int64_t>(1, e.profile().max_storage_range / std::max<int64_t>(copy_bytes, 1));
    return std::clamp<int64_t>(divide_up(wanted, groups_a_part), 1, std::min(std::max<int64_t>(units, 1), fitting));
}

void depthwise_filter_gradient(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& dy,
                               const Operand& dfilter, bool add) {
    const int64_t strip = strip_of(s.out_width, s.stride_x), strips = divide_up(s.out_width, strip), units = s.batch * strips;
    const int64_t count = s.kernel_height * s.kernel_width * s.in_channels;
    const int64_t wanted = parts_of(e, units, divide_up(s.in_channels / 8, subgroup(e)), count * 4) * (subgroup(e) / 2);
    const int64_t units_a_slice = divide_up(units, std::min(wanted, units)), slices = divide_up(units, units_a_slice);
    const Operand partial = e.workspace(slices * count * 4);
    const int64_t items = s.in_channels / 8 * slices;
    Kernel kernel{.shader = "conv2d_depthwise_filter_gradient",
                  .specialisation = {subgroup(e), uint32_t(s.kernel_height), uint32_t(s.kernel_width),
                                     uint32_t(s.stride_y), uint32_t(s.stride_x), uint32_t(strip)},
                  .operands = {x, dy, partial.as(Access::write)}};
    kernel.groups = folded_groups(divide_up(items, subgroup(e)));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseFilterGradientParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(units), uint32_t(units_a_slice), uint32_t(strips),
        uint32_t(s.in_height), uint32_t(s.in_width), uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top),
        int32_t(s.pad_left)})));
    dispatch_sum(e, partial, dfilter, count, slices, add);
}

void depthwise_any_filter_gradient(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& dy,
                                   const Operand& dfilter, bool add) {
    const int64_t count = s.kernel_height * s.kernel_width * s.out_channels;
    const int64_t wanted = parts_of(e, s.pixels(), divide_up(count, group_size), count * 4);
    const int64_t slice_rows = divide_up(s.pixels(), wanted), slices = divide_up(s.pixels(), slice_rows);
    const Operand partial = e.workspace(slices * count * 4);
    shader::Conv2dDepthwiseAnyParams params = any_params(s);
    params.slice_rows = uint32_t(slice_rows);
    dispatch_any(e, {.shader = "conv2d_depthwise_any_filter_gradient", .specialisation = {group_size},
                     .operands = {x, dy, partial.as(Access::write)}},
                 params, slices * count, s.macs());
    dispatch_sum(e, partial, dfilter, count, slices, add);
}

void dense_filter_gradient(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& dy,
                           const Operand& dfilter, bool add) {
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
    const int64_t count = int64_t(p.filter_rows) * s.out_channels;

    Kernel kernel{.operands = {x, dy}};
    int64_t tile_rows = tile, row_step = 16, lane_groups = 1;
    if (is_scalar(e)) {
        const bool wide = p.columns % 8 == 0;
        const uint32_t lanes = filter_gradient_lanes(e, p.columns, wide, p.inner % 8 == 0), blocks = p.filter_rows <= 8 ? 1 : 2;
        lane_groups = subgroup(e) / lanes;
        tile_rows = 8 * blocks;
        row_step = 4 * lane_groups;
        p.column_tiles = uint32_t(divide_up(p.columns, lanes * (wide ? 8 : 1)));
        set_division(p.out_height, p.height_multiplier, p.height_shift);
        set_division(p.out_width, p.width_multiplier, p.width_shift);
        kernel.shader = variant(e, "conv2d_filter_gradient");
        kernel.specialisation = {subgroup(e), lanes, wide, p.inner % 8 == 0, s.pointwise(), blocks};
        kernel.subgroups = true;
    } else {
        p.column_tiles = uint32_t(divide_up(p.columns, tile));
        kernel.shader = "conv2d_filter_gradient_tiled";
    }
    const int64_t row_tiles = divide_up(p.filter_rows, tile_rows), column_tiles = int64_t(p.column_tiles) * s.groups;
    const int64_t wanted = parts_of(e, s.pixels() / 64, row_tiles * column_tiles, count * 4 * lane_groups);
    p.split_rows = uint32_t(round_up(divide_up(s.pixels(), wanted), row_step));
    p.splits = uint32_t(divide_up(s.pixels(), p.split_rows));
    const int64_t copies = p.splits * lane_groups;
    const Operand partial = e.workspace(copies * count * 4);
    kernel.operands.push_back(partial.as(Access::write));
    kernel.groups = {uint32_t(row_tiles), uint32_t(column_tiles), p.splits};
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(p)));
    dispatch_sum(e, partial, dfilter, count, copies, add);
}

} // namespace

// ---- the three directions -------------------------------------------------------------------------------------------

void emit_convolution(Emitter& e, const ConvolutionShape& s, const ConvolutionOperands& o, const std::string& activation) {
    const ActivationKind kind = activation_kind(activation);
    if (fits_depthwise(e, s)) {
        dispatch_depthwise(e, s, o.x, o.filter, o.bias, o.y, kind, false);
    } else if (s.by_channel()) {
        dispatch_any(e, {.shader = "conv2d_depthwise_any",
                         .specialisation = {group_size, o.bias.region >= 0, uint32_t(kind)},
                         .operands = {o.x, o.filter, or_none(e, o.bias), o.y}},
                     any_params(s), s.pixels() * s.out_channels, s.macs());
    } else if (is_scalar(e) && s.pointwise() && s.groups == 1 && s.in_channels % 4 == 0 && s.out_channels % 8 == 0) {
        dispatch_pointwise(e, s.pixels(), s.in_channels, s.out_channels, o, kind);
    } else {
        dispatch_gathered(e, forward_params(s), s.groups, o, kind, false);
    }
}

static void depthwise_input_gradient(Emitter& e, const ConvolutionShape& s, const Operand& dy, const Operand& filter,
                                     const Operand& dx) {
    if (s.stride_y == 1 && s.stride_x == 1) { // a convolution with the filter turned by 180 degrees
        ConvolutionShape turned = s;
        std::swap(turned.in_height, turned.out_height);
        std::swap(turned.in_width, turned.out_width);
        turned.pad_top = s.kernel_height - 1 - s.pad_top;
        turned.pad_left = s.kernel_width - 1 - s.pad_left;
        return dispatch_depthwise(e, turned, dy, filter, {}, dx, ActivationKind::none, true);
    }
    const auto steps = [](int64_t size, int64_t pad, int64_t stride) { return (size - 1 + pad) / stride - pad / stride + 1; };
    const int64_t steps_y = steps(s.in_height, s.pad_top, s.stride_y), steps_x = steps(s.in_width, s.pad_left, s.stride_x);
    const int64_t strip = 2, strips = divide_up(steps_x, strip);
    const Share share = share_of(steps_y, s.batch);
    const int64_t bands = divide_up(steps_y, share.rows);
    const int64_t items = s.in_channels / 8 * strips * bands * divide_up(s.batch, share.images);
    Kernel kernel{.shader = "conv2d_depthwise_input_gradient",
                  .specialisation = {subgroup(e), uint32_t(s.kernel_height), uint32_t(s.kernel_width),
                                     uint32_t(s.stride_y), uint32_t(s.stride_x), uint32_t(strip)},
                  .operands = {dy, filter, dx}};
    kernel.groups = folded_groups(divide_up(items, subgroup(e)));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseInputGradientParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(s.batch), uint32_t(s.in_height), uint32_t(s.in_width),
        uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top), int32_t(s.pad_left), uint32_t(strips),
        uint32_t(bands), uint32_t(share.rows), uint32_t(share.images)})));
}

void emit_input_gradient(Emitter& e, const ConvolutionShape& s, Operand dy, Operand filter, Operand dx) {
    if (fits_depthwise(e, s)) return depthwise_input_gradient(e, s, dy, filter, dx);
    if (s.by_channel())
        return dispatch_any(e, {.shader = "conv2d_depthwise_any_input_gradient", .specialisation = {group_size},
                                .operands = {dy, filter, dx}},
                            any_params(s), s.batch * s.in_height * s.in_width * s.in_channels, s.macs());

    const int64_t count = s.kernel_height * s.kernel_width * (s.out_channels / s.groups) * s.in_channels;
    const Operand swapped = e.workspace(count * 4);
    Kernel transpose{.shader = "conv2d_transpose_filter", .specialisation = {group_size}, .operands = {filter, swapped.as(Access::write)}};
    transpose.groups = folded_groups(divide_up(count, group_size));
    e.dispatch(std::move(transpose.params(shader::Conv2dTransposeFilterParams{uint32_t(count), uint32_t(s.in_channels),
                                                                              uint32_t(s.out_channels), uint32_t(s.groups)})));
    const Operand swapped_in = swapped.as(Access::read);
    if (is_scalar(e) && s.pointwise() && s.groups == 1 && s.out_channels % 4 == 0 && s.in_channels % 8 == 0)
        return dispatch_pointwise(e, s.pixels(), s.out_channels, s.in_channels, {dy, swapped_in, {}, dx}, ActivationKind::none);

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
            dispatch_gathered(e, p, s.groups, {dy, swapped_in, {}, dx}, ActivationKind::none, strided);
        }
}

void emit_filter_gradient(Emitter& e, const ConvolutionShape& s, Operand x, Operand dy, Operand dfilter) {
    const auto emit = fits_depthwise(e, s) ? depthwise_filter_gradient
                      : s.by_channel() ? depthwise_any_filter_gradient
                                            : dense_filter_gradient;
    for_each_batch_slice(e, s, x, dy, [&](const ConvolutionShape& slice, const Operand& x_slice, const Operand& dy_slice, bool add) {
        emit(e, slice, x_slice, dy_slice, dfilter, add);
    });
}

} // namespace lemnos
