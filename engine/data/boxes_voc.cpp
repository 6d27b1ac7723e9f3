// Pascal VOC: Annotations/NAME.xml, JPEGImages/NAME.jpg, and lists of names in ImageSets/Main/SPLIT.txt. Coordinates are pixels
// counted from 1, and xmax and ymax belong to the box; "difficult" objects are trained on and not measured by.
#include "data/boxes.h"
#include "support/error.h"
#include "support/file.h"
#include "support/text.h"

#include <algorithm>
#include <expat.h>
#include <memory>
#include <set>

namespace lemnos {

namespace {

constexpr int64_t largest_annotation = int64_t(16) << 20, largest_list = int64_t(64) << 20;
constexpr size_t deepest = 16, longest_text = 4096;

// Gathers the texts of <annotation>: <filename>, <size>, and of every <object> its <name>, <difficult> and <bndbox>.
class Annotation {
  public:
    explicit Annotation(const std::string& path) : path_(path) {
        const std::vector<uint8_t> bytes = read_file(path, largest_annotation);
        const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr), XML_ParserFree);
        if (!parser) fail(ErrorCode::out_of_host_memory, "There is no memory to read \"", path, "\".");
        parser_ = parser.get();
        XML_SetUserData(parser_, this);
        XML_SetElementHandler(
            parser_, [](void* self, const char* name, const char**) { static_cast<Annotation*>(self)->begin(name); },
            [](void* self, const char*) { static_cast<Annotation*>(self)->end(); });
        XML_SetCharacterDataHandler(parser_, [](void* self, const char* text, int length) {
            static_cast<Annotation*>(self)->add(text, size_t(length));
        });
        const bool whole = XML_Parse(parser_, reinterpret_cast<const char*>(bytes.data()), int(bytes.size()), 1) == XML_STATUS_OK;
        if (!refusal_.empty()) fail(ErrorCode::file_malformed, refusal_);
        if (!whole)
            fail(ErrorCode::file_malformed, "The file \"", path, "\" is no XML: ", XML_ErrorString(XML_GetErrorCode(parser_)), " in line ",
                 XML_GetCurrentLineNumber(parser_), ".");
    }

    ListedPicture picture;

  private:
    void begin(const char* name) {
        if (names_.size() == deepest) return refuse("is nested deeper than ", deepest, " elements");
        names_.push_back(name);
        text_.clear();
        if (is("annotation.object")) {
            object_ = {};
            object_.where = text("The object in line ", XML_GetCurrentLineNumber(parser_), " of \"", path_, "\"");
            corners_ = 0;
        }
    }

    void end() {
        if (is("annotation.filename")) picture.path = text_;
        else if (is("annotation.size.width")) picture.size.width = int(number());
        else if (is("annotation.size.height")) picture.size.height = int(number());
        else if (is("annotation.object.name")) object_.class_name = text_;
        else if (is("annotation.object.difficult")) object_.difficult = number() != 0;
        else if (is("annotation.object.bndbox.xmin")) corner(object_.left, -1);
        else if (is("annotation.object.bndbox.ymin")) corner(object_.top, -1);
        else if (is("annotation.object.bndbox.xmax")) corner(object_.right, 0);
        else if (is("annotation.object.bndbox.ymax")) corner(object_.bottom, 0);
        else if (is("annotation.object")) add_object();
        names_.pop_back();
        text_.clear();
    }

    void add(const char* part, size_t length) {
        if (text_.size() + length > longest_text) return refuse("has a text of more than ", longest_text, " bytes");
        text_.append(part, length);
    }

    void corner(double& value, double shift) {
        value = number() + shift;
        ++corners_;
    }

    void add_object() {
        if (object_.class_name.empty()) return refuse("has an object without a name");
        if (corners_ != 4) return refuse("has an object \"", object_.class_name, "\" whose bndbox has ", corners_, " of xmin, ymin, xmax and ymax");
        picture.boxes.push_back(object_);
    }

    double number() {
        double value = 0;
        const std::vector<std::string> words = words_of(text_);
        if (words.size() != 1 || !parse_number(words[0], value)) refuse("has a ", names_.back(), " \"", text_, "\" that is no number");
        return value;
    }

    bool is(const char* path) const {
        const std::vector<std::string> wanted = split(path, '.');
        return names_ == wanted;
    }

    // Nothing may be thrown through the parser.
    template <typename... Parts>
    void refuse(const Parts&... what) {
        if (!refusal_.empty()) return;
        refusal_ = text("The file \"", path_, "\" ", what..., " (line ", XML_GetCurrentLineNumber(parser_), ").");
        XML_StopParser(parser_, XML_FALSE);
    }

    std::string path_, text_, refusal_;
    XML_Parser parser_ = nullptr;
    std::vector<std::string> names_; // of the elements that are open
    ListedBox object_;
    int corners_ = 0;
};

std::vector<std::string> names_in(const std::string& path) {
    const std::vector<uint8_t> bytes = read_file(path, largest_list);
    std::vector<std::string> names;
    for (const std::string& line : split(std::string(bytes.begin(), bytes.end()), '\n')) {
        std::vector<std::string> words = words_of(line); // lists of one class have a number behind the name
        if (words.empty()) continue;
        if (words[0].ends_with('\r')) words[0].pop_back();
        names.push_back(words[0]);
    }
    return names;
}

} // namespace

std::unique_ptr<Dataset> open_boxes_voc(const std::string& folder, const std::string& split, const DatasetOptions& options) {
    const std::string annotations = folder + "/Annotations", pictures = folder + "/JPEGImages", sets = folder + "/ImageSets/Main";
    if (!is_folder(annotations) || !is_folder(pictures)) return nullptr;
    const std::string list = sets + "/" + split + ".txt";
    if (!file_exists(list))
        fail(ErrorCode::not_found, "The data set \"", folder, "\" has no split \"", split, "\": there is no file \"", list, "\".");
    std::set<std::string> classes; // of all splits
    std::vector<ListedPicture> listed;
    SkipReport skipped;
    const std::vector<std::string> wanted = names_in(list);
    const std::set<std::string> chosen(wanted.begin(), wanted.end());
    for (const FolderEntry& file : list_folder(annotations)) {
        if (file.folder || !file.name.ends_with(".xml")) continue;
        const std::string name = file.name.substr(0, file.name.size() - 4), path = annotations + "/" + file.name;
        try {
            Annotation annotation(path);
            for (const ListedBox& box : annotation.picture.boxes) classes.insert(box.class_name);
            if (!chosen.contains(name)) continue;
            ListedPicture& picture = annotation.picture;
            picture.where = text("The file \"", path, "\"");
            picture.path = picture_in(pictures, picture.path.empty() ? name + ".jpg" : picture.path, picture.where);
            listed.push_back(std::move(picture));
        } catch (const Error& error) {
            if (!chosen.contains(name)) continue; // of another split
            if (!options.skip_bad) throw;
            skipped.add_picture(error.what());
        }
    }
    for (const std::string& name : chosen)
        if (!file_exists(annotations + "/" + picture_in("", name, text("The file \"", list, "\"")).substr(1) + ".xml")) {
            const std::string sentence = text("The file \"", list, "\" names \"", name, "\", of which there is no annotation in \"", annotations, "\".");
            if (!options.skip_bad) fail(ErrorCode::not_found, sentence);
            skipped.add_picture(sentence);
        }
    return make_box_dataset(folder, split, std::move(listed), {classes.begin(), classes.end()}, options, std::move(skipped));
}

} // namespace lemnos
