// COCO: one JSON file a split with images, annotations and categories. annotations/instances_SPLIT*.json names pictures that
// lie in SPLIT*/, SPLIT/ or images/; SPLIT/_annotations.coco.json names those beside it. Boxes are left, top, width and height in
// pixels from 0; crowds are neither trained on nor measured by. Labels follow the order of the categories' numbers.
#include "data/boxes.h"
#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace lemnos {

namespace {

using Json = nlohmann::json;
constexpr int64_t largest_file = int64_t(4) << 30;

struct Source {
    std::string file;
    std::vector<std::string> folders; // where pictures may lie
};

Source find_source(const std::string& folder, const std::string& split) {
    const std::string beside = folder + "/" + split + "/_annotations.coco.json";
    if (file_exists(beside)) return {beside, {folder + "/" + split}};
    if (!is_folder(folder + "/annotations")) return {};
    for (const FolderEntry& entry : list_folder(folder + "/annotations")) {
        const std::string prefix = "instances_" + split, ending = ".json";
        if (entry.folder || !entry.name.starts_with(prefix) || !entry.name.ends_with(ending)) continue;
        const std::string name = entry.name.substr(10, entry.name.size() - 10 - ending.size()); // train2017
        return {folder + "/annotations/" + entry.name, {folder + "/" + name, folder + "/" + split, folder + "/images/" + name, folder + "/images"}};
    }
    return {};
}

bool has_annotations(const std::string& folder) {
    for (const char* split : {"train", "val", "test"})
        if (!find_source(folder, split).file.empty()) return true;
    return false;
}

class Reader {
  public:
    Reader(const Source& source, const DatasetOptions& options) : source_(source), options_(options) {
        const std::vector<uint8_t> bytes = read_file(source.file, largest_file);
        json_ = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
        if (!json_.is_object()) fail(ErrorCode::file_malformed, "The file \"", source.file, "\" is no JSON object.");
        read_list("categories", [&](const Json& each, const std::string&) { add_category(each); });
        for (const auto& [id, name] : categories_) classes.push_back(name);
        read_list("images", [&](const Json& each, const std::string& where) { add_picture(each, where); });
        read_list("annotations", [&](const Json& each, const std::string& where) { add_box(each, where); });
        for (const auto& [id, picture] : pictures_) pictures.push_back(picture);
    }

    std::vector<std::string> classes;
    std::vector<ListedPicture> pictures;
    SkipReport skipped;

  private:
    template <typename Add>
    void read_list(const char* name, const Add& add) {
        const auto list = json_.find(name);
        if (list == json_.end() || !list->is_array())
            fail(ErrorCode::file_malformed, "The file \"", source_.file, "\" has no list \"", name, "\" (images, annotations and categories are needed).");
        int64_t number = 0;
        for (const Json& each : *list) {
            const std::string where = text("Entry ", number++, " of \"", name, "\" in \"", source_.file, "\"");
            try {
                add(each, where);
            } catch (const Json::exception&) {
                const std::string sentence = where + " lacks a member or has one of another type.";
                if (!options_.skip_bad || std::string(name) == "categories") fail(ErrorCode::file_malformed, sentence);
                std::string(name) == "images" ? skipped.add_picture(sentence) : skipped.add_box(sentence);
            } catch (const Error& error) {
                if (!options_.skip_bad) throw;
                std::string(name) == "images" ? skipped.add_picture(error.what()) : skipped.add_box(error.what());
            }
        }
    }

    void add_category(const Json& each) { categories_[each.at("id").get<int64_t>()] = each.at("name").get<std::string>(); }

    void add_picture(const Json& each, const std::string& where) {
        const auto name = each.at("file_name").get<std::string>();
        std::string path;
        for (const std::string& folder : source_.folders) {
            path = picture_in(folder, name, where);
            if (file_exists(path)) break;
        }
        const auto id = each.at("id").get<int64_t>();
        const PictureSize size{each.at("height").get<int>(), each.at("width").get<int>()};
        if (!pictures_.emplace(id, ListedPicture{path, size, {}, where}).second)
            fail(ErrorCode::file_malformed, where, " has the number ", id, " of an earlier one.");
    }

    void add_box(const Json& each, const std::string& where) {
        const auto picture = pictures_.find(each.at("image_id").get<int64_t>());
        if (picture == pictures_.end()) fail(ErrorCode::file_malformed, where, " is of the image ", each.at("image_id").get<int64_t>(), ", which is not listed.");
        const auto category = categories_.find(each.at("category_id").get<int64_t>());
        if (category == categories_.end())
            fail(ErrorCode::file_malformed, where, " is of the category ", each.at("category_id").get<int64_t>(), ", which is not listed.");
        const auto box = each.at("bbox").get<std::array<double, 4>>();
        picture->second.boxes.push_back({category->second, box[0], box[1], box[0] + box[2], box[1] + box[3], false,
                                         each.contains("iscrowd") && each.at("iscrowd").get<int>() != 0, where});
    }

    const Source& source_;
    const DatasetOptions& options_;
    Json json_;
    std::map<int64_t, std::string> categories_;
    std::map<int64_t, ListedPicture> pictures_;
};

} // namespace

std::unique_ptr<Dataset> open_boxes_coco(const std::string& folder, const std::string& split, const DatasetOptions& options) {
    const Source source = find_source(folder, split);
    if (source.file.empty()) {
        if (!has_annotations(folder)) return nullptr;
        fail(ErrorCode::not_found, "The data set \"", folder, "\" has no split \"", split, "\": there is neither annotations/instances_", split,
             "*.json nor ", split, "/_annotations.coco.json in it.");
    }
    Reader reader(source, options);
    return make_box_dataset(folder, split, std::move(reader.pictures), std::move(reader.classes), options, std::move(reader.skipped));
}

} // namespace lemnos
