// How normalisation's kernels go over a tensor: its examples in sets and its channels in groups, which are normalised together,
// and its rows dealt to lanes and bindings (shaders/include/channel_rows.glsl).
#pragma once

#include "ops/activation.h"
#include "ops/items.h"
#include "shaders/normalisation.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace lemnos {

// Vectors of channels in a set's line of each table; see shaders/include/normalisation.glsl.
inline constexpr int64_t coefficients = 5, lines = 2, moment_sums = 3, gradient_sums = 2;
inline constexpr int64_t line_alignment = 64; // floats: a binding may begin at each line

inline int64_t padded_channels(const TensorType& x) { return round_up(x.channels(), 8); }
inline int64_t line_length(const TensorType& x, int64_t vectors) {
    return round_up(vectors * padded_channels(x), line_alignment);
}

// What is normalised together.
struct Grouping {
    int64_t examples = 1, sets = 1; // of a set; of the batch
    int64_t span = 1;               // channels of a group

    static Grouping of(const Attributes& attributes, const TensorType& x) {
        const int64_t examples = attributes.integer("examples"), groups = attributes.integer("groups");
        Grouping grouping;
        grouping.examples = examples == 0 ? x.shape[0] : examples;
        grouping.sets = x.shape[0] / grouping.examples;
        grouping.span = groups == 0 ? 1 : x.channels() / groups;
        return grouping;
    }
    // Every example, or all, by themselves.
    static Grouping single(const TensorType& x) { return {1, x.shape[0], 1}; }
    static Grouping whole(const TensorType& x) { return {x.shape[0], 1, 1}; }
};

// The rows in windows of whole sets, or, where a set is larger than a binding, one set in slices.
class RowPlan {
  public:
    enum class Work { pass, sums };
    RowPlan(const Emitter& e, const TensorType& x, const Grouping& grouping, Work work, int64_t vectors)
        : profile_(e.profile()), grouping_(grouping), channels_(x.channels()),
          example_rows_(x.elements() / x.channels() / x.shape[0]), dtype_(x.dtype) {
        const int64_t limit = (profile_.max_storage_range - profile_.storage_alignment) / row_bytes();
        slice_rows_ = std::clamp<int64_t>(
            grouping.sets == 1 && set_rows() * row_bytes() <= profile_.max_storage_range ? set_rows() : limit,
            1, set_rows());
        deal(work);
        const int64_t table_bytes = 4 * line_length(x, coefficients);
        int64_t sets_of_tables = 0; // whose partial sums and coefficients one binding covers
        for (;;) { // only a device whose bindings are tiny comes here twice
            const int64_t partial_bytes = 4 * strands_of_set() * vectors * round_up(channels_, 8);
            sets_of_tables = profile_.max_storage_range / std::max(partial_bytes, table_bytes);
            if (sets_of_tables >= 1 || work == Work::pass) break;
            if (!tiled_ && abreast_ > 1)
                abreast_ = divide_up(abreast_, 2);
            else if (depth_ < slice_rows_)
                depth_ *= 2;
            else
                break; // the plan refuses it
        }
        const bool cut = slice_rows_ < set_rows();
        window_sets_ =
            cut ? 1 : std::max<int64_t>(1, std::min({limit / set_rows(), sets_of_tables, grouping.sets}));
    }

    struct Window {
        int64_t first_set, sets;
    };
    std::vector<Window> windows() const {
        std::vector<Window> windows;
        for (int64_t set = 0; set < grouping_.sets; set += window_sets_)
            windows.push_back({set, std::min(window_sets_, grouping_.sets - set)});
        return windows;
    }
    int64_t partial_bytes(const Window& window, int64_t vectors) const {
        return 4 * window.sets * strands_of_set() * vectors * round_up(channels_, 8);
    }

