// The log: one line per event, comma-separated, first field the format's version, chosen by LEMNOS_VERBOSE,
// e.g. LEMNOS_VERBOSE=plan,pipeline; where it is not set there are warnings alone. A line: "lemnos,1,<topic>,<fields...>".
// There is no global log: a device owns one.
#pragma once

#include "support/error.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lemnos {

class Log {
  public:
    enum Topic : uint32_t { error = 1, plan = 2, run = 4, memory = 8, pipeline = 16, validation = 32, warning = 64 };
    using Sink = std::function<void(std::string_view line)>; // called from any thread

    // Topics named in a comma-separated list; unknown names are ignored, "all" means every topic.
    static uint32_t parse_topics(std::string_view list);
    // Topics of the environment variable LEMNOS_VERBOSE, warnings where it is not set.
    static uint32_t environment_topics();
    // With these topics; lines go to standard error.
    static Log from_environment() { return Log(environment_topics()); }

    explicit Log(uint32_t topics = 0, Sink sink = {}) : topics_(topics), sink_(std::move(sink)) {}
    bool wants(Topic topic) const { return (topics_ & topic) != 0; }

    // A name as a field: without commas and ends of lines.
    static std::string field(std::string name);

    // Never fails: what cannot be logged is left out.
    template <typename... Fields>
    void line(Topic topic, const Fields&... fields) const noexcept {
        if (!wants(topic)) return;
        try {
            write(topic, text(fields...));
        } catch (...) {
        }
    }

  private:
    void write(Topic topic, const std::string& fields) const;
    uint32_t topics_;
    Sink sink_;
};

} // namespace lemnos
