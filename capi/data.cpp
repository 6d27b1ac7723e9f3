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
                          "1 (grey) or 3 (RGB); 0: what the files have, 3 for folders of images."),
        boolean_attribute("skip_bad", false,
                          "Of image files: decode all when the data set is opened, and leave out those that cannot be, and boxes "
                          "that cannot be right, which lem_dataset_info_json() then counts and names; otherwise they are errors.")};
    return specs;
}

// dataset_options(), and class_names, a list of texts.
static DatasetOptions parse_options(const std::string& given) {
    const std::string owner = "A data set";
    DatasetOptions options;
    Json json =
        given.find_first_not_of(" \t\r\n") == std::string::npos ? Json() : Json::parse(given, nullptr, false);
    std::string rest = given; // what is not JSON is refused below, with its position
    if (json.is_object() && json.contains("class_names")) {
        options.class_names = class_names_from(json["class_names"], owner + ": the option class_names");
        json.erase("class_names");
        rest = json.dump();
    }
    Attributes attributes = attributes_from_json(rest, owner);
    attributes.complete(dataset_options(), owner);
    options.height = int(attributes.integer("height"));
    options.width = int(attributes.integer("width"));
    options.channels = int(attributes.integer("channels"));
    options.skip_bad = attributes.boolean("skip_bad");
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
    const SkipReport& skipped() const override { return source_->skipped(); }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        source_->read(index, pixels, label);
    }

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
        DatasetOptions wanted = parse_options(optional_string(options));
        std::shared_ptr<const Dataset> dataset = open_dataset(folder, part, wanted);
        if (!wanted.class_names.empty() && dataset->most_boxes() == 0) // boxes have been given these classes already
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
        const SkipReport& skipped = source.skipped();
        int64_t boxes = 0;
        if (source.most_boxes() > 0)
            for (int64_t i = 0; i < source.size(); ++i) boxes += int64_t(source.boxes(i).size());
        give_text(out, dump({{"size", source.size()},
                             {"height", shape.height},
                             {"width", shape.width},
                             {"channels", shape.channels},
                             {"classes", source.classes()},
                             {"class_names", source.class_names()},
                             {"task", source.most_boxes() > 0 ? "detect" : "classify"},
                             {"boxes", boxes},
                             {"most_boxes", source.most_boxes()},
                             {"skipped", {{"images", skipped.pictures}, {"boxes", skipped.boxes}, {"first", skipped.sentences}}}}));
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

lem_result lem_dataset_boxes(lem_dataset* dataset, int64_t index, float* out_boxes, int64_t capacity, int64_t* out_count) {
    return guarded([&] {
        clear(out_count);
        const Dataset& source = *need(dataset, "dataset").dataset;
        need(out_count, "out_count");
        need_range(capacity, 0, INT64_MAX, "capacity");
        if (capacity > 0) need(out_boxes, "out_boxes");
        require(source.most_boxes() > 0, "The data set has no boxes: its images have a class each.");
        const std::vector<TruthBox> boxes = source.boxes(index);
        for (size_t i = 0; i < boxes.size() && int64_t(i) < capacity; ++i) {
            const Box& box = boxes[i].box;
            const float row[5] = {box.label, box.top, box.left, box.bottom, box.right};
            std::memcpy(out_boxes + 5 * i, row, sizeof row);
        }
        *out_count = int64_t(boxes.size());
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

lem_result lem_image_size(const char* path, int32_t* out_height, int32_t* out_width) {
    return guarded([&] {
        clear(out_height, out_width);
        const PictureSize size = read_image_size(need_string(path, "path"));
        if (out_height) *out_height = size.height;
        if (out_width) *out_width = size.width;
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
