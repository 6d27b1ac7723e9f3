// COCO: both places of its files, categories, crowds, and a sentence for everything that is wrong.
#include "data/boxes.h"

#include "boxed.h"

#include <nlohmann/json.hpp>

namespace lemnos {
namespace {

using namespace test;
using Json = nlohmann::json;

const DatasetOptions small = {4, 5, 3}, skipping = {4, 5, 3, true};

Json good() {
    return {{"info", {{"year", 2026}, {"id", 5}}},
            // The numbers of categories have gaps, and their order in the file says nothing.
            {"categories",
             {{{"id", 90}, {"name", "toothbrush"}}, {{"id", 3}, {"name", "car"}, {"supercategory", "x"}}}},
            {"annotations",
             {{{"id", 7},
               {"image_id", 12},
               {"category_id", 90},
               {"bbox", {10, 5, 20, 15}},
               {"iscrowd", 0},
               {"segmentation", {{1, 2, 3, 4, 5, 6}}},
               {"area", 300.0}},
              {{"id", 8}, {"image_id", 12}, {"category_id", 3}, {"bbox", {0, 0, 1.0, 1}}},
              {{"id", 9},
               {"image_id", 12},
               {"category_id", 3},
               {"bbox", {0, 0, 40, 20}},
               {"iscrowd", 1},
               {"segmentation", {{"counts", {1, 2}}, {"size", {40, 20}}}}}}},
            {"images",
             {{{"id", 12}, {"file_name", "a.png"}, {"width", 40}, {"height", 20}},
              {{"id", 4}, {"file_name", "b.png"}, {"license", 1}}}}};
}

struct Folder : ScratchFolder {
    Folder() {
        write("train2017/a.png", flat_png(10, 20, 40));
        write("images/b.png", flat_png(20, 10, 10));
    }
    std::string list() const { return file("annotations/instances_train2017.json"); }
    std::unique_ptr<Dataset> open(const std::string& json, const DatasetOptions& options = small) const {
        write("annotations/instances_train2017.json", json);
        return open_dataset(path(), "train", options);
    }
    void refused(const Json& json, const std::string& sentence, ErrorCode code = ErrorCode::file_malformed,
                 const DatasetOptions& options = small) const {
        const std::string content = json.is_string() ? json.get<std::string>() : json.dump();
        SCOPED_TRACE(content);
        expect_sentence(code, sentence, [&] { open(content, options); });
    }
};

TEST(BoxesCoco, ReadsBoxesAndCrowds) {
    const Folder folder;
    const auto dataset = folder.open(good().dump());
    EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"car", "toothbrush"}));
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(dataset->most_boxes(), 2); // without the crowd
    EXPECT_EQ(dataset->name(0), folder.file("train2017/a.png"));
    EXPECT_EQ(dataset->name(1), folder.file("images/b.png"));
    const Box brush = {1, 0.25f, 0.25f, 1, 0.75f}, car = {0, 0, 0, 0.05f, 0.025f}, crowd = {0, 0, 0, 1, 1};
    EXPECT_EQ(dataset->boxes(0), (std::vector<TruthBox>{{brush}, {car}, {crowd, true, true}}));
    EXPECT_EQ(content(*dataset, 0).boxes, (std::vector<Box>{brush, car}));
    EXPECT_EQ(dataset->boxes(1).size(), 0u);
    EXPECT_EQ(content(*dataset, 1).boxes, std::vector<Box>(2));
    EXPECT_EQ(content(*dataset, 1).pixels, Bytes(60, 20));
    // Another order of classes.
    const auto named = folder.open(good().dump(), {4, 5, 3, false, {"toothbrush", "cup", "car"}});
    EXPECT_EQ(named->boxes(0)[1].box.label, 2);
}

