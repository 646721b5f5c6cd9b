#include "keystore/tpm2/tss2_library.h"

#include "base/loaded_library.h"

#include <cstdlib>

namespace berth::keystore::tpm2 {

namespace {

// It writes every refusal of the TPM to standard error, where Berth's own errors and JSON lines go; who wants that says so.
struct quietly {
    quietly() { ::setenv("TSS2_LOG", "all+NONE", 0); }
};

struct loaded {
    quietly first;
    tss2_library functions;
    loaded_library from{"libtss2-mu.so.0", "libtss2-tctildr.so.0", "libtss2-esys.so.0"};

    loaded() {
#define BERTH_RESOLVE(name) from.find(#name, functions.name);
        BERTH_TSS2_FUNCTIONS(BERTH_RESOLVE)
#undef BERTH_RESOLVE
    }
};

const loaded& library() {
    static const loaded opened;
    return opened;
}

}  // namespace

result<void> tss2_library::load() {
    if (!library().from.missing().empty()) {
        return fail(error_category::environment, "tpm_unavailable",
                    "Keys in a TPM need tpm2-tss (libtss2-esys, libtss2-mu and libtss2-tctildr with the module for the way to "
                    "the TPM); install it: " +
                        library().from.missing());
    }
    return {};
}

const tss2_library& tss() {
    return library().functions;
}

}  // namespace berth::keystore::tpm2
