// Copies between host memory and device buffers through two mapped buffers, in blocks. One path for every device: a
// device whose memory the host could map directly takes it as well, so that the path GPUs need is the path that is
// tested.
#pragma once

#include "vulkan/commands.h"

namespace lemnos {

class Staging {
  public:
    explicit Staging(Device& device);
    void close(); // frees the GPU objects; later calls throw device_closed
    void write(Buffer& to, int64_t offset, const void* data, int64_t bytes);
    void read(Buffer& from, int64_t offset, void* data, int64_t bytes);
    void fill(Buffer& to, int64_t offset, int64_t bytes, uint32_t word);

  private:
    Buffer& block(std::shared_ptr<Buffer>& buffer, BufferKind kind, const char* name);
    void wait(); // for the previous copy, which is in flight where waiting for it failed
    template <typename Record>
    void run(const Record& record, const char* doing);

    Device& device_;
    int64_t block_bytes_; // 4 MiB, or less where the memory limit is small
    CommandPool pool_;
    VkCommandBuffer commands_;
    std::shared_ptr<Buffer> upload_, download_; // made at first use
    int64_t last_ticket_ = 0;
    std::mutex mutex_;
};

} // namespace lemnos
