#include "plan/plan.h"

#include "plan/kernel_check.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace lemnos {

// What one submission may cost, in floating-point operations plus four times the bytes moved: on a GPU some tens of
// milliseconds, far below any driver's watchdog; on a CPU, which has none, some tenths of a second.
static constexpr double cpu_submission_cost = 1e10, gpu_submission_cost = 2e11;

// Finds the dispatches that must wait for an earlier one: a read after a write, a write after a read or a write, of
// overlapping bytes. One barrier orders everything before it, so the list starts anew after each.
class Plan::HazardTracker {
  public:
    bool conflicts(const std::vector<Range>& ranges) const {
        for (const Range& range : ranges)
            for (const Range& earlier : touched_)
                if (keep_order(range.access, earlier.access) && earlier.buffer == range.buffer &&
                    ranges_meet(range.offset, range.bytes, earlier.offset, earlier.bytes))
                    return true;
        return false;
    }
    void add(const std::vector<Range>& ranges) { touched_.insert(touched_.end(), ranges.begin(), ranges.end()); }
    void clear() { touched_.clear(); }

  private:
    std::vector<Range> touched_;
};

// What is weighed when work is cut or compared.
static double cost_of(const Kernel& kernel) {
    double bytes = 0;
    for (const Operand& operand : kernel.operands) bytes += double(operand.bytes);
    return kernel.flops + 4 * bytes;
}

int64_t MemoryEstimate::liveness_bytes() const {
    int64_t most = 0;
    for (const Step& step : steps) most = std::max(most, step.live_bytes);
    return most;
}

double MemoryEstimate::cost() const {
    double all = 0;
    for (const Step& step : steps) all += step.cost;
    return all;
}

static PipelineKey pipeline_key(const DeviceProfile& profile, const Kernel& kernel) {
    const bool required = kernel.subgroups && profile.subgroup_size_required;
    return {kernel.shader, kernel.specialisation, uint32_t(kernel.operands.size()), required ? profile.subgroup_size : 0};
}

static void prepare_pipelines(Device& device, const PlanBuilder& builder, bool compiles) {
    std::vector<PipelineKey> keys;
    for (const auto* steps : {&builder.preparations, &builder.steps})
        for (const PlanBuilder::Step& step : *steps)
            if (!step.kernel.shader.empty()) keys.push_back(pipeline_key(device.profile(), step.kernel));
    device.pipelines().prepare(keys, compiles);
}

static BufferView resolve(const PlanBuilder& builder, const Operand& operand) {
    const BufferView& region = builder.regions[size_t(operand.region)].view;
    return {region.buffer, region.offset + operand.offset, operand.bytes};
}

std::shared_ptr<Plan> Plan::compile(std::shared_ptr<Device> device, const Graph& graph, const Bindings& bindings,
                                    const PlanOptions& options) {
    const Device::KeepOpen open(*device);
    auto plan = std::shared_ptr<Plan>(new Plan(std::move(device), options));
    plan->prepare(graph, bindings, options);
    return plan;
}

static DeviceProfile with_choices(DeviceProfile profile, const PlanOptions& options) {
    if (options.kernels) profile.kernels = options.kernels;
    return profile;
}

static Placement place(PlanBuilder& builder, const DeviceProfile& profile, const PlanOptions& options) {
    const char* separate = std::getenv("LEMNOS_SEPARATE_BUFFERS");
    const int64_t alignment = std::max<int64_t>(profile.storage_alignment, 256);
    const int64_t pool_limit = profile.max_buffer_bytes / alignment * alignment;
    return place_regions(builder.regions, alignment, pool_limit,
                         options.separate_buffers || (separate && std::strcmp(separate, "1") == 0));
}

