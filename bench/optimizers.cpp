// Bytes a second of every optimizer's update, as one tensor and as 200, beside shaders that move the same streams without
// arithmetic, and beside PyTorch's update of as many parameters.
#include "bench/optimizer_plans.h"
#include "bench/bench.h"

#include <algorithm>

namespace lemnos::bench {

namespace {

constexpr double bar = 0.9;          // of the shader that moves the same streams
constexpr double bar_of_many = 0.95; // two hundred tensors, of what one takes
constexpr int64_t many = 200;

} // namespace

void suite_optimizers(Bench& bench) {
    const int64_t parameters = (bench.quick() ? int64_t(1) << 18 : int64_t(1) << 24) / (64 * many) * (64 * many);
    for (const OptimizerCase& each : optimizer_cases()) {
        if (!bench.has_time(each.label, 0)) continue;
        const Optimizer optimizer(each.optimizer, each.options);
        Rounds rounds;
        const size_t one = rounds.add(run_of(optimizer_plan(bench.device, optimizer, parameters, 1)));
        const size_t split = rounds.add(run_of(optimizer_plan(bench.device, optimizer, parameters, many)));
        // Those of two passes are compared with the streams of both, one after the other; each pass in its best form.
        const size_t first = split + 1;
        size_t forms = 0;
        double stream_bytes = 0;
        for (const auto& [reads, writes] : each.passes) {
            const Streams streams{parameters * 4, reads, writes};
            stream_bytes += double(streams.moved());
            const auto plans = stream_plans(bench.device, streams);
            forms = plans.size();
            for (const auto& plan : plans) rounds.add(run_of(plan));
        }
        std::string reason;
        Rounds::Run peer;
        if (bench.options.peers && !each.peer.empty())
            peer = bench.peers.pytorch().prepare(text("optimizer kind=", each.peer, " parameters=", parameters), reason);
        const size_t theirs = peer ? rounds.add(peer) : 0;
        rounds.measure(bench.quick() ? bench.effort() : Effort{5, 9, 4});
        const double bytes = double(parameters) * each.bytes;
        const auto stream_seconds = [&](const Rounds::Round& s, bool best) {
            double seconds = 0;
            for (size_t pass = 0; pass < each.passes.size(); ++pass) {
                const auto begin = s.begin() + long(first + pass * forms);
                seconds += best ? *std::min_element(begin, begin + long(forms)) : *begin;
            }
            return seconds;
        };
        // lars' norms write nothing, but a stream needs one write: rates are compared, not seconds.
        const auto share = [&](bool best) {
            return rounds.figure([&](const Rounds::Round& s) { return bytes / s[one] / (stream_bytes / stream_seconds(s, best)); });
        };
        bench.add({.name = each.label, .unit = "GB/s",
                   .value = rounds.figure([&](const Rounds::Round& s) { return bytes / s[one] * 1e-9; }), .ratio = share(true),
                   .of = "best streams", .bar = bar,
                   .note = text(readable(share(false).value), " of streams of vec4; ", each.bytes, " bytes a parameter")});
        bench.add({.name = text(each.label, ", ", many, " tensors"), .unit = "GB/s",
                   .value = rounds.figure([&](const Rounds::Round& s) { return bytes / s[split] * 1e-9; }),
                   .ratio = rounds.figure([&](const Rounds::Round& s) { return s[one] / s[split]; }), .of = "one tensor",
                   .bar = bar_of_many});
        if (each.peer.empty() || !bench.options.peers) continue;
        if (!peer) {
            bench.add_missing(text(each.label, ", PyTorch"), reason);
            continue;
        }
        bench.add({.name = text(each.label, " beside PyTorch"), .unit = "ms",
                   .value = rounds.figure([&](const Rounds::Round& s) { return s[theirs] * 1e3; }),
                   .ratio = rounds.figure([&](const Rounds::Round& s) { return s[theirs] / s[one]; }), .of = "its time to ours",
                   .bar = 1, .note = bench.peers.pytorch().name()});
        bench.peers.pytorch().forget();
    }
}

} // namespace lemnos::bench
