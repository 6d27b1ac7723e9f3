#include "plan/plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace lemnos {

// What one submission may cost, in floating-point operations plus four times the bytes moved: some tens of
// milliseconds, far below any driver's watchdog.
static constexpr double cpu_submission_cost = 4e9, gpu_submission_cost = 2e11;

// Finds the dispatches that must wait for an earlier one: a read after a write, a write after a read or a write, of
// overlapping bytes. One barrier orders everything before it, so the list starts anew after each.
class HazardTracker {
  public:
    bool conflicts(const std::vector<BufferView>& views, const std::vector<Access>& accesses) const {
        for (size_t i = 0; i < views.size(); ++i)
            for (const Touched& earlier : touched_) {
                const bool writes = (uint8_t(accesses[i]) | uint8_t(earlier.access)) & uint8_t(Access::write);
                if (writes && earlier.buffer == views[i].buffer->handle() &&
                    views[i].offset < earlier.offset + earlier.bytes && earlier.offset < views[i].offset + views[i].bytes)
                    return true;
            }
        return false;
    }
    void add(const std::vector<BufferView>& views, const std::vector<Access>& accesses) {
        for (size_t i = 0; i < views.size(); ++i)
            touched_.push_back({views[i].buffer->handle(), views[i].offset, views[i].bytes, accesses[i]});
    }
    void clear() { touched_.clear(); }

  private:
    struct Touched {
        VkBuffer buffer;
        int64_t offset, bytes;
        Access access;
    };
    std::vector<Touched> touched_;
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
    PlanBuilder builder(graph, bindings, profile, PlanBuilder::Dry{});
    const Placement placement = place(builder, profile, options);
    MemoryEstimate estimate;
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
    device.retire([&device, pool = pool_.release(), descriptors = descriptors_, timestamps = timestamps_] {
        device.functions().vkDestroyCommandPool(device.handle(), pool, nullptr);
        if (timestamps) device.functions().vkDestroyQueryPool(device.handle(), timestamps, nullptr);
        if (descriptors) device.functions().vkDestroyDescriptorPool(device.handle(), descriptors, nullptr);
    });
    descriptors_ = VK_NULL_HANDLE;
    timestamps_ = VK_NULL_HANDLE;
    slices_.clear();
}

void Plan::prepare(const Graph& graph, const Bindings& bindings, const PlanOptions& options) {
    const DeviceProfile& profile = device()->profile();
    for (const auto& [value, view] : bindings) {
        if (!view) continue; // refused by name below
        require(view.buffer->device() == device(), "A tensor bound to the plan ", name_,
                " belongs to another device.");
        kept_.push_back(view.buffer);
    }
    PlanBuilder builder(graph, bindings, profile);

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
    if (options.timestamps) prepare_timestamps(builder);
    record(builder);
    device()->log().line(Log::plan, name_, ",dispatches,", dispatches_, ",barriers,", barriers_, ",submissions,",
                         slices_.size(), ",workspace,", workspace_bytes_, ",liveness,", liveness_bytes_);
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
    Device& device = *this->device();
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    info.descriptorPool = descriptors_;
    info.descriptorSetCount = 1;
    info.pSetLayouts = &pipeline.set_layout;
    VkDescriptorSet set = VK_NULL_HANDLE;
    check(device.functions().vkAllocateDescriptorSets(device.handle(), &info, &set), "allocating a descriptor set");
    std::vector<VkDescriptorBufferInfo> ranges(kernel.operands.size());
    std::vector<VkWriteDescriptorSet> writes(kernel.operands.size());
    for (size_t i = 0; i < ranges.size(); ++i) {
        const BufferView view = resolve(builder, kernel.operands[i]);
        // Whole groups of eight floats, so that a shader may read the last; every buffer is longer than its tensors by
        // that much.
        const int64_t bytes = std::min({round_up(view.bytes, binding_granularity), view.buffer->bytes() - view.offset,
                                        device.profile().max_storage_range});
        ranges[i] = {view.buffer->handle(), VkDeviceSize(view.offset), VkDeviceSize(bytes)};
        writes[i] = {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
        writes[i].dstSet = set;
        writes[i].dstBinding = uint32_t(i);
        writes[i].descriptorCount = 1;
        writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        writes[i].pBufferInfo = &ranges[i];
    }
    device.functions().vkUpdateDescriptorSets(device.handle(), uint32_t(writes.size()), writes.data(), 0, nullptr);
    device.counters().descriptor_writes += int64_t(writes.size());
    return set;
}

void Plan::record(const PlanBuilder& builder) {
    Device& device = *this->device();
    uint32_t sets = 0, buffers = 0;
    for (const PlanBuilder::Step& step : builder.steps)
        if (!step.kernel.shader.empty()) {
            ++sets;
            buffers += uint32_t(step.kernel.operands.size());
        }
    if (sets > 0) {
        const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, std::max(buffers, 1u)};
        VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
        info.maxSets = sets;
        info.poolSizeCount = 1;
        info.pPoolSizes = &size;
        check(device.functions().vkCreateDescriptorPool(device.handle(), &info, nullptr, &descriptors_),
              "creating a descriptor pool");
    }

    const double budget = device.profile().is_cpu ? cpu_submission_cost : gpu_submission_cost;
    std::optional<CommandRecorder> recorder;
    HazardTracker hazards;
    double cost = 0;
    for (const PlanBuilder::Step& step : builder.steps) {
        const Kernel& kernel = step.kernel;
        std::vector<BufferView> views;
        std::vector<Access> accesses;
        for (const Operand& operand : kernel.operands) {
            views.push_back(resolve(builder, operand));
            accesses.push_back(operand.access);
        }
        const double step_cost = cost_of(kernel);
        if (!recorder || cost + step_cost > budget) {
            if (recorder) recorder->finish();
            slices_.push_back(pool_.allocate());
            recorder.emplace(device, slices_.back(), true); // begins with a barrier
            if (timestamps_ && slices_.size() == 1) recorder->reset_timestamps(timestamps_, uint32_t(2 * timed_.size()));
            hazards.clear();
            cost = 0;
        } else if (timestamps_ || hazards.conflicts(views, accesses)) { // what is timed runs alone
            recorder->barrier();
            ++barriers_;
            hazards.clear();
        }
        hazards.add(views, accesses);
        cost += step_cost;
        flops_ += kernel.flops;
        if (kernel.shader.empty()) {
            recorder->copy(*views[0].buffer, views[0].offset, *views[1].buffer, views[1].offset, views[0].bytes);
            continue;
        }
        PipelineKey key{kernel.shader, kernel.specialisation, uint32_t(kernel.operands.size()), 0};
        if (kernel.subgroups && device.profile().subgroup_size_required) key.subgroup_size = device.profile().subgroup_size;
        const Pipeline& pipeline = device.pipelines().get(key);
        const VkDescriptorSet set = describe(builder, kernel, pipeline);
        if (timestamps_) recorder->timestamp(timestamps_, uint32_t(2 * dispatches_));
        recorder->dispatch(pipeline, set, kernel.push.data(), kernel.push_bytes, kernel.groups.data());
        if (timestamps_) recorder->timestamp(timestamps_, uint32_t(2 * dispatches_ + 1));
        ++dispatches_;
    }
    if (recorder) recorder->finish();
}

