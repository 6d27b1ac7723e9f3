#include "vulkan/late_compilation.h"

#include "support/side_by_side.h"
#include "vulkan/buffer.h"
#include "vulkan/commands.h"
#include "vulkan/descriptors.h"

#include <chrono>
#include <functional>
#include <optional>

namespace lemnos {

namespace {

constexpr double seconds_from_disk = 0.006; // what comes from the driver's cache takes less
constexpr size_t fewest_to_share = 2;       // pipelines that are left: a device of its own takes time, too

// Dispatches of pipelines over no workgroups, each of them once.
class EmptyDispatches {
  public:
    EmptyDispatches(Device& device, std::span<const PipelineKey> keys)
        : device_(device), buffer_(Buffer::create(device.shared_from_this(), BufferKind::device, 256, "compilation")), pool_(device),
          commands_(pool_.allocate()), descriptors_(device, uint32_t(keys.size()), count_buffers(keys)) {}
    EmptyDispatches(const EmptyDispatches&) = delete;
    EmptyDispatches& operator=(const EmptyDispatches&) = delete;
    ~EmptyDispatches() { // where waiting failed, a dispatch may still be under way
        device_.retire([&device = device_, pool = pool_.release(), descriptors = descriptors_.release()] {
            device.functions().vkDestroyCommandPool(device.handle(), pool, nullptr);
            device.functions().vkDestroyDescriptorPool(device.handle(), descriptors, nullptr);
        });
    }

    // The seconds that it took.
    double run(const PipelineKey& key) {
        const Device::KeepOpen open(device_);
        const Pipeline& pipeline = device_.pipelines().get(key);
        pool_.reset();
        CommandRecorder recorder(device_, commands_, false);
        constexpr std::byte push[128]{};
        constexpr uint32_t no_groups[3] = {0, 1, 1};
        const std::vector<VkDescriptorBufferInfo> buffers(key.buffers, {buffer_->handle(), 0, VK_WHOLE_SIZE});
        recorder.dispatch(pipeline, descriptors_.allocate(pipeline, buffers), push, sizeof push, no_groups);
        recorder.finish();
        device_.wait_all();
        const auto start = std::chrono::steady_clock::now();
        device_.wait(device_.submit({&commands_, 1}, "compiling a pipeline"));
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }

  private:
    static uint32_t count_buffers(std::span<const PipelineKey> keys) {
        uint32_t buffers = 0;
        for (const PipelineKey& key : keys) buffers += key.buffers;
        return buffers;
    }

    Device& device_;
    const std::shared_ptr<Buffer> buffer_;
    CommandPool pool_;
    const VkCommandBuffer commands_;
    DescriptorPool descriptors_;
};

// Pipelines that are still to be compiled, which all threads take from.
class Shared {
  public:
    Shared(Device& device, std::span<const PipelineKey> keys) : device_(device), keys_(keys), elsewhere_(keys.size(), 0) {}

    void run() {
        EmptyDispatches dispatches(device_, keys_);
        while (const auto i = take()) {
            const double seconds = dispatches.run(keys_[*i]);
            log(keys_[*i], seconds, "here");
            const size_t left = keys_.size() - std::min(keys_.size(), turns_.load());
            if (seconds > seconds_from_disk && others_.empty() && left >= fewest_to_share)
                others_.start(std::min(processors() - 1, left), run_elsewhere_); // this device has the other processor
        }
        others_.join(); // the ends of their instances have written the driver's cache
        for (size_t i = 0; i < keys_.size(); ++i)
            if (elsewhere_[i] > 0) {
                log(keys_[i], elsewhere_[i], "elsewhere");
                dispatches.run(keys_[i]);
            }
    }

  private:
    // The last, which is the smallest, is taken first: it tells soon whether there is anything to compile.
    std::optional<size_t> take() {
        const size_t turn = turns_++;
        if (turn >= keys_.size()) return {};
        return turn == 0 ? keys_.size() - 1 : turn - 1;
    }

    void run_elsewhere() noexcept {
        try {
            const auto device = Device::open({.wanted = device_.info().uuid, .cache_on_disk = false, .log = Log()});
            EmptyDispatches dispatches(*device, keys_);
            while (const auto i = take()) elsewhere_[*i] = dispatches.run(keys_[*i]);
        } catch (const std::exception&) { // this device's own dispatch will say what is wrong
        }
    }

    void log(const PipelineKey& key, double seconds, const char* place) const {
        if (!device_.log().wants(Log::pipeline)) return;
        device_.log().line(Log::pipeline, "compile,", key.text(), ",milliseconds,", seconds * 1e3, ",place,", place);
    }

    Device& device_;
    const std::span<const PipelineKey> keys_;
    std::vector<double> elsewhere_; // seconds that another device took; 0: none was asked
    std::atomic<size_t> turns_{0};
    const std::function<void()> run_elsewhere_ = [this] { run_elsewhere(); };
    Threads others_; // last: it waits for those that use the rest
};

} // namespace

bool compiles_late(VkDriverId driver) { return driver == VK_DRIVER_ID_MESA_LLVMPIPE; }

void compile_late(Device& device, std::span<const PipelineKey> keys) noexcept {
    try {
        if (!keys.empty()) Shared(device, keys).run();
    } catch (const std::exception& error) {
        device.log().line(Log::pipeline, "uncompiled,", error.what());
    }
}

} // namespace lemnos
