// Dropout whose decisions are functions of (seed, epoch, sample, layer, element) alone, so that they do not
// depend on how a batch is cut or on where a run was resumed.
#include "shaders/dropout.h"
#include "graph/graph.h"
#include "ops/items.h"
#include "ops/quotient.h"
#include "support/random.h"

#include <algorithm>
#include <cmath>

namespace lemnos {

static std::vector<TensorType> infer_dropout(const Signature& s) {
    s.require_real(0, "x");
    s.require(s.input(0).rank() >= 1, "the input x is a scalar (its first axis must count the examples).");
    const int64_t examples = s.shape(0)[0];
    s.require(s.input(1) == TensorType{DataType::i32, {examples}}, "the input sample_index (",
              to_string(s.input(1)), ") does not have one i32 for each of the ", examples, " examples of x (",
              to_string(s.input(0)), ").");
    s.require(s.input(2) == TensorType{DataType::i32, {4}}, "the input step (", to_string(s.input(2)),
              ") is not i32 4.");
    s.require(s.attributes.real("rate") < 1, "the attribute rate (", s.attributes.real("rate"),
              ") must be below 1.");
    return {s.input(0)};
}

static void emit_dropout(Emitter& e) {
    const TensorType x = e.input_type(0);
    const double rate = e.attributes().real("rate");
    shader::DropoutParams params{};
    params.examples = uint32_t(x.shape[0]);
    params.elements = uint32_t(x.elements() / x.shape[0]);
    params.quads = uint32_t(divide_up(params.elements, 4));
    set_divisor(params.quads, params.quads_multiplier, params.quads_shift);
    params.threshold = uint32_t(std::min(std::round(rate * 0x1p32), 0x1p32 - 1));
    params.purpose = uint32_t(RandomPurpose::dropout) | uint32_t(e.attributes().integer("layer")) << 8;
    params.scale = float(1 / (1 - rate));
    Kernel kernel{.shader = real_variant("dropout", x.dtype), .specialisation = {64, params.elements % 4 == 0}};
    kernel.operands = {e.input(0), e.input(1), e.input(2), e.output()};
    kernel.groups = linear_groups(e.profile(), int64_t(params.examples) * params.quads, 64);
    kernel.flops = double(x.elements()) * 8;
    e.dispatch(std::move(kernel.params(params)));
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(dropout) {
    return {
        .name = "dropout",
        .summary =
            "y = x / (1 - rate) with probability 1 - rate, else 0. The four elements 4i to 4i + 3 of an "
            "example "
            "are dropped where the words of Philox4x32-10 with the key {step[0], step[1]} (the seed) and the "
            "counter {sample_index, step[2] (the epoch), 3 + 256 * layer, i} are below rate * 2^32.",
        .inputs = {{"x", "[examples, ...]."},
                   {"sample_index", "i32 [examples]: each example's number in the data set."},
                   {"step", "i32 [4]: the seed's low and high word, the epoch, and a word that is not used.",
                    false, true}},
        .attributes = {required(real_attribute("rate", 0.5, 0, 1, "The probability of 0; below 1.")),
                       integer_attribute("layer", 0, 0, 65535, "Tells the dropout layers of a model apart.")},
        .separable = true,
        .half = {0},
        .infer = infer_dropout,
        .gradient =
            [](GradientBuilder& b) {
                b.set(0, b.add("dropout", {b.output_gradient(), b.input(1), b.input(2)}, b.attributes()));
            },
        .emit = emit_dropout};
}
