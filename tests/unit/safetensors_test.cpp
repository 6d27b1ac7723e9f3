// Safetensors: what is written is read back, and no damage to a file gets past the reader or brings it down.
#include "io/safetensors.h"

#include "scratch.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace lemnos {
namespace {

using namespace test;

// A file of this header and this many bytes of data.
Bytes file_with(const std::string& header, size_t data_bytes) {
    Bytes file(8 + header.size() + data_bytes, 0x5a);
    const uint64_t length = header.size();
    std::memcpy(file.data(), &length, 8);
    std::copy(header.begin(), header.end(), file.begin() + 8);
    return file;
}

struct Sample {
    std::vector<float> weight = {1, -2, 0.5f, 3e38f, 1e-40f, 0};
    std::vector<uint16_t> half = {0x3c00, 0xc000};
    std::vector<int64_t> steps = {-1};
    std::vector<uint8_t> bytes = {1, 2, 3};
    std::vector<TensorToWrite> tensors = {{"weight", StoredType::f32, {2, 3}, weight.data()},
                                          {"half \"quoted\" µ", StoredType::f16, {2}, half.data()},
                                          {"steps", StoredType::i64, {}, steps.data()},
                                          {"none", StoredType::i32, {4, 0}, nullptr},
                                          {"bytes", StoredType::u8, {3, 1, 1}, bytes.data()}};
    std::map<std::string, std::string> metadata = {
        {"graph", "{\"nodes\": [1, 2]}"}, {"epoch", "3"}, {"empty", ""}};
};

size_t header_end(const Bytes& file) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    return 8 + length;
}

// Everything that a file holds, as one comparable text.
std::string everything(const SafetensorsFile& file) {
    std::string all;
    for (const auto& [key, value] : file.metadata()) all += key + "=" + value + ";";
    for (const TensorEntry& tensor : file.tensors()) {
        all += text(tensor.name, ":", stored_type_name(tensor.type));
        for (const int64_t size : tensor.shape) all += text(",", size);
        const Bytes bytes = file.read_bytes(tensor.name);
        all += "=" + std::string(bytes.begin(), bytes.end()) + ";";
    }
    return all;
}

TEST(Safetensors, ReadsBackWhatItWrote) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a.safetensors");
    const Sample sample;
    for (const Seal seal : {Seal::none, Seal::crc32}) {
        write_safetensors(path, sample.tensors, sample.metadata, seal);
        const SafetensorsFile file = SafetensorsFile::open(path);
        EXPECT_EQ(file.metadata(), sample.metadata);
        ASSERT_EQ(file.tensors().size(), sample.tensors.size());
        for (size_t i = 0; i < sample.tensors.size(); ++i) {
            const TensorEntry& tensor = file.tensors()[i];
            EXPECT_EQ(tensor.name, sample.tensors[i].name);
            EXPECT_EQ(tensor.type, sample.tensors[i].type);
            EXPECT_EQ(tensor.shape, sample.tensors[i].shape);
            EXPECT_TRUE(file.contains(tensor.name));
            EXPECT_EQ(tensor.bytes, tensor.elements * stored_type_bytes(tensor.type));
        }
        EXPECT_EQ(file.tensors()[0].offset % 8, 0);
        EXPECT_EQ(file.read_f32("weight"), sample.weight);
        EXPECT_EQ(file.read_f32("half \"quoted\" µ"), std::vector<float>({1, -2}));
        EXPECT_EQ(file.read_bytes("bytes"), sample.bytes);
        EXPECT_TRUE(file.read_bytes("none").empty());
        int64_t step = 0;
        file.read_bytes(file.find("steps"), &step);
        EXPECT_EQ(step, -1);
    }
}

TEST(Safetensors, WritesTheFormatByteForByte) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a");
    const float value = 1;
    write_safetensors(path, {{"a", StoredType::f32, {1}, &value}}, {{"k", "v"}});
    const std::string header =
        R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    ASSERT_EQ(header.size() % 8, 7u);
    Bytes expected = file_with(header + " ", 4);
    std::memcpy(expected.data() + expected.size() - 4, &value, 4);
    EXPECT_EQ(bytes_of(path), expected);
    write_safetensors(path, {}, {});
    EXPECT_EQ(bytes_of(path), file_with("{}      ", 0));
    EXPECT_TRUE(SafetensorsFile::open(path).tensors().empty());
}

