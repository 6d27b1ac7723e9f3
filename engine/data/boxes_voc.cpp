// Pascal VOC (Everingham et al., http://host.robots.ox.ac.uk/pascal/VOC): Annotations/NAME.xml for each
// picture in JPEGImages/, and the names of a split in ImageSets/Main/SPLIT.txt, one a line (train: where
// there is no train.txt, trainval.txt; where there is no such folder at all, every annotation is train).
//
// Coordinates count pixels from 1, and xmin, ymin, xmax and ymax are the first and the last column and row of
// the box: one of all 10 columns has the xmin 1 and the xmax 10. Difficult objects are trained on and not
// measured by. An annotation without objects is a picture of nothing.
#include "data/boxes.h"
#include "support/file.h"
#include "support/text.h"

#include <expat.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>

namespace lemnos {
namespace {

constexpr int64_t largest_annotation = int64_t(16) << 20, largest_list = int64_t(64) << 20;
constexpr size_t deepest_nesting = 16, longest_text = 4096;
constexpr BoxForm voc_form = {"line ", "", {"xmin", "ymin", "xmax", "ymax"}, BoxForm::inclusive, true};

// What the elements of an annotation say: <filename>, <size>, and of every <object> its <name>, <difficult>
// and <bndbox>. What is wrong with one object is kept with its box; anything else is thrown.
class Annotation {
  public:
    explicit Annotation(const std::string& path) : path_(path) {
        const std::vector<uint8_t> bytes = read_file(path, largest_annotation);
        const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                             XML_ParserFree);
        if (!parser) throw std::bad_alloc();
        parser_ = parser.get();
        XML_SetUserData(parser_, this);
        XML_SetElementHandler(
            parser_,
            [](void* self, const char* name, const char**) {
                static_cast<Annotation*>(self)->guard([&](Annotation& here) { here.begin(name); });
            },
            [](void* self, const char*) {
                static_cast<Annotation*>(self)->guard([](Annotation& here) { here.end(); });
            });
        XML_SetCharacterDataHandler(parser_, [](void* self, const char* part, int length) {
            static_cast<Annotation*>(self)->guard([&](Annotation& here) { here.add(part, size_t(length)); });
        });
        const auto status = XML_Parse(parser_, reinterpret_cast<const char*>(bytes.data()),
                                      static_cast<int>(bytes.size()), XML_TRUE);
        if (thrown_) std::rethrow_exception(thrown_);
        if (status != XML_STATUS_OK)
            fail(ErrorCode::file_malformed, "The file \"", path,
                 "\" is no XML: ", XML_ErrorString(XML_GetErrorCode(parser_)), " in line ", line(), ".");
        if (!seen_root_)
            fail(ErrorCode::file_malformed, "The file \"", path, "\" holds no element \"annotation\".");
        if ((size.height == 0) != (size.width == 0))
            fail(ErrorCode::file_malformed, "The file \"", path, "\" gives the size ", size.width, " x ",
                 size.height, " (width x height).");
    }

    std::string file_name;
    PictureSize size;
    std::vector<ListedBox> boxes;

  private:
    // Nothing may be thrown through the parser, which is C: it is kept, and the parser stopped.
    template <typename Action>
    void guard(Action&& action) {
        if (thrown_) return;
        try {
            action(*this);
        } catch (...) {
            thrown_ = std::current_exception();
            XML_StopParser(parser_, XML_FALSE);
        }
    }

    int64_t line() const { return static_cast<int64_t>(XML_GetCurrentLineNumber(parser_)); }

    void begin(const std::string& name) {
        if (depth_ == deepest_nesting)
            fail(ErrorCode::file_malformed, "Line ", line(), " of \"", path_, "\" is nested deeper than ",
                 deepest_nesting, " elements.");
        ++depth_;
        element_ += "/" + name;
        text_.clear();
        seen_root_ = seen_root_ || element_ == "/annotation";
        if (element_ != "/annotation/object") return;
        object_ = {};
        object_.number = line();
        given_ = {};
    }

    void end() {
        for (size_t i = 0; i < 4; ++i)
            if (element_ == std::string("/annotation/object/bndbox/") + voc_form.names[i]) {
                object_.given[i] = number(voc_form.names[i]);
                given_[i] = true;
            }
        if (element_ == "/annotation/object/name") object_.class_name = trimmed();
        if (element_ == "/annotation/object/difficult") object_.difficult = number("difficult") != 0;
        if (element_ == "/annotation/object") end_object();
        if (element_ == "/annotation/filename") file_name = trimmed();
        if (element_ == "/annotation/size/width") size.width = side("width");
        if (element_ == "/annotation/size/height") size.height = side("height");
        element_.erase(element_.rfind('/'));
        --depth_;
        text_.clear();
    }

    void end_object() {
        if (object_.class_name.empty()) wrong("has no name");
        for (size_t i = 0; i < 4; ++i)
            if (!given_[i]) wrong(text("has no ", voc_form.names[i]));
        boxes.push_back(std::move(object_));
    }

