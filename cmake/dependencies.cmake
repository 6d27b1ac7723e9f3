# Finds everything that Lemnos is built from and gives it one name each.
#
# scripts/setup installs what the distribution has and unpacks what the distribution lacks (or has too old)
# into LEMNOS_TOOLS_DIR, which is therefore searched first. After this file there are
#   LEMNOS_GLSLANG, LEMNOS_SPIRV_VAL, LEMNOS_SPIRV_OPT    programs, used while building only
#   lemnos::vulkan_headers             Vulkan's headers; nothing links to libvulkan
#   lemnos::vma                        vk_mem_alloc.h; one source file defines VMA_IMPLEMENTATION
#   lemnos::json lemnos::cli11 lemnos::stb    headers
#   lemnos::zlib lemnos::expat         static libraries, fit for a shared one
#   GTest::gtest GTest::gtest_main     unless LEMNOS_BUILD_TESTS is off
# Whatever is missing ends the configuration with one sentence that says what to do.

include_guard(GLOBAL)

set(LEMNOS_TOOLS_DIR "${CMAKE_SOURCE_DIR}/build/tools" CACHE PATH "What scripts/setup unpacked")

# The oldest versions that will do: VK_NV_cooperative_matrix2 came to the headers in 1.3.300 and to glslang in
# 15.1; an older spirv-val refuses its modules; CLI11 2.1, nlohmann-json 3.11 and VMA 3.2 are the oldest that
# were tried.
set(lemnos_vulkan_minimum 1.3.300)
set(lemnos_glslang_minimum 15.1)
set(lemnos_spirv_tools_minimum 2025.1)
set(lemnos_vma_minimum 3.2)
set(lemnos_json_minimum 3.11)
set(lemnos_cli11_minimum 2.1)

function(lemnos_missing what)
    message(FATAL_ERROR "${what}; run scripts/setup, which provides everything that the build needs.")
endfunction()

# Forgets a found path that is there no more (build/tools was removed or rebuilt), so that it is looked for
# again.
function(lemnos_forget_if_gone variable)
    if(${variable} AND NOT EXISTS "${${variable}}")
        unset(${variable} CACHE)
    endif()
endfunction()

function(lemnos_find_program variable)
    lemnos_forget_if_gone(${variable})
    find_program(${variable} NAMES ${ARGN} HINTS "${LEMNOS_TOOLS_DIR}/bin")
    mark_as_advanced(${variable})
endfunction()

function(lemnos_find_header variable header)
    lemnos_forget_if_gone(${variable})
    find_path(${variable} "${header}" HINTS "${LEMNOS_TOOLS_DIR}/debian13/usr/include" PATH_SUFFIXES ${ARGN})
    mark_as_advanced(${variable})
endfunction()

# A target that is nothing but an include folder.
function(lemnos_header_library name folder)
    add_library(lemnos_${name} INTERFACE)
    add_library(lemnos::${name} ALIAS lemnos_${name})
    target_include_directories(lemnos_${name} SYSTEM INTERFACE "${folder}")
endfunction()

# The first group of `pattern` in the file, "0" where it does not occur.
function(lemnos_version_from_file result file pattern)
    file(STRINGS "${file}" lines REGEX "${pattern}")
    set(${result} 0 PARENT_SCOPE)
    foreach(line IN LISTS lines)
        if(line MATCHES "${pattern}")
            set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
endfunction()

# ---- programs ----------------------------------------------------------------------------------------------

