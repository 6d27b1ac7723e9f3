// One normaliser for batch, ghost, group, instance, layer and batch/group normalisation: the examples of a batch are cut into
// sets, the channels into groups, and the cells of a set and a group are normalised with their own moments.
//     normalisation           with the batch's moments (training)
//     batch_norm              with given ones (inference), which an example's own may weigh in on
//     normalisation_gradient  of both
//     normalisation_again     the result of either once more, for a backward pass that has not kept it
// All are made of the same kernels: partial sums of many strands of rows, a merge of these in a fixed order, a table of
// coefficients for every set and channel, and a pass that applies it. On a CPU, where starting a dispatch costs as much as
// normalising tens of thousands of numbers, small sets take one dispatch instead of these three. Nothing is read more often than
// the formulas ask for: three streams of the tensor forward, five in the gradient, whose activation is recomputed from x. A
// residual, which is added before the activation, is one stream more; the derivative of that activation is then a pass of its
// own.
//
// The mean is kept in two numbers, its f32 value and what rounding took from it: with mean 1e4 and variance 1 the first
// alone would be wrong by 5e-4 deviations.
#include "graph/graph.h"
#include "ops/activation.h"
#include "ops/channel_rows.h"
#include "ops/reduction.h"
#include "shaders/normalisation_group.h"

#include <utility>

namespace lemnos {

static TensorType vector_type(const TensorType& x) { return {DataType::f32, {x.channels()}}; }
static TensorType table_type(const TensorType& x, int64_t sets) {
    return {DataType::f32, {sets, line_length(x, coefficients)}};
}

// ---- tables of sets ---------------------------------------------------------------------------------------------------

// A vector of channels for every set, each where a binding may begin; of a single set the result itself.
class SetVectors {
  public:
    SetVectors(Emitter& e, const TensorType& x, int64_t sets, const Operand& result)
        : result_(result), single_(sets == 1), sets_(sets),
          stride_(single_ ? x.channels() : round_up(x.channels(), line_alignment)),
          all_(single_ ? result : e.workspace(4 * sets * stride_)) {}
    int64_t stride() const { return stride_; }
    Operand window(const RowPlan::Window& window) const {
        return single_ ? all_ : all_.slice(4 * window.first_set * stride_, 4 * window.sets * stride_).as(Access::write);
    }
    Operand read() const { return all_.as(Access::read); }
    // result = the sum over the sets.
    void sum(Emitter& e) const {
        if (single_) return;
        const Operand total = e.workspace(4 * stride_);
        emit_sum(e, read(), 1, sets_, stride_, 1, total.as(Access::write));
        Kernel copy;
        copy.operands = {total.slice(0, result_.bytes).as(Access::read), result_};
        e.dispatch(std::move(copy));
    }

