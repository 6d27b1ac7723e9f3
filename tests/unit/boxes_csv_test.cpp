// boxes.csv: what it may say, how it is read, and a sentence for everything that is wrong in one.
#include "data/boxes.h"

#include "boxed.h"
#include "data/picture_cache.h"

#include <thread>

namespace lemnos {
namespace {

using namespace test;

const DatasetOptions small = {4, 5, 3};
constexpr char head[] = "file,width,height,class,xmin,ymin,xmax,ymax,split\n";

// a.png is 40 x 20 (width x height), b.png 10 x 10, each of one value.
struct Folder : ScratchFolder {
    Folder() {
        write("images/a.png", flat_png(10, 20, 40));
        write("b.png", flat_png(20, 10, 10)); // beside the list
    }
    std::string list() const { return file("boxes.csv"); }
    std::unique_ptr<Dataset> open(const std::string& lines, DatasetOptions options = small,
                                  const std::string& split = "train") const {
        write("boxes.csv", lines);
        return open_dataset(path(), split, options);
    }
    void refused(const std::string& lines, const std::string& sentence, DatasetOptions options = small,
                 ErrorCode code = ErrorCode::file_malformed) const {
        SCOPED_TRACE(lines);
        expect_sentence(code, sentence, [&] { open(lines, options); });
    }
};

TEST(BoxesCsv, ReadsBoxesAsFractions) {
    const Folder folder;
    const auto train = folder.open(std::string(head) + "a.png,40,20,dog,10,5,30,20,train\n"
                                                       "b.png,10,10,cat,0,0,10,10,val\n"
                                                       "a.png,40,20,ape,0,0,1,1,train\n");
    EXPECT_EQ(train->class_names(), (std::vector<std::string>{"ape", "cat", "dog"})); // of all splits
    ASSERT_EQ(train->size(), 1);
    EXPECT_EQ(train->most_boxes(), 2);
    EXPECT_EQ(train->shape(), (RecordShape{4, 5, 3}));
    EXPECT_EQ(train->name(0), folder.file("images/a.png"));
    EXPECT_EQ(train->picture_size(0), (PictureSize{20, 40}));
    const Box dog = {2, 0.25f, 0.25f, 1, 0.75f}, ape = {0, 0, 0, 0.05f, 0.025f};
    EXPECT_EQ(train->boxes(0), (std::vector<TruthBox>{{dog}, {ape}}));
    const Content read = content(*train, 0);
    EXPECT_EQ(read.boxes, (std::vector<Box>{dog, ape}));
    EXPECT_EQ(read.pixels, Bytes(60, 10));
    Bytes pixels(60);
    int32_t label = 5;
    train->read(0, pixels.data(), label);
    EXPECT_EQ(label, -1);
    EXPECT_EQ(pixels, read.pixels);

    const auto val = open_dataset(folder.path(), "val", small);
    EXPECT_EQ(val->class_names(), train->class_names());
    ASSERT_EQ(val->size(), 1);
    EXPECT_EQ(val->name(0), folder.file("b.png"));
    EXPECT_EQ(val->boxes(0), (std::vector<TruthBox>{{{1, 0, 0, 1, 1}}}));
    EXPECT_EQ(val->skipped().pictures, 0);
}

TEST(BoxesCsv, FillsWhatIsNoBox) {
    const Folder folder;
    const auto dataset = folder.open("file,class,xmin,ymin,xmax,ymax\n"
                                     "a.png,x,0,0,40,20\nb.png,x,0,0,5,5\na.png,x,0,0,20,20\n");
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(content(*dataset, 1).boxes, (std::vector<Box>{{0, 0, 0, 0.5f, 0.5f}, Box()}));
    EXPECT_EQ(Box().label, -1);
    std::vector<Box> few(1);
    Bytes pixels(60);
    expect_sentence(ErrorCode::invalid_argument, "There is room for 1 boxes; the data set needs it for 2.",
                    [&] { dataset->read_boxes(0, nullptr, pixels.data(), few); });
    expect_sentence(ErrorCode::invalid_argument,
                    "The record 2 does not exist; the data set has 2 records, counted from 0.",
                    [&] { dataset->boxes(2); });
}

TEST(BoxesCsv, ReadsQuotesLinesAndColumnsInAnyOrder) {
    const Folder folder;
    folder.write("images/odd, \"name\"\n.png", flat_png(3, 10, 10));
    const auto dataset = folder.open("\xef\xbb\xbf"
                                     "class,\"filename\",ymax,ymin,xmax,xmin,author\r\n"
                                     "\"big, \"\"red\"\" thing\",\"odd, \"\"name\"\"\n.png\",10,5,4,2,me\r\n"
                                     "\r\n"
                                     "thing,b.png,1e1,0.5e1,10,\"5\",\"\"");
    EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"big, \"red\" thing", "thing"}));
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(dataset->boxes(0), (std::vector<TruthBox>{{{0, 0.5f, 0.2f, 1, 0.4f}}}));
    EXPECT_EQ(dataset->boxes(1), (std::vector<TruthBox>{{{1, 0.5f, 0.5f, 1, 1}}}));
    // Lines are counted through quoted fields.
    folder.refused("file,class,xmin,ymin,xmax,ymax\n\"x\n\ny\",c,1,1,2\n",
                   "Line 2 of \"" + folder.list() + "\" has 5 fields; the first line names 6 columns.");
    folder.refused("file,class,xmin,ymin,xmax,ymax\nb.png,\"x\n\ny\",1,1,2,2\nb.png,c,1,1,2\n",
                   "Line 5 of \"" + folder.list() + "\" has 5 fields; the first line names 6 columns.");
}

