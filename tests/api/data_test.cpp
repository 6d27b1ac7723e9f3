// Data sets and image files.
#include "api.h"

// Big-endian, as IDX has them.
static std::string word(uint32_t value) {
    return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

static void write_idx(const Scratch& scratch, const std::string& prefix, int count, int classes,
                      int side = 6) {
    std::string images = word(0x803) + word(uint32_t(count)) + word(uint32_t(side)) + word(uint32_t(side));
    std::string labels = word(0x801) + word(uint32_t(count));
    for (int i = 0; i < count; ++i) {
        images += std::string(size_t(side * side), char(i));
        labels += char(i % classes);
    }
    scratch.write(prefix + "-images-idx3-ubyte", images);
    scratch.write(prefix + "-labels-idx1-ubyte", labels);
}

TEST(ApiDataset, IdxFolder) {
    const Scratch scratch;
    write_idx(scratch, "train", 20, 3);
    write_idx(scratch, "t10k", 5, 3);
    Dataset train, test;
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "train", nullptr, train.out()));
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "test", "", test.out()));
    const Json info = json([&](lem_text** out) { return lem_dataset_info_json(train, out); });
    EXPECT_EQ(info["size"], 20);
    EXPECT_EQ(info["height"], 6);
    EXPECT_EQ(info["width"], 6);
    EXPECT_EQ(info["channels"], 1);
    std::vector<uint8_t> pixels(36);
    int32_t label = -1;
    EXPECT_OK(lem_dataset_read(test, 4, pixels.data(), 36, &label));
    EXPECT_EQ(label, 1);
    EXPECT_EQ(pixels, std::vector<uint8_t>(36, 4));
    EXPECT_FAILURE(lem_dataset_read(test, 5, pixels.data(), 36, &label), LEM_ERROR_INVALID_ARGUMENT,
                   "The record 5 does not exist; the data set has 5 records, counted from 0.");
    EXPECT_EQ(label, 0);
    EXPECT_FAILURE(lem_dataset_read(test, 0, pixels.data(), 35, &label), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (35) is not the size that is needed (36).");
}

TEST(ApiDataset, ClassNamesMayBeGiven) {
    const Scratch scratch;
    write_idx(scratch, "train", 20, 3);
    Dataset dataset;
    const Json natural = json([&](lem_text** out) {
        EXPECT_OK(lem_dataset_open(scratch.path().c_str(), "train", nullptr, dataset.out()));
        return lem_dataset_info_json(dataset, out);
    });
    Json names = Json::array();
    for (size_t i = 0; i < natural["classes"]; ++i) names.push_back("class " + std::to_string(i));
    const std::string options = Json{{"class_names", names}}.dump();
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "train", options.c_str(), dataset.out()));
    const Json info = json([&](lem_text** out) { return lem_dataset_info_json(dataset, out); });
    EXPECT_EQ(info["class_names"], names);
    EXPECT_FAILURE_WITH(
        lem_dataset_open(scratch.path().c_str(), "train", R"({"class_names": ["one"]})", dataset.out()),
        LEM_ERROR_INVALID_ARGUMENT, "(1 names were given).");
    EXPECT_FAILURE(
        lem_dataset_open(scratch.path().c_str(), "train", R"({"class_names": [1]})", dataset.out()),
        LEM_ERROR_INVALID_ARGUMENT, "A data set: the option class_names must hold texts alone.");
}

TEST(ApiDataset, Mistakes) {
    const Scratch scratch;
    Dataset dataset;
    const auto open = [&](const std::string& path, const char* split, const char* options = nullptr) {
        return lem_dataset_open(path.c_str(), split, options, dataset.out());
    };
    EXPECT_FAILURE(open("/nonexistent", "train"), LEM_ERROR_NOT_FOUND,
                   "The data set \"/nonexistent\" is no folder that can be read.");
    EXPECT_FAILURE_WITH(open(scratch.path(), "train"), LEM_ERROR_NOT_FOUND, "is an empty folder.");
    std::filesystem::create_directory(scratch.file("cats"));
    EXPECT_FAILURE_WITH(open(scratch.path(), "train"), LEM_ERROR_NOT_FOUND,
                        "holds no data set that Lemnos knows");
    write_idx(scratch, "train", 20, 3);
    EXPECT_FAILURE(open(scratch.path(), "dev"), LEM_ERROR_INVALID_ARGUMENT,
                   "The split \"dev\" is unknown; it is one of train, test and val.");
    EXPECT_FAILURE(open(scratch.path(), "train", R"({"hight": 3})"), LEM_ERROR_INVALID_ARGUMENT,
                   "A data set has no attribute \"hight\". Did you mean \"height\"?");
    EXPECT_FAILURE_WITH(open(scratch.path(), "train", R"({"height": 3})"), LEM_ERROR_INVALID_ARGUMENT,
                        "only image files are scaled");
    EXPECT_FAILURE_WITH(open(scratch.path(), "train", "{"), LEM_ERROR_INVALID_ARGUMENT,
                        "A data set: the text is not JSON (at byte ");
    const std::string images = scratch.file("train-images-idx3-ubyte");
    std::filesystem::resize_file(images, 100);
    EXPECT_FAILURE_WITH(open(scratch.path(), "train"), LEM_ERROR_FILE_MALFORMED, images);
    EXPECT_EQ(static_cast<lem_dataset*>(dataset), nullptr);
}

