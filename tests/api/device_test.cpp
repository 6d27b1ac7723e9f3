// Devices and what lives on them: release in any order, close before release, threads, limits.
#include "api.h"

#include <atomic>
#include <thread>

class ApiDevice : public WithDevice {};

TEST_F(ApiDevice, IsDescribed) {
    const Json list = json(lem_devices_json);
    ASSERT_TRUE(list.is_array() && !list.empty());
    const Json info = json([&](lem_text** out) { return lem_device_info_json(device, out); });
    for (const char* member : {"index", "name", "type", "driver", "uuid", "api_version", "memory_bytes"}) {
        EXPECT_TRUE(list[0].contains(member)) << member;
        EXPECT_TRUE(info.contains(member)) << member;
    }
    EXPECT_EQ(info["uuid"].get<std::string>().size(), 32u);
    EXPECT_GE(info["subgroup_size"].get<int>(), 1);
    EXPECT_GE(info["limits"]["invocations"].get<int>(), 128);
    EXPECT_TRUE(info["kernels"].contains(info["kernel_family"].get<std::string>()));
    EXPECT_TRUE(info["rejected_kernels"].empty());
}

TEST_F(ApiDevice, IsChosenByIndexUuidOrName) {
    const Json info = json([&](lem_text** out) { return lem_device_info_json(device, out); });
    const std::string name = info["name"];
    for (const std::string& wanted : {std::to_string(info["index"].get<int>()),
                                      info["uuid"].get<std::string>(), name, name.substr(1, 5)}) {
        lem_device_desc desc = LEM_DEVICE_DESC_INIT;
        desc.wanted = wanted.c_str();
        Device other;
        EXPECT_OK(lem_device_open(&desc, other.out())) << wanted;
    }
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    desc.wanted = "no such device";
    Device other;
    EXPECT_FAILURE_WITH(
        lem_device_open(&desc, other.out()), LEM_ERROR_NO_DEVICE,
        "No Vulkan device matches \"no such device\" (index, UUID or part of a name); the devices are 0: ");
}

TEST_F(ApiDevice, CountsWhatIsAlive) {
    const int64_t before = counter("buffers"), bytes = counter("memory_bytes");
    {
        const Tensor held = tensor({1000});
        EXPECT_EQ(counter("buffers"), before + 1);
        EXPECT_EQ(counter("memory_bytes"), bytes + 4096);
    }
    ASSERT_OK(lem_device_wait(device, 0, -1));
    EXPECT_EQ(counter("buffers"), before);
    EXPECT_EQ(counter("memory_bytes"), bytes);
}

TEST_F(ApiDevice, WaitsForTicketsThatExist) {
    EXPECT_FAILURE(lem_device_wait(device, -1, 0), LEM_ERROR_INVALID_ARGUMENT,
                   "The ticket -1 was never given out.");
    EXPECT_FAILURE_WITH(lem_device_wait(device, INT64_MAX, 0), LEM_ERROR_INVALID_ARGUMENT,
                        "The ticket 9223372036854775807 was never given out (the last one is ");
    EXPECT_OK(lem_device_wait(device, 0, 0));
}

