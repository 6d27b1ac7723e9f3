// What the device tests share: devices that are opened for one test and whose validation messages count against it,
// float tensors in and out, an environment that is put back, and a second process of the same test.
#pragma once

#include "refusal.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "vulkan/buffer.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace lemnos::test {

// A variable of the environment while it lives; null: absent.
class ScopedVariable {
  public:
    ScopedVariable(std::string name, const char* value) : name_(std::move(name)) {
        if (const char* old = std::getenv(name_.c_str())) {
            old_ = old;
            was_set_ = true;
        }
        set(value);
    }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable() { set(was_set_ ? old_.c_str() : nullptr); }

  private:
    void set(const char* value) {
        if (value)
            setenv(name_.c_str(), value, 1);
        else
            unsetenv(name_.c_str());
    }
    std::string name_, old_;
    bool was_set_ = false;
};

struct DeviceTest : testing::Test {
    // A machine without a device fails, unless LEMNOS_ALLOW_NO_DEVICE=1 asks to skip.
    void SetUp() override {
        if (in_child()) return;
        try {
            if (!Device::list(Log()).empty()) return;
            FAIL() << "There is no Vulkan device.";
        } catch (const Error& error) {
            const char* allowed = std::getenv("LEMNOS_ALLOW_NO_DEVICE");
            if (error.code() == ErrorCode::no_device && allowed && std::string(allowed) == "1")
                GTEST_SKIP() << error.what();
            FAIL() << error.what();
        }
    }

    // Every device that the test opened is closed; none may have provoked a validation message, closing included.
    void TearDown() override {
        for (const auto& device : opened_) {
            device->close();
            EXPECT_EQ(device->validation_messages(), expected_messages)
                << "LEMNOS_VERBOSE=validation prints what the layer said.";
        }
        opened_.clear();
    }

    // No cache on disk unless the test is about it.
    std::shared_ptr<Device> open(DeviceOptions options = {.cache_on_disk = false}) {
        opened_.push_back(Device::open(options));
        return opened_.back();
    }

    // ---- a second process that runs the current test alone, in another environment -----------------------------

    static bool in_child() { return std::getenv("LEMNOS_TEST_CHILD") != nullptr; }

    struct Finished {
        int status = -1; // the exit code; -1: killed
        std::string output;
    };
    static Finished run_again(const std::map<std::string, std::string>& environment) {
        const testing::TestInfo& self = *testing::UnitTest::GetInstance()->current_test_info();
        std::string command = "env -u GTEST_OUTPUT LEMNOS_TEST_CHILD=1";
        for (const auto& [name, value] : environment) command += text(" '", name, "=", value, "'");
        command += text(" '", std::filesystem::read_symlink("/proc/self/exe").string(), "' '--gtest_filter=",
                        self.test_suite_name(), ".", self.name(), "' 2>&1");
        Finished finished;
        std::FILE* pipe = popen(command.c_str(), "r");
        if (!pipe) return finished;
        char part[4096];
        while (const size_t got = std::fread(part, 1, sizeof part, pipe)) finished.output.append(part, got);
        const int status = pclose(pipe);
        if (WIFEXITED(status)) finished.status = WEXITSTATUS(status);
        return finished;
    }

    int64_t expected_messages = 0;

  private:
    std::vector<std::shared_ptr<Device>> opened_;
};

// ---- tensors of floats -----------------------------------------------------------------------------------------

inline std::vector<float> counting(size_t count, float first = 0, float step = 1) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = first + float(i) * step;
    return values;
}

inline BufferView make_view(const std::shared_ptr<Device>& device, size_t floats) {
    return {Buffer::create(device, BufferKind::device, int64_t(floats * 4), "test"), 0, int64_t(floats * 4)};
}

inline BufferView upload(const std::shared_ptr<Device>& device, const std::vector<float>& values) {
    const BufferView view = make_view(device, values.size());
    view.write(values.data());
    return view;
}

inline std::vector<float> download(const BufferView& view) {
    std::vector<float> values(size_t(view.bytes / 4));
    view.read(values.data());
    return values;
}

// y = operators[n](… operators[0](x)), all of them of one input and no attribute, in two bound buffers.
struct ChainPlan {
    ChainPlan(const std::shared_ptr<Device>& device, const std::vector<float>& values,
              const std::vector<std::string>& operators, const PlanOptions& options = {})
        : x(upload(device, values)), y(make_view(device, values.size())) {
        const Value input = graph.input("x", {DataType::f32, {int64_t(values.size())}});
        Value value = input;
        for (const std::string& op : operators) value = graph.add(op, {value});
        plan = Plan::compile(device, graph, {{input, x}, {value, y}}, options);
    }
    Graph graph;
    BufferView x, y;
    std::shared_ptr<Plan> plan;
};

// One fill in a command buffer of its own: the smallest piece of work.
struct FillWork {
    explicit FillWork(const std::shared_ptr<Device>& device, int64_t bytes = 256)
        : buffer(Buffer::create(device, BufferKind::device, bytes, "filled")), pool(*device),
          commands(pool.allocate()) {
        CommandRecorder recorder(*device, commands, true);
        recorder.fill(*buffer, 0, bytes, 0x01010101);
        recorder.finish();
    }
    int64_t submit() const { return buffer->device()->submit({&commands, 1}, "a fill of a test"); }
    std::shared_ptr<Buffer> buffer;
    CommandPool pool; // to be destroyed before the device is closed
    VkCommandBuffer commands;
};

} // namespace lemnos::test
