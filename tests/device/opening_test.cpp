// Which device is opened, and what is said where there is none.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "models/precision.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>

namespace lemnos::test {
namespace {

struct DeviceOpening : DeviceTest {
    DeviceInfo first() const { return Device::list(Log())[0]; }
    static DeviceOptions named(const std::string& wanted) { return {.wanted = wanted, .cache_on_disk = false}; }
    static DeviceOptions through(PFN_vkGetInstanceProcAddr vulkan) {
        return {.cache_on_disk = false, .get_instance_proc_addr = vulkan};
    }
    ScopedVariable no_choice{"LEMNOS_DEVICE", nullptr};
    ScopedVariable no_family{"LEMNOS_KERNELS", nullptr};
};

std::string upper(std::string text) {
    for (char& c : text) c = char(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

// The Vulkan packages are named, whatever is missing.
constexpr const char* advice = "mesa-vulkan-drivers";

// What a child says of an attempt to open a device.
void tell_of_opening() {
    try {
        const auto device = Device::open({.cache_on_disk = false});
        std::cout << "CHILD opened " << device->info().name << "\n";
    } catch (const Error& error) {
        std::cout << "CHILD " << int(error.code()) << " " << error.what() << "\n";
    }
}

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "lemnos-device-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("no folder can be made: " + name);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

} // namespace

TEST_F(DeviceOpening, ListsDevicesInTheOrderOfPreference) {
    const std::vector<std::string> order{"discrete", "integrated", "virtual", "cpu", "other"};
    const auto devices = Device::list();
    size_t least = 0;
    for (size_t i = 0; i < devices.size(); ++i) {
        EXPECT_EQ(devices[i].index, int(i));
        EXPECT_FALSE(devices[i].name.empty());
        EXPECT_EQ(devices[i].uuid.size(), 32u);
        EXPECT_EQ(devices[i].uuid.find_first_not_of("0123456789abcdef"), std::string::npos);
        EXPECT_GE(devices[i].api_version, VK_API_VERSION_1_1);
        EXPECT_GT(devices[i].memory_bytes, 0);
        const size_t rank = size_t(std::find(order.begin(), order.end(), devices[i].type) - order.begin());
        EXPECT_LT(rank, order.size());
        EXPECT_GE(rank, least);
        least = rank;
    }
}

TEST_F(DeviceOpening, TakesTheFirstWithoutAWish) { EXPECT_EQ(open()->info().index, 0); }

TEST_F(DeviceOpening, TakesAnIndexAUuidOrAPartOfTheName) {
    const DeviceInfo info = first();
    std::string dashed = info.uuid;
    for (size_t at : {20, 16, 12, 8}) dashed.insert(at, "-");
    for (const std::string& wanted : {std::string("0"), info.uuid, upper(info.uuid), dashed, info.name,
                                      upper(info.name), info.name.substr(1, 4)})
        EXPECT_EQ(open(named(wanted))->info().uuid, info.uuid) << wanted;
}

TEST_F(DeviceOpening, TakesTheEnvironmentsWishUnlessTheCallerHasOne) {
    const ScopedVariable wish("LEMNOS_DEVICE", "no such device");
    expect_refusal(ErrorCode::no_device, {"\"no such device\""}, [&] { open(); });
    EXPECT_EQ(open(named("0"))->info().index, 0);
    const ScopedVariable index("LEMNOS_DEVICE", "0"), empty("LEMNOS_VERBOSE", "");
    EXPECT_EQ(open()->info().index, 0);
}

TEST_F(DeviceOpening, NamesTheDevicesThatThereAre) {
    for (const char* wanted : {"99", "no such device", "00000000000000000000000000000000", "-1", "0x0"})
        expect_refusal(ErrorCode::no_device,
                       {text("No Vulkan device matches \"", wanted,
                             "\" (index, UUID or part of a name); the devices are 0: "),
                        first().name},
                       [&] { open(named(wanted)); });
}

TEST_F(DeviceOpening, RefusesSenselessOptions) {
    expect_refusal(ErrorCode::invalid_argument, {"The device memory limit (-1 bytes) is negative"},
                   [&] { open({.memory_limit = -1}); });
    expect_refusal(ErrorCode::invalid_argument, {"The largest storage range (-1 bytes) is negative"},
                   [&] { open({.max_storage_range = -1}); });
    const ScopedVariable kernels("LEMNOS_KERNELS", "magic");
    expect_refusal(ErrorCode::invalid_argument, {"\"magic\"", "(scalar, tiled, coopmat2, coopmat, "}, [&] { open(); });
}

TEST_F(DeviceOpening, ForcesAFamilyOfKernels) {
    const ScopedVariable kernels("LEMNOS_KERNELS", "tiled");
    EXPECT_EQ(open()->profile().family, KernelFamily::tiled);
}

TEST_F(DeviceOpening, PretendsSmallLimits) {
    const ScopedVariable clamp("LEMNOS_CLAMP", "1");
    const DeviceProfile& profile = open()->profile();
    EXPECT_EQ(profile.max_push_bytes, 128u);
    EXPECT_LE(profile.max_shared_bytes, 16384u);
    EXPECT_LE(profile.max_invocations, 128u);
    EXPECT_LE(profile.max_group_size_x, 128u);
    EXPECT_LE(profile.max_storage_buffers, 8u);
    EXPECT_GE(profile.storage_alignment, 256);
}

TEST_F(DeviceOpening, ManyAtOnce) {
    std::vector<std::shared_ptr<Device>> devices;
    for (int i = 0; i < 4; ++i) devices.push_back(open());
    for (const auto& device : devices) EXPECT_EQ(download(upload(device, counting(100))), counting(100));
}

// ---- where there is none: the system's loader in another process ---------------------------------------------------

TEST_F(DeviceOpening, SaysWhatToInstallWithoutADriver) {
    if (in_child()) return tell_of_opening();
    const Finished child = run_again({{"VK_DRIVER_FILES", "/nonexistent.json"}, {"VK_ICD_FILENAMES", "/nonexistent.json"}});
    EXPECT_EQ(child.status, 0) << child.output;
    EXPECT_NE(child.output.find("CHILD -31 The Vulkan loader found no driver. Install"), std::string::npos) << child.output;
    EXPECT_NE(child.output.find(advice), std::string::npos) << child.output;
}

TEST_F(DeviceOpening, SaysWhatToInstallWithoutALoader) {
    if (in_child()) return tell_of_opening();
    const Folder folder; // found before the system's, and no libraries at all
    for (const char* name : {"libvulkan.so.1", "libvulkan.so"}) std::ofstream(folder.path / name) << "";
    const Finished child = run_again({{"LD_LIBRARY_PATH", folder.path.string()}});
    EXPECT_EQ(child.status, 0) << child.output;
    EXPECT_NE(child.output.find("CHILD -31 No Vulkan loader was found (libvulkan.so.1). Install"), std::string::npos)
        << child.output;
    EXPECT_NE(child.output.find(advice), std::string::npos) << child.output;
}

TEST_F(DeviceOpening, KnowsALibraryThatIsNoLoader) {
    if (in_child()) return tell_of_opening();
    Dl_info math{};
    ASSERT_NE(dladdr(reinterpret_cast<void*>(static_cast<int (*)(int)>(&std::toupper)), &math), 0);
    const Folder folder;
    std::filesystem::create_symlink(std::filesystem::canonical(math.dli_fname), folder.path / "libvulkan.so.1");
    const Finished child = run_again({{"LD_LIBRARY_PATH", folder.path.string()}});
    EXPECT_EQ(child.status, 0) << child.output;
    EXPECT_NE(child.output.find("CHILD -31 The library libvulkan.so.1 is not a Vulkan loader. Install"),
              std::string::npos)
        << child.output;
}

// ---- other Vulkans, through functions of our own -------------------------------------------------------------------

template <typename Function>
PFN_vkVoidFunction replacement(Function function) {
    return reinterpret_cast<PFN_vkVoidFunction>(function);
}

TEST_F(DeviceOpening, RefusesALoaderOfVulkan10) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkEnumerateInstanceVersion"] = nullptr;
    expect_refusal(ErrorCode::unsupported, {"version 1.0, and 1.1 is needed"}, [&] { open(through(vulkan)); });
}

TEST_F(DeviceOpening, RefusesALibraryWithoutTheFirstFunctions) {
    for (const char* name : {"vkCreateInstance", "vkEnumerateInstanceExtensionProperties"}) {
        const auto vulkan = faulty::vulkan();
        faulty::state.replaced[name] = nullptr;
        expect_refusal(ErrorCode::no_device, {"is not a Vulkan loader"}, [&] { open(through(vulkan)); });
    }
}

TEST_F(DeviceOpening, NamesTheFunctionThatADriverLacks) {
    for (const char* name : {"vkGetPhysicalDeviceFeatures2", "vkCreateDevice", "vkQueueSubmit", "vkDestroyFence",
                             "vkGetPipelineCacheData"}) {
        const auto vulkan = faulty::vulkan();
        faulty::state.replaced[name] = nullptr;
        expect_refusal(ErrorCode::unsupported, {text("has no function ", name, " (Vulkan 1.1 is needed)")},
                       [&] { open(through(vulkan)); });
        EXPECT_EQ(faulty::state.leaks(), "") << name;
    }
}

TEST_F(DeviceOpening, RefusesWhenNoDeviceIsThere) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkEnumeratePhysicalDevices"] =
        replacement(+[](VkInstance, uint32_t* count, VkPhysicalDevice*) -> VkResult {
            *count = 0;
            return VK_SUCCESS;
        });
    expect_refusal(ErrorCode::no_device, {"No Vulkan driver offers a device of version 1.1 or newer.", advice},
                   [&] { open(through(vulkan)); });
    EXPECT_EQ(faulty::state.leaks(), "");
}

TEST_F(DeviceOpening, PassesOverDevicesOfVulkan10) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkGetPhysicalDeviceProperties"] =
        replacement(+[](VkPhysicalDevice, VkPhysicalDeviceProperties* properties) {
            *properties = {};
            properties->apiVersion = VK_API_VERSION_1_0;
        });
    expect_refusal(ErrorCode::no_device, {"No Vulkan driver offers a device of version 1.1 or newer."},
                   [&] { open(through(vulkan)); });
}

