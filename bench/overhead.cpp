// What a replayed train step costs the host, and how busy the device is while several are in flight. The host's work is the
// processor time of the thread that calls step(), which no wait adds to; the device's share is measured by its own
// timestamps around every submission, from the beginning of the first to the end of the last.
#include "bench/bench.h"

#include "plan/profile_report.h"

#include <algorithm>

namespace lemnos::bench {

namespace {

constexpr double host_bar = 50;   // microseconds a step
constexpr double busy_bar = 0.97; // of the time

// The device's work on submissions, of the time from the beginning of the first to the end of the last.
double busy_share(const Timeline& timeline) {
    TimeSpan span = timeline.submissions.front().device;
    for (const Timeline::Submission& each : timeline.submissions) {
        span.begin = std::min(span.begin, each.device.begin);
        span.end = std::max(span.end, each.device.end);
    }
    return busy_seconds(timeline) / span.seconds();
}

struct Counts {
    int64_t allocations, descriptor_writes, pipelines;
};

Counts counts_of(Device& device) {
    const DeviceCounters& counters = device.counters();
    return {counters.allocations, counters.descriptor_writes, counters.pipelines};
}

void add_count(Bench& bench, const std::string& name, int64_t count, int steps) {
    Row row{.name = name, .unit = "", .value = {double(count), 0}};
    row.lower_is_better = true;
    row.bar = 0;
    row.note = text("in ", steps, " steps");
    bench.add(std::move(row));
}

} // namespace

void suite_overhead(Bench& bench) {
    const Workload& workload = bench::workload("MobileNetV2 0.35/28");
    const int64_t batch = bench.quick() ? 8 : 128;
    const std::string name = text(workload.label, ", batch ", batch);
    const int rounds = bench.quick() ? 2 : 7, steps = bench.quick() ? 4 : 10;
    const auto trainer = make_trainer(bench.device, workload, batch);
    for (int i = 0; i < 4; ++i) trainer->step();
    trainer->progress(true);
    const Counts before = counts_of(*bench.device);
    std::vector<double> host, busy;
    for (int round = 0; round < rounds; ++round) {
        bench.device->start_profile({.dispatches = false, .ceilings = false});
        const double start = thread_seconds();
        for (int i = 0; i < steps; ++i) trainer->step();
        host.push_back((thread_seconds() - start) / steps * 1e6);
        trainer->progress(true);
        busy.push_back(100 * busy_share(bench.device->stop_profile()));
    }
    const Counts after = counts_of(*bench.device);
    Row work{.name = name + ", the host's work", .unit = "us a step", .value = figure_of(host)};
    work.lower_is_better = true;
    if (!bench.quick()) work.bar = host_bar;
    work.note = "processor time of the calling thread";
    bench.add(std::move(work));
    Row share{.name = name + ", the device is busy", .unit = "% of the time", .value = figure_of(busy)};
    if (!bench.quick()) share.bar = 100 * busy_bar;
    share.note = text(steps, " steps submitted as fast as slots come free");
    bench.add(std::move(share));
    add_count(bench, name + ", buffers made", after.allocations - before.allocations, rounds * steps);
    add_count(bench, name + ", descriptors written", after.descriptor_writes - before.descriptor_writes, rounds * steps);
    add_count(bench, name + ", pipelines made", after.pipelines - before.pipelines, rounds * steps);
}

} // namespace lemnos::bench
