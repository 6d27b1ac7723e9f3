// The loader: the right records in the right order for any number of threads and slots, errors in their turn,
// and an end at any time. Run under the thread sanitizer as well.
#include "data/loader.h"

#include "scratch.h"

#include "data/shuffle.h"

#include <array>
#include <chrono>
#include <numeric>

namespace lemnos {
namespace {

using namespace test;
using namespace std::chrono_literals;

// Record i has the label i % 7 and the pixels i, i + 1, i + 2, …; reading one may take a while or fail.
class CountingDataset final : public Dataset {
  public:
    explicit CountingDataset(int64_t size) : size_(size), names_(number_names(7)) {}
    int64_t size() const override { return size_; }
    RecordShape shape() const override { return {2, 3, 1}; }
    const std::vector<std::string>& class_names() const override { return names_; }
    std::string name(int64_t index) const override { return text("#", index); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        check_index(index);
        if (slow && index % 5 == 0) std::this_thread::sleep_for(100us * (index % 3));
        if (index == fails_at) fail(ErrorCode::file_malformed, "The record ", index, " is broken.");
        for (int i = 0; i < 6; ++i) pixels[i] = uint8_t(index + i);
        label = int32_t(index % 7);
        ++reads;
    }

    bool slow = false;
    int64_t fails_at = -1;
    mutable std::atomic<int64_t> reads = 0;