    // One pass over the rows of a window. Operands marked in `rows` are tensors of rows, which are cut to the piece.
    // `more`: specialisation constants after those that all have.
    void dispatch(Emitter& e, const Window& window, const char* shader, bool counted, ActivationKind activation,
                  const std::vector<Operand>& operands, const std::vector<bool>& rows, double flops,
                  std::initializer_list<uint32_t> more = {}) const {
        for (int64_t first = 0; first < set_rows(); first += slice_rows_) {
            Piece piece = this->piece(window, first);
            set_limits(piece.params, activation);
            const uint32_t variant = tiled_ ? 1 : uint32_t(column_); // TILED=1, or the shader's COLUMN
            Kernel kernel{.shader = item_variant(shader, variant, dtype_), .operands = piece.of(operands, rows)};
            kernel.specialisation = {uint32_t(group_size_), channels_ % 4 == 0, counted, constant_of(activation), uint32_t(column_lanes_)};
            kernel.specialisation.insert(kernel.specialisation.end(), more);
            kernel.groups = linear_groups(profile_, window.sets * strands(piece.params.rows) * columns(),
                                          uint32_t(group_size_));
            if (tiled_) {
                const auto blocks = linear_groups(profile_, window.sets * strands(piece.params.rows), 1);
                kernel.groups = {uint32_t(divide_up(columns(), column_lanes_)), blocks[0], blocks[1]};
            }
            kernel.flops = flops * double(window.sets) * double(piece.params.rows) * double(channels_);
            e.dispatch(std::move(kernel.params(piece.params)));
        }
    }

    // Whether sets are so small that all of one is best computed in one dispatch, by an invocation a channel
    // (shaders/include/normalisation_strip.glsl), if so many buffers can be bound.
    bool fits_strips(uint32_t buffers) const {
        return profile_.family == KernelFamily::scalar && buffers <= profile_.max_storage_buffers && slice_rows_ == set_rows() &&
               set_rows() <= most_rows_of_strips && set_rows() * row_bytes() <= most_bytes_of_strips;
    }

    // As dispatch() and dispatch_merge().
    void dispatch_strips(Emitter& e, const Window& window, const char* shader, bool counted, ActivationKind activation,
                         int64_t vector_stride, double epsilon, const std::vector<Operand>& operands, const std::vector<bool>& rows,
                         double flops, std::initializer_list<uint32_t> more) const {
        Piece piece = this->piece(window, 0);
        set_limits(piece.params, activation);
        piece.params.vector_stride = uint32_t(vector_stride);
        piece.params.epsilon = float(epsilon);
        Kernel kernel{.shader = real_variant(shader, dtype_), .operands = piece.of(operands, rows)};
        kernel.specialisation = {uint32_t(group_size_), counted, constant_of(activation)};
        kernel.specialisation.insert(kernel.specialisation.end(), more);
        kernel.groups = linear_groups(profile_, window.sets * round_up(channels_, 8), uint32_t(group_size_));
        kernel.flops = flops * double(window.sets) * double(set_rows()) * double(channels_);
        e.dispatch(std::move(kernel.params(piece.params)));
    }

    // Merges the partial sums of a window: an invocation a channel and set, or a workgroup for 8.
    void dispatch_merge(Emitter& e, const Window& window, const char* shader, bool counted, bool given,
                        int64_t vector_stride, double epsilon, std::vector<Operand> operands,
                        std::array<bool, 2> totals = {}) const {
        Kernel kernel{.shader = text(shader, ".", int(tiled_)), .operands = std::move(operands)};
        kernel.specialisation = {tiled_ ? 128u : 16u, counted, tiled_, given, totals[0], totals[1]};
        kernel.groups = linear_groups(profile_, window.sets * round_up(channels_, 8), tiled_ ? 8 : 16);
        shader::NormalisationParams params = this->params(window, 0);
        params.vector_stride = uint32_t(vector_stride);
        params.epsilon = float(epsilon);
        e.dispatch(std::move(kernel.params(params)));
    }

  private:
    // Beyond these a dispatch costs little beside what it computes, and what is read again, 8 channels of each row, does not
    // come as fast as whole rows. Of one set alone, as in deal(). Measured before rows were streamed.
    static constexpr int64_t most_rows_of_strips = 8192, most_bytes_of_strips = 5 << 16;

    // Rows of a window, as one dispatch sees them.
    struct Piece {
        shader::NormalisationParams params;
        int64_t from, bytes; // of each tensor of rows

        // Operands marked in `rows` are such tensors.
        std::vector<Operand> of(std::vector<Operand> operands, const std::vector<bool>& rows) const {
            for (size_t i = 0; i < operands.size(); ++i)
                if (rows[i]) operands[i] = operands[i].slice(from, bytes);
            return operands;
        }
    };
    Piece piece(const Window& window, int64_t first) const {
        Piece piece{params(window, first), 0, 0};
        const int64_t start = (window.first_set * set_rows() + first) * row_bytes();
        piece.from = start / profile_.storage_alignment * profile_.storage_alignment;
        piece.bytes = start - piece.from + ((window.sets - 1) * set_rows() + piece.params.rows) * row_bytes();
        piece.params.skip = uint32_t((start - piece.from) / size_of(dtype_));
        return piece;
    }

