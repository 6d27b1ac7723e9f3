// Safetensors files: a u64 header length, a JSON header that names the tensors, and their raw little-endian
// bytes (https://github.com/huggingface/safetensors, "Format"). Reading trusts nothing: every count is
// compared with the bytes that are there before anything is allocated, and whatever is wrong is an Error
// (file_malformed) that names the file, what was found and where.
#pragma once

#include "support/file.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lemnos {

constexpr int64_t safetensors_largest_header = 100'000'000; // bytes, as the reference implementation
constexpr int64_t safetensors_most_tensors = int64_t(1) << 20;
constexpr int safetensors_most_dimensions = 8;

enum class StoredType { f32, f16, bf16, i32, i64, u8 };

const char* stored_type_name(StoredType type); // "F32"
int64_t stored_type_bytes(StoredType type);

struct TensorEntry {
    std::string name;
    StoredType type = StoredType::f32;
    std::vector<int64_t> shape; // empty: a scalar; a dimension of 0: no elements
    int64_t elements = 0;
    int64_t offset = 0; // in the file
    int64_t bytes = 0;
};

class SafetensorsFile {
  public:
    // Checks the whole header; the data stays on the disk until it is read.
    static SafetensorsFile open(const std::string& path);
    SafetensorsFile(SafetensorsFile&&) = default;
    SafetensorsFile& operator=(SafetensorsFile&&) = default;

    const std::string& path() const { return file_.path(); }
    const std::vector<TensorEntry>& tensors() const { return tensors_; } // in the order of their data
    const std::map<std::string, std::string>& metadata() const { return metadata_; }

    bool contains(std::string_view name) const { return index_.count(name) != 0; }
    const TensorEntry& find(std::string_view name) const; // not_found

    // The elements as floats; F16 and BF16 are widened (exactly), whole-number types are refused.
    std::vector<float> read_f32(std::string_view name) const;
    void read_f32(const TensorEntry& tensor, float* to) const;

    // The bytes as they are stored; `to` takes tensor.bytes bytes.
    std::vector<uint8_t> read_bytes(std::string_view name) const;
    void read_bytes(const TensorEntry& tensor, void* to) const;

  private:
    explicit SafetensorsFile(const std::string& path) : file_(path) {}

    FileReader file_;
    std::vector<TensorEntry> tensors_;
    std::vector<uint32_t> checksums_; // of the tensors, where the file is sealed
    std::map<std::string, std::string> metadata_;
    std::unordered_map<std::string_view, size_t> index_; // by name, into tensors_
};

struct TensorToWrite {
    std::string name;
    StoredType type = StoredType::f32;
    std::vector<int64_t> shape;
    const void* data = nullptr;
};

// A sealed file carries CRC-32s of its header and of every tensor in one metadata entry, "lemnos.seal".
// Opening and reading it then notice any damage, even one that leaves a well-formed file. It suits
// checkpoints; a model that other programs may edit and save with the metadata they found is better left
// unsealed. The entry does not show up in metadata(), so copying that never copies a stale seal.
enum class Seal { none, crc32 };

// Writes the tensors in the given order, atomically. Data starts at a multiple of 8 bytes; put wide types
// first to keep each tensor aligned to its type.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {}, Seal seal = Seal::none);

} // namespace lemnos
