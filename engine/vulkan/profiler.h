// What the device and the host do, and when, while somebody asks for it: every submission between two timestamps of the
// device, in it every dispatch between two more, and on the host's side the submissions and the waits. When nobody asks, a
// device has no profiler, and that costs the test of a pointer.
//
// Two clocks: a submission that takes nothing but the device's time is made at the beginning and at the end. That time lies
// between the host's before and after it, so the narrowest of a few tells where ticks lie on the host's clock, and how far the
// two may be shifted against each other.
#pragma once

#include "vulkan/commands.h"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace lemnos {

// One dispatch of a plan, in words and numbers.
struct DispatchInfo {
    std::string op, layer; // the operator, and the part of the network that it belongs to
    std::string phase;     // "forward", "backward"; of a plan without gradients its name
    std::string shader, specialisation; // constants, with blanks between them
    std::string variant, refused;       // what a menu of kernels chose, and what it refused before; may be empty
    std::array<uint32_t, 3> groups{1, 1, 1};
    double flops = 0, bytes = 0; // bytes: of its operands, each once
};

struct PlanInfo {
    std::string name;
    std::vector<DispatchInfo> dispatches;
};

struct ProfilerOptions {
    bool dispatches = true; // each by itself, which makes it wait for the one before
    bool ceilings = true;   // for whoever reports; nothing that the profiler does
};

// In nanoseconds of the host's clock since the profile began.
struct TimeSpan {
    int64_t begin = 0, end = 0;
    double seconds() const { return double(end - begin) * 1e-9; }
};

struct Timeline {
    struct Submission {
        std::string name;
        int64_t ticket = 0;
        int32_t thread = 0; // from 0, in the order in which they were first seen
        TimeSpan host, device;
    };
    struct Wait {
        int64_t ticket = 0;
        int32_t thread = 0;
        TimeSpan host;
    };
    struct Run { // of a plan
        std::shared_ptr<const PlanInfo> plan;
        std::vector<TimeSpan> dispatches;
    };
    std::vector<Submission> submissions;
    std::vector<Wait> waits;
    std::vector<Run> runs;
    ProfilerOptions options;
    TimeSpan whole;
    int64_t clock_error = 0; // nanoseconds
    int64_t left_out = 0;    // submissions that came when the timeline was full
};

class Profiler {
  public:
    // Throws unsupported where the device has no timestamps.
    Profiler(Device& device, const ProfilerOptions& options);
    ~Profiler(); // nothing of it is in flight any more
    Profiler(const Profiler&) = delete;
    Profiler& operator=(const Profiler&) = delete;

    const ProfilerOptions& options() const { return options_; }
    int64_t now() const; // since it began

    // Timestamps, of which `count` may be recorded; they live as long as the profiler. Not in flight: free.
    struct Queries {
        VkQueryPool pool = VK_NULL_HANDLE;
        uint32_t count = 0;
        bool in_flight = false;
    };
    std::shared_ptr<Queries> make_queries(uint32_t count);
    // A run of a plan whose dispatches write two of the queries each; its last submission has this ticket.
    void add_run(std::shared_ptr<const PlanInfo> plan, std::shared_ptr<Queries> queries, int64_t ticket);

    // What is submitted before and after a submission, to time it; null when there is no room for more.
    struct Mark {
        VkCommandBuffer before = VK_NULL_HANDLE, after = VK_NULL_HANDLE;
        std::shared_ptr<Queries> queries;
    };
    std::shared_ptr<Mark> mark();
    void add_submission(std::shared_ptr<Mark> mark, const char* name, int64_t ticket, int64_t begin);
    void add_wait(int64_t ticket, int64_t begin);

    // Reads the timestamps of all that is done up to this ticket.
    void harvest(int64_t completed);
    // Ends it, when all submitted work is done.
    Timeline finish();

  private:
    struct Moment { // the same instant on both clocks
        uint64_t ticks = 0;
        int64_t host = 0, error = 0;
    };
    Moment measure_clocks();
    std::vector<uint64_t> read(const Queries& queries) const;
    int32_t this_thread();
    int64_t place(uint64_t ticks) const;

    using Ticks = std::vector<uint64_t>;
    struct PendingRun {
        std::shared_ptr<const PlanInfo> plan;
        std::shared_ptr<Queries> queries;
        int64_t ticket;
    };
    struct PendingSubmission {
        std::shared_ptr<Mark> mark;
        size_t index; // of timeline_.submissions
        int64_t ticket;
    };

    Device& device_;
    const ProfilerOptions options_;
    const double tick_ns_;
    const uint64_t mask_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

    std::mutex mutex_; // of all that follows; the device's queue lock may be held
    CommandPool pool_;
    std::vector<std::shared_ptr<Queries>> queries_;
    std::vector<std::shared_ptr<Mark>> free_marks_;
    std::vector<PendingRun> pending_runs_;
    std::vector<PendingSubmission> pending_submissions_;
    Timeline timeline_;                                   // without times of the device
    std::vector<std::array<uint64_t, 2>> submission_ticks_; // beside timeline_.submissions
    std::vector<Ticks> run_ticks_;                          // beside timeline_.runs
    size_t events_ = 0;
    std::map<std::thread::id, int32_t> threads_;
    Moment begin_;
    double correction_ = 0; // of the clocks' drift, in nanoseconds a nanosecond
};

} // namespace lemnos
