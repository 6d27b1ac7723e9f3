// Data sets and image files.
#include "data/image.h"
#include "graph/json.h"
#include "guard.h"
#include "options.h"

using namespace lemnos;
using namespace lemnos::capi;

namespace lemnos::capi {

static constexpr int32_t most_classes = 1'000'000;

const std::vector<AttributeSpec>& dataset_options() {
    static const std::vector<AttributeSpec> specs{
        integer_attribute("height", 0, 0, largest_image_side,
                          "Height of the images; folders of images are scaled to it, and 0 elsewhere is what "
                          "the files have."),
        integer_attribute("width", 0, 0, largest_image_side, "Likewise their width."),
        integer_attribute("channels", 0, 0, 3,
                          "1 (grey) or 3 (RGB); 0: what the files have, 3 for folders of images.")};
    return specs;
}

// Options besides the attributes of dataset_options(): class_names, a list of texts.
struct OpenOptions {
    DatasetOptions shape;
    std::vector<std::string> class_names; // empty: the data set's own
};

static OpenOptions parse_options(const std::string& given) {
    const std::string owner = "A data set";
    OpenOptions options;
    Json json =
        given.find_first_not_of(" \t\r\n") == std::string::npos ? Json() : Json::parse(given, nullptr, false);
    std::string rest = given; // what is not JSON is refused below, with its position
    if (json.is_object() && json.contains("class_names")) {
        const Json names = json["class_names"];
        require(names.is_array() && !names.empty(), owner, ": the option class_names is a list of texts.");
        for (const Json& name : names) {
            require(name.is_string(), owner, ": the option class_names has an element that is no text.");
            options.class_names.push_back(name.get<std::string>());
        }
        json.erase("class_names");
        rest = json.dump();
    }
    Attributes attributes = attributes_from_json(rest, owner);
    attributes.complete(dataset_options(), owner);
    options.shape = {int(attributes.integer("height")), int(attributes.integer("width")),
                     int(attributes.integer("channels")), false, options.class_names};
    return options;
}

// A data set under other names of its classes.
class NamedDataset final : public Dataset {
  public:
    NamedDataset(std::shared_ptr<const Dataset> source, std::vector<std::string> class_names)
        : source_(std::move(source)), class_names_(std::move(class_names)) {
        require(classes() == source_->classes(), "The data set has ", source_->classes(), " classes (",
                classes(), " names were given).");
    }

    int64_t size() const override { return source_->size(); }
    RecordShape shape() const override { return source_->shape(); }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override { return source_->name(index); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        source_->read(index, pixels, label);
    }
    int64_t most_boxes() const override { return source_->most_boxes(); }
    std::vector<TruthBox> boxes(int64_t index) const override { return source_->boxes(index); }
    void read_boxes(int64_t index, const Draw* draw, uint8_t* pixels, std::span<Box> boxes) const override {
        source_->read_boxes(index, draw, pixels, boxes);
    }
    PictureSize picture_size(int64_t index) const override { return source_->picture_size(index); }
    const SkipReport& skipped() const override { return source_->skipped(); }

  private:
    std::shared_ptr<const Dataset> source_;
    std::vector<std::string> class_names_;
};

// A data set from memory.
class GivenDataset final : public Dataset {
  public:
    GivenDataset(std::span<const uint8_t> pixels, std::span<const int32_t> labels, RecordShape shape,
                 int32_t classes)
        : pixels_(pixels.begin(), pixels.end()), labels_(labels.begin(), labels.end()), shape_(shape),
          class_names_(number_names(classes)) {}

