#include "data/boxes.h"

#include "data/augmentation.h"
#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

namespace lemnos {

namespace {

constexpr double edge_tolerance = 1; // pixels
constexpr int64_t cached_bytes = int64_t(512) << 20;

struct Entry {
    std::string path;
    PictureSize size;
    std::vector<TruthBox> boxes;
};

class BoxDataset final : public Dataset {
  public:
    BoxDataset(RecordShape shape, std::vector<std::string> class_names, std::vector<Entry> entries, SkipReport skipped)
        : shape_(shape), class_names_(std::move(class_names)), entries_(std::move(entries)), skipped_(std::move(skipped)),
          cache_(entries_.size()) {
        for (const Entry& entry : entries_)
            most_boxes_ = std::max(most_boxes_, int64_t(std::count_if(entry.boxes.begin(), entry.boxes.end(),
                                                                      [](const TruthBox& truth) { return !truth.crowd; })));
    }

    int64_t size() const override { return int64_t(entries_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override { return entry(index).path; }
    int64_t most_boxes() const override { return most_boxes_; }
    std::vector<TruthBox> boxes(int64_t index) const override { return entry(index).boxes; }
    PictureSize picture_size(int64_t index) const override { return entry(index).size; }
    const SkipReport& skipped() const override { return skipped_; }

    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        const Image image = resize_image(*picture(index), shape_.height, shape_.width);
        std::memcpy(pixels, image.pixels.data(), image.pixels.size());
        label = -1;
    }

    void read_boxes(int64_t index, const Draw* draw, uint8_t* pixels, std::span<Box> boxes) const override {
        std::vector<Box> seen;
        for (const TruthBox& truth : entry(index).boxes)
            if (!truth.crowd) seen.push_back(truth.box);
        const std::shared_ptr<const Image> source = picture(index);
        const Image image = draw ? augment(*source, seen, shape_, *draw) : resize_image(*source, shape_.height, shape_.width);
        std::memcpy(pixels, image.pixels.data(), image.pixels.size());
        std::fill(boxes.begin(), boxes.end(), Box{});
        std::copy_n(seen.begin(), std::min(seen.size(), boxes.size()), boxes.begin());
    }

  private:
    const Entry& entry(int64_t index) const {
        check_index(index);
        return entries_[size_t(index)];
    }

    // Decoded pictures are kept as long as there is room: later epochs do not decode again.
    std::shared_ptr<const Image> picture(int64_t index) const {
        const Entry& wanted = entry(index);
        {
            const std::lock_guard lock(mutex_);
            if (cache_[size_t(index)]) return cache_[size_t(index)];
        }
        auto image = std::make_shared<const Image>(read_image(wanted.path, shape_.channels));
        const std::lock_guard lock(mutex_);
        const auto bytes = int64_t(image->pixels.size());
        if (!cache_[size_t(index)] && bytes <= room_) {
            cache_[size_t(index)] = image;
            room_ -= bytes;
        }
        return image;
    }

    RecordShape shape_;
    std::vector<std::string> class_names_;
    std::vector<Entry> entries_;
    SkipReport skipped_;
    int64_t most_boxes_ = 1;
    mutable std::mutex mutex_;
    mutable std::vector<std::shared_ptr<const Image>> cache_;
    mutable int64_t room_ = cached_bytes;
};

// Turns what was listed into entries, one rule after the other.
class Checker {
  public:
    Checker(const DatasetOptions& options, const std::vector<std::string>& classes) : options_(options) {
        for (size_t i = 0; i < classes.size(); ++i) {
            names_ += (i ? ", " : "") + classes[i];
            require(labels_.emplace(classes[i], float(i)).second, "The class \"", classes[i], "\" is named twice.");
        }
    }

