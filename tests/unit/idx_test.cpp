// IDX: small files that are right, cut, damaged and mislabelled; the real ones where they are installed.
#include "data/idx.h"

#include "scratch.h"

#include <cmath>

#include <zlib.h>

namespace lemnos {
namespace {

using namespace test;

const std::string fashion_mnist = "/usr/share/datasets/fashion-mnist"; // Debian: dataset-fashion-mnist

Bytes packed(const Bytes& bytes) {
    Bytes out(bytes.size() + 100);
    z_stream stream = {};
    deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = const_cast<Bytef*>(bytes.data());
    stream.avail_in = uInt(bytes.size());
    stream.next_out = out.data();
    stream.avail_out = uInt(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

// Three images of 2 x 4.
const Bytes pixels = {0,  1,  2,  3,  4,   5,   6,   7,   10,  11,  12,  13,
                      14, 15, 16, 17, 255, 254, 253, 252, 251, 250, 249, 248};
const Bytes images = joined({big_endian({0x803, 3, 2, 4}), pixels});
const Bytes labels = joined({big_endian({0x801, 3}), {2, 0, 1}});

TEST(Idx, ReadsPlainAndPackedFiles) {
    const ScratchFolder scratch;
    const std::string plain_images = scratch.write("i", images), plain_labels = scratch.write("l", labels);
    const Bytes middle(images.begin(), images.begin() + 20), end(images.begin() + 20, images.end());
    const std::string packed_images = scratch.write("i.gz", packed(images)),
                      packed_labels = scratch.write("l.gz", packed(labels)),
                      members = scratch.write("m.gz", joined({packed(middle), packed(end)}));
    for (const auto& [i, l] : {std::pair(plain_images, plain_labels), std::pair(packed_images, packed_labels),
                               std::pair(members, plain_labels)}) {
        const auto dataset = open_idx(i, l, "test");
        EXPECT_EQ(dataset->size(), 3);
        EXPECT_EQ(dataset->shape(), (RecordShape{2, 4, 1}));
        EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"0", "1", "2"}));
        EXPECT_EQ(dataset->name(2), "test #2");
        Bytes record(8);
        int32_t label = -1;
        dataset->read(2, record.data(), label);
        EXPECT_EQ(record, Bytes(pixels.begin() + 16, pixels.end()));
        EXPECT_EQ(label, 1);
        for (const int64_t index : {-1, 3})
            expect_refusal(ErrorCode::invalid_argument, {text(index), "3 records"},
                         [&] { dataset->read(index, record.data(), label); });
    }
}

TEST(Idx, AFileCutAtAnyByteIsMalformed) {
    const ScratchFolder scratch;
    const std::string whole_images = scratch.write("i", images), whole_labels = scratch.write("l", labels);
    for (const Bytes& file : {images, packed(images)}) {
        for (size_t size = 0; size < file.size(); ++size) {
            const std::string cut =
                scratch.write("cut", Bytes(file.begin(), file.begin() + std::ptrdiff_t(size)));
            expect_refusal(ErrorCode::file_malformed, {cut}, [&] { open_idx(cut, whole_labels, "train"); });
        }
        const std::string longer = scratch.write("longer", joined({file, {0}}));
        expect_refusal(ErrorCode::file_malformed, {longer}, [&] { open_idx(longer, whole_labels, "train"); });
    }
    for (const Bytes& file : {labels, packed(labels)}) {
        for (size_t size = 0; size < file.size(); ++size) {
            const std::string cut =
                scratch.write("cut", Bytes(file.begin(), file.begin() + std::ptrdiff_t(size)));
            expect_refusal(ErrorCode::file_malformed, {cut}, [&] { open_idx(whole_images, cut, "train"); });
        }
        const std::string longer = scratch.write("longer", joined({file, {0}}));
        expect_refusal(ErrorCode::file_malformed, {longer}, [&] { open_idx(whole_images, longer, "train"); });
    }
}

TEST(Idx, AnyChangedByteOfAHeaderIsMalformed) {
    const ScratchFolder scratch;
    const std::string whole_images = scratch.write("i", images), whole_labels = scratch.write("l", labels);
    for (size_t at = 0; at < 16; ++at)
        for (int change = 1; change < 256; ++change) {
            Bytes file = images;
            file[at] = uint8_t(file[at] ^ change);
            const std::string path = scratch.write("changed", file);
            expect_refusal(ErrorCode::file_malformed, {path}, [&] { open_idx(path, whole_labels, "train"); });
            if (at >= 8) continue;
            file = labels;
            file[at] = uint8_t(file[at] ^ change);
            scratch.write("changed", file);
            expect_refusal(ErrorCode::file_malformed, {path}, [&] { open_idx(whole_images, path, "train"); });
        }
}

// A changed byte of a packed file is noticed, unless it says nothing of the data (a date in gzip's header,
// say).
TEST(Idx, AChangedByteOfAPackedFileNeverChangesThePixels) {
    const ScratchFolder scratch;
    const std::string whole_labels = scratch.write("l", labels);
    const Bytes whole = packed(images);
    for (size_t at = 0; at < whole.size(); ++at)
        for (int change = 1; change < 256; ++change) {
            Bytes file = whole;
            file[at] = uint8_t(file[at] ^ change);
            const std::string path = scratch.write("changed", file);
            try {
                const auto dataset = open_idx(path, whole_labels, "train");
                Bytes record(8);
                int32_t label = 0;
                dataset->read(1, record.data(), label);
                EXPECT_EQ(record, Bytes(pixels.begin() + 8, pixels.begin() + 16));
            } catch (const Error& error) {
                ASSERT_EQ(int(error.code()), int(ErrorCode::file_malformed)) << error.what();
            }
        }
}

TEST(Idx, SaysWhatIsMislabelled) {
    const ScratchFolder scratch;
    const std::string i = scratch.write("i", images), l = scratch.write("l", labels);
    const auto malformed = [&](const Bytes& image_file, const Bytes& label_file,
                               std::initializer_list<std::string> parts,
                               std::vector<std::string> names = {}) {
        const std::string image_path = scratch.write("bad-i", image_file),
                          label_path = scratch.write("bad-l", label_file);
        expect_refusal(ErrorCode::file_malformed, parts,
                     [&] { open_idx(image_path, label_path, "train", names); });
    };
    malformed(labels, labels, {"bad-i", "2049", "2051", "it holds labels"});
    malformed(images, images, {"bad-l", "2051", "2049", "it holds images"});
    malformed(images, joined({big_endian({0x801, 2}), {2, 0}}), {"3 images", "2 labels", "bad-i", "bad-l"});
    malformed(images, big_endian({0x801, 0}), {"bad-l", "0 records"});
    malformed(images, labels, {"bad-l", "label 2 at record 0", "2 classes"}, {"cat", "dog"});
    malformed(joined({big_endian({0x803, 3, 0, 4}), pixels}), labels, {"bad-i", "0 x 4", "1 to 16384"});
    malformed(joined({big_endian({0x803, 3, 2, 0xffffffff}), pixels}), labels, {"bad-i", "4294967295"});
    // Absurd counts are refused before memory is taken for them, packed or not.
    const Bytes absurd_labels = joined({big_endian({0x801, 0xffffffff}), {1}});
    malformed(images, absurd_labels, {"bad-l", "4294967295", "holds at most 1."});
    malformed(images, packed(absurd_labels), {"bad-l", "4294967295", "at most"});
    malformed(joined({big_endian({0x803, 3, 16384, 16384}), pixels}), labels,
              {"bad-i", "805306368", "holds at most 24."});
    const std::string plain = scratch.write("i.gz", std::string("no gzip file"));
    expect_refusal(ErrorCode::file_malformed, {plain, "not packed by gzip"}, [&] { open_idx(plain, l, "train"); });
    const std::string missing = scratch.file("missing");
    expect_refusal(ErrorCode::not_found, {missing}, [&] { open_idx(missing, l, "train"); });
    expect_refusal(ErrorCode::not_found, {missing}, [&] { open_idx(i, missing, "train"); });
}

TEST(Idx, OpensAFolder) {
    const ScratchFolder scratch;
    scratch.write("train-images-idx3-ubyte", images);
    scratch.write("train-labels-idx1-ubyte.gz", packed(labels));
    scratch.write("t10k-images.idx3-ubyte.gz", packed(images));
    // The test split lacks the largest label; the classes are the same all the same.
    scratch.write("t10k-labels.idx1-ubyte", joined({big_endian({0x801, 3}), {0, 0, 1}}));
    for (const char* split : {"train", "test"}) {
        const auto dataset = open_dataset(scratch.path(), split);
        EXPECT_EQ(dataset->classes(), 3);
        EXPECT_EQ(dataset->size(), 3);
    }
    expect_refusal(ErrorCode::not_found, {scratch.path(), "\"val\""},
                 [&] { open_dataset(scratch.path(), "val"); });
    expect_refusal(ErrorCode::invalid_argument, {"\"dev\"", "train, test and val"},
                 [&] { open_dataset(scratch.path(), "dev"); });
    expect_refusal(ErrorCode::invalid_argument, {scratch.path(), "2 x 4 x 1", "0 x 5 x 0"}, [&] {
        open_dataset(scratch.path(), "train", {0, 5, 0});
    });
    EXPECT_EQ(open_dataset(scratch.path(), "train", {2, 4, 1})->size(), 3);

    scratch.write("classes.txt", std::string("shirt\r\n\ncoat \nbag"));
    EXPECT_EQ(open_dataset(scratch.path(), "test")->class_names(),
              (std::vector<std::string>{"shirt", "coat", "bag"}));

    std::filesystem::remove(scratch.file("t10k-labels.idx1-ubyte"));
    expect_refusal(ErrorCode::not_found, {scratch.path(), "\"test\"", "t10k-"},
                 [&] { open_dataset(scratch.path(), "test"); });
}

TEST(Idx, StatisticsAreExact) {
    const ScratchFolder scratch;
    const auto dataset = open_idx(scratch.write("i", images), scratch.write("l", labels), "train");
    double sum = 0, squares = 0;
    for (const uint8_t value : pixels) sum += value;
    for (const uint8_t value : pixels) squares += (value - sum / 24) * (value - sum / 24);
    const PixelStatistics all = pixel_statistics(*dataset);
    ASSERT_EQ(all.mean.size(), 1u);
    EXPECT_NEAR(all.mean[0], sum / 24 / 255, 1e-15);
    EXPECT_NEAR(all.deviation[0], std::sqrt(squares / 24) / 255, 1e-15);
    EXPECT_NEAR(pixel_statistics(*dataset, 1).mean[0], 3.5 / 255, 1e-15);               // record 0
    EXPECT_NEAR(pixel_statistics(*dataset, 2).mean[0], (28 + 108) / 16.0 / 255, 1e-15); // records 0 and 1
    EXPECT_EQ(pixel_statistics(*dataset, 99).mean, all.mean);
    const MemoryDataset flat("train", {1, 1, 2}, {7, 9, 7, 9, 7, 9}, {0, 0, 0}, {"only"});
    EXPECT_EQ(pixel_statistics(flat).deviation, (std::vector<double>{0, 0}));
}

TEST(Idx, ReadsFashionMnist) {
    LEMNOS_SKIP_WITHOUT(fashion_mnist);
    const auto train = open_dataset(fashion_mnist, "train"), test = open_dataset(fashion_mnist, "test");
    EXPECT_EQ(train->size(), 60'000);
    EXPECT_EQ(test->size(), 10'000);
    EXPECT_EQ(train->shape(), (RecordShape{28, 28, 1}));
    EXPECT_EQ(test->classes(), 10);
    const PixelStatistics statistics = pixel_statistics(*train); // as published: 0.2860, 0.3530
    EXPECT_NEAR(statistics.mean[0], 0.2860, 5e-5);
    EXPECT_NEAR(statistics.deviation[0], 0.3530, 5e-5);
    std::vector<uint8_t> record(784);
    int32_t label = -1;
    train->read(0, record.data(), label);
    EXPECT_EQ(label, 9); // an ankle boot
}

TEST(Idx, ReadsMnist) {
    LEMNOS_SKIP_WITHOUT(test_data() + "/mnist");
    const auto train = open_dataset(test_data() + "/mnist", "train");
    const PixelStatistics statistics = pixel_statistics(*train); // as published: 0.1307, 0.3081
    EXPECT_NEAR(statistics.mean[0], 0.1307, 5e-5);
    EXPECT_NEAR(statistics.deviation[0], 0.3081, 5e-5);
    EXPECT_EQ(open_dataset(test_data() + "/mnist", "test")->size(), 10'000);
}

} // namespace
} // namespace lemnos