TEST_F(DeviceOpening, RefusesADeviceThatCannotCompute) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkGetPhysicalDeviceQueueFamilyProperties"] =
        replacement(+[](VkPhysicalDevice, uint32_t* count, VkQueueFamilyProperties* families) {
            *count = 1;
            if (families) families[0] = {VK_QUEUE_TRANSFER_BIT, 1, 0, {1, 1, 1}};
        });
    expect_refusal(ErrorCode::unsupported, {"has no queue for compute shaders"}, [&] { open(through(vulkan)); });
    EXPECT_EQ(faulty::state.leaks(), "");
}

// The floor: an instance of version 1.1, of which a validation layer lets nothing newer pass.
TEST_F(DeviceOpening, WorksOnVulkan11) {
    const auto vulkan = faulty::vulkan();
    faulty::state.replaced["vkEnumerateInstanceVersion"] = replacement(+[](uint32_t* version) -> VkResult {
        *version = VK_API_VERSION_1_1;
        return VK_SUCCESS;
    });
    const auto device = open(through(vulkan));
    EXPECT_FALSE(device->profile().subgroup_size_reliable);
    EXPECT_EQ(device->profile().family, KernelFamily::tiled);
    const ChainPlan chain(device, counting(1000, -500), {"relu", "relu6"});
    chain.plan->run();
    const auto y = download(chain.y);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], std::min(std::max(float(i) - 500, 0.0f), 6.0f));
}

