#include "train/policy.h"

#include "support/text.h"

#include <cmath>
#include <set>
#include <string_view>

namespace lemnos {

static bool is_normalisation(const Node& node) {
    const std::string_view op = node.op ? node.op->name : "";
    return op == "batch_norm" || op == "normalisation";
}

// Parameters by name, or by what they are to a normalisation: its inputs are x, gamma, beta.
class Selector {
  public:
    Selector(const std::string& word, const Graph& graph) : pattern_(word) {
        if (!word.starts_with('@')) return;
        require(word == "@gamma" || word == "@beta", "The policies have \"", word,
                "\", which is neither @gamma nor @beta: the scales and the shifts of normalisations.");
        const size_t input = word == "@gamma" ? 1 : 2;
        for (const Node& node : graph.nodes())
            if (is_normalisation(node) && input < node.inputs.size() && node.inputs[input])
                names_.insert(graph.node(node.inputs[input].node).name);
    }
    bool by_role() const { return pattern_.starts_with('@'); }
    bool selects(const std::string& name) const {
        return by_role() ? names_.contains(name) : fits_pattern(pattern_, name);
    }

  private:
    std::string pattern_;
    std::set<std::string> names_;
};

// One word of an entry; false where it is none.
static bool apply(const std::string& word, SegmentPolicy& policy) {
    if (word == "frozen") return policy.frozen = true;
    const size_t equals = word.find('=');
    double value = 0;
    if (equals == std::string::npos || !parse_number(word.substr(equals + 1), value) || std::abs(value) > 1e6) return false;
    const std::string key = word.substr(0, equals);
    if (key == "target") {
        policy.target = value;
        return true;
    }
    if ((key != "rate" && key != "decay") || value < 0) return false;
    (key == "rate" ? policy.rate : policy.decay) = value;
    policy.frozen &= key != "rate";
    return true;
}

std::vector<SegmentPolicy> parse_policies(const std::string& text, const Graph& graph, const ArenaLayout& layout,
                                          bool decay_weights_alone) {
    std::vector<SegmentPolicy> policies;
    for (const Segment& segment : layout.segments())
        policies.push_back({.decay = decay_weights_alone && segment.shape.size() < 2 ? 0.0 : 1.0});
    for (const std::string& entry : split(text, ';')) {
        const std::vector<std::string> words = words_of(entry);
        if (words.empty()) continue;
        require(words.size() > 1, "The policy \"", entry, "\" says nothing of what it selects (frozen, rate=FACTOR, decay=FACTOR or "
                "target=VALUE is meant).");
        const Selector selector(words[0], graph);
        bool found = false;
        for (size_t i = 0; i < policies.size(); ++i) {
            if (!selector.selects(layout.segments()[i].name)) continue;
            found = true;
            for (size_t word = 1; word < words.size(); ++word)
                require(apply(words[word], policies[i]), "The policy \"", entry, "\" has \"", words[word],
                        "\", where frozen, rate=FACTOR or decay=FACTOR (0 to 1000000), or target=VALUE (-1000000 to 1000000) is "
                        "meant.");
        }
        require(found || !selector.by_role(), "The policy \"", entry, "\" fits nothing: no normalisation of the model has such a "
                "parameter.");
        require(found, "The policy \"", entry, "\" fits no parameter of the model (the first is named \"",
                layout.segments().empty() ? "" : layout.segments()[0].name, "\").");
    }
    return policies;
}

std::vector<std::string> normalisations_fitting(const std::string& patterns, const Graph& graph) {
    std::vector<std::string> all, fitting;
    for (const Node& node : graph.nodes())
        if (node.op && std::string_view(node.op->name) == "batch_norm") all.push_back(node.name);
    for (const std::string& entry : split(patterns, ';'))
        for (const std::string& pattern : words_of(entry)) {
            const size_t before = fitting.size();
            for (const std::string& name : all)
                if (fits_pattern(pattern, name)) fitting.push_back(name);
            require(fitting.size() > before, "The pattern \"", pattern, "\" fits no layer of batch normalisation of the model (",
                    all.empty() ? "it has none" : text("the first is named \"", all[0], "\""), ").");
        }
    return fitting;
}

} // namespace lemnos
