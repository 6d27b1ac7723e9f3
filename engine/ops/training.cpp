// Sums over micro-batches and moments of batches. They update memory in place: a plan binds each result to the memory of the
// input of the same name.
#include "graph/graph.h"
#include "ops/arena.h"
#include "ops/items.h"
#include "ops/window.h"
#include "shaders/accumulate.h"
#include "shaders/merge_moments.h"

#include <algorithm>

using namespace lemnos;

static constexpr uint32_t group_size = 64;

LEMNOS_DEFINE_OPERATOR(accumulate) {
    return {
        .name = "accumulate",
        .summary = "total = addend where keep is 0, total + addend otherwise, in place; often done by the operator that gives the "
                   "addend (Emitter::total).",
        .inputs = {{"total", "Any shape."}, {"addend", "Of the same shape."}, {"keep", "One number, 0 or 1."}},
        .internal = true,
        .adds_to_total = true,
        .infer =
            [](const Signature& s) {
                s.require_type(0, DataType::f32, "total");
                s.require(s.input(1) == s.input(0), "the addend (", to_string(s.input(1)), ") and the total (",
                          to_string(s.input(0)), ") differ.");
                s.require(s.input(2) == TensorType{DataType::f32, {1}}, "the input keep (", to_string(s.input(2)), ") is not f32 1.");
                return std::vector{s.input(0)};
            },
        .emit =
            [](Emitter& e) {
                const int64_t elements = e.output_type().elements(), step = flat_step(e);
                const uint32_t item = item_size(e.profile());
                for (int64_t first = 0; first < elements; first += step) {
                    const int64_t part = std::min(step, elements - first);
                    Kernel kernel{.shader = item_variant("accumulate", item),
                                  .specialisation = {group_size},
                                  .operands = {e.output().as(Access::read_write).slice(4 * first, 4 * part),
                                               e.input(1).slice(4 * first, 4 * part), e.input(2)}};
                    kernel.groups = linear_groups(e.profile(), divide_up(part, item), group_size);
                    e.dispatch(std::move(kernel.params(shader::AccumulateParams{uint32_t(part)})));
                }
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
                   {"share", "One number a in [0, 1].", false, true},
                   {"cells", "One number a block: the cells of an example; where it is 0 nothing changes.", true},
                   {"examples", "One number: with n = cells * examples, V' = (1 - a) V + a v n / (n - 1).", true, true}},
        .outputs = {{"mean", "M + a (m - M)."}, {"variance", "(1 - a) V + a v + a (1 - a) (m - M)^2."}},
        .internal = true,
        .separable = true,
        .infer =
            [](const Signature& s) {
                for (int i = 0; i < 4; ++i) require_arena(s, i, "of moments");
                s.require(!s.has(5) || s.shape(5) == Shape{s.shape(0)[0]}, "the cells are not one number a block.");
                s.require(!s.has(6) || s.has(5), "examples have no meaning without cells.");
                return std::vector{s.input(0), s.input(1)};
            },
        .emit =
            [](Emitter& e) {
                const auto count = uint32_t(e.output_type().elements() / 4);
                const auto given = [&](int i) { return e.has_input(i) ? e.input(i) : e.input(4); };
                Kernel kernel{.shader = "merge_moments",
                              .specialisation = {group_size},
                              .operands = {e.output(0).as(Access::read_write), e.output(1).as(Access::read_write),
                                           e.input(2), e.input(3), e.input(4), given(5), given(6)}};
                kernel.groups = linear_groups(e.profile(), count, group_size);
                e.dispatch(std::move(kernel.params(shader::MergeMomentsParams{count, e.has_input(5), e.has_input(6)})));
            },
    };
}