TEST(BoxesCsv, SaysWhatIsWrongWithTheFile) {
    const Folder folder;
    const std::string list = folder.list(), first = head;
    folder.refused("", "The file \"" + list + "\" is empty.");
    folder.refused("file,class,xmin,ymin,xmax\n",
                   "Line 1 of \"" + list +
                       "\" names no column \"ymax\" (needed: file, class, xmin, ymin, xmax, "
                       "ymax; possible: width, height, difficult, split).");
    folder.refused("file,class,xmin,ymin,xmax,ymax,width\n",
                   "Line 1 of \"" + list +
                       "\" names no column \"height\" (needed: file, class, xmin, ymin, "
                       "xmax, ymax; possible: width, height, difficult, split).");
    folder.refused("file,class,xmin,ymin,xmax,ymax,class\n",
                   "Line 1 of \"" + list + "\" names the column \"class\" twice.");
    folder.refused(first + "\n\n\"a.png,40,20\n\n",
                   "The quoted field that begins in line 4 of \"" + list + "\" has no closing quote.");
    folder.refused(first + "\"a.png\"x,40,20,dog,1,1,2,2,train\n",
                   "Line 2 of \"" + list +
                       "\" goes on after the closing quote of a field; a comma or the "
                       "line's end is needed.");
    folder.refused(first, "The file \"" + list + "\" lists no picture of the split \"train\".", small,
                   ErrorCode::not_found);
    folder.refused(first + "a.png,40,20,dog,1,1,2,2,val\n",
                   "The file \"" + list + "\" lists no picture of the split \"train\".", small,
                   ErrorCode::not_found);
    folder.refused(first + "a.png,40,20,dog,1,1,2,2,train\n",
                   "The images in \"" + folder.path() +
                       "\" need a height and a width to be scaled to; 0 x 5 is given.",
                   {0, 5, 3}, ErrorCode::invalid_argument);
}

