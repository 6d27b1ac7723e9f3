// What the tests of the C API share: handles that release themselves, expectations of results with their
// sentences, and a device, without which a test is skipped.
#pragma once

#include <lemnos/lemnos.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

using Json = nlohmann::json;

template <typename Object, void (*release_function)(Object*)>
class Owned {
  public:
    Owned() = default;
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Owned& operator=(Owned&& other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Owned() { release_function(object_); }
    operator Object*() const { return object_; }
    Object** out() {
        release();
        return &object_;
    }
    void release() { release_function(std::exchange(object_, nullptr)); }

  private:
    Object* object_ = nullptr;
};

using Device = Owned<lem_device, lem_device_release>;
using Tensor = Owned<lem_tensor, lem_tensor_release>;
using Graph = Owned<lem_graph, lem_graph_release>;
using Plan = Owned<lem_plan, lem_plan_release>;
using Model = Owned<lem_model, lem_model_release>;
using Dataset = Owned<lem_dataset, lem_dataset_release>;
using Optimizer = Owned<lem_optimizer, lem_optimizer_release>;
using Schedule = Owned<lem_schedule, lem_schedule_release>;
using Trainer = Owned<lem_trainer, lem_trainer_release>;
using Predictor = Owned<lem_predictor, lem_predictor_release>;
using Text = Owned<lem_text, lem_text_release>;

inline bool is_sentence(const std::string& text) { return text.ends_with(".") || text.ends_with("?"); }

#define EXPECT_OK(call) EXPECT_EQ(int(call), int(LEM_OK)) << lem_last_error()
#define ASSERT_OK(call) ASSERT_EQ(int(call), int(LEM_OK)) << lem_last_error()

// The whole sentence, word for word.
#define EXPECT_FAILURE(call, code, sentence)                                                                 \
    do {                                                                                                     \
        EXPECT_STREQ(lem_result_name(call), #code);                                                          \
        EXPECT_STREQ(lem_last_error(), sentence);                                                            \
    } while (false)

// A sentence whose words depend on the machine: it must hold this part, and be whole.
#define EXPECT_FAILURE_WITH(call, code, part)                                                                \
    do {                                                                                                     \
        EXPECT_STREQ(lem_result_name(call), #code);                                                          \
        EXPECT_NE(std::string(lem_last_error()).find(part), std::string::npos) << lem_last_error();          \
        EXPECT_TRUE(is_sentence(lem_last_error())) << lem_last_error();                                      \
    } while (false)

template <typename Function>
Json json(Function&& function) {
    Text text;
    EXPECT_OK(function(text.out()));
    EXPECT_EQ(int64_t(std::string(lem_text_data(text)).size()), lem_text_bytes(text));
    return Json::parse(lem_text_data(text), nullptr, false);
}

class WithDevice : public testing::Test {
  protected:
    void SetUp() override {
        const lem_result result = lem_device_open(nullptr, device.out());
        if (result == LEM_ERROR_NO_DEVICE) GTEST_SKIP() << lem_last_error();
        ASSERT_OK(result);
    }
    int64_t counter(const char* name) {
        return json([&](lem_text** out) { return lem_device_counters_json(device, out); })[name]
            .get<int64_t>();
    }
    // Zeros of the shape.
    Tensor tensor(const std::vector<int64_t>& shape, lem_dtype dtype = LEM_DTYPE_F32) {
        Tensor made;
        EXPECT_OK(lem_tensor_create(device, dtype, shape.data(), int32_t(shape.size()), made.out()));
        return made;
    }
    static void write(lem_tensor* to, const std::vector<float>& values) {
        EXPECT_OK(lem_tensor_write(to, values.data(), int64_t(values.size()) * 4));
    }
    static std::vector<float> read(lem_tensor* from) {
        int64_t bytes = 0;
        EXPECT_OK(lem_tensor_bytes(from, &bytes));
        std::vector<float> values(size_t(bytes) / 4);
        EXPECT_OK(lem_tensor_read(from, values.data(), bytes));
        return values;
    }

    Device device;
};

// A graph under construction.
struct GraphMaker {
    Graph graph;
    GraphMaker() { EXPECT_OK(lem_graph_create(graph.out())); }
    int32_t input(const char* name, const std::vector<int64_t>& shape, lem_dtype dtype = LEM_DTYPE_F32) {
        int32_t value = -1;
        EXPECT_OK(lem_graph_input(graph, name, dtype, shape.data(), int32_t(shape.size()), &value));
        return value;
    }
    int32_t op(const char* name, const std::vector<int32_t>& inputs, const char* attributes = nullptr) {
        int32_t value = -1;
        EXPECT_OK(lem_graph_op(graph, name, inputs.data(), int32_t(inputs.size()), attributes, &value));
        return value;
    }
    std::vector<int64_t> shape(int32_t value) {
        int64_t extents[8];
        int32_t rank = 0;
        EXPECT_OK(lem_graph_shape(graph, value, extents, 8, &rank));
        return {extents, extents + rank};
    }
};

// A folder that goes away.
class Scratch {
  public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "lemnos-api-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("no scratch folder can be made: " + name);
        path_ = name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, const std::string& content) const {
        std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
        std::ofstream(file(name), std::ios::binary) << content;
        return file(name);
    }
    size_t entries() const { return size_t(std::distance(std::filesystem::directory_iterator(path_), {})); }

  private:
    std::string path_;
};

inline std::string content_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// Grey images of 8 x 8 in four classes: one bright quarter each, with noise, so that a few steps learn them.
inline Dataset quarters(int count = 64) {
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    uint32_t state = 12345;
    for (int i = 0; i < count; ++i) {
        labels.push_back(i % 4);
        for (int y = 0; y < 8; ++y)
            for (int x = 0; x < 8; ++x) {
                state = state * 1664525 + 1013904223;
                const bool bright = (y / 4) * 2 + x / 4 == i % 4;
                pixels.push_back(uint8_t((bright ? 180 : 20) + (state >> 24) % 40));
            }
    }
    Dataset dataset;
    EXPECT_OK(lem_dataset_create(pixels.data(), int64_t(pixels.size()), labels.data(), count, 8, 8, 1, 4,
                                 dataset.out()));
    return dataset;
}

// The smallest network that its images fit.
inline constexpr char small_options[] =
    R"({"preset": "small28", "width": 0.1, "resolution": 8, "channels": 1, "classes": 4, "head": 16, "dropout": 0})";
