// Turns a graph into a list of dispatches over symbolic regions of memory: chooses the nodes that the bound outputs
// need, asks each operator for its kernels (in batch slices where one binding cannot cover a tensor), and notes the
// life of every region.
#pragma once

#include "graph/graph.h"
#include "vulkan/buffer.h"
#include "vulkan/profiler.h"

#include <map>
#include <tuple>

namespace lemnos {

struct Region {
    int64_t bytes = 0;
    BufferView view;           // where it is; given for bound values, filled in by place_regions() for all others
    bool bound = false;
    int32_t first = -1, last = -1; // dispatches that touch it
    std::string name;
};

// Accesses of the same bytes that keep their order.
inline bool keep_order(Access a, Access b) { return (uint8_t(a) | uint8_t(b)) & uint8_t(Access::write); }
inline bool ranges_meet(int64_t a, int64_t a_bytes, int64_t b, int64_t b_bytes) { return a < b + b_bytes && b < a + a_bytes; }

// What menus of kernels chose, by the problem's text.
struct KernelUse {
    KernelChoice choice;
    int64_t times = 0;
};
using KernelUses = std::map<std::string, KernelUse>;

// The memory that values are bound to: inputs, parameters, states, and every output that is to be kept.
using Bindings = std::map<Value, BufferView>;

// What is derived from leaves alone, see PlanOptions.
struct DerivingOptions {
    bool keep_derived = false;
    std::vector<Value> fed = {};
};

class PlanBuilder {
  public:
    PlanBuilder(const Graph& graph, const Bindings& bindings, const DeviceProfile& profile, DerivingOptions options = {});
    // Without memory: the views of these bindings are empty, and what is built can be placed but not run.
    struct Dry {};
    PlanBuilder(const Graph& graph, const Bindings& bindings, const DeviceProfile& profile, DerivingOptions options, Dry);

    std::vector<Region> regions;
    struct Step {
        Kernel kernel; // an empty shader name: a copy of operand 0 to operand 1
        int32_t node;
    };
    std::vector<Step> steps;
    std::vector<Step> preparations; // of what is kept: to be run when a source was written
    std::vector<int32_t> sources;   // their regions
    KernelUses kernels;
    std::string describe(int32_t node) const; // "conv2d features.0.0 (node 7)"
    // Of a step that is a dispatch. `plan`: its name, which stands for the phase where there are no gradients.
    DispatchInfo dispatch_info(const Step& step, const std::string& plan) const;

  private:
    friend class Emitter;
    void build();
    void mark_needed();
    void find_totals();
    void place_in_input(int32_t node);
    void emit(int32_t node);
    int64_t slice_length(const Node& node) const;
    void require_storage(int32_t index) const;
    int32_t region_of(Value value);
    int32_t add_region(int64_t bytes, std::string name);
    void add_step(Kernel kernel, int32_t node);
    void postpone(const Joint& joint, Postponed work, int32_t node);
    void dispatch_postponed();
    bool conflict(const Operand& a, const Operand& b) const;
    bool touches_postponed(const std::vector<Operand>& operands) const;
    void check(const Kernel& kernel, int32_t node);
    bool is_constant(int32_t region) const;
    Operand derive(const Operand& source, const std::string& name, int64_t bytes, Kernel kernel, int32_t node);

    const Graph& graph_;
    const Bindings& bindings_;
    const DeviceProfile& profile_;
    const DerivingOptions options_;
    std::vector<bool> needed_;
    std::map<Value, std::vector<int32_t>> readers_; // needed nodes that read a value, once for each time
    std::map<Value, int32_t> totals_;  // the node that adds a value, which nothing else reads, to a total
    std::vector<bool> emitted_;        // nodes that need no dispatches any more
    std::map<Value, int32_t> value_regions_;
    const Joint* joint_ = nullptr;     // of all that waits
    std::vector<Postponed> postponed_;
    int32_t last_postponed_ = 0;       // the node of the last, whose name the dispatch bears
    std::map<std::tuple<int32_t, int64_t, std::string>, int32_t> derived_; // what is kept, by source and name
};

// Gives every unbound region an address: lives that overlap never share memory, others do. Returns the sizes of the
// pools; region.view.offset and pool_of[i] say where region i lies. With `separate`, every region gets a pool of its own.
struct Placement {
    std::vector<int64_t> pool_bytes;
    std::vector<int32_t> pool_of; // -1: bound
};
Placement place_regions(std::vector<Region>& regions, int64_t alignment, int64_t max_pool_bytes, bool separate);

// The bytes of unbound regions that are alive at each dispatch.
std::vector<int64_t> live_bytes(const std::vector<Region>& regions);
// The largest of them: no placement can need less.
int64_t liveness_bound(const std::vector<Region>& regions);

} // namespace lemnos
