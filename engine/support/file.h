// Files, folders and the terminal: the only place where the engine calls the operating system for them.
// Every failure is an Error with a whole sentence that names the path and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lemnos {

// A regular file opened for reading. Reads are positioned, so several threads may share one reader. Ranges
// are read and never mapped: a file that is cut while it is read is an error here, not a SIGBUS.
class FileReader {
  public:
    explicit FileReader(const std::string& path); // not_found or file_unreadable
    FileReader(FileReader&& other) noexcept;
    FileReader& operator=(FileReader&& other) noexcept;
    ~FileReader();

    const std::string& path() const { return path_; }
    int64_t size() const { return size_; } // in bytes, when it was opened

    // Reads exactly `bytes` bytes from `offset`; a range that the file does not hold is file_malformed.
    void read(int64_t offset, void* to, int64_t bytes) const;

  private:
    std::string path_;
    int64_t size_ = 0;
    int descriptor_ = -1;
};

// The bytes of a whole file; one of more than `limit` bytes is file_malformed.
std::vector<uint8_t> read_file(const std::string& path, int64_t limit);

// What write_atomically() hands to its caller: an appending, buffered stream of bytes.
class FileWriter {
  public:
    FileWriter(int descriptor, const std::string& path);
    void write(const void* data, size_t bytes);
    void write(const std::string& data) { write(data.data(), data.size()); }
    void flush();

  private:
    void write_through(const uint8_t* data, size_t bytes);

    const std::string& path_;
    int descriptor_;
    std::vector<uint8_t> buffer_;
};

// Replaces the file at `path`, or creates it, in one step: the writer fills a temporary file in the same
// folder, which is brought to the disk and then renamed. Whoever opens `path` finds the old content or the
// new, never a part; a failure (file_unwritable, or whatever the writer throws) removes the temporary file
// and leaves the old one. The old file's mode is kept, a new file obeys the umask, and a symbolic link stays
// one (its target is replaced).
void write_atomically(const std::string& path, const std::function<void(FileWriter&)>& writer);

bool file_exists(const std::string& path); // a regular file, or a link to one
bool is_folder(const std::string& path);
void make_folders(const std::string& path); // with all its parents; existing ones are fine

struct FolderEntry {
    std::string name;
    bool folder = false;
};

// What a folder holds, sorted by the bytes of the names, without "." and "..".
std::vector<FolderEntry> list_folder(const std::string& path);

// The user's folder for Lemnos's caches: $XDG_CACHE_HOME/lemnos or ~/.cache/lemnos. It may not exist yet.
// Empty where the environment names no home.
std::string user_cache_folder();

bool is_terminal(int descriptor);
int terminal_width(int descriptor, int otherwise); // in columns; `otherwise` where it is unknown

} // namespace lemnos