TEST_F(ApiDevice, ObjectsOutliveTheHandleTheyCameFrom) {
    Tensor kept = tensor({4});
    device.release();
    write(kept, {1, 2, 3, 4});
    EXPECT_EQ(read(kept), (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(ApiDevice, RetainAddsAReference) {
    lem_device* raw = device;
    lem_device_retain(raw);
    device.release();
    Text text;
    EXPECT_OK(lem_device_info_json(raw, text.out()));
    lem_device_release(raw);
}

TEST_F(ApiDevice, CloseLeavesHusks) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {4}), y = maker.op("relu", {x});
    Tensor in = tensor({4}), out = tensor({4});
    const int32_t values[] = {x, y};
    lem_tensor* tensors[] = {in, out};
    Plan plan;
    ASSERT_OK(lem_plan_create(device, maker.graph, values, tensors, 2, plan.out()));
    Model model;
    ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, 1, model.out()));
    const Dataset dataset = quarters(8);
    Optimizer optimizer;
    Schedule schedule;
    Trainer trainer;
    Predictor predictor;
    ASSERT_OK(lem_optimizer_create("adam", nullptr, optimizer.out()));
    ASSERT_OK(lem_schedule_create("constant", nullptr, schedule.out()));
    ASSERT_OK(lem_trainer_create(model, dataset, optimizer, schedule, R"({"batch": 4})", trainer.out()));
    ASSERT_OK(lem_predictor_create(model, 1, nullptr, predictor.out()));
    ASSERT_OK(lem_trainer_step(trainer));
    int64_t ticket = 0;
    ASSERT_OK(lem_plan_run_async(plan, &ticket)); // in flight when the device closes

    ASSERT_OK(lem_device_close(device));
    ASSERT_OK(lem_device_close(device)); // idempotent
    float numbers[64] = {};
    EXPECT_FAILURE_WITH(lem_tensor_read(in, numbers, 16), LEM_ERROR_DEVICE_CLOSED, " has been closed.");
    EXPECT_EQ(lem_tensor_write(in, numbers, 16), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_plan_run(plan), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_plan_run_async(plan, &ticket), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(ticket, 0);
    EXPECT_EQ(lem_device_wait(device, 0, 0), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_trainer_step(trainer), LEM_ERROR_DEVICE_CLOSED);
    lem_progress progress = LEM_PROGRESS_INIT;
    EXPECT_EQ(lem_trainer_progress(trainer, 1, &progress), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_trainer_save(trainer, "/tmp/never"), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_predictor_run(predictor, numbers, 64, 1, numbers, 4), LEM_ERROR_DEVICE_CLOSED);
    EXPECT_EQ(lem_model_save(model, "/tmp/never"), LEM_ERROR_DEVICE_CLOSED);
    Tensor another;
    const int64_t extent = 1;
    EXPECT_EQ(lem_tensor_create(device, LEM_DTYPE_F32, &extent, 1, another.out()), LEM_ERROR_DEVICE_CLOSED);
    // What needs no device still answers.
    int64_t bytes = 0;
    EXPECT_OK(lem_tensor_bytes(in, &bytes));
    EXPECT_EQ(bytes, 16);
    device.release(); // before everything on it, which the destructors release next
}

// Calls that overlap without end must not keep close waiting.
TEST_F(ApiDevice, CloseWhileOthersKeepCalling) {
    Tensor in = tensor({1 << 16});
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            std::vector<float> values(1 << 16);
            for (lem_result result = LEM_OK; result == LEM_OK; ++begun)
                result = lem_tensor_read(in, values.data(), int64_t(values.size()) * 4);
            EXPECT_STREQ(lem_result_name(lem_tensor_read(in, values.data(), 4)), "LEM_ERROR_DEVICE_CLOSED");
        });
    while (begun < 100) std::this_thread::yield();
    EXPECT_OK(lem_device_close(device));
    for (std::thread& thread : threads) thread.join();
}

