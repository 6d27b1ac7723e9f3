#include "vulkan/instance.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace lemnos {

static constexpr const char* what_to_install =
    "Install a Vulkan driver: on Debian and Ubuntu the packages libvulkan1 and mesa-vulkan-drivers (which also hold the "
    "software driver lavapipe), or the driver of the GPU's maker.";

static std::string lower(std::string value) {
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return value;
}

static const char* type_name(VkPhysicalDeviceType type) {
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return "discrete";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return "virtual";
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return "cpu";
    default: return "other";
    }
}

static int preference(const std::string& type) {
    constexpr const char* order[] = {"discrete", "integrated", "virtual", "cpu", "other"};
    return int(std::find(std::begin(order), std::end(order), type) - std::begin(order));
}

VkBool32 Instance::on_validation(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT types,
                                 const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
    // The loader reports drivers it skips as general messages; only the layers' findings count.
    if ((types & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT) == 0) return VK_FALSE;
    auto& validation = *static_cast<Validation*>(user);
    validation.messages.fetch_add(1, std::memory_order_relaxed);
    validation.log.line(Log::validation, data->pMessage);
    return VK_FALSE;
}

Instance::Instance(const Log& log, PFN_vkGetInstanceProcAddr get_proc)
    : loader_(loader_names, get_proc ? 0 : int(std::size(loader_names))),
      validation_(std::make_shared<Validation>(log)) {
    if (!get_proc && !loader_)
        fail(ErrorCode::no_device, "No Vulkan loader was found (", loader_names[0], "). ", what_to_install);
    if (!get_proc) get_proc = reinterpret_cast<PFN_vkGetInstanceProcAddr>(loader_.symbol("vkGetInstanceProcAddr"));
    if (!get_proc)
        fail(ErrorCode::no_device, "The library ", loader_names[0], " is not a Vulkan loader. ", what_to_install);
    const auto global = [&](const char* name) { return get_proc(VK_NULL_HANDLE, name); };

    api_version_ = VK_API_VERSION_1_0;
    if (const auto version = reinterpret_cast<PFN_vkEnumerateInstanceVersion>(global("vkEnumerateInstanceVersion")))
        version(&api_version_);
    if (api_version_ < VK_API_VERSION_1_1)
        fail(ErrorCode::unsupported, "The Vulkan loader offers version 1.0, and 1.1 is needed. ", what_to_install);
    api_version_ = std::min<uint32_t>(api_version_, VK_API_VERSION_1_3);

    const auto list = reinterpret_cast<PFN_vkEnumerateInstanceExtensionProperties>(
        global("vkEnumerateInstanceExtensionProperties"));
    const auto create = reinterpret_cast<PFN_vkCreateInstance>(global("vkCreateInstance"));
    if (!list || !create)
        fail(ErrorCode::no_device, "The library ", loader_names[0], " is not a Vulkan loader. ", what_to_install);
    uint32_t count = 0;
    check(list(nullptr, &count, nullptr), "counting the instance's extensions");
    std::vector<VkExtensionProperties> offered(count);
    check(list(nullptr, &count, offered.data()), "listing the instance's extensions");
    offered.resize(count);
    debug_utils_ = std::any_of(offered.begin(), offered.end(), [](const VkExtensionProperties& extension) {
        return std::strcmp(extension.extensionName, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) == 0;
    });

    const char* extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    application.pEngineName = "lemnos";
    application.apiVersion = api_version_;
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    info.pApplicationInfo = &application;
    info.enabledExtensionCount = debug_utils_ ? 1 : 0;
    info.ppEnabledExtensionNames = extensions;
    const VkResult created = create(&info, nullptr, &handle_);
    if (created == VK_ERROR_INCOMPATIBLE_DRIVER)
        fail(ErrorCode::no_device, "The Vulkan loader found no driver. ", what_to_install);
    check(created, "creating an instance");
    try {
        functions_.load(get_proc, handle_);
        listen_to_validation();
        list_devices();
    } catch (...) {
        destroy();
        throw;
    }
}

Instance::~Instance() { destroy(); }

void Instance::destroy() noexcept {
    if (messenger_) {
        const auto destroy_messenger = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
            functions_.vkGetInstanceProcAddr(handle_, "vkDestroyDebugUtilsMessengerEXT"));
        if (destroy_messenger) destroy_messenger(handle_, messenger_, nullptr);
    }
    if (functions_.vkDestroyInstance) functions_.vkDestroyInstance(handle_, nullptr);
}

