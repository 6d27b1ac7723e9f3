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
    // To the window of the last chunk where one binding reaches that far, else to a new one.
    const auto add_chunk = [&](Row chunk, int64_t block, int64_t length, int64_t elements) {
        if (windows_.empty() || block + length - windows_[windows_.size() - 2] > window_blocks)
            windows_.insert(windows_.end(), {int64_t(chunks.size()), 0, block, 0});
        int64_t* window = &windows_[windows_.size() - 4];
        ++window[1];
        window[3] = block + length - window[2];
        const int32_t place[4] = {int32_t(block - window[2]), int32_t(length), int32_t(segments.size()), int32_t(elements)};
        std::copy_n(place, 4, chunk.integers);
        chunks.push_back(chunk);
        segment_of_chunk_.push_back(int32_t(segments.size()));
    };
    const auto add_segment = [&](int64_t first_block, int64_t elements, const SegmentPolicy& policy) {
        has_targets_ |= policy.target != 0 && !policy.frozen;
        Row row{{int32_t(int64_t(chunks.size()) * lanes_), 0, 0, 0},
                {float(policy.decay * weight_decay), float(policy.rate), float(policy.target), 0}};
        for (int64_t block = first_block, end = first_block + divide_up(elements, ArenaLayout::block); block < end;) {
            const int64_t length = std::min(largest_chunk - block % largest_chunk, end - block);
            const int64_t left = elements - (block - first_block) * ArenaLayout::block;
            add_chunk(row, block, length, std::min(left, length * ArenaLayout::block));
            block += length;
        }
        row.integers[1] = int32_t(int64_t(chunks.size()) * lanes_) - row.integers[0];
        segments.push_back(row);
    };
    for (size_t i = 0; i < policies.size(); ++i) {
        const Segment& segment = layout_->segments()[i];
        add_segment(segment.offset / ArenaLayout::alignment, policies[i].frozen ? 0 : segment.elements, policies[i]);
    }
    if (chunks.empty()) { // no table may be empty: a chunk of no blocks
        if (segments.empty()) segments.emplace_back();
        chunks.emplace_back();
        segment_of_chunk_.push_back(0);
        windows_ = {0, 1, 0, 1};
    }
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
