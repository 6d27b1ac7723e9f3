// An arena cut into chunks: at most 64 blocks of one segment, which one workgroup of the optimizer's shaders handles. Their
// tables carry what differs between segments.
#pragma once

#include "models/arena.h"

namespace lemnos {

// How a segment is updated, besides what the optimizer says.
struct SegmentPolicy {
    double decay = 1;  // of the optimizer's weight decay
    double rate = 1;   // of the learning rate
    double target = 0; // what the decay pulls towards
    bool frozen = false; // it belongs to no chunk: nothing of it is ever read or written
};

class ArenaChunks {
  public:
    // One policy a segment.
    ArenaChunks(const std::shared_ptr<Device>& device, std::shared_ptr<const ArenaLayout> layout,
                const std::vector<SegmentPolicy>& policies, double weight_decay);

    int64_t count() const { return int64_t(segment_of_chunk_.size()); }
    int64_t lanes() const { return lanes_; } // invocations of a workgroup
    int64_t partials() const { return count() * lanes_; }
    const std::vector<int64_t>& windows() const { return windows_; } // first chunk, chunks, first block, blocks of each
    BufferView chunk_table() const { return {chunks_, 0, chunk_type().bytes()}; }
    BufferView segment_table() const { return {segments_, 0, segment_type().bytes()}; }
    TensorType chunk_type() const { return {DataType::i32, {count(), 8}}; }
    TensorType segment_type() const { return {DataType::i32, {segment_count_, 8}}; }
    bool has_targets() const { return has_targets_; } // some decay pulls towards another value than 0
    const std::string& segment_of_partial(int64_t partial) const;

  private:
    std::shared_ptr<const ArenaLayout> layout_;
    int64_t lanes_;
    bool has_targets_ = false;
    int64_t segment_count_ = 0;
    std::vector<int32_t> segment_of_chunk_;
    std::vector<int64_t> windows_;
    std::shared_ptr<Buffer> chunks_, segments_;
};

} // namespace lemnos
