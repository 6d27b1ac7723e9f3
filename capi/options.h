// Options and their descriptions as JSON.
#pragma once

#include "graph/attributes.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace lemnos::capi {

using Json = nlohmann::ordered_json;

// Bytes of foreign origin (names of files and folders) may not be UTF-8; what is not is replaced.
inline std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

// Names of classes: a list of texts, in UTF-8.
std::vector<std::string> class_names_from(const Json& json, const std::string& owner);

// The options of lem_dataset_open: those of the engine, and class_names.
const std::vector<AttributeSpec>& dataset_options();

// Those of lem_device_profile_start.
const std::vector<AttributeSpec>& profile_options();

} // namespace lemnos::capi
