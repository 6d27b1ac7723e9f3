// Replays of a plan whose inputs change every time: a ring of slots of mapped memory. A replay copies its slot to the
// device first (the feed) and the results that the host wants to its slot last (the fetch), so nothing is ever recorded
// again and several replays are in flight. After construction nothing is allocated.
#pragma once

#include "plan/plan.h"

namespace lemnos {

struct ReplayOptions {
    int slots = 3;
    PlanOptions plan;
};

class Replay : public DeviceChild {
  public:
    // `feeds`: leaves of the graph that the host fills before every run. `fetches`: values the host reads after it.
    static std::unique_ptr<Replay> compile(std::shared_ptr<Device> device, const Graph& graph, Bindings bindings,
                                           const std::vector<Value>& feeds, const std::vector<Value>& fetches,
                                           const ReplayOptions& options);
    Replay(std::shared_ptr<Device> device, int slots);
    ~Replay() override;

    // The next slot, once its previous run is done. What that run fetched may be read until submit().
    int begin();
    // Where the host writes a feed of this slot; what a slot was fed stays in it.
    template <typename T>
    T* feed(int slot, Value value) { return reinterpret_cast<T*>(feed_at(slot, value)); }
    template <typename T>
    const T* fetched(int slot, Value value) const { return reinterpret_cast<const T*>(fetched_at(slot, value)); }
    struct Run {
        Replay* replay = nullptr; // null: none
        int slot = 0;
    };
    int64_t submit(int slot) { return submit(Run{}, slot); }
    // After another replay's run, which goes with it: one submission where both are short.
    int64_t submit(const Run& earlier, int slot);

    int slots() const { return int(ring_.size()); }
    int64_t ticket(int slot) const { return ring_[size_t(slot)].ticket; } // of its last run
    bool done(int slot) const { return device()->done(ring_[size_t(slot)].ticket); }
    void wait(int slot) const { device()->wait(ring_[size_t(slot)].ticket); }
    const Plan& plan() const { return *plan_; }

    // Of the slots with pending(slot) the one whose run was submitted first; -1: there is none.
    template <typename Pending>
    int oldest(const Pending& pending) const {
        int oldest = -1;
        for (int slot = 0; slot < slots(); ++slot)
            if (pending(slot) && (oldest < 0 || ticket(slot) < ticket(oldest))) oldest = slot;
        return oldest;
    }
    // Calls take(slot) for runs that are done, oldest first and up to the first that is not; with `all` it waits for them.
    // Only slots with pending(slot) count, which take(slot) ends.
    template <typename Pending, typename Take>
    void collect(bool all, const Pending& pending, const Take& take) const {
        for (int slot; (slot = oldest(pending)) >= 0; take(slot)) {
            if (all) wait(slot);
            else if (!done(slot)) return;
        }
    }

  private:
    struct Placed {
        Value value;
        int64_t offset;
    };
    struct Slot {
        VkCommandBuffer before = VK_NULL_HANDLE, after = VK_NULL_HANDLE;
        int64_t ticket = 0;
    };
    static std::vector<Placed> place(const Graph& graph, const std::vector<Value>& values, int64_t* bytes);
    std::byte* feed_at(int slot, Value value);
    const std::byte* fetched_at(int slot, Value value) const;
    void record();
    void free_gpu_objects() noexcept override;

    std::vector<Placed> feeds_, fetches_;
    int64_t feed_bytes_ = 0, fetch_bytes_ = 0;
    std::shared_ptr<Buffer> upload_, feed_, fetch_, download_; // upload and download hold all slots
    std::shared_ptr<Plan> plan_;
    CommandPool pool_;
    std::vector<Slot> ring_;
    int next_ = 0;
};

} // namespace lemnos