TEST(BoxesCoco, ReadsFilesBesideTheirPictures) {
    const ScratchFolder folder;
    for (const char* split : {"train", "valid"}) {
        folder.write(std::string(split) + "/a.png", flat_png(1, 20, 40));
        folder.write(std::string(split) + "/b.png", flat_png(2, 10, 10));
        folder.write(std::string(split) + "/_annotations.coco.json", good().dump());
    }
    EXPECT_EQ(open_dataset(folder.path(), "train", small)->name(0), folder.file("train/a.png"));
    EXPECT_EQ(open_dataset(folder.path(), "val", small)->name(0), folder.file("valid/a.png"));
    expect_sentence(ErrorCode::not_found,
                    "The data set \"" + folder.path() +
                        "\" has no split \"test\": there is neither "
                        "\"annotations/instances_test*.json\" nor \"test/_annotations.coco.json\" in it.",
                    [&] { open_dataset(folder.path(), "test", small); });
    folder.write("val/_annotations.coco.json", std::string());
    expect_sentence(ErrorCode::invalid_argument,
                    "The data set \"" + folder.path() + "\" has more than one file of the split \"val\": \"" +
                        folder.file("val/_annotations.coco.json") + "\" and \"" +
                        folder.file("valid/_annotations.coco.json") + "\".",
                    [&] { open_dataset(folder.path(), "val", small); });
}

TEST(BoxesCoco, SaysWhatIsWrongWithTheFile) {
    const Folder folder;
    const std::string file = "The file \"" + folder.list() + "\" ";
    folder.refused("", file + "is no JSON (at byte 1).");
    folder.refused("{\"others\": [1, }", file + "is no JSON (at byte 16).");
    folder.refused(R"({"images": ["\ud800"]})", file + "is no JSON (at byte 20).");
    folder.refused("[]", file + "is no JSON object.");
    folder.refused(std::string(100000, '['), file + "is nested deeper than 32 levels.");
    for (const char* name : {"images", "annotations", "categories"}) {
        Json json = good();
        json.erase(name);
        const std::string sentence =
            file + "has no list \"" + name + "\" (images, annotations and categories are needed).";
        folder.refused(json, sentence);
        json[name] = {{"id", 3}};
        folder.refused(json, sentence);
    }
    Json json = good();
    json["annotations"] = Json::array();
    folder.refused(json,
                   "The split \"train\" of the data set \"" + folder.path() +
                       "\" has no box to train on (2 pictures; 0 of them and 0 boxes were left out).",
                   ErrorCode::not_found);
    json["annotations"].push_back(good()["annotations"][2]); // a crowd alone
    folder.refused(json,
                   "The split \"train\" of the data set \"" + folder.path() +
                       "\" has no box to train on (2 pictures; 0 of them and 0 boxes were left out).",
                   ErrorCode::not_found);
}

