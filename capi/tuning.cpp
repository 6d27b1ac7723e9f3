// Kernels: which compute a model's convolutions, the tuner and its decisions.
#include "guard.h"
#include "options.h"

#include "graph/json.h"
#include "ops/convolution_menu.h"
#include "plan/tuner.h"
#include "train/kernel_uses.h"

using namespace lemnos;
using namespace lemnos::capi;

static const std::vector<AttributeSpec>& kernel_options() {
    static const std::vector<AttributeSpec> specs{
        integer_attribute("batch", 1, 1, INT32_MAX, "Images at a time."),
        boolean_attribute("train", false, "The plan of a training, backward passes included."),
        precision_attribute("mixed: the plan of mixed precision.")};
    return specs;
}

lem_result lem_model_kernels_json(lem_model* model, const char* options, lem_text** out) {
    return guarded([&] {
        clear(out);
        need(model, "model");
        need(out, "out");
        Attributes given = attributes_from_json(optional_string(options), "lem_model_kernels_json");
        given.complete(kernel_options(), "lem_model_kernels_json");
        const auto lock = enter(*model);
        Json list = Json::array();
        for (const auto& [problem, use] : kernel_uses(*model->model, given.integer("batch"), given.boolean("train"), precision_of(given)))
            list.push_back({{"problem", problem},
                            {"times", use.times},
                            {"macs", convolution_problem(problem).shape.macs()},
                            {"kernel", to_string(use.choice)}});
        give_text(out, dump(list));
    });
}

lem_result lem_device_tune(lem_device* device, const char* problem, lem_text** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        const std::string name = need_string(problem, "problem");
        need(out, "out"); // before all that takes a while
        const auto lock = enter(*device);
        const TuningResult result = tune_convolution(device->device, name);
        Json candidates = Json::array();
        for (const TunedCandidate& candidate : result.candidates)
            candidates.push_back({{"kernel", to_string(candidate.choice)}, {"seconds", candidate.seconds}, {"refused", candidate.refused}});
        give_text(out, dump({{"problem", result.problem},
                             {"default", to_string(result.decision.fallback)},
                             {"best", to_string(result.decision.best)},
                             {"default_seconds", result.decision.fallback_seconds},
                             {"best_seconds", result.decision.best_seconds},
                             {"noise", result.noise},
                             {"candidates", std::move(candidates)}}));
    });
}

lem_result lem_device_tuning(lem_device* device, lem_text** out) {
    return guarded([&] {
        clear(out);
        const auto lock = enter(need(device, "device"));
        const Device& engine = *device->device;
        give_text(out, KernelChoices::decisions_text(engine.profile().kernels->decisions(), engine.info()));
    });
}

lem_result lem_device_load_tuning(lem_device* device, const char* tuning) {
    return guarded([&] {
        need(device, "device");
        const std::string given = need_string(tuning, "tuning");
        const auto lock = enter(*device);
        const Device& engine = *device->device;
        KernelChoices& choices = *engine.profile().kernels;
        choices.replace_decisions(given.empty() ? KernelDecisions{} : KernelChoices::parse_decisions(given, engine.info()));
        choices.save(engine.log());
    });
}