TEST(Safetensors, MovesWithItsIndex) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a");
    const Sample sample;
    write_safetensors(path, sample.tensors);
    SafetensorsFile first = SafetensorsFile::open(path);
    SafetensorsFile second = std::move(first);
    EXPECT_EQ(second.read_f32("weight"), sample.weight);
    write_safetensors(path, {});
    first = SafetensorsFile::open(path);
    second = std::move(first);
    EXPECT_FALSE(second.contains("weight"));
}

TEST(Safetensors, AFileCutAtAnyByteIsMalformed) {
    const ScratchFolder scratch;
    const Sample sample;
    for (const Seal seal : {Seal::none, Seal::crc32}) {
        write_safetensors(scratch.file("whole"), sample.tensors, sample.metadata, seal);
        Bytes file = bytes_of(scratch.file("whole"));
        for (size_t size = 0; size < file.size(); ++size) {
            const std::string path =
                scratch.write("cut", Bytes(file.begin(), file.begin() + std::ptrdiff_t(size)));
            expect_refusal(ErrorCode::file_malformed, {path}, [&] { SafetensorsFile::open(path); });
        }
        file.push_back(0);
        const std::string path = scratch.write("longer", file);
        expect_refusal(ErrorCode::file_malformed, {path}, [&] { SafetensorsFile::open(path); });
    }
}

// Each byte of the header takes every value. A plain file is refused unless it is well-formed with another
// name or text in it; in a sealed one nothing but the name of the seal itself may change unnoticed, which
// changes no content.
TEST(Safetensors, AChangedHeaderByteIsMalformedOrAnotherWellFormedFile) {
    const ScratchFolder scratch;
    const float values[] = {1, 2};
    const uint8_t byte = 7;
    for (const Seal seal : {Seal::none, Seal::crc32}) {
        write_safetensors(scratch.file("whole"),
                          {{"w", StoredType::f32, {2}, values}, {"b", StoredType::u8, {1}, &byte}},
                          {{"k", "v"}}, seal);
        const std::string content = everything(SafetensorsFile::open(scratch.file("whole")));
        const Bytes whole = bytes_of(scratch.file("whole"));
        const size_t key = std::string(whole.begin(), whole.end()).find("lemnos.seal");
        const std::string path = scratch.write("changed", whole);
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        const auto put = [&](size_t at, int byte) {
            file.seekp(std::streamoff(at)).put(char(byte));
            file.flush();
        };
        for (size_t at = 0; at < header_end(whole); put(at, whole[at]), ++at) {
            for (int change = 1; change < 256; ++change) {
                put(at, whole[at] ^ change);
                try {
                    const SafetensorsFile opened = SafetensorsFile::open(path);
                    const std::string read = everything(opened);
                    if (seal == Seal::crc32) {
                        EXPECT_TRUE(at >= key && at < key + 11) << "byte " << at << " changed by " << change;
                        EXPECT_EQ(read.substr(read.size() - content.size() + 4), content.substr(4));
                    } else {
                        EXPECT_NE(read, content) << "byte " << at << " changed by " << change;
                    }
                } catch (const Error& error) {
                    ASSERT_EQ(int(error.code()), int(ErrorCode::file_malformed)) << error.what();
                    ASSERT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
                }
            }
        }
    }
}

TEST(Safetensors, ASealedFileNoticesDamagedData) {
    const ScratchFolder scratch;
    const Sample sample;
    write_safetensors(scratch.file("whole"), sample.tensors, sample.metadata, Seal::crc32);
    const Bytes whole = bytes_of(scratch.file("whole"));
    for (size_t at = header_end(whole); at < whole.size(); ++at) {
        Bytes file = whole;
        file[at] ^= 0x10;
        const std::string path = scratch.write("damaged", file);
        const SafetensorsFile opened = SafetensorsFile::open(path);
        expect_refusal(ErrorCode::file_malformed, {path, "damaged", "CRC"}, [&] { everything(opened); });
    }
}

