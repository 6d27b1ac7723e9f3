// lemnos devices: what there is to run on.
#include "command.h"
#include "table.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

// What is known once a device is open; of one that cannot be opened, why.
static Json opened(int index) {
    try {
        const Device device = open_device(std::to_string(index));
        return json([&](lem_text** out) { return lem_device_info_json(device, out); });
    } catch (const Failure& failure) {
        return {{"error", failure.what()}};
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
            for (Json& device : devices) device.update(opened(device["index"]));
            if (*as_json) {
                std::cout << devices.dump(2) << "\n";
                return 0;
            }
            Table table(
                {{"#", Align::right}, {"name"}, {"type"}, {"driver"}, {"Vulkan"}, {"memory", Align::right}, {"kernels"}});
            for (const Json& device : devices)
                table.add({std::to_string(device["index"].get<int>()), device["name"], device["type"],
                           device["driver"], device["api_version"], bytes_text(device["memory_bytes"]),
                           device.value("kernel_family", "")});
            table.print(std::cout);
            for (const Json& device : devices) {
                for (const Json& rejected : device.value("rejected", Json::array()))
                    std::cout << "On " << device["name"].get<std::string>() << " the kernel " << rejected["kernel"].get<std::string>()
                              << " is not used: " << rejected["reason"].get<std::string>() << ".\n";
                if (device.contains("error")) std::cout << device["error"].get<std::string>() << "\n";
            }
            return 0;
        };
    });
}

} // namespace lemnos::cli