  private:
    int64_t size_;
    std::vector<std::string> names_;
};

std::vector<uint32_t> first_samples(size_t count) {
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    return order;
}

void expect_batch(const FilledSlot& filled, int64_t micro_batch, std::span<const uint32_t> expected) {
    EXPECT_EQ(filled.valid, int64_t(expected.size()));
    const LoaderSlot& memory = filled.memory;
    for (int64_t i = 0; i < micro_batch; ++i) {
        const bool valid = i < filled.valid;
        const uint32_t sample = valid ? expected[size_t(i)] : 0;
        ASSERT_EQ(memory.samples[i], sample);
        ASSERT_EQ(memory.labels[i], valid ? int32_t(sample % 7) : 0);
        for (int j = 0; j < 6; ++j)
            ASSERT_EQ(memory.pixels[i * 6 + j], valid ? uint8_t(sample + uint32_t(j)) : 0);
    }
}

// Takes a whole run and compares it with the order.
void expect_run(BatchLoader& loader, int64_t micro_batch, std::span<const uint32_t> order) {
    int64_t batch = 0;
    while (const FilledSlot* filled = loader.next()) {
        EXPECT_EQ(filled->batch, batch++);
        const size_t count = std::min(order.size(), size_t(micro_batch));
        expect_batch(*filled, micro_batch, order.first(count));
        order = order.subspan(count);
        loader.release(filled);
    }
    EXPECT_TRUE(order.empty());
    EXPECT_EQ(loader.next(), nullptr);
}

TEST(Loader, GivesEveryRecordInOrder) {
    for (const int threads : {1, 2, 4})
        for (const int slots : {1, 2, 3, 8})
            for (const size_t count : {0, 1, 9, 10, 11, 105}) {
                SCOPED_TRACE(text(threads, " threads, ", slots, " slots, ", count, " records"));
                CountingDataset dataset(200);
                dataset.slow = count == 105;
                std::vector<uint32_t> order(200);
                shuffled_order(1, 2, order);
                order.resize(count);
                BatchLoader loader(dataset, 10, slots, threads);
                EXPECT_EQ(loader.next(), nullptr); // nothing was started
                loader.start(order);
                expect_run(loader, 10, order);
                loader.start(order); // and again
                expect_run(loader, 10, order);
                EXPECT_EQ(dataset.reads, int64_t(2 * count));
            }
}

TEST(Loader, FillsTheMemoryOfTheCaller) {
    const CountingDataset dataset(50);
    Bytes pixels(2 * 4 * 6, 0xee);
    std::vector<int32_t> labels(2 * 4, -1);
    std::vector<uint32_t> samples(2 * 4, 99);
    const std::vector<LoaderSlot> slots = {{pixels.data(), labels.data(), samples.data()},
                                           {pixels.data() + 24, labels.data() + 4, samples.data() + 4}};
    BatchLoader loader(dataset, 4, slots);
    loader.start(first_samples(6));
    const FilledSlot* first = loader.next();
    const FilledSlot* second = loader.next();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->memory.pixels, pixels.data());
    EXPECT_EQ(second->memory.pixels, pixels.data() + 24);
    EXPECT_EQ(second->slot, 1);
    expect_batch(*first, 4, first_samples(4));
    expect_batch(*second, 4, std::vector<uint32_t>{4, 5});
}

TEST(Loader, TakesAnEndlessStreamFromAFunction) {
    const CountingDataset dataset(30);
    BatchLoader loader(dataset, 8, 3, 2);
    // Epochs of 30 without their tails: 3 micro-batches of 8 each.
    const auto order_of = [](int64_t epoch) {
        std::vector<uint32_t> order(30);
        shuffled_order(7, uint32_t(epoch), order);
        return order;
    };
    loader.start([batch = int64_t(0), order_of](std::span<uint32_t> samples, uint32_t& epoch) mutable {
        const std::vector<uint32_t> order = order_of(batch / 3);
        epoch = uint32_t(batch / 3);
        std::copy_n(order.begin() + batch++ % 3 * 8, 8, samples.begin());
        return int64_t(8);
    });
    for (int64_t batch = 0; batch < 50; ++batch) {
        const FilledSlot* filled = loader.next();
        ASSERT_NE(filled, nullptr);
        const std::vector<uint32_t> order = order_of(batch / 3);
        EXPECT_EQ(filled->epoch, uint32_t(batch / 3));
        expect_batch(*filled, 8, std::span(order).subspan(size_t(batch % 3 * 8), 8));
        loader.release(filled);
    }
}

TEST(Loader, ReadsAheadAndNoFurtherThanItsSlots) {
    const CountingDataset dataset(100);
    BatchLoader loader(dataset, 5, 4, 2);
    loader.start(first_samples(100));
    while (dataset.reads < 20) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(dataset.reads, 20);
    const FilledSlot* first = loader.next();
    const FilledSlot* second = loader.next();
    loader.release(second); // in any order: the first slot is still the next to be filled
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(dataset.reads, 20);
    loader.release(first);
    while (dataset.reads < 30) std::this_thread::sleep_for(1ms);
}

TEST(Loader, DeliversOnItsThreadsWhatItThenHandsOut) {
    const std::vector<uint32_t> order = first_samples(58);
    for (const int threads : {1, 3}) {
        const CountingDataset dataset(60);
        std::array<std::atomic<int64_t>, 5> delivered{}; // the sum of the samples, by slot
        int64_t fails_at = -1;
        const std::thread::id consumer = std::this_thread::get_id();
        BatchLoader loader(dataset, 6, 5, threads); // after all that its threads use
        const auto start = [&] {
            loader.start([&, position = size_t(0)](std::span<uint32_t> samples, uint32_t&) mutable {
                const size_t count = std::min(samples.size(), order.size() - position);
                std::copy_n(order.data() + position, count, samples.data());
                position += count;
                return int64_t(count);
            }, {}, [&](const FilledSlot& filled) {
                EXPECT_NE(std::this_thread::get_id(), consumer);
                if (filled.batch == fails_at) fail(ErrorCode::device_closed, "The batch ", filled.batch, " found nobody.");
                delivered[size_t(filled.slot)] = std::accumulate(filled.memory.samples, filled.memory.samples + filled.valid, int64_t(0));
            });
        };
        start();
        for (int64_t batch = 0; const FilledSlot* filled = loader.next(); ++batch) {
            const auto samples = std::span(order).subspan(size_t(batch * 6), size_t(filled->valid));
            expect_batch(*filled, 6, samples);
            EXPECT_EQ(delivered[size_t(filled->slot)], std::accumulate(samples.begin(), samples.end(), int64_t(0)));
            loader.release(filled);
        }
        fails_at = 4;
        start();
        for (int64_t batch = 0; batch < fails_at; ++batch) loader.release(loader.next());
        for (int again = 0; again < 2; ++again)
            expect_refusal(ErrorCode::device_closed, {"The batch 4 found nobody."}, [&] { loader.next(); });
    }
}

TEST(Loader, AnErrorComesInItsTurnAndStays) {
    for (const int threads : {1, 3})
        for (const int64_t broken : {0, 7, 23, 59}) {
            CountingDataset dataset(60);
            dataset.slow = true;
            dataset.fails_at = broken;
            const std::vector<uint32_t> order = first_samples(60);
            BatchLoader loader(dataset, 6, 4, threads);
            loader.start(order);
            for (int64_t batch = 0; batch < broken / 6; ++batch) {
                const FilledSlot* filled = loader.next();
                ASSERT_NE(filled, nullptr);
                expect_batch(*filled, 6, std::span(order).subspan(size_t(batch * 6), 6));
                loader.release(filled);
            }
            const std::string part = text("The record ", broken, " is broken");
            for (int again = 0; again < 3; ++again)
                expect_refusal(ErrorCode::file_malformed, {part}, [&] { loader.next(); });
            loader.stop();
            dataset.fails_at = -1;
            loader.start(first_samples(20)); // a new run forgets it
            expect_run(loader, 6, first_samples(20));
        }
}

TEST(Loader, AnErrorOfTheOrderComesInItsTurn) {
    const CountingDataset dataset(10);
    BatchLoader loader(dataset, 4, 3, 2);
    loader.start(std::vector<uint32_t>{1, 2, 3, 4, 10});
    loader.release(loader.next());
    expect_refusal(ErrorCode::invalid_argument, {"record 10", "10 records"}, [&] { loader.next(); });
    loader.start([](std::span<uint32_t>, uint32_t&) -> int64_t { return 5; });
    expect_refusal(ErrorCode::invalid_argument, {"5 samples", "0 to 4"}, [&] { loader.next(); });
    loader.start(
        [](std::span<uint32_t>, uint32_t&) -> int64_t { throw std::runtime_error("thrown on purpose"); });
    EXPECT_THROW(loader.next(), std::runtime_error);
}

// Record i has i % 4 boxes of the label i; an augmented one also says with which draw.
class BoxedDataset final : public Dataset {
  public:
    BoxedDataset() : names_(number_names(40)) {}
    int64_t size() const override { return 40; }
    RecordShape shape() const override { return {1, 2, 1}; }
    const std::vector<std::string>& class_names() const override { return names_; }
    std::string name(int64_t index) const override { return text("#", index); }
    void read(int64_t, uint8_t*, int32_t&) const override { ADD_FAILURE() << "boxes are to be read"; }
    int64_t most_boxes() const override { return 3; }
    void read_boxes(int64_t index, const Draw* draw, uint8_t* pixels, std::span<Box> boxes) const override {
        pixels[0] = uint8_t(index);
        pixels[1] =
            draw ? uint8_t(draw->seed + draw->epoch * 50 + draw->sample + draw->augmentation.flip) : 255;
        for (int64_t i = 0; i < 3; ++i)
            boxes[size_t(i)] = i < index % 4 ? Box{float(index), 0, 0, 1, 1} : Box();
    }

