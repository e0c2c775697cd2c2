# The shapes that targets take in this project.

set(CRM_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers -Werror)

# crm_library(NAME FOLDER LINK ...): every .c of a folder, a static library with the project's warnings.
function(crm_library name folder)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$") # a program's, linked where the program is
    if(sources)
        add_library(${name} STATIC ${sources})
        target_compile_options(${name} PRIVATE ${CRM_WARNINGS})
        target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
        target_link_libraries(${name} PUBLIC ${ARG_LINK})
    else()
        add_library(${name} INTERFACE)
        target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
        target_link_libraries(${name} INTERFACE ${ARG_LINK})
    endif()
endfunction()

# crm_protobuf(NAME FILE.proto): code by protoc-gen-c, included as "proto/FILE.pb-c.h"; its warnings are not ours to mend.
function(crm_protobuf name file)
    get_filename_component(stem ${file} NAME_WE)
    set(out ${CMAKE_BINARY_DIR}/proto/${stem}.pb-c)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/proto)
    add_custom_command(OUTPUT ${out}.c ${out}.h
        COMMAND protoc-c --c_out=${CMAKE_BINARY_DIR} -I${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/${file}
        DEPENDS ${CMAKE_SOURCE_DIR}/${file} VERBATIM)
    add_library(${name} STATIC ${out}.c ${out}.h)
    target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_BINARY_DIR})
    target_link_libraries(${name} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()

# crm_unit_test(FILE.c LINK ...): one cmocka program, one ctest entry.
function(crm_unit_test file)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} ${file})
    target_compile_options(${name} PRIVATE ${CRM_WARNINGS})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    target_compile_definitions(${name} PRIVATE CRM_SHARED_DATA="${CMAKE_SOURCE_DIR}/../shared/data"
        CRM_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
    target_link_libraries(${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120)
endfunction()
