// Convolutions of each channel by itself: `depthwise` keeps a filter in registers and walks along strips of the image (scalar
// family: channels in eights, one result a channel, dilation 1), `depthwise_any` computes one result an invocation, any
// multiplier, any device. Split sums of the filter's gradient are added in a fixed order by conv2d_sum.
#include "ops/convolution_parts.h"
#include "ops/items.h"
#include "shaders/conv2d_depthwise.h"
#include "shaders/conv2d_depthwise_any.h"
#include "shaders/conv2d_depthwise_filter_gradient.h"
#include "shaders/conv2d_depthwise_input_gradient.h"

#include <algorithm>

namespace lemnos {

namespace {

constexpr int64_t longest_walk = 28; // output columns that one invocation walks along

uint32_t subgroup(const Emitter& e) { return e.profile().subgroup_size; }

bool fits_depthwise(const DeviceProfile& profile, const ConvolutionProblem& p) {
    const ConvolutionShape& s = p.shape;
    return profile.has_subgroup_kernels() && s.depthwise() && s.in_channels % 8 == 0 && s.dilation_y == 1 && s.dilation_x == 1;
}

bool fits_any(const DeviceProfile&, const ConvolutionProblem& p) { return p.shape.by_channel(); }

// Output rows that an invocation computes side by side. At a stride, more of them take twice as long to compile and
// are no faster; low images do with one.
int64_t strip_of(int64_t height, int64_t stride) { return stride == 1 ? 4 : height > 8 ? 2 : 1; }
// For the filter's gradient two are as good as four: the loop is half as long, and most of it stays in the instruction cache.
constexpr int64_t longest_strip_of_filter_gradient = 2;

struct Share {
    int64_t columns, images;
};
// Long strips reuse their halo; small images are taken several at a time.
Share share_of(int64_t columns, int64_t batch) {
    return {std::min(columns, longest_walk), std::min(batch, std::max<int64_t>(1, longest_walk / columns))};
}

void dispatch_depthwise(Emitter& e, const ConvolutionShape& s, const Operand& x, const Operand& w, const Operand& bias,
                        const Operand& y, ActivationKind activation, bool flip, DataType dtype) {
    const int64_t strip = strip_of(s.out_height, s.stride_y), strips = divide_up(s.out_height, strip);
    const Share share = share_of(s.out_width, s.batch);
    const int64_t bands = divide_up(s.out_width, share.columns);
    const int64_t items = s.in_channels / 8 * strips * bands * divide_up(s.batch, share.images);
    const uint32_t lanes = subgroup(e);
    Kernel kernel{.shader = real_variant("conv2d_depthwise", dtype),
                  .specialisation = {lanes, uint32_t(s.kernel_height), uint32_t(s.kernel_width), uint32_t(s.stride_y),
                                     uint32_t(s.stride_x), uint32_t(strip), bias.region >= 0, uint32_t(activation)},
                  .operands = {x, w, or_none(e, bias), y}};
    kernel.groups = folded_groups(divide_up(items, lanes));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(s.batch), uint32_t(s.in_height), uint32_t(s.in_width),
        uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top), int32_t(s.pad_left), uint32_t(strips),
        uint32_t(bands), uint32_t(share.columns), uint32_t(share.images), flip, 0, lies_far(x), 0})));
}

void depthwise(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    dispatch_depthwise(e, problem.shape, o.x, o.filter, o.bias, o.y, problem.activation, false, problem.dtype);
}

void depthwise_input_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    const ConvolutionShape& s = problem.shape;
    const Operand &dy = o.y, &dx = o.x;
    if (s.stride_y == 1 && s.stride_x == 1) { // a convolution with the filter turned by 180 degrees
        ConvolutionShape turned = s;
        std::swap(turned.in_height, turned.out_height);
        std::swap(turned.in_width, turned.out_width);
        turned.pad_top = s.kernel_height - 1 - s.pad_top;
        turned.pad_left = s.kernel_width - 1 - s.pad_left;
        return dispatch_depthwise(e, turned, dy, o.filter, {}, dx, ActivationKind::none, true, problem.dtype);
    }
    const auto steps = [](int64_t size, int64_t pad, int64_t stride) { return (size - 1 + pad) / stride - pad / stride + 1; };
    const int64_t steps_y = steps(s.in_height, s.pad_top, s.stride_y), steps_x = steps(s.in_width, s.pad_left, s.stride_x);
    const int64_t strip = strip_of(steps_y, s.stride_y), strips = divide_up(steps_y, strip);
    const Share share = share_of(steps_x, s.batch);
    const int64_t bands = divide_up(steps_x, share.columns);
    const int64_t items = s.in_channels / 8 * strips * bands * divide_up(s.batch, share.images);
    Kernel kernel{.shader = real_variant("conv2d_depthwise_input_gradient", problem.dtype),
                  .specialisation = {subgroup(e), uint32_t(s.kernel_height), uint32_t(s.kernel_width),
                                     uint32_t(s.stride_y), uint32_t(s.stride_x), uint32_t(strip)},
                  .operands = {dy, o.filter, dx}};
    kernel.groups = folded_groups(divide_up(items, subgroup(e)));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseInputGradientParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(s.batch), uint32_t(s.in_height), uint32_t(s.in_width),
        uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top), int32_t(s.pad_left), uint32_t(strips),
        uint32_t(bands), uint32_t(share.columns), uint32_t(share.images), lies_far(dy), 0})));
}

