// Batch normalisation: batch_norm_training (the batch's own moments), batch_norm (given moments) and their
// gradient. All three are made of three kinds of kernels: partial sums of many strands of rows, a merge of
// these in a fixed order that also prepares a table of per-channel coefficients, and a pass that applies it.
// Nothing is read more often than the formulas ask for: 3 streams of the tensor forward, 5 in the gradient,
// whose activation is recomputed from x.
//
// The mean is kept in two numbers, its f32 value and what rounding took from it: with mean 1e4 and variance 1
// the first alone would be wrong by 5e-4 deviations.
#include "graph/graph.h"
#include "ops/activation.h"
#include "ops/reduction.h"
#include "shaders/batch_norm.h"
#include "shaders/batch_norm_pool.h"

#include <algorithm>
#include <bit>

namespace lemnos {

// The rows of the table of coefficients; see shaders/include/batch_norm.glsl.
static constexpr int64_t coefficient_rows = 5, rest_row = 3;

static int64_t padded_channels(const TensorType& x) { return round_up(x.channels(), 8); }
// One line a ghost, each where a binding may begin.
static constexpr int64_t line_alignment = 64; // floats
static TensorType table_type(const TensorType& x, int64_t ghosts = 1) {
    return {DataType::f32, {ghosts, round_up(coefficient_rows * padded_channels(x), line_alignment)}};
}
static TensorType vector_type(const TensorType& x) { return {DataType::f32, {x.channels()}}; }

// How the rows of a tensor are dealt to lanes (shaders/include/channel_rows.glsl), and to slices where one
// binding cannot cover the tensor.
struct RowPlan {
    int64_t rows, example_rows, channels; // of the whole tensor
    int64_t slice_rows;                   // what one dispatch may bind
    int form;                             // FORM of the shaders
    int64_t abreast, depth;
    int64_t group_size, column_lanes;
    int64_t first_example; // of a ghost

