#include "vulkan/kernel_choices.h"

#include "support/error.h"
#include "support/file.h"
#include "support/log.h"
#include "vulkan/instance.h"
#include "vulkan/pipeline.h"
#include "vulkan/profile.h"

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

namespace lemnos {

using Json = nlohmann::ordered_json;

static constexpr int file_version = 1;
static constexpr int64_t largest_file = 16 << 20;

std::string to_string(const KernelChoice& choice) {
    return choice.columns ? text(choice.kernel, " ", choice.columns, "x", choice.rows) : choice.kernel;
}

// ---- rules ----------------------------------------------------------------------------------------------------------

static std::string stem(const std::string& name) { return name.substr(0, name.find('.')); }

bool KernelChoices::named(const std::vector<std::string>& list, const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& entry) { return entry == name || entry == stem(name); });
}

static void require_known(const std::string& name) {
    std::vector<std::string> known{name_of(KernelFamily::scalar), name_of(KernelFamily::tiled)};
    for (const std::string& kernel : kernel_names())
        if (!is_family(kernel)) known.push_back(kernel);
    std::string list;
    for (const std::string& each : known) {
        if (each == name || stem(each) == name) return;
        list += text(list.empty() ? "" : ", ", each);
    }
    fail(ErrorCode::invalid_argument, "LEMNOS_KERNELS names \"", name, "\", which is no kernel (", list,
         " exist; a name after \"-\" is not used).");
}

KernelChoices::KernelChoices(const std::string& rules) {
    std::istringstream list(rules);
    for (std::string name; std::getline(list, name, ',');) {
        const bool deny = name.starts_with('-');
        if (deny) name.erase(0, 1);
        if (name.empty()) continue;
        require_known(name);
        (deny ? denied_ : wanted_).push_back(name);
    }
}

KernelChoices::KernelChoices(const KernelChoices& other)
    : wanted_(other.wanted_), denied_(other.denied_), offered_(other.offered_) {
    const std::lock_guard lock(other.mutex_);
    contents_ = other.contents_;
}

// ---- decisions and checks -------------------------------------------------------------------------------------------

std::optional<KernelChoice> KernelChoices::decision(const std::string& problem) const {
    const std::lock_guard lock(mutex_);
    const auto found = contents_.decisions.find(problem);
    return found == contents_.decisions.end() ? std::nullopt : std::optional(found->second.best);
}

KernelDecisions KernelChoices::decisions() const {
    const std::lock_guard lock(mutex_);
    return contents_.decisions;
}

void KernelChoices::decide(const std::string& problem, const KernelDecision& decision) {
    const std::lock_guard lock(mutex_);
    contents_.decisions[problem] = decision;
    changed_ = true;
}

void KernelChoices::replace_decisions(KernelDecisions decisions) {
    const std::lock_guard lock(mutex_);
    contents_.decisions = std::move(decisions);
    changed_ = decisions_replaced_ = true;
}

bool KernelChoices::checked(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return contents_.checked.contains(name);
}

void KernelChoices::note_checked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    changed_ |= contents_.checked.insert(name).second;
}

void KernelChoices::reject(const std::string& name, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    contents_.rejections[name] = reason;
    changed_ = true;
}

bool KernelChoices::rejected(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return contents_.rejections.contains(name);
}

std::map<std::string, std::string> KernelChoices::rejections() const {
    const std::lock_guard lock(mutex_);
    return contents_.rejections;
}

// ---- the file -------------------------------------------------------------------------------------------------------

static Json json_of(const KernelChoice& choice) { return {choice.kernel, choice.columns, choice.rows}; }

static KernelChoice choice_of(const Json& json) {
    return {json.at(0).get<std::string>(), json.at(1).get<uint32_t>(), json.at(2).get<uint32_t>()};
}

std::string KernelChoices::lines_of(const Contents& contents, const DeviceInfo& device) {
    std::string lines = Json{{"lemnos", "kernels"}, {"version", file_version}, {"name", device.name},
                             {"vendor", device.vendor_id}, {"device", device.device_id}, {"driver", device.driver_version},
                             {"shaders", shader_set_hash()}}.dump() + "\n";
    for (const auto& [problem, decision] : contents.decisions)
        lines += Json{{"problem", problem}, {"best", json_of(decision.best)}, {"default", json_of(decision.fallback)},
                      {"best_seconds", decision.best_seconds}, {"default_seconds", decision.fallback_seconds}}.dump() + "\n";
    for (const std::string& name : contents.checked) lines += Json{{"checked", name}}.dump() + "\n";
    for (const auto& [name, reason] : contents.rejections)
        lines += Json{{"rejected", name}, {"reason", reason}}.dump() + "\n";
    return lines;
}

