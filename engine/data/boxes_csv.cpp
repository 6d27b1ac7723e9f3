// Pictures with boxes listed in a file boxes.csv (RFC 4180), one box a line. The names in its first line say
// which column is which:
//     file (or filename)        the picture, beneath the folder's folder images/ or the folder itself
//     width, height             its size in pixels; both or neither
//     class                     a name
//     xmin, ymin, xmax, ymax    the box's edges in pixels, where 0 is the left edge of the first pixel
//     difficult                 1: not to be measured by; where there is no such column, none is
//     split                     train, test or val; where there is no such column, all is train
#include "data/boxes.h"
#include "support/file.h"
#include "support/text.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace lemnos {
namespace {

constexpr int64_t largest_csv_file = int64_t(1) << 30;
constexpr BoxForm csv_form = {"line ", "", {"xmin", "ymin", "xmax", "ymax"}, BoxForm::edges, false};

struct Record {
    int64_t line = 0; // where it begins
    std::vector<std::string> fields;
};

// The records of a text, one at a time.
class CsvReader {
  public:
    CsvReader(std::string path, std::vector<uint8_t> bytes)
        : path_(std::move(path)), bytes_(std::move(bytes)) {
        constexpr std::array<uint8_t, 3> mark = {0xef, 0xbb, 0xbf}; // of UTF-8, which spreadsheets write
        if (bytes_.size() >= 3 && std::equal(mark.begin(), mark.end(), bytes_.begin())) at_ = 3;
    }

    // False at the end. Empty lines are passed over.
    bool next(Record& record) {
        while (at_ < bytes_.size() && (bytes_[at_] == '\n' || bytes_[at_] == '\r')) take();
        if (at_ == bytes_.size()) return false;
        record.line = line_;
        record.fields.clear();
        for (;;) {
            record.fields.push_back(field());
            if (at_ == bytes_.size()) return true;
            const char end = take();
            if (end == ',') continue;
            if (end == '\r' && at_ < bytes_.size() && bytes_[at_] == '\n') take();
            return true;
        }
    }

  private:
    char take() {
        const char character = static_cast<char>(bytes_[at_++]);
        line_ += character == '\n';
        return character;
    }
    bool at_end_of_field() const {
        return at_ == bytes_.size() || bytes_[at_] == ',' || bytes_[at_] == '\n' || bytes_[at_] == '\r';
    }
    std::string field() {
        std::string value;
        if (at_ == bytes_.size() || bytes_[at_] != '"') {
            while (!at_end_of_field()) value += take();
            return value;
        }
        const int64_t begin = line_;
        take();
        for (;;) {
            if (at_ == bytes_.size())
                fail(ErrorCode::file_malformed, "The quoted field that begins in line ", begin, " of \"",
                     path_, "\" has no closing quote.");
            const char character = take();
            if (character != '"')
                value += character;
            else if (at_ < bytes_.size() && bytes_[at_] == '"')
                value += take();
            else
                break;
        }
        if (!at_end_of_field())
            fail(ErrorCode::file_malformed, "Line ", line_, " of \"", path_,
                 "\" goes on after the closing quote of a field; a comma or the line's end is needed.");
        return value;
    }

    std::string path_;
    std::vector<uint8_t> bytes_;
    size_t at_ = 0;
    int64_t line_ = 1;
};

struct Columns {
    size_t count = 0;
    size_t file, class_name;
    std::array<size_t, 4> edges;
    std::array<size_t, 2> size; // width, height
    size_t split, difficult;
};
constexpr size_t none = size_t(-1);

Columns find_columns(const Record& header, const std::string& path) {
    const std::vector<std::string>& names = header.fields;
    const auto find = [&](const std::string& name) {
        const auto found = std::find(names.begin(), names.end(), name);
        if (found != names.end() && std::find(found + 1, names.end(), name) != names.end())
            fail(ErrorCode::file_malformed, "Line ", header.line, " of \"", path, "\" names the column \"",
                 name, "\" twice.");
        return found == names.end() ? none : static_cast<size_t>(found - names.begin());
    };
    const auto need = [&](const std::string& name, const char* other = nullptr) {
        size_t column = find(name);
        if (column == none && other) column = find(other);
        if (column == none)
            fail(ErrorCode::file_malformed, "Line ", header.line, " of \"", path, "\" names no column \"",
                 name,
                 "\" (needed: file, class, xmin, ymin, xmax, ymax; possible: width, height, difficult, "
                 "split).");
        return column;
    };
    Columns columns{};
    columns.count = names.size();
    columns.file = need("file", "filename");
    columns.class_name = need("class");
    columns.edges = {need("xmin"), need("ymin"), need("xmax"), need("ymax")};
    columns.size = {find("width"), find("height")};
    if (columns.size[0] != none || columns.size[1] != none) columns.size = {need("width"), need("height")};
    columns.split = find("split");
    columns.difficult = find("difficult");
    return columns;
}

// What the rows of one picture have said.
struct Listed {
    size_t place; // in the listing; none: of another split
    PictureSize size;
    std::string split;
    int64_t line;
};

class Reader {
  public:
    Reader(std::string path, BoxListing& listing) : path_(std::move(path)), listing_(listing) {}

