#include "train/chunks.h"

#include <algorithm>

namespace lemnos {

static constexpr int64_t largest_chunk = 64; // blocks: 16 KiB, so that a chunk's scalars are loaded seldom

namespace {

struct Row { // the tables' layout, shaders/optimizer_step.h and trust_ratios.h
    int32_t integers[4];
    float policy[4];
};

std::shared_ptr<Buffer> upload(const std::shared_ptr<Device>& device, const std::vector<Row>& rows, const char* name) {
    const auto bytes = int64_t(rows.size() * sizeof(Row));
    auto buffer = Buffer::create(device, BufferKind::device, bytes, name);
    device->write(*buffer, 0, rows.data(), bytes);
    return buffer;
}

} // namespace

ArenaChunks::ArenaChunks(const std::shared_ptr<Device>& device, std::shared_ptr<const ArenaLayout> layout,
                         const std::vector<SegmentPolicy>& policies, double weight_decay)
    : layout_(std::move(layout)) {
    const DeviceProfile& profile = device->profile();
    // Eight lanes of eight floats cross a block at a time; GPUs like wider workgroups.
    lanes_ = profile.family == KernelFamily::scalar ? 8 : 64;
    const int64_t window_blocks = profile.max_storage_range / ArenaLayout::alignment;
    require(policies.size() == layout_->segments().size(), "There are ", policies.size(), " policies for ",
            layout_->segments().size(), " segments.");

    std::vector<Row> chunks, segments;
    int64_t window_first = 0;
    const auto close_window = [&](int64_t end) {
        const int64_t first = windows_.empty() ? 0 : windows_[windows_.size() - 4] + windows_[windows_.size() - 3];
        windows_.insert(windows_.end(), {first, int64_t(chunks.size()) - first, window_first, end - window_first});
        window_first = end;
    };
    const auto add_segment = [&](int64_t first_block, int64_t elements, const SegmentPolicy& policy) {
        has_targets_ |= policy.target != 0;
        Row row{{int32_t(int64_t(chunks.size()) * lanes_), 0, 0, 0},
                {float(policy.decay * weight_decay), float(policy.rate), float(policy.target), 0}};
        for (int64_t block = first_block, end = first_block + divide_up(elements, ArenaLayout::block); block < end;) {
            const int64_t length = std::min(largest_chunk - block % largest_chunk, end - block);
            if (block + length - window_first > window_blocks) close_window(block);
            Row chunk = row;
            const int64_t left = elements - (block - first_block) * ArenaLayout::block;
            const int32_t place[4] = {int32_t(block - window_first), int32_t(length), int32_t(segments.size()),
                                      int32_t(std::min(left, length * ArenaLayout::block))};
            std::copy_n(place, 4, chunk.integers);
            chunks.push_back(chunk);
            segment_of_chunk_.push_back(int32_t(segments.size()));
            block += length;
        }
        row.integers[1] = int32_t(int64_t(chunks.size()) * lanes_) - row.integers[0];
        segments.push_back(row);
    };
    for (size_t i = 0; i < policies.size(); ++i) {
        const Segment& segment = layout_->segments()[i];
        add_segment(segment.offset / ArenaLayout::alignment, segment.elements, policies[i]);
    }
    if (policies.empty()) add_segment(0, layout_->blocks(), {}); // an arena of no tensors is one block of zeros
    close_window(layout_->blocks());
    segment_count_ = int64_t(segments.size());
    chunks_ = upload(device, chunks, "chunks");
    segments_ = upload(device, segments, "segments");
}

const std::string& ArenaChunks::segment_of_partial(int64_t partial) const {
    static const std::string none;
    const auto chunk = size_t(partial / lanes_);
    if (layout_->segments().empty() || chunk >= segment_of_chunk_.size()) return none;
    return layout_->segments()[size_t(segment_of_chunk_[chunk])].name;
}

} // namespace lemnos
