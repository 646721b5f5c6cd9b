#include "pki/host_names.h"

#include "pki/certificate_openssl.h"
#include "pki/pki_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

bool names_a_host(const certificate& c) {
    if (!c.dns_names().empty()) {
        return true;
    }
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(c.get().x509.get(), NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    if (!names) {
        ERR_clear_error();
        return false;
    }
    const auto others = other_kinds(names.get());
    return std::find(others.begin(), others.end(), "iPAddress") != others.end();
}

}  // namespace berth::pki
