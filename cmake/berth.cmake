# One precompiled header for all folders and programs: nothing that defines a macro of its own may be linked to it.
add_library(berth_pch OBJECT ${CMAKE_SOURCE_DIR}/src/base/pch.cpp)
target_include_directories(berth_pch PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(berth_pch PUBLIC tl::expected fmt::fmt)
target_precompile_headers(berth_pch PRIVATE ${CMAKE_SOURCE_DIR}/src/base/pch.h)

# berth_module(NAME SOURCES ... [DEPENDS ...] [LIBS ...]): one folder of src/, one static library berth_NAME.
# DEPENDS names folders of src/; LIBS names third-party targets (private unless given under PUBLIC_LIBS).
function(berth_module name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS;PUBLIC_LIBS" ${ARGN})
    add_library(berth_${name} STATIC ${ARG_SOURCES})
    target_include_directories(berth_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    list(TRANSFORM ARG_DEPENDS PREPEND berth_)
    target_link_libraries(berth_${name} PUBLIC ${ARG_DEPENDS} ${ARG_PUBLIC_LIBS} PRIVATE ${ARG_LIBS})
    target_precompile_headers(berth_${name} REUSE_FROM berth_pch)
endfunction()

# Executables are compiled like the libraries (-fPIC, linked with -pie), so that they can share precompiled headers.
function(berth_executable_flags name)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC)
    target_link_options(${name} PRIVATE -pie)
endfunction()

# berth_program(NAME SOURCES ... [DEPENDS ...] [LIBS ...]): a program in bin/.
function(berth_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    list(TRANSFORM ARG_DEPENDS PREPEND berth_)
    target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ${ARG_LIBS})
    berth_executable_flags(${name})
    target_precompile_headers(${name} REUSE_FROM berth_pch)
endfunction()

# berth_test(NAME LABELS ... SOURCES ... [DEPENDS ...] [LIBS ...] [TIMEOUT s] [SERIAL]): one GoogleTest binary, one ctest entry.
function(berth_test name)
    cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "LABELS;SOURCES;DEPENDS;LIBS" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    add_executable(${name} ${ARG_SOURCES})
    list(TRANSFORM ARG_DEPENDS PREPEND berth_)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(${name} PRIVATE
        BERTH_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        BERTH_DEFAULT_VECTORS_DIR="${CMAKE_SOURCE_DIR}/../shared/vectors"
        BERTH_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
        BERTH_OPENSSL_COMMAND="${BERTH_OPENSSL_COMMAND}")
    target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ${ARG_LIBS} ${BERTH_RAPIDCHECK} GTest::gmock GTest::gtest GTest::gtest_main)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    berth_executable_flags(${name})
    target_precompile_headers(${name} REUSE_FROM berth_test_pch)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
    if(ARG_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# berth_fuzz(NAME SOURCES ... [DEPENDS ...]): a libFuzzer binary under BERTH_FUZZ, and otherwise a ctest entry (label fuzz)
# that replays tests/fuzz/corpus/NAME through the same entry point.
function(berth_fuzz name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS" ${ARGN})
    list(TRANSFORM ARG_DEPENDS PREPEND berth_)
    if(BERTH_FUZZ)
        add_executable(fuzz_${name} ${ARG_SOURCES})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
        add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    endif()
    target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(fuzz_${name} PRIVATE ${ARG_DEPENDS} ${ARG_LIBS})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    berth_executable_flags(fuzz_${name})
endfunction()
