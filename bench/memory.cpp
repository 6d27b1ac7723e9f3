// Bytes that plans take beside the bound of the liveness order (no placement of the same dispatches in the same order needs
// less), and what a batch ten times larger adds when it is accumulated.
#include "bench/bench.h"

#include <algorithm>

namespace lemnos::bench {

namespace {

constexpr double bar = 1.1;             // of the bound
constexpr double accumulation_bar = 1;  // MB

void add_plan(Bench& bench, const std::string& name, int64_t planned, int64_t bound) {
    Row row{.name = name, .unit = "MB", .value = {double(planned) / 1e6, 0}};
    row.lower_is_better = true;
    row.ratio = Figure{double(planned) / double(bound), 0};
    row.of = "the bound";
    row.bar = bar;
    bench.add(std::move(row));
}

void measure_inference(Bench& bench, const Workload& workload, int64_t batch) {
    const Network network = instantiate(workload.build(), {.mode = Mode::inference, .batch = batch, .fold = true});
    const MemoryEstimate estimate = Plan::estimate(bench.device->profile(), network.graph, {network.logits});
    int64_t bound = 0;
    for (const MemoryEstimate::Step& step : estimate.steps) bound = std::max(bound, step.live_bytes);
    add_plan(bench, text(workload.label, ", inference, batch ", batch), estimate.workspace_bytes, bound);
}

void measure_training(Bench& bench, const Workload& workload, int64_t batch) {
    const std::string name = text(workload.label, ", train step, batch ", batch);
    if (!bench.has_time(name, 0)) return;
    try {
        const auto trainer = make_trainer(bench.device, workload, batch);
        add_plan(bench, name, trainer->accumulate_plan().workspace_bytes(), trainer->accumulate_plan().liveness_bytes());
    } catch (const Error& error) {
        if (error.code() != ErrorCode::out_of_device_memory) throw;
        bench.add_missing(name, error.what());
    }
}

// Device memory of a trainer, all it made included, while it lives.
int64_t bytes_of_trainer(Bench& bench, const Workload& workload, int64_t batch, int64_t micro_batch) {
    bench.device->reclaim();
    const int64_t before = bench.device->counters().memory_bytes;
    const auto trainer = make_trainer(bench.device, workload, batch, {{"micro_batch", micro_batch}});
    return bench.device->counters().memory_bytes - before;
}

void measure_accumulation(Bench& bench, const Workload& workload, int64_t micro_batch) {
    const int64_t one = bytes_of_trainer(bench, workload, micro_batch, micro_batch);
    const int64_t ten = bytes_of_trainer(bench, workload, 10 * micro_batch, micro_batch);
    Row row{.name = text(workload.label, ", a batch of ", 10 * micro_batch, " in parts of ", micro_batch, " adds"), .unit = "MB"};
    row.value = {double(ten - one) / 1e6, 0};
    row.lower_is_better = true;
    row.bar = accumulation_bar;
    row.note = text("to ", readable(double(one) / 1e6), " MB");
    bench.add(std::move(row));
}

} // namespace

void suite_memory(Bench& bench) {
    const Workload& small = workload("MobileNetV2 0.35/28");
    if (bench.quick()) {
        measure_inference(bench, small, 8);
        measure_training(bench, small, 8);
        return measure_accumulation(bench, small, 8);
    }
    for (const Workload& each : workloads())
        for (const int64_t batch : {1, 8}) measure_inference(bench, each, batch);
    measure_training(bench, small, 128);
    for (const char* label : {"MobileNetV2 1.0/224", "ResNet-18", "ResNet-50", "WRN-16-4"}) measure_training(bench, workload(label), 8);
    measure_accumulation(bench, small, 32);
    measure_accumulation(bench, workload("MobileNetV2 1.0/224"), 4);
}

} // namespace lemnos::bench
