#include "ca/profile.h"

#include "ca/names.h"

namespace berth::ca {

namespace {

tl::unexpected<error> refuse(const profile& p, std::string field, std::string why) {
    return fail(error{error_category::peer, "request_refused",
                      "The request cannot be granted by the profile " + p.name + ": " + std::move(why) + "."}
                    .with("profile", p.name)
                    .with("field", std::move(field)));
}

uint16_t usual_usage(const key_kind& kind) {
    return std::holds_alternative<crypto::kem_algorithm>(kind) ? pki::key_encipherment : pki::digital_signature;
}

// RFC 9881 5, RFC 9935 4: what keys of a kind can be used for at all.
uint16_t possible_usage(const key_kind& kind) {
    if (std::holds_alternative<crypto::kem_algorithm>(kind)) {
        return pki::key_encipherment;
    }
    constexpr uint16_t signs = pki::digital_signature | pki::content_commitment | pki::key_cert_sign | pki::crl_sign;
    return crypto::is_post_quantum(std::get<crypto::signature_algorithm>(kind))
               ? signs
               : static_cast<uint16_t>(signs | pki::key_agreement);
}

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
    return std::ranges::find(all, one) != all.end();
}

// ---- subject and names

result<void> grant_subject(const profile& p, const asked& what, pki::distinguished_name& subject) {
    for (const auto& [attribute, value] : what.subject.attributes) {
        BERTH_CHECK(check_name_value(attribute, value));
        const auto given = std::pair(attribute, value);
        if (contains(subject.attributes, given)) {
            continue;
        }
        if (!contains(p.may_ask.attributes, attribute)) {
            return refuse(p, "subject",
                          "it asks for " + attribute + "=" + value +
                              " in its subject, and the subject follows from who asks; leave it out");
        }
        subject.attributes.push_back(given);
    }
    return {};
}

bool may_choose_dns(const profile& p, const std::string& name) {
    const std::string wanted = lower_case(name);
    return std::ranges::any_of(p.may_ask.dns, [&](const std::string& allowed) {
        const std::string pattern = lower_case(allowed);
        return pattern.starts_with('.') ? wanted.size() > pattern.size() && wanted.ends_with(pattern) : wanted == pattern;
    });
}

result<void> grant_alt_names(const profile& p, const asked& what, pki::subject_alt_names& names) {
    for (const std::string& dns : what.alt_names.dns) {
        BERTH_CHECK(check_dns_name(dns));
        if (!contains(names.dns, dns)) {
            if (!may_choose_dns(p, dns)) {
                return refuse(p, "subjectAltName", "the DNS name " + dns + " is not the requester's to choose");
            }
            names.dns.push_back(dns);
        }
    }
    for (const std::string& uri : what.alt_names.uris) {
        BERTH_CHECK(check_name_value("URI", uri));
        if (!contains(names.uris, uri)) {
            const auto begins = [&](const std::string& prefix) { return uri.starts_with(prefix); };
            if (std::ranges::none_of(p.may_ask.uri_prefixes, begins)) {
                return refuse(p, "subjectAltName", "the URI " + uri + " is not the requester's to choose");
            }
            names.uris.push_back(uri);
        }
    }
    // Whose hardware it is, and who the subject is for good, nobody says of himself.
    if (what.alt_names.hardware && what.alt_names.hardware != names.hardware) {
        return refuse(p, "subjectAltName", "a hardwareModuleName is not the requester's to choose");
    }
    if (what.alt_names.permanent_id && what.alt_names.permanent_id != names.permanent_id) {
        return refuse(p, "subjectAltName", "a permanentIdentifier is not the requester's to choose");
    }
    return {};
}

result<void> given_names(const profile& p, const requester& who, pki::certificate_template& out) {
    BERTH_TRY(subject, p.subject.fill(who));
    out.subject = std::move(subject);
    for (const auto& [attribute, value] : out.subject.attributes) {
        BERTH_CHECK(check_name_value(attribute, value));
    }
    for (const auto& one : p.dns) {
        BERTH_TRY(dns, one.fill(who));
        BERTH_CHECK(check_dns_name(dns));
        out.alt_names.dns.push_back(std::move(dns));
    }
    for (const auto& one : p.uris) {
        BERTH_TRY(uri, one.fill(who));
        BERTH_CHECK(check_name_value("URI", uri));
        out.alt_names.uris.push_back(std::move(uri));
    }
    if (p.names_maker) {
        BERTH_CHECK(text_template::parse("{maker}")->fill(who));
        out.alt_names.uris.push_back(pki::device_identity_uri(who.device.maker_root));
    }
    if (p.permanent_id) {
        BERTH_TRY(value, p.permanent_id->fill(who));
        out.alt_names.permanent_id = pki::permanent_identifier{std::move(value), {}};
    }
    return {};
}

// ---- what the key is for

result<void> grant_usages(const profile& p, const asked& what, const key_kind& kind, pki::certificate_template& out) {
    out.key_usage = p.key_usage.value_or(usual_usage(kind));
    if ((*out.key_usage & ~possible_usage(kind)) != 0) {
        return refuse(p, "keyUsage", "keys of " + std::string(name_of(kind)) + " cannot be used for what it certifies");
    }
    // A request for less is honoured: what was not asked for is not granted either.
    if (what.key_usage) {
        if ((*what.key_usage & ~*out.key_usage) != 0 || *what.key_usage == 0) {
            return refuse(p, "keyUsage", "it asks for key usages that the profile does not give, or for none");
        }
        out.key_usage = what.key_usage;
    }
    out.extended_key_usages = p.extended_key_usages;
    if (what.extended_key_usages) {
        // RFC 5280 4.2.1.12: "ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId"
        if (what.extended_key_usages->empty()) {
            return refuse(p, "extendedKeyUsage", "its extended key usage is empty, which no certificate may have");
        }
        for (const std::string& oid : *what.extended_key_usages) {
            if (!contains(p.extended_key_usages, oid)) {
                return refuse(p, "extendedKeyUsage",
                              "it asks for the extended key usage " + oid + ", which the profile does not give");
            }
        }
        out.extended_key_usages = *what.extended_key_usages;
    }
    out.policies = p.policies;
    return {};
}

result<void> grant_constraints(const profile& p, const asked& what, pki::certificate_template& out) {
    out.is_ca = p.is_ca;
    out.path_length = p.path_length;
    out.constraints = p.constraints;
    if (what.is_ca && *what.is_ca != p.is_ca) {
        return refuse(p, "basicConstraints",
                      *what.is_ca ? "it asks for a CA's certificate" : "the profile is for CAs, and it asks not to be one");
    }
    if (what.path_length) {
        if (!p.is_ca || (p.path_length && *what.path_length > *p.path_length)) {
            return refuse(p, "basicConstraints", "it asks for more CAs below it than the profile gives");
        }
        out.path_length = what.path_length;
    }
    return {};
}

}  // namespace

