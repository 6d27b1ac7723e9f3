// A data set: labelled pictures of one shape, read by index.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lemnos {

struct RecordShape {
    int height = 0;
    int width = 0;
    int channels = 0;

    int64_t bytes() const { return int64_t(height) * width * channels; }
    bool operator==(const RecordShape&) const = default;
};

std::string to_string(const RecordShape& shape); // "28 x 28 x 1"

class Dataset {
  public:
    virtual ~Dataset() = default;
    virtual int64_t size() const = 0;
    virtual RecordShape shape() const = 0;
    virtual const std::vector<std::string>& class_names() const = 0;
    virtual std::string name(int64_t index) const = 0; // a file's path, or "test #12"

    // Writes shape().bytes() pixel values in the order height, width, channel, and a label below classes().
    // May be called from several threads at once.
    virtual void read(int64_t index, uint8_t* pixels, int32_t& label) const = 0;

    int classes() const { return static_cast<int>(class_names().size()); }

  protected:
    void check_index(int64_t index) const; // invalid_argument
};

// Records that lie in memory, one after the other.
class MemoryDataset final : public Dataset {
  public:
    // `pixels` holds labels.size() records of the shape; every label is at least 0 and below the number of
    // names.
    MemoryDataset(std::string split, RecordShape shape, std::vector<uint8_t> pixels,
                  std::vector<int32_t> labels, std::vector<std::string> class_names);

    int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override;
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override;

  private:
    std::string split_;
    RecordShape shape_;
    std::vector<uint8_t> pixels_;
    std::vector<int32_t> labels_;
    std::vector<std::string> class_names_;
};

// What a caller may ask of the pictures. Zero: as the data set has them. An image folder needs a height and a
// width and scales to them; the record formats have one shape, and another one asked of them is an error.
struct DatasetOptions {
    int height = 0;
    int width = 0;
    int channels = 0; // 1 or 3
};

// Opens the data set in a folder, of the format that its files show: IDX (MNIST and its kin), CIFAR-10,
// CIFAR-100, or a folder of images (see idx.h, cifar.h, image_folder.h). `split` is "train", "test" or "val".
std::unique_ptr<Dataset> open_dataset(const std::string& folder, const std::string& split,
                                      const DatasetOptions& options = {});

// Names of classes from a text file with one a line; empty where there is no such file.
std::vector<std::string> read_class_names(const std::string& path);
std::vector<std::string> number_names(int count); // "0", "1", …

// Mean and standard deviation of each channel over all pixels, in units of the full scale (0 … 1), from exact
// counts. Over at most `at_most` records, evenly spread over the data set (0: all of them).
struct PixelStatistics {
    std::vector<double> mean;
    std::vector<double> deviation;
};
PixelStatistics pixel_statistics(const Dataset& dataset, int64_t at_most = 0);

} // namespace lemnos
