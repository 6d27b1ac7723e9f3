// What tests of files share: a folder that goes away, and the expectation of an Error with a code and a
// sentence.
#pragma once

#include "refusal.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

namespace lemnos::test {

using Bytes = std::vector<uint8_t>;

inline Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts)
        for (const uint8_t byte : part) all.push_back(byte);
    return all;
}

inline Bytes big_endian(std::initializer_list<uint32_t> words) {
    Bytes bytes;
    for (const uint32_t word : words)
        for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(uint8_t(word >> shift));
    return bytes;
}

class ScratchFolder {
  public:
    ScratchFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "lemnos-test-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("no scratch folder can be made: " + name);
        path_ = name;
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

    // Writes a file, with the folders above it, and returns its path.
    std::string write(const std::string& name, const Bytes& bytes) const {
        const std::filesystem::path path = file(name);
        std::filesystem::create_directories(path.parent_path());
        std::filesystem::remove(
            path); // cutting an old file would make ext4 write the new one to the disk at once
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path.string();
    }
    std::string write(const std::string& name, const std::string& content) const {
        return write(name, Bytes(content.begin(), content.end()));
    }

    size_t count() const { // of entries
        return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
    }

  private:
    std::string path_;
};

inline Bytes bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

inline std::string content_of(const std::string& path) {
    const Bytes bytes = bytes_of(path);
    return std::string(bytes.begin(), bytes.end());
}

// The folder of real data (../shared/data), or a name that no folder has.
inline std::string test_data() {
    const char* folder = std::getenv("LEMNOS_TEST_DATA");
    return folder && *folder ? folder : "$LEMNOS_TEST_DATA";
}

} // namespace lemnos::test

#define LEMNOS_SKIP_WITHOUT(path)                                                                            \
    if (!std::filesystem::exists(path))                                                                      \
    GTEST_SKIP() << "The data \"" << (path) << "\" is absent (LEMNOS_TEST_DATA names its folder)."
