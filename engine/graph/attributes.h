// Attributes of an operator: named values, described by specifications that check them, give defaults and document
// them. A wrong name or value is refused at once, with the nearest known name.
#pragma once

#include "support/error.h"

#include <cstdint>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lemnos {

using AttributeValue = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;

enum class AttributeKind { integer, real, boolean, choice, text, integers, reals };

struct AttributeSpec {
    std::string name;
    AttributeKind kind = AttributeKind::integer;
    AttributeValue fallback;
    bool required = false;
    double minimum = 0, maximum = 0;  // inclusive, of numbers and of every element of lists
    bool below = false;               // the maximum itself is outside the range
    std::vector<std::string> choices; // of AttributeKind::choice
    int64_t length = -1;              // of lists; negative: any
    std::string help;
};

// Builders of specifications, so that an operator's table reads as its documentation.
AttributeSpec integer_attribute(const char* name, int64_t fallback, int64_t minimum, int64_t maximum, const char* help);
AttributeSpec real_attribute(const char* name, double fallback, double minimum, double maximum, const char* help);
AttributeSpec boolean_attribute(const char* name, bool fallback, const char* help);
AttributeSpec choice_attribute(const char* name, const char* fallback, std::vector<std::string> choices, const char* help);
AttributeSpec integers_attribute(const char* name, std::vector<int64_t> fallback, int64_t length, int64_t minimum,
                                 int64_t maximum, const char* help);
AttributeSpec reals_attribute(const char* name, std::vector<double> fallback, int64_t length, const char* help,
                              double minimum = -HUGE_VAL, double maximum = HUGE_VAL);
AttributeSpec text_attribute(const char* name, const char* fallback, const char* help);
AttributeSpec required(AttributeSpec spec);
AttributeSpec below(AttributeSpec spec); // the maximum is excluded: [0, 1)

class Attributes {
  public:
    using Values = std::map<std::string, AttributeValue, std::less<>>; // found by any text, without a copy of it
    Attributes() = default;
    Attributes(std::initializer_list<std::pair<const std::string, AttributeValue>> values) : values_(values) {}

    void set(const std::string& name, AttributeValue value) { values_[name] = std::move(value); }
    bool contains(std::string_view name) const { return values_.find(name) != values_.end(); }
    int64_t integer(std::string_view name) const { return get<int64_t>(name); }
    bool boolean(std::string_view name) const { return get<int64_t>(name) != 0; }
    double real(std::string_view name) const { return get<double>(name); }
    const std::string& choice(std::string_view name) const { return get<std::string>(name); }
    const std::string& text(std::string_view name) const { return get<std::string>(name); }
    const std::vector<int64_t>& integers(std::string_view name) const { return get<std::vector<int64_t>>(name); }
    const std::vector<double>& reals(std::string_view name) const { return get<std::vector<double>>(name); }
    const Values& all() const { return values_; }

    // Checks every value against the specifications and fills in what was left out. `owner` begins the sentences,
    // e.g. "Operator conv2d". Integers are accepted where reals are asked for.
    void complete(const std::vector<AttributeSpec>& specs, const std::string& owner);

  private:
    template <typename T>
    const T& get(std::string_view name) const {
        const auto found = values_.find(name);
        if (found == values_.end() || !std::holds_alternative<T>(found->second))
            fail(ErrorCode::internal, "The attribute ", name, " is missing or of another type.");
        return std::get<T>(found->second);
    }
    Values values_;
};

// As it would be written down: 0.1, 1,2,3, cosine; equal texts mean equal values.
std::string describe_value(const AttributeValue& value);
// " name=value" for every attribute, in the order of names; equal texts mean equal values.
std::string describe_options(const Attributes& attributes);

// The known name with the smallest edit distance, or empty when none is near.
std::string nearest_name(const std::string& given, const std::vector<std::string>& known);
// " Did you mean \"relu6\"?" or nothing.
std::string did_you_mean(const std::string& given, const std::vector<std::string>& known);

} // namespace lemnos
