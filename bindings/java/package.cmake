# Puts the sources of Java together, compiles them and packs the three jars (CMakeLists.txt says which). A script of CMake's, as
# which classes there are is known only when they have been generated.
set(sources ${FOLDER}/sources)
set(classes ${FOLDER}/classes)
set(name ${FOLDER}/lemnos-${VERSION})
# Of every entry, so that the same files make the same jar.
set(date --date=2020-01-01T00:00:00Z)

function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR "${output}")
    endif()
endfunction()

file(REMOVE_RECURSE ${sources} ${classes})
foreach(folder IN LISTS SOURCES)
    file(GLOB_RECURSE files RELATIVE ${folder} ${folder}/*.java)
    foreach(file IN LISTS files)
        if(file MATCHES "^org/" OR file STREQUAL "module-info.java")
            configure_file(${folder}/${file} ${sources}/${file} COPYONLY)
        else()
            configure_file(${folder}/${file} ${sources}/org/lemnos/${file} COPYONLY)
        endif()
    endforeach()
endforeach()
file(GLOB_RECURSE files ${sources}/*.java)
list(JOIN files "\"\n\"" arguments)
file(WRITE ${FOLDER}/files "\"${arguments}\"\n")

run(${JAVAC} --release 17 -encoding UTF-8 -Xlint:all ${WERROR} -d ${classes} @${FOLDER}/files)

set(natives ${classes}/org/lemnos/native/${PLATFORM})
set(names)
foreach(library IN LISTS LIBRARIES)
    get_filename_component(file ${library} NAME)
    if(NOT file MATCHES "java")
        set(file ${SONAME}) # as the loader asks for it
    endif()
    file(MAKE_DIRECTORY ${natives})
    run(${STRIP} -o ${natives}/${file} ${library})
    list(APPEND names ${file})
endforeach()
list(JOIN names "\n" names)
file(WRITE ${natives}/files "${names}\n")
file(COPY ${LICENSE} DESTINATION ${classes}/META-INF)
configure_file(${name}.pom ${classes}/META-INF/maven/org.lemnos/lemnos/pom.xml COPYONLY)

run(${JAVADOC} -quiet -notimestamp -encoding UTF-8 -Xdoclint:all,-missing -windowtitle "Lemnos ${VERSION}" -doctitle
    "Lemnos ${VERSION}" -d ${FOLDER}/javadoc @${FOLDER}/files)

file(WRITE ${FOLDER}/manifest "Implementation-Title: Lemnos\nImplementation-Version: ${VERSION}\n")
run(${JAR} --create --file ${name}-sources.jar ${date} -C ${sources} .)
run(${JAR} --create --file ${name}-javadoc.jar ${date} -C ${FOLDER}/javadoc .)
run(${JAR} --create --file ${name}.jar ${date} --manifest ${FOLDER}/manifest --module-version ${VERSION} -C ${classes} .)
