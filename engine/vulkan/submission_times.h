// When the device began and ended every submission, by its own clock: how busy it was while the host worked beside it. Each
// submission goes between two command buffers that note the time; they are recorded once for every slot of the device's ring.
#pragma once

#include "vulkan/commands.h"

namespace lemnos {

struct BusyTime {
    double busy = 0; // seconds in which the device worked on submissions
    double span = 0; // from the beginning of the first to the end of the last of them
    int64_t submissions = 0;
};

class SubmissionTimes {
  public:
    SubmissionTimes(Device& device, size_t slots); // unsupported where the device has no timestamps
    ~SubmissionTimes();
    SubmissionTimes(const SubmissionTimes&) = delete;
    SubmissionTimes& operator=(const SubmissionTimes&) = delete;

    VkCommandBuffer before(size_t slot) const { return before_[slot]; }
    VkCommandBuffer after(size_t slot) const { return after_[slot]; }
    void take(size_t slot); // its submission is done; in the order of submission
    BusyTime total() const;
    void reset() { total_ = {}; }

  private:
    Device& device_;
    CommandPool pool_;
    VkQueryPool queries_ = VK_NULL_HANDLE; // two a slot
    std::vector<VkCommandBuffer> before_, after_;
    BusyTime total_;
    uint64_t first_ = 0, last_ = 0; // ticks
};

} // namespace lemnos
