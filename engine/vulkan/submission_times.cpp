#include "vulkan/submission_times.h"

namespace lemnos {

SubmissionTimes::SubmissionTimes(Device& device, size_t slots) : device_(device), pool_(device) {
    if (device.profile().timestamp_ns == 0)
        fail(ErrorCode::unsupported, "The device ", device.info().name, " has no timestamps of 64 bits, so it cannot say how busy it is.");
    VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = uint32_t(2 * slots);
    check(device.functions().vkCreateQueryPool(device.handle(), &info, nullptr, &queries_), "creating a query pool");
    try {
        for (uint32_t slot = 0; slot < uint32_t(slots); ++slot) {
            before_.push_back(pool_.allocate());
            CommandRecorder before(device, before_.back(), true);
            device.functions().vkCmdResetQueryPool(before_.back(), queries_, 2 * slot, 2);
            before.timestamp(queries_, 2 * slot);
            before.finish();
            after_.push_back(pool_.allocate());
            CommandRecorder after(device, after_.back(), true);
            after.timestamp(queries_, 2 * slot + 1);
            after.finish();
        }
    } catch (...) {
        device.functions().vkDestroyQueryPool(device.handle(), queries_, nullptr);
        throw;
    }
}

SubmissionTimes::~SubmissionTimes() { device_.functions().vkDestroyQueryPool(device_.handle(), queries_, nullptr); }

void SubmissionTimes::take(size_t slot) {
    uint64_t ticks[2];
    check(device_.functions().vkGetQueryPoolResults(device_.handle(), queries_, uint32_t(2 * slot), 2, sizeof ticks, ticks, sizeof ticks[0],
                                                    VK_QUERY_RESULT_64_BIT),
          "reading timestamps");
    if (total_.submissions == 0) first_ = ticks[0];
    last_ = ticks[1];
    total_.busy += double(ticks[1] - ticks[0]) * device_.profile().timestamp_ns * 1e-9;
    ++total_.submissions;
}

BusyTime SubmissionTimes::total() const {
    BusyTime total = total_;
    if (total.submissions > 0) total.span = double(last_ - first_) * device_.profile().timestamp_ns * 1e-9;
    return total;
}

} // namespace lemnos
