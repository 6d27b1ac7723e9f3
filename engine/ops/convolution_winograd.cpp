// Winograd's form of 3 × 3 convolutions of stride 1, forward and the input's gradient: F(4 × 4, 3 × 3) does with 36 products
// what the sum over taps does with 144, F(2 × 2, 3 × 3) with 16 instead of 36 (shaders/include/winograd.glsl). The filter is
// transformed, then for one band of tiles after the other the input, the products of all positions, and the results. Bands
// are short enough for their workspaces to stay in a CPU's caches, and long enough to read the transformed filter
// seldom. The input's gradient is the same over dy, with the filter turned.
//
// The scalar family multiplies by the register tile (winograd_product), the tiled one by conv2d_tiled, for which the positions
// are groups of channels of a pointwise convolution.
#include "ops/convolution_parts.h"
#include "shaders/winograd_filter.h"
#include "shaders/winograd_input.h"
#include "shaders/winograd_output.h"
#include "shaders/winograd_product.h"

#include <algorithm>

namespace lemnos {

namespace {

constexpr int64_t part = 8;                          // channels that an invocation of the scalar family takes at once
constexpr int64_t fewest_tiles = 64;                 // of a band, for each of which the whole filter is read again
constexpr int64_t cpu_band_bytes = int64_t(8) << 20; // of its workspaces
constexpr int64_t gpu_band_bytes = int64_t(64) << 20;

// A pass as a convolution of what is read (x or dy) into what is written (y or dx).
struct Form {
    int64_t side; // of a tile of results
    int64_t batch, in_height, in_width, inner, out_height, out_width, columns;
    int64_t origin_y, origin_x;

    Form(const ConvolutionShape& s, bool forward, int64_t side) : side(side), batch(s.batch) {
        in_height = s.in_height, in_width = s.in_width, inner = s.in_channels;
        out_height = s.out_height, out_width = s.out_width, columns = s.out_channels;
        origin_y = -s.pad_top, origin_x = -s.pad_left;
        if (forward) return;
        std::swap(in_height, out_height);
        std::swap(in_width, out_width);
        std::swap(inner, columns);
        origin_y = s.pad_top - 2, origin_x = s.pad_left - 2;
    }
    int64_t positions() const { return (side + 2) * (side + 2); }
    int64_t tiles_y() const { return divide_up(out_height, side); }
    int64_t tiles_x() const { return divide_up(out_width, side); }
    int64_t tiles() const { return batch * tiles_y() * tiles_x(); }
    int64_t filter_bytes() const { return positions() * inner * columns * 4; }
    int64_t widest_tile_bytes() const { return positions() * std::max(inner, columns) * 4; } // in one binding
    int64_t tile_bytes() const { return positions() * (inner + columns) * 4; }
    double flops() const { return 2.0 * double(positions()) * double(tiles()) * double(inner) * double(columns); }
};

bool fits(const DeviceProfile& profile, const ConvolutionProblem& p, int64_t side) {
    const ConvolutionShape& s = p.shape;
    if (s.kernel_height != 3 || s.kernel_width != 3 || s.stride_y != 1 || s.stride_x != 1 || s.dilation_y != 1 ||
        s.dilation_x != 1 || s.groups != 1)
        return false;
    const Form form(s, p.pass == ConvolutionPass::forward, side);
    if (form.filter_bytes() > profile.max_storage_range || form.widest_tile_bytes() > profile.max_storage_range) return false;
    return profile.family == KernelFamily::tiled || (profile.has_subgroup_kernels() && s.in_channels % part == 0 && s.out_channels % part == 0);
}

class Emission {
  public:
    Emission(Emitter& e, const Form& form, const ConvolutionProblem& problem, const ConvolutionOperands& o)
        : e_(e), form_(form), problem_(problem), o_(o), forward_(problem.pass == ConvolutionPass::forward),
          scalar_(e.profile().family == KernelFamily::scalar), part_(scalar_ ? part : 1) {}

    void all() {
        const int64_t budget = e_.profile().is_cpu ? cpu_band_bytes : gpu_band_bytes, tiles = form_.tiles();
        const int64_t longest = std::min({tiles, std::max(fewest_tiles, budget / form_.tile_bytes()),
                                          e_.profile().max_storage_range / form_.widest_tile_bytes()});
        const int64_t band = divide_up(tiles, divide_up(tiles, longest));
        input_ = e_.workspace(band * form_.positions() * form_.inner * 4);
        products_ = e_.workspace(band * form_.positions() * form_.columns * 4);
        transform_filter();
        for (int64_t first = 0; first < tiles; first += band) {
            const int64_t count = std::min(band, tiles - first);
            transform_input(first, count);
            if (scalar_) multiply(count);
            else multiply_tiled(count);
            transform_output(first, count);
        }
    }

  private:
    std::string variant(const char* shader) const { return text(shader, ".", form_.side, ".", part_); }
    Operand read(const Operand& operand, int64_t bytes) const { return operand.slice(0, bytes).as(Access::read); }
    Operand write(const Operand& operand, int64_t bytes) const { return operand.slice(0, bytes).as(Access::write); }
    int64_t input_bytes(int64_t tiles) const { return tiles * form_.positions() * form_.inner * 4; }
    int64_t product_bytes(int64_t tiles) const { return tiles * form_.positions() * form_.columns * 4; }
    template <typename Params>
    void dispatch(Kernel kernel, int64_t items, const Params& params) {
        kernel.groups = folded_groups(divide_up(items, convolution_group_size));
        e_.dispatch(std::move(kernel.params(params)));
    }

