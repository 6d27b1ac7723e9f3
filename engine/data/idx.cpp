#include "data/idx.h"

#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include <zlib.h>

namespace lemnos {
namespace {

constexpr uint32_t image_magic = 0x00000803; // unsigned bytes, three dimensions
constexpr uint32_t label_magic = 0x00000801; // unsigned bytes, one dimension
constexpr int64_t largest_idx_file = int64_t(16) << 30;
constexpr uint32_t largest_side = 16384;
constexpr int64_t largest_gzip_ratio = 1032; // deflate packs no tighter: zlib.net/zlib_tech.html

// The bytes of an IDX file in order, unpacked on the way where they are gzip's. Nothing is allocated before
// the packed bytes are known to be able to fill it.
class ByteSource {
  public:
    explicit ByteSource(const std::string& path) : path_(path), file_(read_file(path, largest_idx_file)) {
        packed_ = file_.size() >= 2 && file_[0] == 0x1f && file_[1] == 0x8b;
        constexpr int gzip_only = 16 + MAX_WBITS;
        if (packed_ && inflateInit2(&stream_, gzip_only) != Z_OK)
            fail(ErrorCode::out_of_host_memory, "The file \"", path,
                 "\" cannot be unpacked: zlib gets no memory.");
    }
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    ~ByteSource() {
        if (packed_) inflateEnd(&stream_);
    }

    const std::string& path() const { return path_; }
    bool misnamed() const { return !packed_ && path_.ends_with(".gz"); }

    // The most bytes that may still come.
    int64_t remaining() const {
        const auto left = static_cast<int64_t>(file_.size() - position_);
        return packed_ ? left * largest_gzip_ratio + window_bytes : left;
    }

    // Fills `to` as far as the file goes and returns how many bytes that was.
    size_t read(uint8_t* to, size_t bytes) {
        size_t done = 0;
        while (done < bytes) {
            const size_t got = packed_ ? unpack(to + done, bytes - done) : copy(to + done, bytes - done);
            if (got == 0) break;
            done += got;
        }
        return done;
    }

  private:
    static constexpr int64_t window_bytes = 1 << 20; // what zlib may hold back, generously

    size_t copy(uint8_t* to, size_t bytes) {
        bytes = std::min(bytes, file_.size() - position_);
        std::copy_n(file_.begin() + static_cast<std::ptrdiff_t>(position_), bytes, to);
        position_ += bytes;
        return bytes;
    }

    // Some bytes, or 0 at the end of the last gzip member.
    size_t unpack(uint8_t* to, size_t bytes) {
        constexpr size_t most = std::numeric_limits<uInt>::max();
        const auto wanted = static_cast<uInt>(std::min(bytes, most));
        stream_.next_out = to;
        stream_.avail_out = wanted;
        while (stream_.avail_out == wanted && !(ended_ && position_ == file_.size())) {
            if (ended_) inflateReset(&stream_); // another member follows
            ended_ = false;
            const auto given = static_cast<uInt>(std::min(file_.size() - position_, most));
            stream_.next_in = file_.data() + position_;
            stream_.avail_in = given;
            const int result = inflate(&stream_, Z_NO_FLUSH);
            position_ += given - stream_.avail_in;
            ended_ = result == Z_STREAM_END;
            if (result == Z_OK || ended_) continue;
            if (result == Z_BUF_ERROR)
                fail(ErrorCode::file_malformed, "The gzip file \"", path_, "\" is cut: it has ", file_.size(),
                     " bytes and ends inside its packed data.");
            fail(ErrorCode::file_malformed, "The gzip file \"", path_, "\" is damaged near byte ", position_,
                 ": ", stream_.msg ? stream_.msg : "zlib cannot unpack it", ".");
        }
        return wanted - stream_.avail_out;
    }

