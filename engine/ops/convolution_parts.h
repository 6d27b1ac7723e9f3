// What several files of convolution kernels share: grids, split sums, and the implicit product over gathered rows.
#pragma once

#include "ops/convolution_menu.h"
#include "shaders/conv2d_direct.h"
#include "shaders/conv2d_filter_gradient.h"

namespace lemnos {

constexpr uint32_t convolution_group_size = 64; // of kernels that need no subgroup

// `count` workgroups over x and z, `columns` over y.
std::array<uint32_t, 3> folded_groups(int64_t count, int64_t columns = 1);

inline Operand or_none(const Emitter& e, const Operand& operand) { return operand.region < 0 ? e.none() : operand; }

// How a subgroup lies over a matrix (shaders/include/row_tile.glsl): the fastest of all choices on lavapipe with subgroups of 8;
// at other sizes all lanes go over the columns. KernelTile{lanes over the columns, rows a lane}.
constexpr uint32_t tabled_subgroup = 8;
// Lanes of eight columns side by side. Eight read less for the same sums than four, which is worth a sixth more columns.
uint32_t column_lanes(int64_t columns);
KernelTile register_tile(const DeviceProfile& profile, int64_t rows, int64_t columns);

// Multiplier and shift of shaders/include/division.glsl.
void set_division(int64_t divisor, uint32_t& multiplier, uint32_t& shift);

// What the caches next to a processor hold.
inline constexpr int64_t near_bytes = 1 << 20;
// Whether a tensor is larger. Then its rows are asked for before they are read
// (shaders/include/addressed.glsl, wide.glsl).
inline uint32_t lies_far(const Operand& rows) { return rows.bytes > near_bytes; }

// Parts of a sum over `units`: enough to fill the device, and no fewer than `least`; few enough to fit a binding.
int64_t parts_of(const Emitter& e, int64_t units, int64_t groups_a_part, int64_t copy_bytes, int64_t least = 1);
// result (+)= the copies, added up in order; where it can, later and with others (Emitter::postpone).
void dispatch_sum(Emitter& e, const Operand& partial, const Operand& result, int64_t count, int64_t copies, const Addition& add);

// The filter with the channels in and out of each group swapped, in a workspace.
Operand swap_channels(Emitter& e, const ConvolutionShape& shape, const Operand& filter);

// One dispatch of the sum over gathered rows; `params` lack what follows from the kernel.
struct GatheredProduct {
    shader::Conv2dDirectParams params;
    ConvolutionOperands operands; // x is read, y is written, whatever the pass
    ActivationKind activation = ActivationKind::none;
    bool scatter = false; // the grid is not the whole output
    int64_t groups = 1;

    double flops() const { return 2.0 * params.rows * params.columns * double(groups) * params.inner * params.taps_y * params.taps_x; }
};
// The forward pass is one such product. The input's gradient is the forward sum over dy with the channels of the filter
// swapped; at stride s there is one product for each residue of the input pixel, which meets every s-th tap only.
std::vector<GatheredProduct> gathered_products(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands);

// ---- the filter's gradient, a product over all pixels that is cut into splits ----

shader::Conv2dFilterGradientParams filter_gradient_params(const ConvolutionShape& shape); // without what the kernel decides

struct FilterGradientProduct {
    Kernel kernel;
    shader::Conv2dFilterGradientParams params; // without the splits
    int64_t tile_rows;                         // of the filter, a workgroup
    int64_t row_step;                          // a split is a multiple of so many pixels
    int64_t copies_a_split = 1;                // partial sums that one leaves
    bool adds = false;                         // one copy may be the result: the kernel takes ADDS, ALWAYS and the operand keep
};
// The scalar family's by the register tile, by default the fastest one; `blocked`: x and dy lie as winograd_input.comp writes
// them. The tiled family's.
FilterGradientProduct row_tile_product(const DeviceProfile& profile, const ConvolutionShape& shape, DataType dtype, KernelTile tile,
                                       bool blocked = false);
KernelTile row_tile_of_filter_gradient(const DeviceProfile& profile, const ConvolutionShape& shape);
FilterGradientProduct tiled_product(const ConvolutionShape& shape, DataType dtype);

// What a product leaves: `copies` of the gradient, each a sum over some of the pixels.
struct PartialSums {
    Operand numbers;
    int64_t copies = 0;
};
// Over x and y into a workspace: `reused` where that is large enough, else a new one.
PartialSums dispatch_partial_sums(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands,
                                  FilterGradientProduct product, const Operand& reused = {});
// And adds the copies in order.
void dispatch_filter_gradient(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands,
                              FilterGradientProduct product);

} // namespace lemnos
