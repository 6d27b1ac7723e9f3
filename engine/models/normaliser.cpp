#include "models/normaliser.h"

#include "support/text.h"

#include <algorithm>
#include <cmath>

namespace lemnos {

static constexpr const char* forms =
    "batch, ghost:EXAMPLES, group:GROUPS, batch-group:EXAMPLESxGROUPS, instance or layer";

Normaliser Normaliser::parse(const std::string& text) {
    const auto refuse = [&]() {
        fail(ErrorCode::invalid_argument, "The normaliser \"", text, "\" is not known (", forms,
             " is meant).");
    };
    const auto number = [&](const std::string& digits, int64_t least) {
        double value = 0;
        if (!parse_number(digits, value)) refuse();
        require(value >= double(least) && value <= INT32_MAX && value == std::floor(value),
                "The normaliser \"", text, "\" has the size ", digits, " (whole numbers from ", least, " to ",
                INT32_MAX, " are allowed).");
        return int64_t(value);
    };
    const size_t colon = text.find(':');
    const std::string kind = text.substr(0, colon),
                      sizes = colon == std::string::npos ? "" : text.substr(colon + 1);
    const size_t times = sizes.find('x');
    if (text == "batch") return {};
    if (text == "instance") return {1, 0, false};
    if (text == "layer") return {1, 1, false};
    if (sizes.empty()) refuse();
    if (kind == "ghost") return {number(sizes, 1), 0, true};
    if (kind == "group") return {1, number(sizes, 1), false};
    if (kind != "batch-group" || times == std::string::npos) refuse();
    return {number(sizes.substr(0, times), 2), number(sizes.substr(times + 1), 1), true};
}

int64_t Normaliser::groups_of(int64_t channels, const std::string& layer) const {
    if (groups == 0) return 0;
    const int64_t span = std::max<int64_t>(channels / groups, 1);
    require(channels % span == 0, "The layer ", layer, " has ", channels, " channels, which ", groups,
            " groups, of ", span, " channels each, do not divide; choose a number of groups that does.");
    return channels / span;
}

AttributeSpec normaliser_option() {
    return text_attribute(
        "norm", "batch",
        "The normaliser: batch; ghost:E, batches of E examples in training; group:G, groups of channels; "
        "batch-group:ExG, both; instance or layer.");
}

} // namespace lemnos