MemoryEstimate Plan::estimate(const DeviceProfile& profile, const Graph& graph, const std::vector<Value>& results,
                              const PlanOptions& options) {
    Bindings bindings;
    for (int32_t index = 0; index < int32_t(graph.nodes().size()); ++index)
        if (!graph.node(index).op) bindings[{index, 0}] = {};
    for (Value value : results) bindings[value] = {};
    const DeviceProfile chosen = with_choices(profile, options);
    PlanBuilder builder(graph, bindings, chosen, {options.keep_derived, options.fed}, PlanBuilder::Dry{});
    const Placement placement = place(builder, profile, options);
    MemoryEstimate estimate;
    estimate.kernels = builder.kernels;
    for (int64_t bytes : placement.pool_bytes) estimate.workspace_bytes += bytes;
    std::vector<int64_t> live = live_bytes(builder.regions);
    live.resize(builder.steps.size(), 0);
    for (size_t i = 0; i < live.size(); ++i) estimate.steps.push_back({builder.steps[i].node, live[i], cost_of(builder.steps[i].kernel)});
    return estimate;
}

Plan::Plan(std::shared_ptr<Device> device, const PlanOptions& options)
    : DeviceChild(std::move(device)), name_(options.name), pool_(*this->device()) {}

Plan::~Plan() { release(); }

void Plan::free_gpu_objects() noexcept {
    Device& device = *this->device();
    end_timed();
    const VkDescriptorPool descriptors = descriptors_ ? descriptors_->release() : VK_NULL_HANDLE;
    device.retire([&device, pool = pool_.release(), descriptors, timestamps = timestamps_] {
        device.functions().vkDestroyCommandPool(device.handle(), pool, nullptr);
        if (timestamps) device.functions().vkDestroyQueryPool(device.handle(), timestamps, nullptr);
        if (descriptors) device.functions().vkDestroyDescriptorPool(device.handle(), descriptors, nullptr);
    });
    timestamps_ = VK_NULL_HANDLE;
    slices_.clear();
    preparation_.clear();
}

void Plan::prepare(const Graph& graph, const Bindings& bindings, const PlanOptions& options) {
    const DeviceProfile profile = with_choices(device()->profile(), options);
    for (const auto& [value, view] : bindings) {
        if (!view) continue; // refused by name below
        require(view.buffer->device() == device(), "A tensor bound to the plan ", name_,
                " belongs to another device.");
        kept_.push_back(view.buffer);
    }
    std::optional<PlanBuilder> built;
    do { // anew, where one of its kernels turns out to be wrong
        built.emplace(graph, bindings, profile, DerivingOptions{options.keep_derived, options.fed});
        prepare_pipelines(*device(), *built, options.compiles);
    } while (options.checks_kernels && reject_wrong_kernels(device(), *profile.kernels, built->kernels));
    PlanBuilder& builder = *built;
    kernels_ = builder.kernels;

    const Placement placement = place(builder, profile, options);
    std::vector<std::shared_ptr<Buffer>> pools;
    for (int64_t bytes : placement.pool_bytes) {
        pools.push_back(Buffer::create(device(), BufferKind::device, bytes, "activations"));
        workspace_bytes_ += bytes;
    }
    for (size_t i = 0; i < builder.regions.size(); ++i)
        if (placement.pool_of[i] >= 0) builder.regions[i].view.buffer = pools[size_t(placement.pool_of[i])];
    kept_.insert(kept_.end(), pools.begin(), pools.end());
    liveness_bytes_ = liveness_bound(builder.regions);
    note_written(builder);
    for (int32_t region : builder.sources) sources_.push_back(builder.regions[size_t(region)].view.buffer.get());
    make_descriptor_pool(builder);
    const std::vector<Step> preparations = prepare_steps(builder, builder.preparations);
    steps_ = prepare_steps(builder, builder.steps);
    describe_dispatches(builder);
    if (options.timestamps && !info_->dispatches.empty()) {
        if (device()->profile().timestamp_ns == 0)
            fail(ErrorCode::unsupported, "The device ", device()->info().name,
                 " has no timestamps, so what its work takes cannot be measured.");
        VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
        info.queryType = VK_QUERY_TYPE_TIMESTAMP;
        info.queryCount = uint32_t(2 * info_->dispatches.size());
        check(device()->functions().vkCreateQueryPool(device()->handle(), &info, nullptr, &timestamps_), "creating a query pool");
    }
    preparation_ = record(preparations, pool_);
    slices_ = record(steps_, pool_, timestamps_, &barriers_);
    log_plan();
}

