#include "roles/credential.h"

#include "common/files.h"
#include "crypto/hkdf.h"
#include "keystore/key_uri.h"
#include "pki/private_key_file.h"

namespace berth::app {

result<authkem::credential> open_credential(const key_and_chain& from) {
    authkem::credential out;
    if (!from.chain.empty()) {
        BERTH_TRY(chain, read_chain(from.chain));
        out.chain = std::move(chain);
    }
    BERTH_TRY(passphrase, read_passphrase(from.passphrase_file));
    BERTH_TRY(key, keystore::open_kem_key(from.key, {from.base.string(), std::move(passphrase)}));
    if (!out.chain.empty() && !same_octets(out.chain.front().spki(), key->public_key().spki())) {
        return fail(error{error_category::usage, "credential_key_mismatch",
                          fmt::format("the key {} does not belong to the first certificate of {}", from.key, from.chain.string())}
                        .with("path", from.chain.string()));
    }
    out.key = std::move(key);
    return out;
}

result<secret_bytes> read_store_key(const std::filesystem::path& file) {
    constexpr size_t octets = 32;
    BERTH_TRY(key, pki::read_secret_file(file.string(), octets));
    if (key.size() != octets) {
        return fail(error_category::usage, "bad_store_key", fmt::format("{} must hold exactly {} octets", file.string(), octets));
    }
    return key;
}

std::array<uint8_t, 32> check_value_of(const secret_bytes& store_key) {
    constexpr auto hash = crypto::hash_algorithm::sha256;
    return to_array<32>(crypto::hkdf_expand(hash, store_key.reveal(), as_bytes("berth store key check 1"), 32).reveal());
}

}  // namespace berth::app
