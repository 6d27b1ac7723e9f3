// Checkpoints of a training: parameters, statistics, everything the update keeps, and the position, in one file that is
// also a model. A run resumed from it continues the unbroken one, bit for bit.
#include "graph/json.h"
#include "train/trainer.h"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace lemnos {

using Json = nlohmann::ordered_json;

static constexpr const char* key = "lemnos.checkpoint";
static constexpr int version = 3;

static std::string numbers_text(const std::vector<double>& numbers) {
    return describe_value(AttributeValue(numbers));
}

// A number that tells graphs apart (FNV-1a).
static std::string fingerprint(const Graph& graph) {
    uint64_t hash = 14695981039346656037u;
    for (unsigned char c : graph_to_json(graph)) hash = (hash ^ c) * 1099511628211u;
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
    return digits.data();
}

// All that must be equal for a resumed run to be the same run.
std::map<std::string, std::string> Trainer::facts() const {
    const Architecture& architecture = model_->architecture();
    std::map<std::string, std::string> facts{
        {"network", text(architecture.name, " with the graph ", fingerprint(architecture.graph))},
        {"mean of the pixels", numbers_text(network_pixels_.mean)},
        {"deviation of the pixels", numbers_text(network_pixels_.deviation)},
        {"optimizer", optimizer_.rule().name},
        {"schedule", schedule_.name()},
        {"data", text(dataset_->size(), " images of ", to_string(dataset_->shape()))}};
    for (const auto& [name, value] : optimizer_.options().all()) facts["optimizer option " + name] = describe_value(value);
    for (const auto& [name, value] : schedule_.options().all()) facts["schedule option " + name] = describe_value(value);
    for (const auto& [name, value] : options_.all())
        if (name != "loader_threads" && name != "events" && name != "memory_limit") // none of them changes the result
            facts["option " + name] = describe_value(value);
    return facts;
}

// "its optimizer is radam (this one's is adam), its option batch is 64 (this one's is 128)"
static std::string differences(const std::map<std::string, std::string>& saved, const std::map<std::string, std::string>& mine) {
    const auto shown = [](const std::map<std::string, std::string>& facts, const std::string& name) {
        const auto found = facts.find(name);
        return found == facts.end() ? std::string("not given") : found->second.empty() ? std::string("empty") : found->second;
    };
    std::map<std::string, std::string> all = saved;
    all.insert(mine.begin(), mine.end());
    std::string result;
    // Another optimizer or schedule has other options: they say nothing more.
    const bool other_optimizer = shown(saved, "optimizer") != shown(mine, "optimizer");
    const bool other_schedule = shown(saved, "schedule") != shown(mine, "schedule");
    for (const auto& [name, ignored] : all) {
        if ((other_optimizer && name.starts_with("optimizer option")) || (other_schedule && name.starts_with("schedule option")))
            continue;
        const std::string theirs = shown(saved, name), ours = shown(mine, name);
        if (theirs != ours) result += text(result.empty() ? "" : ", ", "its ", name, " is ", theirs, " (here ", ours, ")");
    }
    return result;
}

// Which kernels compute it: other ones would round differently.
static Json json_of(const KernelUses& kernels) {
    Json json = Json::object();
    for (const auto& [problem, use] : kernels) json[problem] = {use.choice.kernel, use.choice.columns, use.choice.rows};
    return json;
}

static std::map<std::string, KernelChoice> choices_of(const Json& json) {
    std::map<std::string, KernelChoice> choices;
    for (const auto& [problem, choice] : json.items())
        choices[problem] = {choice.at(0).get<std::string>(), choice.at(1).get<uint32_t>(), choice.at(2).get<uint32_t>()};
    return choices;
}

void Trainer::save(const std::string& path) {
    if (averaged_)
        fail(ErrorCode::invalid_state, "The model holds its averaged weights; exchange them back before a checkpoint is made.");
    collect_finished(true);
    model_->device()->wait_all();
    ModelWriter writer;
    writer.add(model_->parameters());
    writer.add(model_->states());
    for (const auto& [name, arena] : update_->arenas()) writer.add(arena, text("optimizer.", name, "."));
    writer.add_architecture(model_->snapshot());
    writer.add_metadata(key, Json{{"version", version},
                                  {"run", facts()},
                                  {"step", step_},
                                  {"position", {position_.epoch, position_.offset}},
                                  {"images", finished_images_},
                                  {"metrics", {metrics_.epoch, metrics_.images, metrics_.correct}},
                                  {"loss_sum", metrics_.loss_sum},
                                  {"control", update_->control_state()},
                                  {"adaptive_batch", adaptive_batch_},
                                  {"adaptive_rate", adaptive_rate_},
                                  {"noise", noise_.state()},
                                  {"kernels", json_of(accumulate_plan().kernels())}}
                                 .dump());
    writer.write(path, Seal::crc32);
}