// In LEMNOS_VERBOSE=plan: one line for the plan, and one for each of its dispatches.
void Plan::log_plan() const {
    const Log& log = device()->log();
    if (!log.wants(Log::plan)) return;
    const auto or_none = [](const std::string& words) { return words.empty() ? std::string("-") : Log::field(words); };
    log.line(Log::plan, "compiled,", Log::field(name_), ",dispatches,", dispatches_, ",barriers,", barriers_, ",submissions,",
             slices_.size(), ",workspace,", workspace_bytes_, ",lower_bound,", liveness_bytes_, ",flops,", int64_t(flops_));
    for (size_t i = 0; i < info_->dispatches.size(); ++i) {
        const DispatchInfo& info = info_->dispatches[i];
        log.line(Log::plan, "dispatch,", Log::field(name_), ",", i, ",operator,", info.op, ",layer,", or_none(info.layer),
                 ",shader,", info.shader, ",specialisation,", or_none(info.specialisation), ",workgroups,", info.groups[0], "x",
                 info.groups[1], "x", info.groups[2], ",bytes,", int64_t(info.bytes), ",flops,", int64_t(info.flops), ",variant,",
                 or_none(info.variant), ",refused,", or_none(info.refused));
    }
}

void Plan::note_written(const PlanBuilder& builder) {
    for (const PlanBuilder::Step& step : builder.steps)
        for (const Operand& operand : step.kernel.operands) {
            const Region& region = builder.regions[size_t(operand.region)];
            Buffer* buffer = region.view.buffer.get();
            if (region.bound && (uint8_t(operand.access) & uint8_t(Access::write)) &&
                std::find(written_.begin(), written_.end(), buffer) == written_.end())
                written_.push_back(buffer);
        }
}

VkDescriptorSet Plan::describe(const PlanBuilder& builder, const Kernel& kernel, const Pipeline& pipeline) {
    std::vector<VkDescriptorBufferInfo> ranges;
    ranges.reserve(kernel.operands.size());
    for (const Operand& operand : kernel.operands) {
        const BufferView view = resolve(builder, operand);
        // Whole groups of eight floats, so that a shader may read the last; every buffer is longer than its tensors by
        // that much.
        const int64_t bytes = std::min({round_up(view.bytes, binding_granularity), view.buffer->bytes() - view.offset,
                                        device()->profile().max_storage_range});
        ranges.push_back({view.buffer->handle(), VkDeviceSize(view.offset), VkDeviceSize(bytes)});
    }
    return descriptors_->allocate(pipeline, ranges);
}

void Plan::make_descriptor_pool(const PlanBuilder& builder) {
    uint32_t sets = 0, buffers = 0;
    for (const auto* steps : {&builder.preparations, &builder.steps})
        for (const PlanBuilder::Step& step : *steps)
            if (!step.kernel.shader.empty()) {
                ++sets;
                buffers += uint32_t(step.kernel.operands.size());
            }
    if (sets > 0) descriptors_.emplace(*device(), sets, buffers);
}

// Where the operands of a dispatch lie, for shaders that read them by address.
void Plan::push_addresses(Step& step) {
    std::array<uint64_t, most_addresses> addresses{};
    for (size_t i = 0; i < std::min(step.ranges.size(), addresses.size()); ++i)
        addresses[i] = step.ranges[i].buffer->address() + uint64_t(step.ranges[i].offset);
    std::memcpy(step.push.data() + most_parameter_bytes, addresses.data(), sizeof addresses);
    step.push_bytes = addressed_push_bytes;
}

// Pipelines and descriptors of steps, so that they can be recorded as often as one likes.
std::vector<Plan::Step> Plan::prepare_steps(const PlanBuilder& builder, const std::vector<PlanBuilder::Step>& built) {
    Device& device = *this->device();
    std::vector<Step> steps;
    steps.reserve(built.size());
    for (const PlanBuilder::Step& each : built) {
        const Kernel& kernel = each.kernel;
        Step& step = steps.emplace_back();
        for (const Operand& operand : kernel.operands) {
            const BufferView view = resolve(builder, operand);
            step.ranges.push_back({view.buffer.get(), view.offset, view.bytes, operand.access});
        }
        step.cost = cost_of(kernel);
        if (kernel.shader.empty()) continue;
        step.pipeline = &device.pipelines().get(pipeline_key(device.profile(), kernel));
        step.set = describe(builder, kernel, *step.pipeline);
        std::copy(kernel.push.begin(), kernel.push.end(), step.push.begin());
        step.push_bytes = kernel.push_bytes;
        if (device.profile().addresses) push_addresses(step);
        step.groups = kernel.groups;
    }
    return steps;
}

