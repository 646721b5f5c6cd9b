// Tokens and keys of anybody's: read as signed, as sealed, as nested, as claims, as a JSON Web Key. Whatever is taken as a key is
// written again as what it is.
#include "jose/key_set.h"
#include "jose/nested.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

class counted final : public random_source {
public:
    void fill(std::span<uint8_t> out) override {
        for (auto& octet : out) {
            octet = next_++;
        }
    }

private:
    uint8_t next_ = 1;
};

struct parties {
    jose::signing_key signer;
    std::vector<jose::opening_key> openers;
};

parties make() {
    counted random;
    const auto jwk = [&random](std::string_view alg, crypto::agreement_group group) {
        return jose::generate_jwk(alg, jose::content_alg::a256gcm, group, random).value();
    };
    parties out{jose::read_signing_key(jwk("EdDSA", crypto::agreement_group::p256)).value(), {}};
    for (const auto* const alg : {"dir", "ECDH-ES", "ECDH-ES+A256KW", "HPKE-9", "HPKE-12"}) {
        for (const auto group : {crypto::agreement_group::p256, crypto::agreement_group::x25519}) {
            out.openers.push_back(jose::read_opening_key(jwk(alg, group)).value());
        }
    }
    return out;
}

const parties& all() {
    static const parties made = make();
    return made;
}

template <class Read>
void comes_back(Read read, const wire::json::object& jwk) {
    const auto key = read(jwk);
    explained(key);
    if (key) {
        const auto again = read(jose::to_jwk(*key));
        require(again && again->kid == key->kid);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const std::string_view text = as_text(octets);
    explained(jose::peek(text));
    explained(jose::verify(all().signer.pub, text));
    explained(jose::read_claims(octets));
    const auto find = [](std::string_view, std::string_view) { return &all().signer.pub; };
    for (const auto& key : all().openers) {
        explained(jose::open(key, text, {}));
        explained(jose::open_nested(key, text, find, {"x", "", "x", 0}));
    }
    const auto set = jose::key_set::read(text);
    explained(set);
    if (set) {
        explained(set->find(text.substr(0, jose::most_kid)));
        require(set->size() + set->skipped().size() <= jose::most_set_keys);
    }
    if (const auto jwk = wire::parse_json_object(text)) {
        explained(jose::read_signing_key(*jwk));
        explained(jose::read_opening_key(*jwk));
        explained(jose::thumbprint(*jwk));
        comes_back(jose::read_verification_key, *jwk);
        if (const auto key = jose::read_recipient_key(*jwk); key && key->alg != jose::key_alg::dir) {
            comes_back([](const wire::json::object& one) { return jose::read_recipient_key(one); }, *jwk);
        }
    }
    return 0;
}
