// Device buffers, their memory (through VMA) and views into them.
#pragma once

#include "vulkan/device.h"

#include <atomic>

typedef struct VmaAllocation_T* VmaAllocation;

namespace lemnos {

enum class BufferKind {
    device,   // storage for tensors; the host reaches it by copies only
    upload,   // mapped, written by the host, read by copies
    download, // mapped, written by copies, read by the host
};

class Buffer : public DeviceChild {
  public:
    // Of sizes: shaders may read a tensor's last elements in groups (binding_granularity), and bindings are rounded up to them.
    static constexpr int64_t granularity = 256;

    // `name` appears in errors and in debuggers. Throws out_of_device_memory when the device's limit or memory is spent.
    static std::shared_ptr<Buffer> create(std::shared_ptr<Device> device, BufferKind kind, int64_t bytes,
                                          const char* name);
    Buffer(std::shared_ptr<Device> device, BufferKind kind, int64_t bytes, const char* name);
    ~Buffer() override;

    VkBuffer handle() const { return handle_; }
    VkDeviceAddress address() const { return address_; } // what shaders call it; 0 for the host's, and without DeviceProfile::addresses
    int64_t bytes() const { return bytes_; }
    std::byte* mapped() const { return mapped_; } // null for BufferKind::device

    // Counts the writes and fills by the host and the runs of plans that it is bound to and written by; copies recorded by
    // others do not count. It rises after the work was submitted: who notes it and then reads never takes old content for new.
    int64_t writes() const { return writes_; }
    void count_write() { ++writes_; }

  private:
    void free_gpu_objects() noexcept override;

    int64_t bytes_ = 0;
    VkBuffer handle_ = VK_NULL_HANDLE;
    VkDeviceAddress address_ = 0;
    VmaAllocation allocation_ = nullptr;
    std::byte* mapped_ = nullptr;
    std::atomic<int64_t> writes_{0};
};

// A range of a buffer. Views keep their buffer alive.
struct BufferView {
    std::shared_ptr<Buffer> buffer;
    int64_t offset = 0;
    int64_t bytes = 0;

    explicit operator bool() const { return buffer != nullptr; }
    void write(const void* data) const { buffer->device()->write(*buffer, offset, data, bytes); }
    void read(void* data) const { buffer->device()->read(*buffer, offset, data, bytes); }
};

} // namespace lemnos
