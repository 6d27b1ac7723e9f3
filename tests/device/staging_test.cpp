// Copies between the host and buffers: every size around the staging block, odd counts and offsets, and nothing beside
// the range is touched.
#include "device/device_test.h"

#include <algorithm>

namespace lemnos::test {
namespace {

constexpr int64_t block = int64_t(1) << 22;

struct DeviceStaging : DeviceTest {
    static std::vector<uint8_t> pattern(int64_t bytes, uint8_t seed) {
        std::vector<uint8_t> values(static_cast<size_t>(bytes));
        uint32_t state = seed + 1u;
        for (uint8_t& value : values) value = uint8_t((state = state * 1664525u + 1013904223u) >> 24);
        return values;
    }
};

} // namespace

TEST_F(DeviceStaging, CarriesEverySizeAtEveryOffset) {
    const auto device = open();
    const int64_t total = 2 * block + 1024;
    const auto buffer = Buffer::create(device, BufferKind::device, total, "target");
    std::vector<uint8_t> expected = pattern(total, 0);
    device->write(*buffer, 0, expected.data(), total);
    uint8_t seed = 1;
    for (int64_t bytes : {int64_t(1), int64_t(2), int64_t(3), int64_t(5), int64_t(255), int64_t(257), block - 1, block,
                          block + 1, 2 * block, 2 * block + 3})
        for (int64_t offset : {int64_t(0), int64_t(1), int64_t(2), int64_t(3), int64_t(17)}) {
            const auto part = pattern(bytes, seed++);
            device->write(*buffer, offset, part.data(), bytes);
            std::copy(part.begin(), part.end(), expected.begin() + offset);
            std::vector<uint8_t> read(static_cast<size_t>(bytes), 0);
            device->read(*buffer, offset, read.data(), bytes);
            ASSERT_TRUE(read == part) << bytes << " bytes at " << offset;
        }
    std::vector<uint8_t> all(static_cast<size_t>(total));
    device->read(*buffer, 0, all.data(), total);
    EXPECT_TRUE(all == expected) << "bytes beside a range were changed";
}

TEST_F(DeviceStaging, OfNothingIsNothing) {
    const auto device = open();
    const auto buffer = Buffer::create(device, BufferKind::device, 256, "target");
    device->write(*buffer, 0, nullptr, 0);
    device->read(*buffer, 256, nullptr, 0);
    device->fill(*buffer, 256, 0, 1);
    EXPECT_EQ(device->counters().submissions, 0);
}

TEST_F(DeviceStaging, StaysInsideTheBuffer) {
    const auto device = open();
    const auto buffer = Buffer::create(device, BufferKind::device, 1000, "target"); // 1024 in fact
    std::vector<uint8_t> data(2048);
    struct Range {
        int64_t offset, bytes;
    };
    for (const Range& r : {Range{0, 1025}, Range{1024, 1}, Range{-1, 4}, Range{0, -1}, Range{1, INT64_MAX},
                           Range{INT64_MAX, 1}, Range{INT64_MAX, INT64_MAX}, Range{INT64_MIN, 4}}) {
        SCOPED_TRACE(text(r.bytes, " bytes at ", r.offset));
        expect_refusal(ErrorCode::invalid_argument, {}, [&] { device->write(*buffer, r.offset, data.data(), r.bytes); });
        expect_refusal(ErrorCode::invalid_argument, {}, [&] { device->read(*buffer, r.offset, data.data(), r.bytes); });
        expect_refusal(ErrorCode::invalid_argument, {}, [&] { device->fill(*buffer, r.offset, r.bytes, 0); });
    }
    expect_refusal(ErrorCode::invalid_argument, {"The range of 1025 bytes at offset 0 is outside the buffer (1024 bytes)."},
                   [&] { device->write(*buffer, 0, data.data(), 1025); });
    EXPECT_EQ(device->counters().submissions, 0);
}

TEST_F(DeviceStaging, FillsWholeWords) {
    const auto device = open();
    const BufferView view = upload(device, counting(64));
    device->fill(*view.buffer, 8, 16, 0x3f800000);
    std::vector<float> expected = counting(64);
    std::fill(expected.begin() + 2, expected.begin() + 6, 1.0f);
    EXPECT_EQ(download(view), expected);
    for (const auto& [offset, bytes] : {std::pair{2, 4}, std::pair{4, 3}})
        expect_refusal(ErrorCode::invalid_argument, {"A fill covers whole 4-byte words"},
                       [&, o = offset, b = bytes] { device->fill(*view.buffer, o, b, 0); });
}

// A copy is ordered after what was submitted before it, and before what is submitted next.
TEST_F(DeviceStaging, IsOrderedWithPlans) {
    const auto device = open();
    const ChainPlan chain(device, counting(50000), {"relu", "relu"});
    for (int round = 1; round <= 20; ++round) {
        const auto values = counting(50000, float(round));
        chain.x.write(values.data());
        chain.plan->run();
        const std::vector<float> noise(50000, -1.0f);
        chain.x.write(noise.data()); // after the plan has read it
        ASSERT_EQ(download(chain.y), values) << "in round " << round;
    }
}

} // namespace lemnos::test
