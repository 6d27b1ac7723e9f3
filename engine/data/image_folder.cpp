#include "data/image_folder.h"

#include "data/boxes.h"
#include "data/image.h"
#include "data/picture_cache.h"
#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <map>
#include <set>
#include <vector>

namespace lemnos {
namespace {

bool is_image_name(const std::string& name) {
    constexpr std::array<std::string_view, 3> endings = {".png", ".jpg", ".jpeg"};
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower[0] != '.' && std::any_of(endings.begin(), endings.end(),
                                          [&](std::string_view ending) { return lower.ends_with(ending); });
}

// The images of each class folder, sorted; folders without an image are no classes.
using Classes = std::map<std::string, std::vector<std::string>>;

Classes list_classes(const std::string& folder) {
    Classes classes;
    for (const FolderEntry& entry : list_folder(folder)) {
        if (!entry.folder || entry.name[0] == '.') continue;
        for (const FolderEntry& file : list_folder(folder + "/" + entry.name))
            if (!file.folder && is_image_name(file.name)) classes[entry.name].push_back(file.name);
    }
    return classes;
}

class ImageFolder final : public Dataset {
  public:
    // With `check` every picture is decoded once, and those that cannot be are left out.
    ImageFolder(const std::string& root, const Classes& files, std::vector<std::string> names,
                RecordShape shape, bool check)
        : root_(root), shape_(shape), class_names_(std::move(names)) {
        for (size_t label = 0; label < class_names_.size(); ++label) {
            const auto found = files.find(class_names_[label]);
            if (found == files.end()) continue;
            for (const std::string& file : found->second)
                items_.push_back({file, static_cast<int32_t>(label), items_.size()});
        }
        cache_ = std::make_unique<PictureCache>(items_.size());
        if (check) skip_undecodable();
    }

    int64_t size() const override { return static_cast<int64_t>(items_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }

    const SkipReport& skipped() const override { return skipped_; }

    std::string name(int64_t index) const override {
        check_index(index);
        return path_of(items_[static_cast<size_t>(index)]);
    }

    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        const std::shared_ptr<const Image> image = scaled(index);
        std::memcpy(pixels, image->pixels.data(), image->pixels.size());
        label = items_[static_cast<size_t>(index)].label;
    }

  private:
    struct Item {
        std::string file;
        int32_t label;
        size_t place; // in the cache
    };
    std::string path_of(const Item& item) const {
        return text(root_, "/", class_names_[static_cast<size_t>(item.label)], "/", item.file);
    }
    std::shared_ptr<const Image> scaled(int64_t index) const {
        const std::string path = name(index);
        return cache_->get(items_[static_cast<size_t>(index)].place, [&] {
            return resize_image(read_image(path, shape_.channels), shape_.height, shape_.width);
        });
    }
    void skip_undecodable() {
        const std::vector<std::string> wrong = find_bad_pictures(size(), [&](int64_t i) { scaled(i); });
        std::vector<Item> left;
        for (size_t i = 0; i < items_.size(); ++i)
            if (wrong[i].empty())
                left.push_back(std::move(items_[i]));
            else
                skipped_.add_picture(wrong[i]);
        items_ = std::move(left);
        if (items_.empty())
            fail(ErrorCode::not_found, "None of the ", wrong.size(), " images in \"", root_,
                 "\" can be decoded. The first: ", skipped_.sentences[0]);
    }

    std::string root_;
    RecordShape shape_;
    std::vector<std::string> class_names_;
    std::vector<Item> items_;
    SkipReport skipped_;
    std::unique_ptr<PictureCache> cache_; // of scaled pictures
};

} // namespace

std::unique_ptr<Dataset> open_image_folder(const std::string& folder, const std::string& split,
                                           const DatasetOptions& options) {
    std::map<std::string, Classes> splits;
    for (const char* name : {"train", "test", "val"})
        if (const std::string path = folder + "/" + name; is_folder(path)) splits[name] = list_classes(path);
    const bool divided =
        std::any_of(splits.begin(), splits.end(), [](const auto& part) { return !part.second.empty(); });
    if (!divided) splits = {{"train", list_classes(folder)}};

    std::set<std::string> names; // of all splits
    for (const auto& [name, classes] : splits)
        for (const auto& [class_name, files] : classes) names.insert(class_name);
    if (names.empty()) return nullptr;

    const Classes& files = splits[split];
    if (files.empty())
        fail(ErrorCode::not_found, "The folder \"", folder, "\" holds images, but none of the split \"",
             split, "\"; they are looked for in \"", folder, "/", split, "/<class>/\".");
    return std::make_unique<ImageFolder>(divided ? folder + "/" + split : folder, files,
                                         std::vector<std::string>(names.begin(), names.end()),
                                         scaled_shape(folder, options), options.skip_bad);
}

} // namespace lemnos
