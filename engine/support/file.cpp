// POSIX files. The order of an atomic write (temporary file in the same folder, fsync, rename, fsync of the
// folder) is that of PLATFORM.md A.4; each step is there because leaving it out loses data on some file
// system.
#include "support/file.h"

#include "support/error.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lemnos {
namespace {

constexpr size_t write_buffer_bytes = size_t(1) << 16;
constexpr size_t largest_transfer = size_t(1) << 30; // Linux moves at most 2 GiB - 4 KiB a call
constexpr int temporary_name_attempts = 100;

// strerror() without its shared buffer.
std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail_reading(const std::string& path, int error) {
    const bool missing = error == ENOENT || error == ENOTDIR;
    fail(missing ? ErrorCode::not_found : ErrorCode::file_unreadable, "The file \"", path,
         "\" cannot be read: ", reason(error), ".");
}

[[noreturn]] void fail_writing(const std::string& path, int error) {
    fail(ErrorCode::file_unwritable, "The file \"", path, "\" cannot be written: ", reason(error), ".");
}

class Descriptor {
  public:
    explicit Descriptor(int value = -1) : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) close(value_);
    }
    int get() const { return value_; }
    int close_now() { return close(std::exchange(value_, -1)); }
    int release() { return std::exchange(value_, -1); }

  private:
    int value_;
};

// Removes a file on scope exit unless it was kept.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!path_.empty()) unlink(path_.c_str());
    }
    const std::string& path() const { return path_; }
    void keep() { path_.clear(); }

  private:
    std::string path_;
};

// A new file in the target's folder. Its name does not grow with the target's, so a long name stays writable.
std::pair<int, std::string> create_temporary(const std::filesystem::path& folder, const std::string& path) {
    std::random_device random;
    for (int attempt = 0; attempt < temporary_name_attempts; ++attempt) {
        std::string name = (folder / text(".lemnos-", random(), ".tmp")).string();
        const int descriptor = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0) return {descriptor, std::move(name)};
        if (errno != EEXIST) fail_writing(path, errno);
    }
    fail_writing(path, EEXIST);
}

// A link is followed, so that the file it names is replaced and not the link.
std::filesystem::path follow_links(const std::string& path) {
    std::error_code error;
    std::filesystem::path target = path;
    if (!std::filesystem::is_symlink(target, error)) return target;
    target = std::filesystem::weakly_canonical(target, error);
    if (error) fail_writing(path, error.value());
    return target;
}

// Some file systems cannot sync a folder; that is no failure of ours.
void sync_folder(const std::filesystem::path& folder, const std::string& path) {
    const Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0 || fsync(descriptor.get()) == 0) return;
    if (errno == EINVAL || errno == ENOTSUP || errno == EROFS) return;
    fail(ErrorCode::file_unwritable, "The file \"", path,
         "\" was replaced, but its folder cannot be brought to the disk: ", reason(errno), ".");
}

} // namespace

FileReader::FileReader(const std::string& path) : path_(path) {
    // O_NONBLOCK: a pipe is refused below instead of being waited for.
    Descriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (descriptor.get() < 0 || fstat(descriptor.get(), &status) != 0) fail_reading(path, errno);
    if (!S_ISREG(status.st_mode))
        fail(ErrorCode::file_unreadable, "The file \"", path, "\" cannot be read: it is ",
             S_ISDIR(status.st_mode) ? "a folder" : "not a regular file", ".");
    size_ = status.st_size;
    descriptor_ = descriptor.release();
}

