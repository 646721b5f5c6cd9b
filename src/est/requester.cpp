#include "est/requester.h"

namespace berth::est {

namespace {

tl::unexpected<error> not_permitted(const std::string& name, const requester& who) {
    return fail(error{error_category::peer, "name_not_permitted",
                      "The request is for \"" + name + "\", which is not a name of who asks (" + who.name + ")."}
                    .with("name", name));
}

bool is_dns_label(std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
           });
}

bool is_dns_name(std::string_view name) {
    if (name.size() > 253) {
        return false;
    }
    for (;;) {
        const size_t dot = name.find('.');
        if (!is_dns_label(name.substr(0, dot))) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return true;
        }
        name.remove_prefix(dot + 1);
    }
}

bool has_attribute(const pki::distinguished_name& name, std::string_view attribute, std::string_view value) {
    return std::ranges::any_of(name.attributes, [&](const auto& own) { return own.first == attribute && own.second == value; });
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
    return std::ranges::find(all, one) != all.end();
}

result<void> judge_alt_names(const pki::csr_contents& asks, const pki::certificate_names& own, const requester& who) {
    if (asks.alt_names_value == own.alt_names_value) {
        return {};
    }
    for (const std::string& dns : asks.alt_names.dns) {
        if (!contains(own.alt_names.dns, dns)) {
            return not_permitted(dns, who);
        }
    }
    for (const std::string& uri : asks.alt_names.uris) {
        if (!contains(own.alt_names.uris, uri)) {
            return not_permitted(uri, who);
        }
    }
    if (asks.alt_names.hardware && asks.alt_names.hardware != own.alt_names.hardware) {
        return not_permitted("hardwareModuleName " + to_hex(asks.alt_names.hardware->serial), who);
    }
    if (asks.alt_names.permanent_id && asks.alt_names.permanent_id != own.alt_names.permanent_id) {
        return not_permitted(asks.alt_names.permanent_id->value, who);
    }
    if (!asks.other_alt_names.empty()) {
        return not_permitted(asks.other_alt_names.front(), who);
    }
    return {};
}

}  // namespace

result<requester> requester::with_certificate(std::vector<pki::certificate> chain, trust_class trust) {
    const pki::certificate& leaf = chain.front();
    BERTH_TRY(names, pki::names_of(leaf));
    requester out;
    out.how = only(proof::certificate);
    out.trust = trust;
    out.name = leaf.subject();
    out.identity = std::move(names);
    // RFC 7030 3.7 has registration authorities known by id-kp-cmcRA (RFC 6402 2.10): such a one may ask for others. Only the
    // operator's own certificates can say so; a maker of devices names no RA.
    out.any_name = trust == trust_class::operational && leaf.has_eku(pki::oid_cmc_ra);
    out.chain = std::move(chain);
    return out;
}

access judge_access(std::span<const access_rule> rules, operation op, const requester& who) {
    bool password_helps = false;
    for (const access_rule& rule : rules) {
        if (std::ranges::find(rule.operations, op) == rule.operations.end() || (rule.how.none() && !rule.anybody)) {
            continue;
        }
        const bool class_fits =
            !rule.how.has(proof::certificate) || (who.trust && (rule.trust & static_cast<uint8_t>(*who.trust)) != 0);
        if (class_fits && who.how.includes(rule.how)) {
            return access::granted;
        }
        password_helps |= rule.how.has(proof::basic) || rule.how.has(proof::token);
    }
    const bool gave_password = who.how.has(proof::basic) || who.how.has(proof::token);
    return password_helps && !gave_password ? access::unauthenticated : access::denied;
}

namespace {

constexpr std::array<std::pair<trust_class, std::string_view>, 3> class_names{
    {{trust_class::idevid, "idevid"}, {trust_class::ldevid, "ldevid"}, {trust_class::operational, "operational"}}};

// `classes`: trust_class bits.
std::string describe_proofs(proofs how, uint8_t classes) {
    std::vector<std::string> parts;
    if (how.has(proof::certificate)) {
        std::vector<std::string_view> of;
        for (const auto& [which, name] : class_names) {
            if ((classes & static_cast<uint8_t>(which)) != 0) {
                of.push_back(name);
            }
        }
        parts.push_back(fmt::format("a certificate ({})", fmt::join(of, " or ")));
    }
    for (const auto& [which, text] :
         {std::pair(proof::basic, "a name and password"),
          std::pair(proof::header_secret, "the secret header from a known address"), std::pair(proof::token, "a token")}) {
        if (how.has(which)) {
            parts.emplace_back(text);
        }
    }
    return fmt::format("{}", fmt::join(parts, " with "));
}

}  // namespace

std::string describe_access(std::span<const access_rule> rules, operation op) {
    std::vector<std::string> out;
    for (const access_rule& rule : rules) {
        if (std::ranges::find(rule.operations, op) == rule.operations.end() || rule.how.none()) {
            continue;
        }
        auto one = describe_proofs(rule.how, rule.trust);
        if (std::ranges::find(out, one) == out.end()) {
            out.push_back(std::move(one));
        }
    }
    return fmt::format("{}", fmt::join(out, ", or "));
}

std::string describe(const requester& who) {
    return who.how.none() ? "nothing" : describe_proofs(who.how, who.trust ? static_cast<uint8_t>(*who.trust) : 0);
}

result<void> judge_names(const pki::csr_contents& asks, const requester& who) {
    for (const std::string& dns : asks.alt_names.dns) {
        if (!is_dns_name(dns)) {
            return fail(error{error_category::peer, "bad_dns_name", "\"" + dns + "\" is not the DNS name of one host."}.with(
                "name", dns));
        }
    }
    if (who.any_name) {
        return {};
    }
    static const pki::certificate_names nobody;
    const pki::certificate_names& own = who.identity ? *who.identity : nobody;
    for (const auto& [attribute, value] : asks.name.attributes) {
        if (!has_attribute(own.subject, attribute, value) &&
            !(attribute == "CN" && has_attribute(own.subject, "serialNumber", value))) {
            return not_permitted(attribute + "=" + value, who);
        }
    }
    return judge_alt_names(asks, own, who);
}

}  // namespace berth::est
