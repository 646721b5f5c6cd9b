#include "updating/element_check.h"

#include "crypto/hash.h"
#include "keystore/stsafe/firmware.h"
#include "keystore/stsafe/uri.h"
#include "wire/base64.h"

#include <algorithm>
#include <fmt/format.h>

namespace berth::app {

namespace st = keystore::stsafe;

result<void> verify_by_element(const firmware::document& d, const std::string& chip, uint8_t zone) {
    BERTH_TRY(uri, keystore::parse_key_uri(chip));
    if (uri.kind != keystore::key_store_kind::stsafe) {
        return fail(error_category::usage, "bad_key_uri", fmt::format("\"{}\" names no STSAFE-A", chip));
    }
    BERTH_TRY(name, st::parse_chip_name(uri.rest));
    BERTH_TRY(device, st::open_chip(name, {}));
    BERTH_TRY(key, st::trusted_key(*device, zone));
    const bool p256 = key.algorithm() == crypto::signature_algorithm::ecdsa_p256_sha256;
    const jose::verification_key as_jose{jose::from_crypto(key.algorithm()), {}, key};
    BERTH_TRY(kid, jose::thumbprint(jose::to_jwk(as_jose)));
    const auto found = std::ranges::find(d.signatures(), kid, &firmware::document::signature::kid);
    if (found == d.signatures().end()) {
        return fail(error{error_category::peer, "element_signature_missing",
                          fmt::format("The manifest has no signature of the key in the chip's zone {} (kid {}).", zone, kid)}
                        .with("kid", kid));
    }
    const auto token = d.token(*found);
    const auto digest = crypto::hash(p256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384,
                                     as_bytes(std::string_view(token).substr(0, token.rfind('.'))));
    BERTH_TRY(signature, wire::from_base64url(found->octets));
    return st::verify_in_chip(*device, key, digest.view(), signature);
}

}  // namespace berth::app
