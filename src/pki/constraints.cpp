#include "pki/constraints.h"

#include "pki/certificate_openssl.h"
#include "pki/pki_openssl.h"

#include <algorithm>

namespace berth::pki {

namespace {

using name_constraints_ptr = crypto::openssl_ptr<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

std::string text_of(const ASN1_STRING* value) {
    return std::string(as_text(octets_of(value)));
}

void read(const STACK_OF(GENERAL_SUBTREE) * subtrees, std::vector<std::string>& dns, std::vector<std::string>& hosts) {
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); ++i) {
        const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(subtrees, i)->base;
        if (base->type == GEN_DNS) {
            dns.push_back(text_of(base->d.dNSName));
        } else if (base->type == GEN_URI) {
            hosts.push_back(text_of(base->d.uniformResourceIdentifier));
        }
    }
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand side of the name satisfies the name
// constraint." The dot in front, which some write, wants one label or more.
bool dns_is_below(const std::string& name, const std::string& constraint) {
    if (constraint.empty()) {
        return true;
    }
    if (constraint.front() == '.') {
        return name.size() > constraint.size() && name.ends_with(constraint);
    }
    return name == constraint || (name.size() > constraint.size() && name.ends_with("." + constraint));
}

// "When the constraint begins with a period, it MAY be expanded with one or more labels. ... When the constraint does not begin
// with a period, it specifies a host."
bool host_is_below(const std::string& host, const std::string& constraint) {
    return constraint.starts_with('.') ? host.size() > constraint.size() && host.ends_with(constraint) : host == constraint;
}

// Empty: it has none.
std::string host_of(std::string_view uri) {
    const size_t at = uri.find("://");
    if (at == uri.npos) {
        return {};
    }
    const auto rest = uri.substr(at + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    const auto host = authority.substr(authority.find('@') == authority.npos ? 0 : authority.find('@') + 1);
    return lower(host.substr(0, host.find(':')));
}

tl::unexpected<error> outside(const std::string& name, const certificate& issuer, const std::vector<std::string>& room,
                              bool excluded) {
    std::string all;
    for (const auto& one : room) {
        all += (all.empty() ? "" : ", ") + one;
    }
    return fail(error{error_category::usage, "name_constraint_violated",
                      "The name \"" + name + "\" is not left to those below " + issuer.subject() + ", whose certificate " +
                          (excluded ? "excludes " : "allows only ") + all}
                    .with("name", name)
                    .with("issuer", issuer.subject()));
}

// The first whose path length is exceeded by those below it, from `first` of the chain on; null: none.
const certificate* over_its_length(const verified_chain& path, size_t first) {
    const auto chain = path.chain();
    uint64_t below = 0;
    for (size_t i = first; i <= chain.size(); ++i) {
        const auto& one = i < chain.size() ? chain[i] : path.anchor();
        if (one.path_length() && *one.path_length() < below) {
            return &one;
        }
        if (i < chain.size()) {
            below += takes_room(one, i + 1 < chain.size() ? chain[i + 1] : path.anchor()) ? 1 : 0;
        }
    }
    return nullptr;
}

}  // namespace

name_constraints constraints_of(const certificate& ca) {
    name_constraints out;
    const name_constraints_ptr value(
        static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(ca.get().x509.get(), NID_name_constraints, nullptr, nullptr)));
    if (value) {
        std::vector<std::string> excluded_hosts;  // nobody here writes these
        read(value->permittedSubtrees, out.permitted_dns, out.permitted_uri_hosts);
        read(value->excludedSubtrees, out.excluded_dns, excluded_hosts);
    }
    return out;
}

result<bool> bears_name(const certificate& c, const distinguished_name& name) {
    BERTH_TRY(encoded, from_name(name));
    return X509_NAME_cmp(X509_get_subject_name(c.get().x509.get()), encoded.get()) == 0;
}

bool takes_room(const certificate& ca, const certificate& issuer) {
    return !ca.is_self_issued() || ca.spki_sha256() != issuer.spki_sha256();
}

result<void> check_stand_ins(const verified_chain& leaf) {
    if (const auto* const over = over_its_length(leaf, 1)) {
        return fail(error{error_category::peer, "path_too_long",
                          over->subject() + " allows fewer signers below itself than there are (path length): one that bears its "
                                            "issuer's name and has another key is counted as well"}
                        .with("subject", leaf.leaf().subject())
                        .with("issuer", over->subject()));
    }
    return {};
}

result<void> check_may_sign(const verified_chain& ca) {
    if (const auto* const over = over_its_length(ca, 0)) {
        return fail(error{error_category::peer, "path_too_long",
                          ca.leaf().subject() + " may sign nobody: " + over->subject() +
                              " above it allows fewer signers below itself (path length)"}
                        .with("subject", ca.leaf().subject())
                        .with("issuer", over->subject()));
    }
    return {};
}

result<void> check_names_left(const subject_alt_names& names, std::span<const certificate> above) {
    for (const auto& issuer : above) {
        const auto room = constraints_of(issuer);
        const auto is_dns_below = [](const std::string& name) {
            return [&name](const std::string& constraint) { return dns_is_below(lower(name), lower(constraint)); };
        };
        for (const auto& name : names.dns) {
            if (std::ranges::any_of(room.excluded_dns, is_dns_below(name))) {
                return outside(name, issuer, room.excluded_dns, true);
            }
            if (!room.permitted_dns.empty() && std::ranges::none_of(room.permitted_dns, is_dns_below(name))) {
                return outside(name, issuer, room.permitted_dns, false);
            }
        }
        for (const auto& uri : names.uris) {
            const auto host = host_of(uri);
            if (!room.permitted_uri_hosts.empty() && std::ranges::none_of(room.permitted_uri_hosts, [&](const auto& constraint) {
                    return host_is_below(host, lower(constraint));
                })) {
                return outside(uri, issuer, room.permitted_uri_hosts, false);
            }
        }
    }
    return {};
}

}  // namespace berth::pki