TEST(BoxesCsv, SaysWhatIsWrongWithARow) {
    const Folder folder;
    const std::string list = folder.list(), first = head;
    const auto row = [&](const std::string& given, const std::string& sentence,
                         DatasetOptions options = small, ErrorCode code = ErrorCode::file_malformed) {
        folder.refused(first + given + "\n", sentence, options, code);
    };
    const std::string line = "Line 2 of \"" + list + "\" ", box = "The box in line 2 of \"" + list + "\" ";
    row("a.png,40,20,dog,1,1,2,2", line + "has 8 fields; the first line names 9 columns.");
    row("a.png,40,20,dog,1,1,2,2,dev", line + "gives the split \"dev\" (train, test or val).");
    row("a.png,40,20,,1,1,2,2,train", line + "gives no class.");
    row("a.png,40,20.5,dog,1,1,2,2,train", line + "gives the height \"20.5\" (1 to 16384).");
    row("a.png,1e99,20,dog,1,1,2,2,train", line + "gives the width \"1e99\" (1 to 16384).");
    row("a.png,40,20,dog,1,nan,2,2,train", line + "gives the ymin \"nan\", which is no finite number.");
    row("a.png,40,20,dog,1,1,inf,2,train", line + "gives the xmax \"inf\", which is no finite number.");
    row("a.png,40,20,dog,1,1,2,,train", line + "gives the ymax \"\", which is no finite number.");
    row("a.png,40,20,dog,2,1,2,2,train", box + "has no area (xmin 2, ymin 1, xmax 2, ymax 2).");
    row("a.png,40,20,dog,1,3,2,2,train", box + "has no area (xmin 1, ymin 3, xmax 2, ymax 2).");
    row("a.png,40,20,dog,40,1,40.5,2,train", box + "has no area inside its picture of 40 x 20 pixels (width "
                                                   "x height; xmin 40, ymin 1, xmax 40.5, ymax "
                                                   "2).");
    for (const char* given : {"-1.5, ymin 1, xmax 2, ymax 2", "1, ymin -2, xmax 2, ymax 2",
                              "1, ymin 1, xmax 41.5, ymax 2", "1, ymin 1, xmax 2, ymax 22"}) {
        std::string numbers = given;
        for (const char* name : {" ymin ", " xmax ", " ymax "}) numbers.replace(numbers.find(name), 6, "");
        row("a.png,40,20,dog," + numbers + ",train",
            box +
                "reaches out of its picture of 40 x 20 pixels (width x height) by more than the one pixel "
                "that is "
                "tolerated and cut off (xmin " +
                given + ").");
    }
    row("a.png,40,20,cow,1,1,2,2,train",
        box + "has the class \"cow\", which is none of the classes \"dog\", \"cat\".",
        {4, 5, 3, false, {"dog", "cat"}});
    row("a.png,40,21,dog,1,1,2,2,train", "The picture \"" + folder.file("images/a.png") +
                                             "\" has 40 x 20 pixels (width x height); line 2 of \"" + list +
                                             "\" says 40 x 21.");
    row("c.png,40,20,dog,1,1,2,2,train",
        "The picture \"c.png\" of line 2 of \"" + list + "\" is missing; it is looked for as \"" +
            folder.file("images/c.png") + "\" and \"" + folder.file("c.png") + "\".",
        small, ErrorCode::not_found);
    for (const char* name : {"../a.png", "/etc/a.png", "x/../../a.png", ""})
        row(std::string(name) + ",40,20,dog,1,1,2,2,train",
            "The picture \"" + std::string(name) + "\" of line 2 of \"" + list +
                "\" is not named by a path inside the data set's folder.");
    folder.refused(first + "a.png,40,20,dog,1,1,2,2,train\na.png,40,20,dog,1,1,2,2,val\n",
                   "Line 3 of \"" + list +
                       "\" says of the picture \"a.png\": 40 x 20 pixels (width x height) in the "
                       "split \"val\"; line 2 says: 40 x 20 pixels (width x height) in the "
                       "split \"train\".");
    folder.refused(first + "a.png,40,20,dog,1,1,2,2,train\na.png,40,10,dog,1,1,2,2,train\n",
                   "Line 3 of \"" + list +
                       "\" says of the picture \"a.png\": 40 x 10 pixels (width x height) in the "
                       "split \"train\"; line 2 says: 40 x 20 pixels (width x height) in the "
                       "split \"train\".");
}

