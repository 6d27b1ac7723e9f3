// A Vulkan instance of the engine's own, and the devices it sees. Each Device owns one: there is no global instance.
#pragma once

#include "support/log.h"
#include "support/shared_library.h"
#include "vulkan/api.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace lemnos {

// The system's Vulkan loader, by the names that are tried.
inline constexpr const char* loader_names[] = {"libvulkan.so.1", "libvulkan.so"};

struct DeviceInfo {
    int index = 0; // in the order of preference: discrete GPU, integrated GPU, virtual GPU, CPU, other
    std::string name;
    std::string type;   // "discrete", "integrated", "virtual", "cpu" or "other"
    VkDriverId driver_id{};
    std::string driver; // name and version as the driver gives them, where Vulkan 1.2 tells
    std::string uuid;   // 32 hexadecimal digits
    uint32_t api_version = 0, driver_version = 0;
    uint32_t vendor_id = 0, device_id = 0;
    int64_t memory_bytes = 0; // the largest device-local heap
    VkPhysicalDevice handle = VK_NULL_HANDLE;
};

class Instance {
  public:
    // Throws no_device, with a sentence that says what to install, when no loader is found or no driver answers. Every
    // function comes from get_instance_proc_addr where one is given, and from the system's loader otherwise.
    explicit Instance(const Log& log, PFN_vkGetInstanceProcAddr get_instance_proc_addr = nullptr);
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    const std::vector<DeviceInfo>& devices() const { return devices_; }
    // The device that LEMNOS_DEVICE or `wanted` names: an index, a UUID or a part of the name; empty: the first.
    const DeviceInfo& choose(const std::string& wanted) const;

    VkInstance handle() const { return handle_; }
    const InstanceFunctions& functions() const { return functions_; }
    uint32_t api_version() const { return api_version_; }
    bool has_debug_utils() const { return debug_utils_; }
    // Messages of validation layers since the instance was made; 0 as well when no layer is active. Outlives the instance.
    std::shared_ptr<const std::atomic<int64_t>> validation_counter() const { return {validation_, &validation_->messages}; }

  private:
    struct Validation { // at a fixed address, which the messenger keeps
        Log log;
        std::atomic<int64_t> messages{0};
    };
    static VKAPI_ATTR VkBool32 VKAPI_CALL on_validation(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                                        VkDebugUtilsMessageTypeFlagsEXT,
                                                        const VkDebugUtilsMessengerCallbackDataEXT*, void*);
    void destroy() noexcept;
    void list_devices();
    void listen_to_validation();

    SharedLibrary loader_;
    VkInstance handle_ = VK_NULL_HANDLE;
    InstanceFunctions functions_;
    uint32_t api_version_ = 0;
    bool debug_utils_ = false;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
    std::shared_ptr<Validation> validation_;
    std::vector<DeviceInfo> devices_;
};

} // namespace lemnos
