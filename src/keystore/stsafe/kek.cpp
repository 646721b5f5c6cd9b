#include "keystore/stsafe/kek.h"

#include "base/wipe.h"
#include "crypto/curve_openssl.h"
#include "crypto/hkdf.h"
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/session.h"

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t kek_size = 32;
// [stsafea_host_key_slot.h] STSAFEA_KEK_HKDF_SALT
constexpr std::array<uint8_t, 32> kek_salt{0xe4, 0x5d, 0x4c, 0xfd, 0x20, 0x15, 0xde, 0x9e, 0x0a, 0xa9, 0xa9,
                                           0xf6, 0xa4, 0x9f, 0x45, 0x10, 0x0f, 0x99, 0xd9, 0x63, 0x3f, 0xb1,
                                           0xb2, 0xdd, 0xdb, 0xee, 0xe6, 0x75, 0xd5, 0x4d, 0xe2, 0x5b};
// [stsafea_symmetric_key_slots.h] STSAFEA_KT_VOLATILE_BASE_KEK, STSAFEA_KT_VOLATILE_WORKING_KEK
constexpr uint8_t kind_base = 0x10;
constexpr uint8_t kind_working = 0x11;
// STSAFEA_KT_SYMMETRIC_KEY, STSAFEA_KT_CONFIRMATION_KEY
constexpr uint8_t kind_symmetric = 0x12;
constexpr uint8_t kind_confirmation = 0x13;
constexpr size_t most_agreed_keys = 24;  // so that the list fits into a frame

secret_bytes derived(const secret_bytes& from, bytes_view info, size_t size = kek_size) {
    const auto prk = crypto::hkdf_extract(crypto::hash_algorithm::sha256, kek_salt, from.reveal());
    return crypto::hkdf_expand(crypto::hash_algorithm::sha256, prk.reveal(), info, size);
}

// Both halves fresh.
struct agreement {
    bytes ours;  // 04 || X || Y
    bytes theirs;
    point chip_key;
    secret_bytes shared;
};

result<agreement> agree(device& chip, bytes_view curve, random_source& random) {
    const crypto::curve& c = same_octets(curve, oid_p384) ? crypto::curve::p384() : crypto::curve::p256();
    const auto scalar = c.draw_scalar(random);
    agreement out;
    out.ours.resize(c.point_size());
    c.write_point(c.base_times(scalar.get()).get(), out.ours);
    BERTH_TRY(theirs, chip.run(generate_ecdhe{curve_name(curve)}));
    out.chip_key = theirs.public_key;
    out.theirs = theirs.public_key.octets();
    const auto on_curve = c.point_from(out.theirs);
    if (!same_octets(theirs.curve.view(), curve) || !on_curve) {
        return fail(error_category::environment, "stsafe_wrong_answer",
                    "The STSAFE-A's half of a key agreement is no point of the curve that was asked for.");
    }
    out.shared = c.shared_x(on_curve.get(), scalar.get());
    return out;
}

result<host_key_type> type_of(const secret_bytes& keys) {
    BERTH_CHECK(split_host_keys(keys.reveal()));
    return keys.size() == host_keys_size(host_key_type::aes256) ? host_key_type::aes256 : host_key_type::aes128;
}

struct proof_made {
    hash_name hash;
    signature made;
};

result<proof_made> proved(const kek_session::host_proof& proof, bytes_view curve, const agreement& with) {
    const bool p256 = proof.key->algorithm() == crypto::signature_algorithm::ecdsa_p256_sha256;
    if (!p256 && proof.key->algorithm() != crypto::signature_algorithm::ecdsa_p384_sha384) {
        return fail(error_category::usage, "wrong_key_kind",
                    "An STSAFE-A120 knows hosts by ECDSA keys on P-256 and P-384, and not by this kind of key.");
    }
    BERTH_TRY(message, wire::encode(kek_signed_content{curve_name(curve), point::from(with.ours), with.chip_key}));
    BERTH_TRY(der, proof.key->sign(message));
    BERTH_TRY(raw, crypto::ecdsa_der_to_raw(proof.key->algorithm(), der));
    const size_t half = raw.size() / 2;
    return proof_made{p256 ? hash_name(bytes_view(oid_sha256)) : hash_name(bytes_view(oid_sha384)),
                      {lengthy(bytes_view(raw).first(half)), lengthy(bytes_view(raw).subspan(half))}};
}

}  // namespace

secret_bytes kek::base_key(const secret_bytes& shared, bytes_view chip_key, bytes_view host_key) {
    return derived(shared, concat({chip_key, host_key}));
}

secret_bytes kek::working_key(const secret_bytes& base, uint8_t number) {
    return derived(base, bytes{kind_base, kind_working, number});
}

secret_bytes kek::host_key(const secret_bytes& shared, bytes_view host_key, bytes_view chip_key, host_key_type type) {
    return derived(shared, concat({host_key, chip_key}), host_keys_size(type));
}

kek::agreed_octets kek::agreed_keys(const secret_bytes& shared, size_t size) {
    const auto all = derived(shared, bytes{kind_symmetric, kind_confirmation}, confirmation_key_size + size);
    return {secret_bytes(all.reveal().first(confirmation_key_size)), secret_bytes(all.reveal().subspan(confirmation_key_size))};
}

