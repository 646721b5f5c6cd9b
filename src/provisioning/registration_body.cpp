#include "provisioning/registration_body.h"

#include "provisioning/operational.h"
#include "provisioning/service.h"

#include <fmt/format.h>

namespace berth::provisioning {

result<registration_body> read_body(std::string_view text, std::string_view registration_id, bool shows_certificate) {
    registration_body out;
    if (text.size() > most_registration_body) {
        return fail(error_category::peer, "too_large", fmt::format("The body has more than {} octets.", most_registration_body));
    }
    if (text.find_first_not_of(" \t\r\n") == text.npos) {
        return out;
    }
    BERTH_TRY(object, wire::parse_json_object(text, most_registration_body));
    if (const auto* const id = object.if_contains("registrationId")) {
        if (!id->is_string() || !registry::same_registration_id(std::string_view(id->as_string()), registration_id)) {
            return fail(error_category::peer, "bad_body", "registrationId is not the one that the address says.");
        }
    }
    if (object.contains("tpm")) {
        if (shows_certificate) {
            return fail(error_category::incompatible, "unsupported", "A device shows a certificate or a TPM, not both.");
        }
        BERTH_TRY(tpm, read_tpm(object));
        out.tpm = std::move(tpm);
    }
    BERTH_TRY(csr, read_csr(object, registration_id));
    out.csr = std::move(csr);
    if (auto* const payload = object.if_contains("payload")) {
        out.payload = std::move(*payload);
    }
    return out;
}

}  // namespace berth::provisioning
