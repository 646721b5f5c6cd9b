// Whatever reads as the file of a sealed seed can be written, and reads as the same again.
#include "keystore/tpm2/sealed_file.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    using keystore::tpm2::sealed_file;
    const auto file = sealed_file::from_pem(as_text({data, size}));
    if (!file) {
        return 0;
    }
    const std::string text = file->to_pem();
    const auto again = sealed_file::from_pem(text);
    if (!again || again->to_pem() != text) {
        std::abort();
    }
    return 0;
}
