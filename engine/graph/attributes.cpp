#include "graph/attributes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace lemnos {

AttributeSpec integer_attribute(const char* name, int64_t fallback, int64_t minimum, int64_t maximum,
                                const char* help) {
    return {name, AttributeKind::integer, fallback, false, double(minimum), double(maximum), false, {}, -1, help};
}

AttributeSpec real_attribute(const char* name, double fallback, double minimum, double maximum, const char* help) {
    return {name, AttributeKind::real, fallback, false, minimum, maximum, false, {}, -1, help};
}

AttributeSpec boolean_attribute(const char* name, bool fallback, const char* help) {
    return {name, AttributeKind::boolean, int64_t(fallback), false, 0, 1, false, {}, -1, help};
}

AttributeSpec choice_attribute(const char* name, const char* fallback, std::vector<std::string> choices,
                               const char* help) {
    return {name, AttributeKind::choice, std::string(fallback), false, 0, 0, false, std::move(choices), -1, help};
}

AttributeSpec integers_attribute(const char* name, std::vector<int64_t> fallback, int64_t length, int64_t minimum,
                                 int64_t maximum, const char* help) {
    return {name,   AttributeKind::integers, std::move(fallback), false, double(minimum), double(maximum), false, {},
            length, help};
}

AttributeSpec reals_attribute(const char* name, std::vector<double> fallback, int64_t length, const char* help,
                              double minimum, double maximum) {
    return {name, AttributeKind::reals, std::move(fallback), false, minimum, maximum, false, {}, length, help};
}

AttributeSpec text_attribute(const char* name, const char* fallback, const char* help) {
    return {name, AttributeKind::text, std::string(fallback), false, 0, 0, false, {}, -1, help};
}

AttributeSpec required(AttributeSpec spec) {
    spec.required = true;
    return spec;
}

AttributeSpec below(AttributeSpec spec) {
    spec.below = true;
    return spec;
}

static const char* kind_name(AttributeKind kind) {
    switch (kind) {
    case AttributeKind::integer: return "an integer";
    case AttributeKind::real: return "a number";
    case AttributeKind::boolean: return "true or false";
    case AttributeKind::choice: return "a name";
    case AttributeKind::text: return "a text";
    case AttributeKind::integers: return "a list of integers";
    default: return "a list of numbers";
    }
}

// As it would be written down: whole numbers with all their digits, others with as few as identify them.
static std::string number_text(double value) {
    constexpr double exact = 9007199254740992.0; // 2^53
    if (value == std::floor(value) && std::abs(value) <= exact) return text(int64_t(value));
    std::array<char, 32> out{};
    return {out.data(), std::to_chars(out.data(), out.data() + out.size(), value).ptr};
}
static std::string number_text(int64_t value) { return text(value); }

template <typename Number>
static void check_range(const AttributeSpec& spec, Number value, const std::string& owner) {
    const double number = double(value);
    if (number >= spec.minimum && (spec.below ? number < spec.maximum : number <= spec.maximum)) return;
    fail(ErrorCode::invalid_argument, owner, ": the attribute ", spec.name, " (", number_text(value),
         ") is outside its range (", number_text(spec.minimum), spec.below ? " to below " : " to ",
         number_text(spec.maximum), ").");
}

template <typename T>
static void check_list(const AttributeSpec& spec, const std::vector<T>& list, const std::string& owner) {
    if (spec.length >= 0 && int64_t(list.size()) != spec.length)
        fail(ErrorCode::invalid_argument, owner, ": the attribute ", spec.name, " has ", list.size(), " elements (",
             spec.length, " are needed).");
    for (T element : list) check_range(spec, element, owner);
}

// Converts where nothing is lost: an integer to a real, an empty or integer list to a list of reals.
static AttributeValue converted(AttributeValue value, AttributeKind kind) {
    if (kind == AttributeKind::real && std::holds_alternative<int64_t>(value))
        return double(std::get<int64_t>(value));
    constexpr double exact = 9007199254740992.0; // 2^53
    if (const auto* real = std::get_if<double>(&value);
        real && kind == AttributeKind::integer && *real == std::floor(*real) && std::abs(*real) <= exact)
        return int64_t(*real);
    if (kind == AttributeKind::reals && std::holds_alternative<std::vector<int64_t>>(value)) {
        const auto& integers = std::get<std::vector<int64_t>>(value);
        return std::vector<double>(integers.begin(), integers.end());
    }
    return value;
}

