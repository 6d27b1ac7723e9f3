// Structures of callers that are older or newer than the library.
#include "api.h"

#include <cstring>

struct NewerDesc {
    lem_device_desc known = LEM_DEVICE_DESC_INIT;
    int64_t unknown[2] = {0, 0};
    NewerDesc() { known.struct_size = sizeof(NewerDesc); }
};

TEST(ApiStruct, TooSmallIsRefused) {
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    lem_device* device = nullptr;
    for (const int32_t size : {0, -1, 4, 31, INT32_MIN}) {
        desc.struct_size = size;
        EXPECT_FAILURE(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT,
                       ("The struct_size of lem_device_desc (" + std::to_string(size) +
                        ") is out of range (32 to 65536); initialise the structure with its macro.")
                           .c_str());
        EXPECT_EQ(device, nullptr);
    }
    desc.struct_size = 65537;
    EXPECT_EQ(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT);
}

TEST(ApiStruct, LargerWithAnUnknownMemberIsRefused) {
    NewerDesc desc;
    desc.unknown[1] = 1;
    lem_device* device = nullptr;
    EXPECT_FAILURE(lem_device_open(&desc.known, &device), LEM_ERROR_UNSUPPORTED,
                   "The structure lem_device_desc of 48 bytes uses a member at byte 40 that this version of "
                   "Lemnos does not "
                   "know (it knows 32 bytes).");
    EXPECT_EQ(device, nullptr);
}

TEST(ApiStruct, MembersAreChecked) {
    lem_device* device = nullptr;
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    desc.no_disk_cache = 7;
    EXPECT_FAILURE(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT,
                   "The member no_disk_cache of lem_device_desc (7) is neither 0 nor 1.");
    desc = LEM_DEVICE_DESC_INIT;
    desc.memory_limit = -5;
    EXPECT_FAILURE(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT,
                   "The member memory_limit of lem_device_desc (-5 bytes) is negative (0 means no limit).");
    lem_host host = LEM_HOST_INIT;
    host.struct_size = 3;
    desc = LEM_DEVICE_DESC_INIT;
    desc.host = &host;
    EXPECT_FAILURE(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT,
                   "The struct_size of lem_host (3) is out of range (24 to 65536); initialise the structure "
                   "with its macro.");
    host = LEM_HOST_INIT;
    host.reserved = 1;
    EXPECT_FAILURE(lem_device_open(&desc, &device), LEM_ERROR_INVALID_ARGUMENT,
                   "The member reserved of lem_host (1) is not 0.");
}

class ApiStructOnDevice : public WithDevice {};

TEST_F(ApiStructOnDevice, LargerWithAZeroTailIsAccepted) {
    const NewerDesc desc;
    Device other;
    EXPECT_OK(lem_device_open(&desc.known, other.out()));
}

TEST_F(ApiStructOnDevice, OutputStructures) {
    struct NewerMetrics {
        lem_metrics known = LEM_METRICS_INIT;
        int64_t unknown = 0;
    } metrics;
    Model model;
    ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, 1, model.out()));
    const Dataset dataset = quarters(8);

    metrics.known.struct_size = sizeof metrics;
    EXPECT_OK(lem_model_evaluate(model, dataset, 0, &metrics.known));
    EXPECT_EQ(metrics.known.images, 8);
    EXPECT_EQ(metrics.known.struct_size, int32_t(sizeof metrics));

    metrics.unknown = 1;
    EXPECT_EQ(lem_model_evaluate(model, dataset, 0, &metrics.known), LEM_ERROR_UNSUPPORTED);
    EXPECT_EQ(metrics.known.images, 0); // zero after a failure
    EXPECT_EQ(metrics.unknown, 1);

    lem_metrics small = LEM_METRICS_INIT;
    small.struct_size = 8;
    small.images = 77;
    EXPECT_FAILURE(
        lem_model_evaluate(model, dataset, 0, &small), LEM_ERROR_INVALID_ARGUMENT,
        "The struct_size of lem_metrics (8) is out of range (48 to 65536); initialise the structure with its "
        "macro.");
    EXPECT_EQ(small.images, 77); // beyond what the caller says is there
}

TEST_F(ApiStructOnDevice, LogLinesGoToTheHost) {
    setenv("LEMNOS_VERBOSE", "memory", 1);
    std::vector<std::string> lines;
    lem_host host = LEM_HOST_INIT;
    host.user = &lines;
    host.log = [](void* user, const char* line) {
        static_cast<std::vector<std::string>*>(user)->push_back(line);
    };
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    desc.host = &host;
    Device logging;
    const lem_result result = lem_device_open(&desc, logging.out());
    unsetenv("LEMNOS_VERBOSE");
    ASSERT_OK(result);
    Tensor tensor;
    const int64_t extent = 64;
    EXPECT_OK(lem_tensor_create(logging, LEM_DTYPE_F32, &extent, 1, tensor.out()));
    ASSERT_FALSE(lines.empty());
    EXPECT_TRUE(lines.back().starts_with("lemnos,1,memory,buffer,tensor,256,")) << lines.back();
}
