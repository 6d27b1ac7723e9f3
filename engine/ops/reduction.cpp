// sum and mean over chosen axes.
#include "ops/reduction.h"

#include "graph/graph.h"
#include "ops/items.h"
#include "ops/window.h"
#include "shaders/reduction.h"

#include <algorithm>

namespace lemnos {

// One invocation adds up at least so many (where there are) and at most so many numbers, or vec4s, one by
// one: fewer would not be worth a further pass, more would lose accuracy (an error of 512 roundings at
// worst).
static constexpr int64_t least_rows = 32, most_rows = 512;
static constexpr uint32_t group_size = 64;

// How one dispatch lays out x and what it leaves: `chunks * partials` numbers for each outer index.
struct Pass {
    int64_t outer, row_length, width, rows, columns, chunk_rows, chunks;
    int64_t partials; // of one chunk
    bool wide, fold;
};

static Pass plan_pass(const Emitter& e, int64_t outer, int64_t reduce, int64_t inner) {
    // How many keep the device busy.
    const int64_t busy = e.profile().family == KernelFamily::scalar ? 4096 : 65536;
    Pass pass{.outer = outer, .row_length = reduce * inner};
    pass.fold = inner == 1;
    if (pass.fold) {
        pass.wide = outer == 1 || reduce % 4 == 0;
        const int64_t size = pass.wide ? 4 : 1, items = divide_up(reduce, size);
        const int64_t each = std::clamp(divide_up(items * outer, busy), least_rows, most_rows);
        pass.columns = std::min<int64_t>(divide_up(items, each), group_size);
        pass.width = pass.columns * size;
        pass.rows = divide_up(reduce, pass.width);
        pass.partials = pass.columns;
    } else {
        pass.wide = inner % 4 == 0;
        pass.columns = pass.wide ? inner / 4 : inner;
        pass.width = pass.partials = inner;
        pass.rows = reduce;
    }
    const int64_t each = divide_up(pass.rows * pass.columns * outer, busy);
    // At least two, or nothing would be gained; where one binding cannot cover two rows, the plan refuses.
    pass.chunk_rows =
        std::min(std::clamp(each, least_rows, most_rows), std::max<int64_t>(2, window_limit(e) / pass.width));
    pass.chunks = divide_up(pass.rows, pass.chunk_rows);
    return pass;
}

// Rows [first_row, first_row + rows) of `outer` indices from `first_outer` on.
static void dispatch_part(Emitter& e, const Pass& pass, const Terms& terms, double factor, const Operand& y,
                          int64_t first_outer, int64_t outer, int64_t first_row, int64_t rows) {
    const int64_t row_length = std::min(rows * pass.width, pass.row_length - first_row * pass.width);
    const int64_t chunks = divide_up(rows, pass.chunk_rows);
    const int64_t x_first = first_outer * pass.row_length + first_row * pass.width;
    const int64_t y_first = (first_outer * pass.chunks + first_row / pass.chunk_rows) * pass.partials;
    shader::ReductionParams params{};
    Kernel kernel{.shader = terms.shader,
                  .specialisation = {group_size, pass.wide, pass.fold, terms.constant}};
    for (const Operand& tensor : terms.tensors) {
        const Window part = window(e, tensor, x_first, outer * row_length, terms.bytes);
        kernel.operands.push_back(part.operand);
        params.x_first = part.first;
    }
    const Window to = window(e, y, y_first, outer * chunks * pass.partials);
    kernel.operands.push_back(to.operand);
    if (terms.per_outer) {
        const Window part = window(e, *terms.per_outer, first_outer, outer);
        kernel.operands.push_back(part.operand);
        params.outer_first = part.first;
    }
    if (terms.number) kernel.operands.push_back(*terms.number);
    params.y_first = to.first;
    params.outer = uint32_t(outer);
    params.row_length = uint32_t(row_length);
    params.rows = uint32_t(rows);
    params.columns = uint32_t(pass.columns);
    params.chunks = uint32_t(chunks);
    params.chunk_rows = uint32_t(pass.chunk_rows);
    params.factor = float(factor);
    kernel.groups = linear_groups(e.profile(), outer * chunks * pass.columns, group_size);
    kernel.flops = double(outer) * double(row_length);
    e.dispatch(std::move(kernel.params(params)));
}

static void dispatch_pass(Emitter& e, const Pass& pass, const Terms& terms, double factor, const Operand& y) {
    const int64_t limit = window_limit(e);
    const int64_t outer_step = std::max(pass.row_length, pass.chunks * pass.partials);
    if (outer_step <= limit) {
        const int64_t step = std::min(pass.outer, limit / outer_step);
        for (int64_t first = 0; first < pass.outer; first += step)
            dispatch_part(e, pass, terms, factor, y, first, std::min(step, pass.outer - first), 0, pass.rows);
        return;
    }
    const int64_t step = std::max(pass.chunk_rows, limit / pass.width / pass.chunk_rows * pass.chunk_rows);
    for (int64_t o = 0; o < pass.outer; ++o)
        for (int64_t first = 0; first < pass.rows; first += step)
            dispatch_part(e, pass, terms, factor, y, o, 1, first, std::min(step, pass.rows - first));
}

void emit_sum(Emitter& e, const Operand& x, int64_t outer, int64_t reduce, int64_t inner, double factor,
              const Operand& y, DataType dtype, const std::optional<Operand>& keep) {
    const Terms terms{.shader = real_variant("sum", dtype), .tensors = {x}, .number = e.none(), .bytes = size_of(dtype)};
    const Pass pass = plan_pass(e, outer, reduce, inner);
    const int64_t left = inner == 1 ? pass.chunks * pass.partials : pass.chunks;
    if (left == 1) {
        Terms last = terms;
        last.constant = bool(keep);
        if (keep) last.number = *keep;
        return dispatch_pass(e, pass, last, factor, y);
    }
    const Operand partial = e.workspace(4 * outer * left * inner);
    dispatch_pass(e, pass, terms, 1, partial.as(Access::write));
    emit_sum(e, partial.as(Access::read), outer, left, inner, factor, y, DataType::f32, keep);
}

void emit_sum_of_terms(Emitter& e, const Terms& terms, int64_t outer, int64_t length, double factor,
                       const Operand& y) {
    const Pass pass = plan_pass(e, outer, length, 1);
    const int64_t left = outer * pass.chunks * pass.partials;
    if (left == 1) return dispatch_pass(e, pass, terms, factor, y);
    const Operand partial = e.workspace(4 * left);
    dispatch_pass(e, pass, terms, 1, partial.as(Access::write));
    emit_sum(e, partial.as(Access::read), 1, left, 1, factor, y);
}

// ---- sum and mean -----------------------------------------------------------------------------------------

// One flag an axis: whether it is reduced. No axes mean all.
static std::vector<bool> reduced_axes(const Shape& shape, const Attributes& attributes) {
    const std::vector<int64_t>& axes = attributes.integers("axes");
    std::vector<bool> reduced(shape.size(), axes.empty());
    for (int64_t axis : axes) reduced[size_t(axis < 0 ? axis + int64_t(shape.size()) : axis)] = true;
    return reduced;
}

static Shape reduced_shape(const Shape& shape, const std::vector<bool>& reduced, bool keep) {
    Shape result;
    for (size_t axis = 0; axis < shape.size(); ++axis)
        if (!reduced[axis] || keep) result.push_back(reduced[axis] ? 1 : shape[axis]);
    return result;
}

static std::vector<TensorType> infer_reduction(const Signature& s) {
    s.require_real(0, "x");
    const Shape& shape = s.shape(0);
    const int64_t rank = int64_t(shape.size());
    std::vector<bool> seen(shape.size());
    for (int64_t axis : s.attributes.integers("axes")) {
        s.require(axis >= -rank && axis < rank, "the axis ", axis, " does not exist in x (", to_string(shape),
                  ", rank ", rank, ").");
        const size_t index = size_t(axis < 0 ? axis + rank : axis);
        s.require(!seen[index], "the axis ", axis, " is named twice.");
        seen[index] = true;
    }
    return {{DataType::f32,
             reduced_shape(shape, reduced_axes(shape, s.attributes), s.attributes.boolean("keep_dims"))}};
}

static int64_t reduced_count(const Shape& shape, const Attributes& attributes) {
    const std::vector<bool> reduced = reduced_axes(shape, attributes);
    int64_t count = 1;
    for (size_t axis = 0; axis < shape.size(); ++axis) count *= reduced[axis] ? shape[axis] : 1;
    return count;
}

static void emit_last_sum(Emitter& e, const Operand& x, int64_t outer, int64_t reduce, int64_t inner, double factor, DataType dtype) {
    if (const auto added = e.total()) emit_sum(e, x, outer, reduce, inner, factor, added->total, dtype, added->keep);
    else emit_sum(e, x, outer, reduce, inner, factor, e.output(), dtype);
}

// Neighbouring axes of the same kind count as one, so [N][H][W][C] over N, H, W is one pass over [NHW][C];
// what then remains is reduced from the innermost axis outwards.
static void emit_reduction(Emitter& e, double factor) {
    struct Axis {
        int64_t extent;
        bool reduced;
    };
    const Shape shape = e.input_type(0).shape;
    const std::vector<bool> reduced = reduced_axes(shape, e.attributes());
    std::vector<Axis> axes;
    int reductions = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis] == 1) continue;
        if (!axes.empty() && axes.back().reduced == reduced[axis]) {
            axes.back().extent *= shape[axis];
        } else {
            axes.push_back({shape[axis], reduced[axis]});
            reductions += reduced[axis];
        }
    }
    Operand x = e.input(0);
    DataType dtype = e.input_type(0).dtype;
    if (reductions == 0) return emit_last_sum(e, x, e.output_type().elements(), 1, 1, factor, dtype);
    int64_t inner = 1;
    for (size_t i = axes.size(); i-- > 0;) {
        if (!axes[i].reduced) {
            inner *= axes[i].extent;
            continue;
        }
        int64_t outer = 1;
        for (size_t j = 0; j < i; ++j) outer *= axes[j].extent;
        if (--reductions == 0) return emit_last_sum(e, x, outer, axes[i].extent, inner, factor, dtype);
        const Operand y = e.workspace(4 * outer * inner);
        emit_sum(e, x, outer, axes[i].extent, inner, 1, y.as(Access::write), dtype);
        x = y.as(Access::read);
        dtype = DataType::f32;
    }
}

