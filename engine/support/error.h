// Errors: every failure is one exception type that carries a result code of the C API and a whole sentence.
// The sentence names the value that was given and what is allowed; the C API hands it to lem_last_error().
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace lemnos {

// The values are those of lem_result in lemnos.h and never change.
enum class ErrorCode : int {
    invalid_argument = -10,
    invalid_state = -11,
    not_found = -12,
    out_of_host_memory = -20,
    out_of_device_memory = -21,
    unsupported = -30,
    no_device = -31,
    device_lost = -40,
    device_closed = -41,
    timeout = -42,
    file_unreadable = -50,
    file_malformed = -51,
    file_unwritable = -52,
    internal = -90,
};

class Error : public std::exception {
  public:
    Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
    ErrorCode code() const { return code_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    ErrorCode code_;
    std::string message_;
};

// Concatenates its arguments as a stream would print them: text("axis (", axis, ")").
template <typename... Parts>
std::string text(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return std::move(out).str();
}

// Throws an Error whose sentence is the concatenation of the parts.
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
    throw Error(code, text(parts...));
}

// Throws invalid_argument unless the condition holds.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
    if (!condition) fail(ErrorCode::invalid_argument, parts...);
}

} // namespace lemnos
