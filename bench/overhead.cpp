// What a replayed train step costs the host, and how busy the device is while several are in flight. The host's work is the
// processor time of the thread that calls step(), the driver's part in it included, beyond what the driver's waits take: a
// thread that sleeps and is woken costs the system's time, too, and a row of its own says how much. The device's share is
// measured in other rounds, by its own timestamps around every submission, from the beginning of the first to the end of the last.
#include "bench/bench.h"

#include "plan/profile_report.h"
#include "vulkan/instance.h"

#include <algorithm>
#include <string_view>

namespace lemnos::bench {

namespace {

constexpr double host_bar = 50;   // microseconds a step
constexpr double busy_bar = 0.97; // of the time

// Stands between the engine and Vulkan, whose functions are given no user pointer, and adds up the processor time of two. Its
// own clock, which is read twice a call, counts as work of the host.
struct Driver {
    double waits = 0, submissions = 0; // seconds of the calling thread
    PFN_vkGetInstanceProcAddr instance_source = nullptr;
    PFN_vkGetDeviceProcAddr device_source = nullptr;
    PFN_vkWaitForFences wait_for_fences = nullptr;
    PFN_vkQueueSubmit queue_submit = nullptr;
} driver;

template <typename Call>
VkResult timed(double& seconds, const Call& call) {
    const double start = thread_seconds();
    const VkResult result = call();
    seconds += thread_seconds() - start;
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL wait_for_fences(VkDevice device, uint32_t count, const VkFence* fences, VkBool32 all, uint64_t timeout) {
    return timed(driver.waits, [&] { return driver.wait_for_fences(device, count, fences, all, timeout); });
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, uint32_t count, const VkSubmitInfo* infos, VkFence fence) {
    return timed(driver.submissions, [&] { return driver.queue_submit(queue, count, infos, fence); });
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_source(VkDevice device, const char* name) {
    const PFN_vkVoidFunction real = driver.device_source(device, name);
    const std::string_view wanted(name);
    if (wanted == "vkWaitForFences") {
        driver.wait_for_fences = reinterpret_cast<PFN_vkWaitForFences>(real);
        return reinterpret_cast<PFN_vkVoidFunction>(&wait_for_fences);
    }
    if (wanted == "vkQueueSubmit") {
        driver.queue_submit = reinterpret_cast<PFN_vkQueueSubmit>(real);
        return reinterpret_cast<PFN_vkVoidFunction>(&queue_submit);
    }
    return real;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_source(VkInstance instance, const char* name) {
    const PFN_vkVoidFunction real = driver.instance_source(instance, name);
    if (std::string_view(name) != "vkGetDeviceProcAddr") return real;
    driver.device_source = reinterpret_cast<PFN_vkGetDeviceProcAddr>(real);
    return reinterpret_cast<PFN_vkVoidFunction>(&device_source);
}

// The device of the other suites once more, its driver timed.
std::shared_ptr<Device> open_timed(const std::string& wanted) {
    static const SharedLibrary loader(loader_names, int(std::size(loader_names)));
    driver.instance_source = reinterpret_cast<PFN_vkGetInstanceProcAddr>(loader.symbol("vkGetInstanceProcAddr"));
    DeviceOptions options;
    options.wanted = wanted;
    options.get_instance_proc_addr = &instance_source;
    return Device::open(options);
}

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
    const std::shared_ptr<Device> device = open_timed(bench.options.device);
    const auto trainer = make_trainer(device, workload, batch);
    for (int i = 0; i < 4; ++i) trainer->step();
    trainer->progress(true);
    const Counts before = counts_of(*device);
    std::vector<double> host, submissions, waits, busy;
    for (int round = 0; round < rounds; ++round) {
        driver.waits = driver.submissions = 0;
        const double start = thread_seconds();
        for (int i = 0; i < steps; ++i) trainer->step();
        const double all = thread_seconds() - start;
        host.push_back((all - driver.waits) / steps * 1e6);
        submissions.push_back(driver.submissions / steps * 1e6);
        waits.push_back(driver.waits / steps * 1e6);
        trainer->progress(true);
        device->start_profile({.dispatches = false, .ceilings = false});
        for (int i = 0; i < steps; ++i) trainer->step();
        trainer->progress(true);
        busy.push_back(100 * busy_share(device->stop_profile()));
    }
    const Counts after = counts_of(*device);
    const auto time_row = [&](const char* what, const std::vector<double>& times, const char* note) {
        Row row{.name = text(name, ", ", what), .unit = "us a step", .value = figure_of(times)};
        row.lower_is_better = true;
        row.note = note;
        return row;
    };
    Row work = time_row("the host's work", host, "processor time of the calling thread beyond the driver's waits");
    if (!bench.quick()) work.bar = host_bar;
    bench.add(std::move(work));
    bench.add(time_row("of it the driver's submission", submissions, "in vkQueueSubmit"));
    bench.add(time_row("waits beside it", waits, "processor time in vkWaitForFences, asleep and woken"));
    Row share{.name = name + ", the device is busy", .unit = "% of the time", .value = figure_of(busy)};
    if (!bench.quick()) share.bar = 100 * busy_bar;
    share.note = text(steps, " steps submitted as fast as slots come free");
    bench.add(std::move(share));
    add_count(bench, name + ", buffers made", after.allocations - before.allocations, 2 * rounds * steps);
    add_count(bench, name + ", descriptors written", after.descriptor_writes - before.descriptor_writes, 2 * rounds * steps);
    add_count(bench, name + ", pipelines made", after.pipelines - before.pipelines, 2 * rounds * steps);
}

} // namespace lemnos::bench
