#include "io/safetensors.h"

#include "support/checked.h"
#include "support/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>
#include <zlib.h>

namespace lemnos {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor data is copied as it lies in memory");

constexpr int64_t length_bytes = 8; // the u64 in front of the header
constexpr int64_t alignment = 8;
constexpr char metadata_key[] = "__metadata__";
constexpr char seal_key[] = "lemnos.seal";
constexpr size_t checksum_digits = 8;

struct TypeRow {
    StoredType type;
    const char* name;
    int64_t bytes;
};
constexpr std::array<TypeRow, 6> types = {{{StoredType::f32, "F32", 4},
                                           {StoredType::f16, "F16", 2},
                                           {StoredType::bf16, "BF16", 2},
                                           {StoredType::i32, "I32", 4},
                                           {StoredType::i64, "I64", 8},
                                           {StoredType::u8, "U8", 1}}};

const TypeRow& row_of(StoredType type) {
    for (const TypeRow& row : types)
        if (row.type == type) return row;
    fail(ErrorCode::invalid_argument, "The tensor type ", static_cast<int>(type), " is not one of the ",
         types.size(), " stored types.");
}

// A name from a file as a sentence may show it: short, without control characters.
std::string in_quotes(std::string_view name) {
    constexpr size_t longest = 80;
    std::string shown(name.substr(0, longest));
    for (char& c : shown)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return text('"', shown, name.size() > longest ? "…\"" : "\"");
}

template <typename... Parts>
[[noreturn]] void malformed(const std::string& path, const Parts&... parts) {
    fail(ErrorCode::file_malformed, "The safetensors file \"", path, "\" is malformed: ", parts..., ".");
}

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string out = "[";
    for (const int64_t size : shape) out += text(out.size() > 1 ? ", " : "", size);
    return out + "]";
}

std::string hexadecimal(uint32_t value) {
    std::string digits(checksum_digits, '0');
    for (size_t i = 0; i < checksum_digits; ++i) digits[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    return digits;
}

std::optional<uint32_t> parse_hexadecimal(std::string_view digits) {
    uint32_t value = 0;
    for (const char c : digits) {
        const size_t digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        value = value << 4 | static_cast<uint32_t>(digit);
    }
    return value;
}

uint32_t crc(const void* data, int64_t bytes) {
    return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(data), static_cast<size_t>(bytes)));
}

// Reads the header as a stream of JSON events. The format has three levels and no more, so the state below is
// all there is: nothing recurses, and an event that the format does not allow is an error where it stands.
class HeaderParser final : public nlohmann::json_sax<nlohmann::json> {
  public:
    HeaderParser(const std::string& path, int64_t data_bytes) : path_(path), data_bytes_(data_bytes) {}

    std::vector<TensorEntry> tensors; // offsets count from the first byte of data
    std::map<std::string, std::string> metadata;

    bool start_object(std::size_t) override {
        if (level_ == Level::outside)
            level_ = Level::root;
        else if (level_ == Level::value && name_ == metadata_key)
            level_ = Level::metadata;
        else if (level_ == Level::value)
            start_tensor();
        else
            unexpected("an object");
        return true;
    }

    bool end_object() override {
        if (level_ == Level::tensor) finish_tensor();
        level_ = Level::root; // at the end of the root itself no further event can follow
        return true;
    }

    bool key(std::string& name) override {
        if (level_ == Level::root) {
            if (name == metadata_key && std::exchange(has_metadata_, true)) duplicate(name);
            name_ = std::move(name);
            level_ = Level::value;
        } else if (level_ == Level::metadata) {
            if (metadata.count(name)) duplicate(name);
            name_ = std::move(name);
        } else {
            const auto field = std::find(fields.begin(), fields.end(), name);
            if (field == fields.end())
                malformed(path_, "the tensor ", in_quotes(name_), " has the unknown field ", in_quotes(name));
            field_ = static_cast<Field>(field - fields.begin());
            if (std::exchange(seen_[field_], true)) duplicate(name);
        }
        return true;
    }

