#include "train/policy.h"

#include "support/text.h"

namespace lemnos {

std::vector<SegmentPolicy> parse_policies(const std::string& text, const ArenaLayout& layout, bool decay_weights_alone) {
    std::vector<SegmentPolicy> policies;
    for (const Segment& segment : layout.segments())
        policies.push_back({.decay = decay_weights_alone && segment.shape.size() < 2 ? 0.0 : 1.0});
    for (const std::string& entry : split(text, ';')) {
        const std::vector<std::string> words = words_of(entry);
        if (words.empty()) continue;
        bool found = false;
        for (size_t i = 0; i < policies.size(); ++i) {
            if (!fits_pattern(words[0], layout.segments()[i].name)) continue;
            found = true;
            for (size_t word = 1; word < words.size(); ++word) {
                const size_t equals = words[word].find('=');
                const std::string key = words[word].substr(0, equals);
                double value = 0;
                require((key == "rate" || key == "decay") && equals != std::string::npos &&
                            parse_number(words[word].substr(equals + 1), value) && value >= 0 && value <= 1e6,
                        "The policy \"", entry, "\" has \"", words[word], "\", where rate=FACTOR or decay=FACTOR (0 to 1000000) is meant.");
                (key == "rate" ? policies[i].rate : policies[i].decay) = value;
            }
        }
        require(found, "The policy \"", entry, "\" fits no parameter of the model (the first is named \"",
                layout.segments().empty() ? "" : layout.segments()[0].name, "\").");
    }
    return policies;
}

} // namespace lemnos