    void read() {
        CsvReader records(path_, read_file(path_, largest_csv_file));
        Record record;
        if (!records.next(record)) fail(ErrorCode::file_malformed, "The file \"", path_, "\" is empty.");
        columns_ = find_columns(record, path_);
        while (records.next(record)) listing_.bad.box([&] { read_row(record); });
    }

    std::set<std::string> classes; // of all splits

  private:
    template <typename... Parts>
    [[noreturn]] void refuse(const Record& row, const Parts&... parts) const {
        fail(ErrorCode::file_malformed, "Line ", row.line, " of \"", path_, "\" ", parts...);
    }

    int side(const Record& row, size_t which) const {
        const std::string& field = row.fields[columns_.size[which]];
        double value = 0;
        if (!parse_number(field, value) || value != static_cast<int>(value) || value < 1 ||
            value > largest_image_side)
            refuse(row, "gives the ", which ? "height" : "width", " \"", field, "\" (1 to ",
                   largest_image_side, ").");
        return static_cast<int>(value);
    }

    void read_row(const Record& row) {
        if (row.fields.size() != columns_.count)
            refuse(row, "has ", row.fields.size(), " fields; the first line names ", columns_.count,
                   " columns.");
        const std::string split = columns_.split == none ? "train" : row.fields[columns_.split];
        if (split != "train" && split != "test" && split != "val")
            refuse(row, "gives the split \"", split, "\" (train, test or val).");
        const std::string& class_name = row.fields[columns_.class_name];
        if (class_name.empty()) refuse(row, "gives no class.");
        classes.insert(class_name);

        const std::string& file = row.fields[columns_.file];
        PictureSize size;
        if (columns_.size[0] != none) size = {side(row, 1), side(row, 0)};
        const bool wanted = split == listing_.split;
        const auto [found, first] = known_.try_emplace(file, Listed{none, size, split, row.line});
        Listed& known = found->second;
        if (known.place == none && wanted) {
            known.place = listing_.pictures.size();
            listing_.pictures.push_back({file,
                                         {listing_.folder + "/images/" + file, listing_.folder + "/" + file},
                                         box_place(csv_form, row.line, path_),
                                         path_,
                                         size,
                                         {}});
        }
        if (known.size != size || known.split != split) contradict(row, file, known, size, split);
        if (known.place == none || !wanted) return;

        ListedBox box{row.line, class_name, {}};
        for (size_t i = 0; i < 4; ++i) {
            const std::string& field = row.fields[columns_.edges[i]];
            if (!parse_number(field, box.given[i]))
                refuse(row, "gives the ", csv_form.names[i], " \"", field, "\", which is no finite number.");
        }
        if (columns_.difficult != none) {
            const std::string& field = row.fields[columns_.difficult];
            if (field != "0" && field != "1") refuse(row, "gives difficult as \"", field, "\" (0 or 1).");
            box.difficult = field == "1";
        }
        listing_.pictures[known.place].boxes.push_back(std::move(box));
    }

    // One of the two rows is wrong, and none knows which: the picture cannot be used.
    void contradict(const Record& row, const std::string& file, const Listed& known, PictureSize size,
                    const std::string& split) {
        const auto say = [](PictureSize side, const std::string& part) {
            return text(side.width, " x ", side.height, " pixels (width x height) in the split \"", part,
                        "\"");
        };
        const std::string sentence = text("Line ", row.line, " of \"", path_, "\" says of the picture \"",
                                          file, "\": ", say(size, split), "; line ", known.line,
                                          " says: ", say(known.size, known.split), ".");
        if (!listing_.bad.skip) fail(ErrorCode::file_malformed, sentence);
        if (known.place != none) listing_.pictures[known.place].wrong = sentence;
    }

    std::string path_;
    BoxListing& listing_;
    Columns columns_{};
    std::unordered_map<std::string, Listed> known_;
};

} // namespace

std::unique_ptr<Dataset> open_boxes_csv(const std::string& folder, const std::string& split,
                                        const DatasetOptions& options) {
    const std::string path = folder + "/boxes.csv";
    if (!file_exists(path)) return nullptr;
    BoxListing listing{folder, split, csv_form, {}, options.class_names, {options.skip_bad}};
    Reader reader(path, listing);
    reader.read();
    if (listing.pictures.empty())
        fail(ErrorCode::not_found, "The file \"", path, "\" lists no picture of the split \"", split, "\".");
    if (listing.class_names.empty()) listing.class_names.assign(reader.classes.begin(), reader.classes.end());
    return open_boxes(std::move(listing), options);
}

} // namespace lemnos
