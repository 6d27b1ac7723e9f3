// The defence that every function of the C API shares: nothing is thrown out of it, arguments are checked,
// outputs are zero after a failure, and the sentence of a failure goes to lem_last_error().
#pragma once

#include "handles.h"
#include "support/error.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace lemnos::capi {

// Keeps the sentence for this thread and gives the code back.
lem_result failed(ErrorCode code, std::string_view sentence) noexcept;

// The exception that is being handled, as a result.
lem_result current_failure() noexcept;

// Runs the body of a function. What it returns is the result; void means LEM_OK.
template <typename Body>
lem_result guarded(Body&& body) noexcept {
    try {
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
            return LEM_OK;
        } else {
            return body();
        }
    } catch (...) {
        return current_failure();
    }
}

// ---- arguments --------------------------------------------------------------------------------------------

// `what` is the parameter's name in lemnos.h.
template <typename Type>
Type& need(Type* pointer, const char* what) {
    if (!pointer) fail(ErrorCode::invalid_argument, "The argument ", what, " is NULL.");
    return *pointer;
}

inline const void* need(const void* pointer, const char* what) {
    if (!pointer) fail(ErrorCode::invalid_argument, "The argument ", what, " is NULL.");
    return pointer;
}

inline std::string need_string(const char* text, const char* what) { return std::string(&need(text, what)); }
bool is_utf8(std::string_view text);
std::string need_name(const char* text, const char* what); // not empty, and UTF-8
inline std::string optional_string(const char* text) { return text ? text : ""; }

// A count or a size from `least` to `most`.
void need_range(int64_t value, int64_t least, int64_t most, const char* what);

// An array that must be there when its count is not 0.
template <typename Type>
std::span<Type> need_array(Type* data, int64_t count, const char* what) {
    if (count > 0) need(data, what);
    return {data, size_t(count)};
}

// Bytes that the caller says are there must be exactly those that are needed.
void need_bytes(int64_t given, int64_t needed, const char* what);

DataType need_dtype(lem_dtype dtype);
Shape need_shape(const int64_t* extents, int32_t rank);

// A lock on an open device for the length of a call.
inline std::shared_lock<Gate> enter(const OnDevice& handle) {
    if (handle.gate->closing) fail(ErrorCode::device_closed, "The device ", handle.device->info().name, " has been closed.");
    std::shared_lock<Gate> lock(*handle.gate);
    handle.device->require_open();
    return lock;
}

// ---- outputs ----------------------------------------------------------------------------------------------

template <typename... Types>
void clear(Types*... outputs) noexcept {
    const auto one = [](auto* output) {
        if (output) *output = {};
    };
    (one(outputs), ...);
}

void give_text(lem_text** out, std::string characters);
void give_shape(const Shape& shape, int64_t* out_shape, int32_t capacity, int32_t* out_rank);

// ---- structures -------------------------------------------------------------------------------------------

// Refuses what is shorter than the first version of the structure, and what is longer when the part that this
// version does not know is not zero.
void check_struct_size(const void* structure, int32_t given, size_t first_version, size_t known,
                       const char* name);

// A copy of a descriptor that a caller of any version filled.
template <typename Structure>
Structure read_struct(const Structure& given, size_t first_version, const char* name) {
    check_struct_size(&given, given.struct_size, first_version, sizeof(Structure), name);
    Structure copy{};
    std::memcpy(&copy, &given, std::min(size_t(given.struct_size), sizeof copy));
    return copy;
}

// Sets all but struct_size to zero, where struct_size can be believed.
template <typename Structure>
void clear_struct(Structure* out) noexcept {
    if (!out || out->struct_size < int32_t(sizeof out->struct_size)) return;
    const size_t known = std::min(size_t(out->struct_size), sizeof(Structure));
    std::memset(reinterpret_cast<char*>(out) + sizeof out->struct_size, 0, known - sizeof out->struct_size);
}

// Fills the part of an output structure that its caller knows.
template <typename Structure>
void give_struct(Structure* out, Structure value) noexcept {
    value.struct_size = out->struct_size;
    std::memcpy(out, &value, std::min(size_t(out->struct_size), sizeof value));
}

} // namespace lemnos::capi
