// A plan: a graph compiled for one device into command buffers that are recorded once and replayed. All slow work
// (shape checks, memory, pipelines, descriptors, recording) happens in compile(); run() only submits.
#pragma once

#include "plan/builder.h"
#include "vulkan/commands.h"
#include "vulkan/descriptors.h"
#include "vulkan/pipeline.h"
#include "vulkan/profiler.h"

#include <atomic>
#include <memory>
#include <optional>
#include <span>

namespace lemnos {

struct PlanOptions {
    std::string name = "plan";
    // Every tensor gets a buffer of its own and no memory is reused, for finding faults: results are bit-equal.
    // Also switched on by LEMNOS_SEPARATE_BUFFERS=1.
    bool separate_buffers = false;
    // Takes the device's time before and after every dispatch, for Plan::times(). Costs a little.
    bool timestamps = false;
    // Keeps what operators derive from leaves alone, such as filters in another form, from run to run, and makes it anew
    // before a run when a leaf's buffer counts new writes. For plans that run often between changes of the model; takes memory.
    bool keep_derived = false;
    std::vector<Value> fed = {}; // leaves that are written by copies, which no buffer counts; Replay adds its own
    // What is decided about kernels, in place of the device's own decisions; null: those.
    std::shared_ptr<KernelChoices> kernels;
    // Kernels that were never checked on this device are, before they are used (plan/kernel_check.h).
    bool checks_kernels = true;
    // Its pipelines are compiled at once also where the driver would wait for their first dispatch. Without, those of the next
    // plan are compiled along with them: more to share among the processors.
    bool compiles = true;
};

// What a plan of a graph will use, known before any memory is.
struct MemoryEstimate {
    int64_t workspace_bytes = 0; // exactly what Plan::workspace_bytes() will be
    struct Step {
        int32_t node;
        int64_t live_bytes; // of what is placed, while it runs
        double cost;        // floating-point operations and four times the bytes moved
    };
    std::vector<Step> steps; // the dispatches, in order
    KernelUses kernels;

    int64_t liveness_bytes() const; // no placement of this order can need less
    double cost() const;            // of all
};

// What one dispatch took in the last run.
struct DispatchTime : DispatchInfo {
    double seconds = 0;
};

class Plan : public DeviceChild {
  public:
    // `bindings` holds memory for every leaf that the outputs need and for every output that is to be kept.
    static std::shared_ptr<Plan> compile(std::shared_ptr<Device> device, const Graph& graph, const Bindings& bindings,
                                         const PlanOptions& options = {});
    ~Plan() override;

    // For a plan with these results, whose leaves are all bound.
    static MemoryEstimate estimate(const DeviceProfile& profile, const Graph& graph, const std::vector<Value>& results,
                                   const PlanOptions& options = {});

    // Submits the whole plan, in slices that keep each submission short; returns the ticket of the last. Replays may be in
    // flight together: each begins with a barrier. While the device is profiled, another recording is run, in which every
    // dispatch is timed.
    int64_t run();
    // Runs plans of one device one after the other; the last slice of one and the first of the next are one submission.
    // `before` and `after` go with the first and the last slice of their plan.
    struct Part {
        Plan* plan = nullptr;
        VkCommandBuffer before = VK_NULL_HANDLE, after = VK_NULL_HANDLE;
    };
    static constexpr size_t most_parts = 2;
    static int64_t run(std::span<const Part> parts);

    // One entry a dispatch, in order, once the last run is done; for plans compiled with timestamps.
    std::vector<DispatchTime> times() const;

    int64_t workspace_bytes() const { return workspace_bytes_; } // of activations and temporaries
    int64_t liveness_bytes() const { return liveness_bytes_; }   // the lower bound of that for this order
    int64_t dispatches() const { return dispatches_; }
    int64_t barriers() const { return barriers_; }
    double flops() const { return flops_; }
    const KernelUses& kernels() const { return kernels_; }
    const std::string& name() const { return name_; }

  private:
    struct Range { // of a buffer that is kept
        Buffer* buffer;
        int64_t offset, bytes;
        Access access;
    };
    struct Step {                           // a dispatch, or a copy of range 0 to range 1
        const Pipeline* pipeline = nullptr; // null: a copy
        VkDescriptorSet set = VK_NULL_HANDLE;
        std::array<std::byte, addressed_push_bytes> push{}; // the parameters, then the operands' addresses
        uint32_t push_bytes = 0;
        std::array<uint32_t, 3> groups{};
        std::vector<Range> ranges;
        double cost = 0; // see cpu_submission_cost
    };
    class HazardTracker;
    struct Timed { // a recording with timestamps
        std::vector<VkCommandBuffer> slices;
        std::shared_ptr<Profiler::Queries> queries;
    };

    Plan(std::shared_ptr<Device> device, const PlanOptions& options);
    void prepare(const Graph& graph, const Bindings& bindings, const PlanOptions& options);
    void note_written(const PlanBuilder& builder);
    std::vector<Step> prepare_steps(const PlanBuilder& builder, const std::vector<PlanBuilder::Step>& built);
    static void push_addresses(Step& step);
    void describe_dispatches(const PlanBuilder& builder);
    void make_descriptor_pool(const PlanBuilder& builder);
    int64_t count_writes() const; // of what is kept's sources
    VkDescriptorSet describe(const PlanBuilder& builder, const Kernel& kernel, const Pipeline& pipeline);
    std::vector<VkCommandBuffer> record(const std::vector<Step>& steps, CommandPool& pool, VkQueryPool timestamps = VK_NULL_HANDLE,
                                        int64_t* barriers = nullptr) const;
    void record_step(CommandRecorder& recorder, const Step& step, VkQueryPool timestamps, uint32_t query) const;
    void log_plan() const;
    void prepare_kept();
    Timed* timed_recording(const std::shared_ptr<Profiler>& profiler);
    void end_timed() noexcept;
    void free_gpu_objects() noexcept override;

    std::string name_;
    KernelUses kernels_;
    std::vector<std::shared_ptr<Buffer>> kept_; // pools, and bound buffers, alive as long as the plan
    std::vector<Buffer*> written_;              // the bound ones that a dispatch writes
    CommandPool pool_;
    std::optional<DescriptorPool> descriptors_; // where there are dispatches
    VkQueryPool timestamps_ = VK_NULL_HANDLE; // of a plan that always takes them
    std::vector<Step> steps_;
    std::shared_ptr<const PlanInfo> info_; // of the steps that are dispatches
    std::vector<VkCommandBuffer> slices_, preparation_; // preparation: makes what is kept
    std::vector<Buffer*> sources_;                      // of what is kept
    int64_t prepared_writes_ = -1;                      // of the sources when it was made last
    std::weak_ptr<Profiler> profiler_; // that these are for, one for each run that was in flight at a time
    std::unique_ptr<CommandPool> timed_pool_;
    std::vector<std::unique_ptr<Timed>> timed_;
    int64_t workspace_bytes_ = 0, liveness_bytes_ = 0, dispatches_ = 0, barriers_ = 0;
    double flops_ = 0;
    std::atomic<int64_t> last_run_{0};
};

} // namespace lemnos