    bool string(std::string& value) override {
        if (level_ == Level::metadata) {
            metadata.emplace(name_, std::move(value));
        } else if (level_ == Level::tensor && field_ == type) {
            set_type(value);
        } else {
            unexpected("a string");
        }
        return true;
    }

    bool start_array(std::size_t) override {
        if (level_ != Level::tensor || field_ == type) unexpected("an array");
        level_ = Level::array;
        return true;
    }

    bool end_array() override {
        level_ = Level::tensor;
        return true;
    }

    bool number_unsigned(uint64_t value) override {
        if (level_ != Level::array) unexpected("a number");
        const auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
        if (value > most)
            malformed(path_, "the tensor ", in_quotes(name_), " has the number ", value, " (at most ", most,
                      ")");
        std::vector<int64_t>& list = field_ == shape ? tensors.back().shape : offsets_;
        const size_t longest = field_ == shape ? safetensors_most_dimensions : 2;
        if (list.size() == longest)
            malformed(path_, "the tensor ", in_quotes(name_), " has more than ", longest,
                      field_ == shape ? " dimensions" : " data_offsets");
        list.push_back(static_cast<int64_t>(value));
        return true;
    }

    bool null() override { unexpected("null"); }
    bool boolean(bool) override { unexpected("a boolean"); }
    bool number_integer(int64_t) override { unexpected("a negative number"); }
    bool number_float(double, const std::string&) override {
        unexpected("a number that is not whole or too big");
    }
    bool binary(binary_t&) override { unexpected("binary data"); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
        malformed(path_, "its header is not JSON at byte ", length_bytes + static_cast<int64_t>(position) - 1,
                  " of the file");
    }

  private:
    enum class Level { outside, root, value, metadata, tensor, array };
    enum Field { type, shape, offsets };
    static constexpr std::array<std::string_view, 3> fields = {"dtype", "shape", "data_offsets"};

    [[noreturn]] void unexpected(const char* what) const {
        if (level_ == Level::outside) malformed(path_, "its header is ", what, " and not an object");
        malformed(path_, "its header holds ", what, " in the wrong place, in ", in_quotes(name_));
    }

    [[noreturn]] void duplicate(std::string_view name) const {
        malformed(path_, "its header has the key ", in_quotes(name), " twice",
                  level_ == Level::tensor ? text(" in the tensor ", in_quotes(name_)) : std::string());
    }

    void start_tensor() {
        if (static_cast<int64_t>(tensors.size()) == safetensors_most_tensors)
            malformed(path_, "it has more than ", safetensors_most_tensors, " tensors");
        tensors.emplace_back();
        tensors.back().name = name_;
        offsets_.clear();
        seen_ = {};
        level_ = Level::tensor;
    }

    void set_type(const std::string& name) {
        std::string known;
        for (const TypeRow& row : types) {
            if (name == row.name) {
                tensors.back().type = row.type;
                return;
            }
            known += text(known.empty() ? "" : ", ", row.name);
        }
        malformed(path_, "the tensor ", in_quotes(name_), " has the type ", in_quotes(name), " (known are ",
                  known, ")");
    }

    // The elements are counted against the bytes of the file, so the product cannot wrap.
    void finish_tensor() {
        TensorEntry& tensor = tensors.back();
        for (size_t field = 0; field < fields.size(); ++field)
            if (!seen_[field])
                malformed(path_, "the tensor ", in_quotes(name_), " lacks its ", fields[field]);
        if (offsets_.size() != 2)
            malformed(path_, "the tensor ", in_quotes(name_), " has ", offsets_.size(),
                      " data_offsets (2 are needed)");
        if (offsets_[0] > offsets_[1] || offsets_[1] > data_bytes_)
            malformed(path_, "the tensor ", in_quotes(name_), " lies at bytes ", offsets_[0], " to ",
                      offsets_[1], " of the data, which has ", data_bytes_);
        tensor.offset = offsets_[0];
        tensor.bytes = offsets_[1] - offsets_[0];
        const int64_t most = tensor.bytes / stored_type_bytes(tensor.type);
        const bool empty = std::count(tensor.shape.begin(), tensor.shape.end(), 0) != 0;
        tensor.elements = empty ? 0 : 1;
        for (const int64_t size : tensor.shape) {
            if (!empty && tensor.elements > most / size) wrong_size(tensor);
            tensor.elements *= size;
        }
        if (tensor.elements * stored_type_bytes(tensor.type) != tensor.bytes) wrong_size(tensor);
    }

