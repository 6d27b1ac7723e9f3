// TensorBoard's event files, byte by byte. tests/cli/read_events.py reads those of a training.
#include "io/event_file.h"
#include "support/file.h"
#include "unit/scratch.h"

#include <cstring>

namespace lemnos::test {

TEST(EventFiles, ChecksumsAreTensorFlows) {
    const auto checksum = [](const std::string& text) { return masked_crc32c({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); };
    // CRC-32C of "123456789" is e3069283 (RFC 3720 and all catalogues); TensorFlow rotates it by 15 and adds a constant.
    EXPECT_EQ(checksum("123456789"), ((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u));
    EXPECT_EQ(checksum(""), 0xa282ead8u);
}

TEST(EventFiles, HoldRecordsOfEvents) {
    const ScratchFolder folder;
    EventFile events(folder.file("runs/first"));
    const Scalar scalars[] = {{"a", 1.0f}, {"train/loss", -2.5f}};
    events.add(300, scalars);
    const Bytes bytes = bytes_of(events.path());
    size_t at = 0;
    const auto take = [&](size_t count) {
        const Bytes part(bytes.begin() + std::ptrdiff_t(at), bytes.begin() + std::ptrdiff_t(at + count));
        at += count;
        return part;
    };
    const auto checksum = [&] {
        uint32_t stored;
        std::memcpy(&stored, take(4).data(), 4);
        return stored;
    };
    const auto record = [&] {
        const Bytes length = take(8);
        EXPECT_EQ(checksum(), masked_crc32c(length));
        const Bytes event = take(length[0]); // both are short
        EXPECT_EQ(checksum(), masked_crc32c(event));
        EXPECT_EQ(event[0], 0x09); // wall_time, field 1, a double
        double time;
        std::memcpy(&time, event.data() + 1, 8);
        EXPECT_NEAR(time, double(std::time(nullptr)), 10);
        return std::string(event.begin() + 9, event.end());
    };
    EXPECT_EQ(record(), std::string("\x10\x00\x1a\x0d", 4) + "brain.Event:2");
    EXPECT_EQ(record(), std::string("\x10\xac\x02\x2a\x1d", 5) +                          // step 300, a summary of 29 bytes
                            std::string("\x0a\x08\x0a\x01" "a" "\x15\x00\x00\x80\x3f", 10) +   // "a", 1.0
                            std::string("\x0a\x11\x0a\x0a" "train/loss" "\x15\x00\x00\x20\xc0", 19)); // -2.5
    EXPECT_EQ(at, bytes.size());
}

TEST(EventFiles, AreNotMixedUp) {
    const ScratchFolder folder;
    const EventFile first(folder.file("runs")), second(folder.file("runs"));
    EXPECT_NE(first.path(), second.path());
    EXPECT_EQ(list_folder(folder.file("runs")).size(), 2u);
    EXPECT_NE(first.path().find("/events.out.tfevents."), std::string::npos);
}

TEST(EventFiles, AreRefusedWithASentence) {
    const ScratchFolder folder;
    { std::ofstream(folder.file("file")) << "x"; }
    EXPECT_THROW(EventFile(folder.file("file/below")), Error);
}

} // namespace lemnos::test