    void add(const char* part, size_t length) {
        if (text_.size() + length > longest_text)
            fail(ErrorCode::file_malformed, "Line ", line(), " of \"", path_, "\" holds a text of more than ",
                 longest_text, " bytes.");
        text_.append(part, length);
    }

    std::string trimmed() const {
        const size_t first = text_.find_first_not_of(" \t\r\n");
        return first == std::string::npos
                   ? ""
                   : text_.substr(first, text_.find_last_not_of(" \t\r\n") - first + 1);
    }

    void wrong(const std::string& what) {
        if (object_.wrong.empty())
            object_.wrong = text("The box in ", box_place(voc_form, object_.number, path_), " ", what, ".");
    }
    double number(const char* name) {
        double value = 0;
        if (!parse_number(trimmed(), value))
            wrong(text("has the ", name, " \"", trimmed(), "\", which is no finite number"));
        return value;
    }
    // 0, which some programs write, is no size.
    int side(const char* name) const {
        double value = 0;
        if (!parse_number(trimmed(), value) || value != std::floor(value) || value < 0 ||
            value > largest_image_side)
            fail(ErrorCode::file_malformed, "Line ", line(), " of \"", path_, "\" gives the ", name, " \"",
                 trimmed(), "\" (1 to ", largest_image_side, "; 0: not known).");
        return static_cast<int>(value);
    }

    const std::string& path_;
    XML_Parser parser_ = nullptr;
    std::exception_ptr thrown_;
    std::string element_; // the path of the open ones
    size_t depth_ = 0;
    bool seen_root_ = false;
    std::string text_;
    ListedBox object_;
    std::array<bool, 4> given_{};
};

// The names in a list, in its order; one that comes again is the same picture.
std::vector<std::string> names_in(const std::string& path) {
    const std::vector<uint8_t> bytes = read_file(path, largest_list);
    std::vector<std::string> names;
    std::set<std::string> known;
    for (std::string line : split(std::string(bytes.begin(), bytes.end()), '\n')) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty() && known.insert(line).second) names.push_back(line);
    }
    return names;
}

std::vector<std::string> annotations_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const FolderEntry& entry : list_folder(folder))
        if (!entry.folder && entry.name.ends_with(".xml") && entry.name[0] != '.')
            names.push_back(entry.name.substr(0, entry.name.size() - 4));
    return names;
}

} // namespace

std::unique_ptr<Dataset> open_boxes_voc(const std::string& folder, const std::string& split,
                                        const DatasetOptions& options) {
    const std::string annotations = folder + "/Annotations", pictures = folder + "/JPEGImages",
                      lists = folder + "/ImageSets/Main";
    if (!is_folder(annotations) || !is_folder(pictures)) return nullptr;
    const auto list_of = [&](const std::string& name) { return lists + "/" + name + ".txt"; };
    std::string list = list_of(split);
    if (split == "train" && !file_exists(list) && file_exists(list_of("trainval")))
        list = list_of("trainval");
    const bool divided = is_folder(lists);
    if (divided ? !file_exists(list) : split != "train")
        fail(ErrorCode::not_found, "The data set \"", folder, "\" has no split \"", split,
             "\": there is no file \"", list_of(split), "\".");
    if (!divided) list = annotations;

    BoxListing listing{folder, split, voc_form, {}, options.class_names, {options.skip_bad}};
    std::set<std::string> classes, read;
    const auto path_of = [&](const std::string& name) { return annotations + "/" + name + ".xml"; };
    for (const std::string& name : divided ? names_in(list) : annotations_in(annotations)) {
        const std::string path = path_of(name);
        listing.bad.picture([&] {
            require_inside(name, text("\"", list, "\""));
            if (!file_exists(path))
                fail(ErrorCode::not_found, "The picture \"", name, "\" of \"", list,
                     "\" has no annotation; it is looked for as \"", path, "\".");
            read.insert(name);
            Annotation annotation(path);
            for (const ListedBox& box : annotation.boxes)
                if (!box.class_name.empty()) classes.insert(box.class_name);
            const bool named = !annotation.file_name.empty();
            ListedPicture picture{named ? annotation.file_name : name + ".jpg",
                                  {},
                                  text("\"", path, "\""),
                                  path,
                                  annotation.size,
                                  std::move(annotation.boxes)};
            if (named) picture.candidates.push_back(pictures + "/" + annotation.file_name);
            for (const char* ending : {".jpg", ".jpeg", ".png"})
                if (const std::string other = pictures + "/" + name + ending;
                    picture.candidates.empty() || picture.candidates[0] != other)
                    picture.candidates.push_back(other);
            listing.pictures.push_back(std::move(picture));
        });
    }
    // The classes of the other splits; without them labels would mean something else in each split.
    if (listing.class_names.empty()) {
        BadOnes others{options.skip_bad};
        for (const std::string& name : annotations_in(annotations))
            if (!read.contains(name))
                others.picture([&] {
                    for (const ListedBox& box : Annotation(path_of(name)).boxes)
                        if (!box.class_name.empty()) classes.insert(box.class_name);
                });
        listing.class_names.assign(classes.begin(), classes.end());
    }
    return open_boxes(std::move(listing), options);
}

} // namespace lemnos
