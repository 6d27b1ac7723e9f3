#include "models/channel_groups.h"

#include <algorithm>

namespace lemnos {

// The paper finds 2 to 5 groups the best; more, in growing steps, only where the limit demands it.
static int64_t more_groups(int64_t groups, int64_t channels) {
    return std::min(channels, groups < 6 ? groups + 1 : groups + groups / 2);
}

std::span<const AttributeSpec> memory_options() {
    static const std::vector<AttributeSpec> specs{
        integer_attribute("memory_limit", 0, 0, INT64_MAX,
                          "Bytes that activations may take; blocks run in groups of channels where they must; 0: no limit."),
        integer_attribute("channel_groups", 0, 0, 65536,
                          "Groups of channels that every block which can be split runs in; 1: none is; 0: as few as the "
                          "limit allows."),
        boolean_attribute("least_memory", false, "The least memory for activations that there can be, whatever it costs.")};
    return specs;
}

MemoryOptions memory_options_from(const Attributes& given, const std::string& owner) {
    const MemoryOptions options{given.integer("memory_limit"), given.integer("channel_groups"), given.boolean("least_memory")};
    require(!options.least || (options.channel_groups == 0 && options.limit == 0), owner,
            ": least_memory goes with neither memory_limit nor channel_groups.");
    return options;
}

namespace {

struct Trial {
    MemoryEstimate estimate;
    std::vector<Network::Transform> transforms;
};

} // namespace

MemoryPlan plan_memory(const Architecture& architecture, NetworkOptions network_options, const DeviceProfile& profile,
                       const MemoryOptions& options, const FinishNetwork& finish) {
    MemoryPlan plan;
    const auto try_groups = [&](std::vector<int64_t> groups) {
        network_options.channel_groups = std::move(groups);
        Network network = instantiate(architecture, network_options);
        const std::vector<Value> results = finish(network);
        return Trial{Plan::estimate(profile, network.graph, results), std::move(network.transforms)};
    };
    Trial trial = try_groups({});
    const size_t count = trial.transforms.size();
    plan.channel_groups.assign(count, 1);
    plan.workspace_bytes = plan.workspace_bytes_without = trial.estimate.workspace_bytes;
    const auto refuse = [&](int64_t least) {
        fail(ErrorCode::out_of_device_memory, "The activations of ", architecture.name, " in batches of ", network_options.batch,
             " take at least ", least, " bytes",
             options.channel_groups == 1  ? " without groups of channels"
             : options.channel_groups > 1 ? text(" in ", options.channel_groups, " groups of channels")
                                          : "",
             " (the memory limit is ", options.limit, " bytes).");
    };
    const bool fits = options.limit == 0 || plan.workspace_bytes <= options.limit;
    if (options.channel_groups > 1) {
        if (count == 0 && network_options.weigh)
            fail(ErrorCode::unsupported, "The model ", architecture.name,
                 " weighs images' own moments, so its blocks cannot run in groups of channels (set its alphas to 0, or "
                 "channel_groups to 1).");
        if (count == 0)
            fail(ErrorCode::unsupported, "The model ", architecture.name,
                 " has no block that can run in groups of channels: an expansion, a depthwise convolution and a projection, "
                 "each with batch normalisation.");
        for (size_t i = 0; i < count; ++i)
            plan.channel_groups[i] = std::min(options.channel_groups, trial.transforms[i].channels);
        plan.workspace_bytes = try_groups(plan.channel_groups).estimate.workspace_bytes;
        if (options.limit && plan.workspace_bytes > options.limit) refuse(plan.workspace_bytes);
        return plan;
    }
    if (options.channel_groups == 1 && !fits) refuse(plan.workspace_bytes);
    if (options.channel_groups == 1 || (fits && !options.least)) return plan;

    // Raises the groups of whatever is at the peak, until all fits or what is there cannot be split further.
    std::vector<int64_t> groups = plan.channel_groups;
    for (;;) {
        std::map<int32_t, size_t> transform_of;
        for (size_t i = 0; i < count; ++i)
            for (int32_t node : trial.transforms[i].nodes) transform_of[node] = i;
        const auto& steps = trial.estimate.steps;
        const auto peak = std::max_element(steps.begin(), steps.end(),
                                           [](const auto& a, const auto& b) { return a.live_bytes < b.live_bytes; });
        const auto found = peak == steps.end() ? transform_of.end() : transform_of.find(peak->node);
        if (found == transform_of.end()) break;
        int64_t& raised = groups[found->second];
        const int64_t more = more_groups(raised, trial.transforms[found->second].channels);
        if (more == raised) break;
        raised = more;
        trial = try_groups(groups);
        if (trial.estimate.workspace_bytes < plan.workspace_bytes) {
            plan.workspace_bytes = trial.estimate.workspace_bytes;
            plan.channel_groups = groups;
        }
        if (options.limit && plan.workspace_bytes <= options.limit) return plan;
    }
    if (options.limit) refuse(plan.workspace_bytes);
    return plan;
}

} // namespace lemnos
