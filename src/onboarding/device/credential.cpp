#include "onboarding/device/credential.h"

#include "onboarding/possession.h"
#include "pki/csr.h"

namespace berth::onboarding {

result<credential_request> device_credential::request(std::string_view serial, const exporter_function& kk2) const {
    credential_request out;
    out.name = name_field(std::string_view(name));
    out.kind = kind();
    if (kind() == credential_kind::kem) {
        out.request = der_field(spki());
        return out;
    }
    pki::csr_template contents;
    contents.subject.add("serialNumber", std::string(serial));
    contents.challenge_password = csr_binding(kk2);
    BERTH_TRY(der, pki::build_csr(contents, std::get<0>(key)->as_signing_key()));
    out.request = std::move(der);
    return out;
}

}  // namespace berth::onboarding