    int64_t set_rows() const { return grouping_.examples * example_rows_; }
    int64_t row_bytes() const { return channels_ * size_of(dtype_); }
    int64_t columns() const { return divide_up(channels_, column_); }
    // The partial sums of so many rows.
    int64_t strands(int64_t rows) const {
        return divide_up(rows, abreast_ * depth_) * (tiled_ ? 1 : abreast_);
    }
    int64_t strands_of_set() const {
        const int64_t slices = divide_up(set_rows(), slice_rows_);
        return (slices - 1) * strands(slice_rows_) + strands(set_rows() - (slices - 1) * slice_rows_);
    }

    // Many lanes for a GPU; on a CPU a few, which share what they load for a channel among more rows. For sums also few
    // strands, for they are merged one after the other; a strand of few rows rounds less.
    void deal(Work work) {
        const bool scalar = profile_.family == KernelFamily::scalar;
        column_ = scalar && channels_ % 8 == 0 ? 8 : 4;
        // Of one set alone, so that a set is summed in the same order however many there are.
        const int64_t rows = slice_rows_;
        // A CPU runs the subgroups of a workgroup one after the other, each through all of its rows: with one
        // subgroup the rows abreast are read in one stream (a factor of 1.5 at 112 x 112 x 32).
        group_size_ = scalar ? std::clamp<int64_t>(profile_.subgroup_size, 4, 64) : 64;
        abreast_ = std::min(slice_rows_, divide_up(group_size_, columns()));
        depth_ = std::clamp<int64_t>(rows * columns() / (scalar ? 256 : 131072), 8, 128);
        if (work == Work::sums && scalar) depth_ = std::clamp<int64_t>(rows / 128, depth_, 128);
        if (work == Work::sums && !scalar) {
            tiled_ = true;
            group_size_ = 128;
            column_lanes_ = int64_t(std::bit_ceil(uint64_t(std::min<int64_t>(columns(), 8))));
            abreast_ = group_size_ / column_lanes_;
            depth_ = std::clamp<int64_t>(
                divide_up(columns(), column_lanes_) * divide_up(rows, abreast_) / 1024, 4, 128);
        }
    }

    // Activations that do no more than limit y.
    static bool is_limit(ActivationKind activation) { return activation <= ActivationKind::relu6; }
    static uint32_t constant_of(ActivationKind activation) { return is_limit(activation) ? 0 : uint32_t(activation); }
    static void set_limits(shader::NormalisationParams& params, ActivationKind activation) {
        constexpr float infinity = std::numeric_limits<float>::infinity();
        params.lower = activation == ActivationKind::none ? -infinity : 0;
        params.upper = activation == ActivationKind::relu6 ? 6 : infinity;
    }

    shader::NormalisationParams params(const Window& window, int64_t first_row) const {
        shader::NormalisationParams params{};
        params.channels = uint32_t(channels_);
        params.examples = uint32_t(grouping_.examples);
        params.example_rows = uint32_t(example_rows_);
        params.sets = uint32_t(window.sets);
        params.first_set = uint32_t(window.first_set);
        params.rows = uint32_t(std::min(slice_rows_, set_rows() - first_row));
        params.first_row = uint32_t(first_row);
        params.abreast = uint32_t(abreast_);
        params.depth = uint32_t(depth_);
        params.slice_rows = uint32_t(slice_rows_);
        params.set_strands = uint32_t(strands_of_set());
        params.first_strand = uint32_t(first_row / slice_rows_ * strands(slice_rows_));
        return params;
    }

    const DeviceProfile& profile_;
    Grouping grouping_;
    int64_t channels_, example_rows_;
    DataType dtype_;
    int64_t slice_rows_ = 1; // of a set that one binding may cover
    int64_t window_sets_ = 1;
    int64_t column_ = 4; // channels of a lane
    bool tiled_ = false; // TILED of the shaders of sums
    int64_t abreast_ = 1, depth_ = 1, group_size_ = 64, column_lanes_ = 1;
};

} // namespace lemnos
