// Plans: graphs compiled for a device.
#include "guard.h"

#include <map>

namespace lemnos::capi {
Value decode(const Graph& graph, int32_t value, const char* what); // in graph.cpp
}

using namespace lemnos;
using namespace lemnos::capi;

// A value's memory must be of its type, and a tensor that a plan writes must not stand for another value as
// well.
static Bindings bind_tensors(const lem_device& device, const Graph& graph, std::span<const int32_t> values,
                             std::span<lem_tensor* const> tensors) {
    Bindings bindings;
    std::map<const lem_tensor*, std::pair<int32_t, bool>> users; // the value, and whether it is computed
    bool computes = false;
    for (size_t i = 0; i < values.size(); ++i) {
        const Value value = decode(graph, values[i], "values");
        const lem_tensor& tensor = need(tensors[i], "tensors");
        require(tensor.device == device.device, "The tensor of value ", values[i],
                " is on another device than the plan.");
        require(tensor.type == graph.type(value), "The value ", values[i], " is ",
                to_string(graph.type(value)), ", and its tensor is ", to_string(tensor.type), ".");
        require(bindings.emplace(value, tensor.view).second, "The value ", values[i], " is bound twice.");
        const bool computed = graph.node(value.node).op != nullptr;
        const auto [user, first] = users.emplace(&tensor, std::pair{values[i], computed});
        require(first || (!computed && !user->second.second), "One tensor is bound to the values ",
                user->second.first, " and ", values[i], "; a result needs a tensor of its own.");
        computes |= computed;
    }
    require(computes, "No result is bound to a tensor, so there is nothing to compute.");
    return bindings;
}

lem_result lem_plan_create(lem_device* device, lem_graph* graph, const int32_t* values,
                           lem_tensor* const* tensors, int32_t count, lem_plan** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        const Graph& source = need(graph, "graph").graph;
        need(out, "out");
        need_range(count, 0, INT32_MAX, "count");
        const auto lock = enter(*device);
        const Bindings bindings = bind_tensors(*device, source, need_array(values, count, "values"),
                                               need_array(tensors, count, "tensors"));
        *out = new lem_plan(*device, Plan::compile(device->device, source, bindings));
    });
}

void lem_plan_release(lem_plan* plan) { release(plan); }

lem_result lem_plan_workspace(lem_plan* plan, int64_t* out_bytes) {
    return guarded([&] {
        clear(out_bytes);
        need(out_bytes, "out_bytes") = need(plan, "plan").plan->workspace_bytes();
    });
}

static int64_t submit(lem_plan& plan) {
    const std::lock_guard lock(plan.submission);
    return plan.plan->run();
}

lem_result lem_plan_run_async(lem_plan* plan, int64_t* out_ticket) {
    return guarded([&] {
        clear(out_ticket);
        const auto lock = enter(need(plan, "plan"));
        need(out_ticket, "out_ticket");
        *out_ticket = submit(*plan);
    });
}

lem_result lem_plan_run(lem_plan* plan) {
    return guarded([&] {
        const auto lock = enter(need(plan, "plan"));
        if (!plan->device->wait(submit(*plan)))
            fail(ErrorCode::timeout, "The plan did not finish within a day.");
    });
}
