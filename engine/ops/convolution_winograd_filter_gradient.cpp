// Winograd's form of the gradient of a 3 × 3 filter, stride 1: the adjoint of the forward form (shaders/include/winograd.glsl).
// For one band of tiles after the other x and dy are transformed and multiplied, position by position, summed over the tiles;
// what that gives is transformed to the filter's nine taps and added to those of the bands before.
//
// The products are the filter's gradient of a pointwise convolution over a row of `tiles` pixels, the positions being groups of
// its channels: the register tile of the scalar family, over channels in blocks of eight, or tiles in shared memory.
#include "ops/convolution_winograd.h"
#include "shaders/winograd_filter_gradient.h"

#include <algorithm>

namespace lemnos {

namespace {

ConvolutionShape product_shape(const WinogradForm& form, int64_t tiles) {
    ConvolutionShape s{};
    s.batch = s.in_height = s.out_height = 1;
    s.in_width = s.out_width = tiles;
    s.in_channels = form.positions() * form.inner;
    s.out_channels = form.positions() * form.columns;
    s.kernel_height = s.kernel_width = s.stride_y = s.stride_x = s.dilation_y = s.dilation_x = 1;
    s.groups = form.positions();
    return s;
}

FilterGradientProduct product_of(const DeviceProfile& profile, const WinogradForm& form, int64_t tiles) {
    const ConvolutionShape shape = product_shape(form, tiles);
    if (profile.family != KernelFamily::scalar) return tiled_product(shape, DataType::f32);
    return row_tile_product(profile, shape, DataType::f32, row_tile_of_filter_gradient(profile, shape), true);
}

// The sums are written and read once a band, which is therefore no smaller than they are.
int64_t band_of(const DeviceProfile& profile, const WinogradForm& form) { return form.band(profile, form.filter_bytes()); }

class Emission : WinogradEmission {
  public:
    Emission(Emitter& e, const WinogradForm& form, const ConvolutionOperands& o) : WinogradEmission(e, form), o_(o) {}

    void all() {
        const int64_t tiles = form_.tiles(), band = band_of(e_.profile(), form_);
        const Operand x = e_.workspace(form_.input_bytes(band)), dy = e_.workspace(form_.output_bytes(band));
        for (int64_t first = 0; first < tiles; first += band) {
            const int64_t count = std::min(band, tiles - first);
            transform("", input_of(o_.x), x, first, count);
            transform(".dy", {o_.y, form_.columns, form_.out_height, form_.out_width}, dy, first, count);
            const Operand sums = multiply(x.slice(0, form_.input_bytes(count)), dy.slice(0, form_.output_bytes(count)), count);
            transform_filter_gradient(sums, first == 0 ? o_.add : Addition{.always = true});
        }
    }

  private:
    Operand multiply(const Operand& x, const Operand& dy, int64_t tiles) {
        partial_ = dispatch_partial_sums(e_, product_shape(form_, tiles), {.x = x, .y = dy}, product_of(e_.profile(), form_, tiles),
                                         partial_.numbers);
        if (partial_.copies == 1) return partial_.numbers;
        if (total_.region < 0) total_ = e_.workspace(form_.filter_bytes());
        dispatch_sum(e_, partial_.numbers, total_, form_.filter_bytes() / 4, partial_.copies, {});
        return total_;
    }

    void transform_filter_gradient(const Operand& sums, const Addition& add) const {
        const int64_t parts = form_.columns / part_;
        dispatch({.shader = variant("winograd_filter_gradient"),
                  .specialisation = {convolution_group_size, add.any(), add.always},
                  .operands = {sums.as(Access::read), o_.filter.as(add.any() ? Access::read_write : Access::write),
                               or_none(e_, add.keep)}},
                 form_.inner * parts, shader::WinogradFilterGradientParams{uint32_t(form_.inner), uint32_t(parts)});
    }

    const ConvolutionOperands& o_;
    PartialSums partial_; // of the band
    Operand total_;       // of its copies, where there are several
};

template <int64_t side>
bool fits(const DeviceProfile& profile, const ConvolutionProblem& p) {
    if (!has_winograd_form(profile, p, side)) return false;
    const WinogradForm form(p, side);
    return product_of(profile, form, 1).copies_a_split * form.filter_bytes() <= profile.max_storage_range;
}

// What a form costs, as multiply-adds of the sum over pixels (side 0) in the same time: measured on lavapipe (Mesa 25.0.7,
// subgroups of 8) for batches of 1 to 128, images of 4 to 56 pixels and 8 to 512 channels: what it chooses is within a tenth of
// the fastest form.
double cost(const DeviceProfile& profile, const WinogradForm& form) {
    const double channels = double(form.inner) * double(form.columns);
    if (form.side == 0) return double(form.batch * form.out_height * form.out_width) * 9 * channels;
    const double tiles = double(form.tiles()), bands = double(divide_up(form.tiles(), band_of(profile, form)));
    const double product = 0.88, transform = (form.side == 4 ? 6500 : 2000) / 8.0; // the latter of a channel of a tile
    const double sum = 44, dispatches = 1e6;                                       // of a number of it, and of those of a band
    return double(form.positions()) * channels * (tiles * product + bands * sum) +
           tiles * double(form.inner + form.columns) * transform + bands * dispatches + 1.6e6;
}

template <int64_t side>
bool pays(const DeviceProfile& profile, const ConvolutionProblem& p) {
    return is_cheapest(profile, p, side, cost, fits<2>(profile, p));
}

template <int64_t side>
void emit_side(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& o, KernelTile) {
    Emission(e, WinogradForm(problem, side), o).all();
}

} // namespace

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_CONVOLUTIONS(winograd_filter_gradient) {
    using enum ConvolutionPass;
    return {
        {"winograd.4", filter_gradient, {}, fits<4>, emit_side<4>, nullptr, pays<4>},
        {"winograd.2", filter_gradient, {}, fits<2>, emit_side<2>, nullptr, pays<2>},
    };
}