    [[noreturn]] void wrong_size(const TensorEntry& tensor) const {
        malformed(path_, "the tensor ", in_quotes(tensor.name), " of shape ", shape_text(tensor.shape),
                  " and type ", stored_type_name(tensor.type), " does not fill its ", tensor.bytes, " bytes");
    }

    const std::string& path_;
    const int64_t data_bytes_;
    Level level_ = Level::outside;
    std::string name_; // of the tensor or of the metadata entry
    bool has_metadata_ = false;
    Field field_ = type; // of the tensor
    std::array<bool, 3> seen_ = {};
    std::vector<int64_t> offsets_;
};

float widen_f16(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000) << 16;
    const uint32_t magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x0400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
    const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

float widen_bf16(uint16_t value) { return std::bit_cast<float>(uint32_t(value) << 16); }

// The tensors must cover the data exactly: no gap in which something else could hide, and no overlap.
void check_cover(const std::string& path, std::vector<TensorEntry>& tensors, int64_t data_bytes) {
    std::stable_sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
        return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
    });
    int64_t end = 0;
    for (const TensorEntry& tensor : tensors) {
        if (tensor.offset != end)
            malformed(path, "the tensor ", in_quotes(tensor.name), " starts at byte ", tensor.offset,
                      " of the data and the one before it ends at ", end);
        end += tensor.bytes;
    }
    if (end != data_bytes)
        malformed(path, "its tensors need ", end, " bytes of data and it has ", data_bytes);
}

// Where the digits of the seal begin in a header; npos where it has none, or not as we write it. A value in
// the metadata cannot pretend to be one, for the quotes in it are escaped.
size_t seal_place(const std::string& header) {
    const std::string before = text('"', seal_key, "\":\"");
    const size_t place = header.find(before);
    return place == std::string::npos ? place : place + before.size();
}

// A seal is the CRC of the header, taken with that CRC's own digits as '0', then those of the tensors in
// their order.
std::vector<uint32_t> check_seal(const std::string& path, const std::string& seal, std::string& header,
                                 size_t tensors) {
    const size_t digits = checksum_digits * (tensors + 1);
    const size_t place = seal_place(header);
    if (seal.size() != digits || place == std::string::npos)
        malformed(path, "its seal has ", seal.size(), " digits, but ", digits, " are needed for ", tensors,
                  " tensors, written without spaces or escapes");
    std::vector<uint32_t> checksums;
    for (size_t i = 0; i < digits; i += checksum_digits) {
        const auto value = parse_hexadecimal(std::string_view(seal).substr(i, checksum_digits));
        if (!value) malformed(path, "its seal has something else than hexadecimal digits at digit ", i);
        checksums.push_back(*value);
    }
    header.replace(place, checksum_digits, checksum_digits, '0');
    const uint32_t found = crc(header.data(), static_cast<int64_t>(header.size()));
    if (found != checksums[0])
        malformed(path, "its header is damaged (CRC-32 ", hexadecimal(found), ", sealed as ",
                  hexadecimal(checksums[0]), ")");
    checksums.erase(checksums.begin());
    return checksums;
}

} // namespace

const char* stored_type_name(StoredType type) { return row_of(type).name; }
int64_t stored_type_bytes(StoredType type) { return row_of(type).bytes; }