  private:
    Operand result_;
    bool single_;
    int64_t sets_, stride_;
    Operand all_;
};

// A table of one line a set.
static Operand lines_of(const Operand& table, const RowPlan::Window& window, int64_t length) {
    return table.slice(4 * window.first_set * length, 4 * window.sets * length);
}

static Kernel group_kernel(const Emitter& e, const char* shader, const TensorType& x,
                           const Grouping& grouping, const RowPlan::Window& window, int64_t vector_stride,
                           double epsilon) {
    const bool each = e.profile().family != KernelFamily::scalar;
    Kernel kernel{.shader = shader, .specialisation = {16, each}};
    kernel.groups =
        linear_groups(e.profile(), window.sets * (each ? x.channels() : x.channels() / grouping.span), 16);
    kernel.params(shader::NormalisationGroupParams{
        uint32_t(x.channels()), uint32_t(grouping.span), uint32_t(window.sets), uint32_t(window.first_set),
        uint32_t(grouping.examples), uint32_t(x.elements() / x.channels() / x.shape[0]),
        uint32_t(vector_stride), float(epsilon)});
    return kernel;
}

static ActivationKind activation_of(const Emitter& e) {
    return activation_kind(e.attributes().choice("activation"));
}

// ---- what is accepted ------------------------------------------------------------------------------------------------

static void require_rows(const Signature& s) {
    s.require_real(0, "x");
    s.require(s.input(0).rank() >= 2, "the input x (", to_string(s.input(0)), ") has rank ",
              s.input(0).rank(), " (2 or more are needed: examples first, channels last).");
}

static void require_vector(const Signature& s, int i, const char* name) {
    s.require_type(i, DataType::f32, name);
    s.require(s.shape(i) == Shape{s.input(0).channels()}, "the input ", name, " (", to_string(s.input(i)),
              ") does not have one value for each of the ", s.input(0).channels(), " channels of x (",
              to_string(s.input(0)), ").");
}

static void require_number(const Signature& s, int i, const char* name) {
    if (!s.has(i)) return;
    s.require_type(i, DataType::f32, name);
    s.require(s.input(i).elements() == 1, "the input ", name, " (", to_string(s.input(i)),
              ") is not one number.");
}

static void require_residual(const Signature& s, int i) {
    if (!s.has(i)) return;
    s.require(s.input(i) == s.input(0), "the input residual (", to_string(s.input(i)), ") is not of the type and shape of x (",
              to_string(s.input(0)), ").");
}

static Grouping require_grouping(const Signature& s, bool sets) {
    const int64_t examples = s.attributes.integer("examples"), groups = s.attributes.integer("groups");
    const int64_t batch = s.shape(0)[0], channels = s.input(0).channels();
    s.require(!sets || examples == 0 || batch % examples == 0, "sets of ", examples,
              " examples do not divide the batch (", batch, "); choose a size that does.");
    s.require(groups == 0 || channels % groups == 0, groups, " groups do not divide the ", channels,
              " channels of x (", to_string(s.input(0)), ").");
    return Grouping::of(s.attributes, s.input(0));
}

static std::vector<AttributeSpec> attributes_of_normaliser() {
    return {real_attribute("epsilon", 1e-5, 0, 1e3, "Added to the variance."), activation_attribute(),
            integer_attribute(
                "examples", 0, 0, INT32_MAX,
                "Examples of a set, which are normalised together; it divides the batch. 0: all. 1: each on "
                "its own "
                "(group, instance and layer normalisation); in between: ghost batch normalisation."),
            integer_attribute("groups", 0, 0, INT32_MAX,
                              "Groups of channels, which are normalised together; it divides the channels. "
                              "0: each channel on its "
                              "own; 1: all together.")};
}

// ---- with the batch's moments ----------------------------------------------------------------------------------------

static std::vector<TensorType> infer_training(const Signature& s) {
    require_rows(s);
    require_vector(s, 1, "gamma");
    require_vector(s, 2, "beta");
    require_number(s, 3, "valid");
    require_residual(s, 4);
    const TensorType& x = s.input(0);
    return {x, vector_type(x), vector_type(x), table_type(x, require_grouping(s, true).sets)};
}

// Moments of every set and channel, from which `table` is made: mean, what rounding took from it, and with gamma and beta
// the coefficients of a normalisation channel by channel.
static void emit_moments(Emitter& e, const RowPlan& plan, const RowPlan::Window& window, const TensorType& x,
                         const Operand& valid, bool counted, const SetVectors& means,
                         const SetVectors& variances, const Operand& table) {
    const Operand partials = e.workspace(plan.partial_bytes(window, moment_sums));
    plan.dispatch(e, window, "normalisation_statistics", counted, ActivationKind::none,
                  {e.input(0), partials.as(Access::write), valid}, {true, false, false}, 4);
    plan.dispatch_merge(
        e, window, "normalisation_merge", counted, false, means.stride(), e.attributes().real("epsilon"),
        {partials.as(Access::read), e.input(1), e.input(2), valid, means.window(window),
         variances.window(window), lines_of(table, window, line_length(x, coefficients)).as(Access::write)});
}

// The normalisation of a window of small sets, all of it.
static void emit_strips(Emitter& e, const RowPlan& plan, const RowPlan::Window& window, const TensorType& x, const Operand& valid,
                        bool counted, const SetVectors& means, const SetVectors& variances, const Operand& table, int residual) {
    const bool adds = e.has_input(residual);
    plan.dispatch_strips(e, window, "normalisation_strip", counted, activation_of(e), means.stride(), e.attributes().real("epsilon"),
                         {e.input(0), e.input(1), e.input(2), valid, means.window(window), variances.window(window),
                          lines_of(table, window, line_length(x, coefficients)), e.output(0), adds ? e.input(residual) : e.none()},
                         {true, false, false, false, false, false, false, true, adds}, adds ? 9 : 8, {adds});
}

// `residual`: the number of that input.
static void emit_apply(Emitter& e, const RowPlan& pass, const RowPlan::Window& window, const TensorType& x,
                       const Operand& valid, bool counted, const Operand& table, int residual) {
    const bool adds = e.has_input(residual);
    pass.dispatch(e, window, "normalisation_apply", counted, activation_of(e),
                  {e.input(0), lines_of(table, window, line_length(x, coefficients)).as(Access::read),
                   e.output(0), valid, adds ? e.input(residual) : e.none()},
                  {true, false, true, false, adds}, adds ? 5 : 4, {adds});
}

static void emit_training(Emitter& e) {
    const TensorType x = e.input_type(0);
    const Grouping grouping = Grouping::of(e.attributes(), x);
    const bool counted = e.has_input(3), grouped = grouping.span > 1;
    const Operand valid = counted ? e.input(3) : e.none(), table = e.output(3);
    const SetVectors means(e, x, grouping.sets, e.output(1)), variances(e, x, grouping.sets, e.output(2));
    const Operand channel_table = grouped ? e.workspace(table.bytes) : table; // before channels are grouped
    const RowPlan sums(e, x, grouping, RowPlan::Work::sums, moment_sums),
        pass(e, x, grouping, RowPlan::Work::pass, 0);
    const bool strips = !grouped && sums.fits_strips(9);
    for (const RowPlan::Window& window : sums.windows()) {
        if (strips) {
            emit_strips(e, sums, window, x, valid, counted, means, variances, table, 4);
            continue;
        }
        emit_moments(e, sums, window, x, valid, counted, means, variances, channel_table);
        if (!grouped) continue;
        const int64_t length = line_length(x, coefficients);
        Kernel group = group_kernel(e, "normalisation_coefficients", x, grouping, window, means.stride(),
                                    e.attributes().real("epsilon"));
        group.specialisation.insert(group.specialisation.end(), {true, false});
        group.operands = {e.input(1),
                          e.input(2),
                          lines_of(channel_table, window, length).as(Access::read),
                          variances.window(window).as(Access::read),
                          e.none(),
                          e.none(),
                          e.none(),
                          lines_of(table, window, length)};
        e.dispatch(std::move(group));
    }
    if (!strips)
        for (const RowPlan::Window& window : pass.windows()) emit_apply(e, pass, window, x, valid, counted, table, 4);
    if (grouping.sets == 1) return;
    const RowPlan::Window all{0, grouping.sets};
    Kernel pool = group_kernel(e, "normalisation_pool", x, grouping, all, means.stride(), 0);
    pool.specialisation = {16, counted};
    pool.operands = {means.read(), variances.read(), valid, channel_table.as(Access::read),
                     e.output(1),  e.output(2)};
    pool.groups = linear_groups(e.profile(), x.channels(), 16);
    e.dispatch(std::move(pool));
}

// ---- with given moments ----------------------------------------------------------------------------------------------

// With alpha every example has coefficients of its own.
static Grouping grouping_of_given(const Attributes& attributes, const TensorType& x, bool weighed) {
    Grouping grouping = weighed ? Grouping::single(x) : Grouping::whole(x);
    grouping.span = Grouping::of(attributes, x).span;
    return grouping;
}

static std::vector<TensorType> infer_given(const Signature& s) {
    require_rows(s);
    const char* names[] = {"", "gamma", "beta", "mean", "variance"};
    for (int i = 1; i <= 4; ++i) require_vector(s, i, names[i]);
    require_number(s, 5, "alpha");
    require_residual(s, 6);
    require_grouping(s, false);
    const TensorType& x = s.input(0);
    return {x, table_type(x, grouping_of_given(s.attributes, x, s.has(5)).sets)};
}

static void emit_given(Emitter& e) {
    const TensorType x = e.input_type(0);
    const bool weighed = e.has_input(5);
    const Grouping grouping = grouping_of_given(e.attributes(), x, weighed);
    const Operand table = e.output(1);
    const int64_t length = line_length(x, coefficients);
    const auto emit_coefficients = [&](const RowPlan::Window& window, int64_t stride, const Operand& own,
                                       const Operand& variances) {
        Kernel mix = group_kernel(e, "normalisation_coefficients", x, grouping, window, stride,
                                  e.attributes().real("epsilon"));
        mix.specialisation.insert(mix.specialisation.end(), {weighed, true});
        mix.operands = {e.input(1),
                        e.input(2),
                        own,
                        variances,
                        e.input(3),
                        e.input(4),
                        weighed ? e.input(5) : e.none(),
                        lines_of(table, window, length)};
        e.dispatch(std::move(mix));
    };
    if (weighed) {
        const SetVectors means(e, x, grouping.sets, e.workspace(4 * x.channels())),
            variances(e, x, grouping.sets, e.workspace(4 * x.channels()));
        const Operand own = e.workspace(table.bytes);
        const RowPlan sums(e, x, grouping, RowPlan::Work::sums, moment_sums);
        for (const RowPlan::Window& window : sums.windows()) {
            emit_moments(e, sums, window, x, e.none(), false, means, variances, own);
            emit_coefficients(window, means.stride(), lines_of(own, window, length).as(Access::read),
                              variances.window(window).as(Access::read));
        }
    } else {
        emit_coefficients({0, 1}, 0, e.none(), e.none());
    }
    const RowPlan pass(e, x, grouping, RowPlan::Work::pass, 0);
    for (const RowPlan::Window& window : pass.windows())
        emit_apply(e, pass, window, x, e.none(), false, table, 6);
}

// ---- gradient --------------------------------------------------------------------------------------------------------

// With a residual the activation's derivative is taken first, for both gradients; else it is part of those.
static void add_gradient(GradientBuilder& b, int table, int residual, Value valid, bool given) {
    if (!b.output_gradient()) return;
    std::string activation = b.attributes().choice("activation");
    Value dy = b.output_gradient();
    if (b.has(residual)) {
        dy = gradient_through_activation(b, std::exchange(activation, "none"), b.output(), dy);
        if (b.needs(residual)) b.set(residual, dy);
    }
    if (!(b.needs(0) || b.needs(1) || b.needs(2))) return;
    const Value dx =
        b.add("normalisation_gradient", {b.input(0), dy, b.output(table), valid},
              {{"activation", activation},
               {"given", int64_t(given)},
               {"examples", given ? int64_t(0) : b.attributes().integer("examples")},
               {"groups", b.attributes().integer("groups")}});
    for (int i = 0; i < 3; ++i)
        if (b.needs(i)) b.set(i, {dx.node, i});
}

static void require_table(const Signature& s, int i) {
    s.require(s.input(i) == table_type(s.input(0), require_grouping(s, true).sets),
              "the table of coefficients (", to_string(s.input(i)), ") does not belong to x (",
              to_string(s.input(0)), ").");
}

static std::vector<TensorType> infer_gradient(const Signature& s) {
    require_rows(s);
    s.require(s.input(1) == s.input(0), "dy (", to_string(s.input(1)), ") and x (", to_string(s.input(0)),
              ") differ.");
    require_table(s, 2);
    require_number(s, 3, "valid");
    return {s.input(0), vector_type(s.input(0)), vector_type(s.input(0))};
}

static void emit_gradient(Emitter& e) {
    const TensorType x = e.input_type(0);
    const Grouping grouping = Grouping::of(e.attributes(), x);
    const bool counted = e.has_input(3), given = e.attributes().boolean("given"),
               grouped = grouping.span > 1 && !given;
    const Operand valid = counted ? e.input(3) : e.none();
    const ActivationKind activation = activation_of(e);
    // Sums of a set that nothing else is made of may be added to a total at once.
    std::array<std::optional<Emitter::Total>, 2> totals;
    if (grouping.sets == 1 && !grouped) totals = {e.total(1), e.total(2)};
    const SetVectors dgammas(e, x, grouping.sets, totals[0] ? totals[0]->total : e.output(1)),
        dbetas(e, x, grouping.sets, totals[1] ? totals[1]->total : e.output(2));
    const Operand keep = totals[0] ? totals[0]->keep : totals[1] ? totals[1]->keep : e.none();
    const int64_t table_length = line_length(x, coefficients), length = line_length(x, lines);
    const RowPlan sums(e, x, grouping, RowPlan::Work::sums, gradient_sums),
        pass(e, x, grouping, RowPlan::Work::pass, 0);
    const bool strips = !grouped && sums.fits_strips(8);
    const Operand slopes = strips ? e.none() : e.workspace(4 * grouping.sets * length); // and levels
    for (const RowPlan::Window& window : sums.windows()) {
        const Operand table = lines_of(e.input(2), window, table_length);
        if (strips) {
            sums.dispatch_strips(e, window, "normalisation_gradient_strip", counted, activation, dgammas.stride(), 0,
                                 {e.input(0), e.input(1), table, valid, dgammas.window(window), dbetas.window(window), e.output(0), keep},
                                 {true, true, false, false, false, false, true, false}, 16,
                                 {given, totals[0].has_value(), totals[1].has_value()});
            continue;
        }
        const Operand own = lines_of(slopes, window, length);
        const Operand partials = e.workspace(sums.partial_bytes(window, gradient_sums));
        sums.dispatch(e, window, "normalisation_gradient_sums", counted, activation,
                      {e.input(0), e.input(1), table, partials.as(Access::write), valid},
                      {true, true, false, false, false}, 8);
        sums.dispatch_merge(e, window, "normalisation_gradient_merge", counted, given, dgammas.stride(), 0,
                            {partials.as(Access::read), table, valid, dgammas.window(window),
                             dbetas.window(window), own.as(Access::write), keep},
                            {totals[0].has_value(), totals[1].has_value()});
        if (!grouped) continue;
        Kernel group =
            group_kernel(e, "normalisation_gradient_group", x, grouping, window, dgammas.stride(), 0);
        group.specialisation.push_back(counted);
        group.operands = {table, dgammas.window(window).as(Access::read),
                          dbetas.window(window).as(Access::read), valid, own.as(Access::write)};
        e.dispatch(std::move(group));
    }
    if (!strips)
        for (const RowPlan::Window& window : pass.windows())
            pass.dispatch(e, window, "normalisation_gradient_apply", counted, activation,
                          {e.input(0), e.input(1), lines_of(e.input(2), window, table_length),
                           lines_of(slopes, window, length).as(Access::read), e.output(0), valid},
                          {true, true, false, false, true, false}, 8);
    dgammas.sum(e);
    dbetas.sum(e);
}

// ---- once more -------------------------------------------------------------------------------------------------------

static Value add_again(Graph& graph, Value output, const std::vector<Value>& inputs, int table, int valid, int residual) {
    const Attributes attributes = graph.node(output.node).attributes;
    const bool given = valid < 0; // the moments
    const auto optional = [&](int i) { return i >= 0 && size_t(i) < inputs.size() ? inputs[size_t(i)] : Value{}; };
    return graph.add("normalisation_again", {inputs[0], {output.node, table}, optional(valid), optional(residual)},
                     {{"activation", attributes.choice("activation")},
                      {"examples", given ? int64_t(0) : attributes.integer("examples")}},
                     graph.node(output.node).name);
}

static std::vector<TensorType> infer_again(const Signature& s) {
    require_rows(s);
    require_table(s, 1);
    require_number(s, 2, "valid");
    require_residual(s, 3);
    return {s.input(0)};
}

// The pass that made it, with the table that it was made with.
static void emit_again(Emitter& e) {
    const TensorType x = e.input_type(0);
    const bool counted = e.has_input(2);
    const RowPlan pass(e, x, Grouping::of(e.attributes(), x), RowPlan::Work::pass, 0);
    for (const RowPlan::Window& window : pass.windows())
        emit_apply(e, pass, window, x, counted ? e.input(2) : e.none(), counted, e.input(1), 3);
}

static const char* const residual_help = "The shape and type of x: added before the activation.";
static const char* const table_help =
    "For the gradient: mean, scale, shift, what rounding took from the mean, and "
    "1 / sqrt(variance + epsilon), each padded to a multiple of 8; one line a set.";

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(normalisation) {
    return {
        .name = "normalisation",
        .summary = "y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta + residual) with the moments of "
                   "the cells that are "
                   "normalised together: of a set of examples, at all positions, in a group of channels. By "
                   "`examples` and `groups` "
                   "this is batch (0, 0), ghost batch (n, 0), instance (1, 0), layer (1, 1), group (1, g) "
                   "and batch/group (n, g) "
                   "normalisation (arXiv 1502.03167, 1705.08741, 1607.08022, 1607.06450, 1803.08494, "
                   "1906.03548). Nothing is "
                   "differentiated through the outputs mean and variance.",
        .inputs = {{"x", "[examples, ..., channels], f32 or f16."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"valid",
                    "[1]: only so many first examples count; the others make no moments and become 0, or "
                    "activation(residual). Left out: all.",
                    true},
                   {"residual", residual_help, true}},
        .outputs = {{"y", "The shape and type of x."},
                    {"mean", "[channels], of the whole batch channel by channel, however it is normalised; 0 "
                             "when no example counts."},
                    {"variance", "[channels], likewise; biased: divided by the number of cells that count."},
                    {"coefficients", table_help}},
        .attributes = attributes_of_normaliser(),
        .in_place = 4,
        .half = {0, 4},
        .infer = infer_training,
        .gradient = [](GradientBuilder& b) { add_gradient(b, 3, 4, b.input(3), false); },
        .again = [](Graph& graph, Value output,
                    const std::vector<Value>& inputs) { return add_again(graph, output, inputs, 3, 3, 4); },
        .emit = emit_training};
}

LEMNOS_DEFINE_OPERATOR(batch_norm) {
    return {
        .name = "batch_norm",
        .summary = "y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta + residual) with given moments, "
                   "which are constants. "
                   "With alpha each example's own moments weigh alpha and the given ones 1 - alpha, as raw "
                   "moments (inference "
                   "example weighing, arXiv 1906.03548).",
        .inputs = {{"x", "[examples, ..., channels], f32 or f16."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"mean", "[channels]."},
                   {"variance", "[channels]."},
                   {"alpha", "[1], in [0, 1]. Left out: 0. For inference: the operator has no gradient then.",
                    true},
                   {"residual", residual_help, true}},
        .outputs = {{"y", "The shape and type of x."}, {"coefficients", table_help}},
        .attributes = attributes_of_normaliser(),
        .in_place = 6,
        .half = {0, 6},
        .infer = infer_given,
        .gradient =
            [](GradientBuilder& b) {
                if (b.input(5))
                    fail(
                        ErrorCode::unsupported,
                        "Operator batch_norm: with the input alpha it has no gradient; it is for inference.");
                add_gradient(b, 1, 6, {}, true);
            },
        .again = [](Graph& graph, Value output,
                    const std::vector<Value>& inputs) { return add_again(graph, output, inputs, 1, -1, 6); },
        .emit = emit_given};
}

LEMNOS_DEFINE_OPERATOR(normalisation_gradient) {
    std::vector<AttributeSpec> attributes = attributes_of_normaliser();
    attributes.push_back(boolean_attribute("given", false, "The moments were constants."));
    return {.name = "normalisation_gradient",
            .summary = "The gradients of normalisation and, with `given`, of batch_norm.",
            .inputs = {{"x", "The argument."},
                       {"dy", "The result's gradient."},
                       {"coefficients", "The last output of the forward operator."},
                       {"valid", "As forward.", true}},
            .outputs = {{"dx", "The shape of x."}, {"dgamma", "[channels]."}, {"dbeta", "[channels]."}},
            .attributes = std::move(attributes),
            .internal = true,
            .half = {0, 1},
            .infer = infer_gradient,
            .emit = emit_gradient};
}

LEMNOS_DEFINE_OPERATOR(normalisation_again) {
    return {.name = "normalisation_again",
            .summary = "The result of normalisation or batch_norm once more, bit for bit.",
            .inputs = {{"x", "The argument."},
                       {"coefficients", "The last output of the operator.", false, true},
                       {"valid", "As there.", true, true},
                       {"residual", "As there.", true}},
            .attributes = attributes_of_normaliser(),
            .internal = true,
            .infer = infer_again,
            .emit = emit_again};
}
