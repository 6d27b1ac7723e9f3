// COCO (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014;
// https://cocodataset.org/#format-data): a JSON file for each split, with lists of images, annotations and
// categories:
//     annotations/instances_<split>*.json    its pictures in the folder named by the rest of its name
//     (train2017),
//                                            beneath the data set's folder or its folder images/, in images/
//                                            itself, or in <split>/
//     <split>/_annotations.coco.json         its pictures beside it, as Roboflow exports them; val may be
//     "valid"
//
// A box is left, top, width and height in pixels, where 0 is the left edge of the first one. Labels count the
// categories by their numbers; every split's file lists them all. Crowds are neither trained on nor measured
// by.
#include "data/boxes.h"
#include "support/file.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace lemnos {
namespace {

using Json = nlohmann::json;

constexpr int64_t largest_coco_file = int64_t(4) << 30;
constexpr int deepest_nesting = 32;
constexpr BoxForm coco_form = {"annotations[", "]", {"x", "y", "width", "height"}, BoxForm::extent, true};
constexpr std::array<const char*, 3> list_names = {"images", "annotations", "categories"};
// All else, outlines above all, is passed over and takes no memory.
constexpr std::array<const char*, 9> wanted_keys = {"id",       "file_name",   "width", "height", "name",
                                                    "image_id", "category_id", "bbox",  "iscrowd"};

struct Source {
    std::string file;
    std::vector<std::string> folders; // where pictures may lie
};

// The files of a split, in either place.
std::vector<Source> find_sources(const std::string& folder, const std::string& split) {
    std::vector<Source> sources;
    std::vector<std::string> names = {split};
    if (split == "val") names.push_back("valid");
    for (const std::string& name : names)
        if (const std::string beside = folder + "/" + name; file_exists(beside + "/_annotations.coco.json"))
            sources.push_back({beside + "/_annotations.coco.json", {beside}});
    const std::string annotations = folder + "/annotations", beginning = "instances_", ending = ".json";
    if (!is_folder(annotations)) return sources;
    for (const FolderEntry& entry : list_folder(annotations)) {
        if (entry.folder || !entry.name.starts_with(beginning + split) || !entry.name.ends_with(ending))
            continue;
        const std::string part =
            entry.name.substr(beginning.size(), entry.name.size() - beginning.size() - ending.size());
        sources.push_back({annotations + "/" + entry.name,
                           {folder + "/" + part, folder + "/images/" + part, folder + "/images"}});
        if (part != split) sources.back().folders.push_back(folder + "/" + split);
    }
    return sources;
}

bool contains(std::span<const char* const> names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Takes the objects of the three lists as they are parsed, and keeps of each what is needed.
class Reader {
  public:
    Reader(const Source& source, BoxListing& listing) : source_(source), listing_(listing) {}

    void read() {
        const std::vector<uint8_t> bytes = read_file(source_.file, largest_coco_file);
        const auto filter = [&](int depth, Json::parse_event_t event, Json& parsed) {
            return keep(depth, event, parsed);
        };
        try {
            if (!Json::parse(bytes.begin(), bytes.end(), filter).is_object())
                fail(ErrorCode::file_malformed, "The file \"", source_.file, "\" is no JSON object.");
        } catch (const Json::parse_error& error) {
            fail(ErrorCode::file_malformed, "The file \"", source_.file, "\" is no JSON (at byte ",
                 error.byte, ").");
        }
        for (const char* name : list_names)
            if (!found_.contains(name))
                fail(ErrorCode::file_malformed, "The file \"", source_.file, "\" has no list \"", name,
                     "\" (images, annotations and categories are needed).");
        for (const auto& [id, name] : categories_) class_names.push_back(name);
        for (Listed& listed : boxes_) listing_.bad.box([&] { add_box(std::move(listed)); });
    }

    std::vector<std::string> class_names;

  private:
    struct Listed {
        ListedBox box;
        int64_t image;
        int64_t category;
    };

    // Called for every part of the file; false throws it away.
    bool keep(int depth, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        if (depth > deepest_nesting)
            fail(ErrorCode::file_malformed, "The file \"", source_.file, "\" is nested deeper than ",
                 deepest_nesting, " levels.");
        if (event == Event::key && depth == 1) {
            list_ = parsed.get<std::string>();
            number_ = 0;
            return contains(list_names, list_);
        }
        if (!contains(list_names, list_)) return true;
        if (event == Event::array_start && depth == 1) found_.insert(list_);
        if (event == Event::key && depth == 3) return contains(wanted_keys, parsed.get<std::string>());
        const bool complete =
            event == Event::object_end || event == Event::array_end || event == Event::value;
        if (!complete || depth != 2 || !found_.contains(list_)) return true;
        element_ = text(list_, "[", number_, "] of \"", source_.file, "\"");
        const auto add = [&] {
            if (!parsed.is_object()) refuse("is no object");
            if (list_ == "images") add_picture(parsed);
            if (list_ == "annotations") read_box(parsed);
            if (list_ == "categories") add_category(parsed);
        };
        if (list_ == "images") listing_.bad.picture(add);
        if (list_ == "annotations") listing_.bad.box(add);
        if (list_ == "categories") add();
        ++number_;
        return false;
    }

    template <typename... Parts>
    [[noreturn]] void refuse(const Parts&... parts) const {
        fail(ErrorCode::file_malformed, "The element ", element_, " ", parts..., ".");
    }

    // A whole number; some programs write 7.0, some "7".
    int64_t integer(const Json& object, const char* name) const {
        const auto found = object.find(name);
        if (found == object.end()) refuse("has no \"", name, "\"");
        if (found->is_number_integer()) return found->get<int64_t>();
        constexpr double most = 1e15; // exact as a double
        if (found->is_number_float() && std::abs(found->get<double>()) < most &&
            found->get<double>() == std::floor(found->get<double>()))
            return static_cast<int64_t>(found->get<double>());
        refuse("has a \"", name, "\" that is no whole number");
    }
    std::string string(const Json& object, const char* name) const {
        const auto found = object.find(name);
        if (found == object.end() || !found->is_string()) refuse("has no text \"", name, "\"");
        return found->get<std::string>();
    }
    int side(const Json& object, const char* name) const {
        const int64_t value = integer(object, name);
        if (value < 1 || value > largest_image_side)
            refuse("has the ", name, " ", value, " (1 to ", largest_image_side, ")");
        return static_cast<int>(value);
    }

    void add_category(const Json& category) {
        const int64_t id = integer(category, "id");
        if (!categories_.emplace(id, string(category, "name")).second)
            refuse("has the id ", id, " of an earlier one");
    }

    void add_picture(const Json& image) {
        const int64_t id = integer(image, "id");
        ListedPicture picture{string(image, "file_name"), {}, element_, source_.file, {}, {}};
        if (image.contains("width") || image.contains("height"))
            picture.size = {side(image, "height"), side(image, "width")};
        for (const std::string& folder : source_.folders)
            picture.candidates.push_back(folder + "/" + picture.name);
        if (places_.contains(id)) refuse("has the id ", id, " of an earlier one");
        if (!names_.insert(picture.name).second)
            refuse("has the file_name \"", picture.name, "\" of an earlier one");
        places_.emplace(id, listing_.pictures.size());
        listing_.pictures.push_back(std::move(picture));
    }

    void read_box(const Json& annotation) {
        Listed listed{{number_, {}, {}}, integer(annotation, "image_id"), integer(annotation, "category_id")};
        const auto box = annotation.find("bbox");
        if (box == annotation.end() || !box->is_array() || box->size() != 4 ||
            !std::all_of(box->begin(), box->end(), [](const Json& value) { return value.is_number(); }))
            refuse("has no \"bbox\" of four numbers");
        for (size_t i = 0; i < 4; ++i) listed.box.given[i] = (*box)[i].get<double>();
        if (const auto crowd = annotation.find("iscrowd"); crowd != annotation.end())
            listed.box.crowd = crowd->is_boolean() ? crowd->get<bool>() : integer(annotation, "iscrowd") != 0;
        boxes_.push_back(std::move(listed));
    }

    // Once images and categories are known, in whatever order the lists come.
    void add_box(Listed listed) {
        element_ = box_place(coco_form, listed.box.number, source_.file);
        const auto category = categories_.find(listed.category);
        if (category == categories_.end())
            refuse("is of the category ", listed.category, ", which is not listed");
        const auto place = places_.find(listed.image);
        if (place == places_.end()) refuse("is of the image ", listed.image, ", which is not listed");
        listed.box.class_name = category->second;
        listing_.pictures[place->second].boxes.push_back(std::move(listed.box));
    }

    const Source& source_;
    BoxListing& listing_;
    std::string list_; // the member that is being parsed, where it is one of the lists
    int64_t number_ = 0;
    std::string element_; // begins a sentence
    std::set<std::string> found_;
    std::map<int64_t, std::string> categories_;
    std::map<int64_t, size_t> places_; // of images in the listing
    std::set<std::string> names_;
    std::vector<Listed> boxes_;
};

} // namespace

std::unique_ptr<Dataset> open_boxes_coco(const std::string& folder, const std::string& split,
                                         const DatasetOptions& options) {
    const std::vector<Source> sources = find_sources(folder, split);
    if (sources.empty()) {
        for (const char* other : {"train", "val", "test"})
            if (!find_sources(folder, other).empty())
                fail(ErrorCode::not_found, "The data set \"", folder, "\" has no split \"", split,
                     "\": there is neither \"annotations/instances_", split, "*.json\" nor \"", split,
                     "/_annotations.coco.json\" in it.");
        return nullptr;
    }
    if (sources.size() > 1)
        fail(ErrorCode::invalid_argument, "The data set \"", folder,
             "\" has more than one file of the split \"", split, "\": \"", sources[0].file, "\" and \"",
             sources[1].file, "\".");
    BoxListing listing{folder, split, coco_form, {}, options.class_names, {options.skip_bad}};
    Reader reader(sources[0], listing);
    reader.read();
    if (listing.class_names.empty()) listing.class_names = std::move(reader.class_names);
    return open_boxes(std::move(listing), options);
}

} // namespace lemnos