SafetensorsFile SafetensorsFile::open(const std::string& path) {
    SafetensorsFile result(path);
    const FileReader& file = result.file_;
    if (file.size() < length_bytes)
        malformed(path, "it has ", file.size(), " bytes and not even the ", length_bytes,
                  " of a header length");
    uint64_t length = 0;
    file.read(0, &length, length_bytes);
    const int64_t longest = std::min(safetensors_largest_header, file.size() - length_bytes);
    if (length < 2 || length > static_cast<uint64_t>(longest))
        malformed(path, "its header length is ", length, " bytes (2 to ", longest,
                  " are possible in this file)");
    const auto header_bytes = static_cast<int64_t>(length);

    std::string header(length, '\0');
    file.read(length_bytes, header.data(), header_bytes);
    // The JSON reader would skip a byte-order mark, stop at a NUL, and take any white space for padding.
    const size_t last = header.find_last_not_of(' ');
    if (header[0] != '{' || last == std::string::npos || header[last] != '}' ||
        header.find('\0') != std::string::npos)
        malformed(path, "its header does not run from \"{\" to \"}\" and spaces");

    const int64_t data_start = length_bytes + header_bytes;
    const int64_t data_bytes = file.size() - data_start;
    HeaderParser parser(path, data_bytes);
    nlohmann::json::sax_parse(header, &parser);
    check_cover(path, parser.tensors, data_bytes);

    result.tensors_ = std::move(parser.tensors);
    result.metadata_ = std::move(parser.metadata);
    for (size_t i = 0; i < result.tensors_.size(); ++i) {
        result.tensors_[i].offset += data_start;
        if (!result.index_.emplace(result.tensors_[i].name, i).second)
            malformed(path, "it has two tensors named ", in_quotes(result.tensors_[i].name));
    }
    if (auto seal = result.metadata_.extract(seal_key))
        result.checksums_ = check_seal(path, seal.mapped(), header, result.tensors_.size());
    return result;
}

const TensorEntry& SafetensorsFile::find(std::string_view name) const {
    const auto found = index_.find(name);
    if (found == index_.end())
        fail(ErrorCode::not_found, "The safetensors file \"", path(), "\" has no tensor named ",
             in_quotes(name), "; it has ", tensors_.size(), " tensors.");
    return tensors_[found->second];
}

void SafetensorsFile::read_bytes(const TensorEntry& tensor, void* to) const {
    file_.read(tensor.offset, to, tensor.bytes);
    if (checksums_.empty()) return;
    const uint32_t found = crc(to, tensor.bytes);
    const uint32_t sealed = checksums_[index_.at(tensor.name)];
    if (found != sealed)
        malformed(path(), "the data of the tensor ", in_quotes(tensor.name), " is damaged (CRC-32 ",
                  hexadecimal(found), ", sealed as ", hexadecimal(sealed), ")");
}

std::vector<uint8_t> SafetensorsFile::read_bytes(std::string_view name) const {
    const TensorEntry& tensor = find(name);
    std::vector<uint8_t> bytes(static_cast<size_t>(tensor.bytes));
    read_bytes(tensor, bytes.data());
    return bytes;
}

void SafetensorsFile::read_f32(const TensorEntry& tensor, float* to) const {
    if (tensor.type == StoredType::f32) return read_bytes(tensor, to);
    if (tensor.type != StoredType::f16 && tensor.type != StoredType::bf16)
        fail(ErrorCode::file_malformed, "The tensor ", in_quotes(tensor.name), " of the safetensors file \"",
             path(), "\" has the type ", stored_type_name(tensor.type),
             ", where F32, F16 or BF16 is needed.");
    std::vector<uint16_t> narrow(static_cast<size_t>(tensor.elements));
    read_bytes(tensor, narrow.data());
    std::transform(narrow.begin(), narrow.end(), to, tensor.type == StoredType::f16 ? widen_f16 : widen_bf16);
}

