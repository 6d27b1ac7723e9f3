// Pipelines and their cache, as bytes and as a file: a cache is never worth an error.
#include "device/device_test.h"
#include "support/side_by_side.h"
#include "unit/scratch.h"
#include "vulkan/pipeline.h"

#include <algorithm>
#include <fstream>

namespace lemnos::test {
namespace {

struct PipelineCaching : DeviceTest {
    static void make_one(const std::shared_ptr<Device>& device) {
        device->pipelines().get({"fill", {64}, 1, 0});
        device->pipelines().get({"activation.32", {64, 1}, 2, 0});
    }
    // A device with the cache on disk, whose log is in `lines`.
    std::shared_ptr<Device> cached() {
        return open({.log = Log(Log::pipeline, [this](std::string_view line) { lines.emplace_back(line); })});
    }
    std::vector<std::string> lines; // outlives the devices, which also log while they are closed
    static bool has(const std::vector<std::string>& lines, const std::string& part) {
        for (const std::string& line : lines)
            if (line.find(part) != std::string::npos) return true;
        return false;
    }
};

void expect_works(const std::shared_ptr<Device>& device) {
    const ChainPlan chain(device, counting(300, -150), {"relu"});
    chain.plan->run();
    EXPECT_EQ(download(chain.y)[299], 149.0f);
    EXPECT_EQ(download(chain.y)[0], 0.0f);
}

} // namespace

TEST_F(PipelineCaching, MakesEachPipelineOnce) {
    const auto device = open();
    const Pipeline& a = device->pipelines().get({"fill", {64}, 1, 0});
    EXPECT_EQ(&a, &device->pipelines().get({"fill", {64}, 1, 0}));
    EXPECT_EQ(device->counters().pipelines, 1);
    const Pipeline& b = device->pipelines().get({"fill", {32}, 1, 0});
    EXPECT_NE(a.handle, b.handle);
    EXPECT_EQ(a.layout, b.layout);
    EXPECT_EQ(device->counters().pipelines, 2);
}

// The driver's cache on disk is empty, so that there is something to compile.
TEST_F(PipelineCaching, PreparesManySideBySide) {
    const ScratchFolder folder;
    const ScopedVariable cache("MESA_SHADER_CACHE_DIR", folder.path().c_str());
    const auto device = cached();
    std::vector<PipelineKey> keys{{"no_such", {64}, 1, 0}, {"fill", {64}, 1, 0}, {"fill", {64}, 1, 0}};
    for (uint32_t kind = 1; kind < 9; ++kind) keys.push_back({"activation.32", {64, kind}, 2, 0});
    keys.push_back({"softmax_cross_entropy_gradient", {64, 1, 0, 1}, 5, 0});
    device->pipelines().prepare(std::span(keys).first(5), false);
    EXPECT_EQ(device->counters().submissions, 0) << "they are left for the next call";
    device->pipelines().prepare(keys, true);
    EXPECT_EQ(device->counters().pipelines, 10) << "one each, and none of the shader that is not there";
    expect_refusal(ErrorCode::internal, {"The library holds no shader named no_such."}, [&] { device->pipelines().get(keys[0]); });
    const int64_t submissions = device->counters().submissions;
    device->pipelines().prepare(std::span(keys).subspan(1), true);
    for (const PipelineKey& key : std::span(keys).subspan(1)) EXPECT_NE(device->pipelines().get(key).handle, VK_NULL_HANDLE);
    EXPECT_EQ(device->counters().pipelines, 10) << "they are there";
    EXPECT_EQ(device->counters().submissions, submissions);
    const auto compiled = [&](const std::string& place) {
        return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.starts_with("lemnos,1,pipeline,compile,") && line.ends_with(place);
        });
    };
    if (device->profile().compiles_late) {
        EXPECT_EQ(compiled(",place,here") + compiled(",place,elsewhere"), 10);
        EXPECT_EQ(compiled(",place,elsewhere") > 0, processors() > 1);
    } else {
        EXPECT_EQ(compiled(""), 0) << "this driver compiles where a pipeline is made";
    }
    expect_works(device);
}

TEST_F(PipelineCaching, RefusesUnknownShaders) {
    const auto device = open();
    for (int i = 0; i < 2; ++i)
        expect_refusal(ErrorCode::internal, {"The library holds no shader named no_such."},
                       [&] { device->pipelines().get({"no_such", {64}, 1, 0}); });
    EXPECT_EQ(device->counters().pipelines, 0);
    expect_works(device);
}

