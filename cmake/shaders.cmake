# Compiles every shaders/*.comp to SPIR-V and writes all of it into one generated C++ file, sorted by name.
#
# A shader with a line "// variants: SUBGROUP=4 SUBGROUP=8" is compiled once per word, with that word as a define; the
# variant is named after the word's value: "conv2d_pointwise.4". Words joined by commas define several macros and are
# named by their values joined with dots.
#
# What glslang writes is optimized before it is checked, so that drivers have less to compile at the first use.
#
# A line "// environment: vulkan1.3" compiles a shader for that version of Vulkan instead of 1.1. Who asks for its pipeline must
# know that the device has it.
file(GLOB shader_files CONFIGURE_DEPENDS shaders/*.comp)
file(GLOB shader_headers CONFIGURE_DEPENDS shaders/*.h shaders/include/*)
set(shader_folder ${CMAKE_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${shader_folder})
set(shader_outputs)
foreach(file IN LISTS shader_files)
    get_filename_component(stem ${file} NAME_WE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file}) # its variants line may change
    file(STRINGS ${file} variants REGEX "^// variants: ")
    string(REGEX REPLACE "^// variants: " "" variants "${variants}")
    separate_arguments(variants)
    if(NOT variants)
        set(variants "-")
    endif()
    file(STRINGS ${file} environment REGEX "^// environment: ")
    string(REGEX REPLACE "^// environment: " "" environment "${environment}")
    if(NOT environment)
        set(environment vulkan1.1)
    endif()
    foreach(variant IN LISTS variants)
        set(name ${stem})
        set(defines)
        if(NOT variant STREQUAL "-")
            string(REPLACE "," ";" words "${variant}")
            foreach(word IN LISTS words)
                string(REGEX REPLACE "^[^=]*=" "" value ${word})
                string(APPEND name ".${value}")
                list(APPEND defines -D${word})
            endforeach()
        endif()
        set(output ${shader_folder}/${name}.spv)
        add_custom_command(OUTPUT ${output}
            COMMAND ${LEMNOS_GLSLANG} --quiet --target-env ${environment} ${defines} -I${CMAKE_SOURCE_DIR}/shaders/include
                    -I${CMAKE_SOURCE_DIR}/shaders -o ${output} ${file}
            COMMAND ${LEMNOS_SPIRV_OPT} -O --target-env=${environment} ${output} -o ${output}
            COMMAND ${LEMNOS_SPIRV_VAL} --target-env ${environment} ${output}
            DEPENDS ${file} ${shader_headers} VERBATIM)
        list(APPEND shader_outputs ${output})
    endforeach()
endforeach()
set(LEMNOS_SHADER_SOURCE ${CMAKE_BINARY_DIR}/shaders/all_shaders.cpp)
add_custom_command(OUTPUT ${LEMNOS_SHADER_SOURCE}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${LEMNOS_SHADER_SOURCE} -DFOLDER=${shader_folder}
            "-DFILES=${shader_outputs}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_shaders.cmake
    DEPENDS ${shader_outputs} ${CMAKE_SOURCE_DIR}/cmake/embed_shaders.cmake VERBATIM)
