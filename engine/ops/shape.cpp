// Operators that move elements: reshape, concat, slice, pad, transpose, broadcast; and cast.
#include "graph/graph.h"
#include "ops/items.h"
#include "ops/window.h"
#include "shaders/cast.h"
#include "shaders/pad.h"
#include "shaders/strided_copy.h"

#include <algorithm>
#include <bit>

namespace lemnos {

static constexpr uint32_t group_size = 64;
static constexpr int64_t largest_extent = INT32_MAX;

// These kernels move words, as bits.
static void require_words(const Signature& s, int i, const char* name) {
    s.require(size_of(s.input(i).dtype) > 1, "the input ", name, " is ", name_of(s.input(i).dtype),
              " (f32, f16 and i32 can be moved; cast first).");
}

static int64_t checked_axis(const Signature& s, const Shape& shape) {
    const int64_t axis = s.attributes.integer("axis"), rank = int64_t(shape.size());
    s.require(axis >= -rank && axis < rank, "the axis ", axis, " does not exist (", to_string(shape),
              ", rank ", rank, ").");
    return axis < 0 ? axis + rank : axis;
}

static int64_t axis_of(const Attributes& attributes, const Shape& shape) {
    const int64_t axis = attributes.integer("axis");
    return axis < 0 ? axis + int64_t(shape.size()) : axis;
}

// ---- strided copies ---------------------------------------------------------------------------------------

struct CopyAxis {
    int64_t extent, x, y; // strides in elements
};

static std::vector<int64_t> dense_strides(const Shape& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
    return strides;
}

// One axis for each run of axes that one stride describes on both sides.
static std::vector<CopyAxis> collapsed(const std::vector<CopyAxis>& axes) {
    std::vector<CopyAxis> result;
    for (const CopyAxis& axis : axes) {
        if (axis.extent == 1) continue;
        if (!result.empty() && result.back().x == axis.x * axis.extent &&
            result.back().y == axis.y * axis.extent)
            result.back() = {result.back().extent * axis.extent, axis.x, axis.y};
        else
            result.push_back(axis);
    }
    if (result.empty()) result.push_back({1, 1, 1});
    return result;
}

static int64_t span(const std::vector<CopyAxis>& axes, int64_t CopyAxis::*stride) {
    int64_t last = 0;
    for (const CopyAxis& axis : axes) last += (axis.extent - 1) * (axis.*stride);
    return last + 1;
}

enum Moved : uint32_t { words, groups, repeated, gathered }; // strided_copy.comp

static void dispatch_copy(Emitter& e, const Operand& x, int64_t x_first, const Operand& y, int64_t y_first,
                          const std::vector<CopyAxis>& axes) {
    const CopyAxis& last = axes.back();
    // Whether one side can be moved in groups of `item` words.
    const auto grouped = [&](int64_t CopyAxis::*stride, int64_t first, uint32_t item) {
        bool all = last.*stride == 1 && last.extent % item == 0 && first % item == 0;
        for (size_t i = 0; i + 1 < axes.size(); ++i) all &= axes[i].*stride % item == 0;
        return all;
    };
    uint32_t item = item_size(e.profile());
    const bool x_fours = last.x != 0 && grouped(&CopyAxis::x, x_first, 4);
    if (!grouped(&CopyAxis::y, y_first, item) || (x_fours && !grouped(&CopyAxis::x, x_first, item))) item = 4;
    const Moved moved = !grouped(&CopyAxis::y, y_first, item)  ? words
                        : last.x == 0                          ? repeated
                        : grouped(&CopyAxis::x, x_first, item) ? groups
                                                               : gathered;
    const uint32_t x_unit = moved == groups ? item : 1, y_unit = moved == words ? 1 : item;
    const DataType dtype = e.output_type().dtype;
    const Window from = window(e, x, x_first, span(axes, &CopyAxis::x), size_of(dtype));
    const Window to = window(e, y, y_first, span(axes, &CopyAxis::y), size_of(dtype));
    shader::StridedCopyParams params{};
    params.count = 1;
    params.x_step = uint32_t(last.x);
    params.x_first = from.first / x_unit;
    params.y_first = to.first / y_unit;
    for (size_t i = 0; i < axes.size(); ++i) {
        const bool innermost = i + 1 == axes.size();
        params.extent[i] = uint32_t(axes[i].extent) / (innermost ? y_unit : 1);
        params.x_stride[i] = uint32_t(innermost ? axes[i].x * y_unit / x_unit : axes[i].x / x_unit);
        params.y_stride[i] = uint32_t(innermost ? axes[i].y : axes[i].y / y_unit);
        params.count *= params.extent[i];
    }
    Kernel kernel{.shader = item_variant("strided_copy", item, dtype),
                  .specialisation = {group_size, uint32_t(axes.size()), moved},
                  .operands = {from.operand, to.operand}};
    kernel.groups = linear_groups(e.profile(), params.count, group_size);
    e.dispatch(std::move(kernel.params(params)));
}

// Halves the box until both of its sides fit a binding.
static void copy_box(Emitter& e, const Operand& x, int64_t x_first, const Operand& y, int64_t y_first,
                     std::vector<CopyAxis> axes) {
    const int64_t limit = window_limit(e);
    int64_t CopyAxis::*stride = span(axes, &CopyAxis::x) > limit ? &CopyAxis::x : &CopyAxis::y;
    if (span(axes, stride) <= limit) return dispatch_copy(e, x, x_first, y, y_first, collapsed(axes));
    const auto longest =
        std::max_element(axes.begin(), axes.end(), [&](const CopyAxis& a, const CopyAxis& b) {
            return (a.extent - 1) * (a.*stride) < (b.extent - 1) * (b.*stride);
        });
    const int64_t whole = longest->extent, half = std::min(round_up(divide_up(whole, 2), 8), whole - 1);
    const int64_t x_step = half * longest->x, y_step = half * longest->y;
    longest->extent = half;
    copy_box(e, x, x_first, y, y_first, axes);
    longest->extent = whole - half;
    copy_box(e, x, x_first + x_step, y, y_first + y_step, axes);
}

// y[y_first + index · y] = x[x_first + index · x] for every index of the box.
static void emit_copy(Emitter& e, const Operand& x, int64_t x_first, const Operand& y, int64_t y_first,
                      const std::vector<CopyAxis>& axes) {
    copy_box(e, x, x_first, y, y_first, collapsed(axes));
}

// The box of x whose first element is `begin` becomes y.
static void emit_crop(Emitter& e, const std::vector<int64_t>& begin) {
    const Shape from = e.input_type(0).shape, to = e.output_type().shape;
    const std::vector<int64_t> x = dense_strides(from), y = dense_strides(to);
    std::vector<CopyAxis> axes;
    int64_t first = 0;
    for (size_t axis = 0; axis < to.size(); ++axis) {
        axes.push_back({to[axis], x[axis], y[axis]});
        first += begin[axis] * x[axis];
    }
    emit_copy(e, e.input(0), first, e.output(), 0, axes);
}

// ---- slice ------------------------------------------------------------------------------------------------

struct Range {
    int64_t begin, end;
};

static Range slice_range(const Attributes& attributes, int64_t extent) {
    Range range{attributes.integer("begin"), attributes.integer("end")};
    if (range.begin < 0) range.begin += extent;
    if (range.end <= 0) range.end += extent;
    return range;
}

static std::vector<TensorType> infer_slice(const Signature& s) {
    require_words(s, 0, "x");
    TensorType y = s.input(0);
    int64_t& extent = y.shape[size_t(checked_axis(s, y.shape))];
    const Range range = slice_range(s.attributes, extent);
    s.require(range.begin >= 0 && range.end <= extent && range.begin < range.end, "the range from ",
              s.attributes.integer("begin"), " to ", s.attributes.integer("end"),
              " is empty or outside the axis (", extent, " long).");
    extent = range.end - range.begin;
    return {y};
}

static void slice_gradient(GradientBuilder& b) {
    const Shape& shape = b.input_type(0).shape;
    const size_t axis = size_t(axis_of(b.attributes(), shape));
    const Range range = slice_range(b.attributes(), shape[axis]);
    std::vector<int64_t> before(shape.size()), after(shape.size());
    before[axis] = range.begin;
    after[axis] = shape[axis] - range.end;
    b.set(0, b.add("pad", {b.output_gradient()}, {{"before", before}, {"after", after}}));
}

static void emit_slice(Emitter& e) {
    const Shape shape = e.input_type(0).shape;
    const size_t axis = size_t(axis_of(e.attributes(), shape));
    std::vector<int64_t> begin(shape.size());
    begin[axis] = slice_range(e.attributes(), shape[axis]).begin;
    emit_crop(e, begin);
}

// ---- concat -----------------------------------------------------------------------------------------------

static std::vector<TensorType> infer_concat(const Signature& s) {
    require_words(s, 0, "parts");
    TensorType y = s.input(0);
    const size_t axis = size_t(checked_axis(s, y.shape));
    for (int i = 1; i < s.count(); ++i) {
        const TensorType& part = s.input(i);
        TensorType expected = s.input(0);
        if (part.rank() == expected.rank()) expected.shape[axis] = part.shape[axis];
        s.require(part == expected, "part ", i, " (", to_string(part), ") differs from part 0 (",
                  to_string(s.input(0)), ") in more than the extent of axis ", axis, ".");
        y.shape[axis] = checked_add(y.shape[axis], part.shape[axis]);
    }
    return {y};
}

static void concat_gradient(GradientBuilder& b) {
    const int64_t axis = axis_of(b.attributes(), b.output_type().shape);
    int64_t begin = 0;
    for (int i = 0; i < int(b.results.size()); ++i) {
        const int64_t end = begin + b.input_type(i).shape[size_t(axis)];
        if (b.needs(i))
            b.set(i, b.add("slice", {b.output_gradient()}, {{"axis", axis}, {"begin", begin}, {"end", end}}));
        begin = end;
    }
}

static void emit_concat(Emitter& e) {
    const Shape whole = e.output_type().shape;
    const std::vector<int64_t> y = dense_strides(whole);
    const size_t along = size_t(axis_of(e.attributes(), whole));
    int64_t first = 0;
    for (int i = 0; i < e.input_count(); ++i) {
        const Shape part = e.input_type(i).shape;
        const std::vector<int64_t> x = dense_strides(part);
        std::vector<CopyAxis> axes;
        for (size_t axis = 0; axis < part.size(); ++axis) axes.push_back({part[axis], x[axis], y[axis]});
        emit_copy(e, e.input(i), 0, e.output(), first, axes);
        first += part[along] * y[along];
    }
}

// ---- pad --------------------------------------------------------------------------------------------------

static std::vector<TensorType> infer_pad(const Signature& s) {
    require_words(s, 0, "x");
    TensorType y = s.input(0);
    const auto &before = s.attributes.integers("before"), &after = s.attributes.integers("after");
    s.require(before.size() == y.shape.size() && after.size() == y.shape.size(),
              "the attributes before and after have ", before.size(), " and ", after.size(),
              " elements (one an axis is needed: ", y.shape.size(), ").");
    for (size_t axis = 0; axis < y.shape.size(); ++axis)
        y.shape[axis] = checked_add(y.shape[axis], checked_add(before[axis], after[axis]));
    return {y};
}

static void pad_gradient(GradientBuilder& b) {
    b.set(0, b.add("crop", {b.output_gradient()},
                   {{"begin", b.attributes().integers("before")}, {"shape", b.input_type(0).shape}}));
}

struct PadAxis {
    int64_t x, y, before; // extents
};

// An axis that is not padded is counted with the one before it.
static std::vector<PadAxis> pad_axes(const Emitter& e) {
    const Shape x = e.input_type(0).shape, y = e.output_type().shape;
    const auto& before = e.attributes().integers("before");
    std::vector<PadAxis> axes;
    for (size_t axis = 0; axis < x.size(); ++axis) {
        if (x[axis] == y[axis] && !axes.empty()) {
            PadAxis& outer = axes.back();
            outer = {outer.x * x[axis], outer.y * x[axis], outer.before * x[axis]};
        } else {
            axes.push_back({x[axis], y[axis], before[axis]});
        }
    }
    if (axes.empty()) axes.push_back({1, 1, 0});
    return axes;
}

static void dispatch_pad(Emitter& e, const std::vector<PadAxis>& axes, int64_t x_first, int64_t y_first,
                         uint32_t value) {
    int64_t x_count = 1, y_count = 1;
    for (const PadAxis& axis : axes) {
        x_count *= axis.x;
        y_count *= axis.y;
    }
    const PadAxis& last = axes.back();
    const bool wide =
        last.x % 4 == 0 && last.y % 4 == 0 && last.before % 4 == 0 && x_first % 4 == 0 && y_first % 4 == 0;
    const uint32_t unit = wide ? 4 : 1;
    const DataType dtype = e.output_type().dtype;
    const int64_t bytes = size_of(dtype);
    const Window from = x_count > 0 ? window(e, e.input(0), x_first, x_count, bytes) : Window{e.none(), 0};
    const Window to = window(e, e.output(), y_first, y_count, bytes);
    shader::PadParams params{};
    params.count = uint32_t(y_count) / unit;
    params.x_first = from.first / unit;
    params.y_first = to.first / unit;
    params.value = value;
    for (size_t i = 0; i < axes.size(); ++i) {
        const uint32_t divisor = i + 1 == axes.size() ? unit : 1;
        params.x_extent[i] = uint32_t(axes[i].x) / divisor;
        params.y_extent[i] = uint32_t(axes[i].y) / divisor;
        params.before[i] = uint32_t(axes[i].before) / divisor;
    }
    Kernel kernel{.shader = real_variant("pad", dtype),
                  .specialisation = {group_size, uint32_t(axes.size()), wide},
                  .operands = {from.operand, to.operand}};
    kernel.groups = linear_groups(e.profile(), params.count, group_size);
    e.dispatch(std::move(kernel.params(params)));
}

// Cuts the outermost axis, whose parts of y hold parts of x or nothing of it; where even one index of it is
// too large for a binding, the axes within.
static void pad_box(Emitter& e, const std::vector<PadAxis>& axes, int64_t x_first, int64_t y_first,
                    uint32_t value) {
    const PadAxis outer = axes[0];
    const int64_t limit = window_limit(e);
    int64_t x_row = 1, y_row = 1;
    for (size_t i = 1; i < axes.size(); ++i) {
        x_row *= axes[i].x;
        y_row *= axes[i].y;
    }
    const int64_t step = y_row == 1 && outer.y > limit ? limit / 4 * 4 : std::max<int64_t>(1, limit / y_row);
    for (int64_t first = 0; first < outer.y; first += step) {
        const int64_t end = std::min(first + step, outer.y);
        const int64_t x_begin = std::clamp<int64_t>(first - outer.before, 0, outer.x);
        const int64_t x_end = std::clamp<int64_t>(end - outer.before, 0, outer.x);
        std::vector<PadAxis> part = axes;
        if (y_row > limit) {
            part.erase(part.begin());
            if (x_begin == x_end) part[0].x = part[0].before = 0;
            pad_box(e, part, x_first + x_begin * x_row, y_first + first * y_row, value);
        } else {
            part[0] = {x_end - x_begin, end - first, std::max<int64_t>(0, outer.before - first)};
            dispatch_pad(e, part, x_first + x_begin * x_row, y_first + first * y_row, value);
        }
    }
}

static void emit_pad(Emitter& e) {
    const double number = e.attributes().real("value");
    const uint32_t value = e.input_type(0).dtype == DataType::i32
                               ? uint32_t(int32_t(std::clamp<double>(number, INT32_MIN, INT32_MAX)))
                               : std::bit_cast<uint32_t>(float(number));
    pad_box(e, pad_axes(e), 0, 0, value);
}

// ---- reshape, transpose, broadcast, cast ------------------------------------------------------------------

static std::vector<TensorType> infer_reshape(const Signature& s) {
    TensorType y{s.input(0).dtype, s.attributes.integers("shape")};
    const int64_t elements = s.input(0).elements();
    int64_t known = 1, open = -1;
    for (size_t axis = 0; axis < y.shape.size(); ++axis) {
        s.require(y.shape[axis] != 0, "the new shape has the extent 0.");
        if (y.shape[axis] > 0) {
            known = checked_multiply(known, y.shape[axis]);
            continue;
        }
        s.require(open < 0, "the new shape has more than one extent of -1.");
        open = int64_t(axis);
    }
    s.require(y.rank() <= 8, "the new shape has ", y.rank(), " axes (at most 8).");
    if (open >= 0) y.shape[size_t(open)] = elements / known;
    s.require(y.elements() == elements, "x (", to_string(s.shape(0)), ") has ", elements,
              " elements, which do not fill the new shape (", to_string(s.attributes.integers("shape")),
              ").");
    return {y};
}

static std::vector<TensorType> infer_transpose(const Signature& s) {
    require_words(s, 0, "x");
    const auto& perm = s.attributes.integers("perm");
    const Shape& x = s.shape(0);
    TensorType y{s.input(0).dtype, {}};
    std::vector<bool> seen(x.size());
    for (int64_t axis : perm) {
        const bool fits = axis < int64_t(x.size()) && !seen[size_t(axis)];
        s.require(fits, "the attribute perm names the axis ", axis,
                  ", which does not exist or is named twice (x is ", to_string(x), ").");
        seen[size_t(axis)] = true;
        y.shape.push_back(x[size_t(axis)]);
    }
    s.require(perm.size() == x.size(), "the attribute perm has ", perm.size(),
              " elements (one an axis is needed: ", x.size(), ").");
    return {y};
}

static void transpose_gradient(GradientBuilder& b) {
    const auto& perm = b.attributes().integers("perm");
    std::vector<int64_t> inverse(perm.size());
    for (size_t axis = 0; axis < perm.size(); ++axis) inverse[size_t(perm[axis])] = int64_t(axis);
    b.set(0, b.add("transpose", {b.output_gradient()}, {{"perm", inverse}}));
}

static void emit_transpose(Emitter& e) {
    const auto& perm = e.attributes().integers("perm");
    const std::vector<int64_t> x = dense_strides(e.input_type(0).shape),
                               y = dense_strides(e.output_type().shape);
    std::vector<CopyAxis> axes;
    for (size_t axis = 0; axis < perm.size(); ++axis)
        axes.push_back({e.output_type().shape[axis], x[size_t(perm[axis])], y[axis]});
    emit_copy(e, e.input(0), 0, e.output(), 0, axes);
}

static std::vector<TensorType> infer_broadcast(const Signature& s) {
    require_words(s, 0, "x");
    const TensorType y{s.input(0).dtype, s.attributes.integers("shape")};
    s.require_rank(0, y.rank(), "x");
    for (size_t axis = 0; axis < y.shape.size(); ++axis)
        s.require(s.shape(0)[axis] == 1 || s.shape(0)[axis] == y.shape[axis], "x (", to_string(s.shape(0)),
                  ") cannot be repeated to ", to_string(y.shape), ".");
    return {y};
}

static void emit_broadcast(Emitter& e) {
    const Shape from = e.input_type(0).shape, to = e.output_type().shape;
    const std::vector<int64_t> x = dense_strides(from), y = dense_strides(to);
    std::vector<CopyAxis> axes;
    for (size_t axis = 0; axis < to.size(); ++axis)
        axes.push_back({to[axis], from[axis] == 1 ? 0 : x[axis], y[axis]});
    emit_copy(e, e.input(0), 0, e.output(), 0, axes);
}

static DataType cast_type(const Attributes& attributes) {
    const std::string& name = attributes.choice("to");
    return name == "f32" ? DataType::f32 : name == "f16" ? DataType::f16 : name == "i32" ? DataType::i32 : DataType::u8;
}

static void emit_cast(Emitter& e) {
    const DataType from = e.input_type(0).dtype, to = e.output_type().dtype;
    const int64_t count = e.output_type().elements(), step = flat_step(e);
    for (int64_t first = 0; first < count; first += step) {
        const int64_t part = std::min(step, count - first);
        Kernel kernel{.shader = "cast", .specialisation = {group_size, uint32_t(from), uint32_t(to)}};
        const Operand y = e.output().slice(first * size_of(to), part * size_of(to));
        kernel.operands = {e.input(0).slice(first * size_of(from), part * size_of(from)),
                           // The last elements of a narrow type are written as a part of a word.
                           size_of(to) < 4 ? y.as(Access::read_write) : y};
        kernel.groups = linear_groups(e.profile(), divide_up(part, 4), group_size);
        e.dispatch(std::move(kernel.params(shader::CastParams{uint32_t(part)})));
    }
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(reshape) {
    return {.name = "reshape",
            .summary = "The same elements in the same order under another shape; nothing is copied.",
            .inputs = {{"x", "Any shape and type."}},
            .attributes = {required(
                integers_attribute("shape", {}, -1, -1, largest_extent,
                                   "The new extents; one may be -1 and follows from the others; none make "
                                   "a scalar."))},
            .alias = true,
            .half = {0},
            .infer = infer_reshape,
            .gradient = [](GradientBuilder& b) {
                b.set(0, b.add("reshape", {b.output_gradient()}, {{"shape", b.input_type(0).shape}}));
            }};
}

LEMNOS_DEFINE_OPERATOR(concat) {
    return {.name = "concat",
            .summary = "The parts one after the other along an axis.",
            .inputs = {{"parts", "f32, f16 or i32; equal but for the extent of that axis."}},
            .attributes = {integer_attribute("axis", -1, -8, 7,
                                             "The axis; negative ones count from the end (-1: channels).")},
            .variadic = true,
            .half = {0},
            .infer = infer_concat,
            .gradient = concat_gradient,
            .emit = emit_concat};
}

LEMNOS_DEFINE_OPERATOR(slice) {
    return {
        .name = "slice",
        .summary = "The elements of x whose index along an axis lies in [begin, end).",
        .inputs = {{"x", "f32, f16 or i32, any shape of rank 1 or more."}},
        .attributes = {integer_attribute("axis", 0, -8, 7, "The axis; negative ones count from the end."),
                       integer_attribute("begin", 0, -largest_extent, largest_extent,
                                         "The first index; a negative one counts from the axis's end."),
                       integer_attribute(
                           "end", 0, -largest_extent, largest_extent,
                           "One past the last index; 0 is the axis's end and negative ones count from it.")},
        .half = {0},
        .infer = infer_slice,
        .gradient = slice_gradient,
        .emit = emit_slice};
}

LEMNOS_DEFINE_OPERATOR(crop) {
    return {.name = "crop",
            .summary = "The box of x of the given shape whose first element has the index `begin`.",
            .inputs = {{"x", "Any shape."}},
            .attributes =
                {required(integers_attribute("begin", {}, -1, 0, largest_extent, "One number an axis.")),
                 required(integers_attribute("shape", {}, -1, 1, largest_extent, "One number an axis."))},
            .internal = true,
            .half = {0},
            .infer =
                [](const Signature& s) {
                    require_words(s, 0, "x");
                    const auto &begin = s.attributes.integers("begin"),
                               &shape = s.attributes.integers("shape");
                    s.require(begin.size() == s.shape(0).size() && shape.size() == begin.size(),
                              "begin and shape need one number an axis.");
                    for (size_t axis = 0; axis < begin.size(); ++axis)
                        s.require(begin[axis] + shape[axis] <= s.shape(0)[axis], "the box lies outside x (",
                                  to_string(s.shape(0)), ").");
                    return std::vector{TensorType{s.input(0).dtype, shape}};
                },
            .gradient =
                [](GradientBuilder& b) {
                    const Shape &x = b.input_type(0).shape, &y = b.output_type().shape;
                    const auto& before = b.attributes().integers("begin");
                    std::vector<int64_t> after(x.size());
                    for (size_t axis = 0; axis < x.size(); ++axis)
                        after[axis] = x[axis] - y[axis] - before[axis];
                    b.set(0, b.add("pad", {b.output_gradient()}, {{"before", before}, {"after", after}}));
                },
            .emit = [](Emitter& e) { emit_crop(e, e.attributes().integers("begin")); }};
}

LEMNOS_DEFINE_OPERATOR(pad) {
    return {
        .name = "pad",
        .summary = "x with cells of one value around it.",
        .inputs = {{"x", "f32, f16 or i32, any shape."}},
        .attributes = {required(integers_attribute("before", {}, -1, 0, largest_extent,
                                                   "The cells added before each axis, one number an axis.")),
                       required(integers_attribute("after", {}, -1, 0, largest_extent,
                                                   "The cells added after each axis, one number an axis.")),
                       real_attribute("value", 0, -3.4e38, 3.4e38, "The value of the added cells.")},
        .half = {0},
        .infer = infer_pad,
        .gradient = pad_gradient,
        .emit = emit_pad};
}

LEMNOS_DEFINE_OPERATOR(transpose) {
    return {.name = "transpose",
            .summary = "The axes of x in another order, such as {0, 3, 1, 2} from NHWC to NCHW.",
            .inputs = {{"x", "f32, f16 or i32, any shape."}},
            .attributes = {required(integers_attribute(
                "perm", {}, -1, 0, 7, "The axis of x that becomes axis 0 of y, axis 1 of y, and so on."))},
            .half = {0},
            .infer = infer_transpose,
            .gradient = transpose_gradient,
            .emit = emit_transpose};
}

LEMNOS_DEFINE_OPERATOR(broadcast) {
    return {.name = "broadcast",
            .summary = "x repeated along its axes of extent 1.",
            .inputs = {{"x", "The rank of the result."}},
            .attributes = {required(
                integers_attribute("shape", {}, -1, 1, largest_extent, "The result's extents."))},
            .internal = true,
            .half = {0},
            .infer = infer_broadcast,
            .gradient =
                [](GradientBuilder& b) {
                    const Shape &x = b.input_type(0).shape, &y = b.output_type().shape;
                    std::vector<int64_t> axes;
                    for (size_t axis = 0; axis < x.size(); ++axis)
                        if (x[axis] != y[axis]) axes.push_back(int64_t(axis));
                    if (axes.empty()) return b.set(0, b.output_gradient());
                    const Value sum = b.add("sum", {b.output_gradient()}, {{"axes", axes}, {"keep_dims", int64_t(1)}}); // f32
                    const DataType dtype = b.input_type(0).dtype;
                    b.set(0, dtype == DataType::f32 ? sum : b.add("cast", {sum}, {{"to", std::string(name_of(dtype))}}));
                },
            .emit = emit_broadcast};
}

LEMNOS_DEFINE_OPERATOR(cast) {
    return {.name = "cast",
            .summary =
                "x as another type. To f32 and f16 numbers become the nearest one; to an integer type they are cut towards "
                "zero and clamped to its range, and NaN becomes 0. Between f32 and f16 the gradient passes, in the type of "
                "x; at integers it stops.",
            .inputs = {{"x", "Any shape."}},
            .attributes = {required(
                choice_attribute("to", "f32", {"f32", "f16", "i32", "u8"}, "The type of the result."))},
            .infer =
                [](const Signature& s) {
                    return std::vector{TensorType{cast_type(s.attributes), s.shape(0)}};
                },
            .gradient =
                [](GradientBuilder& b) {
                    const DataType from = b.input_type(0).dtype, to = b.output_type().dtype;
                    if (!is_real(from) || !is_real(to)) return;
                    b.set(0, from == to ? b.output_gradient()
                                        : b.add("cast", {b.output_gradient()}, {{"to", std::string(name_of(from))}}));
                },
            .emit = emit_cast};
}
