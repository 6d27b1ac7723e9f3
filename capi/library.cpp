// The library as such: versions, texts, and the lists of operators and options.
#include "graph/json.h"
#include "guard.h"
#include "options.h"
#include "vulkan/pipeline.h"

using namespace lemnos;
using namespace lemnos::capi;

static_assert(LEM_VERSION_MAJOR == LEMNOS_PROJECT_MAJOR && LEM_VERSION_MINOR == LEMNOS_PROJECT_MINOR &&
                  LEM_VERSION_PATCH == LEMNOS_PROJECT_PATCH,
              "lemnos.h and CMakeLists.txt give different versions");

int32_t lem_version(void) {
    return LEM_VERSION_MAJOR * 1000000 + LEM_VERSION_MINOR * 1000 + LEM_VERSION_PATCH;
}

const char* lem_build_info(void) {
    static const std::string info =
        text("Lemnos ", LEM_VERSION_MAJOR, ".", LEM_VERSION_MINOR, ".", LEM_VERSION_PATCH, ", ",
             LEMNOS_BUILD_TYPE, " build, shaders ", shader_set_hash());
    return info.c_str();
}

// ---- texts ------------------------------------------------------------------------------------------------

const char* lem_text_data(const lem_text* text) { return text ? text->characters.c_str() : ""; }
int64_t lem_text_bytes(const lem_text* text) { return text ? int64_t(text->characters.size()) : 0; }
void lem_text_release(lem_text* text) { delete text; }

// ---- lists ------------------------------------------------------------------------------------------------

lem_result lem_operators_json(lem_text** out) {
    return guarded([&] {
        clear(out);
        give_text(out, operators_json());
    });
}

static Json entry(const char* name, const char* summary, const std::vector<AttributeSpec>& options) {
    return {{"name", name}, {"summary", summary}, {"options", describe(options)}};
}

static Json describe_dataset_options() {
    Json json = entry("dataset", "What lem_dataset_open may be asked for.", dataset_options());
    json["options"].push_back(
        {{"name", "class_names"},
         {"kind", "texts"},
         {"default", Json::array()},
         {"help", "Names of the classes in the order of their labels; empty: the data set's own."}});
    return json;
}

lem_result lem_options_json(const char* kind, lem_text** out) {
    return guarded([&] {
        clear(out);
        const std::string wanted = need_string(kind, "kind");
        Json list = Json::array();
        if (wanted == "model")
            for (const ArchitectureBuilder& each : all_architectures())
                list.push_back(entry(each.name, each.summary, each.options));
        else if (wanted == "optimizer")
            for (const OptimizerRule& each : all_optimizers())
                list.push_back(entry(each.name, each.summary, each.options));
        else if (wanted == "schedule")
            for (const ScheduleRule& each : all_schedules())
                list.push_back(entry(each.name, each.summary, each.options));
        else if (wanted == "trainer")
            list.push_back(entry("trainer", "How a model is trained.",
                                 {trainer_options().begin(), trainer_options().end()}));
        else if (wanted == "predictor")
            list.push_back(entry("predictor", "How much memory a predictor may take, and what a detector names.",
                                 {predictor_options().begin(), predictor_options().end()}));
        else if (wanted == "dataset")
            list.push_back(describe_dataset_options());
        else if (wanted == "profile")
            list.push_back(entry("profile", "What lem_device_profile_start may be asked for.", profile_options()));
        else {
            const std::vector<std::string> known{"model", "optimizer", "schedule", "trainer", "predictor", "dataset", "profile"};
            fail(ErrorCode::not_found, "There are no options of the kind \"", wanted,
                 "\" (model, optimizer, schedule, trainer, predictor, dataset and profile exist).", did_you_mean(wanted, known));
        }
        give_text(out, dump(list));
    });
}