std::string_view name_of(const key_kind& kind) {
    if (const auto* kem = std::get_if<crypto::kem_algorithm>(&kind)) {
        return crypto::name_of(*kem);
    }
    switch (const auto algorithm = std::get<crypto::signature_algorithm>(kind); algorithm) {
    case crypto::signature_algorithm::ecdsa_p256_sha256: return "p256";
    case crypto::signature_algorithm::ecdsa_p384_sha384: return "p384";
    default: return crypto::name_of(algorithm);
    }
}

std::optional<key_kind> key_kind_named(std::string_view name) {
    for (const auto algorithm : crypto::all_signature_algorithms) {
        if (name_of(key_kind(algorithm)) == name) {
            return algorithm;
        }
    }
    for (const auto algorithm : crypto::all_kem_algorithms) {
        if (crypto::name_of(algorithm) == name) {
            return algorithm;
        }
    }
    return std::nullopt;
}

result<key_kind> key_kind_of(bytes_view spki) {
    const auto signs = crypto::verification_key::from_spki(spki);
    if (signs || !signs.error().is("unsupported_key_algorithm")) {
        return signs ? result<key_kind>(signs->algorithm()) : fail(signs.error());
    }
    const auto kem = crypto::kem_public_key::from_spki(spki);
    if (kem || !kem.error().is("unsupported_key_algorithm")) {
        return kem ? result<key_kind>(kem->algorithm()) : fail(kem.error());
    }
    return fail(signs.error());
}

