// Winograd's form of 3 × 3 convolutions of stride 1, forward and the input's gradient: F(4 × 4, 3 × 3) does with 36 products
// what the sum over taps does with 144, F(2 × 2, 3 × 3) with 16 instead of 36. The filter is transformed, then for one band of
// tiles after the other the input, the products of all positions, and the results. The input's gradient is the same over dy,
// with the filter turned.
//
// The scalar family multiplies by the register tile (winograd_product), the tiled one by conv2d_tiled, for which the positions
// are groups of channels of a pointwise convolution.
#include "ops/convolution_winograd.h"
#include "shaders/winograd_filter.h"
#include "shaders/winograd_input.h"
#include "shaders/winograd_output.h"
#include "shaders/winograd_product.h"

#include <algorithm>

namespace lemnos {

static constexpr int64_t part = 8;          // channels that an invocation of the scalar family takes at once
static constexpr int64_t fewest_tiles = 64; // of a band, for each of which the whole filter is read again
static constexpr int64_t cpu_band_bytes = int64_t(8) << 20, gpu_band_bytes = int64_t(64) << 20; // of its workspaces

WinogradForm::WinogradForm(const ConvolutionProblem& problem, int64_t side_of_tiles) : side(side_of_tiles) {
    const ConvolutionShape& s = problem.shape;
    batch = s.batch;
    in_height = s.in_height, in_width = s.in_width, inner = s.in_channels;
    out_height = s.out_height, out_width = s.out_width, columns = s.out_channels;
    origin_y = -s.pad_top, origin_x = -s.pad_left;
    if (problem.pass != ConvolutionPass::input_gradient) return;
    std::swap(in_height, out_height);
    std::swap(in_width, out_width);
    std::swap(inner, columns);
    origin_y = s.pad_top - 2, origin_x = s.pad_left - 2;
}

bool has_winograd_form(const DeviceProfile& profile, const ConvolutionProblem& problem, int64_t side) {
    const ConvolutionShape& s = problem.shape;
    if (s.kernel_height != 3 || s.kernel_width != 3 || s.stride_y != 1 || s.stride_x != 1 || s.dilation_y != 1 ||
        s.dilation_x != 1 || s.groups != 1)
        return false;
    const WinogradForm form(problem, side);
    if (std::max({form.filter_bytes(), form.input_bytes(1), form.output_bytes(1)}) > profile.max_storage_range) return false;
    return profile.family == KernelFamily::tiled ||
           (profile.has_subgroup_kernels() && s.in_channels % part == 0 && s.out_channels % part == 0);
}

bool is_cheapest(const DeviceProfile& profile, const ConvolutionProblem& problem, int64_t side,
                 double (*cost)(const DeviceProfile&, const WinogradForm&), bool two_fits) {
    if (profile.family != KernelFamily::scalar) return false; // not measured
    const auto cost_of = [&](int64_t of) { return cost(profile, WinogradForm(problem, of)); };
    return cost_of(side) < std::min(cost_of(0), side == 4 && two_fits ? cost_of(2) : 1e300);
}

int64_t WinogradForm::band(const DeviceProfile& profile, int64_t least_bytes) const {
    const int64_t bytes = std::max(least_bytes, profile.is_cpu ? cpu_band_bytes : gpu_band_bytes);
    const int64_t longest = std::min({tiles(), std::max(fewest_tiles, bytes / (input_bytes(1) + output_bytes(1))),
                                      profile.max_storage_range / std::max(input_bytes(1), output_bytes(1))});
    return divide_up(tiles(), divide_up(tiles(), longest));
}

WinogradEmission::WinogradEmission(Emitter& e, const WinogradForm& form)
    : e_(e), form_(form), scalar_(e.profile().family == KernelFamily::scalar), part_(scalar_ ? part : 1) {}

void WinogradEmission::transform(const char* variant_name, const Seen& seen, const Operand& transformed, int64_t first,
                                 int64_t count) const {
    const int64_t parts = seen.channels / part_;
    dispatch({.shader = variant("winograd_input") + variant_name,
              .specialisation = {convolution_group_size},
              .operands = {seen.image.as(Access::read),
                           transformed.slice(0, count * form_.positions() * seen.channels * 4).as(Access::write)}},
             count * parts,
             shader::WinogradInputParams{uint32_t(count), uint32_t(first), uint32_t(form_.tiles_y()), uint32_t(form_.tiles_x()),
                                         uint32_t(parts), uint32_t(seen.height), uint32_t(seen.width), int32_t(seen.origin_y),
                                         int32_t(seen.origin_x)});
}

namespace {

class Emission : WinogradEmission {
  public:
    Emission(Emitter& e, const WinogradForm& form, const ConvolutionProblem& problem, const ConvolutionOperands& o)
        : WinogradEmission(e, form), problem_(problem), o_(o), forward_(problem.pass == ConvolutionPass::forward) {}

