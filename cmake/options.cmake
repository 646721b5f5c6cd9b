# What the presets set. Everything else follows from these.
set(BERTH_OPENSSL_PREFIX "" CACHE STRING "Where OpenSSL 3.5 lies; empty or 'system' = the system's own")
set(BERTH_SANITIZE "" CACHE STRING "address,undefined or thread")
option(BERTH_FUZZ "Build the libFuzzer binaries (clang only)" OFF)
option(BERTH_COVERAGE "Instrument for gcov" OFF)
option(BERTH_BENCH "Build bench/" ON)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Debug)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_compile_options(-Wall -Wextra -Werror -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                    -fstack-protector-strong -fno-omit-frame-pointer -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections -Wl,-z,relro,-z,now)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With precompiled headers ccache needs the preprocessed form to be honest about what changed.
    add_compile_options(-fpch-preprocess)
    # g++ (12 to 14, and more so under a sanitizer) reports false positives from inlined libstdc++ code at -O2. clang and the
    # sanitizers look at the same lines.
    add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized -Wno-dangling-pointer
                        -Wno-stringop-overread)
else()
    # Without the time in it a precompiled header of another checkout is the same, and its objects are reused.
    add_compile_options(-Wno-missing-field-initializers "SHELL:-Xclang -fno-pch-timestamp")
endif()
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT BERTH_SANITIZE)
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()

if(BERTH_SANITIZE)
    add_compile_options(-fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${BERTH_SANITIZE})
    if(BERTH_SANITIZE MATCHES "thread")
        # g++ has no model of bare fences for this sanitizer; Asio's queues are ordered by their mutexes anyway.
        add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
endif()
if(BERTH_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(BERTH_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
endif()

find_program(BERTH_MOLD mold)
if(BERTH_MOLD)
    add_link_options(-fuse-ld=mold)
endif()
