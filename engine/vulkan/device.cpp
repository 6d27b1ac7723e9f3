#include "vulkan/device.h"

#include "support/checked.h"
#include "vulkan/buffer.h"
#include "vulkan/kernel_choices.h"
#include "vulkan/late_compilation.h"
#include "vulkan/matrix_units.h"
#include "vulkan/memory.h"
#include "vulkan/pipeline.h"
#include "vulkan/profiler.h"
#include "vulkan/staging.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace lemnos {

static constexpr int64_t wait_slice_ns = 1'000'000'000; // each wakes a thread; a loss that another one met is noticed after it
static constexpr int64_t longest_wait_ns = int64_t(24) * 3600 * 1'000'000'000;

// ---- children -------------------------------------------------------------------------------------------------------

DeviceChild::DeviceChild(std::shared_ptr<Device> device) : device_(std::move(device)) { device_->attach(this); }

DeviceChild::~DeviceChild() { // still attached only where the derived constructor threw
    const std::lock_guard lock(device_->children_mutex_);
    detach();
}

bool DeviceChild::detach() {
    if (!std::exchange(attached_, false)) return false;
    device_->children_.erase(this);
    return true;
}

// Under the lock, so that close() finds the object either whole or gone.
void DeviceChild::release() noexcept {
    const std::lock_guard lock(device_->children_mutex_);
    if (detach()) free_gpu_objects();
}

void Device::attach(DeviceChild* child) {
    const std::lock_guard lock(children_mutex_);
    require_open();
    children_.insert(child);
}

// ---- opening --------------------------------------------------------------------------------------------------------

std::vector<DeviceInfo> Device::list(const Log& log) {
    std::vector<DeviceInfo> devices = Instance(log).devices();
    for (DeviceInfo& device : devices) device.handle = VK_NULL_HANDLE; // ended with the instance
    return devices;
}

std::shared_ptr<Device> Device::open(const DeviceOptions& options) {
    return std::shared_ptr<Device>(new Device(options));
}

Device::Device(const DeviceOptions& options)
    : log_(options.log), instance_(std::make_unique<Instance>(log_, options.get_instance_proc_addr)),
      validation_messages_(instance_->validation_counter()), info_(instance_->choose(options.wanted)),
      memory_limit_(options.memory_limit), in_flight_(max_in_flight) {
    require(memory_limit_ >= 0, "The device memory limit (", memory_limit_, " bytes) is negative (0 means none).");
    require(options.max_storage_range >= 0, "The largest storage range (", options.max_storage_range,
            " bytes) is negative (0 means as the device has it).");
    try {
        create(options);
    } catch (...) {
        destroy();
        throw;
    }
}