// A device whose buffers hold no 16-bit numbers runs all that needs none.
TEST_F(DeviceOpening, RefusesHalvesWhereThereIsNo16BitStorage) {
    static PFN_vkGetPhysicalDeviceFeatures2 real = nullptr;
    const auto vulkan = faulty::vulkan();
    real = reinterpret_cast<PFN_vkGetPhysicalDeviceFeatures2>(
        dlsym(dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), "vkGetPhysicalDeviceFeatures2"));
    ASSERT_NE(real, nullptr);
    faulty::state.replaced["vkGetPhysicalDeviceFeatures2"] = replacement(+[](VkPhysicalDevice physical, VkPhysicalDeviceFeatures2* features) {
        real(physical, features);
        for (auto* next = static_cast<VkBaseOutStructure*>(features->pNext); next; next = next->pNext)
            if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES)
                reinterpret_cast<VkPhysicalDevice16BitStorageFeatures*>(next)->storageBuffer16BitAccess = VK_FALSE;
    });
    const auto device = open(through(vulkan));
    EXPECT_FALSE(device->profile().storage16);
    expect_refusal(ErrorCode::unsupported, {"The precision mixed needs buffers that hold 16-bit numbers", "precision=f32 runs everywhere"},
                   [&] { require_precision(*device, Precision::mixed); });
    require_precision(*device, Precision::f32);
    const ChainPlan chain(device, counting(100, -50), {"relu"});
    chain.plan->run();
    EXPECT_EQ(download(chain.y)[99], 49);
    Graph graph;
    const Value y = graph.add("relu", {graph.input("x", {DataType::f16, {8}})});
    Bindings bindings;
    for (Value value : {graph.find_leaf("x"), y})
        bindings[value] = BufferView{Buffer::create(device, BufferKind::device, 256, "halves"), 0, 16};
    expect_refusal(ErrorCode::unsupported, {"Operator relu (node 1) reads f16 8, which needs 16-bit storage"},
                   [&] { Plan::compile(device, graph, bindings); });
}

} // namespace lemnos::test
