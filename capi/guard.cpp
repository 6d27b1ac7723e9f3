#include "guard.h"

#include <algorithm>

namespace lemnos::capi {

static constexpr char no_memory[] = "The host has not enough memory for this call.";

// The sentence of the last failure on this thread. When there is no memory even for that, a constant stands
// in.
struct LastError {
    std::string kept;
    const char* shown = "";
};
static thread_local LastError last_error;

lem_result failed(ErrorCode code, std::string_view sentence) noexcept {
    try {
        last_error.kept = sentence;
        last_error.shown = last_error.kept.c_str();
    } catch (...) {
        last_error.shown = no_memory;
    }
    return lem_result(int(code));
}

lem_result current_failure() noexcept {
    try {
        throw;
    } catch (const Error& error) {
        return failed(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return failed(ErrorCode::out_of_host_memory, no_memory);
    } catch (const std::length_error&) { // a container that was asked for more than can exist
        return failed(ErrorCode::out_of_host_memory, no_memory);
    } catch (const std::exception& error) {
        try {
            return failed(ErrorCode::internal,
                          text("A fault of the library, please report it: ", error.what(), "."));
        } catch (...) {
        }
    } catch (...) {
    }
    return failed(ErrorCode::internal, "A fault of the library that cannot be named; please report it.");
}

// ---- arguments --------------------------------------------------------------------------------------------

// Well-formed as the Unicode Standard's table 3-7 says: no overlong forms, no surrogates, nothing above
// U+10FFFF.
bool is_utf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto byte = [&](size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
        };
        const unsigned lead = byte(i);
        const int tail = lead < 0x80                   ? 0
                         : lead >= 0xc2 && lead < 0xe0 ? 1
                         : (lead & 0xf0) == 0xe0       ? 2
                         : lead >= 0xf0 && lead < 0xf5 ? 3
                                                       : -1;
        if (tail < 0) return false;
        unsigned least = 0x80, most = 0xbf; // of the second byte
        if (lead == 0xe0) least = 0xa0;
        if (lead == 0xed) most = 0x9f;
        if (lead == 0xf0) least = 0x90;
        if (lead == 0xf4) most = 0x8f;
        for (int k = 1; k <= tail; ++k) {
            const unsigned next = byte(i + size_t(k));
            if (next < (k == 1 ? least : 0x80) || next > (k == 1 ? most : 0xbf)) return false;
        }
        i += size_t(tail) + 1;
    }
    return true;
}

std::string need_name(const char* given, const char* what) {
    std::string name = need_string(given, what);
    require(!name.empty(), "The argument ", what, " is an empty text.");
    require(is_utf8(name), "The argument ", what, " is not UTF-8.");
    return name;
}

void need_range(int64_t value, int64_t least, int64_t most, const char* what) {
    require(value >= least, "The argument ", what, " (", value, ") is below ", least, ".");
    require(value <= most, "The argument ", what, " (", value, ") is above ", most, ".");
}

void need_bytes(int64_t given, int64_t needed, const char* what) {
    require(given == needed, "The argument ", what, " (", given, ") is not the size that is needed (", needed,
            ").");
}

DataType need_dtype(lem_dtype dtype) {
    for (DataType known : {DataType::f32, DataType::f16, DataType::i32, DataType::u8})
        if (int64_t(dtype) == int64_t(known)) return known;
    fail(ErrorCode::invalid_argument, "The argument dtype (", int64_t(dtype),
         ") is none of LEM_DTYPE_F32 (1), LEM_DTYPE_F16 (2), LEM_DTYPE_I32 (16) and LEM_DTYPE_U8 (32).");
}

Shape need_shape(const int64_t* extents, int32_t rank) {
    constexpr int32_t most = 8;
    need_range(rank, 0, most, "rank");
    const std::span<const int64_t> given = need_array(extents, rank, "shape");
    Shape shape(given.begin(), given.end());
    for (size_t i = 0; i < shape.size(); ++i)
        require(shape[i] >= 1, "The extent ", i, " of the shape (", shape[i], ") is below 1.");
    return shape;
}

// ---- outputs ----------------------------------------------------------------------------------------------

void give_text(lem_text** out, std::string characters) {
    need(out, "out") = new lem_text{std::move(characters)};
}

void give_shape(const Shape& shape, int64_t* out_shape, int32_t capacity, int32_t* out_rank) {
    need_range(capacity, 0, INT32_MAX, "capacity");
    const std::span<int64_t> out = need_array(out_shape, capacity, "out_shape");
    need(out_rank, "out_rank") = int32_t(shape.size());
    std::copy_n(shape.begin(), std::min(shape.size(), out.size()), out.begin());
}

// ---- structures -------------------------------------------------------------------------------------------

void check_struct_size(const void* structure, int32_t given, size_t first_version, size_t known,
                       const char* name) {
    constexpr int32_t largest = 65536; // more is no structure but a number that was never set
    require(given >= int32_t(first_version) && given <= largest, "The struct_size of ", name, " (", given,
            ") is out of range (", first_version, " to ", largest,
            "); initialise the structure with its macro.");
    const auto* bytes = static_cast<const unsigned char*>(structure);
    for (size_t i = known; i < size_t(given); ++i)
        if (bytes[i] != 0)
            fail(ErrorCode::unsupported, "The structure ", name, " of ", given,
                 " bytes uses a member at byte ", i, " that this version of Lemnos does not know (it knows ",
                 known, " bytes).");
}

} // namespace lemnos::capi

// ---- results ----------------------------------------------------------------------------------------------

const char* lem_last_error(void) { return lemnos::capi::last_error.shown; }

const char* lem_result_name(int32_t result) {
    switch (result) {
#define NAME(value)                                                                                          \
    case value:                                                                                              \
        return #value
        NAME(LEM_OK);
        NAME(LEM_NOT_READY);
        NAME(LEM_FINISHED);
        NAME(LEM_ERROR_INVALID_ARGUMENT);
        NAME(LEM_ERROR_INVALID_STATE);
        NAME(LEM_ERROR_NOT_FOUND);
        NAME(LEM_ERROR_OUT_OF_HOST_MEMORY);
        NAME(LEM_ERROR_OUT_OF_DEVICE_MEMORY);
        NAME(LEM_ERROR_UNSUPPORTED);
        NAME(LEM_ERROR_NO_DEVICE);
        NAME(LEM_ERROR_DEVICE_LOST);
        NAME(LEM_ERROR_DEVICE_CLOSED);
        NAME(LEM_ERROR_TIMEOUT);
        NAME(LEM_ERROR_FILE_UNREADABLE);
        NAME(LEM_ERROR_FILE_MALFORMED);
        NAME(LEM_ERROR_FILE_UNWRITABLE);
        NAME(LEM_ERROR_INTERNAL);
#undef NAME
    default:
        return "an unknown result";
    }
}
