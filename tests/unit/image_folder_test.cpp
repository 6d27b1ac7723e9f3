// Folders of images: splits, classes, order, scaling, and what is wrong with one.
#include "data/image_folder.h"

#include "data/image.h"
#include "scratch.h"

namespace lemnos {
namespace {

using namespace test;

Bytes flat_png(uint8_t value, int height = 6, int width = 9) {
    return encode_png({height, width, 3, Bytes(size_t(height * width * 3), value)});
}

constexpr DatasetOptions small = {4, 5, 3};

TEST(ImageFolder, ReadsSplitsWithTheSameClasses) {
    const ScratchFolder scratch;
    scratch.write("train/dog/b.PNG", flat_png(20));
    scratch.write("train/dog/a.png", flat_png(10));
    scratch.write("train/cat/x.jpeg", flat_png(30)); // its content decides how it is read
    scratch.write("test/dog/y.jpg", flat_png(40));
    scratch.write("val/ape/z.png", flat_png(50));
    scratch.write("train/notes.txt", std::string("passed over"));
    scratch.write("train/cat/notes.txt", std::string("passed over"));
    scratch.write("train/cat/.hidden.png", std::string("passed over"));
    scratch.write("train/.cache/a.png", std::string("passed over"));

    const auto train = open_dataset(scratch.path(), "train", small),
               test = open_dataset(scratch.path(), "test", small),
               val = open_dataset(scratch.path(), "val", small);
    for (const auto* dataset : {train.get(), test.get(), val.get()})
        EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"ape", "cat", "dog"}));
    ASSERT_EQ(train->size(), 3);
    EXPECT_EQ(test->size(), 1);
    EXPECT_EQ(val->size(), 1);
    EXPECT_EQ(train->shape(), (RecordShape{4, 5, 3}));
    EXPECT_EQ(train->name(0), scratch.file("train/cat/x.jpeg"));
    EXPECT_EQ(train->name(1), scratch.file("train/dog/a.png"));
    const int32_t labels[] = {1, 2, 2};
    const uint8_t values[] = {30, 10, 20};
    for (int64_t i = 0; i < 3; ++i) {
        Bytes pixels(4 * 5 * 3);
        int32_t label = -1;
        train->read(i, pixels.data(), label);
        EXPECT_EQ(label, labels[i]);
        EXPECT_EQ(pixels, Bytes(pixels.size(), values[i]));
    }
    EXPECT_NEAR(pixel_statistics(*train).mean[1], 20.0 / 255, 1e-15);
}

TEST(ImageFolder, ReadsAFolderWithoutSplits) {
    const ScratchFolder scratch;
    // Classes may have the names of splits.
    scratch.write("train/a.png", flat_png(1));
    scratch.write("car/a.png", flat_png(2));
    const auto dataset = open_dataset(scratch.path(), "train", {6, 9, 1});
    EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"car", "train"}));
    EXPECT_EQ(dataset->shape().channels, 1);
    EXPECT_EQ(dataset->name(1), scratch.file("train/a.png"));
    EXPECT_EQ(open_dataset(scratch.path(), "train", {6, 9, 0})->shape().channels, 3);
    expect_refusal(ErrorCode::not_found, {scratch.path(), "\"test\"", "/test/<class>/"},
                   [&] { open_dataset(scratch.path(), "test", small); });
}

TEST(ImageFolder, SaysWhatIsWrong) {
    const ScratchFolder scratch;
    expect_refusal(ErrorCode::not_found, {scratch.path(), "is an empty folder."},
                   [&] { open_dataset(scratch.path(), "train", small); });
    const std::string path = scratch.write("train/cat/a.png", std::string("no picture"));
    for (const auto& [options, part] : std::initializer_list<std::pair<DatasetOptions, std::string>>{
             {{0, 5, 3}, "0 x 5"}, {{5, 0, 3}, "5 x 0"}, {{99999, 5, 3}, "99999"}, {{5, 5, 2}, "2 channels"}})
        expect_refusal(ErrorCode::invalid_argument, {scratch.path(), part},
                       [&] { open_dataset(scratch.path(), "train", options); });
    const auto dataset = open_dataset(scratch.path(), "train", small);
    Bytes pixels(60);
    int32_t label = 0;
    expect_refusal(ErrorCode::file_malformed, {path, "neither a PNG nor a JPEG"},
                   [&] { dataset->read(0, pixels.data(), label); });
    expect_refusal(ErrorCode::invalid_argument, {"1 records"},
                   [&] { dataset->read(1, pixels.data(), label); });
    std::filesystem::remove(path);
    expect_refusal(ErrorCode::not_found, {path}, [&] { dataset->read(0, pixels.data(), label); });
    expect_refusal(ErrorCode::not_found, {scratch.path(), "no data set"},
                   [&] { open_dataset(scratch.path(), "train", small); });
}

TEST(ImageFolder, SkipsWhatCannotBeDecoded) {
    const ScratchFolder scratch;
    scratch.write("train/cat/a.png", flat_png(10));
    const std::string bad = scratch.write("train/cat/b.png", std::string("no picture"));
    scratch.write("train/dog/c.png", flat_png(30));
    EXPECT_EQ(open_dataset(scratch.path(), "train", small)->size(), 3);
    const DatasetOptions skipping = {4, 5, 3, true};
    const auto dataset = open_dataset(scratch.path(), "train", skipping);
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(dataset->name(1), scratch.file("train/dog/c.png"));
    Bytes pixels(60);
    int32_t label = 0;
    dataset->read(1, pixels.data(), label);
    EXPECT_EQ(label, 1);
    EXPECT_EQ(pixels, Bytes(60, 30));
    EXPECT_EQ(dataset->skipped().pictures, 1);
    EXPECT_EQ(dataset->skipped().sentences,
              std::vector<std::string>{
                  "The image \"" + bad +
                  "\" cannot be decoded: it has 10 bytes and begins like neither a PNG nor a JPEG."});
    scratch.write("val/cat/d.png", std::string("no picture"));
    expect_refusal(ErrorCode::not_found,
                   {"None of the 1 images in \"" + scratch.file("val") + "\" can be decoded. The first: "},
                   [&] { open_dataset(scratch.path(), "val", skipping); });
}

} // namespace
} // namespace lemnos
