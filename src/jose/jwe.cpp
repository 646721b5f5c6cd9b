#include "jose/jwe.h"

#include "crypto/hpke_once.h"
#include "crypto/key_wrap.h"
#include "jose/content.h"
#include "jose/jwk_members.h"
#include "wire/base64.h"

#include <cstdlib>

namespace berth::jose {

namespace json = wire::json;

namespace {

// Of ECDH-ES: what an ephemeral key's JWK says (RFC 7518 4.6.1.1), and PartyUInfo, PartyVInfo.
struct agreement_header {
    crypto::agreement_public_key epk;
    bytes apu, apv;
};

json::object epk_of(const crypto::agreement_public_key& key) {
    auto jwk = to_jwk(recipient_key{key_alg::ecdh_es, content_alg::a256gcm, "", key});
    for (const auto* const name : {"alg", "enc", "use"}) {
        jwk.erase(name);
    }
    return jwk;
}

result<crypto::agreement_public_key> read_epk(const json::object& jwk, crypto::agreement_group group,
                                              crypto::point_validation points) {
    const jwk_members members(jwk);
    BERTH_CHECK(members.is("crv", crypto::name_of(group)));
    if (jwk.contains("d")) {
        return fail(bad_jwk("a private key stands in a header"));
    }
    const size_t field = crypto::private_size(group);
    BERTH_TRY(x, members.octets("x", field));
    if (group == crypto::agreement_group::x25519) {
        BERTH_CHECK(members.is("kty", "OKP"));
        return crypto::agreement_public_key::from_raw(group, x);
    }
    BERTH_CHECK(members.is("kty", "EC"));
    BERTH_TRY(y, members.octets("y", field));
    static constexpr std::array<uint8_t, 1> uncompressed{4};
    return crypto::agreement_public_key::from_raw(group, concat({uncompressed, x, y}), points);
}

result<agreement_header> read_agreement(const json::object& head, crypto::agreement_group group,
                                        crypto::point_validation points) {
    constexpr size_t most_party = 256;
    const auto* const epk = head.if_contains("epk");
    if (epk == nullptr || !epk->is_object()) {
        return fail(malformed("it has no ephemeral key"));
    }
    BERTH_TRY(key, read_epk(epk->get_object(), group, points));
    const auto party = [&head](std::string_view name) -> result<bytes> {
        if (!head.contains(name)) {
            return bytes();
        }
        BERTH_TRY(octets, jwk_members(head).octets(name));
        if (octets.size() > most_party) {
            return fail(malformed("its \"" + std::string(name) + "\" is too long"));
        }
        return octets;
    };
    BERTH_TRY(apu, party("apu"));
    BERTH_TRY(apv, party("apv"));
    return agreement_header{std::move(key), std::move(apu), std::move(apv)};
}

// The key that a message is encrypted with (direct), or that its key is wrapped with.
secret_bytes agreed_key(key_alg alg, content_alg enc, bytes_view agreed, bytes_view apu, bytes_view apv) {
    return alg == key_alg::ecdh_es ? concat_kdf(agreed, name_of(enc), apu, apv, key_size(enc))
                                   : concat_kdf(agreed, name_of(alg), apu, apv, crypto::key_wrap_key_size);
}

error decryption_failed() {
    return {error_category::peer, "decryption_failed", "The message cannot be opened with this key."};
}

result<crypto::kem_encapsulation> encapsulate(const recipient_key& to, random_source& random) {
    if (const auto* const kem = std::get_if<crypto::kem_public_key>(&to.key)) {
        return kem->encapsulate(random);
    }
    return std::get<crypto::x_wing_public_key>(to.key).encapsulate(random);
}

result<secret_bytes> decapsulate(const opening_key& key, bytes_view enc) {
    if (const auto* const kem = std::get_if<keystore::kem_key_ptr>(&key.key)) {
        return (*kem)->decapsulate(enc);
    }
    return std::get<crypto::x_wing_private_key>(key.key).decapsulate(enc);
}

struct jwe_parts {
    bytes encrypted_key, iv, ciphertext, tag;
};

std::string write(const std::string& head, const jwe_parts& parts) {
    return head + "." + wire::base64url(parts.encrypted_key) + "." + wire::base64url(parts.iv) + "." +
           wire::base64url(parts.ciphertext) + "." + wire::base64url(parts.tag);
}

// What stands in the headers of one's own making beside what the key says.
void add_all(json::object& members, const json::object& extra) {
    for (const auto& [name, value] : extra) {
        if (!members.emplace(name, value).second) {
            std::abort();  // the key says these: our own mistake
        }
    }
}

result<bytes> open_hpke(const opening_key& key, const header& head, std::string_view encoded, const jwe_parts& parts,
                        bytes_view info) {
    // draft-ietf-jose-hpke-encrypt 5: "enc" and "ek" MUST NOT be present; IV and tag are empty. There is no psk of ours.
    for (const auto* const name : {"enc", "ek", "psk_id"}) {
        if (head.members.contains(name)) {
            return fail(malformed("\"" + std::string(name) + "\" has no place in a message of HPKE's integrated mode"));
        }
    }
    if (!parts.iv.empty() || !parts.tag.empty()) {
        return fail(malformed("IV and tag of a message of HPKE's integrated mode are not empty"));
    }
    auto secret = decapsulate(key, parts.encrypted_key);
    if (!secret) {
        return fail(secret.error().is("keystore_failed") ? secret.error() : decryption_failed());
    }
    return crypto::hpke_open_once(kem_id_of(key.pub.alg), secret->reveal(), info, as_bytes(encoded), parts.ciphertext);
}

// The key of the content. Whatever is wrong is told alike.
result<secret_bytes> content_key(const opening_key& key, const header& head, const jwe_parts& parts) {
    if (key.pub.alg == key_alg::dir) {
        // RFC 7518 4.5, 4.6: "the JWE Encrypted Key value [is] the empty octet sequence"
        return parts.encrypted_key.empty() ? result<secret_bytes>(std::get<secret_bytes>(key.pub.key))
                                           : fail(decryption_failed());
    }
    const auto& own = *std::get<keystore::agreement_key_ptr>(key.key);
    BERTH_TRY(said, read_agreement(head.members, own.group(), key.points));
    BERTH_TRY(agreed, own.agree(said.epk));
    auto out = agreed_key(key.pub.alg, key.pub.enc, agreed.reveal(), said.apu, said.apv);
    if (key.pub.alg == key_alg::ecdh_es) {
        return parts.encrypted_key.empty() ? result<secret_bytes>(std::move(out)) : fail(decryption_failed());
    }
    // RFC 3394 knows no other length than what was wrapped: a key of another length is another algorithm's.
    BERTH_TRY(unwrapped, crypto::unwrap_key(out.reveal(), parts.encrypted_key));
    return unwrapped.size() == key_size(key.pub.enc) ? result<secret_bytes>(std::move(unwrapped)) : fail(decryption_failed());
}

result<void> same_algorithms(const recipient_key& key, const header& head) {
    const bool enc_differs = !is_hpke(key.alg) && head.enc != name_of(key.enc);
    if (head.alg != name_of(key.alg) || enc_differs) {
        const std::string said = head.alg + (head.enc.empty() ? "" : " " + head.enc);
        return fail(error{error_category::peer,
                          "algorithm_mismatch",
                          "The token says \"" + said + "\", and its key is for " + std::string(name_of(key.alg)) +
                              (is_hpke(key.alg) ? "." : " " + std::string(name_of(key.enc)) + "."),
                          {{"algorithm", said}}});
    }
    if (!head.kid.empty() && head.kid != key.kid && head.kid != key.called) {
        return fail(error_category::peer, "wrong_key", "The token is sealed for another key than the one it is opened with.");
    }
    return {};
}

}  // namespace

result<std::string> seal(const recipient_key& to, bytes_view plaintext, const json::object& extra, bytes_view info,
                         random_source& random) {
    json::object members{{"alg", name_of(to.alg)}, {"kid", to.kid}};
    jwe_parts parts;
    if (is_hpke(to.alg)) {
        add_all(members, extra);
        const std::string head = write_header(members);
        BERTH_TRY(made, encapsulate(to, random));
        parts.encrypted_key = std::move(made.enc);
        parts.ciphertext =
            crypto::hpke_seal_once(kem_id_of(to.alg), made.shared_secret.reveal(), info, as_bytes(head), plaintext);
        return write(head, parts);
    }
    members["enc"] = name_of(to.enc);
    secret_bytes key;
    if (const auto* const shared = std::get_if<secret_bytes>(&to.key)) {
        key = *shared;
    } else {
        const auto& peer = std::get<crypto::agreement_public_key>(to.key);
        const auto ephemeral = crypto::agreement_private_key::generate(peer.group(), random);
        BERTH_TRY(agreed, ephemeral.agree(peer));
        members["epk"] = epk_of(ephemeral.public_key());
        key = agreed_key(to.alg, to.enc, agreed.reveal(), {}, {});
        if (to.alg == key_alg::ecdh_es_a256kw) {
            secret_bytes content(key_size(to.enc));
            random.fill(content.writable());
            parts.encrypted_key = crypto::wrap_key(key.reveal(), content);
            key = std::move(content);
        }
    }
    add_all(members, extra);
    const std::string head = write_header(members);
    auto sealed = seal_content(to.enc, key.reveal(), as_bytes(head), plaintext, random);
    parts.iv = std::move(sealed.iv);
    parts.ciphertext = std::move(sealed.ciphertext);
    parts.tag = std::move(sealed.tag);
    return write(head, parts);
}

result<opened> open(const opening_key& key, std::string_view token, bytes_view info, size_t most) {
    std::array<std::string_view, 5> texts;
    BERTH_CHECK(split(token, texts, most));
    BERTH_TRY(head, read_header(texts[0]));
    BERTH_CHECK(same_algorithms(key.pub, head));
    jwe_parts parts;
    const std::array<bytes*, 4> octets{&parts.encrypted_key, &parts.iv, &parts.ciphertext, &parts.tag};
    for (size_t i = 0; i < octets.size(); ++i) {
        auto read = wire::from_base64url(texts[i + 1]);
        if (!read) {
            return fail(malformed("a part of it is not base64url without padding"));
        }
        *octets[i] = std::move(*read);
    }
    if (is_hpke(key.pub.alg)) {
        BERTH_TRY(plaintext, open_hpke(key, head, texts[0], parts, info));
        return opened{std::move(head), std::move(plaintext)};
    }
    const auto with = content_key(key, head, parts);
    if (!with && with.error().is("keystore_failed")) {
        return fail(with.error());
    }
    auto plaintext = with ? open_content(key.pub.enc, with->reveal(), as_bytes(texts[0]), parts.iv, parts.ciphertext, parts.tag)
                          : result<bytes>(fail(decryption_failed()));
    if (!plaintext) {
        return fail(decryption_failed());
    }
    return opened{std::move(head), std::move(*plaintext)};
}

}  // namespace berth::jose
