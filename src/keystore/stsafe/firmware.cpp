#include "keystore/stsafe/firmware.h"

#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/framed_record.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/removal.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

result<bytes_view> curve_of(const crypto::verification_key& key) {
    switch (key.algorithm()) {
    case crypto::signature_algorithm::ecdsa_p256_sha256: return bytes_view(oid_p256);
    case crypto::signature_algorithm::ecdsa_p384_sha384: return bytes_view(oid_p384);
    default: break;
    }
    return fail(error_category::usage, "wrong_key_kind",
                fmt::format("An STSAFE-A verifies ECDSA on P-256 and P-384, and not {}.", name_of(key.algorithm())));
}

result<void> require_room(device& chip, uint8_t zone, const key_record& record) {
    BERTH_TRY(body, wire::encode(record));
    BERTH_TRY(zones, read_partitions(chip));
    const auto at = std::ranges::find(zones, zone, &partition::zone);
    const size_t needed = body.size() + frame_overhead;
    if (at != zones.end() && at->type == 0 && at->length >= needed) {
        return {};
    }
    const std::string is = at == zones.end() ? "is not there"
                           : at->type != 0   ? "is a counter"
                                             : fmt::format("has {} octets", at->length);
    return fail(
        error{error_category::usage, "no_room",
              fmt::format("Zone {} of the STSAFE-A {}, and the key needs a zone for data of {}: name another one (--key), "
                          "`berth se store list` shows them.",
                          zone, is, needed)}
            .with("zone", std::to_string(zone)));
}

tl::unexpected<error> invalid(const char* why) {
    return fail(
        error_category::peer, "firmware_signature_invalid",
        fmt::format("{}: the image is not what was signed, or somebody else signed it. Do not start or install it.", why));
}

}  // namespace

result<void> trust_key(device& chip, uint8_t zone, const crypto::verification_key& key, bool for_ever) {
    BERTH_CHECK(curve_of(key));
    const key_record record{record_kind::trusted, static_cast<uint16_t>(key.algorithm()), 0, lengthy(key.raw()), {}};
    BERTH_CHECK(require_room(chip, zone, record));
    if (const auto vacant = check_vacant(chip, {.slot = zone, .zone = zone}); !vacant) {
        error e = vacant.error();
        if (e.is("key_exists")) {
            e.name = "zone_in_use";
        }
        return fail(std::move(e));
    }
    BERTH_CHECK(write_record(chip, zone, record));
    if (for_ever) {
        // Closed together with a rewriting of its first octets, which are what they were.
        BERTH_TRY(begin, read_octets(chip, zone, 0, 4, strongest(chip)));
        BERTH_CHECK(chip.run(update_zone{zone_option(access_change{zone_access::never, false}), zone, 0, {std::move(begin)}},
                             strongest(chip)));
    }
    return {};
}

result<crypto::verification_key> trusted_key(device& chip, uint8_t zone) {
    return public_half(chip, zone, strongest(chip));
}

result<void> verify_in_chip(device& chip, const crypto::verification_key& key, bytes_view digest, bytes_view signature) {
    BERTH_TRY(curve, curve_of(key));
    const size_t field = key.raw().size() / 2;
    auto raw = crypto::ecdsa_der_to_raw(key.algorithm(), signature);
    if (!raw && signature.size() == 2 * field) {
        raw = to_bytes(signature);
    }
    if (!raw) {
        return invalid("What should be a signature is none");
    }
    verify_signature question;
    question.curve = curve_name(curve);
    question.public_key = point::from(key.raw());
    question.made = {lengthy(bytes_view(*raw).first(field)), lengthy(bytes_view(*raw).subspan(field))};
    question.digest = lengthy(digest);
    BERTH_TRY(verdict, chip.run(question, strongest(chip)));
    if (verdict.valid != 1) {
        return invalid("The STSAFE-A says that the signature is wrong");
    }
    return {};
}

}  // namespace berth::keystore::stsafe
