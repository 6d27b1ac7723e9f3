// TensorBoard's event files: records of TensorFlow's framing (length, its checksum, bytes, their checksum) that hold
// messages of the protocol buffer "Event". Only what scalars need is written.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lemnos {

struct Scalar {
    std::string_view tag; // "train/loss"
    float value = 0;
};

class EventFile {
  public:
    // A new file in the folder, which is made where it is not there; files of earlier runs stay.
    explicit EventFile(const std::string& folder);
    EventFile(const EventFile&) = delete;
    EventFile& operator=(const EventFile&) = delete;
    ~EventFile();

    const std::string& path() const { return path_; }
    // Values of a step, with the time of now. They are in the file when this returns, so that a viewer sees them.
    void add(int64_t step, std::span<const Scalar> scalars);

  private:
    void write_record();

    std::string path_;
    std::FILE* file_ = nullptr;
    std::vector<uint8_t> summary_, event_; // kept, so that nothing is allocated for later events
};

// The checksum of TensorFlow's records: CRC-32C, rotated and shifted by a constant.
uint32_t masked_crc32c(std::span<const uint8_t> bytes);

} // namespace lemnos
