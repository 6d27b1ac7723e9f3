// Profiles: what a device did, and when.
#include "graph/json.h"
#include "guard.h"
#include "options.h"
#include "plan/profile_report.h"

using namespace lemnos;
using namespace lemnos::capi;

const std::vector<AttributeSpec>& lemnos::capi::profile_options() {
    static const std::vector<AttributeSpec> options{
        boolean_attribute("dispatches", true,
                          "Time every dispatch by itself, which makes each wait for the one before; false: submissions alone."),
        boolean_attribute("ceilings", true, "Measure at the end what the device can do at most; that takes 128 MiB for a moment."),
    };
    return options;
}

lem_result lem_device_profile_start(lem_device* device, const char* options) {
    return guarded([&] {
        need(device, "device");
        Attributes given = attributes_from_json(optional_string(options), "A profile");
        given.complete(profile_options(), "A profile");
        const auto lock = enter(*device);
        device->device->start_profile({given.boolean("dispatches"), given.boolean("ceilings")});
    });
}

lem_result lem_device_profile_stop(lem_device* device, lem_text** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        need(out, "out");
        const auto lock = enter(*device);
        const Timeline timeline = device->device->stop_profile();
        const Ceilings ceilings = timeline.options.ceilings ? measure_ceilings(device->device) : Ceilings{};
        give_text(out, profile_json(timeline, ceilings, device->device->info()));
    });
}
