// A plan: a graph compiled for one device into command buffers that are recorded once and replayed. All slow work
// (shape checks, memory, pipelines, descriptors, recording) happens in compile(); run() only submits.
#pragma once

#include "plan/builder.h"
#include "vulkan/commands.h"
#include "vulkan/pipeline.h"

#include <atomic>
#include <memory>

namespace lemnos {

struct PlanOptions {
    std::string name = "plan";
    // Every tensor gets a buffer of its own and no memory is reused, for finding faults: results are bit-equal.
    // Also switched on by LEMNOS_SEPARATE_BUFFERS=1.
    bool separate_buffers = false;
    // Takes the device's time before and after every dispatch, for Plan::times(). Costs a little.
    bool timestamps = false;
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

    int64_t liveness_bytes() const; // no placement of this order can need less
    double cost() const;            // of all
};

// What one dispatch took in the last run.
struct DispatchTime {
    std::string op, shader;
    double seconds = 0, flops = 0, bytes = 0; // bytes: of its operands
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

    // Submits the whole plan, in slices that keep each submission short; returns the ticket of the last. `before` and
    // `after` go with the first and the last slice. Replays may be in flight together: each begins with a barrier.
    int64_t run(VkCommandBuffer before = VK_NULL_HANDLE, VkCommandBuffer after = VK_NULL_HANDLE);

    // One entry a dispatch, in order, once the last run is done; for plans compiled with timestamps.
    std::vector<DispatchTime> times() const;

    int64_t workspace_bytes() const { return workspace_bytes_; } // of activations and temporaries
    int64_t liveness_bytes() const { return liveness_bytes_; }   // the lower bound of that for this order
    int64_t dispatches() const { return dispatches_; }
    int64_t barriers() const { return barriers_; }
    double flops() const { return flops_; }
    const std::string& name() const { return name_; }

  private:
    Plan(std::shared_ptr<Device> device, const PlanOptions& options);
    void prepare(const Graph& graph, const Bindings& bindings, const PlanOptions& options);
    void note_written(const PlanBuilder& builder);
    void prepare_timestamps(const PlanBuilder& builder);
    void record(const PlanBuilder& builder);
    VkDescriptorSet describe(const PlanBuilder& builder, const Kernel& kernel, const Pipeline& pipeline);
    void free_gpu_objects() noexcept override;

    std::string name_;
    std::vector<std::shared_ptr<Buffer>> kept_; // pools, and bound buffers, alive as long as the plan
    std::vector<Buffer*> written_;              // the bound ones that a dispatch writes
    CommandPool pool_;
    VkDescriptorPool descriptors_ = VK_NULL_HANDLE;
    VkQueryPool timestamps_ = VK_NULL_HANDLE;
    std::vector<DispatchTime> timed_; // without seconds
    std::vector<VkCommandBuffer> slices_;
    int64_t workspace_bytes_ = 0, liveness_bytes_ = 0, dispatches_ = 0, barriers_ = 0;
    double flops_ = 0;
    std::atomic<int64_t> last_run_{0};
};

} // namespace lemnos
