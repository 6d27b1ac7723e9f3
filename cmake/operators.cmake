# Reads engine/ops.def: the source files of the operators, and their names for the tests.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/engine/ops.def)
file(STRINGS engine/ops.def lines REGEX "^LEMNOS_OPERATOR")
set(LEMNOS_OPERATOR_SOURCES)
set(LEMNOS_OPERATORS)
foreach(line IN LISTS lines)
    if(NOT line MATCHES "^LEMNOS_OPERATOR\\(([a-z0-9_]+), ([a-z0-9_]+)\\)$")
        message(FATAL_ERROR "engine/ops.def has a line that is not LEMNOS_OPERATOR(name, file): ${line}")
    endif()
    list(APPEND LEMNOS_OPERATORS ${CMAKE_MATCH_1})
    list(APPEND LEMNOS_OPERATOR_SOURCES engine/ops/${CMAKE_MATCH_2}.cpp)
endforeach()
list(APPEND LEMNOS_OPERATOR_SOURCES engine/ops/convolution_kernels.cpp) # what the operators of a file share
list(REMOVE_DUPLICATES LEMNOS_OPERATOR_SOURCES)
