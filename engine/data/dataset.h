// A data set: pictures of one shape, read by index, each with a label of its own or with labelled boxes.
#pragma once

#include "data/image.h"

#include <cstdint>
#include <memory>
#include <span>
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

// Where an object lies in a picture, and its class. Exactly five floats: an array of them goes to a device.
struct Box {
    float label = -1;                               // a class, or -1: no box
    float top = 0, left = 0, bottom = 0, right = 0; // in fractions of the picture's height and width

    bool operator==(const Box&) const = default;
};
static_assert(sizeof(Box) == 5 * sizeof(float));

// A box as its file has it. Difficult ones (VOC's, and COCO's crowds) are no mistakes to miss; crowds, which
// hold several objects, are not trained on either.
struct TruthBox {
    Box box;
    bool difficult = false;
    bool crowd = false; // then difficult, too

    bool operator==(const TruthBox&) const = default;
};

// What was left out when a data set was opened with skip_bad.
struct SkipReport {
    int64_t pictures = 0;
    int64_t boxes = 0;
    std::vector<std::string> sentences; // the first five: what was wrong

    void add_picture(std::string sentence);
    void add_box(std::string sentence);
};

struct Draw; // data/augmentation.h

class Dataset {
  public:
    virtual ~Dataset() = default;
    virtual int64_t size() const = 0;
    virtual RecordShape shape() const = 0;
    virtual const std::vector<std::string>& class_names() const = 0;
    virtual std::string name(int64_t index) const = 0; // a file's path, or "test #12"

    // Writes shape().bytes() pixel values in the order height, width, channel, and a label below classes();
    // -1 where pictures have boxes. May be called from several threads at once, as may all that follows.
    virtual void read(int64_t index, uint8_t* pixels, int32_t& label) const = 0;

    // The largest number of boxes of a picture, crowds not counted. 0: the pictures have a class each.
    virtual int64_t most_boxes() const { return 0; }
    virtual std::vector<TruthBox> boxes(int64_t index) const; // all of a picture, crowds too
    // The pixels and the boxes to train on: all most_boxes() entries, those of no box last. Without a draw it
    // is the whole picture scaled to shape(); with one it is augmented as the draw says.
    virtual void read_boxes(int64_t index, const Draw* draw, uint8_t* pixels, std::span<Box> boxes) const;
    // Of the picture before it was scaled, in which its boxes are pixels.
    virtual PictureSize picture_size(int64_t index) const;
    virtual const SkipReport& skipped() const;

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

// What a caller may ask of the pictures. Zero: as the data set has them. Image files need a height and a
// width and are scaled to them; the record formats have one shape, and another one asked of them is an error.
struct DatasetOptions {
    int height = 0;
    int width = 0;
    int channels = 0; // 1 or 3
    // Image files are all decoded when the data set is opened; those that cannot be, and boxes that cannot be
    // right, are left out and reported by Dataset::skipped(). Otherwise each is an error.
    bool skip_bad = false;
    // The classes of boxes in the order of their labels; another class is then an error. Empty: all classes
    // of all splits. The other formats do not look at it.
    std::vector<std::string> class_names = {};
};

// The shape that pictures of image files are scaled to: what the options ask for, of which the height and the
// width must be given.
RecordShape scaled_shape(const std::string& folder, const DatasetOptions& options);

// Opens the data set in a folder, of the format that its files show: IDX (MNIST and its kin), CIFAR-10,
// CIFAR-100, pictures with boxes, or a folder of images (see idx.h, cifar.h, boxes.h, image_folder.h).
// `split` is "train", "test" or "val".
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