result<kek_session> kek_session::start(device& chip, bytes_view curve, random_source& random,
                                       const std::optional<host_proof>& proof) {
    BERTH_TRY(agreed, agree(chip, curve, random));
    if (proof) {
        BERTH_TRY(made, proved(*proof, curve, agreed));
        BERTH_CHECK(chip.run(start_kek_session_authenticated{curve_name(curve), point::from(agreed.ours), kek_unwrapping, 0,
                                                             proof->slot, made.hash, made.made}));
    } else {
        BERTH_CHECK(chip.run(start_kek_session{curve_name(curve), point::from(agreed.ours), kek_unwrapping}));
    }
    return kek_session(chip,
                       kek::base_key(agreed.shared, bytes_view(agreed.theirs).subspan(1), bytes_view(agreed.ours).subspan(1)));
}

result<secret_bytes> agree_on_host_key(device& chip, bytes_view curve, host_key_type type, random_source& random,
                                       const std::optional<kek_session::host_proof>& proof) {
    BERTH_TRY(agreed, agree(chip, curve, random));
    if (proof) {
        BERTH_TRY(made, proved(*proof, curve, agreed));
        BERTH_CHECK(chip.run(establish_host_key_authenticated{curve_name(curve), point::from(agreed.ours), host_key_agreement,
                                                              type, 0, proof->slot, made.hash, made.made}));
    } else {
        BERTH_CHECK(chip.run(establish_host_key{curve_name(curve), point::from(agreed.ours), host_key_agreement, type}));
    }
    return kek::host_key(agreed.shared, bytes_view(agreed.ours).subspan(1), bytes_view(agreed.theirs).subspan(1), type);
}

result<std::vector<secret_bytes>> agree_on_symmetric_keys(device& chip, bytes_view curve, const std::vector<agreed_key>& wanted,
                                                          random_source& random,
                                                          const std::optional<kek_session::host_proof>& proof) {
    if (wanted.empty() || wanted.size() > most_agreed_keys) {
        return fail(
            error_category::usage, "bad_agreement",
            fmt::format("An STSAFE-A120 agrees on 1 to {} keys at a time, and not on {}.", most_agreed_keys, wanted.size()));
    }
    BERTH_TRY(agreed, agree(chip, curve, random));
    if (proof) {
        BERTH_TRY(made, proved(*proof, curve, agreed));
        BERTH_CHECK(chip.run(establish_symmetric_keys_authenticated{curve_name(curve), point::from(agreed.ours),
                                                                    symmetric_agreement, 0, proof->slot, made.hash, made.made}));
    } else {
        BERTH_CHECK(chip.run(establish_symmetric_keys{curve_name(curve), point::from(agreed.ours), symmetric_agreement}));
    }
    size_t size = 0;
    for (const agreed_key& one : wanted) {
        size += one.kind.key_size();
    }
    const auto keys = kek::agreed_keys(agreed.shared, size);
    BERTH_TRY(content, wire::encode(confirmed_content{{wanted}}));
    const auto mac = aes::cmac(keys.confirmation.reveal(), content);
    BERTH_CHECK(chip.run(
        confirm_symmetric_keys{to_array<confirmation_mac_size>(bytes_view(mac).first(confirmation_mac_size)), {wanted}}));
    std::vector<secret_bytes> out;
    size_t at = 0;
    for (const agreed_key& one : wanted) {
        out.emplace_back(keys.octets.reveal().subspan(at, one.kind.key_size()));
        at += one.kind.key_size();
    }
    return out;
}

bytes kek_session::wrap(const secret_bytes& content) {
    ++used_;
    return aes::wrap(kek::working_key(base_, used_).reveal(), content.reveal()).value_or(bytes{});
}

result<void> kek_session::stop() {
    base_.clear();
    BERTH_CHECK(chip_->run(stop_kek_session{}));
    return {};
}

result<void> write_host_key_in_clear(device& chip, const secret_bytes& keys) {
    BERTH_TRY(type, type_of(keys));
    BERTH_CHECK(chip.run(write_host_key{{}, type, {keys}}));
    return {};
}

result<void> write_host_key_in(kek_session& session, device& chip, const secret_bytes& keys) {
    BERTH_TRY(type, type_of(keys));
    secret_bytes content(bytes{0, 0, 0, static_cast<uint8_t>(type)});
    content.append(keys.reveal());
    content.append(host_key_padding);
    BERTH_CHECK(chip.run(write_host_key_wrapped{{session.wrap(content)}}));
    return {};
}

result<void> write_symmetric_key_in(kek_session& session, device& chip, const write_symmetric_key& what) {
    BERTH_TRY(encoded, wire::encode(what));
    secret_bytes content(encoded);
    wipe(encoded);
    content.append(bytes{0x80});
    content.resize((content.size() + 7) / 8 * 8);
    BERTH_CHECK(chip.run(write_symmetric_key_wrapped{{session.wrap(content)}}));
    return {};
}

}  // namespace berth::keystore::stsafe
