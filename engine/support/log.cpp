#include "support/log.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace lemnos {

static constexpr std::array<std::pair<std::string_view, Log::Topic>, 7> topic_names{{{"error", Log::error},
                                                                                     {"plan", Log::plan},
                                                                                     {"run", Log::run},
                                                                                     {"memory", Log::memory},
                                                                                     {"pipeline", Log::pipeline},
                                                                                     {"validation", Log::validation},
                                                                                     {"warning", Log::warning}}};

uint32_t Log::parse_topics(std::string_view list) {
    uint32_t topics = 0;
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view name = list.substr(0, comma);
        for (const auto& [known, topic] : topic_names)
            if (name == known || name == "all") topics |= topic;
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
    return topics;
}

uint32_t Log::environment_topics() {
    const char* list = std::getenv("LEMNOS_VERBOSE");
    return list ? parse_topics(list) : uint32_t(warning);
}

std::string Log::field(std::string name) {
    for (char& c : name)
        if (c == ',' || c == '\n' || c == '\r') c = ' ';
    return name;
}

void Log::write(Topic topic, const std::string& fields) const {
    std::string_view name;
    for (const auto& [known, value] : topic_names)
        if (value == topic) name = known;
    std::string line = text("lemnos,1,", name, ",", fields);
    for (char& c : line)
        if (c == '\n' || c == '\r') c = ' '; // drivers write some; an event is one line
    if (sink_)
        sink_(line);
    else
        std::fprintf(stderr, "%s\n", line.c_str());
}

} // namespace lemnos
