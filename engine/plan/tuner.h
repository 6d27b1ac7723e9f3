// The tuner, which works only when it is asked: for one problem, it times every kernel of the menu that can compute it, cut in
// every way, and notes the fastest in the device's decisions. Results come first: each candidate is compared with a kernel that
// runs everywhere (tiled, or depthwise_any), number by number, before it is timed.
#pragma once

#include "ops/convolution_menu.h"
#include "vulkan/device.h"

namespace lemnos {

struct TunedCandidate {
    KernelChoice choice;
    double seconds = 0;  // the median; 0 where it was not timed
    std::string refused; // why not; empty: it was timed
};

struct TuningResult {
    std::string problem;
    KernelDecision decision; // best and fallback are equal where nothing is faster by more than the noise
    double noise = 0;        // a part of the time: what two measurements of one kernel may differ by
    std::vector<TunedCandidate> candidates; // the fastest first, those that were refused last
};

// Candidates take turns, so that what else happens on the machine meets all of them; the slow ones drop out. Times are the
// device's own where it has timestamps. The result is among the device's decisions and on disk when it returns.
TuningResult tune_convolution(const std::shared_ptr<Device>& device, const std::string& problem);

} // namespace lemnos