  private:
    std::vector<std::string> names_;
};

TEST(Loader, ReadsBoxesAndAugments) {
    const BoxedDataset dataset;
    for (const int threads : {1, 3})
        for (const bool augments : {false, true}) {
            BatchLoader loader(dataset, 6, 4, threads);
            std::optional<Draw> draw;
            if (augments) draw = {.augmentation = {.flip = false}, .seed = 3, .epoch = 77, .sample = 77};
            loader.start(
                [done = uint32_t(0)](std::span<uint32_t> samples, uint32_t& epoch) mutable -> int64_t {
                    const int64_t count = std::min<int64_t>(6, 80 - done); // the last one is padded
                    epoch = done / 42;
                    for (uint32_t& sample : samples.first(size_t(count))) sample = done++ % 40;
                    return count;
                },
                draw);
            uint32_t expected = 0;
            while (const FilledSlot* filled = loader.next()) {
                EXPECT_EQ(filled->epoch, expected / 42);
                for (int64_t i = 0; i < 6; ++i) {
                    const bool valid = i < filled->valid;
                    const uint32_t sample = expected % 40;
                    EXPECT_EQ(filled->memory.labels[i], valid ? -1 : 0);
                    EXPECT_EQ(filled->memory.pixels[2 * i], valid ? sample : 0);
                    const int drawn = augments ? uint8_t(3 + filled->epoch * 50 + sample) : 255;
                    EXPECT_EQ(filled->memory.pixels[2 * i + 1], valid ? drawn : 0);
                    for (uint32_t j = 0; j < 3; ++j)
                        EXPECT_EQ(filled->memory.boxes[i * 3 + j].label,
                                  valid && j < sample % 4 ? float(sample) : -1.0f);
                    expected += valid;
                }
                loader.release(filled);
            }
            EXPECT_EQ(expected, 80u);
        }
}

TEST(Loader, EndsAtAnyTime) {
    CountingDataset dataset(1000);
    dataset.slow = true;
    for (int taken = 0; taken < 40; ++taken) {
        BatchLoader loader(dataset, 7, 3, 1 + taken % 4);
        loader.start(first_samples(1000));
        for (int i = 0; i < taken % 5; ++i) {
            const FilledSlot* filled = loader.next();
            if (i % 2 == 0) loader.release(filled);
        }
        if (taken % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50 * taken));
        if (taken % 7 == 0) loader.stop();
        if (taken % 8 == 0) loader.start(first_samples(5));
    }
    const BatchLoader never_started(dataset, 7, 3, 4);
}