void depthwise_filter_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    const ConvolutionShape& s = problem.shape;
    const int64_t strip = std::min(strip_of(s.out_height, s.stride_y), longest_strip_of_filter_gradient);
    const int64_t strips = divide_up(s.out_height, strip), units = s.batch * strips;
    const int64_t count = s.kernel_height * s.kernel_width * s.in_channels;
    const int64_t wanted = parts_of(e, units, divide_up(s.in_channels / 8, subgroup(e)), count * 4) * (subgroup(e) / 2);
    const int64_t units_a_slice = divide_up(units, std::min(wanted, units)), slices = divide_up(units, units_a_slice);
    const Operand partial = e.workspace(slices * count * 4);
    const int64_t items = s.in_channels / 8 * slices;
    Kernel kernel{.shader = real_variant("conv2d_depthwise_filter_gradient", problem.dtype),
                  .specialisation = {subgroup(e), uint32_t(s.kernel_height), uint32_t(s.kernel_width),
                                     uint32_t(s.stride_y), uint32_t(s.stride_x), uint32_t(strip)},
                  .operands = {o.x, o.y, partial.as(Access::write)}};
    kernel.groups = folded_groups(divide_up(items, subgroup(e)));
    kernel.flops = 2 * s.macs();
    e.dispatch(std::move(kernel.params(shader::Conv2dDepthwiseFilterGradientParams{
        uint32_t(items), uint32_t(s.in_channels), uint32_t(units), uint32_t(units_a_slice), uint32_t(strips),
        uint32_t(s.in_height), uint32_t(s.in_width), uint32_t(s.out_height), uint32_t(s.out_width), int32_t(s.pad_top),
        int32_t(s.pad_left), lies_far(o.x), 0})));
    dispatch_sum(e, partial, o.filter, count, slices, o.add);
}

// ---- any multiplier, any device ----

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
    kernel.groups = folded_groups(divide_up(count, convolution_group_size));
    kernel.flops = 2 * macs;
    e.dispatch(std::move(kernel.params(params)));
}

void any(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    const ConvolutionShape& s = problem.shape;
    dispatch_any(e, {.shader = real_variant("conv2d_depthwise_any", problem.dtype),
                     .specialisation = {convolution_group_size, problem.bias, uint32_t(problem.activation)},
                     .operands = {o.x, o.filter, or_none(e, o.bias), o.y}},
                 any_params(s), s.pixels() * s.out_channels, s.macs());
}

void any_input_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    const ConvolutionShape& s = problem.shape;
    dispatch_any(e, {.shader = real_variant("conv2d_depthwise_any_input_gradient", problem.dtype), .specialisation = {convolution_group_size},
                     .operands = {o.y, o.filter, o.x}},
                 any_params(s), s.batch * s.in_height * s.in_width * s.in_channels, s.macs());
}

void any_filter_gradient(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    const ConvolutionShape& s = problem.shape;
    const int64_t count = s.kernel_height * s.kernel_width * s.out_channels;
    const int64_t wanted = parts_of(e, s.pixels(), divide_up(count, convolution_group_size), count * 4);
    const int64_t slice_rows = divide_up(s.pixels(), wanted), slices = divide_up(s.pixels(), slice_rows);
    const Operand partial = e.workspace(slices * count * 4);
    shader::Conv2dDepthwiseAnyParams params = any_params(s);
    params.slice_rows = uint32_t(slice_rows);
    dispatch_any(e, {.shader = real_variant("conv2d_depthwise_any_filter_gradient", problem.dtype), .specialisation = {convolution_group_size},
                     .operands = {o.x, o.y, partial.as(Access::write)}},
                 params, slices * count, s.macs());
    dispatch_sum(e, partial, o.filter, count, slices, o.add);
}

} // namespace

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(depthwise) {
    using enum ConvolutionPass;
    return {
        {"depthwise", forward, KernelFamily::scalar, fits_depthwise, depthwise, nullptr, nullptr, true},
        {"depthwise", input_gradient, KernelFamily::scalar, fits_depthwise, depthwise_input_gradient, nullptr, nullptr, true},
        {"depthwise", filter_gradient, KernelFamily::scalar, fits_depthwise, depthwise_filter_gradient, nullptr, nullptr, true},
        {"depthwise_any", forward, {}, fits_any, any, nullptr, nullptr, true},
        {"depthwise_any", input_gradient, {}, fits_any, any_input_gradient, nullptr, nullptr, true},
        {"depthwise_any", filter_gradient, {}, fits_any, any_filter_gradient, nullptr, nullptr, true},
    };
}