TEST_F(ApiDevice, ReleaseInEveryOrder) {
    std::vector<int> order{0, 1, 2, 3};
    do {
        Device own;
        ASSERT_OK(lem_device_open(nullptr, own.out()));
        GraphMaker maker;
        const int32_t x = maker.input("x", {4}), y = maker.op("relu", {x});
        const int64_t extent = 4;
        Tensor in, out;
        ASSERT_OK(lem_tensor_create(own, LEM_DTYPE_F32, &extent, 1, in.out()));
        ASSERT_OK(lem_tensor_create(own, LEM_DTYPE_F32, &extent, 1, out.out()));
        const int32_t values[] = {x, y};
        lem_tensor* tensors[] = {in, out};
        Plan plan;
        ASSERT_OK(lem_plan_create(own, maker.graph, values, tensors, 2, plan.out()));
        int64_t ticket = 0;
        ASSERT_OK(lem_plan_run_async(plan, &ticket)); // released while in flight
        for (const int each : order) {
            if (each == 0) own.release();
            if (each == 1) in.release();
            if (each == 2) plan.release();
            if (each == 3) out.release();
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(ApiDevice, APlanKeepsItsTensors) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {4}), y = maker.op("relu", {x});
    Tensor in = tensor({4}), out = tensor({4});
    write(in, {-1, 2, -3, 4});
    const int32_t values[] = {x, y};
    lem_tensor* tensors[] = {in, out};
    Plan plan;
    ASSERT_OK(lem_plan_create(device, maker.graph, values, tensors, 2, plan.out()));
    in.release();
    maker.graph.release();
    ASSERT_OK(lem_plan_run(plan));
    EXPECT_EQ(read(out), (std::vector<float>{0, 2, 0, 4}));
}

TEST_F(ApiDevice, ThreadsMakeUseAndRelease) {
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 25; ++i) {
                const Tensor own = tensor({64});
                const std::vector<float> values(64, float(100 * t + i));
                write(own, values);
                wrong += read(own) != values;
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

// Tensors released on other threads while the device closes: neither crash nor deadlock.
TEST_F(ApiDevice, ReleaseWhileClosing) {
    for (int round = 0; round < 5; ++round) {
        Device own;
        ASSERT_OK(lem_device_open(nullptr, own.out()));
        std::vector<std::vector<Tensor>> piles(3);
        const int64_t extent = 16;
        for (auto& pile : piles)
            for (int i = 0; i < 40; ++i) {
                pile.emplace_back();
                ASSERT_OK(lem_tensor_create(own, LEM_DTYPE_F32, &extent, 1, pile.back().out()));
            }
        std::vector<std::thread> threads;
        for (auto& pile : piles)
            threads.emplace_back([&pile] {
                for (Tensor& each : pile) each.release();
            });
        EXPECT_OK(lem_device_close(own));
        for (std::thread& thread : threads) thread.join();
    }
}

TEST_F(ApiDevice, OnePlanOnSeveralThreads) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {1024}), y = maker.op("relu", {x});
    Tensor in = tensor({1024}), out = tensor({1024});
    write(in, std::vector<float>(1024, 3));
    const int32_t values[] = {x, y};
    lem_tensor* tensors[] = {in, out};
    Plan plan;
    ASSERT_OK(lem_plan_create(device, maker.graph, values, tensors, 2, plan.out()));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            int64_t last = 0;
            for (int i = 0; i < 50; ++i) {
                int64_t ticket = 0;
                EXPECT_OK(lem_plan_run_async(plan, &ticket));
                EXPECT_GT(ticket, last); // tickets rise
                last = ticket;
            }
            EXPECT_OK(lem_device_wait(device, last, -1));
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(read(out), std::vector<float>(1024, 3));
}

TEST_F(ApiDevice, MemoryLimit) {
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    desc.memory_limit = 64 << 20;
    Device limited;
    ASSERT_OK(lem_device_open(&desc, limited.out()));
    Tensor fits, too_big;
    const int64_t million = 1'000'000, many = 100'000'000;
    EXPECT_OK(lem_tensor_create(limited, LEM_DTYPE_F32, &million, 1, fits.out()));
    EXPECT_FAILURE_WITH(lem_tensor_create(limited, LEM_DTYPE_F32, &many, 1, too_big.out()),
                        LEM_ERROR_OUT_OF_DEVICE_MEMORY, " bytes, over the limit of 67108864 bytes.");
    EXPECT_EQ(static_cast<lem_tensor*>(too_big), nullptr);
    EXPECT_OK(
        lem_tensor_create(limited, LEM_DTYPE_F32, &million, 1, too_big.out())); // the failure cost nothing
}

// ---- where there is none ----------------------------------------------------------------------------------

static std::string probe(const std::string& environment) {
    const std::string command =
        "env -u VK_ADD_DRIVER_FILES " + environment + " '" LEMNOS_TEST_PROBE "' 2>/dev/null";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return "";
    for (int c; (c = std::fgetc(pipe)) != EOF;) output += char(c);
    EXPECT_EQ(pclose(pipe), 0) << output;
    return output;
}

static constexpr char what_to_install[] = "Install a Vulkan driver: on Debian and Ubuntu the packages "
                                          "libvulkan1 and mesa-vulkan-drivers (which also hold the "
                                          "software driver lavapipe), or the driver of the GPU's maker.\n";

TEST(ApiNoDevice, NoDriver) {
    const std::string output = probe("VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent");
    const std::string line =
        std::string("LEM_ERROR_NO_DEVICE: The Vulkan loader found no driver. ") + what_to_install;
    EXPECT_EQ(output, line + line);
}

TEST(ApiNoDevice, NoLoader) {
    const Scratch scratch; // libraries that are none hide the real ones
    scratch.write("libvulkan.so.1", "");
    scratch.write("libvulkan.so", "");
    const std::string output = probe("LD_LIBRARY_PATH='" + scratch.path() + "'");
    const std::string line =
        std::string("LEM_ERROR_NO_DEVICE: No Vulkan loader was found (libvulkan.so.1). ") + what_to_install;
    EXPECT_EQ(output, line + line);
}
