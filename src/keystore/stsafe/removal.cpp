#include "keystore/stsafe/removal.h"

#include "crypto/hash.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/credentials.h"
#include "keystore/stsafe/key_record.h"

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

// Whether the key that is in the slot now is that of the certificate.
result<bool> is_of_slot(device& chip, uint8_t slot, const crypto::verification_key& key) {
    const auto message = as_bytes("Berth: is it this key that is deleted?");
    const bool p384 = key.algorithm() == crypto::signature_algorithm::ecdsa_p384_sha384;
    if (!p384 && key.algorithm() != crypto::signature_algorithm::ecdsa_p256_sha256) {
        return false;
    }
    const auto hashed = crypto::hash(p384 ? crypto::hash_algorithm::sha384 : crypto::hash_algorithm::sha256, message);
    BERTH_TRY(signature, sign_in_slot(chip, slot, key.algorithm(), hashed.view()));
    return key.verify(message, signature).has_value();
}

}  // namespace

result<void> check_no_identity(device& chip, const key_place& place) {
    constexpr std::array holds_none{"stsafe_no_certificate", "stsafe_access_condition", "stsafe_boundary"};
    BERTH_TRY(zones, read_partitions(chip));
    for (const auto& zone : zones) {
        if (zone.zone == place.zone || zone.type != 0) {
            continue;
        }
        const auto certificate = read_certificate(chip, zone.zone);
        if (!certificate) {
            const error& why = certificate.error();
            const bool silent = why.category == error_category::environment &&
                                std::ranges::none_of(holds_none, [&why](const char* says) { return why.is(says); });
            if (silent) {
                return fail(why);
            }
            continue;  // nor is what begins as a certificate and is none an identity
        }
        const auto key = crypto::verification_key::from_spki(certificate->spki());
        // A slot that does not sign, since it is empty or agrees, has no identity's key.
        if (key && is_of_slot(chip, place.slot, *key).value_or(false)) {
            return fail(error{error_category::usage, "key_restricted",
                              fmt::format("The key in slot {} of the STSAFE-A is an identity: its certificate is in zone {}, and "
                                          "not in zone {}. Nothing is changed; name that zone (zone={}), or another slot.",
                                          place.slot, zone.zone, place.zone, zone.zone)}
                            .with("zone", std::to_string(zone.zone)));
        }
    }
    return {};
}

result<void> check_vacant(device& chip, const key_place& place) {
    BERTH_TRY(record, read_record(chip, place.zone));
    const std::string zone = std::to_string(place.zone);
    std::string what =
        record && record->kind == record_kind::trusted ? "the key that firmware is verified with" : "the record of a key";
    if (!record) {
        const auto certificate = read_certificate(chip, place.zone);
        what = "a certificate";
        if (!certificate && certificate.error().is("stsafe_no_certificate")) {
            BERTH_TRY(begin, read_octets(chip, place.zone, 0, credential_magic.size()));
            if (as_text(begin) != credential_magic) {
                return {};
            }
            what = "a credential";
        }
    }
    return fail(error{error_category::usage, "key_exists",
                      "Zone " + zone + " of the STSAFE-A holds " + what +
                          ", and stays as it is. Name another slot and zone, or delete that key first."}
                    .with("zone", zone));
}

namespace {

result<void> drown(device& chip, uint8_t slot) {
    generate_key command;
    command.slot = slot;
    command.curve = curve_name(bytes_view(oid_p256));
    return chip.run(command).map([](const auto&) {});
}

result<void> remove_certified(device& chip, const key_place& place) {
    auto certificate = read_certificate(chip, place.zone);
    if (!certificate) {
        error e = std::move(certificate).error();
        return e.is("stsafe_no_certificate")
                   ? fail(error_category::environment, "key_not_found",
                          fmt::format("Zone {} of the STSAFE-A holds no key that Berth made; nothing is deleted.", place.zone))
                   : fail(std::move(e));
    }
    if (place.slot == 0) {
        return fail(error_category::usage, "key_restricted",
                    "Slot 0 of the STSAFE-A is the chip's own identity, with its maker's certificate; nothing is deleted.");
    }
    BERTH_TRY(key, crypto::verification_key::from_spki(certificate->spki()));
    BERTH_TRY(same, is_of_slot(chip, place.slot, key));
    if (!same) {
        return fail(error{
            error_category::usage, "key_mismatch",
            fmt::format("The certificate in zone {} is not that of slot {}'s key; nothing is deleted.", place.zone, place.slot)}
                        .with("zone", std::to_string(place.zone)));
    }
    BERTH_CHECK(drown(chip, place.slot));
    return write_octets(chip, place.zone, 0, bytes(certificate->der().size()));
}

}  // namespace

result<void> remove_key(device& chip, const key_place& place) {
    BERTH_TRY(record, read_record(chip, place.zone));
    if (!record) {
        return remove_certified(chip, place);
    }
    if (record->kind != record_kind::trusted) {
        BERTH_CHECK(check_no_identity(chip, place));
        BERTH_CHECK(drown(chip, place.slot));
    }
    return blank_record(chip, place.zone);
}

result<std::string> subject_in(device& chip, uint8_t zone) {
    BERTH_TRY(record, read_record(chip, zone));
    if (record) {
        return std::string();
    }
    const auto certificate = read_certificate(chip, zone);
    if (!certificate) {
        return certificate.error().is("stsafe_no_certificate") ? result<std::string>(std::string()) : fail(certificate.error());
    }
    // Whatever it names: who asks learns that there is one.
    return certificate->subject().empty() ? "a certificate without a subject" : certificate->subject();
}

}  // namespace berth::keystore::stsafe
