#include "data/loader.h"

#include "support/checked.h"
#include "support/error.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace lemnos {
namespace {

constexpr int most_slots = 1024;
constexpr int most_threads = 256;
constexpr int64_t most_records = int64_t(1) << 32;

} // namespace

BatchLoader::BatchLoader(const Dataset& dataset, int64_t micro_batch, std::vector<LoaderSlot> slots,
                         int threads)
    : dataset_(dataset), micro_batch_(micro_batch), threads_wanted_(threads) {
    use_slots(slots);
}

BatchLoader::BatchLoader(const Dataset& dataset, int64_t micro_batch, int slots, int threads)
    : dataset_(dataset), micro_batch_(micro_batch), threads_wanted_(threads) {
    require(micro_batch > 0 && slots > 0 && slots <= most_slots, "The loader has ", slots,
            " slots of a micro-batch of ", micro_batch, " (1 to ", most_slots, " slots of at least 1).");
    const int64_t pixels = checked_multiply(micro_batch, dataset.shape().bytes());
    own_pixels_.resize(static_cast<size_t>(checked_multiply(pixels, slots)));
    own_labels_.resize(static_cast<size_t>(micro_batch * slots));
    own_samples_.resize(own_labels_.size());
    const int64_t boxes = checked_multiply(micro_batch, dataset.most_boxes());
    own_boxes_.resize(static_cast<size_t>(checked_multiply(boxes, slots)));
    std::vector<LoaderSlot> memory;
    for (int i = 0; i < slots; ++i)
        memory.push_back({own_pixels_.data() + i * pixels, own_labels_.data() + i * micro_batch,
                          own_samples_.data() + i * micro_batch, own_boxes_.data() + i * boxes});
    use_slots(memory);
}

void BatchLoader::use_slots(const std::vector<LoaderSlot>& memory) {
    require(micro_batch_ > 0, "The micro-batch is ", micro_batch_, " (at least 1).");
    require(!memory.empty() && memory.size() <= most_slots, "The loader has ", memory.size(), " slots (1 to ",
            most_slots, ").");
    require(threads_wanted_ > 0 && threads_wanted_ <= most_threads, "The loader has ", threads_wanted_,
            " threads (1 to ", most_threads, ").");
    require(dataset_.size() <= most_records, "The data set has ", dataset_.size(), " records (at most ",
            most_records, " can be loaded).");
    slots_.resize(memory.size());
    for (size_t i = 0; i < memory.size(); ++i) {
        require(memory[i].pixels && memory[i].labels && memory[i].samples, "The loader's slot ", i,
                " has no memory.");
        require(memory[i].boxes || dataset_.most_boxes() == 0, "The loader's slot ", i,
                " has no memory for boxes.");
        slots_[i].content.memory = memory[i];
        slots_[i].content.slot = static_cast<int>(i);
    }
    threads_.reserve(static_cast<size_t>(threads_wanted_));
}

BatchLoader::~BatchLoader() { stop(); }

void BatchLoader::start(NextBatch next_batch, const std::optional<Draw>& draw, Deliver deliver) {
    stop();
    next_batch_ = std::move(next_batch);
    draw_ = draw;
    deliver_ = std::move(deliver);
    ended_ = false;
    stopping_ = false;
    try {
        for (int i = 0; i < threads_wanted_; ++i) threads_.emplace_back(&BatchLoader::run, this);
    } catch (const std::system_error& error) {
        stop();
        fail(ErrorCode::out_of_host_memory, "The loader cannot start ", threads_wanted_,
             " threads: ", error.code().message(), ".");
    }
}

void BatchLoader::start(std::vector<uint32_t> order) {
    start([order = std::move(order), position = size_t(0)](std::span<uint32_t> samples, uint32_t&) mutable {
        const size_t count = std::min(samples.size(), order.size() - position);
        std::copy_n(order.data() + position, count, samples.data());
        position += count;
        return static_cast<int64_t>(count);
    });
}

void BatchLoader::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    slot_freed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    for (Slot& slot : slots_) {
        slot.state = State::free;
        slot.error = nullptr;
    }
    claimed_ = taken_ = 0;
    ended_ = true;
}