    void all() {
        const int64_t tiles = form_.tiles(), band = form_.band(e_.profile());
        input_ = e_.workspace(form_.input_bytes(band));
        products_ = e_.workspace(form_.output_bytes(band));
        transform_filter();
        for (int64_t first = 0; first < tiles; first += band) {
            const int64_t count = std::min(band, tiles - first);
            transform("", input_of(forward_ ? o_.x : o_.y), input_, first, count);
            if (scalar_) multiply(count);
            else multiply_tiled(count);
            transform_output(first, count);
        }
    }

  private:
    void transform_filter() {
        const int64_t parts = form_.columns / part_;
        Kernel kernel{.shader = variant("winograd_filter"),
                      .specialisation = {convolution_group_size, !forward_},
                      .operands = {o_.filter}};
        kernel.groups = folded_groups(divide_up(form_.inner * parts, convolution_group_size));
        kernel.params(shader::WinogradFilterParams{uint32_t(form_.inner), uint32_t(parts)});
        filter_ = e_.derive(o_.filter, text(kernel.shader, forward_ ? "" : " turned"), form_.filter_bytes(), std::move(kernel));
    }

    Kernel product(int64_t tiles) const {
        Kernel kernel{.operands = {input_.slice(0, form_.input_bytes(tiles)).as(Access::read), filter_.as(Access::read)}};
        kernel.flops = form_.flops(tiles);
        return kernel;
    }
    Operand products(int64_t tiles, Access access) const { return products_.slice(0, form_.output_bytes(tiles)).as(access); }

    void multiply(int64_t tiles) {
        const uint32_t subgroup = e_.profile().subgroup_size;
        const KernelTile tile = register_tile(e_.profile(), tiles, form_.columns);
        Kernel kernel = product(tiles);
        kernel.shader = text("winograd_product.", subgroup);
        kernel.specialisation = {subgroup, tile.columns, tile.rows, 1};
        kernel.operands.push_back(products(tiles, Access::write));
        kernel.groups = {uint32_t(divide_up(tiles, tile.rows * (subgroup / tile.columns))),
                         uint32_t(divide_up(form_.columns, 8 * tile.columns)), uint32_t(form_.positions())};
        kernel.subgroups = true;
        e_.dispatch(std::move(kernel.params(
            shader::WinogradProductParams{uint32_t(tiles), uint32_t(form_.inner), uint32_t(form_.columns)})));
    }