KernelChoices::Contents KernelChoices::parse(const std::string& given, const DeviceInfo& device, bool same_driver) {
    std::istringstream lines(given);
    std::string line;
    Contents contents;
    try {
        std::getline(lines, line);
        const Json header = Json::parse(line);
        if (header.at("lemnos") != "kernels" || header.at("version") != file_version)
            fail(ErrorCode::file_malformed, "These decisions about kernels are of a form that this library does not know (it knows version ",
                 file_version, ").");
        if (header.at("vendor") != device.vendor_id || header.at("device") != device.device_id)
            fail(ErrorCode::invalid_argument, "These decisions about kernels hold for another device, ",
                 header.at("name").get<std::string>(), " (this one is ", device.name, ").");
        if (header.at("shaders") != shader_set_hash())
            fail(ErrorCode::invalid_argument, "These decisions about kernels hold for other kernels, those with the hash ",
                 header.at("shaders").get<std::string>(), " (this library's is ", shader_set_hash(), ").");
        if (same_driver && header.at("driver") != device.driver_version)
            fail(ErrorCode::invalid_argument, "These decisions about kernels hold for another version of the driver, ",
                 header.at("driver").get<uint32_t>(), " (this one is ", device.driver_version, ").");
        while (std::getline(lines, line)) {
            if (line.empty()) continue;
            const Json entry = Json::parse(line);
            if (entry.contains("checked")) contents.checked.insert(entry["checked"].get<std::string>());
            else if (entry.contains("rejected"))
                contents.rejections[entry["rejected"].get<std::string>()] = entry.at("reason").get<std::string>();
            else
                contents.decisions[entry.at("problem").get<std::string>()] = {
                    choice_of(entry.at("best")), choice_of(entry.at("default")), entry.at("best_seconds").get<double>(),
                    entry.at("default_seconds").get<double>()};
        }
    } catch (const Json::exception&) {
        fail(ErrorCode::file_malformed, "These decisions about kernels are damaged, in the line \"", line.substr(0, 200), "\".");
    }
    return contents;
}

std::string KernelChoices::decisions_text(const KernelDecisions& decisions, const DeviceInfo& device) {
    return lines_of({decisions, {}, {}}, device);
}

KernelDecisions KernelChoices::parse_decisions(const std::string& text, const DeviceInfo& device) {
    return parse(text, device, false).decisions;
}

static std::string text_of_file(const std::string& path) {
    const std::vector<uint8_t> bytes = read_file(path, largest_file);
    return {bytes.begin(), bytes.end()};
}

void KernelChoices::keep_on_disk(const DeviceInfo& device, const std::string& variant, const Log& log) {
    const std::string folder = user_cache_folder();
    if (folder.empty()) return;
    const std::lock_guard lock(mutex_);
    path_ = text(folder, "/kernels-", device.uuid, "-", variant, ".jsonl");
    for_ = std::make_shared<const DeviceInfo>(device);
    if (!file_exists(path_)) return;
    std::string kept;
    try {
        kept = text_of_file(path_);
        contents_ = parse(kept, device, true);
        log.line(Log::pipeline, "kernels,loaded,decisions,", contents_.decisions.size(), ",checked,", contents_.checked.size(),
                 ",rejected,", contents_.rejections.size());
    } catch (const Error& error) {
        const bool tuned = kept.find("\"problem\"") != std::string::npos; // checks are made again, and nobody misses them
        log.line(tuned ? Log::warning : Log::pipeline, "What was tuned is not used (", path_, "). ", error.what());
    }
}

// Other processes may have written meanwhile: what they checked and decided is kept, and what is new here is laid over it.
void KernelChoices::save(const Log& log) noexcept {
    try {
        const std::lock_guard lock(mutex_);
        if (!changed_ || path_.empty()) return;
        Contents all;
        if (file_exists(path_)) {
            try {
                all = parse(text_of_file(path_), *for_, true);
            } catch (const Error&) { // it holds for something else, and is replaced
            }
        }
        if (decisions_replaced_) all.decisions.clear();
        for (const auto& [problem, decision] : contents_.decisions) all.decisions[problem] = decision;
        all.checked.insert(contents_.checked.begin(), contents_.checked.end());
        all.rejections.insert(contents_.rejections.begin(), contents_.rejections.end());
        make_folders(user_cache_folder());
        const std::string lines = lines_of(all, *for_);
        write_atomically(path_, [&](FileWriter& file) { file.write(lines); });
        changed_ = decisions_replaced_ = false;
    } catch (const std::exception& error) { // a full disk must not fail the caller's work
        log.line(Log::pipeline, "kernels,unsaved,", error.what());
    }
}

} // namespace lemnos
