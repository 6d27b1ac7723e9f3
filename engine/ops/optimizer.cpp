// The update of a parameter arena: norms of gradients, the decision about the step, the step itself, and averages of the
// parameters. An arena is passed over in chunks of one segment (train/chunks.h makes their table) and in windows where one
// binding does not cover it. States and parameters are updated in place: a plan binds each result to the memory of the
// input of the same name.
#include "graph/graph.h"
#include "ops/arena.h"
#include "ops/items.h"
#include "shaders/blend.h"
#include "shaders/optimizer.h"
#include "shaders/optimizer_step.h"
#include "shaders/trust_ratios.h"
#include "shaders/update_control.h"

#include <algorithm>

using namespace lemnos;

static const AttributeSpec windows_attribute =
    integers_attribute("windows", {}, -1, 0, INT64_MAX, "First chunk, chunks, first block, blocks of each window.");
static const AttributeSpec lanes_attribute = integer_attribute("lanes", 8, 1, 1024, "Invocations of a chunk.");
static const std::vector<AttributeSpec> rule_attributes{
    integer_attribute("algorithm", 0, 0, OPTIMIZER_ALGORITHMS - 1, "OPTIMIZER_SGD and so on."),
    integer_attribute("flags", 0, 0, OPTIMIZER_FLAGS, "OPTIMIZER_HAS_MOMENTUM and so on.")};

static std::vector<AttributeSpec> with(std::vector<AttributeSpec> specs, std::initializer_list<AttributeSpec> more) {
    specs.insert(specs.end(), more);
    return specs;
}

static void require_chunks(const Signature& s, int i) {
    s.require_type(i, DataType::i32, "chunks");
    s.require(s.input(i).rank() == 2 && s.shape(i)[1] == 8, "the table of chunks (", to_string(s.input(i)), ") is not [chunks, 8].");
}

static void require_scalars(const Signature& s, int i) {
    s.require_type(i, DataType::f32, "scalars");
    s.require(s.input(i).elements() == OPTIMIZER_SCALARS, "the scalars (", to_string(s.input(i)), ") are not [", OPTIMIZER_SCALARS,
              "].");
}

static int64_t sums_of(const Signature& s, int chunks) { return s.shape(chunks)[0] * s.attributes.integer("lanes"); }

// One dispatch a window; `operands` gives those of a range of blocks.
template <typename Operands>
static void for_each_window(Emitter& e, const Kernel& prototype, const Operands& operands) {
    const std::vector<int64_t>& windows = e.attributes().integers("windows");
    for (size_t at = 0; at + 4 <= windows.size(); at += 4) {
        Kernel kernel = prototype;
        const int64_t chunks = windows[at + 1];
        kernel.operands = operands(windows[at + 2] * arena_block * 4, windows[at + 3] * arena_block * 4);
        kernel.groups = linear_groups(e.profile(), chunks, 1);
        e.dispatch(std::move(kernel.params(shader::OptimizerStepParams{uint32_t(windows[at]), uint32_t(chunks), 0})));
    }
}

LEMNOS_DEFINE_OPERATOR(gradient_norm) {
    return {
        .name = "gradient_norm",
        .summary = "Partial sums of the squares of an arena; NaN where an element is not finite.",
        .inputs = {{"gradients", "An arena."}, {"chunks", "The table, i32 [chunks, 8]."}},
        .outputs = {{"partials", "Sums, [chunks * lanes]."}},
        .attributes = {windows_attribute, lanes_attribute},
        .internal = true,
        .infer =
            [](const Signature& s) {
                require_arena(s, 0, "gradients");
                require_chunks(s, 1);
                return std::vector{TensorType{DataType::f32, {sums_of(s, 1)}}};
            },
        .emit =
            [](Emitter& e) {
                const Kernel kernel{.shader = item_variant("gradient_norm", item_size(e.profile())),
                                    .specialisation = {uint32_t(e.attributes().integer("lanes"))}};
                for_each_window(e, kernel, [&](int64_t first, int64_t bytes) -> std::vector<Operand> {
                    return {e.input(0).slice(first, bytes), e.input(1), e.output()};
                });
            },
    };
}

