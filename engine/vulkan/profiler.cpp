#include "vulkan/profiler.h"

#include <algorithm>
#include <cmath>

namespace lemnos {

static constexpr size_t most_events = 2'000'000; // dispatches, submissions and waits; some hundred bytes each
static constexpr int clock_rounds = 5;

Profiler::Profiler(Device& device, const ProfilerOptions& options)
    : device_(device), options_(options), tick_ns_(device.profile().timestamp_ns), mask_(device.profile().timestamp_mask),
      pool_(device) {
    if (tick_ns_ == 0)
        fail(ErrorCode::unsupported, "The device ", device.info().name,
             " has no timestamps, so what its work takes cannot be measured.");
    begin_ = measure_clocks();
    start_ = std::chrono::steady_clock::now();
    begin_.host = -std::chrono::duration_cast<std::chrono::nanoseconds>(start_.time_since_epoch()).count() + begin_.host;
    timeline_.options = options;
}

Profiler::~Profiler() {
    for (const auto& queries : queries_) device_.functions().vkDestroyQueryPool(device_.handle(), queries->pool, nullptr);
}

static int64_t since_epoch() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t Profiler::now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_).count();
}

std::shared_ptr<Profiler::Queries> Profiler::make_queries(uint32_t count) {
    const std::lock_guard lock(mutex_);
    auto queries = std::make_shared<Queries>();
    queries->count = count;
    queries_.reserve(queries_.size() + 1); // so that no pool is lost
    VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = count;
    check(device_.functions().vkCreateQueryPool(device_.handle(), &info, nullptr, &queries->pool), "creating a query pool");
    queries_.push_back(queries);
    return queries;
}

std::vector<uint64_t> Profiler::read(const Queries& queries) const {
    std::vector<uint64_t> ticks(queries.count);
    check(device_.functions().vkGetQueryPoolResults(device_.handle(), queries.pool, 0, queries.count, ticks.size() * 8,
                                                    ticks.data(), 8, VK_QUERY_RESULT_64_BIT),
          "reading timestamps");
    return ticks;
}

// ---- clocks ---------------------------------------------------------------------------------------------------------

Profiler::Moment Profiler::measure_clocks() {
    const std::shared_ptr<Queries> queries = make_queries(1);
    const VkCommandBuffer commands = pool_.allocate();
    CommandRecorder recorder(device_, commands, true);
    recorder.reset_timestamps(queries->pool, 1);
    recorder.timestamp(queries->pool, 0);
    recorder.finish();
    Moment best;
    for (int round = 0; round < clock_rounds; ++round) {
        const int64_t before = since_epoch();
        device_.wait(device_.submit({&commands, 1}, "reading the clock"));
        const int64_t after = since_epoch();
        const int64_t error = (after - before + 1) / 2;
        if (round == 0 || error < best.error) best = {read(*queries)[0] & mask_, before + error, error};
    }
    return best;
}

// Ticks wrap around at the end of their bits, which is hours away from where they began.
int64_t Profiler::place(uint64_t ticks) const {
    const double since = double((ticks - begin_.ticks) & mask_) * tick_ns_;
    return begin_.host + int64_t(std::llround(since + since * correction_));
}

// ---- events ---------------------------------------------------------------------------------------------------------

int32_t Profiler::this_thread() { return threads_.emplace(std::this_thread::get_id(), int32_t(threads_.size())).first->second; }

void Profiler::add_run(std::shared_ptr<const PlanInfo> plan, std::shared_ptr<Queries> queries, int64_t ticket) {
    const std::lock_guard lock(mutex_);
    queries->in_flight = true;
    pending_runs_.push_back({std::move(plan), std::move(queries), ticket});
}

std::shared_ptr<Profiler::Mark> Profiler::mark() {
    {
        const std::lock_guard lock(mutex_);
        if (events_ >= most_events) return nullptr;
        if (!free_marks_.empty()) {
            std::shared_ptr<Mark> mark = std::move(free_marks_.back());
            free_marks_.pop_back();
            return mark;
        }
    }
    auto mark = std::make_shared<Mark>();
    mark->queries = make_queries(2);
    const std::lock_guard lock(mutex_);
    for (uint32_t index = 0; index < 2; ++index) {
        VkCommandBuffer& commands = index == 0 ? mark->before : mark->after;
        commands = pool_.allocate();
        CommandRecorder recorder(device_, commands, true);
        if (index == 0) recorder.reset_timestamps(mark->queries->pool, 2);
        recorder.timestamp(mark->queries->pool, index);
        recorder.finish();
    }
    return mark;
}

void Profiler::add_submission(std::shared_ptr<Mark> mark, const char* name, int64_t ticket, int64_t begin) {
    const int64_t end = now();
    const std::lock_guard lock(mutex_);
    if (!mark) {
        ++timeline_.left_out;
        return;
    }
    ++events_;
    timeline_.submissions.push_back({name, ticket, this_thread(), {begin, end}, {}});
    submission_ticks_.push_back({});
    pending_submissions_.push_back({std::move(mark), timeline_.submissions.size() - 1, ticket});
}

void Profiler::add_wait(int64_t ticket, int64_t begin) {
    const int64_t end = now();
    const std::lock_guard lock(mutex_);
    if (events_ >= most_events) return;
    ++events_;
    timeline_.waits.push_back({ticket, this_thread(), {begin, end}});
}

void Profiler::harvest(int64_t completed) {
    const std::lock_guard lock(mutex_);
    std::erase_if(pending_submissions_, [&](PendingSubmission& pending) {
        if (pending.ticket > completed) return false;
        const Ticks ticks = read(*pending.mark->queries);
        submission_ticks_[pending.index] = {ticks[0], ticks[1]};
        free_marks_.push_back(std::move(pending.mark));
        return true;
    });
    std::erase_if(pending_runs_, [&](PendingRun& pending) {
        if (pending.ticket > completed) return false;
        pending.queries->in_flight = false;
        if (events_ >= most_events) return true;
        events_ += pending.plan->dispatches.size();
        run_ticks_.push_back(read(*pending.queries));
        timeline_.runs.push_back({std::move(pending.plan), {}});
        return true;
    });
}

Timeline Profiler::finish() {
    timeline_.whole = {0, now()};
    harvest(device_.last_ticket());
    const Moment end = measure_clocks();
    const int64_t origin = std::chrono::duration_cast<std::chrono::nanoseconds>(start_.time_since_epoch()).count();
    const double since = double((end.ticks - begin_.ticks) & mask_) * tick_ns_;
    const double drift = double(end.host - origin - begin_.host) - since;
    if (since > 0 && std::abs(drift) > double(begin_.error + end.error)) correction_ = drift / since;
    timeline_.clock_error = std::max(begin_.error, end.error);
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < timeline_.submissions.size(); ++i)
        timeline_.submissions[i].device = {place(submission_ticks_[i][0]), place(submission_ticks_[i][1])};
    for (size_t i = 0; i < timeline_.runs.size(); ++i)
        for (size_t at = 0; at + 1 < run_ticks_[i].size(); at += 2)
            timeline_.runs[i].dispatches.push_back({place(run_ticks_[i][at]), place(run_ticks_[i][at + 1])});
    return std::move(timeline_);
}

} // namespace lemnos