TEST(BoxesCsv, KnowsDifficultOnes) {
    const Folder folder;
    const std::string lines =
        "file,class,xmin,ymin,xmax,ymax,difficult\na.png,x,0,0,40,20,0\na.png,x,0,0,20,20,";
    const std::vector<TruthBox> boxes = folder.open(lines + "1")->boxes(0);
    EXPECT_FALSE(boxes[0].difficult);
    EXPECT_TRUE(boxes[1].difficult && !boxes[1].crowd);
    folder.refused(lines + "x", "Line 3 of \"" + folder.list() + "\" gives difficult as \"x\" (0 or 1).");
}

TEST(BoxesCsv, CutsOffAPixel) {
    const Folder folder;
    const auto dataset = folder.open(std::string(head) + "a.png,40,20,dog,-1,-0.5,41,20.9,train\n");
    EXPECT_EQ(dataset->boxes(0), (std::vector<TruthBox>{{{0, 0, 0, 1, 1}}}));
}

TEST(BoxesCsv, TakesTheOrderOfClassNames) {
    const Folder folder;
    const auto dataset = folder.open(std::string(head) + "a.png,40,20,dog,0,0,40,20,train\n",
                                     {4, 5, 3, false, {"zebra", "dog", "ant"}});
    EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"zebra", "dog", "ant"}));
    EXPECT_EQ(dataset->boxes(0)[0].box.label, 1);
    expect_sentence(ErrorCode::invalid_argument,
                    "The class \"dog\" of the data set \"" + folder.path() + "\" is named twice.", [&] {
                        open_dataset(folder.path(), "train", {4, 5, 3, false, {"dog", "dog"}});
                    });
}

TEST(BoxesCsv, APictureThatCannotBeDecodedIsAnErrorOrSkipped) {
    const Folder folder;
    folder.write("images/cut.png", cut_png(10, 10));
    folder.write("images/text.png", std::string("no picture"));
    const std::string lines = std::string(head) + "a.png,40,20,dog,0,0,40,20,train\n"
                                                  "cut.png,10,10,dog,0,0,10,10,train\n";
    const auto dataset = folder.open(lines);
    EXPECT_EQ(dataset->size(), 2);
    const std::string sentence = "The image \"" + folder.file("images/cut.png") + "\" cannot be decoded: ";
    expect_refusal(ErrorCode::file_malformed, {sentence}, [&] { content(*dataset, 1); });
    content(*dataset, 0);

    const auto skipping = folder.open(lines + "text.png,10,10,dog,0,0,10,10,train\n"
                                              "gone.png,10,10,dog,0,0,10,10,train\n"
                                              "b.png,10,10,dog,0,0,10,10,train\n"
                                              "b.png,10,10,dog,0,0,99,10,train\n"
                                              "b.png,10,10,dog,0,zero,10,10,train\n"
                                              "../x.png,10,10,dog,0,0,10,10,train\n"
                                              "c.png,10,10,dog,0,0,10,10,val\n"
                                              "c.png,10,10,dog,0,0,10,10,train\n",
                                      {4, 5, 3, true});
    ASSERT_EQ(skipping->size(), 2);
    EXPECT_EQ(skipping->name(0), folder.file("images/a.png"));
    EXPECT_EQ(skipping->name(1), folder.file("b.png"));
    EXPECT_EQ(skipping->most_boxes(), 1);
    EXPECT_EQ(content(*skipping, 1).pixels, Bytes(60, 20));
    const SkipReport& report = skipping->skipped();
    EXPECT_EQ(report.pictures, 5); // cut, text, gone, outside, contradictory
    EXPECT_EQ(report.boxes, 2);
    ASSERT_EQ(report.sentences.size(), 5u);
    EXPECT_EQ(report.sentences[0],
              "Line 8 of \"" + folder.list() + "\" gives the ymin \"zero\", which is no finite number.");

    expect_refusal(
        ErrorCode::not_found,
        {"The split \"train\" of the data set \"" + folder.path() +
             "\" has no box to train on (1 pictures; 1 of them and 0 boxes were left out). The first: ",
         sentence},
        [&] {
            folder.open(std::string(head) + "cut.png,10,10,dog,0,0,10,10,train\n", {4, 5, 3, true});
        });
}