    // A pointwise convolution over a row of `tiles` pixels.
    void multiply_tiled(int64_t tiles) {
        constexpr int64_t tile = 64; // rows and columns of a workgroup
        shader::Conv2dDirectParams p{};
        p.rows = p.grid_width = p.in_width = p.out_width = uint32_t(tiles);
        p.grid_height = p.in_height = p.out_height = 1;
        p.inner = uint32_t(form_.inner);
        p.columns = uint32_t(form_.columns);
        p.in_channels = uint32_t(form_.positions() * form_.inner);
        p.out_channels = uint32_t(form_.positions() * form_.columns);
        p.taps_y = p.taps_x = 1;
        p.stride_y = p.stride_x = p.step_y = p.step_x = 1;
        p.column_tiles = uint32_t(divide_up(form_.columns, tile));
        Kernel kernel = product(tiles);
        kernel.shader = "conv2d_tiled.32";
        kernel.specialisation = {0, false, false, uint32_t(ActivationKind::none), false};
        kernel.operands.insert(kernel.operands.end(), {e_.none(), e_.none(), products(tiles, Access::write)});
        kernel.groups = folded_groups(divide_up(tiles, tile), int64_t(p.column_tiles) * form_.positions());
        e_.dispatch(std::move(kernel.params(p)));
    }

    void transform_output(int64_t first, int64_t tiles) {
        const int64_t parts = form_.columns / part_;
        dispatch({.shader = variant("winograd_output"),
                  .specialisation = {convolution_group_size, problem_.bias, problem_.residual, uint32_t(problem_.activation)},
                  .operands = {products(tiles, Access::read), or_none(e_, o_.bias), or_none(e_, o_.residual),
                               (forward_ ? o_.y : o_.x).as(Access::write)}},
                 tiles * parts,
                 shader::WinogradOutputParams{uint32_t(tiles), uint32_t(first), uint32_t(form_.tiles_y()),
                                              uint32_t(form_.tiles_x()), uint32_t(parts), uint32_t(form_.out_height),
                                              uint32_t(form_.out_width), 0, 0});
    }

    const ConvolutionProblem& problem_;
    const ConvolutionOperands& o_;
    const bool forward_;
    Operand filter_, input_, products_;
};

// What a form costs, as multiply-adds of a full register tile in the same time: measured on lavapipe (Mesa 25.0.7, subgroups of
// 8) over the 3 × 3 convolutions of ResNet-18: within a tenth of that for Winograd's forms, a fifth for the sum over taps (side 0).
double cost(const DeviceProfile& profile, const WinogradForm& form) {
    // What a lane reads for its columns is as dear as seven rows of multiply-adds.
    const auto product = [&](int64_t rows) {
        const KernelTile tile = form.side == 0 ? KernelTile{register_tile(profile, rows, form.columns).columns, 16}
                                               : register_tile(profile, rows, form.columns);
        const int64_t groups = profile.subgroup_size / tile.columns;
        return double(divide_up(rows, tile.rows * groups) * divide_up(form.columns, 8 * tile.columns)) * (tile.rows + 7.0) *
               8.0 * profile.subgroup_size * double(form.inner);
    };
    if (form.side == 0) return 0.7 * 9 * product(form.batch * form.out_height * form.out_width);
    const double input = form.side == 4 ? 14000 : 4500, output = form.side == 4 ? 19000 : 3600; // of a part of a tile
    return double(form.positions()) * product(form.tiles()) +
           double(form.tiles()) * (double(form.inner) * input + double(form.columns) * output) / part;
}

template <int64_t side>
bool fits(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return has_winograd_form(profile, p, side);
}

template <int64_t side>
bool pays(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return is_cheapest(profile, p, side, cost, fits<2>(profile, p));
}

template <int64_t side>
void emit_side(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    Emission(e, WinogradForm(problem, side), problem, o).all();
}

} // namespace

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(winograd) {
    using enum ConvolutionPass;
    return {
        {"winograd.4", forward, {}, fits<4>, emit_side<4>, nullptr, pays<4>},
        {"winograd.4", input_gradient, {}, fits<4>, emit_side<4>, nullptr, pays<4>},
        {"winograd.2", forward, {}, fits<2>, emit_side<2>, nullptr, pays<2>},
        {"winograd.2", input_gradient, {}, fits<2>, emit_side<2>, nullptr, pays<2>},
    };
}