LEMNOS_DEFINE_OPERATOR(update_control) {
    return {
        .name = "update_control",
        .summary = "Decides whether a step is made, with which scalars, clipped how far; see shaders/update_control.comp.",
        .inputs = {{"partials", "Of gradient_norm."},
                   {"settings", "Indices in shaders/update_control.h, [8]."},
                   {"rows", "Of scalars, [rows, 24]."},
                   {"state", "The loss scale and its history, [4]."}},
        .outputs = {{"scalars", "Of this step, [24]."},
                    {"report", "For the host, [8]."},
                    {"share", "Of the batch in the running statistics, [1]."},
                    {"state", "Updated."}},
        .internal = true,
        .infer =
            [](const Signature& s) {
                const Shape shapes[] = {{CONTROL_SETTINGS}, {0, OPTIMIZER_SCALARS}, {CONTROL_STATE}};
                for (int i = 1; i < 4; ++i) {
                    s.require_type(i, DataType::f32, s.operator_name);
                    s.require(s.input(i).rank() == int(shapes[i - 1].size()) && s.shape(i).back() == shapes[i - 1].back(),
                              "the input ", i, " (", to_string(s.input(i)), ") has another shape.");
                }
                return std::vector<TensorType>{{DataType::f32, {OPTIMIZER_SCALARS}},
                                               {DataType::f32, {CONTROL_REPORT}},
                                               {DataType::f32, {1}},
                                               s.input(3)};
            },
        .emit =
            [](Emitter& e) {
                Kernel kernel{.shader = "update_control",
                              .specialisation = {64},
                              .operands = {e.input(0), e.input(1), e.input(2), e.output(3).as(Access::read_write), e.output(0),
                                           e.output(1), e.output(2)}};
                e.dispatch(std::move(kernel.params(shader::UpdateControlParams{uint32_t(e.input_type(0).elements()),
                                                                               uint32_t(e.input_type(2).shape[0])})));
            },
    };
}

// `norms` is where the first pass leaves its sums, `ratios` what the second reads. A state that the rule does not have is
// bound to the parameters of the same window: whatever may write there by the shader's text stays within the window.
static void emit_pass(Emitter& e, uint32_t pass, std::optional<Operand> norms, const Operand& ratios) {
    const auto flags = uint32_t(e.attributes().integer("flags"));
    const Kernel kernel{.shader = item_variant("optimizer_step", item_size(e.profile())),
                        .specialisation = {uint32_t(e.attributes().integer("lanes")),
                                           uint32_t(e.attributes().integer("algorithm")), flags, pass}};
    for_each_window(e, kernel, [&](int64_t first, int64_t bytes) {
        const Operand parameters = pass == OPTIMIZER_NORMS ? e.input(0).slice(first, bytes)
                                                           : e.output(0).slice(first, bytes).as(Access::read_write);
        std::vector<Operand> operands{parameters, e.input(1).slice(first, bytes), e.input(2), e.input(3)};
        for (int state = 0; state < 3; ++state)
            operands.push_back(e.has_input(4 + state) ? e.output(1 + state).slice(first, bytes).as(Access::read_write)
                                                      : parameters);
        if (norms) operands[6] = *norms;
        operands.push_back(ratios);
        return operands;
    });
}

static std::vector<InputSpec> step_inputs() {
    return {{"parameters", "The arena."},
            {"gradients", "Of the same shape."},
            {"chunks", "The table, i32 [chunks, 8]."},
            {"scalars", "Of the step, [24]: see shaders/optimizer.h."},
            {"first", "The first state.", true},
            {"second", "The second state.", true},
            {"third", "The third state.", true}};
}

// The first output is given; states follow.
static std::vector<TensorType> infer_step(const Signature& s, TensorType first) {
    require_arena(s, 0, "parameters");
    require_arena(s, 1, "gradients");
    require_chunks(s, 2);
    require_scalars(s, 3);
    std::vector<TensorType> outputs{std::move(first)};
    for (int i = 4; i < std::min(s.count(), 7); ++i)
        if (s.has(i)) {
            require_arena(s, i, "of the state");
            outputs.push_back(s.input(i));
        }
    return outputs;
}

