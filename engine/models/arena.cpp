#include "models/arena.h"

namespace lemnos {

ArenaLayout::ArenaLayout(const Graph& graph, const std::vector<Value>& leaves) {
    for (Value leaf : leaves) {
        Segment segment{graph.node(leaf.node).name, graph.shape(leaf), bytes_, graph.type(leaf).elements()};
        bytes_ = checked_add(bytes_, round_up(graph.type(leaf).bytes(), alignment));
        segments_.push_back(std::move(segment));
    }
    bytes_ = std::max(bytes_, alignment); // an empty arena is one empty block
}

const Segment* ArenaLayout::find(const std::string& name) const {
    for (const Segment& segment : segments_)
        if (segment.name == name) return &segment;
    return nullptr;
}

Arena::Arena(std::shared_ptr<Device> device, std::shared_ptr<const ArenaLayout> arena_layout, const char* name)
    : layout(std::move(arena_layout)), buffer(Buffer::create(device, BufferKind::device, layout->bytes(), name)) {
    device->fill(*buffer, 0, layout->bytes(), 0);
}

std::vector<float> Arena::read() const {
    std::vector<float> values(size_t(layout->bytes() / 4));
    whole().read(values.data());
    return values;
}

void Arena::write(const std::vector<float>& values) const {
    require(int64_t(values.size()) * 4 == layout->bytes(), "An arena of ", layout->bytes() / 4, " floats was given ",
            values.size(), ".");
    whole().write(values.data());
}

} // namespace lemnos