    std::string path_;
    std::vector<uint8_t> file_;
    size_t position_ = 0;
    bool packed_ = false;
    bool ended_ = false; // a gzip member, and no further one has begun
    z_stream stream_ = {};
};

uint32_t read_big_endian(ByteSource& source, const char* what) {
    std::array<uint8_t, 4> bytes;
    if (source.read(bytes.data(), bytes.size()) != bytes.size())
        fail(ErrorCode::file_malformed, "The IDX file \"", source.path(), "\" ends before its ", what, ".");
    return uint32_t(bytes[0]) << 24 | uint32_t(bytes[1]) << 16 | uint32_t(bytes[2]) << 8 | bytes[3];
}

void check_magic(ByteSource& source, uint32_t expected, const char* content) {
    const uint32_t magic = read_big_endian(source, "magic number");
    if (magic == expected) return;
    const char* hint = magic == image_magic   ? "; it holds images"
                       : magic == label_magic ? "; it holds labels"
                       : source.misnamed()    ? "; it is not packed by gzip, as its name says"
                                              : "";
    fail(ErrorCode::file_malformed, "The IDX file \"", source.path(), "\" begins with the magic number ",
         magic, ", where that of ", content, " (", expected, ") is needed", hint, ".");
}

// The rest of the file: exactly count x record bytes.
std::vector<uint8_t> read_records(ByteSource& source, uint32_t count, int64_t record) {
    // No wrap: a record is at most largest_side squared.
    const int64_t bytes = int64_t(count) * record;
    if (count == 0)
        fail(ErrorCode::file_malformed, "The IDX file \"", source.path(), "\" has 0 records (at least 1).");
    std::vector<uint8_t> data;
    int64_t got = source.remaining();
    if (bytes <= got) {
        data.resize(static_cast<size_t>(bytes));
        got = static_cast<int64_t>(source.read(data.data(), data.size()));
    }
    if (got < bytes)
        fail(ErrorCode::file_malformed, "The IDX file \"", source.path(), "\" is cut: it says ", count,
             " records of ", record, " bytes, ", bytes, " in all, and holds at most ", got, ".");
    uint8_t extra = 0;
    if (source.read(&extra, 1) != 0)
        fail(ErrorCode::file_malformed, "The IDX file \"", source.path(), "\" goes on after its ", count,
             " records of ", record, " bytes.");
    return data;
}

std::vector<uint8_t> read_labels(const std::string& path) {
    ByteSource source(path);
    check_magic(source, label_magic, "labels");
    const uint32_t count = read_big_endian(source, "number of labels");
    return read_records(source, count, 1);
}

struct FilePair {
    std::string images;
    std::string labels;
};

// The path of a file that may be packed, and whose name comes with a dot or a hyphen; empty where there is
// none.
std::string find_file(const std::string& folder, const std::string& stem, const std::string& kind) {
    for (const char* joint : {"-", "."})
        for (const char* ending : {"", ".gz"})
            if (std::string path = text(folder, "/", stem, joint, kind, ending); file_exists(path))
                return path;
    return {};
}

FilePair find_pair(const std::string& folder, const std::string& prefix) {
    return {find_file(folder, prefix + "-images", "idx3-ubyte"),
            find_file(folder, prefix + "-labels", "idx1-ubyte")};
}

} // namespace

std::unique_ptr<Dataset> open_idx(const std::string& images, const std::string& labels,
                                  const std::string& split, std::vector<std::string> class_names) {
    std::vector<uint8_t> label_bytes = read_labels(labels);
    ByteSource source(images);
    check_magic(source, image_magic, "images");
    const uint32_t count = read_big_endian(source, "number of images");
    const uint32_t rows = read_big_endian(source, "number of rows");
    const uint32_t columns = read_big_endian(source, "number of columns");
    if (rows == 0 || columns == 0 || rows > largest_side || columns > largest_side)
        fail(ErrorCode::file_malformed, "The IDX file \"", images, "\" has images of ", rows, " x ", columns,
             " pixels (1 to ", largest_side, " a side).");
    if (count != label_bytes.size())
        fail(ErrorCode::file_malformed, "The IDX file \"", images, "\" has ", count, " images, but \"",
             labels, "\" has ", label_bytes.size(), " labels.");
    std::vector<uint8_t> pixels = read_records(source, count, int64_t(rows) * columns);

    const auto largest = std::max_element(label_bytes.begin(), label_bytes.end());
    if (class_names.empty()) class_names = number_names(*largest + 1);
    if (*largest >= class_names.size())
        fail(ErrorCode::file_malformed, "The IDX file \"", labels, "\" has the label ", int(*largest),
             " at record ", largest - label_bytes.begin(), ", but there are ", class_names.size(),
             " classes, counted from 0.");
    return std::make_unique<MemoryDataset>(split, RecordShape{int(rows), int(columns), 1}, std::move(pixels),
                                           std::vector<int32_t>(label_bytes.begin(), label_bytes.end()),
                                           std::move(class_names));
}

std::unique_ptr<Dataset> open_idx_folder(const std::string& folder, const std::string& split) {
    const FilePair train = find_pair(folder, "train"), test = find_pair(folder, "t10k");
    const auto any = {train.images, train.labels, test.images, test.labels};
    if (std::all_of(any.begin(), any.end(), [](const std::string& path) { return path.empty(); }))
        return nullptr;

    const FilePair& pair = split == "train" ? train : test;
    if ((split != "train" && split != "test") || pair.images.empty() || pair.labels.empty())
        fail(ErrorCode::not_found, "The folder \"", folder,
             "\" holds IDX files, but not the images and the labels of ", "the split \"", split,
             "\" (train: train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz]; test: ",
             "likewise t10k-).");

    // Both splits have the classes of either, so that a label means the same in both.
    std::vector<std::string> names = read_class_names(folder + "/classes.txt");
    if (names.empty()) {
        int largest = 0;
        for (const std::string& path : {train.labels, test.labels}) {
            if (path.empty()) continue;
            const std::vector<uint8_t> labels = read_labels(path);
            largest = std::max<int>(largest, *std::max_element(labels.begin(), labels.end()));
        }
        names = number_names(largest + 1);
    }
    return open_idx(pair.images, pair.labels, split, std::move(names));
}

} // namespace lemnos
