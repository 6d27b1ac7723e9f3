#include "data/dataset.h"

#include "data/boxes.h"
#include "data/cifar.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "support/checked.h"
#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace lemnos {
namespace {

constexpr int64_t largest_names_file = int64_t(1) << 20;
constexpr size_t reported_sentences = 5;

// The record formats cannot give another shape than theirs.
void check_shape(const Dataset& dataset, const std::string& folder, const DatasetOptions& wanted) {
    const RecordShape has = dataset.shape();
    const bool fits = (wanted.height == 0 || wanted.height == has.height) &&
                      (wanted.width == 0 || wanted.width == has.width) &&
                      (wanted.channels == 0 || wanted.channels == has.channels);
    require(fits, "The records in \"", folder, "\" are ", to_string(has), ", and not ",
            to_string({wanted.height, wanted.width, wanted.channels}),
            " as asked (0 stands for any); only image files are scaled.");
}

} // namespace

std::string to_string(const RecordShape& shape) {
    return text(shape.height, " x ", shape.width, " x ", shape.channels);
}

void SkipReport::add_picture(std::string sentence) {
    ++pictures;
    if (sentences.size() < reported_sentences) sentences.push_back(std::move(sentence));
}

void SkipReport::add_box(std::string sentence) {
    ++boxes;
    if (sentences.size() < reported_sentences) sentences.push_back(std::move(sentence));
}

std::vector<TruthBox> Dataset::boxes(int64_t index) const {
    check_index(index);
    return {};
}

void Dataset::read_boxes(int64_t, const Draw*, uint8_t*, std::span<Box>) const {
    fail(ErrorCode::invalid_state, "The data set has no boxes to read: its pictures have a class each.");
}

PictureSize Dataset::picture_size(int64_t index) const {
    check_index(index);
    return {shape().height, shape().width};
}

const SkipReport& Dataset::skipped() const {
    static const SkipReport nothing;
    return nothing;
}

void Dataset::check_index(int64_t index) const {
    require(index >= 0 && index < size(), "The record ", index, " does not exist; the data set has ", size(),
            " records, counted from 0.");
}

MemoryDataset::MemoryDataset(std::string split, RecordShape shape, std::vector<uint8_t> pixels,
                             std::vector<int32_t> labels, std::vector<std::string> class_names)
    : split_(std::move(split)), shape_(shape), pixels_(std::move(pixels)), labels_(std::move(labels)),
      class_names_(std::move(class_names)) {
    require(shape.height > 0 && shape.width > 0 && shape.channels > 0, "The record shape ", to_string(shape),
            " has a side that is not positive.");
    require(size() > 0, "The data set \"", split_, "\" has no record.");
    const int64_t bytes = checked_multiply(size(), shape.bytes());
    require(static_cast<int64_t>(pixels_.size()) == bytes, "The data set \"", split_, "\" has ",
            pixels_.size(), " bytes of pixels; ", size(), " records of ", to_string(shape), " need ", bytes,
            ".");
    const auto wrong = std::find_if(labels_.begin(), labels_.end(),
                                    [&](int32_t label) { return label < 0 || label >= classes(); });
    if (wrong != labels_.end())
        fail(ErrorCode::invalid_argument, "The label ", *wrong, " of record ", wrong - labels_.begin(),
             " is out of range; there are ", classes(), " classes, counted from 0.");
}

std::string MemoryDataset::name(int64_t index) const { return text(split_, " #", index); }

void MemoryDataset::read(int64_t index, uint8_t* pixels, int32_t& label) const {
    check_index(index);
    const auto bytes = static_cast<size_t>(shape_.bytes());
    std::memcpy(pixels, pixels_.data() + static_cast<size_t>(index) * bytes, bytes);
    label = labels_[static_cast<size_t>(index)];
}

std::vector<std::string> read_class_names(const std::string& path) {
    std::vector<std::string> names;
    if (!file_exists(path)) return names;
    const std::vector<uint8_t> bytes = read_file(path, largest_names_file);
    std::istringstream lines(std::string(bytes.begin(), bytes.end()));
    for (std::string line; std::getline(lines, line);) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) names.push_back(std::move(line));
    }
    return names;
}

