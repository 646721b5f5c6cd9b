#include "keystore/stsafe/removal.h"

#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/credentials.h"
#include "keystore/stsafe/key_record.h"

namespace berth::keystore::stsafe {

result<void> check_vacant(device& chip, const key_place& place) {
    BERTH_TRY(record, read_record(chip, place.zone));
    const std::string zone = std::to_string(place.zone);
    std::string what = "the record of a key";
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

result<void> remove_key(device& chip, const key_place& place) {
    BERTH_TRY(record, read_record(chip, place.zone));
    if (!record) {
        return fail(error_category::environment, "key_not_found",
                    "Zone " + std::to_string(place.zone) + " of the STSAFE-A holds no key that Berth made; nothing is deleted.");
    }
    if (record->kind != record_kind::trusted) {
        generate_key command;
        command.slot = place.slot;
        command.curve = curve_name(bytes_view(oid_p256));
        BERTH_CHECK(chip.run(command));
    }
    return blank_record(chip, place.zone);
}

}  // namespace berth::keystore::stsafe