TEST(Loader, EndsPromptlyWithinAMicroBatch) {
    CountingDataset dataset(1'000'000);
    dataset.slow = true; // 20 seconds for all
    const auto begin = std::chrono::steady_clock::now();
    {
        BatchLoader loader(dataset, 1'000'000, 1, 1);
        loader.start(first_samples(1'000'000));
        std::this_thread::sleep_for(5ms);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST(Loader, RefusesWhatCannotWork) {
    const CountingDataset dataset(10);
    const auto refused = [](ErrorCode code, std::initializer_list<std::string> parts, auto&& action) {
        expect_refusal(code, parts, action);
    };
    const auto argument = ErrorCode::invalid_argument;
    refused(argument, {"micro-batch", "0"}, [&] { BatchLoader(dataset, 0, 2); });
    refused(argument, {"0 slots"}, [&] { BatchLoader(dataset, 4, 0); });
    refused(argument, {"0 slots"}, [&] { BatchLoader(dataset, 4, std::vector<LoaderSlot>()); });
    refused(argument, {"slot 0", "no memory"}, [&] { BatchLoader(dataset, 4, std::vector<LoaderSlot>(1)); });
    const BoxedDataset boxed;
    Bytes pixels(8);
    std::vector<int32_t> labels(4);
    std::vector<uint32_t> samples(4);
    refused(argument, {"slot 0 has no memory for boxes"}, [&] {
        BatchLoader(boxed, 4, {{pixels.data(), labels.data(), samples.data()}});
    });
    refused(argument, {"0 threads", "1 to 256"}, [&] { BatchLoader(dataset, 4, 2, 0); });
    refused(argument, {"64 bits"}, [&] { BatchLoader(dataset, int64_t(1) << 62, 2); });

    BatchLoader loader(dataset, 4, 2);
    loader.start(first_samples(10));
    const FilledSlot* first = loader.next();
    loader.next();
    const auto state = ErrorCode::invalid_state;
    refused(state, {"slot 0 of 2", "not released"}, [&] { loader.next(); });
    loader.release(first);
    refused(state, {"cannot be released"}, [&] { loader.release(first); });
    refused(state, {"cannot be released"}, [&] { loader.release(nullptr); });
    EXPECT_NE(loader.next(), nullptr);
}

} // namespace
} // namespace lemnos
