// What a timeline says, as one JSON text: Chrome's trace events, which ui.perfetto.dev shows as they are, and beside them what
// each dispatch took and how far that is from what the device can do.
#pragma once

#include "plan/ceilings.h"
#include "vulkan/profiler.h"

#include <string>

namespace lemnos {

// A dispatch of a plan over all its runs.
struct DispatchProfile {
    std::string plan;
    DispatchInfo info;
    int64_t runs = 0;
    double seconds = 0, median_seconds = 0; // in all; of one run
};
std::vector<DispatchProfile> dispatch_profiles(const Timeline& timeline);

// Seconds of the device's spans, overlaps counted once.
double busy_seconds(const Timeline& timeline);

std::string profile_json(const Timeline& timeline, const Ceilings& ceilings, const DeviceInfo& device);

} // namespace lemnos