TEST(Safetensors, SaysWhatIsWrongWithAHeader) {
    const ScratchFolder scratch;
    const std::string good = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
    struct Case {
        std::string header;
        std::string part;
    };
    const std::string metadata = R"("__metadata__":)";
    const Case cases[] = {
        {"", "header length is 0"},
        {"[]", "\"{\""},
        {"null", "\"{\""},
        {" {" + good + "}", "\"{\""},
        {"{" + good + "}\t", "\"{\""},
        {"\xef\xbb\xbf{" + good + "}", "\"{\""},
        {"{" + good + "}" + std::string(1, '\0') + "}", "\"{\""},
        {"{" + good + "}}", "not JSON at byte"},
        {"{" + good + ",}", "not JSON at byte"},
        {"{" + good + "/**/}", "not JSON at byte"},
        {"{" + good + ",\"\xff\":{}}", "not JSON at byte"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})",
         "two tensors named \"a\""},
        {"{" + metadata + "{}," + metadata + "{}," + good + "}", "\"__metadata__\" twice"},
        {"{" + metadata + R"({"k":"1","k":"2"},)" + good + "}", "\"k\" twice"},
        {"{" + metadata + R"({"k":1},)" + good + "}", "a number in the wrong place"},
        {"{" + metadata + R"({"k":null},)" + good + "}", "null in the wrong place"},
        {"{" + metadata + R"({"k":{}},)" + good + "}", "an object in the wrong place"},
        {"{" + metadata + R"({"k":[]},)" + good + "}", "an array in the wrong place"},
        {"{" + metadata + R"("text",)" + good + "}", "a string in the wrong place"},
        {"{" + metadata + R"([],)" + good + "}", "an array in the wrong place"},
        {R"({"a":1})", "a number in the wrong place"},
        {R"({"a":[]})", "an array in the wrong place"},
        {R"({"a":{}})", "\"a\" lacks its dtype"},
        {R"({"a":{"dtype":"U8","data_offsets":[0,4]}})", "lacks its shape"},
        {R"({"a":{"dtype":"U8","shape":[4]}})", "lacks its data_offsets"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4]}})", "1 data_offsets"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}})", "more than 2 data_offsets"},
        {R"({"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
         "\"dtype\" twice in the tensor \"a\""},
        {R"({"a":{"dtype":"U8","shape":[4],"shape":[],"data_offsets":[0,4]}})", "\"shape\" twice"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"more":1}})", "the unknown field \"more\""},
        {R"({"a":{"dtype":"F64","shape":[4],"data_offsets":[0,4]}})", "the type \"F64\" (known are F32"},
        {R"({"a":{"dtype":"u8","shape":[4],"data_offsets":[0,4]}})", "the type \"u8\""},
        {R"({"a":{"dtype":8,"shape":[4],"data_offsets":[0,4]}})", "a number in the wrong place"},
        {R"({"a":{"dtype":["U8"],"shape":[4],"data_offsets":[0,4]}})", "an array in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":4,"data_offsets":[0,4]}})", "a number in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":"4","data_offsets":[0,4]}})", "a string in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", "an array in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":["4"],"data_offsets":[0,4]}})", "a string in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":[{}],"data_offsets":[0,4]}})", "an object in the wrong place"},
        {R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", "a negative number"},
        {R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", "not whole"},
        {R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,4]}})", "not JSON at byte"},
        {R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,4]}})", "too big"},
        {R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]}})", "9223372036854775808"},
        {R"({"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,4]}})",
         "does not fill its 4 bytes"},
        {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})",
         "does not fill its 4 bytes"},
        {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
         "does not fill its 4 bytes"},
        {R"({"a":{"dtype":"U8","shape":[0,9223372036854775807],"data_offsets":[0,4]}})",
         "does not fill its 4 bytes"},
        {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,4]}})",
         "[3] and type U8 does not fill its 4 bytes"},
        {R"({"a":{"dtype":"I32","shape":[],"data_offsets":[0,3]}})", "does not fill its 3 bytes"},
        {R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,4]}})",
         "more than 8 dimensions"},
        {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})", "bytes 0 to 5 of the data, which has 4"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "bytes 4 to 0"},
        {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})", "starts at byte 1"},
        {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "need 3 bytes of data and it has 4"},
        {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
         "\"b\" starts at byte 2 of the data and the one before it ends at 1"},
        {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
         "\"b\" starts at byte 2 of the data and the one before it ends at 3"},
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
         "starts at byte 0"},
        {"{" + metadata + R"({"lemnos.seal":"0000"},)" + good + "}",
         "its seal has 4 digits, but 16 are needed"},
        {"{" + metadata + R"({"lemnos.seal":"00000000zzzzzzzz"},)" + good + "}",
         "hexadecimal digits at digit 8"},
        {"{" + metadata + R"({"lemnos.seal":"0000000000000000"},)" + good + "}", "its header is damaged"},
        {"{" + metadata + R"({"lemnos\u002eseal":"0000000000000000"},)" + good + "}",
         "its seal has 16 digits"},
    };
    for (const Case& c : cases) {
        const std::string path = scratch.write("bad", file_with(c.header, 4));
        SCOPED_TRACE(c.header);
        expect_refusal(ErrorCode::file_malformed, {path, c.part}, [&] { SafetensorsFile::open(path); });
    }
    SafetensorsFile::open(scratch.write("good", file_with("{" + good + "}  ", 4)));
}

