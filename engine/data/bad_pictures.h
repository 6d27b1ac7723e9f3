// Pictures that cannot be decoded, found when a data set is opened, for those who want them left out.
#pragma once

#include "data/dataset.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lemnos {

// Decodes pictures 0 … count - 1 by `decode` on all of the machine's threads, and returns what is wrong with
// each; empty where nothing is.
std::vector<std::string> find_bad_pictures(int64_t count, const std::function<void(int64_t)>& decode);

// Takes out the items whose picture cannot be decoded; `decode` reads that of a place among them.
template <typename Item>
void leave_out_bad(std::vector<Item>& items, const std::function<void(int64_t)>& decode, SkipReport& report) {
    const std::vector<std::string> wrong = find_bad_pictures(static_cast<int64_t>(items.size()), decode);
    std::vector<Item> left;
    for (size_t i = 0; i < items.size(); ++i)
        if (wrong[i].empty())
            left.push_back(std::move(items[i]));
        else
            report.add_picture(wrong[i]);
    items = std::move(left);
}

} // namespace lemnos
