// lemnos devices: what there is to run on.
#include "command.h"
#include "library.h"
#include "table.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

// "tiled, coopmat 16 x 16 x 16". Devices are opened for it: what they announce says less.
static std::string kernels_text(const Json& device) {
    if (device.contains("problem")) return "cannot be opened";
    std::string text;
    for (const auto& [name, matrix] : device["kernels"].items()) {
        text += (text.empty() ? "" : ", ") + name;
        if (!matrix.empty())
            text += " " + product({matrix["rows"].get<int64_t>(), matrix["columns"].get<int64_t>(), matrix["inner"].get<int64_t>()});
    }
    return text;
}

static Json opened(const Json& device) {
    try {
        const Device open = open_device(std::to_string(device["index"].get<int>()));
        return json([&](lem_text** out) { return lem_device_info_json(open, out); });
    } catch (const std::exception& error) {
        Json closed = device;
        closed["problem"] = error.what();
        return closed;
    }
}

void add_devices(CLI::App& app, Run& run) {
    CLI::App* command =
        app.add_subcommand("devices", "Lists the Vulkan devices of this machine, the preferred one first.");
    const auto as_json = std::make_shared<bool>(false);
    command->add_flag("--json", *as_json, "Prints the list as JSON.");
    command->footer(
        "Examples:\n"
        "  lemnos devices\n"
        "  lemnos devices --json\n"
        "  LEMNOS_DEVICE=llvmpipe lemnos train --data DIR   (any command, on the device of that name)");
    command->callback([=, &run] {
        run = [=] {
            Json devices = json(lem_devices_json);
            for (Json& device : devices) device = opened(device);
            if (*as_json) {
                std::cout << devices.dump(2) << "\n";
                return 0;
            }
            Table table(
                {{"#", Align::right}, {"name"}, {"type"}, {"driver"}, {"Vulkan"}, {"memory", Align::right}, {"kernels"}});
            for (const Json& device : devices)
                table.add({std::to_string(device["index"].get<int>()), device["name"], device["type"],
                           device["driver"], device["api_version"], bytes_text(device["memory_bytes"]),
                           kernels_text(device)});
            table.print(std::cout);
            for (const Json& device : devices) {
                const Json rejected = device.value("rejected_kernels", Json::object());
                for (const auto& [name, reason] : rejected.items())
                    std::cout << "On " << device["name"].get<std::string>() << " the kernel " << name << " is not used: "
                              << reason.get<std::string>() << "\n";
                if (device.contains("problem")) std::cout << device["problem"].get<std::string>() << "\n";
            }
            return 0;
        };
    });
}

} // namespace lemnos::cli
