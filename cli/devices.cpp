// lemnos devices: what there is to run on.
#include "command.h"
#include "table.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

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
            const Json devices = json(lem_devices_json);
            if (*as_json) {
                std::cout << devices.dump(2) << "\n";
                return 0;
            }
            Table table(
                {{"#", Align::right}, {"name"}, {"type"}, {"driver"}, {"Vulkan"}, {"memory", Align::right}});
            for (const Json& device : devices)
                table.add({std::to_string(device["index"].get<int>()), device["name"], device["type"],
                           device["driver"], device["api_version"], bytes_text(device["memory_bytes"])});
            table.print(std::cout);
            return 0;
        };
    });
}

} // namespace lemnos::cli
