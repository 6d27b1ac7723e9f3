// What happens between the gradients and the parameters: sums over micro-batches, moments of batches, the optimizer's
// step. All of them update whole arenas in place: a plan binds each result to the memory of the input of the same name.
#include "graph/graph.h"
#include "shaders/accumulate.h"
#include "shaders/optimizer_step.h"

using namespace lemnos;

static constexpr uint32_t group_size = 64;

static uint32_t vectors_of(const TensorType& type) { return uint32_t(type.elements() / 4); }

static void require_arena(const Signature& s, int i, const char* name) {
    s.require_type(i, DataType::f32, name);
    s.require(s.input(i).elements() % 4 == 0, "the input ", name, " (", to_string(s.input(i)),
              ") is no arena: its size is not a multiple of 4.");
    s.require(s.shape(i) == s.shape(0), "the input ", name, " (", to_string(s.input(i)), ") differs in shape from the first (",
              to_string(s.input(0)), ").");
}

LEMNOS_DEFINE_OPERATOR(accumulate) {
    return {
        .name = "accumulate",
        .summary = "total = addend where keep is 0, total + addend otherwise, in place.",
        .inputs = {{"total", "An arena."}, {"addend", "Of the same shape."}, {"keep", "One number, 0 or 1.", false, true}},
        .internal = true,
        .separable = true,
        .infer =
            [](const Signature& s) {
                require_arena(s, 0, "total");
                require_arena(s, 1, "addend");
                return std::vector{s.input(0)};
            },
        .emit =
            [](Emitter& e) {
                const uint32_t count = vectors_of(e.output_type());
                Kernel kernel{.shader = "accumulate",
                              .specialisation = {group_size},
                              .operands = {e.output().as(Access::read_write), e.input(1), e.input(2)}};
                kernel.groups = linear_groups(e.profile(), count, group_size);
                e.dispatch(std::move(kernel.params(shader::AccumulateParams{count})));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(merge_moments) {
    return {
        .name = "merge_moments",
        .summary = "Merges means and variances with the share a of the new ones, in place.",
        .inputs = {{"mean", "An arena."},
                   {"variance", "Of the same shape."},
                   {"new_mean", "Of the same shape."},
                   {"new_variance", "Of the same shape."},
                   {"share", "One number a in [0, 1].", false, true}},
        .outputs = {{"mean", "M + a (m - M)."}, {"variance", "(1 - a) V + a v + a (1 - a) (m - M)^2."}},
        .internal = true,
        .separable = true,
        .infer =
            [](const Signature& s) {
                for (int i = 0; i < 4; ++i) require_arena(s, i, "of moments");
                return std::vector{s.input(0), s.input(1)};
            },
        .emit =
            [](Emitter& e) {
                const uint32_t count = vectors_of(e.output_type());
                Kernel kernel{.shader = "merge_moments",
                              .specialisation = {group_size},
                              .operands = {e.output(0).as(Access::read_write), e.output(1).as(Access::read_write),
                                           e.input(2), e.input(3), e.input(4)}};
                kernel.groups = linear_groups(e.profile(), count, group_size);
                e.dispatch(std::move(kernel.params(shader::AccumulateParams{count})));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(optimizer_step) {
    return {
        .name = "optimizer_step",
        .summary = "One step of an optimizer over the whole parameter arena, in place.",
        .inputs = {{"parameters", "The arena."},
                   {"gradients", "Of the same shape."},
                   {"policy_of_block", "i32, one an arena block: the row of policies."},
                   {"policies", "f32 [rows, 4]: weight decay, rate multiplier, 0, 0.", false, true},
                   {"scalars", "f32 [16]: see shaders/optimizer_step.h.", false, true},
                   {"first", "The first state.", true},
                   {"second", "The second state.", true}},
        .outputs = {{"parameters", "Updated."}, {"first", "Updated."}, {"second", "Updated."}},
        .attributes = {integer_attribute("algorithm", 0, 0, 1, "OPTIMIZER_SGD or OPTIMIZER_ADAM."),
                       integer_attribute("flags", 0, 0, 7, "OPTIMIZER_HAS_MOMENTUM and so on.")},
        .internal = true,
        .separable = true,
        .infer =
            [](const Signature& s) {
                std::vector<TensorType> outputs{s.input(0)};
                require_arena(s, 0, "parameters");
                require_arena(s, 1, "gradients");
                for (int i = 5; i < s.count(); ++i) {
                    require_arena(s, i, "of the state");
                    outputs.push_back(s.input(i));
                }
                return outputs;
            },
        .emit =
            [](Emitter& e) {
                const uint32_t count = vectors_of(e.output_type());
                Kernel kernel{.shader = "optimizer_step",
                              .specialisation = {group_size, uint32_t(e.attributes().integer("algorithm")),
                                                 uint32_t(e.attributes().integer("flags"))},
                              .operands = {e.output(0).as(Access::read_write), e.input(1), e.input(2), e.input(3),
                                           e.input(4)}};
                for (int state = 0; state < 2; ++state)
                    kernel.operands.push_back(e.has_input(5 + state) ? e.output(1 + state).as(Access::read_write) : e.input(4));
                kernel.groups = linear_groups(e.profile(), count, group_size);
                e.dispatch(std::move(kernel.params(shader::OptimizerStepParams{count})));
            },
    };
}