    void transform_filter() {
        const int64_t parts = form_.columns / part_;
        Kernel kernel{.shader = variant("winograd_filter"),
                      .specialisation = {convolution_group_size, !forward_},
                      .operands = {o_.filter}};
        kernel.groups = folded_groups(divide_up(form_.inner * parts, convolution_group_size));
        kernel.params(shader::WinogradFilterParams{uint32_t(form_.inner), uint32_t(parts)});
        filter_ = e_.derive(o_.filter, text(kernel.shader, forward_ ? "" : " turned"), form_.filter_bytes(), std::move(kernel));
    }

    void transform_input(int64_t first, int64_t tiles) {
        const int64_t parts = form_.inner / part_;
        dispatch({.shader = variant("winograd_input"),
                  .specialisation = {convolution_group_size},
                  .operands = {(forward_ ? o_.x : o_.y).as(Access::read), write(input_, input_bytes(tiles))}},
                 tiles * parts,
                 shader::WinogradInputParams{uint32_t(tiles), uint32_t(first), uint32_t(form_.tiles_y()),
                                             uint32_t(form_.tiles_x()), uint32_t(parts), uint32_t(form_.in_height),
                                             uint32_t(form_.in_width), int32_t(form_.origin_y), int32_t(form_.origin_x)});
    }

    Kernel product(int64_t tiles) const {
        Kernel kernel{.operands = {read(input_, input_bytes(tiles)), filter_.as(Access::read)}};
        kernel.flops = form_.flops() / double(form_.tiles()) * double(tiles);
        return kernel;
    }

    void multiply(int64_t tiles) {
        const uint32_t subgroup = e_.profile().subgroup_size;
        const KernelTile tile = register_tile(e_.profile(), tiles, form_.columns);
        Kernel kernel = product(tiles);
        kernel.shader = text("winograd_product.", subgroup);
        kernel.specialisation = {subgroup, tile.columns, tile.rows, 1};
        kernel.operands.push_back(write(products_, product_bytes(tiles)));
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
        kernel.operands.insert(kernel.operands.end(), {e_.none(), e_.none(), write(products_, product_bytes(tiles))});
        kernel.groups = folded_groups(divide_up(tiles, tile), int64_t(p.column_tiles) * form_.positions());
        e_.dispatch(std::move(kernel.params(p)));
    }

    void transform_output(int64_t first, int64_t tiles) {
        const int64_t parts = form_.columns / part_;
        dispatch({.shader = variant("winograd_output"),
                  .specialisation = {convolution_group_size, problem_.bias, problem_.residual, uint32_t(problem_.activation)},
                  .operands = {read(products_, product_bytes(tiles)), or_none(e_, o_.bias), or_none(e_, o_.residual),
                               (forward_ ? o_.y : o_.x).as(Access::write)}},
                 tiles * parts,
                 shader::WinogradOutputParams{uint32_t(tiles), uint32_t(first), uint32_t(form_.tiles_y()),
                                              uint32_t(form_.tiles_x()), uint32_t(parts), uint32_t(form_.out_height),
                                              uint32_t(form_.out_width), 0});
    }

    Emitter& e_;
    const Form form_;
    const ConvolutionProblem& problem_;
    const ConvolutionOperands& o_;
    const bool forward_, scalar_;
    const int64_t part_;
    Operand filter_, input_, products_;
};

// What a form costs, as multiply-adds of a full register tile in the same time: measured on lavapipe (Mesa 25.0.7, subgroups of
// 8) over the 3 × 3 convolutions of ResNet-18: within a tenth of that for Winograd's forms, a fifth for the sum over taps (side 0).
double cost(const DeviceProfile& profile, const Form& form) {
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
bool pays(const DeviceProfile& profile, const ConvolutionProblem& p) {
    if (profile.family != KernelFamily::scalar) return false; // not measured
    const auto cost_of = [&](int64_t of) { return cost(profile, Form(p.shape, p.pass == ConvolutionPass::forward, of)); };
    return cost_of(side) < std::min(cost_of(0), side == 4 && fits(profile, p, 2) ? cost_of(2) : 1e300);
}

template <int64_t side>
bool fits_side(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return fits(profile, p, side);
}

template <int64_t side>
void emit_side(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    Emission(e, Form(problem.shape, problem.pass == ConvolutionPass::forward, side), problem, o).all();
}

} // namespace

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(winograd) {
    using enum ConvolutionPass;
    return {
        {"winograd.4", forward, {}, fits_side<4>, emit_side<4>, nullptr, pays<4>},
        {"winograd.4", input_gradient, {}, fits_side<4>, emit_side<4>, nullptr, pays<4>},
        {"winograd.2", forward, {}, fits_side<2>, emit_side<2>, nullptr, pays<2>},
        {"winograd.2", input_gradient, {}, fits_side<2>, emit_side<2>, nullptr, pays<2>},
    };
}
