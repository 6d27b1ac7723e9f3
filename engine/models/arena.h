// An arena: all tensors of one kind (parameters, or gradients, or one optimizer state) in one buffer, each in a segment
// that starts at a multiple of 256 bytes. The padding between segments is zero and stays zero.
#pragma once

#include "graph/graph.h"
#include "vulkan/buffer.h"

namespace lemnos {

struct Segment {
    std::string name;
    Shape shape;
    int64_t offset = 0; // bytes
    int64_t elements = 0;
};

// The places of segments; arenas of one layout (parameters, gradients, moments) share it.
class ArenaLayout {
  public:
    static constexpr int64_t alignment = 256;              // bytes
    static constexpr int64_t block = alignment / 4;        // floats; tables over an arena have one entry a block

    ArenaLayout(const Graph& graph, const std::vector<Value>& leaves);
    const std::vector<Segment>& segments() const { return segments_; }
    const Segment* find(const std::string& name) const;
    int64_t bytes() const { return bytes_; }
    int64_t blocks() const { return bytes_ / alignment; }
    // The whole arena as a tensor, [blocks, floats of a block]: so that it can be cut where one binding ends.
    TensorType type() const { return {DataType::f32, {blocks(), block}}; }

  private:
    std::vector<Segment> segments_;
    int64_t bytes_ = 0;
};

// Memory for a layout, zero at first.
struct Arena {
    std::shared_ptr<const ArenaLayout> layout;
    std::shared_ptr<Buffer> buffer;

    Arena() = default;
    Arena(std::shared_ptr<Device> device, std::shared_ptr<const ArenaLayout> layout, const char* name);
    BufferView whole() const { return {buffer, 0, layout->bytes()}; }
    BufferView view(const Segment& segment) const { return {buffer, segment.offset, segment.elements * 4}; }
    std::vector<float> read() const; // the whole arena, padding included
    void write(const std::vector<float>& values) const;
};

} // namespace lemnos
