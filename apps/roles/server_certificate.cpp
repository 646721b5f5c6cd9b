#include "roles/server_certificate.h"

#include "pki/host_names.h"

namespace berth::app {

namespace {

tl::unexpected<error> wrong(const char* name, const server_chain& chain, const std::string& why) {
    return fail(error{error_category::usage, name, chain.file.string() + ": " + why, {{"file", chain.file.string()}}});
}

bool is_issued_by(const pki::certificate& c, const pki::certificate& issuer) {
    return same_octets(c.issuer_der(), issuer.subject_der()) && c.check_signature(issuer).has_value();
}

}  // namespace

result<void> check_server_certificate(const server_chain& chain) {
    const auto& leaf = chain.certificates.front();
    if (!leaf.extended_key_usages().empty() && !leaf.has_eku(pki::oid_server_auth)) {
        return wrong("bad_profile", chain,
                     "the extendedKeyUsage of its first certificate has no serverAuth: no client will take it for a server's. "
                     "Have one issued with serverAuth, or without extendedKeyUsage");
    }
    if (!pki::names_a_host(leaf)) {
        return wrong("bad_profile", chain,
                     "the subjectAltName of its first certificate names no host: clients look for the server's name there, and "
                     "nowhere else. Have one issued with DNS:NAME");
    }
    for (size_t i = 0; i + 1 < chain.certificates.size(); ++i) {
        const auto &one = chain.certificates[i], &next = chain.certificates[i + 1];
        if (!is_issued_by(one, next)) {
            return wrong("bad_chain", chain,
                         fmt::format("certificate {} ({}) was issued by {}, and certificate {} is {}: the server's comes first, "
                                     "then each one's issuer",
                                     i + 1, one.subject(), one.issuer(), i + 2, next.subject()));
        }
    }
    return {};
}

result<void> check_server_certificate_now(const server_chain& chain, const std::vector<pki::certificate>& known,
                                          unix_seconds now) {
    for (const auto& c : chain.certificates) {
        if (c.not_after() < now) {
            return wrong("certificate_expired", chain,
                         fmt::format("the time of {} was over at {}: clients refuse it; renew it", c.subject(),
                                     to_iso8601(c.not_after())));
        }
        if (c.not_before() > now) {
            return wrong("certificate_not_yet_valid", chain,
                         fmt::format("the time of {} begins at {}: clients refuse it until then. Is the clock right?",
                                     c.subject(), to_iso8601(c.not_before())));
        }
    }
    const auto& last = chain.certificates.back();
    for (const auto& ca : known) {
        if (!last.is_self_issued() && !ca.is_self_issued() && is_issued_by(last, ca)) {
            return wrong("missing_issuer", chain,
                         fmt::format("it ends with {}, whose issuer {} is no root: clients that know only the root cannot get "
                                     "there. Append the certificate of that issuer",
                                     last.subject(), ca.subject()));
        }
    }
    return {};
}

}  // namespace berth::app
