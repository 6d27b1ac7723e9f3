// What all passes of Winograd's form of a 3 × 3 convolution share (shaders/include/winograd.glsl): its sizes, bands of tiles,
// and the transform of what the tiles see. Bands are short, so that their workspaces stay in a CPU's caches, but long enough to
// read the transformed filter seldom.
#pragma once

#include "ops/convolution_parts.h"

namespace lemnos {

// A pass as a convolution of what is read into what is written: of x into y, or of dy into dx. The filter's gradient has the
// sizes of the forward pass.
struct WinogradForm {
    int64_t side; // of a tile of results
    int64_t batch, in_height, in_width, inner, out_height, out_width, columns;
    int64_t origin_y, origin_x;

    WinogradForm(const ConvolutionProblem& problem, int64_t side);
    int64_t positions() const { return (side + 2) * (side + 2); }
    int64_t tiles_y() const { return divide_up(out_height, side); }
    int64_t tiles_x() const { return divide_up(out_width, side); }
    int64_t tiles() const { return batch * tiles_y() * tiles_x(); }
    int64_t input_bytes(int64_t tiles) const { return positions() * tiles * inner * 4; }
    int64_t output_bytes(int64_t tiles) const { return positions() * tiles * columns * 4; }
    int64_t filter_bytes() const { return positions() * inner * columns * 4; }
    double flops(int64_t tiles) const { return 2.0 * double(positions() * tiles) * double(inner) * double(columns); }
    // Tiles of a band: what it takes is about as much as stays in a CPU's caches, or `least_bytes`. All are about as long.
    int64_t band(const DeviceProfile& profile, int64_t least_bytes = 0) const;
};
// 3 × 3, of stride and dilation 1, in one group; the transformed filter and one tile fit a binding, and the device has kernels
// for the channels.
bool has_winograd_form(const DeviceProfile& profile, const ConvolutionProblem& problem, int64_t side);
// Whether tiles of `side` cost less than the sum over taps or pixels, which is side 0, and those of 4 less than those of 2 where
// these fit.
bool is_cheapest(const DeviceProfile& profile, const ConvolutionProblem& problem, int64_t side,
                 double (*cost)(const DeviceProfile&, const WinogradForm&), bool two_fits);

class WinogradEmission {
  protected:
    WinogradEmission(Emitter& e, const WinogradForm& form);
    std::string variant(const char* shader) const { return text(shader, ".", form_.side, ".", part_); }
    template <typename Params>
    void dispatch(Kernel kernel, int64_t items, const Params& params) const {
        kernel.groups = folded_groups(divide_up(items, convolution_group_size));
        e_.dispatch(std::move(kernel.params(params)));
    }
    // What the tiles see: an image of so many channels, in which the first tile begins at the origin.
    struct Seen {
        Operand image;
        int64_t channels, height, width, origin_y = 0, origin_x = 0;
    };
    Seen input_of(const Operand& image) const {
        return {image, form_.inner, form_.in_height, form_.in_width, form_.origin_y, form_.origin_x};
    }
    // `count` tiles of it from `first` on, by winograd_input or a variant of that.
    void transform(const char* variant_name, const Seen& seen, const Operand& transformed, int64_t first, int64_t count) const;

    Emitter& e_;
    const WinogradForm form_;
    const bool scalar_; // the family
    const int64_t part_; // channels that an invocation of it takes at once
};

} // namespace lemnos