static void reduction_gradient(GradientBuilder& b, double factor) {
    const Shape shape = b.input_type(0).shape; // a copy: nodes are added
    const Shape kept = reduced_shape(shape, reduced_axes(shape, b.attributes()), true);
    Value gradient = b.output_gradient();
    if (factor != 1) gradient = b.add("scale", {gradient}, {{"factor", factor}});
    const DataType dtype = b.input_type(0).dtype;
    if (dtype != DataType::f32) gradient = b.add("cast", {gradient}, {{"to", std::string(name_of(dtype))}});
    if (b.graph.shape(gradient) != kept) gradient = b.add("reshape", {gradient}, {{"shape", kept}});
    b.set(0, kept == shape ? gradient : b.add("broadcast", {gradient}, {{"shape", shape}}));
}

static Operator reduction(const char* name, const char* summary, void (*gradient)(GradientBuilder&),
                          void (*emit)(Emitter&)) {
    return {
        .name = name,
        .summary = summary,
        .inputs = {{"x", "Any shape."}},
        .outputs = {{"y", "f32, the shape of x without the reduced axes, or with extent 1 there."}},
        .attributes = {integers_attribute(
                           "axes", {}, -1, -8, 7,
                           "The axes to reduce; negative ones count from the end; none means all."),
                       boolean_attribute("keep_dims", false, "Whether reduced axes stay, with extent 1.")},
        .half = {0},
        .infer = infer_reduction,
        .gradient = gradient,
        .emit = emit};
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(sum) {
    return reduction(
        "sum", "y = the sum of x over the given axes; the order of additions is fixed.",
        [](GradientBuilder& b) { reduction_gradient(b, 1); }, [](Emitter& e) { emit_reduction(e, 1); });
}

LEMNOS_DEFINE_OPERATOR(mean) {
    return reduction(
        "mean", "y = the mean of x over the given axes; the order of additions is fixed.",
        [](GradientBuilder& b) {
            reduction_gradient(b, 1.0 / double(reduced_count(b.input_type(0).shape, b.attributes())));
        },
        [](Emitter& e) {
            emit_reduction(e, 1.0 / double(reduced_count(e.input_type(0).shape, e.attributes())));
        });
}
