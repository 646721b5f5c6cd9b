#include "ca/request.h"

namespace berth::ca {

asked asked_by(const pki::csr_contents& request) {
    asked out{request.spki, request.name, request.alt_names};
    out.key_usage = request.key_usage;
    if (!request.extended_key_usages.empty()) {
        out.extended_key_usages = request.extended_key_usages;
    }
    if (request.basic_constraints) {
        out.is_ca = request.basic_constraints->ca;
        out.path_length = request.basic_constraints->path_length;
    }
    // A challengePassword is for whoever authenticates the requester, and goes into no certificate.
    out.not_understood = request.other_alt_names;
    for (const auto& extension : request.other_extensions) {
        if (std::ranges::find(issuers_extensions, extension.oid) != issuers_extensions.end()) {
            out.as_issued.push_back(extension);
        } else {
            out.not_understood.push_back(extension.oid);
        }
    }
    for (const auto& attribute : request.other_attributes) {
        out.not_understood.push_back(attribute.oid);
    }
    return out;
}

}  // namespace berth::ca