# What `program --version` prints, matched against `pattern`; "0" where it cannot be run.
function(lemnos_version_from_program result program pattern)
    execute_process(COMMAND "${program}" --version
        OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
    if(code EQUAL 0 AND output MATCHES "${pattern}")
        set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    else()
        set(${result} 0 PARENT_SCOPE)
    endif()
endfunction()

lemnos_find_program(LEMNOS_GLSLANG glslangValidator glslang)
if(NOT LEMNOS_GLSLANG)
    lemnos_missing("glslangValidator was not found (${lemnos_glslang_minimum} or newer is needed)")
endif()
lemnos_version_from_program(lemnos_glslang_version "${LEMNOS_GLSLANG}" "Glslang Version: [0-9]+:([0-9.]+)")
if(lemnos_glslang_version VERSION_LESS lemnos_glslang_minimum)
    lemnos_missing("${LEMNOS_GLSLANG} is too old (${lemnos_glslang_version}, needed:\
 ${lemnos_glslang_minimum})")
endif()

lemnos_find_program(LEMNOS_SPIRV_VAL spirv-val)
if(NOT LEMNOS_SPIRV_VAL)
    lemnos_missing("spirv-val was not found (SPIRV-Tools ${lemnos_spirv_tools_minimum} or newer is needed)")
endif()
lemnos_version_from_program(lemnos_spirv_version "${LEMNOS_SPIRV_VAL}" "SPIRV-Tools v([0-9.]+)")
if(lemnos_spirv_version VERSION_LESS lemnos_spirv_tools_minimum)
    lemnos_missing("${LEMNOS_SPIRV_VAL} is too old (${lemnos_spirv_version}, needed:\
 ${lemnos_spirv_tools_minimum})")
endif()

lemnos_find_program(LEMNOS_SPIRV_OPT spirv-opt)
if(NOT LEMNOS_SPIRV_OPT)
    lemnos_missing("spirv-opt was not found (it is part of SPIRV-Tools, as spirv-val is)")
endif()

# ---- Vulkan: headers, VMA ----------------------------------------------------------------------------------

lemnos_find_header(LEMNOS_VULKAN_INCLUDE vulkan/vulkan_core.h)
if(NOT LEMNOS_VULKAN_INCLUDE)
    lemnos_missing("The Vulkan headers were not found (${lemnos_vulkan_minimum} or newer are needed)")
endif()
set(lemnos_core_header "${LEMNOS_VULKAN_INCLUDE}/vulkan/vulkan_core.h")
lemnos_version_from_file(lemnos_vulkan_patch "${lemnos_core_header}" "^#define VK_HEADER_VERSION ([0-9]+)")
lemnos_version_from_file(lemnos_vulkan_complete "${lemnos_core_header}"
    "VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION\\(0, ([0-9]+, [0-9]+), VK_HEADER_VERSION")
string(REPLACE ", " "." lemnos_vulkan_version "${lemnos_vulkan_complete}.${lemnos_vulkan_patch}")
if(lemnos_vulkan_version VERSION_LESS lemnos_vulkan_minimum)
    lemnos_missing("The Vulkan headers in ${LEMNOS_VULKAN_INCLUDE} are too old (${lemnos_vulkan_version},\
 needed: ${lemnos_vulkan_minimum})")
endif()
lemnos_header_library(vulkan_headers "${LEMNOS_VULKAN_INCLUDE}")
# Function pointers only: the library is a guest and never links to libvulkan.
target_compile_definitions(lemnos_vulkan_headers INTERFACE VK_NO_PROTOTYPES)

lemnos_find_header(LEMNOS_VMA_INCLUDE vk_mem_alloc.h vma)
if(NOT LEMNOS_VMA_INCLUDE)
    lemnos_missing("The Vulkan Memory Allocator (vk_mem_alloc.h) was not found")
endif()
lemnos_version_from_file(lemnos_vma_version "${LEMNOS_VMA_INCLUDE}/vk_mem_alloc.h" "<b>Version ([0-9.]+)")
if(lemnos_vma_version VERSION_LESS lemnos_vma_minimum)
    lemnos_missing("vk_mem_alloc.h in ${LEMNOS_VMA_INCLUDE} is too old (${lemnos_vma_version}, needed:\
 ${lemnos_vma_minimum})")
endif()
lemnos_header_library(vma "${LEMNOS_VMA_INCLUDE}")
target_link_libraries(lemnos_vma INTERFACE lemnos::vulkan_headers)
# VMA fetches its functions through the two that the engine hands it, and links none.
target_compile_definitions(lemnos_vma INTERFACE VMA_STATIC_VULKAN_FUNCTIONS=0 VMA_DYNAMIC_VULKAN_FUNCTIONS=1)

# ---- headers alone -----------------------------------------------------------------------------------------

lemnos_find_header(LEMNOS_JSON_INCLUDE nlohmann/json.hpp)
if(NOT LEMNOS_JSON_INCLUDE)
    lemnos_missing("nlohmann-json (nlohmann/json.hpp) was not found (${lemnos_json_minimum} or newer is\
 needed)")
endif()
# 3.11.3 moved the version numbers into a file of their own.
foreach(file detail/abi_macros.hpp json.hpp)
    if(EXISTS "${LEMNOS_JSON_INCLUDE}/nlohmann/${file}")
        foreach(part MAJOR MINOR)
            lemnos_version_from_file(lemnos_json_${part} "${LEMNOS_JSON_INCLUDE}/nlohmann/${file}"
                "^#define NLOHMANN_JSON_VERSION_${part} ([0-9]+)")
        endforeach()
        break()
    endif()
endforeach()
set(lemnos_json_version "${lemnos_json_MAJOR}.${lemnos_json_MINOR}")
if(lemnos_json_version VERSION_LESS lemnos_json_minimum)
    lemnos_missing("nlohmann-json in ${LEMNOS_JSON_INCLUDE} is too old (${lemnos_json_version}, needed:\
 ${lemnos_json_minimum})")
endif()
lemnos_header_library(json "${LEMNOS_JSON_INCLUDE}")

lemnos_find_header(LEMNOS_CLI11_INCLUDE CLI/CLI.hpp)
if(NOT LEMNOS_CLI11_INCLUDE)
    lemnos_missing("CLI11 (CLI/CLI.hpp) was not found (${lemnos_cli11_minimum} or newer is needed)")
endif()
lemnos_version_from_file(lemnos_cli11_version "${LEMNOS_CLI11_INCLUDE}/CLI/Version.hpp"
    "^#define CLI11_VERSION \"([0-9.]+)\"")
if(lemnos_cli11_version VERSION_LESS lemnos_cli11_minimum)
    lemnos_missing("CLI11 in ${LEMNOS_CLI11_INCLUDE} is too old (${lemnos_cli11_version}, needed:\
 ${lemnos_cli11_minimum})")
endif()
lemnos_header_library(cli11 "${LEMNOS_CLI11_INCLUDE}")

# Included as <stb_image.h>, which works wherever a distribution puts the folder.
lemnos_find_header(LEMNOS_STB_INCLUDE stb_image.h stb)
if(NOT LEMNOS_STB_INCLUDE OR NOT EXISTS "${LEMNOS_STB_INCLUDE}/stb_image_write.h")
    lemnos_missing("stb (stb_image.h and stb_image_write.h) was not found")
endif()
lemnos_header_library(stb "${LEMNOS_STB_INCLUDE}")

# ---- static libraries --------------------------------------------------------------------------------------

# Debian's static libraries are compiled for position-independent *executables*: inside a shared library their references to
# their own global symbols do not link unless those symbols are local to the library. They must be hidden in any case.
function(lemnos_static_library name header)
    string(TOUPPER ${name} upper)
    lemnos_find_header(LEMNOS_${upper}_INCLUDE ${header})
    lemnos_forget_if_gone(LEMNOS_${upper}_LIBRARY)
    find_library(LEMNOS_${upper}_LIBRARY NAMES ${ARGN})
    mark_as_advanced(LEMNOS_${upper}_LIBRARY)
    if(NOT LEMNOS_${upper}_INCLUDE OR NOT LEMNOS_${upper}_LIBRARY)
        list(GET ARGN 0 archive)
        lemnos_missing("The header and the static library of ${name} (${header}, ${archive}) were not found")
    endif()
    lemnos_header_library(${name} "${LEMNOS_${upper}_INCLUDE}")
    target_link_libraries(lemnos_${name} INTERFACE "${LEMNOS_${upper}_LIBRARY}")
    if(UNIX AND NOT APPLE)
        get_filename_component(archive "${LEMNOS_${upper}_LIBRARY}" NAME)
        target_link_options(lemnos_${name} INTERFACE LINKER:--exclude-libs,${archive})
    endif()
endfunction()

lemnos_static_library(zlib zlib.h libz.a zlibstatic)
lemnos_static_library(expat expat.h libexpat.a libexpatMT)

# ---- tests -------------------------------------------------------------------------------------------------

if(NOT DEFINED LEMNOS_BUILD_TESTS OR LEMNOS_BUILD_TESTS)
    find_package(GTest QUIET)
    if(NOT TARGET GTest::gtest)
        lemnos_missing("GoogleTest was not found (it is needed unless LEMNOS_BUILD_TESTS is OFF)")
    endif()
endif()

message(STATUS "Lemnos builds with glslang ${lemnos_glslang_version}, SPIRV-Tools ${lemnos_spirv_version}, "
    "Vulkan headers ${lemnos_vulkan_version}, VMA ${lemnos_vma_version}, nlohmann-json "
    "${lemnos_json_version}, CLI11 ${lemnos_cli11_version}")