TEST(Safetensors, RefusesAbsurdHeadersWithoutTakingMemoryForThem) {
    const ScratchFolder scratch;
    for (const uint64_t length :
         {uint64_t(3), uint64_t(1) << 20, uint64_t(100'000'001), uint64_t(1) << 63, ~uint64_t(0)}) {
        Bytes file(10, '{');
        std::memcpy(file.data(), &length, 8);
        const std::string path = scratch.write("long", file);
        expect_refusal(ErrorCode::file_malformed, {path, text(length), "2 to 2"},
                     [&] { SafetensorsFile::open(path); });
    }
    // A million brackets must not overflow the stack.
    for (const char* opening : {"[", "{\"a\":", "{\"shape\":[", "{\"__metadata__\":"}) {
        std::string deep;
        for (int i = 0; i < 1'000'000; ++i) deep += opening;
        const std::string path = scratch.write("deep", file_with("{\"a\":" + deep + "}", 0));
        expect_refusal(ErrorCode::file_malformed, {path}, [&] { SafetensorsFile::open(path); });
    }
    const std::string path =
        scratch.write("name", file_with("{\"" + std::string(1'000'000, '\x7f') + "\":1}", 0));
    try {
        SafetensorsFile::open(path);
    } catch (const Error& error) {
        EXPECT_LT(std::string(error.what()).size(), 500u);
        EXPECT_EQ(std::string(error.what()).find('\x7f'), std::string::npos);
    }
}

TEST(Safetensors, RefusesMoreTensorsThanTheLimit) {
    const ScratchFolder scratch;
    std::string header = "{";
    for (int64_t i = 0; i <= safetensors_most_tensors; ++i)
        header +=
            (i ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
    const std::string path = scratch.write("many", file_with(header + "}", 0));
    expect_refusal(ErrorCode::file_malformed, {path, "1048576"}, [&] { SafetensorsFile::open(path); });
}

TEST(Safetensors, TakesTensorsInAnyOrderOfTheHeader) {
    const ScratchFolder scratch;
    const std::string path = scratch.write(
        "a",
        file_with(
            R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]},"z":{"dtype":"F32","shape":[0],"data_offsets":[1,1]},)"
            R"("a":{"shape":[1],"data_offsets":[0,1],"dtype":"U8"}})",
            4));
    const SafetensorsFile file = SafetensorsFile::open(path);
    ASSERT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.tensors()[0].name, "a");
    EXPECT_EQ(file.tensors()[1].name, "z");
    EXPECT_EQ(file.tensors()[2].name, "b");
    EXPECT_EQ(file.read_bytes("b"), Bytes(3, 0x5a));
}

TEST(Safetensors, WidensEveryHalfExactly) {
    const ScratchFolder scratch;
    std::vector<uint16_t> all(65536);
    for (size_t i = 0; i < all.size(); ++i) all[i] = uint16_t(i);
    write_safetensors(scratch.file("a"), {{"f16", StoredType::f16, {65536}, all.data()},
                                          {"bf16", StoredType::bf16, {256, 256}, all.data()}});
    const SafetensorsFile file = SafetensorsFile::open(scratch.file("a"));
    const std::vector<float> f16 = file.read_f32("f16"), bf16 = file.read_f32("bf16");
    for (uint32_t i = 0; i < 65536; ++i) {
        // IEEE 754 binary16, from its definition, in double.
        const double sign = i & 0x8000 ? -1 : 1, fraction = i & 0x3ff;
        const int exponent = int(i >> 10 & 31);
        if (exponent == 31 && fraction != 0) {
            EXPECT_TRUE(std::isnan(f16[i]));
        } else {
            const double value = exponent == 31  ? sign * std::numeric_limits<double>::infinity()
                                 : exponent == 0 ? sign * std::ldexp(fraction, -24)
                                                 : sign * std::ldexp(1024 + fraction, exponent - 25);
            EXPECT_EQ(double(f16[i]), value) << i;
            EXPECT_EQ(std::signbit(f16[i]), sign < 0) << i;
        }
        EXPECT_EQ(std::bit_cast<uint32_t>(bf16[i]), i << 16);
    }
}

