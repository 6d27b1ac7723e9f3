#include "text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace lemnos::cli {

std::string thousands(int64_t value) {
    std::string digits = std::to_string(value);
    const size_t first = value < 0 ? 1 : 0;
    for (size_t place = digits.size(); place > first + 3; place -= 3) digits.insert(place - 3, ",");
    return digits;
}

std::string fixed(double value, int decimals) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    return buffer;
}

std::string percent(double fraction, int decimals) { return fixed(fraction * 100, decimals) + " %"; }

std::string duration(double seconds) {
    const int64_t whole = std::isfinite(seconds) && seconds > 0 && seconds < 1e15 ? std::llround(seconds) : 0;
    char buffer[64];
    if (whole >= 3600)
        std::snprintf(buffer, sizeof buffer, "%lld:%02d:%02d", static_cast<long long>(whole / 3600),
                      int(whole / 60 % 60), int(whole % 60));
    else
        std::snprintf(buffer, sizeof buffer, "%d:%02d", int(whole / 60), int(whole % 60));
    return buffer;
}

std::string bytes_text(int64_t bytes) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = double(bytes);
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
    return fixed(value, unit == 0 ? 0 : 1) + " " + units[unit];
}

int64_t bytes_from(std::string_view text) {
    const std::string digits(text.substr(0, std::min<size_t>(text.find_first_not_of("0123456789."), 18)));
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    if (digits.empty() || *end || digits[0] == '.') return -1;
    std::string_view unit = text.substr(digits.size());
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    double scale = 1;
    if (!unit.empty() && unit != "B") {
        const size_t power = std::string_view("KMGT").find(unit[0]);
        const std::string_view rest = unit.substr(1);
        if (power == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) return -1;
        scale = std::pow(rest == "iB" ? 1024.0 : 1000.0, double(power + 1));
    }
    const double bytes = value * scale;
    return bytes <= 0x1p62 ? int64_t(bytes) : -1;
}

std::string product(const std::vector<int64_t>& extents) {
    std::string text;
    for (int64_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text;
}

static bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

int columns_of(std::string_view text) {
    return int(std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

std::string shortened(const std::string& text, int columns) {
    if (columns_of(text) <= columns) return text;
    constexpr std::string_view ellipsis = "...";
    std::string cut;
    int used = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if (!continues(text[i]) && used++ == columns - int(ellipsis.size())) break;
        cut += text[i];
    }
    return columns > int(ellipsis.size()) ? cut.append(ellipsis) : cut;
}

std::vector<std::string> wrapped(const std::string& text, int width) {
    std::vector<std::string> lines;
    std::string line;
    size_t at = 0;
    while (at < text.size()) {
        const size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!line.empty() && columns_of(line) + 1 + columns_of(word) > width) {
            lines.push_back(line);
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
        at = end + 1;
    }
    if (!line.empty() || lines.empty()) lines.push_back(line);
    return lines;
}

static size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row.back();
}

std::string nearest(const std::string& given, const std::vector<std::string>& known) {
    std::string best;
    size_t best_distance = std::max<size_t>(2, given.size() / 2) + 1;
    for (const std::string& name : known)
        if (const size_t distance = edit_distance(given, name); distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    return best;
}

std::string did_you_mean(const std::string& given, const std::vector<std::string>& known) {
    const std::string name = nearest(given, known);
    return name.empty() ? "" : " Did you mean " + name + "?";
}

} // namespace lemnos::cli
