#include "plan/profile_report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace lemnos {

using Json = nlohmann::ordered_json;

// ---- numbers --------------------------------------------------------------------------------------------------------

std::vector<DispatchProfile> dispatch_profiles(const Timeline& timeline) {
    std::vector<DispatchProfile> profiles;
    std::map<const PlanInfo*, size_t> first; // row of each plan
    std::vector<std::vector<double>> seconds; // beside profiles
    for (const Timeline::Run& run : timeline.runs) {
        const auto [found, is_new] = first.emplace(run.plan.get(), profiles.size());
        if (is_new)
            for (const DispatchInfo& info : run.plan->dispatches) {
                profiles.push_back({run.plan->name, info, 0, 0, 0});
                seconds.emplace_back();
            }
        for (size_t i = 0; i < run.dispatches.size(); ++i) seconds[found->second + i].push_back(run.dispatches[i].seconds());
    }
    for (size_t i = 0; i < profiles.size(); ++i) {
        std::vector<double>& each = seconds[i];
        std::sort(each.begin(), each.end());
        profiles[i].runs = int64_t(each.size());
        for (double value : each) profiles[i].seconds += value;
        const size_t middle = each.size() / 2;
        profiles[i].median_seconds = each.size() % 2 ? each[middle] : (each[middle - 1] + each[middle]) / 2;
    }
    return profiles;
}

double busy_seconds(const Timeline& timeline) {
    std::vector<TimeSpan> spans;
    for (const Timeline::Submission& submission : timeline.submissions) spans.push_back(submission.device);
    std::sort(spans.begin(), spans.end(), [](const TimeSpan& a, const TimeSpan& b) { return a.begin < b.begin; });
    double busy = 0;
    int64_t until = INT64_MIN;
    for (const TimeSpan& span : spans) {
        const int64_t begin = std::max(span.begin, until);
        if (span.end > begin) busy += TimeSpan{begin, span.end}.seconds();
        until = std::max(until, span.end);
    }
    return busy;
}

static Json number_or_null(double value) { return value > 0 ? Json(value) : Json(); }

static Json numbers_of(const Timeline& timeline, const Ceilings& ceilings, const DeviceInfo& device) {
    Json dispatches = Json::array();
    double seconds = 0;
    for (const DispatchProfile& each : dispatch_profiles(timeline)) {
        const DispatchInfo& info = each.info;
        const double arithmetic = ceilings.arithmetic_seconds(info.flops), memory = ceilings.memory_seconds(info.bytes);
        const double bound = std::max(arithmetic, memory);
        const bool known = bound > 0 && each.median_seconds > 0;
        seconds += each.seconds;
        dispatches.push_back({{"plan", each.plan},
                              {"phase", info.phase},
                              {"layer", info.layer},
                              {"operator", info.op},
                              {"shader", info.shader},
                              {"specialisation", info.specialisation},
                              {"variant", info.variant},
                              {"refused", info.refused},
                              {"workgroups", info.groups},
                              {"flops", info.flops},
                              {"bytes", info.bytes},
                              {"runs", each.runs},
                              {"seconds", each.seconds},
                              {"median_seconds", each.median_seconds},
                              {"arithmetic_seconds", number_or_null(arithmetic)},
                              {"memory_seconds", number_or_null(memory)},
                              {"ceiling_share", known ? Json(bound / each.median_seconds) : Json()},
                              {"bound", !known ? Json() : Json(arithmetic >= memory ? "arithmetic" : "memory")}});
    }
    return {{"device", device.name},
            {"driver", device.driver},
            {"seconds", timeline.whole.seconds()},
            {"device_seconds", busy_seconds(timeline)},
            {"dispatch_seconds", seconds},
            {"submissions", timeline.submissions.size()},
            {"left_out", timeline.left_out},
            {"clock_error_seconds", double(timeline.clock_error) * 1e-9},
            {"ceilings", {{"flops_per_second", number_or_null(ceilings.flops)}, {"bytes_per_second", number_or_null(ceilings.bytes)}}},
            {"dispatches", std::move(dispatches)}};
}

