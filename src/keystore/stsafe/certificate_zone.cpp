#include "keystore/stsafe/certificate_zone.h"

#include "keystore/stsafe/key_record.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

// What one command writes is there or not; a record and a certificate's head are in it.
constexpr size_t first_piece = 400;

result<void> require_room(device& chip, uint8_t zone, size_t wanted) {
    BERTH_TRY(zones, read_partitions(chip));
    const auto it = std::ranges::find(zones, zone, &partition::zone);
    if (it == zones.end() || it->length < wanted) {
        return fail(error{error_category::usage, "no_room",
                          fmt::format("Zone {} of the STSAFE-A has {} octets, the certificate {}: name a larger one beside the "
                                      "slot (zone=), berth se store list shows them.",
                                      zone, it == zones.end() ? 0 : it->length, wanted)}
                        .with("zone", std::to_string(zone)));
    }
    return {};
}

}  // namespace

result<void> keep_certificate(device& chip, uint8_t zone, const pki::certificate& of) {
    BERTH_TRY(there, public_half(chip, zone));
    if (!same_octets(there.spki(), of.spki())) {
        return fail(error{error_category::usage, "key_mismatch",
                          fmt::format("Zone {} of the STSAFE-A is that of another key than the certificate's.", zone)}
                        .with("zone", std::to_string(zone)));
    }
    const bytes_view der = of.der();
    if (const auto earlier = read_certificate(chip, zone); earlier && same_octets(earlier->der(), der)) {
        return {};
    }
    BERTH_CHECK(require_room(chip, zone, der.size()));
    const size_t first = std::min(first_piece, der.size());
    BERTH_CHECK(write_octets(chip, zone, first, der.subspan(first)));
    return write_octets(chip, zone, 0, der.first(first));
}

}  // namespace berth::keystore::stsafe