TEST(Safetensors, SaysWhatCannotBeRead) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a");
    const Sample sample;
    write_safetensors(path, sample.tensors);
    const SafetensorsFile file = SafetensorsFile::open(path);
    EXPECT_FALSE(file.contains("weights"));
    expect_refusal(ErrorCode::not_found, {path, "\"weights\"", "5 tensors"}, [&] { file.read_f32("weights"); });
    expect_refusal(ErrorCode::file_malformed, {path, "\"steps\"", "I64", "F32"},
                 [&] { file.read_f32("steps"); });
    const std::string missing = scratch.file("missing");
    expect_refusal(ErrorCode::not_found, {missing}, [&] { SafetensorsFile::open(missing); });
    // Cut after it was opened.
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    expect_refusal(ErrorCode::file_malformed, {path, "cut"}, [&] { file.read_bytes("bytes"); });
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotRead) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", std::string("old"));
    const float value = 1;
    const auto write = [&](const TensorToWrite& tensor, std::map<std::string, std::string> metadata = {}) {
        write_safetensors(path, {{"first", StoredType::f32, {1}, &value}, tensor}, metadata);
    };
    const auto refused = [&](std::initializer_list<std::string> parts, auto&& action) {
        expect_refusal(ErrorCode::invalid_argument, parts, action);
    };
    constexpr auto f32 = StoredType::f32;
    refused({"\"first\"", "given twice"}, [&] { write({"first", f32, {1}, &value}); });
    refused({"\"__metadata__\"", "reserved"}, [&] { write({"__metadata__", f32, {1}, &value}); });
    refused({"9 dimensions", "at most 8"}, [&] { write({"a", f32, std::vector<int64_t>(9, 1), &value}); });
    refused({"-1", "[2, -1]"}, [&] { write({"a", f32, {2, -1}, &value}); });
    refused({"64 bits"}, [&] { write({"a", f32, {int64_t(1) << 40, int64_t(1) << 40}, &value}); });
    refused({"no data"}, [&] { write({"a", f32, {1}, nullptr}); });
    refused({"stored types"}, [&] { write({"a", StoredType(17), {1}, &value}); });
    refused({"UTF-8"}, [&] { write({"\xff", f32, {1}, &value}); });
    refused({"UTF-8"}, [&] { write({"a", f32, {1}, &value}, {{"k", "\xc3"}}); });
    refused({"lemnos.seal", "reserved"}, [&] { write({"a", f32, {1}, &value}, {{"lemnos.seal", ""}}); });
    refused({"at most 100000000"}, [&] {
        write({"a", f32, {1}, &value}, {{"k", std::string(100'000'000, 'x')}});
    });
    EXPECT_EQ(content_of(path), "old");
    EXPECT_EQ(scratch.count(), 1u);
}

TEST(Safetensors, ReadsTheModelsOfOthers) {
    LEMNOS_SKIP_WITHOUT(test_data() + "/models/mobilenet_v2_1.0_imagenet.safetensors");
    // 3,504,872 parameters and the running moments of 17,056 channels of batch normalisation.
    const SafetensorsFile mobilenet =
        SafetensorsFile::open(test_data() + "/models/mobilenet_v2_1.0_imagenet.safetensors");
    int64_t parameters = 0;
    for (const TensorEntry& tensor : mobilenet.tensors()) {
        if (tensor.name.find("running") == std::string::npos &&
            tensor.name.find("tracked") == std::string::npos)
            parameters += tensor.elements;
        if (tensor.type == StoredType::i64) continue;
        for (const float value : mobilenet.read_f32(tensor.name))
            ASSERT_TRUE(std::isfinite(value)) << tensor.name;
    }
    EXPECT_EQ(parameters, 3'504'872);
    EXPECT_EQ(mobilenet.find("features.0.0.weight").shape, (std::vector<int64_t>{32, 3, 3, 3}));
    const SafetensorsFile resnet =
        SafetensorsFile::open(test_data() + "/models/resnet20_cifar10.safetensors");
    EXPECT_EQ(resnet.tensors()[0].type, StoredType::f32);
    EXPECT_GT(SafetensorsFile::open(test_data() + "/models/ssd_mobilenet_v2_300_oidv4.safetensors")
                  .tensors()
                  .size(),
              100u);
}

} // namespace
} // namespace lemnos
