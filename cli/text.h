// Numbers, durations and columns as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lemnos::cli {

std::string thousands(int64_t value);                     // 3,504,872
std::string fixed(double value, int decimals);            // 0.612
std::string percent(double fraction, int decimals = 1);   // 78.4 %
std::string duration(double seconds);                     // 1:42, 2:03:04
std::string bytes_text(int64_t bytes);                    // 23.5 GiB
// The bytes that "1500000", "1.5M" or "3 MiB" stand for (K, M, G: thousands; KiB, MiB, GiB: 1,024s); -1: none.
int64_t bytes_from(std::string_view text);
std::string product(const std::vector<int64_t>& extents); // 28 x 28 x 1

// How many columns of a terminal a UTF-8 text takes, as far as one needs to know: one each character.
int columns_of(std::string_view text);
// The text cut to so many columns, with an ellipsis where it was cut.
std::string shortened(const std::string& text, int columns);
// Lines of at most `width` columns, broken at spaces.
std::vector<std::string> wrapped(const std::string& text, int width);

// The name with the smallest edit distance, or empty when none is near.
std::string nearest(const std::string& given, const std::vector<std::string>& known);
// " Did you mean --width?" or nothing.
std::string did_you_mean(const std::string& given, const std::vector<std::string>& known);

} // namespace lemnos::cli