TEST(BoxesCoco, SaysWhatIsWrongWithAnElement) {
    const Folder folder;
    const auto wrong = [&](const char* list, size_t index, const Json& change, const std::string& sentence) {
        Json json = good();
        if (change.is_object())
            json[list][index].merge_patch(change); // null takes a member away
        else
            json[list][index] = change;
        folder.refused(json, "The element " + std::string(list) + "[" + std::to_string(index) + "] of \"" +
                                 folder.list() + "\" " + sentence);
    };
    wrong("images", 1, 5, "is no object.");
    wrong("annotations", 1, Json::array({1}), "is no object.");
    wrong("images", 0, {{"file_name", nullptr}}, "has no text \"file_name\".");
    wrong("images", 0, {{"file_name", 3}}, "has no text \"file_name\".");
    wrong("images", 0, {{"id", nullptr}}, "has no \"id\".");
    wrong("images", 0, {{"id", "12"}}, "has a \"id\" that is no whole number.");
    wrong("images", 1, {{"id", 12}}, "has the id 12 of an earlier one.");
    wrong("images", 1, {{"file_name", "a.png"}}, "has the file_name \"a.png\" of an earlier one.");
    wrong("images", 0, {{"width", 0}}, "has the width 0 (1 to 16384).");
    wrong("images", 0, {{"height", nullptr}}, "has no \"height\".");
    wrong("categories", 1, {{"id", 90}}, "has the id 90 of an earlier one.");
    wrong("annotations", 1, {{"bbox", {1, 2, 3}}}, "has no \"bbox\" of four numbers.");
    wrong("annotations", 1, {{"bbox", {1, 2, 3, "4"}}}, "has no \"bbox\" of four numbers.");
    wrong("annotations", 1, {{"bbox", nullptr}}, "has no \"bbox\" of four numbers.");
    wrong("annotations", 1, {{"image_id", 1.5}}, "has a \"image_id\" that is no whole number.");
    wrong("annotations", 1, {{"image_id", 99}}, "is of the image 99, which is not listed.");
    wrong("annotations", 1, {{"category_id", 99}}, "is of the category 99, which is not listed.");

    const auto box = [&](const Json& bbox, const std::string& sentence) {
        Json json = good();
        json["annotations"][1]["bbox"] = bbox;
        folder.refused(json, "The box in annotations[1] of \"" + folder.list() + "\" " + sentence);
    };
    box({1, 2, 0, 3}, "has no area (x 1, y 2, width 0, height 3).");
    box({1, 2, 3, -3}, "has no area (x 1, y 2, width 3, height -3).");
    box({30, 2, 12, 3},
        "reaches out of its picture of 40 x 20 pixels (width x height) by more than the one pixel "
        "that is tolerated and cut off (x 30, y 2, width 12, height 3).");

    Json json = good();
    json["categories"][0]["name"] = "car";
    folder.refused(json, "The class \"car\" of the data set \"" + folder.path() + "\" is named twice.",
                   ErrorCode::invalid_argument);
    json = good();
    json["images"][0]["width"] = 41;
    folder.refused(json, "The picture \"" + folder.file("train2017/a.png") +
                             "\" has 40 x 20 pixels (width x height); images[0] of \"" + folder.list() +
                             "\" says 41 x 20.");
    json = good();
    json["images"][0]["file_name"] = "../a.png";
    folder.refused(json, "The picture \"../a.png\" of images[0] of \"" + folder.list() +
                             "\" is not named by a path inside the data set's folder.");
    json["images"][0]["file_name"] = "c.png";
    folder.refused(json,
                   "The picture \"c.png\" of images[0] of \"" + folder.list() +
                       "\" is missing; it is looked for as \"" + folder.file("train2017/c.png") +
                       "\" and \"" + folder.file("images/train2017/c.png") + "\" and \"" +
                       folder.file("images/c.png") + "\" and \"" + folder.file("train/c.png") + "\".",
                   ErrorCode::not_found);
    folder.refused(good(),
                   "The box in annotations[1] of \"" + folder.list() +
                       "\" has the class \"car\", which is none of the classes \"toothbrush\".",
                   ErrorCode::file_malformed, {4, 5, 3, false, {"toothbrush"}});
}

TEST(BoxesCoco, SkipsWhatIsBad) {
    const Folder folder;
    Json json = good();
    json["annotations"][1]["bbox"] = {0, 0, 0, 0};
    json["annotations"].push_back({{"id", 1}});
    json["annotations"].push_back({{"id", 1}, {"image_id", 77}, {"category_id", 3}, {"bbox", {0, 0, 1, 1}}});
    json["images"].push_back({{"id", 5}, {"file_name", "gone.png"}});
    json["images"].push_back("nothing");
    const auto dataset = folder.open(json.dump(), skipping);
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(dataset->most_boxes(), 1);
    EXPECT_EQ(dataset->skipped().pictures, 2);
    EXPECT_EQ(dataset->skipped().boxes, 3);
    EXPECT_EQ(dataset->skipped().sentences.size(), 5u);
}

} // namespace
} // namespace lemnos
