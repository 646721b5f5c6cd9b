// Whatever reads as the file of a sealed seed can be written, and reads as the same again. And the file of a sealed key is opened
// only by who has sealed it, which here is nobody.
#include "keystore/sealed/key_file.h"
#include "keystore/tpm2/sealed_file.h"

#include <cstdlib>

namespace {

using namespace berth;

// Unseals whatever it is given to 32 zeros.
class anybody final : public keystore::holder {
public:
    result<secret_bytes> random(size_t size) const override { return secret_bytes(size); }
    result<secret_bytes> unseal(bytes_view) const override { return secret_bytes(32); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using keystore::tpm2::sealed_file;
    if (keystore::sealed::open_key({data, size}, anybody())) {
        std::abort();  // no tag was made with such a key
    }
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
