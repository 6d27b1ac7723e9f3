// All architectures, from the list in models.def.
#include "models/architecture.h"

#define LEMNOS_ARCHITECTURE(name) lemnos::ArchitectureBuilder define_architecture_##name();
#include "models/models.def"
#undef LEMNOS_ARCHITECTURE

namespace lemnos {

std::span<const ArchitectureBuilder> all_architectures() {
    static const std::vector<ArchitectureBuilder> builders{
#define LEMNOS_ARCHITECTURE(name) define_architecture_##name(),
#include "models/models.def"
#undef LEMNOS_ARCHITECTURE
    };
    return builders;
}

Architecture build_architecture(const std::string& name, Attributes options) {
    std::vector<std::string> known;
    for (const ArchitectureBuilder& builder : all_architectures()) {
        known.push_back(builder.name);
        if (name != builder.name) continue;
        options.complete(builder.options, text("Model ", name));
        return builder.build(options);
    }
    std::string hint = did_you_mean(name, known);
    if (hint.empty())
        for (const std::string& each : known) hint += text(hint.empty() ? " There are " : ", ", each);
    fail(ErrorCode::not_found, "There is no model \"", name, "\".", hint, hint.ends_with('?') ? "" : ".");
}

} // namespace lemnos
