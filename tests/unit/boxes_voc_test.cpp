// Pascal VOC: coordinates, lists, difficult objects, and a sentence for everything that is wrong.
#include "data/boxes.h"

#include "boxed.h"

namespace lemnos {
namespace {

using namespace test;

const DatasetOptions small = {4, 5, 3}, skipping = {4, 5, 3, true};

std::string object(const std::string& name, const std::string& xmin, const std::string& ymin,
                   const std::string& xmax, const std::string& ymax, const std::string& more = "") {
    return "<object><name>" + name + "</name>" + more + "\n<bndbox><xmin>" + xmin + "</xmin><ymin>" + ymin +
           "</ymin><xmax>" + xmax + "</xmax><ymax>" + ymax + "</ymax></bndbox></object>\n";
}

std::string annotation(const std::string& file, const std::string& objects,
                       const std::string& size = "<size><width>40</width><height>20</height></size>") {
    return "<annotation>\n<filename>" + file + "</filename>" + size + "\n" + objects + "</annotation>\n";
}

// Two pictures of 40 x 20 (width x height), one in train and one in val.
struct Folder : ScratchFolder {
    Folder() {
        write("JPEGImages/a.jpg", flat_png(10, 20, 40)); // its content decides how it is read
        write("JPEGImages/b.png", flat_png(20, 20, 40));
        write("Annotations/a.xml", annotation("a.jpg", object("dog", "1", "1", "40", "20")));
        write("Annotations/b.xml", annotation("b.png", object("cat", "1", "1", "40", "20")));
        write("ImageSets/Main/train.txt", std::string("a\n"));
        write("ImageSets/Main/val.txt", std::string("b\r\n"));
    }
    std::string xml(const std::string& name) const { return file("Annotations/" + name + ".xml"); }
    std::unique_ptr<Dataset> open(const std::string& split = "train",
                                  const DatasetOptions& options = small) const {
        return open_dataset(path(), split, options);
    }
    void refused(const std::string& content, const std::string& sentence,
                 ErrorCode code = ErrorCode::file_malformed, const DatasetOptions& options = small) const {
        SCOPED_TRACE(content);
        write("Annotations/a.xml", content);
        expect_sentence(code, sentence, [&] { open("train", options); });
    }
};

TEST(BoxesVoc, CountsPixelsFromOne) {
    const Folder folder;
    folder.write(
        "Annotations/a.xml",
        annotation("a.jpg", object("dog", "11", "6", "20", "20") +
                                object("ape", "1", "1", "1", "1", "<difficult>1</difficult>") +
                                object("dog", " 1.5\n", "0", "41", "21", "<difficult>0</difficult>")));
    const auto train = folder.open();
    EXPECT_EQ(train->class_names(), (std::vector<std::string>{"ape", "cat", "dog"})); // of all splits
    ASSERT_EQ(train->size(), 1);
    EXPECT_EQ(train->most_boxes(), 3);
    EXPECT_EQ(train->picture_size(0), (PictureSize{20, 40}));
    EXPECT_EQ(train->name(0), folder.file("JPEGImages/a.jpg"));
    const Box dog = {2, 0.25f, 0.25f, 1, 0.5f}, ape = {0, 0, 0, 0.05f, 0.025f}, other = {2, 0, 0.0125f, 1, 1};
    EXPECT_EQ(train->boxes(0), (std::vector<TruthBox>{{dog}, {ape, true}, {other}}));
    EXPECT_EQ(content(*train, 0).boxes, (std::vector<Box>{dog, ape, other})); // difficult ones are trained on
    const auto val = folder.open("val");
    EXPECT_EQ(val->class_names(), train->class_names());
    EXPECT_EQ(val->boxes(0), (std::vector<TruthBox>{{{1, 0, 0, 1, 1}}}));
}

TEST(BoxesVoc, ReadsListsInTheirOrder) {
    const Folder folder;
    folder.write("JPEGImages/c d.jpeg", flat_png(30, 20, 40));
    folder.write("Annotations/c d.xml",
                 annotation("lost.bmp", "", "")); // a picture of nothing, found by its name
    folder.write("ImageSets/Main/train.txt", std::string("c d\n\nb \na\nb\n"));
    const auto train = folder.open();
    ASSERT_EQ(train->size(), 3);
    EXPECT_EQ(train->name(0), folder.file("JPEGImages/c d.jpeg"));
    EXPECT_EQ(train->name(1), folder.file("JPEGImages/b.png"));
    EXPECT_EQ(train->boxes(0).size(), 0u);
    EXPECT_EQ(content(*train, 0).boxes, std::vector<Box>(1));
    EXPECT_EQ(content(*train, 0).pixels, Bytes(60, 30));
}

TEST(BoxesVoc, TakesTrainvalForTrainAndAllWithoutLists) {
    const Folder folder;
    folder.write("ImageSets/Main/trainval.txt", std::string("b\na\n"));
    EXPECT_EQ(folder.open()->size(), 1);
    std::filesystem::remove(folder.file("ImageSets/Main/train.txt"));
    EXPECT_EQ(folder.open()->name(0), folder.file("JPEGImages/b.png"));
    const auto no_split = [&](const std::string& split) {
        expect_sentence(ErrorCode::not_found,
                        "The data set \"" + folder.path() + "\" has no split \"" + split +
                            "\": there is no file \"" + folder.file("ImageSets/Main/" + split + ".txt") +
                            "\".",
                        [&] { folder.open(split); });
    };
    no_split("test");
    std::filesystem::remove_all(folder.file("ImageSets"));
    EXPECT_EQ(folder.open()->size(), 2);
    no_split("val");
}

TEST(BoxesVoc, SaysWhatIsWrongWithAnAnnotation) {
    const Folder folder;
    const std::string path = folder.xml("a"), file = "The file \"" + path + "\" ",
                      good = object("dog", "1", "1", "2", "2");
    folder.refused("", file + "is no XML: no element found in line 1.");
    folder.refused("<annotation>\n<object></annotation>", file + "is no XML: mismatched tag in line 2.");
    folder.refused("<a/>", file + "holds no element \"annotation\".");
    std::string deep;
    for (int i = 0; i < 17; ++i) deep += "<a>";
    folder.refused(deep, "Line 1 of \"" + path + "\" is nested deeper than 16 elements.");
    folder.refused("<annotation>\n<filename>" + std::string(5000, 'x') + "</filename></annotation>",
                   "Line 2 of \"" + path + "\" holds a text of more than 4096 bytes.");
    const auto sized = [&](const std::string& size) {
        return annotation("a.jpg", good, "<size>" + size + "</size>");
    };
    folder.refused(sized("<width>wide</width>"),
                   "Line 2 of \"" + path + "\" gives the width \"wide\" (1 to 16384; 0: not known).");
    folder.refused(sized("<height>-3</height>"),
                   "Line 2 of \"" + path + "\" gives the height \"-3\" (1 to 16384; 0: not known).");
    folder.refused(sized("<width>40</width>"), file + "gives the size 40 x 0 (width x height).");
    folder.refused(sized("<width>20</width><height>40</height>"),
                   "The picture \"" + folder.file("JPEGImages/a.jpg") +
                       "\" has 40 x 20 pixels (width x height); \"" + path + "\" says 20 x 40.");
    folder.refused(annotation("../a.jpg", good),
                   "The picture \"../a.jpg\" of \"" + path +
                       "\" is not named by a path inside the data set's folder.");
    folder.refused(annotation("a.jpg", ""),
                   "The split \"train\" of the data set \"" + folder.path() +
                       "\" has no box to train on (1 pictures; 0 of them and 0 boxes were left out).",
                   ErrorCode::not_found);
    // Entities that multiply end in expat's own protection.
    std::string bomb = "<!DOCTYPE a [<!ENTITY e0 \"xxxxxxxxxxxxxxxxxxxx\">";
    for (int i = 1; i < 10; ++i) {
        bomb += "<!ENTITY e" + std::to_string(i) + " \"";
        for (int j = 0; j < 20; ++j) bomb += "&e" + std::to_string(i - 1) + ";";
        bomb += "\">";
    }
    folder.write("Annotations/a.xml", bomb + "]><annotation><note>&e9;</note></annotation>");
    expect_refusal(ErrorCode::file_malformed, {path}, [&] { folder.open(); });
}

TEST(BoxesVoc, SaysWhatIsWrongWithABox) {
    const Folder folder;
    const std::string box = "The box in line 3 of \"" + folder.xml("a") + "\" ";
    const auto refused = [&](const std::string& given, const std::string& sentence,
                             const DatasetOptions& options = small) {
        folder.refused(annotation("a.jpg", given), box + sentence, ErrorCode::file_malformed, options);
    };
    refused(object("", "1", "1", "2", "2"), "has no name.");
    refused("<object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object>", "has no ymin.");
    refused(object("dog", "1", "one", "2", "2"), "has the ymin \"one\", which is no finite number.");
    refused(object("dog", "1", "1", "nan", "2"), "has the xmax \"nan\", which is no finite number.");
    refused(object("dog", "1", "1", "2", "2", "<difficult>very</difficult>"),
            "has the difficult \"very\", which is no finite number.");
    refused(object("dog", "5", "1", "4", "2"), "has no area (xmin 5, ymin 1, xmax 4, ymax 2).");
    refused(
        object("dog", "5", "1", "42", "2"),
        "reaches out of its picture of 40 x 20 pixels (width x height) by more than the one pixel that is "
        "tolerated and cut off (xmin 5, ymin 1, xmax 42, ymax 2).");
    refused(object("cow", "1", "1", "2", "2"),
            "has the class \"cow\", which is none of the classes \"dog\", \"cat\".",
            {4, 5, 3, false, {"dog", "cat"}});
}

TEST(BoxesVoc, SaysWhatIsMissing) {
    const Folder folder;
    std::filesystem::remove(folder.file("JPEGImages/a.jpg"));
    expect_sentence(ErrorCode::not_found,
                    "The picture \"a.jpg\" of \"" + folder.xml("a") +
                        "\" is missing; it is looked for as \"" + folder.file("JPEGImages/a.jpg") +
                        "\" and \"" + folder.file("JPEGImages/a.jpeg") + "\" and \"" +
                        folder.file("JPEGImages/a.png") + "\".",
                    [&] { folder.open(); });
    const std::string list = folder.write("ImageSets/Main/train.txt", std::string("c\n"));
    expect_sentence(ErrorCode::not_found,
                    "The picture \"c\" of \"" + list + "\" has no annotation; it is looked for as \"" +
                        folder.xml("c") + "\".",
                    [&] { folder.open(); });
    folder.write("ImageSets/Main/train.txt", std::string("../c\n"));
    expect_sentence(ErrorCode::file_malformed,
                    "The picture \"../c\" of \"" + list +
                        "\" is not named by a path inside the data set's folder.",
                    [&] { folder.open(); });
    // What another split's annotations say decides about labels, so it must be read.
    folder.write("ImageSets/Main/train.txt", std::string("b\n"));
    folder.write("Annotations/c.xml", std::string("<"));
    expect_refusal(ErrorCode::file_malformed, {folder.xml("c"), "is no XML"}, [&] { folder.open(); });
    EXPECT_EQ(folder.open("train", {4, 5, 3, false, {"cat"}})->size(),
              1); // named classes need no other split
}

TEST(BoxesVoc, SkipsWhatIsBad) {
    const Folder folder;
    folder.write("Annotations/a.xml", annotation("a.jpg", object("dog", "1", "1", "99", "20") +
                                                              object("dog", "x", "1", "9", "20")));
    folder.write("Annotations/c.xml", std::string("<annotation>"));
    folder.write("Annotations/d.xml", annotation("d.jpg", object("dog", "1", "1", "9", "9")));
    folder.write("JPEGImages/d.jpg", cut_png(20, 40));
    folder.write("ImageSets/Main/train.txt", std::string("gone\na\nb\nc\nd\n"));
    const auto dataset = folder.open("train", skipping);
    ASSERT_EQ(dataset->size(), 2);
    EXPECT_EQ(dataset->boxes(0).size(), 0u); // both were bad, but the format has pictures of nothing
    EXPECT_EQ(dataset->boxes(1).size(), 1u);
    const SkipReport& report = dataset->skipped();
    EXPECT_EQ(report.pictures, 3);
    EXPECT_EQ(report.boxes, 2);
    ASSERT_EQ(report.sentences.size(), 5u);
    EXPECT_EQ(report.sentences[0].substr(0, 18), "The picture \"gone\"");
    EXPECT_EQ(report.sentences[1],
              "The file \"" + folder.xml("c") + "\" is no XML: no element found in line 1.");
}

} // namespace
} // namespace lemnos