void Instance::listen_to_validation() {
    if (!debug_utils_) return;
    const auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
        functions_.vkGetInstanceProcAddr(handle_, "vkCreateDebugUtilsMessengerEXT"));
    if (!create) return;
    VkDebugUtilsMessengerCreateInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
    info.messageSeverity =
        VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
    info.pfnUserCallback = on_validation;
    info.pUserData = validation_.get();
    check(create(handle_, &info, nullptr, &messenger_), "listening to validation messages");
}

void Instance::list_devices() {
    uint32_t count = 0;
    check(functions_.vkEnumeratePhysicalDevices(handle_, &count, nullptr), "counting devices");
    std::vector<VkPhysicalDevice> handles(count);
    check(functions_.vkEnumeratePhysicalDevices(handle_, &count, handles.data()), "listing devices");
    handles.resize(count);
    for (VkPhysicalDevice handle : handles) {
        VkPhysicalDeviceProperties basic{};
        functions_.vkGetPhysicalDeviceProperties(handle, &basic);
        if (basic.apiVersion < VK_API_VERSION_1_1) continue;
        VkPhysicalDeviceDriverProperties driver{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
        VkPhysicalDeviceIDProperties id{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
        if (basic.apiVersion >= VK_API_VERSION_1_2 && api_version_ >= VK_API_VERSION_1_2) id.pNext = &driver;
        VkPhysicalDeviceProperties2 properties{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, &id, {}};
        functions_.vkGetPhysicalDeviceProperties2(handle, &properties);
        VkPhysicalDeviceMemoryProperties memory{};
        functions_.vkGetPhysicalDeviceMemoryProperties(handle, &memory);

        DeviceInfo info;
        info.handle = handle;
        info.name = basic.deviceName;
        info.type = type_name(basic.deviceType);
        info.driver_id = driver.driverID;
        info.driver = text(driver.driverName, driver.driverInfo[0] ? " " : "", driver.driverInfo);
        info.api_version = basic.apiVersion;
        info.driver_version = basic.driverVersion;
        info.vendor_id = basic.vendorID;
        info.device_id = basic.deviceID;
        for (uint8_t byte : id.deviceUUID) {
            constexpr char digits[] = "0123456789abcdef";
            info.uuid += {digits[byte >> 4], digits[byte & 15]};
        }
        for (uint32_t heap = 0; heap < memory.memoryHeapCount; ++heap)
            if (memory.memoryHeaps[heap].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
                info.memory_bytes = std::max(info.memory_bytes, int64_t(memory.memoryHeaps[heap].size));
        devices_.push_back(std::move(info));
    }
    std::stable_sort(devices_.begin(), devices_.end(), [](const DeviceInfo& a, const DeviceInfo& b) {
        return preference(a.type) < preference(b.type);
    });
    for (size_t i = 0; i < devices_.size(); ++i) devices_[i].index = int(i);
}

const DeviceInfo& Instance::choose(const std::string& wanted_by_caller) const {
    if (devices_.empty())
        fail(ErrorCode::no_device, "No Vulkan driver offers a device of version 1.1 or newer. ", what_to_install);
    std::string wanted = wanted_by_caller;
    if (wanted.empty()) {
        const char* environment = std::getenv("LEMNOS_DEVICE");
        wanted = environment ? environment : "";
    }
    if (wanted.empty()) return devices_.front();
    const std::string key = lower(wanted);
    std::string uuid = key; // may be written with dashes
    uuid.erase(std::remove(uuid.begin(), uuid.end(), '-'), uuid.end());
    const bool is_index = key.size() <= 3 && std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isdigit(c); });
    for (const DeviceInfo& device : devices_)
        if (is_index ? std::to_string(device.index) == key
                     : device.uuid == uuid || lower(device.name).find(key) != std::string::npos)
            return device;
    std::string known;
    for (const DeviceInfo& device : devices_) known += text(known.empty() ? "" : ", ", device.index, ": ", device.name);
    fail(ErrorCode::no_device, "No Vulkan device matches \"", wanted,
         "\" (index, UUID or part of a name); the devices are ", known, ".");
}

} // namespace lemnos
