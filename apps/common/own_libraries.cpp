#include "common/own_libraries.h"

#include <dlfcn.h>

namespace berth::app {

std::filesystem::path own_openssl() {
    void* const symbol = ::dlsym(RTLD_DEFAULT, "OpenSSL_version_num");
    Dl_info found{};
    if (symbol == nullptr || ::dladdr(symbol, &found) == 0 || found.dli_fname == nullptr) {
        return {};
    }
    std::error_code ec;
    const auto file = std::filesystem::canonical(found.dli_fname, ec);
    return ec ? std::filesystem::path() : file.parent_path();
}

}  // namespace berth::app