    int64_t slices() const { return divide_up(rows, slice_rows); }
    int64_t rows_of(int64_t slice) const { return std::min(slice_rows, rows - slice * slice_rows); }
    int64_t columns() const { return divide_up(channels, form == 1 ? 8 : 4); }
    int64_t blocks(int64_t count) const { return divide_up(count, abreast * depth); }
    // The partial sums of a slice.
    int64_t strands(int64_t count) const { return blocks(count) * (form == 2 ? 1 : abreast); }
    int64_t all_strands() const {
        return (slices() - 1) * strands(slice_rows) + strands(rows_of(slices() - 1));
    }
    int64_t partial_bytes(int64_t vectors) const {
        return all_strands() * vectors * round_up(channels, 8) * 4;
    }
};

static RowPlan plan_slices(const Emitter& e, const TensorType& x) {
    RowPlan plan{};
    plan.channels = x.channels();
    plan.rows = x.elements() / plan.channels;
    plan.example_rows = plan.rows / x.shape[0];
    plan.slice_rows = e.batch_step(plan.rows, {plan.channels * 4});
    return plan;
}

// Many lanes for a GPU; on a CPU a few, which share what they load for a channel among more rows.
static void deal_rows(RowPlan& plan, const DeviceProfile& profile) {
    const bool scalar = profile.family == KernelFamily::scalar;
    plan.form = scalar && profile.int64 && plan.channels % 8 == 0;
    // A CPU runs the subgroups of a workgroup one after the other, each through all of its rows: with one
    // subgroup the rows abreast are read in one stream (a factor of 1.5 at 112 x 112 x 32).
    plan.group_size = scalar ? std::clamp<int64_t>(profile.subgroup_size, 4, 64) : 64;
    plan.abreast = std::min(plan.slice_rows, divide_up(plan.group_size, plan.columns()));
    const int64_t lanes = scalar ? 512 : 131072;
    plan.depth = std::clamp<int64_t>(plan.slice_rows * plan.columns() / lanes, 8, 128);
}

// For sums: also few strands, for they are merged one after the other; a strand of few rows rounds less.
static RowPlan plan_sums(const Emitter& e, const TensorType& x, int64_t first_example = 0) {
    RowPlan plan = plan_slices(e, x);
    plan.first_example = first_example;
    deal_rows(plan, e.profile());
    if (e.profile().family == KernelFamily::scalar) {
        plan.depth = std::clamp<int64_t>(plan.slice_rows / 128, plan.depth, 128);
    } else {
        plan.form = 2;
        plan.group_size = 128;
        plan.column_lanes = int64_t(std::bit_ceil(uint64_t(std::min<int64_t>(plan.columns(), 8))));
        plan.abreast = plan.group_size / plan.column_lanes;
        const int64_t tiles =
            divide_up(plan.columns(), plan.column_lanes) * divide_up(plan.slice_rows, plan.abreast);
        plan.depth = std::clamp<int64_t>(tiles / 1024, 4, 128);
    }
    // Only a device whose bindings are tiny comes here.
    while (plan.partial_bytes(3) > e.profile().max_storage_range) {
        if (plan.form != 2 && plan.abreast > 1)
            plan.abreast = divide_up(plan.abreast, 2);
        else if (plan.depth < plan.slice_rows)
            plan.depth *= 2;
        else
            break; // the plan refuses it
    }
    return plan;
}

static RowPlan plan_pass(const Emitter& e, const TensorType& x, int64_t first_example = 0) {
    RowPlan plan = plan_slices(e, x);
    plan.first_example = first_example;
    deal_rows(plan, e.profile());
    return plan;
}

static shader::BatchNormParams row_params(const RowPlan& plan, int64_t slice, double epsilon = 0) {
    shader::BatchNormParams params{};
    params.channels = uint32_t(plan.channels);
    params.rows = uint32_t(plan.rows_of(slice));
    params.abreast = uint32_t(plan.abreast);
    params.depth = uint32_t(plan.depth);
    params.first_row = uint32_t(slice * plan.slice_rows);
    params.first_partial = uint32_t(slice * plan.strands(plan.slice_rows));
    params.slice_rows = uint32_t(plan.slice_rows);
    params.total_strands = uint32_t(plan.all_strands());
    params.total_rows = uint32_t(plan.rows);
    params.example_rows = uint32_t(plan.example_rows);
    params.first_example = uint32_t(plan.first_example);
    params.epsilon = float(epsilon);
    return params;
}

static Operand slice_of(const Operand& whole, const RowPlan& plan, int64_t slice) {
    const int64_t row_bytes = plan.channels * 4;
    return whole.slice(slice * plan.slice_rows * row_bytes, plan.rows_of(slice) * row_bytes);
}

// One pass over the rows: a dispatch a slice. Operands marked in `cut` are tensors of rows; the others are
// bound whole.
static void dispatch_rows(Emitter& e, const RowPlan& plan, const char* shader,
                          std::array<uint32_t, 2> constants, const std::vector<Operand>& operands,
                          const std::vector<bool>& cut, double flops) {
    for (int64_t slice = 0; slice < plan.slices(); ++slice) {
        const shader::BatchNormParams params = row_params(plan, slice);
        Kernel kernel{.shader = text(shader, ".", plan.form)};
        kernel.specialisation = {uint32_t(plan.group_size), plan.channels % 4 == 0, constants[0],
                                 constants[1], uint32_t(plan.column_lanes)};
        for (size_t i = 0; i < operands.size(); ++i)
            kernel.operands.push_back(cut[i] ? slice_of(operands[i], plan, slice) : operands[i]);
        kernel.groups =
            linear_groups(e.profile(), plan.strands(params.rows) * plan.columns(), uint32_t(plan.group_size));
        if (plan.form == 2) {
            const auto blocks = linear_groups(e.profile(), plan.blocks(params.rows), 1);
            kernel.groups = {uint32_t(divide_up(plan.columns(), plan.column_lanes)), blocks[0], blocks[1]};
        }
        kernel.flops = flops * double(params.rows) * double(plan.channels);
        e.dispatch(std::move(kernel.params(params)));
    }
}

// Merges the partial sums: an invocation a channel, or a workgroup for 8.
static void dispatch_merge(Emitter& e, const RowPlan& plan, const char* shader, bool counted, bool given,
                           std::vector<Operand> operands, double epsilon) {
    const bool shared = plan.form == 2;
    Kernel kernel{.shader = text(shader, ".", int(shared)), .operands = std::move(operands)};
    kernel.specialisation = {shared ? 128u : 16u, counted, shared, given};
    kernel.groups = linear_groups(e.profile(), round_up(plan.channels, 8), shared ? 8 : 16);
    e.dispatch(std::move(kernel.params(row_params(plan, 0, epsilon))));
}

static uint32_t activation_number(const Emitter& e) {
    return uint32_t(activation_kind(e.attributes().choice("activation")));
}

static void require_rows(const Signature& s) {
    s.require_type(0, DataType::f32, "x");
    s.require(s.input(0).rank() >= 2, "the input x (", to_string(s.input(0)), ") has rank ",
              s.input(0).rank(), " (2 or more are needed: examples first, channels last).");
}

static void require_vector(const Signature& s, int i, const char* name) {
    s.require_type(i, DataType::f32, name);
    s.require(s.shape(i) == Shape{s.input(0).channels()}, "the input ", name, " (", to_string(s.input(i)),
              ") does not have one value for each of the ", s.input(0).channels(), " channels of x (",
              to_string(s.input(0)), ").");
}

static void require_valid(const Signature& s, int i) {
    if (!s.has(i)) return;
    s.require_type(i, DataType::f32, "valid");
    s.require(s.input(i).elements() == 1, "the input valid (", to_string(s.input(i)), ") is not one number.");
}

static AttributeSpec epsilon_attribute() {
    return real_attribute("epsilon", 1e-5, 0, 1e3, "Added to the variance.");
}

// ---- training
// -------------------------------------------------------------------------------------------------------

static AttributeSpec ghost_attribute() {
    return integer_attribute("ghost", 0, 0, INT32_MAX,
                             "Examples that are normalised together (ghost batch normalisation, arXiv 1705.08741); "
                             "it divides the batch. 0: all.");
}

// The parts of a batch that are normalised on their own. Where a part begins at no multiple that a binding needs, it is
// copied to a place of its own.
class Ghosts {
  public:
    Ghosts(Emitter& e, const TensorType& x) : e_(e), type_(x) {
        const int64_t asked = e.attributes().integer("ghost");
        size_ = asked == 0 ? x.shape[0] : asked;
        count_ = x.shape[0] / size_;
        type_.shape[0] = size_;
        stride_ = round_up(x.channels(), line_alignment);
    }
    int64_t count() const { return count_; }
    int64_t size() const { return size_; }
    int64_t stride() const { return stride_; } // floats of one ghost's vector of channels
    const TensorType& type() const { return type_; }