void Plan::prepare_timestamps(const PlanBuilder& builder) {
    Device& device = *this->device();
    if (device.profile().timestamp_ns == 0)
        fail(ErrorCode::unsupported, "The device ", device.info().name, " has no timestamps of 64 bits.");
    for (const PlanBuilder::Step& step : builder.steps) {
        if (step.kernel.shader.empty()) continue;
        DispatchTime entry{builder.describe(step.node), step.kernel.shader, 0, step.kernel.flops, 0};
        for (const Operand& operand : step.kernel.operands) entry.bytes += double(operand.bytes);
        timed_.push_back(std::move(entry));
    }
    if (timed_.empty()) return;
    VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = uint32_t(2 * timed_.size());
    check(device.functions().vkCreateQueryPool(device.handle(), &info, nullptr, &timestamps_), "creating a query pool");
}

std::vector<DispatchTime> Plan::times() const {
    Device& device = *this->device();
    const Device::KeepOpen open(device);
    require(timestamps_ != VK_NULL_HANDLE, "The plan ", name_, " was compiled without timestamps.");
    require(last_run_ > 0, "The plan ", name_, " has not been run, so there are no times.");
    device.wait(last_run_); // a query that nothing writes would be waited for without end
    std::vector<uint64_t> ticks(2 * timed_.size());
    check(device.functions().vkGetQueryPoolResults(device.handle(), timestamps_, 0, uint32_t(ticks.size()), ticks.size() * 8,
                                                   ticks.data(), 8, VK_QUERY_RESULT_64_BIT),
          "reading timestamps");
    std::vector<DispatchTime> times = timed_;
    for (size_t i = 0; i < times.size(); ++i)
        times[i].seconds = double(ticks[2 * i + 1] - ticks[2 * i]) * device.profile().timestamp_ns * 1e-9;
    return times;
}

int64_t Plan::run(VkCommandBuffer before, VkCommandBuffer after) {
    Device& device = *this->device();
    const Device::KeepOpen open(device);
    const auto order = device.hold_order(); // another thread's replay must not come between the slices
    int64_t ticket = device.last_ticket();
    const size_t count = std::max<size_t>(slices_.size(), before || after ? 1 : 0);
    for (size_t i = 0; i < count; ++i) {
        VkCommandBuffer commands[3];
        uint32_t used = 0;
        if (i == 0 && before) commands[used++] = before;
        if (i < slices_.size()) commands[used++] = slices_[i];
        if (i + 1 == count && after) commands[used++] = after;
        ticket = device.submit({commands, used}, name_.c_str());
        for (Buffer* buffer : written_) buffer->count_write(); // with every slice, for the next may fail
    }
    return last_run_ = ticket;
}

} // namespace lemnos
