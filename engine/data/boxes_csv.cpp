// boxes.csv: a line a box, with a header that names the columns file, class, xmin, ymin, xmax, ymax and perhaps width, height,
// split, difficult, in any order; coordinates in pixels from 0. Pictures lie in images/ or beside the file.
#include "data/boxes.h"
#include "support/error.h"
#include "support/file.h"
#include "support/text.h"

#include <algorithm>
#include <map>
#include <set>

namespace lemnos {

namespace {

constexpr int64_t largest_list = int64_t(1) << 30;

struct Line {
    int64_t number = 0; // where it begins
    std::vector<std::string> cells;
};

// RFC 4180: cells in quotes may hold separators, line ends, and quotes written twice.
std::vector<Line> parse_csv(const std::vector<uint8_t>& bytes, const std::string& path) {
    std::vector<Line> lines;
    Line line{1, {""}};
    int64_t number = 1;
    bool quoted = false, closed = false; // inside of quotes; behind them
    const auto end_line = [&] {
        if (line.cells.size() > 1 || !line.cells[0].empty()) lines.push_back(std::move(line));
        line = {number, {""}};
        closed = false;
    };
    for (size_t i = 0; i < bytes.size(); ++i) {
        const char c = char(bytes[i]);
        if (c == '\n') ++number;
        if (quoted) {
            if (c != '"') line.cells.back() += c;
            else if (i + 1 < bytes.size() && bytes[i + 1] == '"') line.cells.back() += char(bytes[++i]);
            else quoted = false, closed = true;
        } else if (c == '\n') {
            end_line();
        } else if (c == ',') {
            line.cells.emplace_back();
            closed = false;
        } else if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') {
            // the line ends with the next one
        } else if (c == '"' && line.cells.back().empty() && !closed) {
            quoted = true;
        } else if (closed) {
            fail(ErrorCode::file_malformed, "Line ", line.number, " of \"", path, "\" has text behind a quoted cell.");
        } else {
            line.cells.back() += c;
        }
    }
    if (quoted) fail(ErrorCode::file_malformed, "Line ", line.number, " of \"", path, "\" has a quote that is not closed.");
    end_line();
    return lines;
}

class Reader {
  public:
    Reader(const std::string& folder, const std::string& path) : folder_(folder), path_(path), lines_(parse_csv(read_file(path, largest_list), path)) {
        if (lines_.empty()) fail(ErrorCode::file_malformed, "The file \"", path, "\" is empty (a line with the names of its columns is needed).");
        std::vector<std::string>& header = lines_[0].cells;
        if (header[0].starts_with("\xef\xbb\xbf")) header[0].erase(0, 3);
        for (size_t i = 0; i < header.size(); ++i) columns_[header[i]] = i;
        for (const char* name : {"file", "class", "xmin", "ymin", "xmax", "ymax"})
            if (!columns_.contains(name))
                fail(ErrorCode::file_malformed, "The first line of \"", path, "\" names no column \"", name,
                     "\" (file, class, xmin, ymin, xmax and ymax are needed).");
        images_ = is_folder(folder + "/images") ? folder + "/images" : folder;
    }

    void read(const std::string& split) {
        std::map<std::string, size_t> known; // pictures of the split
        for (size_t i = 1; i < lines_.size(); ++i) {
            line_ = &lines_[i];
            if (line_->cells.size() != columns_.size())
                fail(ErrorCode::file_malformed, where(), " has ", line_->cells.size(), " cells (", columns_.size(), " are needed).");
            classes.insert(cell("class"));
            splits.insert(has("split") ? cell("split") : "train");
            if ((has("split") ? cell("split") : "train") != split) continue;
            const std::string file = picture_in(images_, cell("file"), where());
            const PictureSize size = has("width") && has("height") ? PictureSize{int(number("height")), int(number("width"))} : PictureSize{};
            const auto [found, is_new] = known.emplace(file, pictures.size());
            if (is_new) pictures.push_back({file, size, {}, where()});
            ListedPicture& picture = pictures[found->second];
            if (picture.size != size)
                fail(ErrorCode::file_malformed, where(), " says that \"", cell("file"), "\" is ", size.width, " x ", size.height, ", and an earlier one ",
                     picture.size.width, " x ", picture.size.height, ".");
            picture.boxes.push_back({cell("class"), number("xmin"), number("ymin"), number("xmax"), number("ymax"),
                                     has("difficult") && number("difficult") != 0, false, where()});
        }
    }

    std::vector<ListedPicture> pictures;
    std::set<std::string> classes, splits; // of all

  private:
    std::string where() const { return text("Line ", line_->number, " of \"", path_, "\""); }
    bool has(const char* column) const { return columns_.contains(column); }
    const std::string& cell(const char* column) const { return line_->cells[columns_.at(column)]; }
    double number(const char* column) const {
        double value = 0;
        if (!parse_number(cell(column), value))
            fail(ErrorCode::file_malformed, where(), ": the ", column, " \"", cell(column), "\" is no number.");
        return value;
    }

    std::string folder_, path_, images_;
    std::vector<Line> lines_;
    std::map<std::string, size_t> columns_;
    const Line* line_ = nullptr;
};

} // namespace

std::unique_ptr<Dataset> open_boxes_csv(const std::string& folder, const std::string& split, const DatasetOptions& options) {
    const std::string path = folder + "/boxes.csv";
    if (!file_exists(path)) return nullptr;
    Reader reader(folder, path);
    reader.read(split);
    if (reader.pictures.empty()) {
        std::string known;
        for (const std::string& each : reader.splits) known += (known.empty() ? "" : ", ") + each;
        fail(ErrorCode::not_found, "The file \"", path, "\" has no boxes of the split \"", split, "\" (", known.empty() ? "it has none at all" : known, ").");
    }
    return make_box_dataset(folder, split, std::move(reader.pictures), {reader.classes.begin(), reader.classes.end()}, options);
}

} // namespace lemnos