LEMNOS_DEFINE_OPERATOR(optimizer_step) {
    std::vector<InputSpec> inputs = step_inputs();
    inputs.push_back({"ratios", "One a segment, of layerwise optimizers.", true});
    return {
        .name = "optimizer_step",
        .summary = "One step of an optimizer over the whole parameter arena, in place.",
        .inputs = inputs,
        .outputs = {{"parameters", "Updated."}, {"first", "Updated."}, {"second", "Updated."}, {"third", "Updated."}},
        .attributes = with(rule_attributes, {windows_attribute, lanes_attribute}),
        .internal = true,
        .infer = [](const Signature& s) { return infer_step(s, s.input(0)); },
        .emit =
            [](Emitter& e) {
                const bool layerwise = (e.attributes().integer("flags") & OPTIMIZER_LAYERWISE) != 0;
                emit_pass(e, layerwise ? OPTIMIZER_STEP : OPTIMIZER_WHOLE_STEP, {}, layerwise ? e.input(7) : e.input(3));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(optimizer_norms) {
    return {
        .name = "optimizer_norms",
        .summary = "The first pass of a layerwise optimizer: partial sums of squares of parameters and steps; LAMB's states.",
        .inputs = step_inputs(),
        .outputs = {{"norms", "Sums of squares, [chunks * lanes, 2]."}, {"first", "Updated."}, {"second", "Updated."}, {"third", "Updated."}},
        .attributes = with(rule_attributes, {windows_attribute, lanes_attribute}),
        .internal = true,
        .infer =
            [](const Signature& s) {
                require_chunks(s, 2);
                return infer_step(s, {DataType::f32, {sums_of(s, 2), 2}});
            },
        .emit = [](Emitter& e) { emit_pass(e, OPTIMIZER_NORMS, e.output(0), e.input(3)); },
    };
}

LEMNOS_DEFINE_OPERATOR(trust_ratios) {
    return {
        .name = "trust_ratios",
        .summary = "By how much a layerwise optimizer scales the step of each segment.",
        .inputs = {{"norms", "Of optimizer_norms."}, {"segments", "The table, i32 [segments, 8]."}, {"scalars", "Of the step, [24]."}},
        .outputs = {{"ratios", "One a segment."}},
        .attributes = rule_attributes,
        .internal = true,
        .infer =
            [](const Signature& s) {
                s.require(s.input(0).rank() == 2 && s.shape(0)[1] == 2, "the norms (", to_string(s.input(0)), ") are not [sums, 2].");
                require_chunks(s, 1);
                require_scalars(s, 2);
                return std::vector{TensorType{DataType::f32, {s.shape(1)[0]}}};
            },
        .emit =
            [](Emitter& e) {
                const auto segments = uint32_t(e.output_type().elements());
                Kernel kernel{.shader = "trust_ratios",
                              .specialisation = {64, uint32_t(e.attributes().integer("algorithm")),
                                                 uint32_t(e.attributes().integer("flags"))},
                              .operands = {e.input(0), e.input(1), e.input(2), e.output()}};
                kernel.groups = linear_groups(e.profile(), segments, 1);
                e.dispatch(std::move(kernel.params(shader::TrustRatiosParams{segments})));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(blend) {
    return {
        .name = "blend",
        .summary = "average += share (parameters - average), in place; with write_back also parameters = average.",
        .inputs = {{"average", "An arena."}, {"parameters", "Of the same shape."}, {"scalars", "Of the step, [24].", false, true}},
        .outputs = {{"average", "Updated."}, {"parameters", "Updated with write_back."}},
        .attributes = {integer_attribute("scalar", 0, 0, OPTIMIZER_SCALARS - 1, "The index of the share."),
                       boolean_attribute("write_back", false, "Lookahead's synchronisation.")},
        .internal = true,
        .separable = true,
        .infer =
            [](const Signature& s) {
                require_arena(s, 0, "average");
                require_arena(s, 1, "parameters");
                require_scalars(s, 2);
                return std::vector{s.input(0), s.input(1)};
            },
        .emit =
            [](Emitter& e) {
                constexpr uint32_t group_size = 64;
                const bool writes_back = e.attributes().boolean("write_back");
                const uint32_t item = item_size(e.profile()), count = uint32_t(e.output_type().elements() / item);
                Kernel kernel{.shader = item_variant("blend", item),
                              .specialisation = {group_size, writes_back},
                              .operands = {e.output(0).as(Access::read_write),
                                           writes_back ? e.output(1).as(Access::read_write) : e.input(1), e.input(2)}};
                kernel.groups = linear_groups(e.profile(), count, group_size);
                e.dispatch(std::move(kernel.params(shader::BlendParams{count, uint32_t(e.attributes().integer("scalar"))})));
            },
    };
}