std::vector<std::string> number_names(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(text(i));
    return names;
}

RecordShape scaled_shape(const std::string& folder, const DatasetOptions& options) {
    require(options.height > 0 && options.width > 0, "The images in \"", folder,
            "\" need a height and a width to be scaled to; ", options.height, " x ", options.width,
            " is given.");
    require(std::max(options.height, options.width) <= largest_image_side, "The images in \"", folder,
            "\" cannot be scaled to ", options.height, " x ", options.width, " (at most ", largest_image_side,
            " a side).");
    const int channels = options.channels ? options.channels : 3;
    require(channels == 1 || channels == 3, "The images in \"", folder, "\" cannot be read with ", channels,
            " channels (1 or 3).");
    return {options.height, options.width, channels};
}

std::unique_ptr<Dataset> open_dataset(const std::string& folder, const std::string& split,
                                      const DatasetOptions& options) {
    constexpr std::array<const char*, 3> splits = {"train", "test", "val"};
    require(std::find(splits.begin(), splits.end(), split) != splits.end(), "The split \"", split,
            "\" is unknown; it is one of train, test and val.");
    require(options.height >= 0 && options.width >= 0 && options.channels >= 0, "The shape ",
            to_string({options.height, options.width, options.channels}), " has a negative side.");
    if (!is_folder(folder))
        fail(ErrorCode::not_found, "The data set \"", folder, "\" is ",
             file_exists(folder) ? "a file; its folder is needed." : "no folder that can be read.");

    std::unique_ptr<Dataset> dataset = open_idx_folder(folder, split);
    if (!dataset) dataset = open_cifar_folder(folder, split);
    if (dataset) {
        check_shape(*dataset, folder, options);
        return dataset;
    }
    for (const auto open : {open_boxes_csv, open_boxes_voc, open_boxes_coco, open_image_folder})
        if (!dataset) dataset = open(folder, split, options);
    if (dataset) return dataset;
    if (list_folder(folder).empty())
        fail(ErrorCode::not_found, "The data set \"", folder, "\" is an empty folder.");
    fail(ErrorCode::not_found, "The folder \"", folder, "\" holds no data set that Lemnos knows: neither ",
         idx_folder_files, ", nor ", cifar_folder_files, ", nor ", box_folder_files, ", nor ",
         image_folder_files, ".");
}

PixelStatistics pixel_statistics(const Dataset& dataset, int64_t at_most) {
    const int64_t records = at_most > 0 ? std::min(at_most, dataset.size()) : dataset.size();
    const RecordShape shape = dataset.shape();
    const auto channels = static_cast<size_t>(shape.channels);
    std::vector<uint8_t> pixels(static_cast<size_t>(shape.bytes()));
    std::vector<std::array<uint64_t, 256>> histograms(channels); // how often each value occurs
    for (int64_t record = 0; record < records; ++record) {
        int32_t label = 0;
        dataset.read(checked_multiply(record, dataset.size()) / records, pixels.data(), label);
        for (size_t i = 0; i < pixels.size(); i += channels)
            for (size_t channel = 0; channel < channels; ++channel)
                ++histograms[channel][pixels[i + channel]];
    }
    PixelStatistics statistics;
    const double count = static_cast<double>(checked_multiply(records, int64_t(shape.height) * shape.width));
    for (const auto& histogram : histograms) {
        uint64_t sum = 0;
        for (uint64_t value = 0; value < 256; ++value) sum += histogram[value] * value;
        const double mean = static_cast<double>(sum) / count;
        double squares = 0;
        for (size_t value = 0; value < 256; ++value)
            squares +=
                static_cast<double>(histogram[value]) * (double(value) - mean) * (double(value) - mean);
        statistics.mean.push_back(mean / 255);
        statistics.deviation.push_back(std::sqrt(squares / count) / 255);
    }
    return statistics;
}

} // namespace lemnos
