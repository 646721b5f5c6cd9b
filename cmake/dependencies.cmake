# Every library that the product stands on, one line each; scripts/bootstrap installs them.
# OpenSSL: the prefix that bootstrap built (Debian 12) is found by RPATH; Debian 13 has it packaged.
if(BERTH_OPENSSL_PREFIX AND NOT BERTH_OPENSSL_PREFIX STREQUAL "system")
    set(OPENSSL_ROOT_DIR ${BERTH_OPENSSL_PREFIX})
    set(OPENSSL_USE_STATIC_LIBS OFF)
    # Bind to the prefix alone: falling back to the system's 3.0 would link and then fail at run time.
    find_path(OPENSSL_INCLUDE_DIR openssl/ssl.h PATHS ${BERTH_OPENSSL_PREFIX}/include NO_DEFAULT_PATH)
    find_library(OPENSSL_CRYPTO_LIBRARY crypto PATHS ${BERTH_OPENSSL_PREFIX}/lib ${BERTH_OPENSSL_PREFIX}/lib64 NO_DEFAULT_PATH)
    find_library(OPENSSL_SSL_LIBRARY ssl PATHS ${BERTH_OPENSSL_PREFIX}/lib ${BERTH_OPENSSL_PREFIX}/lib64 NO_DEFAULT_PATH)
    get_filename_component(BERTH_OPENSSL_LIBDIR "${OPENSSL_CRYPTO_LIBRARY}" DIRECTORY)
    set(CMAKE_BUILD_RPATH ${BERTH_OPENSSL_LIBDIR})
    # RPATH, not RUNPATH: libraries that we load (libmosquitto, tss2) must resolve to the same libcrypto.
    add_link_options(-Wl,--disable-new-dtags)
    set(BERTH_OPENSSL_COMMAND ${BERTH_OPENSSL_PREFIX}/bin/openssl)
else()
    set(BERTH_OPENSSL_COMMAND openssl)
endif()
find_package(OpenSSL 3.5 REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS json)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(GTest REQUIRED)
if(BERTH_BENCH)
    find_package(benchmark REQUIRED)
endif()
find_path(BERTH_TOMLPP_INCLUDE toml++/toml.h REQUIRED)
find_path(BERTH_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_library(BERTH_RAPIDCHECK rapidcheck REQUIRED)
# Its headers alone: the library is loaded when it is asked for (src/net/avahi_library.h).
find_path(BERTH_AVAHI_INCLUDE avahi-client/client.h REQUIRED)
# The same: src/keystore/tpm2/tss2_library.h.
find_path(BERTH_TSS2_INCLUDE tss2/tss2_esys.h REQUIRED)
# And the same: src/keystore/pkcs11/module.h.
find_path(BERTH_P11_INCLUDE p11-kit/pkcs11.h PATH_SUFFIXES p11-kit-1 REQUIRED)