FileReader::FileReader(FileReader&& other) noexcept
    : path_(std::move(other.path_)), size_(std::exchange(other.size_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

FileReader& FileReader::operator=(FileReader&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(size_, other.size_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

FileReader::~FileReader() {
    if (descriptor_ >= 0) close(descriptor_);
}

void FileReader::read(int64_t offset, void* to, int64_t bytes) const {
    if (offset < 0 || bytes < 0 || offset > size_ || bytes > size_ - offset)
        fail(ErrorCode::file_malformed, "The file \"", path_, "\" has ", size_, " bytes, but ", bytes,
             " bytes from offset ", offset, " are needed.");
    auto* out = static_cast<uint8_t*>(to);
    while (bytes > 0) {
        const size_t part = std::min(static_cast<size_t>(bytes), largest_transfer);
        const ssize_t got = pread(descriptor_, out, part, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_reading(path_, errno);
        if (got == 0)
            fail(ErrorCode::file_malformed, "The file \"", path_, "\" was cut at byte ", offset,
                 " while it was read; it had ", size_, " bytes when it was opened.");
        out += got;
        offset += got;
        bytes -= got;
    }
}

std::vector<uint8_t> read_file(const std::string& path, int64_t limit) {
    const FileReader file(path);
    if (file.size() > limit)
        fail(ErrorCode::file_malformed, "The file \"", path, "\" has ", file.size(), " bytes; at most ",
             limit, " are expected.");
    std::vector<uint8_t> bytes(static_cast<size_t>(file.size()));
    file.read(0, bytes.data(), file.size());
    return bytes;
}

FileWriter::FileWriter(int descriptor, const std::string& path) : path_(path), descriptor_(descriptor) {
    buffer_.reserve(write_buffer_bytes);
}

void FileWriter::write(const void* data, size_t bytes) {
    const auto* from = static_cast<const uint8_t*>(data);
    if (buffer_.size() + bytes > write_buffer_bytes) flush();
    if (bytes >= write_buffer_bytes)
        write_through(from, bytes);
    else
        buffer_.insert(buffer_.end(), from, from + bytes);
}

void FileWriter::flush() {
    write_through(buffer_.data(), buffer_.size());
    buffer_.clear();
}

void FileWriter::write_through(const uint8_t* data, size_t bytes) {
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, data, std::min(bytes, largest_transfer));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_writing(path_, errno);
        data += written;
        bytes -= static_cast<size_t>(written);
    }
}

void write_atomically(const std::string& path, const std::function<void(FileWriter&)>& writer) {
    const std::filesystem::path target = follow_links(path);
    const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";

    struct stat old {};
    const bool replaces = stat(target.c_str(), &old) == 0;
    if (!replaces && errno != ENOENT) fail_writing(path, errno);
    if (replaces && !S_ISREG(old.st_mode))
        fail(ErrorCode::file_unwritable, "The file \"", path, "\" cannot be written: it is ",
             S_ISDIR(old.st_mode) ? "a folder" : "not a regular file", ".");

    auto [number, name] = create_temporary(folder, path);
    Descriptor descriptor(number);
    TemporaryFile temporary(std::move(name));
    if (replaces && fchmod(number, old.st_mode & 07777) != 0) fail_writing(path, errno);

    FileWriter stream(number, path);
    writer(stream);
    stream.flush();
    if (fsync(number) != 0 || descriptor.close_now() != 0) fail_writing(path, errno);
    if (rename(temporary.path().c_str(), target.c_str()) != 0) fail_writing(path, errno);
    temporary.keep();
    sync_folder(folder, path);
}

bool file_exists(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

bool is_folder(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
}

void make_folders(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
        fail(ErrorCode::file_unwritable, "The folder \"", path, "\" cannot be made: ", error.message(), ".");
}

std::vector<FolderEntry> list_folder(const std::string& path) {
    std::vector<FolderEntry> entries;
    std::error_code error;
    std::filesystem::directory_iterator entry(path, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::error_code broken_link; // counts as a file: reading it will say what is wrong
        entries.push_back({entry->path().filename().string(), entry->is_directory(broken_link)});
    }
    if (error) {
        const bool missing = error == std::errc::no_such_file_or_directory;
        fail(missing ? ErrorCode::not_found : ErrorCode::file_unreadable, "The folder \"", path,
             "\" cannot be read: ", error.message(), ".");
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

std::string user_cache_folder() {
    const char* cache = std::getenv("XDG_CACHE_HOME");
    if (cache && cache[0] == '/') return text(cache, "/lemnos"); // a relative one is to be ignored, says XDG
    const char* home = std::getenv("HOME");
    return home && home[0] == '/' ? text(home, "/.cache/lemnos") : std::string();
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

int terminal_width(int descriptor, int otherwise) {
    struct winsize size {};
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

} // namespace lemnos