const FilledSlot* BatchLoader::next() {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[static_cast<size_t>(taken_) % slots_.size()];
    if (slot.state == State::taken)
        fail(ErrorCode::invalid_state, "The micro-batch ", taken_, " cannot be loaded: its slot ",
             slot.content.slot, " of ", slots_.size(), " still holds the micro-batch ", slot.content.batch,
             ", which was not released.");
    if (slot.state != State::filled) slot_freed_.notify_all(); // release() may have put it off
    slot_filled_.wait(lock, [&] { return slot.state == State::filled || (ended_ && taken_ == claimed_); });
    if (slot.state != State::filled) return nullptr;
    if (slot.error) std::rethrow_exception(slot.error);
    slot.state = State::taken;
    ++taken_;
    return &slot.content;
}

// To wake a thread takes longer than all else that is done here, so those that fill are woken when half of the slots that the
// consumer does not hold are free.
void BatchLoader::release(const FilledSlot* filled) {
    size_t free = 0, held = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                       [&](const Slot& candidate) { return &candidate.content == filled; });
        if (slot == slots_.end() || slot->state != State::taken)
            fail(ErrorCode::invalid_state,
                 "The micro-batch cannot be released: it is not one that the loader handed ",
                 "out in this run and that was not released yet.");
        slot->state = State::free;
        for (const Slot& each : slots_) {
            free += each.state == State::free;
            held += each.state == State::taken;
        }
    }
    if (2 * free >= slots_.size() - held) slot_freed_.notify_all();
}

void BatchLoader::run() {
    while (Slot* slot = claim()) {
        std::exception_ptr error = slot->error; // of next_batch_
        try {
            if (!error) {
                fill(slot->content);
                if (deliver_) deliver_(slot->content);
            }
        } catch (...) {
            error = std::current_exception();
        }
        {
            const std::lock_guard lock(mutex_);
            slot->error = error;
            slot->state = State::filled;
            if (error) ended_ = true;
        }
        slot_filled_.notify_all();
    }
}

// The next slot in turn with its samples chosen; null when the run is over.
BatchLoader::Slot* BatchLoader::claim() {
    const std::lock_guard turn(claim_mutex_);
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[static_cast<size_t>(claimed_) % slots_.size()];
    slot_freed_.wait(lock, [&] { return stopping_ || ended_ || slot.state == State::free; });
    if (stopping_ || ended_) return nullptr;
    slot.state = State::filling;
    slot.content.batch = claimed_++;
    lock.unlock(); // an epoch's shuffle must not hold up the consumer

    int64_t valid = 0;
    slot.content.epoch = 0;
    try {
        valid =
            next_batch_({slot.content.memory.samples, static_cast<size_t>(micro_batch_)}, slot.content.epoch);
        require(valid >= 0 && valid <= micro_batch_, "The next micro-batch has ", valid, " samples (0 to ",
                micro_batch_, ").");
    } catch (...) {
        slot.error = std::current_exception();
    }
    slot.content.valid = valid;
    if (valid > 0 || slot.error) return &slot;

    lock.lock();
    slot.state = State::free;
    --claimed_;
    ended_ = true;
    slot_filled_.notify_all();
    return nullptr;
}

void BatchLoader::fill(const FilledSlot& content) {
    const int64_t bytes = dataset_.shape().bytes(), boxes = dataset_.most_boxes();
    const LoaderSlot& memory = content.memory;
    std::optional<Draw> draw = draw_;
    for (int64_t i = 0; i < content.valid && !stopping_; ++i) {
        const uint32_t sample = memory.samples[i];
        if (boxes == 0) {
            dataset_.read(sample, memory.pixels + i * bytes, memory.labels[i]);
            continue;
        }
        if (draw) {
            draw->epoch = content.epoch;
            draw->sample = sample;
        }
        dataset_.read_boxes(sample, draw ? &*draw : nullptr, memory.pixels + i * bytes,
                            {memory.boxes + i * boxes, static_cast<size_t>(boxes)});
        memory.labels[i] = -1;
    }
    std::fill(memory.pixels + content.valid * bytes, memory.pixels + micro_batch_ * bytes, uint8_t(0));
    std::fill(memory.labels + content.valid, memory.labels + micro_batch_, 0);
    std::fill(memory.samples + content.valid, memory.samples + micro_batch_, 0u);
    if (boxes > 0)
        std::fill(memory.boxes + content.valid * boxes, memory.boxes + micro_batch_ * boxes, Box());
}

} // namespace lemnos
