#include "io/event_file.h"

#include "support/error.h"
#include "support/file.h"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <system_error>

namespace lemnos {

// ---- checksums ------------------------------------------------------------------------------------------------------

static constexpr std::array<uint32_t, 256> crc_table = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t rest = i;
        for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest & 1 ? 0x82f63b78u : 0); // Castagnoli's polynomial, reflected
        table[i] = rest;
    }
    return table;
}();

uint32_t masked_crc32c(std::span<const uint8_t> bytes) {
    uint32_t crc = ~0u;
    for (uint8_t byte : bytes) crc = crc_table[(crc ^ byte) & 0xff] ^ crc >> 8;
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

// ---- protocol buffers -----------------------------------------------------------------------------------------------

using Message = std::vector<uint8_t>;
enum WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

static void put_varint(Message& message, uint64_t value) {
    for (; value >= 0x80; value >>= 7) message.push_back(uint8_t(value | 0x80));
    message.push_back(uint8_t(value));
}

static void put_key(Message& message, int field, WireType type) { message.push_back(uint8_t(field << 3 | type)); }

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");
template <typename Number>
static void put_number(Message& message, Number number) {
    uint8_t raw[sizeof number];
    std::memcpy(raw, &number, sizeof number);
    message.insert(message.end(), raw, raw + sizeof number);
}

static void put_bytes(Message& message, int field, const void* data, size_t size) {
    put_key(message, field, bytes);
    put_varint(message, size);
    const auto* first = static_cast<const uint8_t*>(data);
    message.insert(message.end(), first, first + size);
}

static double now_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Event: wall_time 1 (double), step 2, file_version 3, summary 5. Summary: value 1. Value: tag 1, simple_value 2 (float).
static void begin_event(Message& event, int64_t step) {
    event.clear();
    put_key(event, 1, fixed64);
    put_number(event, now_seconds());
    put_key(event, 2, varint);
    put_varint(event, uint64_t(step));
}

// ---- the file -------------------------------------------------------------------------------------------------------

[[noreturn]] static void refuse(const std::string& path) {
    fail(ErrorCode::file_unwritable, "The event file \"", path, "\" cannot be written: ", std::generic_category().message(errno), ".");
}

EventFile::EventFile(const std::string& folder) {
    make_folders(folder);
    // Viewers look for "tfevents" in the name, and read the files of a folder in the order of their names.
    path_ = text(folder, "/events.out.tfevents.", int64_t(now_seconds()), ".lemnos.", std::random_device()());
    file_ = std::fopen(path_.c_str(), "wbx");
    if (!file_) refuse(path_);
    static constexpr std::string_view version = "brain.Event:2";
    begin_event(event_, 0);
    put_bytes(event_, 3, version.data(), version.size());
    write_record();
}

EventFile::~EventFile() { std::fclose(file_); }

void EventFile::add(int64_t step, std::span<const Scalar> scalars) {
    summary_.clear();
    for (const Scalar& scalar : scalars) {
        require(scalar.tag.size() < 100, "The name of a curve (", scalar.tag, ") is longer than 100 characters.");
        put_key(summary_, 1, bytes);
        put_varint(summary_, 2 + scalar.tag.size() + 5);
        put_bytes(summary_, 1, scalar.tag.data(), scalar.tag.size());
        put_key(summary_, 2, fixed32);
        put_number(summary_, scalar.value);
    }
    begin_event(event_, step);
    put_bytes(event_, 5, summary_.data(), summary_.size());
    write_record();
}

void EventFile::write_record() {
    const auto checksum = [](const void* data, size_t size) { return masked_crc32c({static_cast<const uint8_t*>(data), size}); };
    const uint64_t length = event_.size();
    const uint32_t length_checksum = checksum(&length, sizeof length), event_checksum = checksum(event_.data(), event_.size());
    const bool written = std::fwrite(&length, sizeof length, 1, file_) == 1 && std::fwrite(&length_checksum, 4, 1, file_) == 1 &&
                         std::fwrite(event_.data(), 1, event_.size(), file_) == event_.size() &&
                         std::fwrite(&event_checksum, 4, 1, file_) == 1 && std::fflush(file_) == 0;
    if (!written) refuse(path_);
}

} // namespace lemnos
