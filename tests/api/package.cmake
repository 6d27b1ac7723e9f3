# Installs into a folder, checks the library's size and what it needs, and builds the examples as a stranger would, with
# find_package. pkg_config.cmake goes on from there.
if(FLAGS MATCHES "-fsanitize")
    message("Skipped: an installed library with sanitizers is not for use.")
    return()
endif()
set(prefix ${FOLDER}/prefix)
file(REMOVE_RECURSE ${FOLDER})

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --config ${CONFIG})
file(GLOB_RECURSE library ${prefix}/*/liblemnos.so.0.*)
if(NOT library)
    message(FATAL_ERROR "No library was installed.")
endif()

set(stripped ${FOLDER}/stripped.so)
run(${STRIP} -o ${stripped} ${library})
file(SIZE ${stripped} bytes)
message(STATUS "The stripped library has ${bytes} bytes.")
if(bytes GREATER 8000000)
    message(FATAL_ERROR "The stripped library has ${bytes} bytes (at most 8,000,000).")
endif()

find_program(readelf readelf)
if(readelf)
    run(${readelf} -d ${library})
    string(REGEX MATCHALL "NEEDED[^[]*\\[[^]]+" needed "${output}")
    foreach(entry IN LISTS needed)
        string(REGEX REPLACE ".*\\[" "" name "${entry}")
        if(NOT name MATCHES "^(libstdc\\+\\+|libm|libgcc_s|libc|libpthread|libdl|ld-linux-[a-z0-9_-]+)\\.so")
            message(FATAL_ERROR "The library needs ${name}.")
        endif()
    endforeach()
endif()

# find_package
run(${CMAKE_COMMAND} -S ${EXAMPLES} -B ${FOLDER}/examples -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_C_COMPILER=${C_COMPILER}
    -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${FOLDER}/examples)
run(${FOLDER}/examples/devices)
message(STATUS "${output}")