    Operand read(const Operand& whole, int64_t ghost) {
        const Operand part = whole.slice(ghost * type_.bytes(), type_.bytes());
        if (fits()) return part;
        const Operand place = e_.workspace(type_.bytes());
        copy(part, place);
        return place.as(Access::read);
    }
    // Gives the place to be written, and write_back() brings it where it belongs.
    Operand write(const Operand& whole, int64_t ghost) {
        return fits() ? whole.slice(ghost * type_.bytes(), type_.bytes()) : e_.workspace(type_.bytes()).as(Access::write);
    }
    void write_back(const Operand& place, const Operand& whole, int64_t ghost) {
        if (!fits()) copy(place, whole.slice(ghost * type_.bytes(), type_.bytes()));
    }
    // A line of a table, a vector of channels of a workspace.
    static Operand line(const Operand& table, int64_t ghost, int64_t floats) { return table.slice(ghost * floats * 4, floats * 4); }
    Operand vectors() { return e_.workspace(count_ * stride_ * 4); }
    // vector = the sum of all ghosts' vectors.
    void sum(const Operand& vectors, const Operand& vector) {
        const Operand total = e_.workspace(stride_ * 4);
        emit_sum(e_, vectors.as(Access::read), 1, count_, stride_, 1, total.as(Access::write));
        copy(total.slice(0, vector.bytes), vector);
    }

