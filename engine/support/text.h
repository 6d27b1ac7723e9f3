// Small texts that people write: lists, words, numbers.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <vector>

namespace lemnos {

// The parts between separators, empty ones too; at least one.
inline std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text)
        if (c == separator) parts.emplace_back();
        else parts.back() += c;
    return parts;
}

// The parts between blanks, none of them empty.
inline std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    bool in_word = false;
    for (char c : text) {
        const bool blank = c == ' ' || c == '\t' || c == '\n';
        if (!blank && !in_word) words.emplace_back();
        if (!blank) words.back() += c;
        in_word = !blank;
    }
    return words;
}

// Whether the whole name fits: `*` matches any text, `?` any character.
inline bool fits_pattern(const std::string& whole_pattern, const std::string& whole_name) {
    const char *pattern = whole_pattern.c_str(), *name = whole_name.c_str();
    const char *star = nullptr, *resume = nullptr; // what follows the last `*` is tried at every place
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            ++pattern;
            ++name;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') ++pattern;
    return *pattern == 0;
}

// The whole text as a finite number.
inline bool parse_number(const std::string& text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

} // namespace lemnos
