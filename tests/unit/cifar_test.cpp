// CIFAR-10 and CIFAR-100: the order of pixels, the names of files, and what is wrong with a file.
#include "data/cifar.h"

#include "scratch.h"

namespace lemnos {
namespace {

using namespace test;

constexpr size_t plane = 32 * 32;

// Records whose pixel (plane, position) is known: value = record + 50 * plane + position (modulo 256).
Bytes records(std::initializer_list<Bytes> labels) {
    Bytes file;
    size_t record = 0;
    for (const Bytes& label : labels) {
        file.insert(file.end(), label.begin(), label.end());
        for (size_t i = 0; i < 3 * plane; ++i) file.push_back(uint8_t(record + 50 * (i / plane) + i % plane));
        ++record;
    }
    return file;
}

void expect_record(const Dataset& dataset, int64_t index, size_t record, int32_t expected_label) {
    Bytes pixels(3 * plane);
    int32_t label = -1;
    dataset.read(index, pixels.data(), label);
    EXPECT_EQ(label, expected_label);
    for (size_t i = 0; i < pixels.size(); ++i)
        ASSERT_EQ(pixels[i], uint8_t(record + 50 * (i % 3) + i / 3)) << i;
}

TEST(Cifar, ReadsTheOfficialFilesInOrder) {
    const ScratchFolder scratch;
    scratch.write("data_batch_2.bin", records({{9}}));
    scratch.write("data_batch_1.bin", records({{3}, {0}}));
    scratch.write("test_batch.bin", records({{7}}));
    const auto train = open_dataset(scratch.path(), "train", {32, 32, 3}),
               test = open_dataset(scratch.path(), "test");
    EXPECT_EQ(train->size(), 3);
    EXPECT_EQ(train->shape(), (RecordShape{32, 32, 3}));
    EXPECT_EQ(train->classes(), 10);
    expect_record(*train, 0, 0, 3);
    expect_record(*train, 1, 1, 0);
    expect_record(*train, 2, 0, 9);
    EXPECT_EQ(train->name(2), "train #2");
    EXPECT_EQ(test->size(), 1);
    expect_record(*test, 0, 0, 7);
    EXPECT_EQ(train->class_names()[9], "9");

    scratch.write("batches.meta.txt",
                  std::string("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"));
    EXPECT_EQ(open_dataset(scratch.path(), "test")->class_names()[7], "horse");
    scratch.write("batches.meta.txt", std::string("airplane\n"));
    expect_refusal(ErrorCode::file_malformed, {"batches.meta.txt", "1 classes", "10"},
                 [&] { open_dataset(scratch.path(), "test"); });
}

TEST(Cifar, ReadsTheOtherNamesAndCifar100) {
    const ScratchFolder ten, hundred;
    ten.write("cifar10_train_00.bin", records({{1}}));
    ten.write("cifar10_train_01.bin", records({{2}}));
    ten.write("cifar10_test_00.bin", records({{4}}));
    ten.write("cifar10_test_01.bin", records({{5}}));
    EXPECT_EQ(open_dataset(ten.path(), "train")->size(), 2);
    expect_record(*open_dataset(ten.path(), "test"), 1, 0, 5);
    hundred.write("train.bin", records({{19, 99}, {0, 0}})); // coarse, fine
    hundred.write("test.bin", records({{3, 42}}));
    const auto train = open_dataset(hundred.path(), "train");
    EXPECT_EQ(train->classes(), 100);
    expect_record(*train, 0, 0, 99);
    expect_record(*train, 1, 1, 0);
    expect_record(*open_dataset(hundred.path(), "test"), 0, 0, 42);
}

TEST(Cifar, AFileCutWithinARecordIsMalformed) {
    const ScratchFolder scratch;
    const Bytes file = records({{1}, {2}});
    for (size_t size = 0; size<file.size(); size += size % 3073> 4 && size % 3073 < 3060 ? 61 : 1) {
        const std::string path =
            scratch.write("test_batch.bin", Bytes(file.begin(), file.begin() + std::ptrdiff_t(size)));
        if (size == 3073) { // a shorter file of whole records is a smaller data set
            EXPECT_EQ(open_dataset(scratch.path(), "test")->size(), 1);
            continue;
        }
        expect_refusal(ErrorCode::file_malformed, {path, text(size, " bytes"), "3073"},
                     [&] { open_dataset(scratch.path(), "test"); });
    }
}

TEST(Cifar, SaysWhatIsWrong) {
    const ScratchFolder scratch;
    scratch.write("test_batch.bin", records({{1}, {10}}));
    expect_refusal(ErrorCode::file_malformed, {"test_batch.bin", "label 10 at record 1", "0 to 9"},
                 [&] { open_dataset(scratch.path(), "test"); });
    for (const char* split : {"train", "val"})
        expect_refusal(ErrorCode::not_found, {scratch.path(), split, "data_batch_"},
                     [&] { open_dataset(scratch.path(), split); });
    const ScratchFolder hundred;
    hundred.write("test.bin", records({{200, 100}}));
    expect_refusal(ErrorCode::file_malformed, {"test.bin", "label 100 at record 0", "0 to 99"},
                 [&] { open_dataset(hundred.path(), "test"); });
    // A name of CIFAR-10 with content of CIFAR-100.
    hundred.write("test_batch.bin", records({{1, 2}}));
    expect_refusal(ErrorCode::file_malformed, {"test_batch.bin", "3074 bytes"},
                 [&] { open_dataset(hundred.path(), "test"); });
}

TEST(Cifar, AnUnknownFolderIsSaidToBeOne) {
    const ScratchFolder scratch;
    scratch.write("readme.txt", std::string("nothing"));
    expect_refusal(ErrorCode::not_found,
                 {scratch.path(), "train-images-idx3-ubyte", "data_batch_", "train.bin", "<class>/*.png"},
                 [&] { open_dataset(scratch.path(), "train"); });
    const std::string missing = scratch.file("missing"), file = scratch.file("readme.txt");
    expect_refusal(ErrorCode::not_found, {missing}, [&] { open_dataset(missing, "train"); });
    expect_refusal(ErrorCode::not_found, {file, "a file"}, [&] { open_dataset(file, "train"); });
    expect_refusal(ErrorCode::invalid_argument, {"-1"}, [&] {
        open_dataset(scratch.path(), "train", {-1, 0, 0});
    });
}

TEST(Cifar, MemoryRefusesWhatDoesNotFit) {
    const auto refused = [](std::initializer_list<std::string> parts, auto&& action) {
        expect_refusal(ErrorCode::invalid_argument, parts, action);
    };
    refused({"0 x 1 x 1"}, [] { MemoryDataset("a", {0, 1, 1}, {}, {0}, {"x"}); });
    refused({"no record"}, [] { MemoryDataset("a", {1, 1, 1}, {}, {}, {"x"}); });
    refused({"3 bytes", "need 2"}, [] { MemoryDataset("a", {1, 2, 1}, {1, 2, 3}, {0}, {"x"}); });
    refused({"label 1 of record 1", "1 classes"}, [] {
        MemoryDataset("a", {1, 1, 1}, {1, 2}, {0, 1}, {"x"});
    });
    refused({"label -1 of record 0", "1 classes"}, [] {
        MemoryDataset("a", {1, 1, 1}, {1, 2}, {-1, 0}, {"x"});
    });
}

} // namespace
} // namespace lemnos