  private:
    bool fits() const { return count_ == 1 || type_.bytes() % e_.profile().storage_alignment == 0; }
    void copy(const Operand& from, const Operand& to) {
        Kernel kernel;
        kernel.operands = {from.as(Access::read), to.as(Access::write)};
        e_.dispatch(std::move(kernel));
    }
    Emitter& e_;
    TensorType type_; // of one ghost
    int64_t size_, count_, stride_;
};

static int64_t ghosts_of(const Signature& s) {
    const int64_t ghost = s.attributes.integer("ghost"), batch = s.shape(0)[0];
    s.require(ghost == 0 || batch % ghost == 0, "the ghost size (", ghost, ") does not divide the batch (", batch, ").");
    return ghost == 0 ? 1 : batch / ghost;
}

static std::vector<TensorType> infer_training(const Signature& s) {
    require_rows(s);
    require_vector(s, 1, "gamma");
    require_vector(s, 2, "beta");
    require_valid(s, 3);
    const TensorType& x = s.input(0);
    return {x, vector_type(x), vector_type(x), table_type(x, ghosts_of(s))};
}

static void emit_training(Emitter& e) {
    const TensorType x = e.input_type(0);
    Ghosts ghosts(e, x);
    const bool counted = e.has_input(3), one = ghosts.count() == 1;
    const Operand valid = counted ? e.input(3) : e.none();
    const Operand means = one ? e.output(1) : ghosts.vectors(), variances = one ? e.output(2) : ghosts.vectors();
    for (int64_t ghost = 0; ghost < ghosts.count(); ++ghost) {
        const int64_t first = ghost * ghosts.size();
        const RowPlan plan = plan_sums(e, ghosts.type(), first);
        const Operand part = ghosts.read(e.input(0), ghost), y = ghosts.write(e.output(0), ghost);
        const Operand partials = e.workspace(plan.partial_bytes(3));
        const Operand table = Ghosts::line(e.output(3), ghost, table_type(x).elements());
        const auto vector = [&](const Operand& all) {
            return one ? all : Ghosts::line(all, ghost, ghosts.stride()).as(Access::write);
        };
        dispatch_rows(e, plan, "batch_norm_statistics", {counted, 0}, {part, partials.as(Access::write), valid},
                      {true, false, false}, 4);
        dispatch_merge(e, plan, "batch_norm_merge", counted, false,
                       {partials.as(Access::read), e.input(1), e.input(2), valid, vector(means), vector(variances), table},
                       e.attributes().real("epsilon"));
        dispatch_rows(e, plan_pass(e, ghosts.type(), first), "batch_norm_apply", {counted, activation_number(e)},
                      {part, table.as(Access::read), y, valid}, {true, false, true, false}, 4);
        ghosts.write_back(y, e.output(0), ghost);
    }
    if (one) return;
    Kernel pool{.shader = "batch_norm_pool", .specialisation = {64, counted}};
    pool.operands = {means.as(Access::read), variances.as(Access::read), valid, e.output(3).as(Access::read),
                     e.output(1), e.output(2)};
    pool.groups = linear_groups(e.profile(), x.channels(), 64);
    e.dispatch(std::move(pool.params(shader::BatchNormPoolParams{uint32_t(x.channels()), uint32_t(ghosts.stride()),
                                                                 uint32_t(ghosts.count()), uint32_t(ghosts.size()),
                                                                 uint32_t(table_type(x).elements()),
                                                                 uint32_t(rest_row * padded_channels(x))})));
}

// ---- given moments
// --------------------------------------------------------------------------------------------------

static std::vector<TensorType> infer_given(const Signature& s) {
    require_rows(s);
    const char* names[] = {"", "gamma", "beta", "mean", "variance"};
    for (int i = 1; i <= 4; ++i) require_vector(s, i, names[i]);
    return {s.input(0), table_type(s.input(0))};
}

static void emit_given(Emitter& e) {
    const RowPlan plan = plan_pass(e, e.input_type(0));
    const Operand table = e.output(1);
    Kernel prepare{.shader = "batch_norm_given", .specialisation = {16}};
    prepare.operands = {e.input(1), e.input(2), e.input(3), e.input(4), table};
    prepare.groups = linear_groups(e.profile(), round_up(plan.channels, 8), 16);
    e.dispatch(std::move(prepare.params(row_params(plan, 0, e.attributes().real("epsilon")))));
    dispatch_rows(e, plan, "batch_norm_apply", {false, activation_number(e)},
                  {e.input(0), table.as(Access::read), e.output(0), e.none()}, {true, false, true, false}, 4);
}

// ---- gradient
// -------------------------------------------------------------------------------------------------------

static void add_gradient(GradientBuilder& b, int coefficients, Value valid, bool given) {
    if (!b.output_gradient() || !(b.needs(0) || b.needs(1) || b.needs(2))) return;
    const Value dx =
        b.add("batch_norm_gradient", {b.input(0), b.output_gradient(), b.output(coefficients), valid},
              {{"activation", b.attributes().choice("activation")},
               {"given", int64_t(given)},
               {"ghost", given ? int64_t(0) : b.attributes().integer("ghost")}});
    for (int i = 0; i < 3; ++i)
        if (b.needs(i)) b.set(i, {dx.node, i});
}

static std::vector<TensorType> infer_gradient(const Signature& s) {
    require_rows(s);
    s.require(s.input(1) == s.input(0), "dy (", to_string(s.input(1)), ") and x (", to_string(s.input(0)),
              ") differ.");
    s.require(s.input(2) == table_type(s.input(0), ghosts_of(s)), "the table of coefficients (", to_string(s.input(2)),
              ") does not belong to x (", to_string(s.input(0)), ").");
    require_valid(s, 3);
    return {s.input(0), vector_type(s.input(0)), vector_type(s.input(0))};
}

static void emit_gradient(Emitter& e) {
    const TensorType x = e.input_type(0);
    Ghosts ghosts(e, x);
    const bool counted = e.has_input(3), one = ghosts.count() == 1;
    const Operand valid = counted ? e.input(3) : e.none();
    const uint32_t activation = activation_number(e);
    const bool given = e.attributes().boolean("given");
    const Operand dgammas = one ? e.output(1) : ghosts.vectors(), dbetas = one ? e.output(2) : ghosts.vectors();
    for (int64_t ghost = 0; ghost < ghosts.count(); ++ghost) {
        const int64_t first = ghost * ghosts.size();
        const RowPlan plan = plan_sums(e, ghosts.type(), first);
        const Operand part = ghosts.read(e.input(0), ghost), dy = ghosts.read(e.input(1), ghost);
        const Operand dx = ghosts.write(e.output(0), ghost);
        const Operand table = Ghosts::line(e.input(2), ghost, table_type(x).elements());
        const Operand partials = e.workspace(plan.partial_bytes(2));
        const Operand lines = e.workspace(2 * padded_channels(x) * 4);
        const auto vector = [&](const Operand& all) {
            return one ? all : Ghosts::line(all, ghost, ghosts.stride()).as(Access::write);
        };
        dispatch_rows(e, plan, "batch_norm_gradient_sums", {counted, activation},
                      {part, dy, table, partials.as(Access::write), valid}, {true, true, false, false, false}, 8);
        dispatch_merge(e, plan, "batch_norm_gradient_merge", counted, given,
                       {partials.as(Access::read), table, valid, vector(dgammas), vector(dbetas), lines.as(Access::write)}, 0);
        dispatch_rows(e, plan_pass(e, ghosts.type(), first), "batch_norm_gradient_apply", {counted, activation},
                      {part, dy, table, lines.as(Access::read), dx, valid}, {true, true, false, false, true, false}, 8);
        ghosts.write_back(dx, e.output(0), ghost);
    }
    if (one) return;
    ghosts.sum(dgammas, e.output(1));
    ghosts.sum(dbetas, e.output(2));
}

static const char* const table_help = "For the gradient: mean, scale, shift, what rounding took from the "
                                      "mean, and 1 / sqrt(variance + epsilon), each "
                                      "padded to a multiple of 8; one line a ghost.";

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(batch_norm_training) {
    return {
        .name = "batch_norm_training",
        .summary =
            "y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta) with the moments of this "
            "batch, over all axes but the last. Nothing is differentiated through the outputs mean and "
            "variance.",
        .inputs = {{"x", "[examples, ..., channels]."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"valid",
                    "[1]: only so many first examples count; the others make no moments and become 0. "
                    "Left out: all.",
                    true}},
        .outputs = {{"y", "The shape of x."},
                    {"mean", "[channels], of the whole batch; 0 when no example counts."},
                    {"variance", "[channels], biased: divided by the number of cells that count."},
                    {"coefficients", table_help}},
        .attributes = {epsilon_attribute(), activation_attribute(), ghost_attribute()},
        .infer = infer_training,
        .gradient = [](GradientBuilder& b) { add_gradient(b, 3, b.input(3), false); },
        .emit = emit_training};
}

LEMNOS_DEFINE_OPERATOR(batch_norm) {
    return {
        .name = "batch_norm",
        .summary =
            "y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta) with given moments, which "
            "are constants.",
        .inputs = {{"x", "[examples, ..., channels]."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"mean", "[channels]."},
                   {"variance", "[channels]."}},
        .outputs = {{"y", "The shape of x."}, {"coefficients", table_help}},
        .attributes = {epsilon_attribute(), activation_attribute()},
        .infer = infer_given,
        .gradient = [](GradientBuilder& b) { add_gradient(b, 1, {}, true); },
        .emit = emit_given};
}

LEMNOS_DEFINE_OPERATOR(batch_norm_gradient) {
    return {.name = "batch_norm_gradient",
            .summary = "The gradients of batch_norm_training and, with `given`, of batch_norm.",
            .inputs = {{"x", "The argument."},
                       {"dy", "The result's gradient."},
                       {"coefficients", "The last output of the forward operator."},
                       {"valid", "As forward.", true}},
            .outputs = {{"dx", "The shape of x."}, {"dgamma", "[channels]."}, {"dbeta", "[channels]."}},
            .attributes = {activation_attribute(),
                           boolean_attribute("given", false, "The moments were constants."), ghost_attribute()},
            .internal = true,
            .infer = infer_gradient,
            .emit = emit_gradient};
}
