#include "vulkan/buffer.h"

#include "support/checked.h"
#include "vulkan/memory.h"

namespace lemnos {

// Where large buffers of a CPU device start in their memory: drivers give each a multiple of the page, and a kernel that
// walks nine streams of equal addresses modulo 4096 finds room for eight in the first cache. Every further buffer therefore
// starts a page and four cache lines later. Updates of the optimizers were up to a fifth slower without it.
static constexpr int64_t stagger_step = 4096 + Buffer::granularity, stagger_steps = 16;

static bool staggered(const Device& device, BufferKind kind, int64_t bytes) {
    return device.profile().is_cpu && kind == BufferKind::device && bytes >= int64_t(1) << 20;
}

std::shared_ptr<Buffer> Buffer::create(std::shared_ptr<Device> device, BufferKind kind, int64_t bytes,
                                       const char* name) {
    const Device::KeepOpen open(*device);
    try {
        return std::make_shared<Buffer>(device, kind, bytes, name);
    } catch (const Error& error) {
        // What was released while work was in flight still counts; once it is gone there may be room.
        if (error.code() != ErrorCode::out_of_device_memory || !device->reclaim()) throw;
    }
    return std::make_shared<Buffer>(device, kind, bytes, name);
}

Buffer::Buffer(std::shared_ptr<Device> owner, BufferKind kind, int64_t bytes, const char* name)
    : DeviceChild(std::move(owner)) {
    Device& device = *this->device();
    require(bytes > 0, "The buffer ", name, " has the size ", bytes, " (at least 1 byte is needed).");
    bytes_ = bytes = round_up(bytes, granularity);
    // For the log; made before there is anything that a lack of memory would leak.
    const std::string field = device.log().wants(Log::memory) ? Log::field(name) : std::string();
    DeviceCounters& counters = device.counters();
    const int64_t limit = device.memory_limit();
    const int64_t live = counters.memory_bytes.fetch_add(bytes) + bytes;
    const auto give_back = [&] { counters.memory_bytes -= bytes; };
    if (limit > 0 && live > limit) {
        give_back();
        fail(ErrorCode::out_of_device_memory, "The buffer ", name, " (", bytes, " bytes) would raise this device's use to ",
             live, " bytes, over the limit of ", limit, " bytes.");
    }
    if (bytes > device.profile().max_buffer_bytes) {
        give_back();
        fail(ErrorCode::out_of_device_memory, "The buffer ", name, " (", bytes, " bytes) is larger than one allocation of ",
             device.info().name, " (", device.profile().max_buffer_bytes, " bytes).");
    }
    VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    info.size = VkDeviceSize(bytes);
    info.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    VmaAllocationCreateInfo allocation{};
    allocation.usage = VMA_MEMORY_USAGE_AUTO;
    if (kind == BufferKind::device) {
        info.usage |= VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
        if (device.profile().addresses) info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
        allocation.usage = VMA_MEMORY_USAGE_AUTO_PREFER_DEVICE;
    } else {
        allocation.flags = VMA_ALLOCATION_CREATE_MAPPED_BIT |
                           (kind == BufferKind::upload ? VMA_ALLOCATION_CREATE_HOST_ACCESS_SEQUENTIAL_WRITE_BIT
                                                       : VMA_ALLOCATION_CREATE_HOST_ACCESS_RANDOM_BIT);
        allocation.requiredFlags = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    }
    VmaAllocationInfo placed{};
    const VkResult result = [&] {
        if (!staggered(device, kind, bytes))
            return vmaCreateBuffer(device.allocator(), &info, &allocation, &handle_, &allocation_, &placed);
        // A buffer of the whole length claims the memory; the one that stays is bound inside it.
        const int64_t offset = counters.allocations % stagger_steps * stagger_step;
        VkBufferCreateInfo whole = info;
        whole.size += VkDeviceSize(stagger_steps * stagger_step);
        allocation.flags |= VMA_ALLOCATION_CREATE_CAN_ALIAS_BIT;
        VkBuffer claim = VK_NULL_HANDLE;
        if (const VkResult claimed = vmaCreateBuffer(device.allocator(), &whole, &allocation, &claim, &allocation_, &placed))
            return claimed;
        const VkResult bound =
            vmaCreateAliasingBuffer2(device.allocator(), allocation_, VkDeviceSize(offset), &info, &handle_);
        vmaDestroyBuffer(device.allocator(), claim, bound == VK_SUCCESS ? nullptr : allocation_);
        return bound;
    }();
    if (result != VK_SUCCESS) {
        give_back();
        fail(error_code(result), "The device ", device.info().name, " has no memory for the buffer ", name, " (", bytes,
             " bytes; ", live - bytes, " bytes are in use; ", result_name(result), ").");
    }
    if (info.usage & VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT) {
        const VkBufferDeviceAddressInfo whose{VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, nullptr, handle_};
        address_ = device.functions().vkGetBufferDeviceAddress(device.handle(), &whose);
    }
    mapped_ = static_cast<std::byte*>(placed.pMappedData);
    device.set_name(VK_OBJECT_TYPE_BUFFER, uint64_t(handle_), name);
    ++counters.buffers;
    ++counters.allocations;
    device.log().line(Log::memory, "buffer,", field, ",", bytes, ",", live);
}

Buffer::~Buffer() { release(); }

void Buffer::free_gpu_objects() noexcept {
    if (!handle_) return;
    Device& device = *this->device();
    device.retire([&device, buffer = handle_, allocation = allocation_, bytes = bytes_] {
        vmaDestroyBuffer(device.allocator(), buffer, allocation);
        const int64_t left = device.counters().memory_bytes -= bytes;
        --device.counters().buffers;
        device.log().line(Log::memory, "freed,", bytes, ",", left);
    });
    handle_ = VK_NULL_HANDLE;
    mapped_ = nullptr;
}

} // namespace lemnos