    void add(const ListedPicture& listed) {
        Entry entry{listed.path, {}, {}};
        try {
            if (!file_exists(listed.path)) fail(ErrorCode::not_found, listed.where, " names a picture that is not there: \"", listed.path, "\".");
            entry.size = read_image_size(listed.path);
            if (listed.size != PictureSize{} && listed.size != entry.size)
                fail(ErrorCode::file_malformed, listed.where, " says that \"", listed.path, "\" is ", listed.size.width, " x ", listed.size.height,
                     " (it is ", entry.size.width, " x ", entry.size.height, ").");
            if (options_.skip_bad) read_image(listed.path, options_.channels ? options_.channels : 3);
        } catch (const Error& error) {
            if (!options_.skip_bad) throw;
            skipped.add_picture(error.what());
            return;
        }
        for (const ListedBox& box : listed.boxes) {
            try {
                entry.boxes.push_back(checked(box, entry.size));
            } catch (const Error& error) {
                if (!options_.skip_bad) throw;
                skipped.add_box(error.what());
            }
        }
        boxes += int64_t(entry.boxes.size());
        entries.push_back(std::move(entry));
    }

    std::vector<Entry> entries;
    SkipReport skipped;
    int64_t boxes = 0;

  private:
    TruthBox checked(const ListedBox& box, const PictureSize& size) const {
        const auto refuse = [&](const auto&... what) {
            fail(ErrorCode::file_malformed, box.where, ": the box (left ", box.left, ", top ", box.top, ", right ", box.right, ", bottom ", box.bottom, ") ",
                 what..., ".");
        };
        const auto label = labels_.find(box.class_name);
        if (label == labels_.end()) refuse("is of the class \"", box.class_name, "\", which is not known (", names_, ")");
        for (double value : {box.left, box.top, box.right, box.bottom})
            if (!std::isfinite(value)) refuse("has a number that is not finite");
        if (box.left < -edge_tolerance || box.top < -edge_tolerance || box.right > size.width + edge_tolerance ||
            box.bottom > size.height + edge_tolerance)
            refuse("lies outside of the picture (", size.width, " x ", size.height, ")");
        const auto fraction = [](double pixels, int extent) { return float(std::clamp(pixels / extent, 0.0, 1.0)); };
        const TruthBox truth{{label->second, fraction(box.top, size.height), fraction(box.left, size.width), fraction(box.bottom, size.height),
                              fraction(box.right, size.width)},
                             box.difficult || box.crowd, box.crowd};
        if (!(truth.box.right > truth.box.left) || !(truth.box.bottom > truth.box.top)) refuse("has no area");
        return truth;
    }

    const DatasetOptions& options_;
    std::map<std::string, float> labels_;
    std::string names_;
};

} // namespace

std::string picture_in(const std::string& folder, const std::string& name, const std::string& where) {
    const bool leaves = name.empty() || name[0] == '/' || ("/" + name + "/").find("/../") != std::string::npos;
    if (leaves) fail(ErrorCode::file_malformed, where, " names the picture \"", name, "\", which does not lie in \"", folder, "\".");
    return folder + "/" + name;
}

std::unique_ptr<Dataset> make_box_dataset(const std::string& folder, const std::string& split, std::vector<ListedPicture> pictures,
                                          std::vector<std::string> classes, const DatasetOptions& options, SkipReport skipped) {
    const RecordShape shape = scaled_shape(folder, options);
    if (!options.class_names.empty()) classes = options.class_names;
    Checker checker(options, classes);
    checker.skipped = std::move(skipped);
    for (const ListedPicture& picture : pictures) checker.add(picture);
    if (checker.boxes == 0)
        fail(ErrorCode::not_found, "The data set \"", folder, "\" has no boxes in the split \"", split, "\" (", checker.entries.size(), " pictures",
             checker.skipped.sentences.empty() ? "" : text("; left out: ", checker.skipped.sentences[0]), ").");
    return std::make_unique<BoxDataset>(shape, std::move(classes), std::move(checker.entries), std::move(checker.skipped));
}

} // namespace lemnos