static bool matches(const AttributeValue& value, AttributeKind kind) {
    switch (kind) {
    case AttributeKind::integer:
    case AttributeKind::boolean: return std::holds_alternative<int64_t>(value);
    case AttributeKind::real: return std::holds_alternative<double>(value);
    case AttributeKind::choice:
    case AttributeKind::text: return std::holds_alternative<std::string>(value);
    case AttributeKind::integers: return std::holds_alternative<std::vector<int64_t>>(value);
    default: return std::holds_alternative<std::vector<double>>(value);
    }
}

// What was given, where it is a text or a number.
static std::string given_text(const AttributeValue& value) {
    if (const auto* given = std::get_if<std::string>(&value)) return text(" (\"", *given, "\" was given)");
    return std::holds_alternative<double>(value) ? text(" (", describe_value(value), " was given)") : std::string();
}

// What may be taken instead: the name that is meant, or all there are where none is near ("lr" for "rate").
static std::string instead_of(const std::string& name, const std::vector<std::string>& known) {
    const std::string meant = did_you_mean(name, known);
    if (!meant.empty()) return meant;
    std::string all;
    for (const std::string& each : known) all += (all.empty() ? " It has " : ", ") + each;
    return known.empty() ? " It has none." : all + ".";
}

void Attributes::complete(const std::vector<AttributeSpec>& specs, const std::string& owner) {
    std::vector<std::string> known;
    for (const AttributeSpec& spec : specs) known.push_back(spec.name);
    for (const auto& [name, value] : values_)
        if (std::find(known.begin(), known.end(), name) == known.end())
            fail(ErrorCode::invalid_argument, owner, " has no attribute \"", name, "\".", instead_of(name, known));
    for (const AttributeSpec& spec : specs) {
        const auto found = values_.find(spec.name);
        if (found == values_.end()) {
            if (spec.required) fail(ErrorCode::invalid_argument, owner, ": the attribute ", spec.name, " must be given.");
            values_[spec.name] = spec.fallback;
            continue;
        }
        found->second = converted(std::move(found->second), spec.kind);
        const AttributeValue& value = found->second;
        if (!matches(value, spec.kind))
            fail(ErrorCode::invalid_argument, owner, ": the attribute ", spec.name, " must be ", kind_name(spec.kind),
                 given_text(value), ".");
        if (const auto* integer = std::get_if<int64_t>(&value)) check_range(spec, *integer, owner);
        if (const auto* real = std::get_if<double>(&value)) check_range(spec, *real, owner);
        if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) check_list(spec, *list, owner);
        if (const auto* list = std::get_if<std::vector<double>>(&value)) check_list(spec, *list, owner);
        if (const auto* choice = std::get_if<std::string>(&value); choice && spec.kind == AttributeKind::choice)
            if (std::find(spec.choices.begin(), spec.choices.end(), *choice) == spec.choices.end()) {
                std::string choices;
                for (const std::string& each : spec.choices) choices += (choices.empty() ? "" : ", ") + each;
                fail(ErrorCode::invalid_argument, owner, ": the attribute ", spec.name, " (\"", *choice,
                     "\") is none of its choices (", choices, ").", did_you_mean(*choice, spec.choices));
            }
    }
}

std::string describe_value(const AttributeValue& value) {
    std::ostringstream out;
    out.precision(17);
    std::visit(
        [&](const auto& held) {
            using Held = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<Held, std::vector<int64_t>> || std::is_same_v<Held, std::vector<double>>)
                for (size_t i = 0; i < held.size(); ++i) out << (i ? "," : "") << held[i];
            else if constexpr (std::is_same_v<Held, double>)
                out << number_text(held);
            else
                out << held;
        },
        value);
    return out.str();
}

std::string describe_options(const Attributes& attributes) {
    std::string all;
    for (const auto& [name, value] : attributes.all()) all += text(" ", name, "=", describe_value(value));
    return all;
}

static size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i);
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row.back();
}

std::string nearest_name(const std::string& given, const std::vector<std::string>& known) {
    constexpr size_t telling = 3; // characters of a beginning, which says more than a small distance
    for (const std::string& name : known)
        if (given.size() >= telling && name.starts_with(given)) return name;
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
    const std::string nearest = nearest_name(given, known);
    return nearest.empty() ? std::string() : text(" Did you mean \"", nearest, "\"?");
}

} // namespace lemnos
