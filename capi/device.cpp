// Devices: opening, closing, what they are and how much they do.
#include "guard.h"
#include "options.h"
#include "vulkan/kernel_choices.h"

using namespace lemnos;
using namespace lemnos::capi;

static std::string version_text(uint32_t version) {
    return text(VK_API_VERSION_MAJOR(version), ".", VK_API_VERSION_MINOR(version), ".",
                VK_API_VERSION_PATCH(version));
}

static Json describe(const DeviceInfo& info) {
    return {{"index", info.index},
            {"name", info.name},
            {"type", info.type},
            {"driver", info.driver},
            {"uuid", info.uuid},
            {"api_version", version_text(info.api_version)},
            {"memory_bytes", info.memory_bytes}};
}

// The kernel families in use, with the matrices that they multiply.
static Json kernels_of(const DeviceProfile& profile) {
    const auto matrix = [](const MatrixUnit& unit) { return Json{{"rows", unit.rows}, {"columns", unit.columns}, {"inner", unit.step}}; };
    Json kernels = {{name_of(profile.family), Json::object()}};
    if (profile.coopmat) kernels["coopmat"] = matrix(profile.coopmat);
    if (profile.coopmat2) kernels["coopmat2"] = matrix(profile.coopmat2);
    return kernels;
}

// The host's hook, for the topics that LEMNOS_VERBOSE names.
static Log log_of(const lem_host* host) {
    if (!host) return Log::from_environment();
    const lem_host hooks = read_struct(*host, 24, "lem_host");
    require(hooks.reserved == 0, "The member reserved of lem_host (", hooks.reserved, ") is not 0.");
    if (!hooks.log) return Log::from_environment();
    return Log(Log::environment_topics(),
               [log = hooks.log, user = hooks.user](std::string_view line) {
                   log(user, std::string(line).c_str());
               });
}

lem_result lem_devices_json(lem_text** out) {
    return guarded([&] {
        clear(out);
        Json list = Json::array();
        for (const DeviceInfo& info : Device::list()) list.push_back(describe(info));
        if (list.empty())
            Device::open({.cache_on_disk = false}); // fails with the sentence that says what to install
        give_text(out, dump(list));
    });
}

lem_result lem_device_open(const lem_device_desc* desc, lem_device** out) {
    return guarded([&] {
        clear(out);
        need(out, "out");
        const lem_device_desc wanted =
            desc ? read_struct(*desc, 32, "lem_device_desc") : lem_device_desc(LEM_DEVICE_DESC_INIT);
        require(wanted.no_disk_cache == 0 || wanted.no_disk_cache == 1,
                "The member no_disk_cache of lem_device_desc (", wanted.no_disk_cache,
                ") is neither 0 nor 1.");
        require(wanted.memory_limit >= 0, "The member memory_limit of lem_device_desc (", wanted.memory_limit,
                " bytes) is negative (0 means no limit).");
        DeviceOptions options;
        options.wanted = optional_string(wanted.wanted);
        options.memory_limit = wanted.memory_limit;
        options.cache_on_disk = wanted.no_disk_cache == 0;
        options.log = log_of(wanted.host);
        *out = new lem_device(Device::open(options));
    });
}

lem_result lem_device_close(lem_device* device) {
    return guarded([&] {
        const std::shared_ptr<Device> engine = need(device, "device").device;
        {
            // Most of the waiting is done while other threads may still use and release what is on the
            // device.
            const std::shared_lock lock(*device->gate);
            if (engine->closed()) return;
            try {
                engine->wait_all();
            } catch (const Error&) { // a lost device is closed all the same
            }
        }
        device->gate->closing = true;
        const std::unique_lock lock(*device->gate);
        engine->close();
    });
}

void lem_device_retain(lem_device* device) { retain(device); }
void lem_device_release(lem_device* device) { release(device); }

lem_result lem_device_info_json(lem_device* device, lem_text** out) {
    return guarded([&] {
        clear(out);
        const auto lock = enter(need(device, "device"));
        const DeviceProfile& profile = device->device->profile();
        Json json = describe(device->device->info());
        json["subgroup_size"] = profile.subgroup_size;
        json["kernel_family"] = name_of(profile.family);
        json["kernels"] = kernels_of(profile);
        json["rejected_kernels"] = Json::object();
        for (const auto& [name, reason] : profile.kernels->rejections()) json["rejected_kernels"][name] = reason;
        json["memory_limit"] = device->device->memory_limit();
        json["limits"] = {
            {"invocations", profile.max_invocations},     {"group_size_x", profile.max_group_size_x},
            {"group_count", profile.max_group_count},     {"shared_bytes", profile.max_shared_bytes},
            {"push_bytes", profile.max_push_bytes},       {"storage_buffers", profile.max_storage_buffers},
            {"storage_range", profile.max_storage_range}, {"storage_alignment", profile.storage_alignment},
            {"buffer_bytes", profile.max_buffer_bytes}};
        give_text(out, dump(json));
    });
}

lem_result lem_device_counters_json(lem_device* device, lem_text** out) {
    return guarded([&] {
        clear(out);
        const auto lock = enter(need(device, "device"));
        const DeviceCounters& counters = device->device->counters();
        give_text(out, dump({{"memory_bytes", counters.memory_bytes.load()},
                             {"buffers", counters.buffers.load()},
                             {"allocations", counters.allocations.load()},
                             {"pipelines", counters.pipelines.load()},
                             {"descriptor_writes", counters.descriptor_writes.load()},
                             {"submissions", counters.submissions.load()},
                             {"validation_messages", device->device->validation_messages()}}));
    });
}

lem_result lem_device_wait(lem_device* device, int64_t ticket, int64_t timeout_ns) {
    return guarded([&] {
        const auto lock = enter(need(device, "device"));
        require(ticket >= 0, "The ticket ", ticket, " was never given out.");
        return device->device->wait(ticket, timeout_ns) ? LEM_OK : LEM_NOT_READY;
    });
}
