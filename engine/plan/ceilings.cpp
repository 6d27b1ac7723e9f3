#include "plan/ceilings.h"

#include "plan/plan.h"

#include <algorithm>

namespace lemnos {

static constexpr int repetitions = 5;
static constexpr int64_t stream_bytes = int64_t(64) << 20; // far more than caches hold

static double best_seconds(Device& device, Plan& plan) {
    double best = 0;
    for (int i = 0; i <= repetitions; ++i) {
        device.wait(plan.run());
        double seconds = 0;
        for (const DispatchTime& time : plan.times()) seconds += time.seconds;
        if (i > 0 && seconds > 0) best = best == 0 ? seconds : std::min(best, seconds); // the first run compiles
    }
    return best;
}

static std::shared_ptr<Plan> compile(const std::shared_ptr<Device>& device, const Graph& graph, Bindings bindings, Value result,
                                     const char* name) {
    if (!bindings.contains(result)) {
        const int64_t bytes = graph.type(result).bytes();
        bindings[result] = {Buffer::create(device, BufferKind::device, bytes, name), 0, bytes};
    }
    return Plan::compile(device, graph, bindings, {.name = name, .timestamps = true});
}

static double measure_multiply_adds(const std::shared_ptr<Device>& device) {
    Graph graph;
    const bool cpu = device->profile().is_cpu;
    const Value y = graph.add("multiply_add_ceiling", {}, {{"groups", int64_t(cpu ? 64 : 8192)}, {"rounds", int64_t(cpu ? 2000 : 500)}});
    const std::shared_ptr<Plan> plan = compile(device, graph, {}, y, "multiply-add ceiling");
    const double seconds = best_seconds(*device, *plan);
    return seconds > 0 ? plan->flops() / seconds : 0;
}

static double measure_streams(const std::shared_ptr<Device>& device) {
    const DeviceProfile& profile = device->profile();
    const int64_t bytes = std::min({stream_bytes, profile.max_storage_range / binding_granularity * binding_granularity,
                                    profile.max_buffer_bytes / binding_granularity * binding_granularity});
    const TensorType type{DataType::f32, {bytes / 4}};
    Graph graph;
    Bindings bindings;
    std::vector<Value> streams;
    for (const char* name : {"first stream", "second stream"}) {
        streams.push_back(graph.input(name, type));
        const auto buffer = Buffer::create(device, BufferKind::device, bytes, name);
        device->fill(*buffer, 0, buffer->bytes(), 0);
        bindings[streams.back()] = {buffer, 0, bytes};
    }
    double best = 0;
    for (const StreamForm& form : stream_forms) {
        Graph each = graph;
        const Value y = each.add("stream_ceiling", streams, {{"writes", int64_t(1)}, {"lanes", form.lanes}, {"each", form.each}, {"item", form.item}});
        Bindings bound = bindings;
        bound[y] = bound[streams[0]];
        const std::shared_ptr<Plan> plan = compile(device, each, bound, y, "stream ceiling");
        const double seconds = best_seconds(*device, *plan);
        if (seconds > 0) best = std::max(best, 3.0 * double(bytes) / seconds); // two are read, one is written
    }
    return best;
}

Ceilings measure_ceilings(const std::shared_ptr<Device>& device) {
    const Device::KeepOpen open(*device);
    try {
        return {measure_multiply_adds(device), measure_streams(device)};
    } catch (const Error& error) {
        if (error.code() != ErrorCode::out_of_device_memory) throw;
        return {};
    }
}

} // namespace lemnos