std::vector<float> SafetensorsFile::read_f32(std::string_view name) const {
    const TensorEntry& tensor = find(name);
    std::vector<float> values(static_cast<size_t>(tensor.elements));
    read_f32(tensor, values.data());
    return values;
}

namespace {

std::string json_string(const std::string& value) {
    try {
        return nlohmann::json(value).dump();
    } catch (const nlohmann::json::exception&) {
        fail(ErrorCode::invalid_argument, "The text ", in_quotes(value),
             " is not UTF-8 and cannot be saved.");
    }
}

int64_t bytes_to_write(const TensorToWrite& tensor, std::set<std::string_view>& names) {
    require(tensor.name != metadata_key && names.insert(tensor.name).second, "The tensor name ",
            in_quotes(tensor.name), " cannot be saved: it is ",
            tensor.name == metadata_key ? "reserved" : "given twice", ".");
    require(tensor.shape.size() <= safetensors_most_dimensions, "The tensor ", in_quotes(tensor.name),
            " has ", tensor.shape.size(), " dimensions; at most ", safetensors_most_dimensions,
            " can be saved.");
    int64_t bytes = stored_type_bytes(tensor.type);
    for (const int64_t size : tensor.shape) {
        require(size >= 0, "The tensor ", in_quotes(tensor.name), " has a dimension of ", size,
                " (at least 0); its shape is ", shape_text(tensor.shape), ".");
        bytes = checked_multiply(bytes, size);
    }
    require(tensor.data || bytes == 0, "The tensor ", in_quotes(tensor.name), " has no data to save (", bytes,
            " bytes are needed).");
    return bytes;
}

} // namespace

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata, Seal seal) {
    const auto count = static_cast<int64_t>(tensors.size());
    require(count <= safetensors_most_tensors, "There are ", count, " tensors to save; at most ",
            safetensors_most_tensors, " are possible.");
    require(!metadata.count(seal_key), "The metadata key \"", seal_key,
            "\" cannot be saved: it is reserved.");

    std::set<std::string_view> names;
    std::vector<int64_t> sizes;
    std::string listed;
    std::string digits(checksum_digits, '0'); // of the seal
    int64_t end = 0;
    for (const TensorToWrite& tensor : tensors) {
        sizes.push_back(bytes_to_write(tensor, names));
        const int64_t begin = end;
        end = checked_add(end, sizes.back());
        listed += text(listed.empty() ? "" : ",", json_string(tensor.name), ":{\"dtype\":\"",
                       stored_type_name(tensor.type), "\",\"shape\":", shape_text(tensor.shape),
                       ",\"data_offsets\":[", begin, ",", end, "]}");
        if (seal == Seal::crc32) digits += hexadecimal(crc(tensor.data, sizes.back()));
    }
    std::string entries; // of the metadata
    if (seal == Seal::crc32) entries = text('"', seal_key, "\":\"", digits, '"');
    for (const auto& [key, value] : metadata)
        entries += text(entries.empty() ? "" : ",", json_string(key), ":", json_string(value));

    std::string header = "{";
    if (!entries.empty()) header += text('"', metadata_key, "\":{", entries, listed.empty() ? "}" : "},");
    header += listed + "}";
    header.resize(static_cast<size_t>(round_up(static_cast<int64_t>(header.size()), alignment)), ' ');
    require(static_cast<int64_t>(header.size()) <= safetensors_largest_header, "The header of \"", path,
            "\" would have ", header.size(), " bytes; at most ", safetensors_largest_header,
            " are possible.");
    if (seal == Seal::crc32)
        header.replace(seal_place(header), checksum_digits,
                       hexadecimal(crc(header.data(), static_cast<int64_t>(header.size()))));

    write_atomically(path, [&](FileWriter& file) {
        const uint64_t length = header.size();
        file.write(&length, sizeof length);
        file.write(header);
        for (size_t i = 0; i < tensors.size(); ++i)
            file.write(tensors[i].data, static_cast<size_t>(sizes[i]));
    });
}

} // namespace lemnos
