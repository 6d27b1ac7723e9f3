# Writes the SPIR-V files in FILES as arrays into OUTPUT, with a table sorted by name and a hash over all of them.
string(REPLACE " " ";" files "${FILES}")
set(names)
set(hashes "")
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "\\.spv$" "" name ${name})
    list(APPEND names ${name})
endforeach()
list(SORT names COMPARE STRING)
set(arrays "")
set(table "")
foreach(name IN LISTS names)
    file(READ ${FOLDER}/${name}.spv bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR words "${digits} / 8")
    # SPIR-V words are little-endian in the file.
    string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," values "${bytes}")
    string(REPLACE "." "_" symbol ${name})
    string(APPEND arrays "constexpr uint32_t ${symbol}[] = {${values}};\n")
    string(APPEND table "    {\"${name}\", ${symbol}, ${words}},\n")
    string(SHA256 hash "${name}${bytes}")
    string(APPEND hashes ${hash})
endforeach()
string(SHA256 hash "${hashes}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUTPUT} "// Generated from shaders/*.comp.
#include \"vulkan/pipeline.h\"

namespace {
${arrays}
constexpr lemnos::ShaderCode shaders[] = {
${table}};
} // namespace

namespace lemnos {
std::span<const ShaderCode> all_shaders() { return shaders; }
const char* shader_set_hash() { return \"${hash}\"; }
} // namespace lemnos
")
