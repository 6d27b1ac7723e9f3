#include "vulkan/staging.h"

#include <algorithm>
#include <cstring>

namespace lemnos {

static constexpr int64_t largest_block = int64_t(1) << 22, smallest_block = int64_t(1) << 16;

// The two blocks together take at most an eighth of a memory limit.
static int64_t choose_block(int64_t memory_limit) {
    if (memory_limit <= 0) return largest_block;
    return std::clamp(memory_limit / 16 / Buffer::granularity * Buffer::granularity, smallest_block, largest_block);
}

Staging::Staging(Device& device)
    : device_(device), block_bytes_(choose_block(device.memory_limit())), pool_(device), commands_(pool_.allocate()) {}

Buffer& Staging::block(std::shared_ptr<Buffer>& buffer, BufferKind kind, const char* name) {
    // The device owns its staging; a counted reference back would keep both alive for ever.
    const std::shared_ptr<Device> uncounted(std::shared_ptr<Device>(), &device_);
    if (!buffer) buffer = Buffer::create(uncounted, kind, block_bytes_, name);
    return *buffer;
}

void Staging::close() {
    const std::lock_guard lock(mutex_);
    upload_.reset();
    download_.reset();
    if (const VkCommandPool pool = pool_.release())
        device_.functions().vkDestroyCommandPool(device_.handle(), pool, nullptr);
}

template <typename Record>
void Staging::run(const Record& record, const char* doing) {
    pool_.reset();
    CommandRecorder recorder(device_, commands_, false);
    record(recorder);
    recorder.finish();
    last_ticket_ = device_.submit({&commands_, 1}, doing);
    wait();
}

void Staging::wait() {
    if (!device_.wait(last_ticket_)) fail(ErrorCode::timeout, "A copy of the device did not end within a day.");
}

void Staging::write(Buffer& to, int64_t offset, const void* data, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    wait();
    Buffer& upload = block(upload_, BufferKind::upload, "staging upload");
    for (int64_t done = 0; done < bytes;) {
        const int64_t part = std::min(bytes - done, block_bytes_);
        std::memcpy(upload.mapped(), static_cast<const std::byte*>(data) + done, size_t(part));
        run([&](CommandRecorder& recorder) { recorder.copy(upload, 0, to, offset + done, part); }, "an upload");
        to.count_write();
        done += part;
    }
}

void Staging::read(Buffer& from, int64_t offset, void* data, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    wait();
    Buffer& download = block(download_, BufferKind::download, "staging download");
    for (int64_t done = 0; done < bytes;) {
        const int64_t part = std::min(bytes - done, block_bytes_);
        run([&](CommandRecorder& recorder) { recorder.copy(from, offset + done, download, 0, part); }, "a download");
        std::memcpy(static_cast<std::byte*>(data) + done, download.mapped(), size_t(part));
        done += part;
    }
}

void Staging::fill(Buffer& to, int64_t offset, int64_t bytes, uint32_t word) {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    wait();
    run([&](CommandRecorder& recorder) { recorder.fill(to, offset, bytes, word); }, "a fill");
    to.count_write();
}

} // namespace lemnos