TEST_F(PipelineCaching, GoesRoundAsBytes) {
    const auto device = open();
    const auto empty = device->pipelines().bytes();
    make_one(device);
    const auto bytes = device->pipelines().bytes();
    EXPECT_GE(bytes.size(), empty.size());
    EXPECT_TRUE(device->pipelines().load(bytes)) << "into the device that wrote it";
    EXPECT_TRUE(device->pipelines().load(empty));
    const auto other = open();
    EXPECT_TRUE(other->pipelines().load(bytes));
    make_one(other);
    expect_works(other);
    expect_works(device);
}

TEST_F(PipelineCaching, IgnoresDamagedBytes) {
    const auto device = open();
    make_one(device);
    const auto bytes = device->pipelines().bytes();
    ASSERT_GT(bytes.size(), 90u);
    // Every byte of the header, and a sample of the rest.
    for (size_t at = 0; at < bytes.size(); at += at < 100 ? 1 : bytes.size() / 50 + 1)
        for (int bit : {0, 7}) {
            auto damaged = bytes;
            damaged[at] ^= std::byte(1 << bit);
            EXPECT_FALSE(device->pipelines().load(damaged)) << "byte " << at;
        }
    for (size_t length : {size_t(0), size_t(1), size_t(79), size_t(80), size_t(88), bytes.size() / 2, bytes.size() - 1})
        EXPECT_FALSE(device->pipelines().load(std::span(bytes).first(length))) << "cut at " << length;
    auto longer = bytes;
    longer.push_back(std::byte(0));
    EXPECT_FALSE(device->pipelines().load(longer));
    EXPECT_FALSE(device->pipelines().load(std::vector<std::byte>(1000, std::byte(0xff))));
    EXPECT_TRUE(device->pipelines().load(bytes)) << "after all that";
    expect_works(device);
}

// The header begins with the magic number, the version, and the vendor's and device's ids: another device's cache.
TEST_F(PipelineCaching, IgnoresAnotherDevicesBytes) {
    const auto device = open();
    make_one(device);
    auto bytes = device->pipelines().bytes();
    uint32_t vendor = 0;
    std::memcpy(&vendor, bytes.data() + 8, 4);
    EXPECT_EQ(vendor, device->info().vendor_id);
    vendor ^= 1;
    std::memcpy(bytes.data() + 8, &vendor, 4);
    EXPECT_FALSE(device->pipelines().load(bytes));
}

TEST_F(PipelineCaching, IsKeptInTheUsersFolder) {
    const ScratchFolder folder;
    const ScopedVariable cache("XDG_CACHE_HOME", folder.path().c_str());
    auto device = cached();
    EXPECT_TRUE(has(lines, "cache,absent")) << "on the first run";
    make_one(device);
    device->close();
    const std::string path = text(folder.path(), "/lemnos/pipelines-", device->info().uuid, "-", shader_set_hash(), ".bin");
    ASSERT_TRUE(std::filesystem::is_regular_file(path));
    const auto written = std::filesystem::last_write_time(path);

    lines.clear();
    device = cached();
    EXPECT_TRUE(has(lines, "cache,loaded")) << "on the second";
    expect_works(device);

    device = cached(); // nothing new: nothing is written
    device->close();
    EXPECT_EQ(std::filesystem::last_write_time(path), written);

    lines.clear();
    std::ofstream(path, std::ios::binary | std::ios::in).seekp(200).put('!');
    device = cached();
    EXPECT_TRUE(has(lines, "cache,ignored"));
    expect_works(device);
    device->close();

    lines.clear();
    cached();
    EXPECT_TRUE(has(lines, "cache,loaded")) << "the damaged one was replaced";
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/lemnos"))
        EXPECT_EQ(entry.path().string(), path) << "nothing else is left";
}

TEST_F(PipelineCaching, IsNotKeptWhenSwitchedOff) {
    const ScratchFolder folder;
    const ScopedVariable cache("XDG_CACHE_HOME", folder.path().c_str());
    const auto device = open();
    make_one(device);
    device->close();
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/lemnos")); // (Mesa has a folder of its own there)
}

TEST_F(PipelineCaching, InAFolderThatCannotBeWrittenIsNoError) {
    const ScratchFolder folder;
    folder.write("a file", std::string("no folder"));
    const std::string inside_file = folder.file("a file") + "/cache";
    for (const std::string& place : {inside_file, std::string("/proc/no such place")}) {
        const ScopedVariable cache("XDG_CACHE_HOME", place.c_str());
        lines.clear();
        const auto device = cached();
        expect_works(device);
        device->close();
        EXPECT_TRUE(has(lines, "cache,unsaved")) << place;
    }
}

TEST_F(PipelineCaching, WithoutAHomeIsNotKept) {
    const ScopedVariable cache("XDG_CACHE_HOME", nullptr), home("HOME", nullptr);
    const auto device = cached();
    expect_works(device);
    device->close();
    EXPECT_FALSE(has(lines, "pipeline,cache,")) << "neither read from nor written to a file in /";
}

} // namespace lemnos::test