void Plan::describe_dispatches(const PlanBuilder& builder) {
    PlanInfo info{name_, {}};
    for (const PlanBuilder::Step& step : builder.steps) {
        flops_ += step.kernel.flops;
        if (!step.kernel.shader.empty()) info.dispatches.push_back(builder.dispatch_info(step, name_));
    }
    dispatches_ = int64_t(info.dispatches.size());
    info_ = std::make_shared<const PlanInfo>(std::move(info));
}

void Plan::record_step(CommandRecorder& recorder, const Step& step, VkQueryPool timestamps, uint32_t query) const {
    if (!step.pipeline) {
        const Range &from = step.ranges[0], &to = step.ranges[1];
        return recorder.copy(*from.buffer, from.offset, *to.buffer, to.offset, from.bytes);
    }
    if (timestamps) recorder.timestamp(timestamps, query);
    recorder.dispatch(*step.pipeline, step.set, step.push.data(), step.push_bytes, step.groups.data());
    if (timestamps) recorder.timestamp(timestamps, query + 1);
}

// Command buffers of steps, each short enough for one submission. With timestamps, two a dispatch, no two dispatches
// run side by side.
std::vector<VkCommandBuffer> Plan::record(const std::vector<Step>& steps, CommandPool& pool, VkQueryPool timestamps,
                                          int64_t* barriers) const {
    Device& device = *this->device();
    const double budget = device.profile().is_cpu ? cpu_submission_cost : gpu_submission_cost;
    std::vector<VkCommandBuffer> slices;
    std::optional<CommandRecorder> recorder;
    HazardTracker hazards;
    double cost = 0;
    uint32_t query = 0;
    for (const Step& step : steps) {
        if (!recorder || cost + step.cost > budget) {
            if (recorder) recorder->finish();
            slices.push_back(pool.allocate());
            recorder.emplace(device, slices.back(), true); // begins with a barrier
            if (timestamps && slices.size() == 1) recorder->reset_timestamps(timestamps, uint32_t(2 * dispatches_));
            hazards.clear();
            cost = 0;
        } else if (timestamps || hazards.conflicts(step.ranges)) {
            recorder->barrier();
            if (barriers) ++*barriers;
            hazards.clear();
        }
        hazards.add(step.ranges);
        cost += step.cost;
        record_step(*recorder, step, timestamps, query);
        if (step.pipeline) query += 2;
    }
    if (recorder) recorder->finish();
    return slices;
}

std::vector<DispatchTime> Plan::times() const {
    Device& device = *this->device();
    const Device::KeepOpen open(device);
    require(timestamps_ != VK_NULL_HANDLE, "The plan ", name_, " was compiled without timestamps.");
    require(last_run_ > 0, "The plan ", name_, " has not been run, so there are no times.");
    device.wait(last_run_); // a query that nothing writes would be waited for without end
    std::vector<uint64_t> ticks(size_t(2 * dispatches_));
    check(device.functions().vkGetQueryPoolResults(device.handle(), timestamps_, 0, uint32_t(ticks.size()), ticks.size() * 8,
                                                   ticks.data(), 8, VK_QUERY_RESULT_64_BIT),
          "reading timestamps");
    const DeviceProfile& profile = device.profile();
    std::vector<DispatchTime> times;
    for (size_t i = 0; i < info_->dispatches.size(); ++i)
        times.push_back({info_->dispatches[i],
                         double((ticks[2 * i + 1] - ticks[2 * i]) & profile.timestamp_mask) * profile.timestamp_ns * 1e-9});
    return times;
}

