#include "keystore/tpm2/tss2_library.h"

#include <array>
#include <cstdlib>
#include <dlfcn.h>

namespace berth::keystore::tpm2 {

namespace {

struct loaded {
    tss2_library functions;
    std::string missing;  // empty: all of it is there
};

loaded open_library() {
    loaded out;
    // It writes every refusal of the TPM to standard error, where Berth's own errors and JSON lines go; who wants that says so.
    ::setenv("TSS2_LOG", "all+NONE", 0);
    std::array<void*, 3> libraries{};
    constexpr std::array names{"libtss2-mu.so.0", "libtss2-tctildr.so.0", "libtss2-esys.so.0"};
    for (size_t i = 0; i < names.size(); ++i) {
        libraries[i] = ::dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (libraries[i] == nullptr) {
            out.missing = ::dlerror();
            return out;
        }
    }
    const auto find = [&libraries](const char* name) -> void* {
        for (void* library : libraries) {
            if (void* const found = ::dlsym(library, name)) {
                return found;
            }
        }
        return nullptr;
    };
#define BERTH_TSS2_RESOLVE(name)                                                      \
    out.functions.name = reinterpret_cast<decltype(out.functions.name)>(find(#name)); \
    if (out.functions.name == nullptr) {                                              \
        out.missing = #name;                                                          \
    }
    BERTH_TSS2_FUNCTIONS(BERTH_TSS2_RESOLVE)
#undef BERTH_TSS2_RESOLVE
    return out;
}

const loaded& library() {
    static const loaded opened = open_library();
    return opened;
}

}  // namespace

result<void> tss2_library::load() {
    if (!library().missing.empty()) {
        return fail(error_category::environment, "tpm_unavailable",
                    "Keys in a TPM need tpm2-tss (libtss2-esys, libtss2-mu and libtss2-tctildr with the module for the way to "
                    "the TPM); install it: " +
                        library().missing);
    }
    return {};
}

const tss2_library& tss() {
    return library().functions;
}

}  // namespace berth::keystore::tpm2