    int64_t size() const override { return int64_t(labels_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override { return text("#", index); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        check_index(index);
        std::memcpy(pixels, pixels_.data() + index * shape_.bytes(), size_t(shape_.bytes()));
        label = labels_[size_t(index)];
    }

  private:
    std::vector<uint8_t> pixels_;
    std::vector<int32_t> labels_;
    RecordShape shape_;
    std::vector<std::string> class_names_;
};

} // namespace lemnos::capi

lem_result lem_dataset_open(const char* path, const char* split, const char* options, lem_dataset** out) {
    return guarded([&] {
        clear(out);
        need(out, "out");
        const std::string folder = need_string(path, "path"), part = need_string(split, "split");
        OpenOptions wanted = parse_options(optional_string(options));
        std::shared_ptr<const Dataset> dataset = open_dataset(folder, part, wanted.shape);
        if (!wanted.class_names.empty() && dataset->class_names() != wanted.class_names)
            dataset = std::make_shared<NamedDataset>(std::move(dataset), std::move(wanted.class_names));
        *out = new lem_dataset(std::move(dataset));
    });
}

lem_result lem_dataset_create(const void* pixels, int64_t bytes, const int32_t* labels, int64_t count,
                              int32_t height, int32_t width, int32_t channels, int32_t classes,
                              lem_dataset** out) {
    return guarded([&] {
        clear(out);
        need(out, "out");
        need(pixels, "pixels");
        need(labels, "labels");
        need_range(count, 1, UINT32_MAX, "count");
        need_range(height, 1, largest_image_side, "height");
        need_range(width, 1, largest_image_side, "width");
        need_range(channels, 1, 64, "channels");
        need_range(classes, 1, most_classes, "classes");
        const RecordShape shape{height, width, channels};
        need_bytes(bytes, checked_multiply(count, shape.bytes()), "bytes");
        const std::span<const int32_t> given = {labels, size_t(count)};
        for (size_t i = 0; i < given.size(); ++i)
            require(given[i] >= 0 && given[i] < classes, "The label ", given[i], " of image ", i,
                    " is out of range (0 to ", classes - 1, ").");
        *out = new lem_dataset(std::make_shared<GivenDataset>(
            std::span(static_cast<const uint8_t*>(pixels), size_t(bytes)), given, shape, classes));
    });
}

void lem_dataset_retain(lem_dataset* dataset) { retain(dataset); }
void lem_dataset_release(lem_dataset* dataset) { release(dataset); }

lem_result lem_dataset_info_json(lem_dataset* dataset, lem_text** out) {
    return guarded([&] {
        clear(out);
        const Dataset& source = *need(dataset, "dataset").dataset;
        const RecordShape shape = source.shape();
        give_text(out, dump({{"size", source.size()},
                             {"height", shape.height},
                             {"width", shape.width},
                             {"channels", shape.channels},
                             {"classes", source.classes()},
                             {"class_names", source.class_names()}}));
    });
}

lem_result lem_dataset_read(lem_dataset* dataset, int64_t index, void* pixels, int64_t bytes,
                            int32_t* out_label) {
    return guarded([&] {
        clear(out_label);
        const Dataset& source = *need(dataset, "dataset").dataset;
        need(pixels, "pixels");
        need(out_label, "out_label");
        need_bytes(bytes, source.shape().bytes(), "bytes");
        int32_t label = 0;
        source.read(index, static_cast<uint8_t*>(pixels), label);
        *out_label = label;
    });
}

// ---- image files ------------------------------------------------------------------------------------------

static int64_t image_bytes(int32_t height, int32_t width, int32_t channels) {
    need_range(height, 1, largest_image_side, "height");
    need_range(width, 1, largest_image_side, "width");
    require(channels == 1 || channels == 3, "The argument channels (", channels, ") is neither 1 nor 3.");
    return RecordShape{height, width, channels}.bytes();
}

lem_result lem_image_read(const char* path, int32_t height, int32_t width, int32_t channels, void* pixels,
                          int64_t bytes) {
    return guarded([&] {
        const std::string file = need_string(path, "path");
        need_bytes(bytes, image_bytes(height, width, channels), "bytes");
        need(pixels, "pixels");
        const Image image = resize_image(read_image(file, channels), height, width);
        std::memcpy(pixels, image.pixels.data(), image.pixels.size());
    });
}

lem_result lem_image_write_png(const char* path, const void* pixels, int64_t bytes, int32_t height,
                               int32_t width, int32_t channels) {
    return guarded([&] {
        const std::string file = need_string(path, "path");
        need_bytes(bytes, image_bytes(height, width, channels), "bytes");
        const auto* first = static_cast<const uint8_t*>(need(pixels, "pixels"));
        write_png(file, {height, width, channels, {first, first + bytes}});
    });
}
