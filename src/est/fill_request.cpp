#include "est/fill_request.h"

namespace berth::est {

namespace {

constexpr std::string_view oid_subject_alt_name = "2.5.29.17";
constexpr std::string_view oid_key_usage = "2.5.29.15";
constexpr std::string_view oid_extended_key_usage = "2.5.29.37";

tl::unexpected<error> missing(const std::string& what) {
    return fail(error{error_category::incompatible, "attribute_missing",
                      "The EST server wants " + what + " in the request, and there is nothing to put there."}
                    .with("attribute", what));
}

// Each value of ours is used once: a template may have two organisational units.
result<pki::distinguished_name> fill_subject(const std::vector<pki::wanted_name>& wanted, const pki::distinguished_name& own) {
    pki::distinguished_name out;
    auto left = own.attributes;
    for (const pki::wanted_name& name : wanted) {
        if (name.value) {
            out.add(name.attribute, *name.value);
            continue;
        }
        const auto mine = std::ranges::find(left, name.attribute, &std::pair<std::string, std::string>::first);
        if (mine == left.end()) {
            return missing(name.attribute);
        }
        out.add(mine->first, mine->second);
        left.erase(mine);
    }
    return out;
}

// Whether we have a value of our own for this extension.
bool has_own(const pki::csr_template& own, std::string_view oid) {
    return (oid == oid_subject_alt_name && !own.alt_names.empty()) || (oid == oid_key_usage && own.key_usage) ||
           (oid == oid_extended_key_usage && !own.extended_key_usages.empty()) ||
           std::ranges::find(own.other_extensions, oid, &pki::requested_extension::oid) != own.other_extensions.end();
}

// RFC 9908 3.4: an empty directoryName or iPAddress in a given subjectAltName is for the client to fill in, and we have none.
bool has_gaps(bytes_view alt_names) {
    static constexpr std::array<uint8_t, 2> address{0x87, 0};
    static constexpr std::array<uint8_t, 4> name{0xa4, 2, 0x30, 0};
    const auto has = [alt_names](auto pattern) { return !std::ranges::search(alt_names, pattern).empty(); };
    return has(address) || has(name);
}

result<void> take_extension(const pki::wanted_extension& wanted, bool demanded, pki::csr_template& out) {
    if (!wanted.value) {
        return !demanded || has_own(out, wanted.oid) ? result<void>{} : missing("extension " + wanted.oid);
    }
    if (wanted.oid == oid_subject_alt_name) {
        if (has_gaps(*wanted.value)) {
            return missing("an IP address or a directory name in subjectAltName");
        }
        out.alt_names = {};
    } else if (wanted.oid == oid_key_usage) {
        out.key_usage.reset();
    } else if (wanted.oid == oid_extended_key_usage) {
        out.extended_key_usages.clear();
    }
    // RFC 9908 3.4: "the client SHOULD use the given extension value in its CSR": as the server wrote it.
    std::erase_if(out.other_extensions, [&](const auto& own) { return own.oid == wanted.oid; });
    out.other_extensions.push_back({wanted.oid, wanted.critical, *wanted.value});
    return {};
}

// Attributes of the request itself. One without a value asks for ours; only a template insists.
result<void> take_attribute(const pki::requested_attribute& wanted, bool demanded, pki::csr_template& out) {
    if (wanted.oid == pki::oid_challenge_password) {
        return {};
    }
    const bool own =
        std::ranges::find(out.other_attributes, wanted.oid, &pki::requested_attribute::oid) != out.other_attributes.end();
    if (wanted.values.empty()) {
        return own || !demanded ? result<void>{} : missing("attribute " + wanted.oid);
    }
    std::erase_if(out.other_attributes, [&](const auto& mine) { return mine.oid == wanted.oid; });
    out.other_attributes.push_back(wanted);
    return {};
}

}  // namespace

std::optional<pki::wanted_key> key_wanted(const pki::csr_attributes& wanted) {
    if (wanted.form) {
        return wanted.form->key;
    }
    if (wanted.key) {
        return wanted.key;
    }
    for (const std::string& oid : wanted.oids) {
        for (const auto alg : crypto::all_signature_algorithms) {
            if (pki::wanted(alg).algorithm == oid) {
                return pki::wanted_key{oid, {}, 0};
            }
        }
        if (const auto alg = crypto::kem_algorithm_from_oid(oid)) {
            return pki::wanted(*alg);
        }
    }
    return std::nullopt;
}

result<pki::csr_template> fill_request(const pki::csr_attributes& wanted, pki::csr_template own,
                                       const std::optional<std::string>& channel_binding) {
    if (wanted.wants_channel_binding()) {
        if (!channel_binding) {
            return fail(error_category::incompatible, "channel_binding_missing",
                        "The EST server wants identity and possession linked, and this connection has no channel binding.");
        }
        own.challenge_password = channel_binding;
    }
    // RFC 9908 4: "Clients which understand both MUST use the template only, and ignore all other CSRattrs elements."
    const auto& extensions = wanted.form ? wanted.form->extensions : wanted.extensions;
    const bool demanded = wanted.form.has_value();
    if (wanted.form && wanted.form->subject) {
        BERTH_TRY(subject, fill_subject(*wanted.form->subject, own.subject));
        own.subject = std::move(subject);
    }
    for (const pki::wanted_extension& extension : extensions) {
        BERTH_CHECK(take_extension(extension, demanded, own));
    }
    if (wanted.form) {
        for (const pki::requested_attribute& attribute : wanted.form->attributes) {
            BERTH_CHECK(take_attribute(attribute, true, own));
        }
    }
    // Attributes with values in a list of RFC 7030 may be anything, a hint about algorithms for one: by RFC 7030 4.5.2 a
    // client passes over what it does not recognise, and all that we recognise is above.
    return own;
}

}  // namespace berth::est
