// Bytes a second of normalisation with its activation in training, forward and backward, beside shaders that move the least
// possible bytes (forward three streams of the tensor, backward five) without arithmetic.
#include "bench/bench.h"

#include <algorithm>

namespace lemnos::bench {

void suite_normalisation(Bench& bench) {
    std::vector<Shape> shapes{{32, 56, 56, 144}, {32, 112, 112, 32}, {32, 7, 7, 1280}, {128, 14, 14, 96}};
    if (bench.quick()) shapes = {{8, 14, 14, 96}};
    struct Normaliser {
        const char* label;
        Attributes attributes;
    };
    const Normaliser normalisers[] = {{"batch", {}}, {"ghost 16", {{"examples", int64_t(16)}}}, {"ghost 4", {{"examples", int64_t(4)}}}};
    for (const Shape& shape : shapes) {
        if (!bench.has_time(to_string(shape), 0)) continue;
        const TensorType type{DataType::f32, shape}, channels{DataType::f32, {shape.back()}};
        Rounds rounds;
        const Streams streams[2] = {{type.bytes(), 2, 1}, {type.bytes(), 4, 1}};
        size_t first[2], forms = 0;
        for (int backward = 0; backward < 2; ++backward) {
            const auto plans = stream_plans(bench.device, streams[backward]);
            forms = plans.size();
            first[backward] = rounds.add(run_of(plans[0]));
            for (size_t form = 1; form < forms; ++form) rounds.add(run_of(plans[form]));
        }
        struct Measured {
            std::string name;
            int backward;
            size_t place;
        };
        std::vector<Measured> measured;
        for (const Normaliser& normaliser : normalisers) {
            if (normaliser.attributes.contains("examples") && shape[0] % normaliser.attributes.integer("examples") != 0) continue;
            Attributes attributes = normaliser.attributes;
            attributes.set("activation", std::string("relu6"));
            const auto add = [&](int backward, std::shared_ptr<Plan> plan) {
                measured.push_back({text(to_string(shape), ", ", normaliser.label, backward ? ", backward" : ", forward"), backward,
                                    rounds.add(run_of(std::move(plan)))});
            };
            // The fourth result of the forward pass is the table of coefficients that the backward pass reads.
            add(0, plan_of(bench.device, "normalisation", {type, channels, channels}, attributes, 4));
            Graph graph;
            const Value x = graph.input("x", type), gamma = graph.input("gamma", channels), beta = graph.input("beta", channels);
            const TensorType table = graph.type({graph.add("normalisation", {x, gamma, beta}, attributes).node, 3});
            attributes.set("given", int64_t(0));
            add(1, plan_of(bench.device, "normalisation_gradient", {type, type, table}, attributes, 3));
        }
        rounds.measure(bench.effort());
        for (const Measured& each : measured) {
            const double bytes = double(streams[each.backward].moved());
            const auto best = [&](const Rounds::Round& s) {
                return *std::min_element(s.begin() + long(first[each.backward]), s.begin() + long(first[each.backward] + forms));
            };
            const Figure plain = rounds.figure([&](const Rounds::Round& s) { return s[first[each.backward]] / s[each.place]; });
            bench.add({.name = each.name, .unit = "GB/s",
                       .value = rounds.figure([&](const Rounds::Round& s) { return bytes / s[each.place] * 1e-9; }),
                       .ratio = rounds.figure([&](const Rounds::Round& s) { return best(s) / s[each.place]; }), .of = "best streams",
                       .note = text(readable(plain.value), " of streams of vec4")});
        }
    }
}

} // namespace lemnos::bench