void Trainer::resume(const std::string& path) {
    const SafetensorsFile file = SafetensorsFile::open(path);
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end())
        fail(ErrorCode::file_malformed, "The file \"", path, "\" is no checkpoint of a training; it may be a finished model.");
    std::map<std::string, std::string> run;
    EpochMetrics metrics;
    Position position;
    int64_t step = 0, images = 0, adaptive_batch = 0;
    double adaptive_rate = 1;
    std::array<float, CONTROL_STATE> control{};
    std::array<double, 3> noise{};
    std::map<std::string, KernelChoice> kernels;
    try {
        const Json json = Json::parse(found->second);
        require(json.at("version").get<int>() == version, "The checkpoint \"", path, "\" is of version ",
                json.at("version").get<int>(), " (this library reads version ", version, ").");
        run = json.at("run").get<std::map<std::string, std::string>>();
        step = json.at("step").get<int64_t>();
        position = {json.at("position").at(0).get<int64_t>(), json.at("position").at(1).get<int64_t>()};
        images = json.at("images").get<int64_t>();
        const auto counts = json.at("metrics").get<std::array<int64_t, 3>>();
        metrics = {counts[0], counts[1], counts[2], json.at("loss_sum").get<double>()};
        control = json.at("control").get<std::array<float, CONTROL_STATE>>();
        adaptive_batch = json.at("adaptive_batch").get<int64_t>();
        adaptive_rate = json.at("adaptive_rate").get<double>();
        noise = json.at("noise").get<std::array<double, 3>>();
        if (json.contains("kernels")) kernels = choices_of(json["kernels"]); // not in the first files of this version
    } catch (const Json::exception&) {
        fail(ErrorCode::file_malformed, "The checkpoint \"", path, "\" lacks its position.");
    }
    const std::string differs = differences(run, facts());
    require(differs.empty(), "The checkpoint \"", path, "\" belongs to another training: ", differs, ".");
    require(step >= 0 && position.epoch >= 0 && position.epoch <= settings_.epochs && position.offset >= 0 &&
                position.offset < dataset_->size() && adaptive_batch >= micro_batch_ && adaptive_batch % micro_batch_ == 0 &&
                adaptive_batch <= dataset_->size(),
            "The checkpoint \"", path, "\" stands at step ", step, ", image ", position.offset, " of epoch ", position.epoch,
            ", which is outside the training.");

    // Everything is read and checked before anything is changed.
    const std::vector<float> parameters = read_arena(file, *model_->parameters().layout);
    const std::vector<float> statistics = read_arena(file, *model_->states().layout);
    std::vector<std::vector<float>> states;
    for (const auto& [name, arena] : update_->arenas())
        states.push_back(read_arena(file, *gradients_.layout, text("optimizer.", name, ".")));
    model_->device()->wait_all();
    use_kernels(kernels);
    model_->parameters().write(parameters);
    model_->states().write(statistics);
    for (size_t i = 0; i < states.size(); ++i) update_->arenas()[i].second.write(states[i]);
    update_->set_control_state(control);
    step_ = step;
    position_ = position;
    adaptive_batch_ = adaptive_batch;
    adaptive_rate_ = adaptive_rate;
    noise_.set_state(noise);
    metrics_ = metrics;
    finished_images_ = images;
    report_ = {};
    report_.skipped_steps = int64_t(control[CONTROL_SKIPPED]);
    averaged_ = false;
    forget_running(0);
    start_ns_ = 0;
    recent_count_ = 0;
    start_loader();
}

void Trainer::swap_average() {
    const Arena* average = update_->average();
    if (!average)
        fail(ErrorCode::invalid_state, "This training keeps no average of the weights; the option average asks for one.");
    collect_finished(true);
    model_->device()->wait_all();
    const std::vector<float> weights = model_->parameters().read();
    model_->parameters().write(average->read());
    average->write(weights);
    averaged_ = !averaged_;
}

} // namespace lemnos