TEST(BoxesCsv, APictureWithoutAnyGoodBoxIsSkipped) {
    const Folder folder;
    const auto dataset = folder.open(std::string(head) + "a.png,40,20,dog,0,0,90,20,train\n"
                                                         "b.png,10,10,dog,0,0,10,10,train\n",
                                     {4, 5, 3, true});
    ASSERT_EQ(dataset->size(), 1);
    EXPECT_EQ(dataset->skipped().pictures, 1);
    EXPECT_EQ(dataset->skipped().boxes, 0);
    EXPECT_EQ(dataset->skipped().sentences,
              std::vector<std::string>{"The picture \"" + folder.file("images/a.png") +
                                       "\" has no box that can be right."});
}

TEST(BoxesCsv, KeepsPicturesInMemory) {
    const Folder folder;
    const auto dataset = folder.open(std::string(head) + "a.png,40,20,dog,0,0,40,20,train\n"
                                                         "b.png,10,10,dog,0,0,10,10,train\n");
    const Content first = content(*dataset, 0);
    std::filesystem::remove(folder.file("images/a.png"));
    EXPECT_EQ(content(*dataset, 0), first);
    folder.write("b.png", flat_png(20, 11, 10)); // replaced after the data set was opened
    expect_sentence(
        ErrorCode::file_malformed,
        "The picture \"" + folder.file("b.png") +
            "\" has 10 x 11 pixels (width x height); it had 10 x 10 when the data set was opened.",
        [&] { content(*dataset, 1); });
}

TEST(PictureCache, HoldsNoMoreThanItsMemory) {
    const PictureCache cache(3, 700);
    std::atomic<int> decoded = 0;
    const auto get = [&](size_t place, int side) {
        return cache.get(place, [&] {
            ++decoded;
            return Image{side, side, 1, Bytes(size_t(side * side), uint8_t(place))};
        });
    };
    for (int again = 0; again < 3; ++again) {
        EXPECT_EQ(get(0, 20)->pixels, Bytes(400, 0));
        EXPECT_EQ(get(1, 20)->pixels, Bytes(400, 1)); // has no room
        EXPECT_EQ(get(2, 10)->pixels, Bytes(100, 2));
    }
    EXPECT_EQ(decoded, 5);
    EXPECT_EQ(cache.bytes_left(), 200);

    const PictureCache shared(50, 50 * 25);
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&] {
            for (size_t i = 0; i < 500; ++i) {
                const size_t place = i * 7 % 50;
                const auto image = shared.get(place, [&] {
                    return Image{5, 5, 1, Bytes(25, uint8_t(place))};
                });
                wrong += image->pixels != Bytes(25, uint8_t(place));
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(shared.bytes_left(), 0);
}

TEST(BoxesCsv, TheRealOnes) {
    const std::string folder = test_data() + "/detection";
    LEMNOS_SKIP_WITHOUT(folder);
    const auto expect = [&](const char* name, std::vector<std::string> classes, int64_t train_size,
                            int64_t val_size, int64_t boxes) {
        const auto train = open_dataset(folder + "/" + name, "train", {64, 64, 3}),
                   val = open_dataset(folder + "/" + name, "val", {64, 64, 3});
        EXPECT_EQ(train->class_names(), classes);
        EXPECT_EQ(train->size(), train_size);
        EXPECT_EQ(val->size(), val_size);
        EXPECT_EQ(count_boxes(*train) + count_boxes(*val), boxes);
        EXPECT_EQ(train->skipped().boxes, 0);
    };
    expect("pets_catdog", {"cat", "dog"}, 237, 59, 297);
    expect("bccd", {"Platelets", "RBC", "WBC"}, 291, 73, 4888);
}

} // namespace
} // namespace lemnos
