// From the start of a process to its first finished train step of a small network, with caches that are empty (the driver's
// and Lemnos's own, in a folder that is new) and with those of the run before; PyTorch's way to the same; and the size of
// the library without its symbols.
#include "bench/bench.h"

#include "support/file.h"

#include <filesystem>

namespace lemnos::bench {

namespace {

constexpr double warm_bar = 1, cold_bar = 5; // seconds, on software Vulkan
constexpr double size_bar = 8;               // MiB

double seconds_to_done(const std::vector<std::string>& command, const std::vector<std::pair<std::string, std::string>>& environment,
                       std::string& reason) {
    const double start = now();
    ChildProcess process(command, environment);
    std::string line;
    const bool done = process.read_line(line) && line == "done";
    const double seconds = now() - start;
    process.wait();
    if (!done) reason = line.starts_with("missing ") ? line.substr(8) : text("it ended without a finished step");
    return seconds;
}

std::vector<std::pair<std::string, std::string>> caches_in(const std::string& folder) {
    return {{"MESA_SHADER_CACHE_DIR", folder}, {"MESA_SHADER_CACHE_DISABLE", "false"}, {"XDG_CACHE_HOME", folder},
            {"__GL_SHADER_DISK_CACHE_PATH", folder}};
}

void measure_start(Bench& bench, bool cold, const std::string& warm_folder) {
    std::vector<std::string> command{LEMNOS_FIRST_STEP};
    if (!bench.options.device.empty()) command.push_back(bench.options.device);
    std::vector<double> seconds;
    std::string reason;
    const int repetitions = bench.quick() ? 1 : cold ? 3 : 5;
    for (int i = 0; i < repetitions && reason.empty(); ++i) {
        const TemporaryFolder fresh;
        seconds.push_back(seconds_to_done(command, caches_in(cold ? fresh.path() : warm_folder), reason));
    }
    const std::string name = cold ? "first train step, empty caches" : "first train step, filled caches";
    if (!reason.empty()) return bench.add_missing(name, reason);
    Row row{.name = name, .unit = "s", .value = figure_of(seconds)};
    row.lower_is_better = true;
    if (bench.device->profile().is_cpu) row.bar = cold ? cold_bar : warm_bar;
    row.note = "MobileNetV2 0.35 at 28, batch 32, by the C API";
    bench.add(std::move(row));
}

void measure_pytorch(Bench& bench) {
    const std::string name = "first train step, PyTorch";
    if (!bench.options.peers) return;
    const Peer& peer = bench.peers.pytorch();
    if (!peer.missing().empty()) return bench.add_missing(name, peer.missing());
    std::vector<double> seconds;
    std::string reason;
    for (int i = 0; i < (bench.quick() ? 1 : 3) && reason.empty(); ++i)
        seconds.push_back(seconds_to_done({peer.python(), LEMNOS_BENCH_FOLDER "/peers/peer.py", "pytorch",
                                           bench.device->profile().is_cpu ? "cpu" : "gpu", "first-step"}, {}, reason));
    if (!reason.empty()) return bench.add_missing(name, reason);
    Row row{.name = name, .unit = "s", .value = figure_of(seconds)};
    row.lower_is_better = true;
    row.note = text(peer.name(), ", the same network and batch");
    bench.add(std::move(row));
}

void measure_size(Bench& bench) {
    const std::string name = "liblemnos.so, stripped";
    const TemporaryFolder folder;
    const std::string copy = folder.path() + "/library";
    ChildProcess strip({"strip", "-o", copy, LEMNOS_LIBRARY});
    if (strip.wait() != 0 || !file_exists(copy)) return bench.add_missing(name, "the program strip is not installed or refused it");
    Row row{.name = name, .unit = "MiB", .value = {double(std::filesystem::file_size(copy)) / (1 << 20), 0}};
    row.lower_is_better = true;
    row.bar = size_bar;
    bench.add(std::move(row));
}

} // namespace

void suite_first_use(Bench& bench) {
    measure_size(bench);
    measure_start(bench, true, "");
    const TemporaryFolder warm;
    std::string reason;
    std::vector<std::string> command{LEMNOS_FIRST_STEP};
    if (!bench.options.device.empty()) command.push_back(bench.options.device);
    seconds_to_done(command, caches_in(warm.path()), reason); // fills them
    measure_start(bench, false, warm.path());
    measure_pytorch(bench);
}

} // namespace lemnos::bench