TEST(ApiDataset, FromMemory) {
    const Dataset dataset = quarters(8);
    std::vector<uint8_t> pixels(64);
    int32_t label = -1;
    EXPECT_OK(lem_dataset_read(dataset, 7, pixels.data(), 64, &label));
    EXPECT_EQ(label, 3);
    EXPECT_GE(pixels[63], 180);

    const int32_t labels[] = {0, 4, 1};
    Dataset other;
    const auto create = [&](int64_t bytes, const int32_t* given, int64_t count, int32_t channels,
                            int32_t classes) {
        return lem_dataset_create(pixels.data(), bytes, given, count, 2, 2, channels, classes, other.out());
    };
    EXPECT_FAILURE(create(12, labels, 3, 1, 4), LEM_ERROR_INVALID_ARGUMENT,
                   "The label 4 of image 1 is out of range (0 to 3).");
    EXPECT_FAILURE(create(13, labels, 3, 1, 5), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (13) is not the size that is needed (12).");
    EXPECT_FAILURE(create(0, labels, 0, 1, 5), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument count (0) is below 1.");
    EXPECT_FAILURE(create(12, labels, 3, 0, 5), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument channels (0) is below 1.");
    EXPECT_FAILURE(create(12, labels, 3, 1, 0), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument classes (0) is below 1.");
    EXPECT_OK(create(12, labels, 3, 1, 5));
}

// Two pictures of 8 x 6 (width x height) with three boxes, and a line that is wrong where asked for.
static void write_boxes(const Scratch& scratch, const std::string& more = "") {
    const std::vector<uint8_t> pixels(6 * 8 * 3, 77);
    for (const char* name : {"a.png", "b.png"})
        ASSERT_OK(lem_image_write_png(scratch.file(name).c_str(), pixels.data(), 6 * 8 * 3, 6, 8, 3));
    scratch.write("boxes.csv", "file,class,xmin,ymin,xmax,ymax\na.png,dog,0,0,4,3\nb.png,cat,2,3,8,6\n"
                               "a.png,cat,4,0,8,6\n" +
                                   more);
}

TEST(ApiDataset, Boxes) {
    const Scratch scratch;
    write_boxes(scratch);
    Dataset dataset;
    const char* options = R"({"height": 3, "width": 4})";
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "train", options, dataset.out()));
    const Json info = json([&](lem_text** out) { return lem_dataset_info_json(dataset, out); });
    EXPECT_EQ(info["task"], "detect");
    EXPECT_EQ(info["size"], 2);
    EXPECT_EQ(info["boxes"], 3);
    EXPECT_EQ(info["most_boxes"], 2);
    EXPECT_EQ(info["class_names"], Json({"cat", "dog"}));
    EXPECT_EQ(info["skipped"]["images"], 0);
    EXPECT_EQ(info["skipped"]["first"], Json::array());

    std::vector<float> boxes(11, 99);
    int64_t count = -1;
    ASSERT_OK(lem_dataset_boxes(dataset, 0, boxes.data(), 2, &count));
    EXPECT_EQ(count, 2);
    EXPECT_EQ(boxes, (std::vector<float>{1, 0, 0, 0.5f, 0.5f, 0, 0, 0.5f, 1, 1, 99}));
    boxes.assign(11, 99);
    ASSERT_OK(lem_dataset_boxes(dataset, 0, boxes.data(), 1, &count)); // what there is room for
    EXPECT_EQ(count, 2);
    EXPECT_EQ(boxes[5], 99);
    ASSERT_OK(lem_dataset_boxes(dataset, 1, nullptr, 0, &count));
    EXPECT_EQ(count, 1);
    EXPECT_FAILURE(lem_dataset_boxes(dataset, 2, boxes.data(), 2, &count), LEM_ERROR_INVALID_ARGUMENT,
                   "The record 2 does not exist; the data set has 2 records, counted from 0.");
    EXPECT_EQ(count, 0);
    EXPECT_FAILURE(lem_dataset_boxes(dataset, 0, boxes.data(), -1, &count), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument capacity (-1) is below 0.");
    EXPECT_FAILURE(lem_dataset_boxes(dataset, 0, nullptr, 1, &count), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument out_boxes is NULL.");
    std::vector<uint8_t> pixels(36);
    int32_t label = 5;
    ASSERT_OK(lem_dataset_read(dataset, 1, pixels.data(), 36, &label));
    EXPECT_EQ(label, -1);
    EXPECT_EQ(pixels, std::vector<uint8_t>(36, 77));
    EXPECT_FAILURE(lem_dataset_boxes(quarters(8), 0, boxes.data(), 2, &count), LEM_ERROR_INVALID_ARGUMENT,
                   "The data set has no boxes: its images have a class each.");

    const char* renamed = R"({"height": 3, "width": 4, "class_names": ["ape", "dog", "cat"]})";
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "train", renamed, dataset.out()));
    ASSERT_OK(lem_dataset_boxes(dataset, 1, boxes.data(), 2, &count));
    EXPECT_EQ(boxes[0], 2);
}

TEST(ApiDataset, BadBoxesAreErrorsOrSkipped) {
    const Scratch scratch;
    write_boxes(scratch, "b.png,dog,1,1,99,2\ngone.png,dog,1,1,2,2\n");
    Dataset dataset;
    const std::string sentence =
        "The box in line 5 of \"" + scratch.file("boxes.csv") +
        "\" reaches out of its picture of 8 x 6 pixels (width x height) by more than the one pixel that is tolerated "
        "and cut off (xmin 1, ymin 1, xmax 99, ymax 2).";
    EXPECT_FAILURE(lem_dataset_open(scratch.path().c_str(), "train", R"({"height": 3, "width": 4})", dataset.out()),
                   LEM_ERROR_FILE_MALFORMED, sentence.c_str());
    ASSERT_OK(lem_dataset_open(scratch.path().c_str(), "train", R"({"height": 3, "width": 4, "skip_bad": true})",
                               dataset.out()));
    const Json skipped = json([&](lem_text** out) { return lem_dataset_info_json(dataset, out); })["skipped"];
    EXPECT_EQ(skipped["images"], 1);
    EXPECT_EQ(skipped["boxes"], 1);
    ASSERT_EQ(skipped["first"].size(), 2u);
    EXPECT_EQ(skipped["first"][0], sentence);
}

// ---- image files ------------------------------------------------------------------------------------------

TEST(ApiImage, WrittenAndReadAgain) {
    const Scratch scratch;
    const std::string path = scratch.file("image.png");
    std::vector<uint8_t> pixels(5 * 7 * 3), again(pixels.size());
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(i * 37);
    ASSERT_OK(lem_image_write_png(path.c_str(), pixels.data(), int64_t(pixels.size()), 5, 7, 3));
    ASSERT_OK(lem_image_read(path.c_str(), 5, 7, 3, again.data(), int64_t(again.size())));
    EXPECT_EQ(pixels, again);
    EXPECT_OK(lem_image_read(path.c_str(), 2, 3, 1, again.data(), 6)); // scaled, grey
}

TEST(ApiImage, Mistakes) {
    const Scratch scratch;
    uint8_t pixels[12] = {};
    EXPECT_FAILURE(lem_image_read("/nonexistent.png", 2, 2, 3, pixels, 12), LEM_ERROR_NOT_FOUND,
                   "The file \"/nonexistent.png\" cannot be read: No such file or directory.");
    EXPECT_FAILURE(lem_image_read("x", 2, 2, 2, pixels, 12), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument channels (2) is neither 1 nor 3.");
    EXPECT_FAILURE(lem_image_read("x", 0, 2, 3, pixels, 12), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument height (0) is below 1.");
    EXPECT_FAILURE(lem_image_read("x", 2, 2, 3, pixels, 11), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (11) is not the size that is needed (12).");
    const std::string text = scratch.write("text.png", "This is no image.");
    EXPECT_FAILURE(lem_image_read(text.c_str(), 2, 2, 3, pixels, 12), LEM_ERROR_FILE_MALFORMED,
                   ("The image \"" + text +
                    "\" cannot be decoded: it has 17 bytes and begins like neither a PNG nor a JPEG.")
                       .c_str());
    EXPECT_FAILURE(lem_image_write_png("/nonexistent/x.png", pixels, 12, 2, 2, 3), LEM_ERROR_FILE_UNWRITABLE,
                   "The file \"/nonexistent/x.png\" cannot be written: No such file or directory.");
}