result<void> check(const profile& p) {
    const auto bad = [&](const std::string& why) { return fail(bad_profile("the profile " + p.name + " " + why)); };
    if (p.name.empty() || p.name.size() > 64) {
        return fail(bad_profile("a profile's name has 1 to 64 characters"));
    }
    if (std::ranges::any_of(p.required, [](const auto& set) { return set.empty(); })) {
        return bad("would be issued on no proof at all");
    }
    if (p.keys.empty()) {
        return bad("allows no kind of key");
    }
    if (p.lifetime <= 0) {
        return bad("has no lifetime");
    }
    if (p.subject.empty() && p.dns.empty() && p.uris.empty() && !p.permanent_id && !p.names_maker && p.may_ask.dns.empty() &&
        p.may_ask.uri_prefixes.empty()) {
        return bad("names nobody: it has neither a subject nor other names");
    }
    constexpr uint16_t of_cas = pki::key_cert_sign | pki::crl_sign;
    const uint16_t usage = p.key_usage.value_or(0);
    if (p.is_ca && (usage & pki::key_cert_sign) == 0) {
        return bad("is for CAs, and its usages lack keyCertSign");
    }
    if (!p.is_ca && ((usage & of_cas) != 0 || p.path_length || !p.constraints.empty())) {
        return bad("is not for CAs, and has keyCertSign, cRLSign, a path length or name constraints");
    }
    if (p.key_usage && usage == 0) {
        return bad("has an empty list of usages; leave it out, so that they follow from the key");
    }
    for (const key_kind& kind : p.keys) {
        if ((p.key_usage.value_or(usual_usage(kind)) & ~possible_usage(kind)) != 0) {
            return bad("certifies uses that keys of " + std::string(name_of(kind)) + " do not have");
        }
    }
    for (const auto* oids : {&p.extended_key_usages, &p.policies}) {
        for (const std::string& oid : *oids) {
            if (!is_dotted_oid(oid)) {
                return bad("has \"" + oid + "\", which is no OID");
            }
        }
    }
    if (contains(p.extended_key_usages, std::string(pki::oid_any_extended_key_usage))) {
        return bad("has anyExtendedKeyUsage, with which a certificate is good for everything");
    }
    return {};
}

result<void> require_entitled(const profile& p, const requester& who) {
    const auto has_all = [&](const std::set<proof>& wanted) { return std::ranges::includes(who.proofs, wanted); };
    const auto refuse_him = [&](const std::string& why) {
        return fail(
            error{error_category::peer, "not_entitled", "The profile " + p.name + " is not for this requester: " + why + "."}
                .with("profile", p.name)
                .with("proofs", who.proofs_text()));
    };
    if (std::ranges::none_of(p.required, has_all)) {
        std::string wanted;
        for (const auto& set : p.required) {
            wanted += (wanted.empty() ? "" : ", or ") + requester{set, {}, {}}.proofs_text();
        }
        return refuse_him(wanted.empty() ? "it is issued to nobody"
                                         : "it is issued on proof of " + wanted + ", and he has proved " +
                                               (who.proofs.empty() ? "nothing" : who.proofs_text()));
    }
    if (!p.proof_anchors.empty() && !contains(p.proof_anchors, who.issuer) && !contains(p.proof_anchors, who.anchor)) {
        return refuse_him("the certificate that he has shown does not lead to one of the CAs that count for it");
    }
    return {};
}

result<pki::certificate_template> fill(const profile& p, const requester& who, const asked& what) {
    BERTH_TRY(kind, key_kind_of(what.spki));
    if (!contains(p.keys, kind)) {
        return refuse(p, "key", "its key is one of " + std::string(name_of(kind)) + ", which the profile does not allow");
    }
    if (!what.not_understood.empty()) {
        return refuse(p, what.not_understood.front(),
                      "it asks for " + what.not_understood.front() + ", which no certificate of this CA has");
    }
    pki::certificate_template out;
    BERTH_CHECK(given_names(p, who, out));
    BERTH_CHECK(grant_subject(p, what, out.subject));
    BERTH_CHECK(grant_alt_names(p, what, out.alt_names));
    BERTH_CHECK(grant_usages(p, what, kind, out));
    BERTH_CHECK(grant_constraints(p, what, out));
    return out;
}

}  // namespace berth::ca
