// The loader: threads of its own read records into a ring of slots ahead of the training step that consumes
// them.
//
// Micro-batches come out in the order in which they were asked for, whatever the number of threads: batch k
// goes to slot k mod slots, one thread fills one batch, and the consumer takes them in turn. After start()
// nothing is allocated here (a data set may: an image folder decodes).
#pragma once

#include "data/augmentation.h"
#include "data/dataset.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace lemnos {

// Memory for one micro-batch: the caller's own (a mapped staging buffer, say) or the loader's.
struct LoaderSlot {
    uint8_t* pixels = nullptr;   // [micro_batch, height, width, channels]
    int32_t* labels = nullptr;   // [micro_batch]
    uint32_t* samples = nullptr; // [micro_batch]: indices into the data set
    Box* boxes = nullptr; // [micro_batch, most_boxes], where the data set has boxes; labels are then -1
};

struct FilledSlot {
    LoaderSlot memory;
    int slot = 0;      // its place in the ring
    int64_t batch = 0; // counted from start()
    int64_t valid = 0; // examples; pixels, labels and samples after them are zero, and boxes none
    uint32_t epoch = 0;
};

class BatchLoader {
  public:
    // Writes the sample indices of the next micro-batch, at most samples.size(), and its epoch, which is 0
    // before; returns how many samples; 0 ends the run. It is called by the loader's threads, never by two at
    // once, in the order of the batches.
    using NextBatch = std::function<int64_t(std::span<uint32_t> samples, uint32_t& epoch)>;
    // Takes a micro-batch further, on the thread that filled it and before next() hands it out; several threads may call it at
    // once. What it throws is thrown by next() in that micro-batch's turn.
    using Deliver = std::function<void(const FilledSlot&)>;

    // The data set and the slots' memory must outlive the loader. With several threads, use more slots than
    // threads.
    BatchLoader(const Dataset& dataset, int64_t micro_batch, std::vector<LoaderSlot> slots, int threads = 1);
    BatchLoader(const Dataset& dataset, int64_t micro_batch, int slots,
                int threads = 1); // with memory of its own
    BatchLoader(const BatchLoader&) = delete;
    BatchLoader& operator=(const BatchLoader&) = delete;
    ~BatchLoader(); // at any time; waits at most for the records being read

    // Begins a run; one that goes on is given up, and what it handed out is no longer to be used. With a
    // draw, pictures with boxes are augmented as it says; its epoch and sample are the loader's to fill in.
    void start(NextBatch next_batch, const std::optional<Draw>& draw = {}, Deliver deliver = {});
    void start(std::vector<uint32_t> order); // one pass over `order`, the last micro-batch padded
    void stop();

    // The consumer, one thread: waits for the next micro-batch; null after the last. A failure while a
    // micro-batch was read is thrown when its turn comes, and again at every further call.
    const FilledSlot* next();
    void release(const FilledSlot* filled); // in any order

  private:
    enum class State { free, filling, filled, taken };
    struct Slot {
        FilledSlot content;
        State state = State::free;
        std::exception_ptr error;
    };

    void use_slots(const std::vector<LoaderSlot>& memory);
    void run();
    Slot* claim();
    void fill(const FilledSlot& content);

    const Dataset& dataset_;
    const int64_t micro_batch_;
    const int threads_wanted_;
    std::vector<uint8_t> own_pixels_;
    std::vector<int32_t> own_labels_;
    std::vector<uint32_t> own_samples_;
    std::vector<Box> own_boxes_;
    std::vector<Slot> slots_;
    std::vector<std::thread> threads_;
    NextBatch next_batch_;
    std::optional<Draw> draw_;
    Deliver deliver_;

    std::mutex claim_mutex_; // held while a batch is claimed, so that next_batch_ is called in order
    std::mutex mutex_;       // guards what follows, and the slots' state
    std::condition_variable slot_freed_;
    std::condition_variable slot_filled_;
    int64_t claimed_ = 0; // batches that a thread has begun
    int64_t taken_ = 0;   // batches that next() has handed out
    bool ended_ = true;   // no further batch is claimed
    std::atomic<bool> stopping_ = false;
};

} // namespace lemnos