int64_t Plan::count_writes() const {
    int64_t writes = 0;
    for (const Buffer* buffer : sources_) writes += buffer->writes();
    return writes;
}

// ---- runs -----------------------------------------------------------------------------------------------------------

// Gives up the recordings with timestamps, once nothing that was submitted uses them.
void Plan::end_timed() noexcept {
    timed_.clear();
    profiler_.reset();
    if (!timed_pool_) return;
    Device& device = *this->device();
    device.retire([&device, pool = timed_pool_->release()] {
        device.functions().vkDestroyCommandPool(device.handle(), pool, nullptr);
    });
    timed_pool_.reset();
}

// One that is not in flight; null while nobody wants times of dispatches.
Plan::Timed* Plan::timed_recording(const std::shared_ptr<Profiler>& profiler) {
    if (!profiler && !timed_.empty()) end_timed();
    if (!profiler || !profiler->options().dispatches || dispatches_ == 0) return nullptr;
    if (profiler_.lock() != profiler) {
        end_timed();
        timed_pool_ = std::make_unique<CommandPool>(*device());
        profiler_ = profiler;
    }
    profiler->harvest(device()->completed());
    for (const auto& timed : timed_)
        if (!timed->queries->in_flight) return timed.get();
    auto timed = std::make_unique<Timed>();
    timed->queries = profiler->make_queries(uint32_t(2 * dispatches_));
    timed->slices = record(steps_, *timed_pool_, timed->queries->pool);
    timed_.push_back(std::move(timed));
    return timed_.back().get();
}

// Makes anew what is kept, where its sources were written.
void Plan::prepare_kept() {
    const int64_t writes = count_writes();
    if (writes == prepared_writes_) return;
    for (VkCommandBuffer commands : preparation_) device()->submit({&commands, 1}, name_.c_str());
    prepared_writes_ = writes;
}

int64_t Plan::run() {
    const Part part{this};
    return run({&part, 1});
}

int64_t Plan::run(std::span<const Part> parts) {
    require(!parts.empty() && parts.size() <= most_parts, "A run has ", parts.size(), " plans (1 to ", most_parts, ").");
    Plan& first = *parts[0].plan;
    Device& device = *first.device();
    const Device::KeepOpen open(device);
    const bool logs = device.log().wants(Log::run);
    const auto start = logs ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    const auto order = device.hold_order(); // another thread's replay must not come between the slices
    const std::shared_ptr<Profiler> profiler = device.profiler();

    int64_t ticket = device.last_ticket(), submissions = 0;
    std::array<VkCommandBuffer, 3 * most_parts> gathered;
    size_t count = 0, begun = 0; // command buffers that wait for submission; plans that have some of theirs there
    const auto submit = [&] {
        if (count == 0) return;
        ticket = device.submit({gathered.data(), count}, first.name_.c_str());
        ++submissions;
        count = 0;
        for (size_t i = 0; i < begun; ++i) // with every slice, for the next may fail
            for (Buffer* buffer : parts[i].plan->written_) buffer->count_write();
    };
    std::array<Timed*, most_parts> timed;
    for (const Part& part : parts) {
        if (!part.plan->preparation_.empty()) {
            submit(); // which may write what is kept is made of
            part.plan->prepare_kept();
        }
        timed[begun] = part.plan->timed_recording(profiler);
        const std::vector<VkCommandBuffer>& slices = timed[begun] ? timed[begun]->slices : part.plan->slices_;
        ++begun;
        if (part.before) gathered[count++] = part.before;
        for (size_t i = 0; i < slices.size(); ++i) {
            if (i > 0) submit();
            gathered[count++] = slices[i];
        }
        if (part.after) gathered[count++] = part.after;
    }
    submit();

    for (size_t i = 0; i < parts.size(); ++i) {
        Plan& plan = *parts[i].plan;
        plan.last_run_ = ticket;
        if (timed[i]) profiler->add_run(plan.info_, timed[i]->queries, ticket);
    }
    if (logs) {
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
        device.log().line(Log::run, "submit,", Log::field(first.name_), ",ticket,", ticket, ",submissions,", submissions, ",host_us,",
                          took.count());
    }
    return ticket;
}

} // namespace lemnos
