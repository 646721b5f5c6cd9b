#include "pki/subject_name.h"

#include "pki/certificate_openssl.h"

namespace berth::pki {

result<std::string> only_common_name(const certificate& c) {
    const X509_NAME* subject = X509_get_subject_name(c.get().x509.get());
    const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const bool only = first >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, first) < 0;
    const auto name = only ? c.common_name() : std::nullopt;
    if (!name) {
        return fail(error{error_category::peer, "bad_certificate",
                          "The certificate of " + c.subject() + " has " +
                              (first < 0 ? "no common name"
                               : only    ? "a common name that is no text"
                                         : "several common names") +
                              "."}
                        .with("subject", c.subject()));
    }
    return *name;
}

}  // namespace berth::pki
