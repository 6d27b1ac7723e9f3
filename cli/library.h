// The C API for this program: handles that release themselves, and failures that are thrown.
#pragma once

#include "terminal.h"

#include <lemnos/lemnos.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace lemnos::cli {

using Json = nlohmann::ordered_json;

// What the user is told after "lemnos: ", and the exit status.
class Failure : public std::runtime_error {
  public:
    explicit Failure(const std::string& sentence, int status = 1)
        : std::runtime_error(sentence), status_(status) {}
    int status() const { return status_; }

  private:
    int status_;
};

// Gives positive results back and throws the library's sentence for negative ones.
inline lem_result check(lem_result result) {
    if (result < 0) throw Failure(lem_last_error());
    return result;
}

template <typename Object, void (*release)(Object*)>
class Handle {
  public:
    Handle() = default;
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Handle() { release(object_); }

    operator Object*() const { return object_; }
    Object** out() { return &object_; } // of a function that creates

  private:
    Object* object_ = nullptr;
};

using Device = Handle<lem_device, lem_device_release>;
using Model = Handle<lem_model, lem_model_release>;
using Dataset = Handle<lem_dataset, lem_dataset_release>;
using Optimizer = Handle<lem_optimizer, lem_optimizer_release>;
using Schedule = Handle<lem_schedule, lem_schedule_release>;
using Trainer = Handle<lem_trainer, lem_trainer_release>;
using Predictor = Handle<lem_predictor, lem_predictor_release>;
using Text = Handle<lem_text, lem_text_release>;

// The JSON that a function writes: json([&](lem_text** out) { return lem_devices_json(out); }).
template <typename Function>
Json json(Function&& function) {
    Text text;
    check(function(text.out()));
    return Json::parse(lem_text_data(text));
}

// A warning is a sentence for people; the log's other lines are for programs and stay as they are.
inline void show_log(void*, const char* line) {
    const std::string_view text = line, warning = "lemnos,1,warning,";
    if (!text.starts_with(warning)) {
        std::fprintf(stderr, "%s\n", line);
        return;
    }
    const char* over = is_terminal(Stream::error) ? "\r\033[K" : ""; // what is being done may stand there
    std::fprintf(stderr, "%slemnos: Warning: %s\n", over, line + warning.size());
}

inline Device open_device(const std::string& wanted) {
    lem_host host = LEM_HOST_INIT;
    host.log = show_log;
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    desc.host = &host;
    if (!wanted.empty()) desc.wanted = wanted.c_str();
    Device device;
    check(lem_device_open(&desc, device.out()));
    return device;
}

} // namespace lemnos::cli