static uint32_t find_compute_family(const InstanceFunctions& functions, const DeviceInfo& info) {
    uint32_t count = 0;
    functions.vkGetPhysicalDeviceQueueFamilyProperties(info.handle, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    functions.vkGetPhysicalDeviceQueueFamilyProperties(info.handle, &count, families.data());
    for (uint32_t family = 0; family < count; ++family)
        if (families[family].queueFlags & VK_QUEUE_COMPUTE_BIT) return family;
    fail(ErrorCode::unsupported, "The device ", info.name, " has no queue for compute shaders.");
}

// The bits that timestamps of the family's queues have: 0, or 36 to 64.
static uint32_t timestamp_bits(const InstanceFunctions& functions, const DeviceInfo& info, uint32_t family) {
    uint32_t count = 0;
    functions.vkGetPhysicalDeviceQueueFamilyProperties(info.handle, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    functions.vkGetPhysicalDeviceQueueFamilyProperties(info.handle, &count, families.data());
    return families[family].timestampValidBits;
}

static uint32_t environment_flag(const char* name) {
    const char* value = std::getenv(name);
    return value && *value && std::strcmp(value, "0") != 0;
}

// LEMNOS_CLAMP=1 pretends that the device offers no more than the smallest limits seen in the field.
static void clamp_to_small_limits(DeviceProfile& profile) {
    profile.max_push_bytes = 128;
    profile.max_shared_bytes = std::min(profile.max_shared_bytes, 16384u);
    profile.max_invocations = std::min(profile.max_invocations, 128u);
    profile.max_group_size_x = std::min(profile.max_group_size_x, 128u);
    profile.max_storage_buffers = std::min(profile.max_storage_buffers, 8u);
    profile.storage_alignment = std::max<int64_t>(profile.storage_alignment, 256);
}

// The family that LEMNOS_KERNELS asks for first, else the one that is meant for such devices, unless that is refused.
static KernelFamily choose_family(const DeviceProfile& profile) {
    const KernelChoices& choices = *profile.kernels;
    KernelFamily family = profile.is_cpu && profile.has_subgroup_kernels() ? KernelFamily::scalar : KernelFamily::tiled;
    if (choices.denies(name_of(family))) family = family == KernelFamily::scalar ? KernelFamily::tiled : KernelFamily::scalar;
    for (auto name = choices.wanted().rbegin(); name != choices.wanted().rend(); ++name)
        for (KernelFamily named : {KernelFamily::scalar, KernelFamily::tiled})
            if (*name == name_of(named)) family = named;
    if (choices.denies(name_of(family)))
        fail(ErrorCode::invalid_argument, "LEMNOS_KERNELS refuses all families of kernels that it leaves to choose from.");
    if (family == KernelFamily::scalar && !profile.has_subgroup_kernels())
        fail(ErrorCode::unsupported, "LEMNOS_KERNELS asks for the scalar kernels, which need 64-bit integers, the addresses of "
             "buffers and a fixed subgroup of 4, 8 or 16, and this device has ", profile.subgroup_size, ".");
    return family;
}

// Software Vulkan has cooperative matrices for the sake of tests: they are far slower than its other kernels, so that they must
// be asked for. Nowhere are they used where other families are asked for.
static MatrixUnit allowed(MatrixFamily family, const MatrixUnit& offered, const DeviceProfile& profile, const DeviceInfo& info) {
    const KernelChoices& choices = *profile.kernels;
    const char* name = name_of(family);
    const bool asked = choices.wants(name), others = std::any_of(choices.wanted().begin(), choices.wanted().end(), is_family);
    const bool runs = offered && (profile.subgroup_size_reliable || offered.workgroup);
    if (asked && !runs)
        fail(ErrorCode::unsupported, "LEMNOS_KERNELS asks for the kernels ", name, ", which need matrix units that multiply f16 and "
             "sum in f32, and the device ", info.name, " does not offer them.");
    const bool wanted = asked || (!profile.is_cpu && !others && !choices.denies(name));
    return runs && wanted ? offered : MatrixUnit{};
}

void Device::create(const DeviceOptions& options) {
    const InstanceFunctions& instance = instance_->functions();
    const uint32_t api = std::min(info_.api_version, instance_->api_version());
    queue_family_ = find_compute_family(instance, info_);

    VkPhysicalDeviceVulkan13Properties limits13{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties maintenance{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    if (api >= VK_API_VERSION_1_3) maintenance.pNext = &limits13;
    VkPhysicalDeviceSubgroupProperties subgroup{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES, &maintenance};
    VkPhysicalDeviceProperties2 properties{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, &subgroup, {}};
    instance.vkGetPhysicalDeviceProperties2(info_.handle, &properties);
    const VkPhysicalDeviceLimits& limits = properties.properties.limits;

    VkPhysicalDeviceVulkan13Features offered13{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    VkPhysicalDevice16BitStorageFeatures offered16{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDeviceBufferDeviceAddressFeatures offered_addresses{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES};
    VkPhysicalDeviceFeatures2 offered{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &offered16, {}};
    if (api >= VK_API_VERSION_1_2) offered16.pNext = &offered_addresses;
    if (api >= VK_API_VERSION_1_3) offered_addresses.pNext = &offered13;
    instance.vkGetPhysicalDeviceFeatures2(info_.handle, &offered);

    profile_.is_cpu = info_.type == "cpu";
    profile_.compiles_late = compiles_late(info_.driver_id);
    profile_.int64 = offered.features.shaderInt64 != 0;
    profile_.storage16 = offered16.storageBuffer16BitAccess != 0;
    profile_.addresses = offered_addresses.bufferDeviceAddress && limits.maxPushConstantsSize >= addressed_push_bytes;
    const VkSubgroupFeatureFlags needed = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    const bool subgroups = (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                           (subgroup.supportedOperations & needed) == needed;
    profile_.subgroup_size = subgroup.subgroupSize;
    const bool fixed = limits13.minSubgroupSize == limits13.maxSubgroupSize && limits13.minSubgroupSize != 0;
    const bool can_require = offered13.subgroupSizeControl &&
                             (limits13.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    profile_.subgroup_size_required = subgroups && !fixed && can_require;
    profile_.subgroup_size_reliable = subgroups && (fixed || can_require);
    const uint32_t bits = timestamp_bits(instance, info_, queue_family_);
    profile_.timestamp_ns = bits > 0 ? double(limits.timestampPeriod) : 0;
    profile_.timestamp_mask = bits < 64 ? (uint64_t(1) << bits) - 1 : ~uint64_t(0);
    profile_.creation_feedback = api >= VK_API_VERSION_1_3;
    profile_.max_invocations = limits.maxComputeWorkGroupInvocations;
    profile_.max_group_size_x = limits.maxComputeWorkGroupSize[0];
    profile_.max_group_count = std::min({limits.maxComputeWorkGroupCount[0], limits.maxComputeWorkGroupCount[1],
                                         limits.maxComputeWorkGroupCount[2]});
    profile_.max_shared_bytes = limits.maxComputeSharedMemorySize;
    profile_.max_push_bytes = limits.maxPushConstantsSize;
    profile_.max_storage_buffers =
        std::min(limits.maxPerStageDescriptorStorageBuffers, limits.maxDescriptorSetStorageBuffers);
    profile_.max_storage_range = limits.maxStorageBufferRange;
    profile_.max_buffer_bytes = int64_t(std::min<VkDeviceSize>(maintenance.maxMemoryAllocationSize, INT64_MAX));
    profile_.storage_alignment = std::max(int64_t(limits.minStorageBufferOffsetAlignment), binding_granularity);
    if (environment_flag("LEMNOS_CLAMP")) clamp_to_small_limits(profile_);
    if (options.max_storage_range > 0)
        profile_.max_storage_range = std::min(profile_.max_storage_range, options.max_storage_range);
    const char* rules = std::getenv("LEMNOS_KERNELS");
    profile_.kernels = std::make_shared<KernelChoices>(rules ? rules : "");
    profile_.family = choose_family(profile_);
    MatrixFeatures matrices(instance, instance_->handle(), info_, api);
    profile_.coopmat = allowed(MatrixFamily::coopmat, matrices.coopmat(), profile_, info_);
    profile_.coopmat2 = allowed(MatrixFamily::coopmat2, matrices.coopmat2(), profile_, info_);
    if (options.cache_on_disk) profile_.kernels->keep_on_disk(info_, text(profile_.subgroup_size), log_);

    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue.queueFamilyIndex = queue_family_;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    VkPhysicalDeviceVulkan13Features enabled13{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    enabled13.subgroupSizeControl = offered13.subgroupSizeControl;
    VkPhysicalDevice16BitStorageFeatures enabled16{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    enabled16.storageBuffer16BitAccess = offered16.storageBuffer16BitAccess;
    VkPhysicalDeviceBufferDeviceAddressFeatures enabled_addresses{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES};
    enabled_addresses.bufferDeviceAddress = profile_.addresses;
    VkPhysicalDeviceFeatures2 enabled{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &enabled16, {}};
    enabled.features.shaderInt64 = offered.features.shaderInt64;
    if (api >= VK_API_VERSION_1_2) enabled16.pNext = &enabled_addresses;
    if (api >= VK_API_VERSION_1_3) enabled_addresses.pNext = &enabled13;
    const bool coopmat = bool(profile_.coopmat), coopmat2 = bool(profile_.coopmat2);
    enabled13.maintenance4 = coopmat || coopmat2; // their shaders name the size of a workgroup in the manner of SPIR-V 1.6
    const std::vector<const char*> extensions = matrices.extensions(coopmat, coopmat2);
    VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, matrices.chain(coopmat, coopmat2, &enabled)};
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queue;
    info.enabledExtensionCount = uint32_t(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    check(instance.vkCreateDevice(info_.handle, &info, nullptr, &handle_), "creating a device");
    functions_.load(instance.vkGetDeviceProcAddr, handle_);
    functions_.vkGetDeviceQueue(handle_, queue_family_, 0, &queue_);
    if (instance_->has_debug_utils())
        set_name_ = reinterpret_cast<PFN_vkSetDebugUtilsObjectNameEXT>(
            instance.vkGetDeviceProcAddr(handle_, "vkSetDebugUtilsObjectNameEXT"));

    VmaVulkanFunctions proc{};
    proc.vkGetInstanceProcAddr = instance.vkGetInstanceProcAddr;
    proc.vkGetDeviceProcAddr = instance.vkGetDeviceProcAddr;
    VmaAllocatorCreateInfo allocator{};
    allocator.flags = profile_.addresses ? VMA_ALLOCATOR_CREATE_BUFFER_DEVICE_ADDRESS_BIT : 0;
    allocator.physicalDevice = info_.handle;
    allocator.device = handle_;
    allocator.instance = instance_->handle();
    allocator.vulkanApiVersion = api;
    allocator.pVulkanFunctions = &proc;
    check(vmaCreateAllocator(&allocator, &allocator_), "creating the memory allocator");

    VkFenceCreateInfo fence{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    for (InFlight& slot : in_flight_)
        check(functions_.vkCreateFence(handle_, &fence, nullptr, &slot.fence), "creating a fence");
    retired_.reserve(256);
    pipelines_ = std::make_unique<PipelineCache>(*this, options.cache_on_disk);
    staging_ = std::make_unique<Staging>(*this);
}

// ---- closing --------------------------------------------------------------------------------------------------------

Device::~Device() { close(); }

void Device::close() noexcept {
    const std::lock_guard closing(close_mutex_);
    if (closed_) return;
    try {
        wait_all(); // threads that wait for this work learn that it is done
        pipelines_->save();
        profile_.kernels->save(log_);
    } catch (const std::exception& error) { // a lost device is still freed
        log_.line(Log::error, "close,", error.what());
    }
    {
        std::unique_lock lock(use_mutex_);
        closed_ = true;
        unused_.wait(lock, [this] { return users_ == 0; }); // the last ones to use it; those that wait give up
    }
    {
        const std::unique_lock lock(queue_mutex_);
        drain(lock);
        completed_ = last_ticket_.load();
        in_flight_count_ = 0;
        collect(lock);
        profiled_ = false;
        profiler_.reset();
    }
    staging_->close();
    {
        const std::lock_guard lock(children_mutex_);
        for (DeviceChild* child : children_) {
            child->attached_ = false;
            child->free_gpu_objects();
        }
        children_.clear();
    }
    destroy();
    instance_.reset();
}

// Whatever create() has made, also where it stopped in the middle.
void Device::destroy() noexcept {
    staging_.reset();
    if (pipelines_) pipelines_->close();
    for (InFlight& slot : in_flight_)
        if (slot.fence) functions_.vkDestroyFence(handle_, std::exchange(slot.fence, VK_NULL_HANDLE), nullptr);
    if (allocator_) vmaDestroyAllocator(std::exchange(allocator_, nullptr));
    if (handle_ && functions_.vkDestroyDevice)
        functions_.vkDestroyDevice(std::exchange(handle_, VK_NULL_HANDLE), nullptr);
}

void Device::enter() {
    const std::lock_guard lock(use_mutex_);
    require_open();
    ++users_;
}

void Device::leave() noexcept {
    const std::lock_guard lock(use_mutex_);
    if (--users_ == 0) unused_.notify_all();
}

void Device::require_open() const {
    if (closed_) fail(ErrorCode::device_closed, "The device ", info_.name, " has been closed.");
    if (lost_) fail(ErrorCode::device_lost, "The device ", info_.name, " was lost; close it and open it again.");
}

// ---- submissions ----------------------------------------------------------------------------------------------------

static void require_ticket(int64_t ticket, int64_t last) {
    require(ticket >= 0 && ticket <= last, "The ticket ", ticket, " was never given out (the last one is ", last, ").");
}

void Device::check_submission(VkResult result, const char* doing) {
    if (result != VK_ERROR_DEVICE_LOST) return check(result, "submitting work");
    lost_ = true;
    fail(ErrorCode::device_lost, "The device ", info_.name, " was lost; the last work submitted was ", doing, ".");
}

int64_t Device::submit(std::span<const VkCommandBuffer> commands, const char* doing) {
    const KeepOpen open(*this);
    const std::lock_guard order(order_mutex_);
    std::unique_lock lock(queue_mutex_);
    const int64_t begin = profiler_ ? profiler_->now() : 0;
    collect(lock);
    while (in_flight_count_ == max_in_flight) {
        const int64_t oldest = in_flight_[oldest_].ticket;
        if (completed_ >= oldest) {
            let_go_.wait(lock); // of its fence, by threads that have waited on it
        } else {
            lock.unlock();
            wait(oldest);
            lock.lock();
        }
        collect(lock);
    }
    require_open(); // it may have been lost meanwhile
    std::shared_ptr<Profiler::Mark> mark;
    std::vector<VkCommandBuffer> marked;
    if (profiler_) {
        profiler_->harvest(completed_);
        mark = profiler_->mark();
    }
    if (mark) {
        marked.push_back(mark->before);
        marked.insert(marked.end(), commands.begin(), commands.end());
        marked.push_back(mark->after);
        commands = marked;
    }
    InFlight& slot = in_flight_[(oldest_ + in_flight_count_) % max_in_flight];
    std::strncpy(slot.doing.data(), doing, slot.doing.size() - 1); // the last byte stays 0
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.commandBufferCount = uint32_t(commands.size());
    info.pCommandBuffers = commands.data();
    check_submission(functions_.vkQueueSubmit(queue_, 1, &info, slot.fence), doing);
    slot.ticket = ++last_ticket_;
    ++in_flight_count_;
    ++counters_.submissions;
    if (profiler_) profiler_->add_submission(std::move(mark), slot.doing.data(), slot.ticket, begin);
    return slot.ticket;
}

// Takes finished submissions off the ring and destroys what waited for them. A fence must not be reset under a thread that
// waits on it, so the ring stays from there on until that thread has woken.
void Device::collect(const std::unique_lock<std::mutex>&) {
    while (in_flight_count_ > 0) {
        InFlight& slot = in_flight_[oldest_];
        if (slot.ticket > completed_) {
            const VkResult status = functions_.vkGetFenceStatus(handle_, slot.fence);
            if (status == VK_NOT_READY) break;
            check_submission(status, slot.doing.data());
            completed_ = slot.ticket;
        }
        if (slot.waiters > 0) break;
        check(functions_.vkResetFences(handle_, 1, &slot.fence), "resetting a fence");
        oldest_ = (oldest_ + 1) % max_in_flight;
        --in_flight_count_;
    }
    const int64_t completed = completed_;
    size_t kept = 0;
    for (const Retired& entry : retired_) {
        if (entry.ticket <= completed)
            entry.destroy();
        else
            retired_[kept++] = entry;
    }
    retired_.erase(retired_.begin() + ptrdiff_t(kept), retired_.end());
}

// Waits, with the lock held, until the GPU has left everything alone. A lost device has.
void Device::drain(const std::unique_lock<std::mutex>&) noexcept {
    for (size_t i = 0; i < in_flight_count_; ++i) {
        const VkFence fence = in_flight_[(oldest_ + i) % max_in_flight].fence;
        VkResult result = VK_TIMEOUT;
        for (int64_t waited = 0; result == VK_TIMEOUT && waited < longest_wait_ns; waited += wait_slice_ns)
            result = functions_.vkWaitForFences(handle_, 1, &fence, VK_TRUE, uint64_t(wait_slice_ns));
    }
}

bool Device::done(int64_t ticket) {
    const std::unique_lock lock(queue_mutex_);
    require_open();
    require_ticket(ticket, last_ticket_);
    collect(lock);
    return completed_ >= ticket;
}

bool Device::wait(int64_t ticket, int64_t timeout_ns) {
    using clock = std::chrono::steady_clock;
    const int64_t timeout = timeout_ns < 0 ? longest_wait_ns : std::min(timeout_ns, longest_wait_ns);
    const auto deadline = clock::now() + std::chrono::nanoseconds(timeout);
    const KeepOpen open(*this);
    std::unique_lock lock(queue_mutex_);
    require_ticket(ticket, last_ticket_);
    std::shared_ptr<Profiler> profiler; // once there is something to wait for
    int64_t begin = 0;
    const auto done = [&](bool result) {
        if (profiler) profiler->add_wait(ticket, begin);
        return result;
    };
    while (true) {
        if (lost_) require_open();
        collect(lock);
        if (completed_ >= ticket) return done(true); // also of a device that is being closed
        require_open();
        const int64_t left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - clock::now()).count();
        if (left <= 0) return done(false);
        if (profiler_ && !profiler) {
            profiler = profiler_;
            begin = profiler->now();
        }
        // On its own fence, not on those of the work before it, which would each wake this thread; tickets in the ring have no gaps.
        InFlight& slot = in_flight_[(oldest_ + size_t(ticket - in_flight_[oldest_].ticket)) % max_in_flight];
        ++slot.waiters;
        lock.unlock();
        const VkResult result =
            functions_.vkWaitForFences(handle_, 1, &slot.fence, VK_TRUE, uint64_t(std::min(left, wait_slice_ns)));
        lock.lock();
        --slot.waiters;
        let_go_.notify_all();
        // A fence tells of all work before it as well.
        if (result == VK_SUCCESS) completed_ = std::max<int64_t>(completed_, ticket);
        else if (result != VK_TIMEOUT) check_submission(result, slot.doing.data());
    }
}

void Device::retire(InlineTask destroy) noexcept {
    const std::unique_lock lock(queue_mutex_);
    if (completed_ >= last_ticket_) return destroy();
    try {
        retired_.push_back({last_ticket_, destroy});
    } catch (const std::bad_alloc&) {
        drain(lock);
        destroy();
    }
}

bool Device::reclaim() {
    {
        const std::lock_guard lock(queue_mutex_);
        if (retired_.empty()) return false;
    }
    wait_all();
    return true;
}

// ---- profiles -------------------------------------------------------------------------------------------------------

void Device::start_profile(const ProfilerOptions& options) {
    const KeepOpen open(*this);
    const auto refuse = [&] {
        if (profiled_) fail(ErrorCode::invalid_state, "The device ", info_.name, " is being profiled already; that must be stopped first.");
    };
    refuse();
    auto profiler = std::make_shared<Profiler>(*this, options);
    const auto order = hold_order();
    const std::lock_guard lock(queue_mutex_);
    refuse();
    profiler_ = std::move(profiler);
    profiled_ = true;
}

Timeline Device::stop_profile() {
    const KeepOpen open(*this);
    std::shared_ptr<Profiler> profiler;
    {
        const auto order = hold_order();
        const std::lock_guard lock(queue_mutex_);
        if (!profiled_)
            fail(ErrorCode::invalid_state, "The device ", info_.name, " is not being profiled, so there is nothing to stop.");
        profiler = std::exchange(profiler_, nullptr);
        profiled_ = false;
    }
    wait_all();
    return profiler->finish();
}

std::shared_ptr<Profiler> Device::profiler() {
    if (!profiled_) return nullptr;
    const std::lock_guard lock(queue_mutex_);
    return profiler_;
}

// ---- data and names -------------------------------------------------------------------------------------------------

static void check_range(const Buffer& buffer, int64_t offset, int64_t bytes) {
    require(offset >= 0 && bytes >= 0 && checked_add(offset, bytes) <= buffer.bytes(), "The range of ", bytes,
            " bytes at offset ", offset, " is outside the buffer (", buffer.bytes(), " bytes).");
}

void Device::write(Buffer& buffer, int64_t offset, const void* data, int64_t bytes) {
    const KeepOpen open(*this);
    check_range(buffer, offset, bytes);
    staging_->write(buffer, offset, data, bytes);
}

void Device::read(Buffer& buffer, int64_t offset, void* data, int64_t bytes) {
    const KeepOpen open(*this);
    check_range(buffer, offset, bytes);
    staging_->read(buffer, offset, data, bytes);
}

void Device::fill(Buffer& buffer, int64_t offset, int64_t bytes, uint32_t word) {
    const KeepOpen open(*this);
    check_range(buffer, offset, bytes);
    require(offset % 4 == 0 && bytes % 4 == 0, "A fill covers whole 4-byte words (offset ", offset, ", ", bytes, " bytes).");
    staging_->fill(buffer, offset, bytes, word);
}

void Device::set_name(VkObjectType type, uint64_t object, const char* name) const {
    if (!set_name_) return;
    VkDebugUtilsObjectNameInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT};
    info.objectType = type;
    info.objectHandle = object;
    info.pObjectName = name;
    set_name_(handle_, &info);
}

} // namespace lemnos
