// What a peer's octets meet before anything has vouched for them: bare public keys, encapsulations, signatures, sealed texts.
// The first octet chooses the algorithm. Nothing that an attacker makes up verifies or opens.
#include "crypto/hpke.h"
#include "crypto/random.h"
#include "crypto/sign.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace {

using namespace berth;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// One key each, made when first needed.
const crypto::kem_private_key& kem_of(crypto::kem_algorithm alg) {
    static std::map<crypto::kem_algorithm, crypto::kem_private_key> made;
    auto found = made.find(alg);
    if (found == made.end()) {
        found = made.emplace(alg, crypto::kem_private_key::generate(alg, crypto::system_random())).first;
    }
    return found->second;
}

const crypto::signing_key& signer_of(crypto::signature_algorithm alg) {
    static std::map<crypto::signature_algorithm, crypto::signing_key> made;
    auto found = made.find(alg);
    if (found == made.end()) {
        found = made.emplace(alg, crypto::signing_key::generate(alg, crypto::system_random())).first;
    }
    return found->second;
}

void kem_input(crypto::kem_algorithm alg, bytes_view octets) {
    if (const auto key = crypto::kem_public_key::from_raw(alg, octets)) {
        require(same_octets(key->raw(), octets));
        require(crypto::kem_public_key::from_spki(key->spki()).has_value());
        require(key->encapsulate(crypto::system_random()).enc.size() == crypto::sizes_of(alg).encapsulation);
    }
    const size_t enc_size = std::min(octets.size(), crypto::sizes_of(alg).encapsulation);
    const auto secret = kem_of(alg).decapsulate(octets.first(enc_size));
    if (!secret) {
        require(secret.error().is("bad_encapsulation"));
        return;
    }
    require(secret->size() == crypto::sizes_of(alg).shared_secret);
    auto receiver = crypto::hpke_setup_receiver(crypto::hpke_suite_aes256_for(alg), secret->reveal(), {});
    require(!receiver.open({}, octets.subspan(enc_size)).has_value());
}

void signature_input(crypto::signature_algorithm alg, bytes_view octets) {
    if (const auto key = crypto::verification_key::from_raw(alg, octets)) {
        require(same_octets(key->raw(), octets));
        require(crypto::verification_key::from_spki(key->spki()).has_value());
        require(!key->verify(as_bytes("message"), octets).has_value());
    }
    require(!signer_of(alg).public_key().verify(as_bytes("message"), octets).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const bytes_view octets(data + 1, size - 1);
    const size_t which = data[0] % (crypto::all_kem_algorithms.size() + crypto::all_signature_algorithms.size());
    if (which < crypto::all_kem_algorithms.size()) {
        kem_input(crypto::all_kem_algorithms[which], octets);
    } else {
        signature_input(crypto::all_signature_algorithms[which - crypto::all_kem_algorithms.size()], octets);
    }
    return 0;
}