// ---- events ---------------------------------------------------------------------------------------------------------

// Processes and threads of a trace are its groups and lanes.
static constexpr int host_process = 1, device_process = 2, queue_lane = 1;

static Json event(const char* phase, const std::string& name, int process, int lane, double microseconds) {
    return {{"ph", phase}, {"name", name}, {"pid", process}, {"tid", lane}, {"ts", microseconds}};
}

static double microseconds(int64_t ns) { return double(ns) * 1e-3; }

static Json span(const std::string& name, const char* category, int process, int lane, const TimeSpan& time, Json arguments) {
    Json json = event("X", name, process, lane, microseconds(time.begin));
    json["dur"] = microseconds(time.end - time.begin);
    json["cat"] = category;
    json["args"] = std::move(arguments);
    return json;
}

static Json label(const char* what, const std::string& name, int process, int lane) {
    return {{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", lane}, {"args", {{"name", name}}}};
}

static Json events_of(const Timeline& timeline, const DeviceInfo& device) {
    Json events = Json::array();
    events.push_back(label("process_name", "host", host_process, 0));
    events.push_back(label("process_name", device.name, device_process, 0));
    events.push_back(label("thread_name", "queue", device_process, queue_lane));
    std::set<int32_t> threads;
    for (const Timeline::Submission& each : timeline.submissions) threads.insert(each.thread);
    for (const Timeline::Wait& each : timeline.waits) threads.insert(each.thread);
    for (int32_t thread : threads) events.push_back(label("thread_name", text("thread ", thread), host_process, thread + 1));

    for (const Timeline::Submission& each : timeline.submissions) {
        events.push_back(span(text("submit ", each.name), "submit", host_process, each.thread + 1, each.host, {{"ticket", each.ticket}}));
        events.push_back(span(each.name, "submission", device_process, queue_lane, each.device, {{"ticket", each.ticket}}));
        Json from = event("s", each.name, host_process, each.thread + 1, microseconds(each.host.begin));
        Json to = event("f", each.name, device_process, queue_lane, microseconds(each.device.begin));
        for (Json* arrow : {&from, &to}) {
            (*arrow)["cat"] = "ticket";
            (*arrow)["id"] = each.ticket;
        }
        to["bp"] = "e"; // it ends at what begins there
        events.push_back(std::move(from));
        events.push_back(std::move(to));
    }
    for (const Timeline::Wait& each : timeline.waits)
        events.push_back(span("wait", "wait", host_process, each.thread + 1, each.host, {{"ticket", each.ticket}}));
    for (const Timeline::Run& run : timeline.runs)
        for (size_t i = 0; i < run.dispatches.size(); ++i) {
            const DispatchInfo& info = run.plan->dispatches[i];
            Json arguments{{"operator", info.op}, {"layer", info.layer}, {"phase", info.phase}, {"plan", run.plan->name},
                           {"shader", info.shader}, {"specialisation", info.specialisation}, {"workgroups", info.groups},
                           {"flops", info.flops}, {"bytes", info.bytes}};
            if (!info.variant.empty()) arguments["variant"] = info.variant;
            const double seconds = run.dispatches[i].seconds();
            if (info.flops > 0 && seconds > 0) arguments["GFLOP/s"] = info.flops / seconds * 1e-9;
            if (seconds > 0) arguments["GB/s"] = info.bytes / seconds * 1e-9;
            events.push_back(span(info.layer.empty() ? info.op : text(info.op, " ", info.layer), "dispatch", device_process, queue_lane,
                                  run.dispatches[i], std::move(arguments)));
        }
    return events;
}

std::string profile_json(const Timeline& timeline, const Ceilings& ceilings, const DeviceInfo& device) {
    const Json json{{"displayTimeUnit", "ms"}, {"profile", numbers_of(timeline, ceilings, device)}, {"traceEvents", events_of(timeline, device)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace lemnos
