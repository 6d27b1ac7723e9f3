// A Vulkan device of the engine's own: functions, one compute queue, memory, pipelines, submissions and their waits.
//
// Threads: any thread may call; submissions are serialised. Close is not release: close() waits, frees every GPU object
// and leaves handles as husks whose use throws device_closed. Device loss is sticky.
#pragma once

#include "support/inline_task.h"
#include "support/log.h"
#include "vulkan/instance.h"
#include "vulkan/profile.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

typedef struct VmaAllocator_T* VmaAllocator;

namespace lemnos {

class Buffer;
class Device;
class PipelineCache;
class Profiler;
class Staging;
struct ProfilerOptions;
struct Timeline;

struct DeviceOptions {
    std::string wanted;           // index, UUID or name part; empty: LEMNOS_DEVICE, else the best one
    int64_t memory_limit = 0;     // bytes of device memory; 0: none
    bool cache_on_disk = true;    // pipelines are kept in the user's cache folder
    int64_t max_storage_range = 0; // lowers the device's own limit, for tests; 0: as reported
    // Where every Vulkan function comes from, for tests that make calls fail; null: the system's loader.
    PFN_vkGetInstanceProcAddr get_instance_proc_addr = nullptr;
    Log log = Log::from_environment();
};

// Something with GPU objects in it. The device frees them when it is closed while the object itself lives on. Whoever
// makes one holds a Device::KeepOpen until it is whole, so that close() never meets half an object.
class DeviceChild {
  public:
    DeviceChild(const DeviceChild&) = delete;
    DeviceChild& operator=(const DeviceChild&) = delete;
    const std::shared_ptr<Device>& device() const { return device_; }

  protected:
    explicit DeviceChild(std::shared_ptr<Device> device);
    virtual ~DeviceChild();
    // Frees the GPU objects, by Device::retire(); releases no other child, for a lock is held. Called once, by release()
    // or by Device::close(), never by this class's destructor.
    virtual void free_gpu_objects() noexcept = 0;
    void release() noexcept; // what every derived destructor calls first

  private:
    friend class Device;
    bool detach();
    std::shared_ptr<Device> device_;
    bool attached_ = true;
};

// Live counts, for users and for the tests that promise a replay allocates nothing.
struct DeviceCounters {
    std::atomic<int64_t> memory_bytes{0};      // of live buffers
    std::atomic<int64_t> buffers{0};           // live
    std::atomic<int64_t> allocations{0};       // buffers ever made
    std::atomic<int64_t> pipelines{0};         // ever made
    std::atomic<int64_t> descriptor_writes{0}; // ever made
    std::atomic<int64_t> submissions{0};       // ever made
};

class Device : public std::enable_shared_from_this<Device> {
  public:
    static std::vector<DeviceInfo> list(const Log& log = Log::from_environment());
    static std::shared_ptr<Device> open(const DeviceOptions& options = {});
    ~Device();

    // Waits for all work and for all calls on other threads, then frees every GPU object. When two threads close, both
    // return when it is done.
    void close() noexcept;
    bool closed() const { return closed_; }

    // While one lives, close() waits and no handle dies. For whoever uses Vulkan objects outside this class's own
    // functions. Throws device_closed or device_lost.
    class KeepOpen {
      public:
        explicit KeepOpen(Device& device) : device_(device) { device.enter(); }
        ~KeepOpen() { device_.leave(); }
        KeepOpen(const KeepOpen&) = delete;
        KeepOpen& operator=(const KeepOpen&) = delete;

      private:
        Device& device_;
    };

    const DeviceInfo& info() const { return info_; }
    const DeviceProfile& profile() const { return profile_; }
    const Log& log() const { return log_; }
    DeviceCounters& counters() { return counters_; }
    // Messages of validation layers, also of those that close() provoked.
    int64_t validation_messages() const { return *validation_messages_; }
    int64_t memory_limit() const { return memory_limit_; }

