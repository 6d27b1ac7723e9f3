#include "plan/replay.h"

namespace lemnos {

static constexpr int64_t placement_alignment = 256;

std::vector<Replay::Placed> Replay::place(const Graph& graph, const std::vector<Value>& values, int64_t* bytes) {
    std::vector<Placed> placed;
    *bytes = 0;
    for (Value value : values) {
        placed.push_back({value, *bytes});
        *bytes = checked_add(*bytes, round_up(graph.type(value).bytes(), placement_alignment));
    }
    return placed;
}

std::unique_ptr<Replay> Replay::compile(std::shared_ptr<Device> device, const Graph& graph, Bindings bindings,
                                        const std::vector<Value>& feeds, const std::vector<Value>& fetches,
                                        const ReplayOptions& options) {
    require(options.slots >= 1, "A replay needs at least one slot (", options.slots, " were asked for).");
    const Device::KeepOpen open(*device);
    auto replay = std::make_unique<Replay>(device, options.slots);
    replay->feeds_ = place(graph, feeds, &replay->feed_bytes_);
    replay->fetches_ = place(graph, fetches, &replay->fetch_bytes_);
    const auto prepare = [&](const std::vector<Placed>& placed, int64_t bytes, const char* name) {
        if (bytes == 0) return std::shared_ptr<Buffer>();
        auto buffer = Buffer::create(device, BufferKind::device, bytes, name);
        for (const Placed& item : placed) bindings[item.value] = {buffer, item.offset, graph.type(item.value).bytes()};
        return buffer;
    };
    replay->feed_ = prepare(replay->feeds_, replay->feed_bytes_, "feed");
    replay->fetch_ = prepare(replay->fetches_, replay->fetch_bytes_, "fetch");
    if (replay->feed_)
        replay->upload_ = Buffer::create(device, BufferKind::upload, checked_multiply(replay->feed_bytes_, options.slots),
                                         "feed ring");
    if (replay->fetch_)
        replay->download_ = Buffer::create(device, BufferKind::download,
                                           checked_multiply(replay->fetch_bytes_, options.slots), "fetch ring");
    PlanOptions plan = options.plan;
    plan.fed.insert(plan.fed.end(), feeds.begin(), feeds.end());
    replay->plan_ = Plan::compile(device, graph, bindings, plan);
    replay->record();
    return replay;
}

Replay::Replay(std::shared_ptr<Device> device, int slots)
    : DeviceChild(std::move(device)), pool_(*this->device()), ring_(size_t(slots)) {}

Replay::~Replay() { release(); }

void Replay::free_gpu_objects() noexcept {
    Device& device = *this->device();
    device.retire([&device, pool = pool_.release()] {
        device.functions().vkDestroyCommandPool(device.handle(), pool, nullptr);
    });
    for (Slot& slot : ring_) slot.before = slot.after = VK_NULL_HANDLE;
}

void Replay::record() {
    for (size_t i = 0; i < ring_.size(); ++i) {
        if (feed_) {
            ring_[i].before = pool_.allocate();
            CommandRecorder recorder(*device(), ring_[i].before, true);
            recorder.copy(*upload_, int64_t(i) * feed_bytes_, *feed_, 0, feed_bytes_);
            recorder.finish();
        }
        if (fetch_) {
            ring_[i].after = pool_.allocate();
            CommandRecorder recorder(*device(), ring_[i].after, true);
            recorder.copy(*fetch_, 0, *download_, int64_t(i) * fetch_bytes_, fetch_bytes_);
            recorder.finish();
        }
    }
}

int Replay::begin() {
    device()->require_open();
    wait(next_);
    return next_;
}

int64_t Replay::submit(const Run& earlier, int slot) {
    const Run runs[] = {earlier, {this, slot}};
    Plan::Part parts[std::size(runs)];
    size_t count = 0;
    for (const Run& run : runs) {
        if (!run.replay) continue;
        const Slot& each = run.replay->ring_[size_t(run.slot)];
        run.replay->next_ = (run.slot + 1) % run.replay->slots();
        parts[count++] = {run.replay->plan_.get(), each.before, each.after};
    }
    const int64_t ticket = Plan::run({parts, count});
    for (const Run& run : runs)
        if (run.replay) run.replay->ring_[size_t(run.slot)].ticket = ticket;
    return ticket;
}

std::byte* Replay::feed_at(int slot, Value value) {
    device()->require_open(); // the mapped memory is gone otherwise
    for (const Placed& item : feeds_)
        if (item.value == value) return upload_->mapped() + slot * feed_bytes_ + item.offset;
    fail(ErrorCode::internal, "The value ", value.node, " is not fed.");
}

const std::byte* Replay::fetched_at(int slot, Value value) const {
    device()->require_open();
    for (const Placed& item : fetches_)
        if (item.value == value) return download_->mapped() + slot * fetch_bytes_ + item.offset;
    fail(ErrorCode::internal, "The value ", value.node, " is not fetched.");
}

} // namespace lemnos
