// LEMNOS_KERNELS: names of kernel families, separated by commas. Named families are used and no others; those with a minus
// before them are not used: "tiled", "coopmat,tiled", "-coopmat2".
#pragma once

#include "support/error.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace lemnos {

class KernelNames {
  public:
    static KernelNames from_environment() {
        const char* value = std::getenv("LEMNOS_KERNELS");
        return KernelNames(value ? value : "");
    }
    explicit KernelNames(const std::string& list) {
        static constexpr const char* known[] = {"scalar", "tiled", "coopmat", "coopmat2"};
        for (size_t from = 0; from < list.size();) {
            const size_t end = std::min(list.find(',', from), list.size());
            const bool denied = list[from] == '-';
            const std::string name = list.substr(from + denied, end - from - denied);
            if (std::find(std::begin(known), std::end(known), name) == std::end(known))
                fail(ErrorCode::invalid_argument, "LEMNOS_KERNELS names the kernel family \"", name,
                     "\" (\"scalar\", \"tiled\", \"coopmat\" and \"coopmat2\" exist).");
            (denied ? denied_ : wanted_).push_back(name);
            from = end + 1;
        }
    }

    bool wants(const std::string& name) const { return has(wanted_, name); }
    bool denies(const std::string& name) const { return has(denied_, name); }
    bool chooses() const { return !wanted_.empty(); }

  private:
    static bool has(const std::vector<std::string>& names, const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    }
    std::vector<std::string> wanted_, denied_;
};

} // namespace lemnos