    // Submits command buffers as one piece of work; tickets increase by one. `doing` names it when the device is lost.
    int64_t submit(std::span<const VkCommandBuffer> commands, const char* doing);
    // While the lock is held, no other thread's submission comes between this thread's. Only submit() may be called
    // under it: a copy would wait for itself.
    std::unique_lock<std::recursive_mutex> hold_order() { return std::unique_lock(order_mutex_); }
    // Waits in slices until the ticket's work is done; false after the timeout (nanoseconds, negative: a day).
    bool wait(int64_t ticket, int64_t timeout_ns = -1);
    void wait_all() { wait(last_ticket()); }
    int64_t last_ticket() const { return last_ticket_; }
    bool done(int64_t ticket);
    int64_t completed() const { return completed_; } // the last ticket known to be done
    // Runs `destroy` once all work submitted so far is done; does not wait for it. It may not call the device's waiting
    // or submitting functions, for a lock is held.
    void retire(InlineTask destroy) noexcept;
    // Waits for all work so that what was retired is freed; false when nothing was.
    bool reclaim();

    // Copies between host memory and a buffer, ordered after all work submitted so far; wait for the copy.
    void write(Buffer& buffer, int64_t offset, const void* data, int64_t bytes);
    void read(Buffer& buffer, int64_t offset, void* data, int64_t bytes);
    void fill(Buffer& buffer, int64_t offset, int64_t bytes, uint32_t word);

    // Notes what is submitted, run and waited for from now on; throws invalid_state where that is done already, unsupported
    // where the device has no timestamps.
    void start_profile(const ProfilerOptions& options);
    // Waits for all work and gives what was noted.
    Timeline stop_profile();
    // Null while nobody asks. What is to be run for one profiler is submitted under hold_order().
    std::shared_ptr<Profiler> profiler();

    // For the engine's own objects. require_open() throws device_closed or device_lost.
    void require_open() const;
    VkDevice handle() const { return handle_; }
    const DeviceFunctions& functions() const { return functions_; }
    VmaAllocator allocator() const { return allocator_; }
    PipelineCache& pipelines() { return *pipelines_; } // its functions throw device_closed
    uint32_t queue_family() const { return queue_family_; }
    void set_name(VkObjectType type, uint64_t object, const char* name) const;

  private:
    friend class DeviceChild;
    explicit Device(const DeviceOptions& options);
    void create(const DeviceOptions& options);
    void destroy() noexcept;
    void enter();
    void leave() noexcept;
    void check_submission(VkResult result, const char* doing);
    void collect(const std::unique_lock<std::mutex>& queue_lock);
    void drain(const std::unique_lock<std::mutex>& queue_lock) noexcept;
    void attach(DeviceChild* child);

    struct InFlight {
        int64_t ticket = 0;
        VkFence fence = VK_NULL_HANDLE;
        int waiters = 0; // threads in a wait on the fence
        std::array<char, 64> doing{}; // a copy: who submitted it may be gone when the device is lost
    };
    static constexpr size_t max_in_flight = 64;

    Log log_;
    std::unique_ptr<Instance> instance_;
    std::shared_ptr<const std::atomic<int64_t>> validation_messages_;
    DeviceInfo info_;
    DeviceProfile profile_;
    int64_t memory_limit_ = 0;
    VkDevice handle_ = VK_NULL_HANDLE;
    DeviceFunctions functions_{};
    VkQueue queue_ = VK_NULL_HANDLE;
    uint32_t queue_family_ = 0;
    VmaAllocator allocator_ = nullptr;
    PFN_vkSetDebugUtilsObjectNameEXT set_name_ = nullptr;
    std::unique_ptr<PipelineCache> pipelines_;
    std::unique_ptr<Staging> staging_;
    DeviceCounters counters_;

    // Locks are taken in this order: close, staging's, order, children, queue; use is never held with another.
    std::mutex close_mutex_;
    std::recursive_mutex order_mutex_;

    std::mutex queue_mutex_; // guards everything from here to retired_
    std::condition_variable let_go_; // a thread of the fence that it waited on
    std::vector<InFlight> in_flight_; // a ring of max_in_flight, oldest first at oldest_
    size_t oldest_ = 0, in_flight_count_ = 0;
    std::atomic<int64_t> last_ticket_{0}, completed_{0};
    struct Retired {
        int64_t ticket;
        InlineTask destroy;
    };
    std::vector<Retired> retired_;
    std::shared_ptr<Profiler> profiler_; // set and taken away under the order's lock as well
    std::atomic<bool> profiled_{false};

    std::mutex children_mutex_;
    std::set<DeviceChild*> children_;

    std::mutex use_mutex_;
    std::condition_variable unused_;
    int users_ = 0;
    std::atomic<bool> closed_{false}, lost_{false};
};

} // namespace lemnos
