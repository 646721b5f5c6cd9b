// Names of keys: whatever reads as one reads the same again, and no refusal repeats a PIN.
#include "keystore/key_uri.h"
#include "keystore/pkcs11/uri.h"
#include "keystore/stsafe/uri.h"
#include "keystore/tpm2/keys.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const std::string_view text = as_text({data, size});
    const auto uri = keystore::parse_key_uri(text);
    if (!uri) {
        return 0;
    }
    const auto again = keystore::parse_key_uri(uri->text());
    if (!again || again->kind != uri->kind || again->rest != uri->rest) {
        std::abort();
    }
    // Every reader gets every name.
    static_cast<void>(keystore::tpm2::parse_key_name(uri->rest));
    static_cast<void>(keystore::stsafe::parse_name(uri->rest));
    const auto token = keystore::pkcs11::parse_name(uri->rest);
    if (token ? !token->object && !token->id : token.error().message.find("pin-value=") != std::string::npos) {
        std::abort();
    }
    return 0;
}
