#include "setup/ca_inspect.h"

#include "base/wipe.h"
#include "common/files.h"
#include "onboarding/messages/voucher.h"
#include "pki/certs_only.h"
#include "pki/crl_scope.h"
#include "pki/csr.h"
#include "pki/epoch.h"
#include "pki/explain.h"
#include "pki/issued_extras.h"
#include "pki/ocsp_contents.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "wire/codec.h"
#include "wire/pem.h"

namespace berth::app {

namespace {

wire::json::array list_of(const std::vector<std::string>& all) {
    return wire::json::array(all.begin(), all.end());
}

std::string joined(const std::vector<std::string>& all) {
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string span_of(unix_seconds seconds) {
    const unix_seconds days = seconds / 86'400;
    return days >= 730 ? fmt::format("{} years", days / 365)
           : days >= 2 ? fmt::format("{} days", days)
                       : fmt::format("{} hours", seconds / 3600);
}

std::string validity_text(unix_seconds from, unix_seconds to, unix_seconds now) {
    const std::string end = to == pki::no_expiry ? "without an end" : "to " + to_iso8601(to);
    std::string state;
    if (from > now) {
        state = "not yet valid";
    } else if (to < now) {
        state = "expired " + span_of(now - to) + " ago";
    } else {
        state = to == pki::no_expiry ? "valid now" : "valid now, for another " + span_of(to - now);
    }
    return fmt::format("Valid from {} {}: {}.", to_iso8601(from), end, state);
}

std::string shown(const std::string& name) {
    return name.empty() ? "(no name)" : name;
}

std::vector<std::string> purposes_of(const std::vector<std::string>& oids) {
    std::vector<std::string> out;
    for (const auto& oid : oids) {
        out.push_back(pki::purpose_text(oid));
    }
    return out;
}

std::vector<std::string> names_of(const pki::subject_alt_names& names) {
    std::vector<std::string> out;
    for (const auto& dns : names.dns) {
        out.push_back("DNS " + dns);
    }
    for (const auto& uri : names.uris) {
        out.push_back("URI " + uri);
    }
    if (names.hardware) {
        out.push_back(fmt::format("hardware module {} {}", names.hardware->type_oid, to_hex(names.hardware->serial)));
    }
    if (names.permanent_id) {
        out.push_back("permanent identifier " + names.permanent_id->value);
    }
    return out;
}

// ---- certificates

// For which of Berth's own uses it would do.
std::vector<std::string> roles_of(const pki::certificate& c) {
    std::vector<std::string> out;
    const auto add = [&](const char* role, const result<void>& fits) {
        if (fits) {
            out.emplace_back(role);
        }
    };
    add("root", pki::check_root(c));
    add("issuing CA", pki::check_issuing_ca(c));
    add("device's IDevID-KEM (Z3)", pki::check_idevid_kem(c));
    add("device's IDevID-signature", pki::check_idevid_signature(c));
    add("MASA (Z5)", pki::check_masa_kem(c));
    add("registrar (Z4)", pki::check_registrar_kem(c));
    add("device's operational certificate", pki::check_operational(c, pki::credential_kind::signature));
    add("device's operational KEM certificate", pki::check_operational(c, pki::credential_kind::kem));
    return out;
}

void add_extensions(const pki::certificate& c, explained& out) {
    const auto at = pki::addresses_in(c);
    if (!at.crls.empty()) {
        out.lines.push_back("Whether it is revoked stands in the list at " + joined(at.crls) +
                            (at.deltas.empty() ? "." : ", and what is new since in that at " + joined(at.deltas) + "."));
    }
    if (!at.ocsp.empty()) {
        out.lines.push_back("OCSP at " + joined(at.ocsp) + " answers whether it is revoked.");
    }
    if (at.crls.empty() && at.ocsp.empty() && !c.is_self_issued()) {
        out.lines.emplace_back("It does not say where its revocation would be published.");
    }
    out.facts["crl_urls"] = list_of(at.crls);
    out.facts["ocsp_urls"] = list_of(at.ocsp);
    std::vector<std::string> unknown;
    wire::json::array all;
    for (const auto& e : pki::extensions_of(c)) {
        all.emplace_back(wire::json::object{{"oid", e.oid}, {"name", e.name}, {"critical", e.critical}});
        if (!e.understood) {
            unknown.push_back((e.name.empty() ? e.oid : e.name) + (e.critical ? " (critical)" : ""));
        }
    }
    out.facts["extensions"] = std::move(all);
    if (!unknown.empty()) {
        out.lines.push_back("It has extensions that Berth does not judge by: " + joined(unknown) + ".");
    }
}

explained explain(const pki::certificate& c, unix_seconds now) {
    explained out{"certificate", {}, {}};
    const bool self = c.is_self_issued();
    const bool self_signed = self && c.check_signature(c).has_value();
    out.lines.push_back(fmt::format("Certificate of {}, {}.", shown(c.subject()),
                                    self_signed ? "signed with its own key (a root)" : "issued by " + shown(c.issuer())));
    out.lines.push_back(validity_text(c.not_before(), c.not_after(), now));
    out.lines.push_back(fmt::format("Key: {} (SHA-256 {}). Signed with {}. Serial number {}.", pki::key_text(c.spki()),
                                    to_hex(c.spki_sha256()), pki::signature_text(c), c.serial_hex()));
    if (c.is_ca()) {
        const auto below = c.path_length();
        out.lines.push_back(!below        ? "It is a CA, with any number of CAs below it."
                            : *below == 0 ? "It is a CA, and none may be below it."
                                          : fmt::format("It is a CA, with at most {} CAs one below the other under it.", *below));
    }
    const auto purposes = purposes_of(c.extended_key_usages());
    out.lines.push_back(fmt::format("Its key is for {}{}.", c.key_usage() ? pki::key_usage_text(*c.key_usage()) : "any use",
                                    purposes.empty() ? std::string() : ", as " + joined(purposes)));
    const auto names = names_of({c.dns_names(), c.uris(), c.hardware_module_name(), c.permanent_id()});
    if (!names.empty()) {
        out.lines.push_back("Names: " + joined(names) + ".");
    }
    const auto serial = c.device_serial();
    if (serial) {
        const auto maker = pki::maker_root_of(c);
        out.lines.push_back(fmt::format("It speaks of the device {}{}.", *serial,
                                        maker ? " of the maker whose root key is " + to_hex(*maker) : std::string()));
        out.facts["device"] = *serial;
    }
    if (const auto epoch = pki::epoch_of(c); epoch && *epoch) {
        out.lines.push_back(fmt::format("Epoch {}: it ends when its device's epoch is raised above that.", **epoch));
        out.facts["epoch"] = **epoch;
    } else if (!epoch) {
        out.lines.push_back(epoch.error().message);
    }
    add_extensions(c, out);
    const auto roles = roles_of(c);
    if (!roles.empty()) {
        out.lines.push_back("By its form it would do as: " + joined(roles) + ".");
    }
    out.facts["subject"] = c.subject();
    out.facts["issuer"] = c.issuer();
    out.facts["serial"] = c.serial_hex();
    out.facts["not_before"] = to_iso8601(c.not_before());
    out.facts["not_after"] = to_iso8601(c.not_after());
    out.facts["key"] = pki::key_text(c.spki());
    out.facts["key_sha256"] = to_hex(c.spki_sha256());
    out.facts["sha256"] = to_hex(c.sha256());
    out.facts["signature"] = pki::signature_text(c);
    out.facts["self_signed"] = self_signed;
    out.facts["ca"] = c.is_ca();
    out.facts["key_usage"] = c.key_usage() ? pki::key_usage_text(*c.key_usage()) : "";
    out.facts["extended_key_usages"] = list_of(purposes);
    out.facts["names"] = list_of(names);
    out.facts["roles"] = list_of(roles);
    return out;
}

// ---- requests, lists, OCSP

explained explain(const pki::csr_contents& asks, const std::string& about_signature) {
    explained out{"request", {}, {}};
    out.lines.push_back(fmt::format("Request for a certificate of {}. {}", shown(asks.subject), about_signature));
    out.lines.push_back(fmt::format("Key: {}.", pki::key_text(asks.spki)));
    auto names = names_of(asks.alt_names);
    names.insert(names.end(), asks.other_alt_names.begin(), asks.other_alt_names.end());
    if (!names.empty()) {
        out.lines.push_back("It asks for the names " + joined(names) + ".");
    }
    const auto purposes = purposes_of(asks.extended_key_usages);
    if (asks.key_usage || !purposes.empty()) {
        out.lines.push_back(fmt::format("It asks for a key for {}{}.",
                                        asks.key_usage ? pki::key_usage_text(*asks.key_usage) : "the CA's choice of uses",
                                        purposes.empty() ? std::string() : ", as " + joined(purposes)));
    }
    if (asks.basic_constraints) {
        out.lines.emplace_back(asks.basic_constraints->ca ? "It asks to be a CA." : "It asks to be no CA.");
    }
    if (asks.challenge_password) {
        out.lines.emplace_back(
            "It has a challengePassword: a secret for the CA, or the mark of the connection that it was made for.");
    }
    std::vector<std::string> others;
    for (const auto& e : asks.other_extensions) {
        others.push_back(pki::name_of_oid(e.oid));
    }
    for (const auto& a : asks.other_attributes) {
        others.push_back(pki::name_of_oid(a.oid));
    }
    if (!others.empty()) {
        out.lines.push_back("It also asks for " + joined(others) + ", for which Berth's CA refuses it.");
    }
    out.facts = {{"subject", asks.subject},
                 {"key", pki::key_text(asks.spki)},
                 {"names", list_of(names)},
                 {"extended_key_usages", list_of(purposes)},
                 {"other", list_of(others)}};
    return out;
}

explained explain(const pki::crl& list, unix_seconds now) {
    explained out{"crl", {}, {}};
    const auto& scope = pki::scope_of(list);
    out.lines.push_back(fmt::format("Revocation list number {} of {}: {} certificates{}.", list.number(), list.issuer(),
                                    list.revoked().size(),
                                    scope.delta_base ? fmt::format(", as changes since number {}", *scope.delta_base) : ""));
    const std::string due = list.next_update() == 0 ? std::string("It does not say when it is to be renewed")
                            : list.next_update() < now
                                ? fmt::format("It was to be renewed by {}, {} ago: it is too old", to_iso8601(list.next_update()),
                                              span_of(now - list.next_update()))
                                : fmt::format("It is to be renewed by {}", to_iso8601(list.next_update()));
    out.lines.push_back(fmt::format("Made {}. {}.", to_iso8601(list.this_update()), due));
    if (!scope.points.empty()) {
        out.lines.push_back("It speaks only of certificates that name " + joined(scope.points) + ".");
    }
    if (!scope.delta_urls.empty()) {
        out.lines.push_back("Changes are published at " + joined(scope.delta_urls) + ".");
    }
    wire::json::array revoked;
    for (size_t i = 0; i < list.revoked().size() && i < 1000; ++i) {
        const auto& entry = list.revoked()[i];
        if (i < 20) {
            out.lines.push_back(fmt::format("  {} since {} ({})", to_hex(entry.serial), to_iso8601(entry.revoked_at),
                                            entry.reason == pki::remove_from_crl ? "taken back" : pki::to_string(entry.reason)));
        }
        revoked.emplace_back(wire::json::object{{"serial", to_hex(entry.serial)},
                                                {"at", to_iso8601(entry.revoked_at)},
                                                {"reason", std::string(pki::to_string(entry.reason))}});
    }
    if (list.revoked().size() > 20) {
        out.lines.push_back(fmt::format("  and {} more", list.revoked().size() - 20));
    }
    out.facts = {{"issuer", list.issuer()},
                 {"number", list.number()},
                 {"this_update", to_iso8601(list.this_update())},
                 {"next_update", list.next_update() == 0 ? "" : to_iso8601(list.next_update())},
                 {"count", list.revoked().size()},
                 {"points", list_of(scope.points)},
                 {"revoked", std::move(revoked)}};
    if (scope.delta_base) {
        out.facts["delta_base"] = *scope.delta_base;
    }
    return out;
}

explained explain(const pki::ocsp_query& query) {
    explained out{"ocsp_request", {}, {}};
    std::vector<std::string> serials;
    for (const auto& id : query.ids) {
        serials.push_back(to_hex(id.serial));
    }
    out.lines.push_back(fmt::format("OCSP request about {}, {}.", joined(serials),
                                    query.nonce ? "with a nonce, so that its answer cannot be an old one" : "without a nonce"));
    out.facts = {{"serials", list_of(serials)}, {"nonce", query.nonce.has_value()}};
    return out;
}

std::string answer_text(const pki::ocsp_answer& a, unix_seconds now) {
    std::string state(pki::to_string(a.state));
    if (a.state == pki::ocsp_state::revoked) {
        state = fmt::format("revoked since {} ({})", to_iso8601(a.revoked_at), pki::to_string(a.reason));
    }
    const std::string until = a.next_update == 0    ? "newer answers are there at any time"
                              : a.next_update < now ? fmt::format("to be renewed by {}, which is past", to_iso8601(a.next_update))
                                                    : fmt::format("to be renewed by {}", to_iso8601(a.next_update));
    return fmt::format("{}: {}, as of {}, {}.", to_hex(a.id.serial), state, to_iso8601(a.this_update), until);
}

explained explain(const pki::ocsp_contents& r, unix_seconds now) {
    explained out{"ocsp_response", {}, {}};
    if (!r.failure.empty()) {
        out.lines.push_back(fmt::format("OCSP response that answers nothing: {}. Nobody has signed it.", r.failure));
        out.facts = {{"failure", r.failure}};
        return out;
    }
    out.lines.push_back(
        fmt::format("OCSP response of {}, made at {}, {}. Whether its signature is to be believed only the asker can "
                    "tell, who knows the issuer.",
                    r.responder, to_iso8601(r.produced_at), r.nonce ? "with the asker's nonce" : "without a nonce"));
    wire::json::array answers;
    for (const auto& a : r.answers) {
        out.lines.push_back(answer_text(a, now));
        wire::json::object one{{"serial", to_hex(a.id.serial)},
                               {"state", std::string(pki::to_string(a.state))},
                               {"this_update", to_iso8601(a.this_update)}};
        if (a.next_update != 0) {
            one["next_update"] = to_iso8601(a.next_update);
        }
        if (a.state == pki::ocsp_state::revoked) {
            one["revoked_at"] = to_iso8601(a.revoked_at);
            one["reason"] = std::string(pki::to_string(a.reason));
        }
        answers.push_back(std::move(one));
    }
    std::vector<std::string> sent;
    sent.reserve(r.certificates.size());
    for (const auto& c : r.certificates) {
        sent.push_back(shown(c.subject()));
    }
    if (!sent.empty()) {
        out.lines.push_back("Certificates sent along: " + joined(sent) + ".");
    }
    out.facts = {{"responder", r.responder},
                 {"produced_at", to_iso8601(r.produced_at)},
                 {"nonce", r.nonce},
                 {"answers", std::move(answers)},
                 {"certificates", list_of(sent)}};
    return out;
}

explained explain(const pki::certs_only& bundle, unix_seconds now) {
    explained out{"pkcs7", {}, {}};
    out.lines.push_back(
        fmt::format("Bundle of {} certificates and {} revocation lists (PKCS#7, certs-only). Nobody has signed the "
                    "bundle itself.",
                    bundle.certificates.size(), bundle.crls.size()));
    wire::json::array certificates, lists;
    for (const auto& c : bundle.certificates) {
        auto one = explain(c, now);
        out.lines.insert(out.lines.end(), one.lines.begin(), one.lines.end());
        certificates.push_back(std::move(one.facts));
    }
    for (const auto& list : bundle.crls) {
        auto one = explain(list, now);
        out.lines.insert(out.lines.end(), one.lines.begin(), one.lines.end());
        lists.push_back(std::move(one.facts));
    }
    out.facts = {{"certificates", std::move(certificates)}, {"crls", std::move(lists)}};
    return out;
}

explained explain(const onboarding::voucher& v) {
    explained out{"voucher", {}, {}};
    const std::string serial(as_text(v.device_serial.value));
    const std::string customer(as_text(v.customer.value));
    const auto root = pki::certificate::parse(v.pinned_domain_cert.value);
    const auto at = [](uint64_t seconds) { return to_iso8601(static_cast<unix_seconds>(seconds)); };
    out.lines.push_back(fmt::format("Voucher for the device {}: it belongs to {}.", serial, customer));
    out.lines.push_back(fmt::format("Issued {}, good until {}, for one registrar (the one whose certificate has SHA-256 {}).",
                                    at(v.issued_at), at(v.expires_at), to_hex(v.registrar_leaf_hash)));
    out.lines.push_back(
        root ? fmt::format("The device will trust the root {} (key {}).", root->subject(), to_hex(root->spki_sha256()))
             : "The root that the device is to trust cannot be read: " + root.error().message);
    out.facts = {{"serial", serial}, {"customer", customer}, {"issued_at", at(v.issued_at)}, {"expires_at", at(v.expires_at)}};
    return out;
}

// ---- keys

explained explain_public_key(bytes_view spki) {
    explained out{"public_key", {"Public key: " + pki::key_text(spki) + "."}, {{"key", pki::key_text(spki)}}};
    return out;
}

explained explain_private_key(const pki::any_private_key& key, bool encrypted) {
    bytes spki;
    if (const auto* kem = std::get_if<crypto::kem_private_key>(&key)) {
        spki = to_bytes(kem->public_key().spki());
    } else {
        spki = to_bytes(std::get<crypto::signing_key>(key).public_key().spki());
    }
    explained out{"private_key", {}, {{"key", pki::key_text(spki)}, {"encrypted", encrypted}}};
    out.lines.push_back(fmt::format("Private key: {}, {}. Keep it to yourself.", pki::key_text(spki),
                                    encrypted ? "encrypted with a passphrase" : "not encrypted"));
    return out;
}

// ---- telling them apart

error not_understood(const std::filesystem::path& file, const std::string& what) {
    return error{error_category::usage, "not_understood", fmt::format("{}: {}", file.string(), what)}.with("file", file.string());
}

std::optional<explained> explain_request(bytes_view der) {
    const auto contents = pki::parse_csr_contents(der);
    if (!contents) {
        return std::nullopt;
    }
    const auto signed_by_its_key = pki::verified_csr::parse(der);
    if (!signed_by_its_key && contents->attribute(pki::oid_statement_of_possession) != nullptr) {
        return explain(*contents, "It names a certificate whose key has signed it (RFC 9883).");
    }
    return explain(*contents, signed_by_its_key ? "Whoever made it has the key: its signature is good."
                                                : "Nobody should grant it: " + signed_by_its_key.error().message);
}

std::optional<explained> explain_der(bytes_view der, unix_seconds now) {
    if (const auto c = pki::certificate::parse(der)) {
        return explain(*c, now);
    }
    if (const auto list = pki::crl::parse(der)) {
        return explain(*list, now);
    }
    if (auto request = explain_request(der)) {
        return request;
    }
    if (const auto query = pki::parse_ocsp_query(der)) {
        return explain(*query);
    }
    if (const auto response = pki::parse_ocsp_contents(der)) {
        return explain(*response, now);
    }
    if (const auto bundle = pki::parse_certs_only(der)) {
        return explain(*bundle, now);
    }
    if (const auto key = crypto::verification_key::from_spki(der)) {
        return explain_public_key(der);
    }
    if (const auto key = crypto::kem_public_key::from_spki(der)) {
        return explain_public_key(der);
    }
    if (const auto v = wire::decode<onboarding::voucher>(der)) {
        return explain(*v);
    }
    return std::nullopt;
}

result<explained> explain_block(const std::filesystem::path& file, const wire::pem_block& block,
                                const std::optional<secret_bytes>& passphrase, unix_seconds now) {
    const bytes_view der = block.der.reveal();
    if (block.label == "PRIVATE KEY" || block.label == "ENCRYPTED PRIVATE KEY") {
        const bool encrypted = block.label != "PRIVATE KEY";
        if (encrypted && !passphrase) {
            return explained{"private_key",
                             {"Private key, encrypted with a passphrase: --passphrase-file tells of which kind it is."},
                             {{"encrypted", true}}};
        }
        std::string alone = wire::to_pem(block.label, der);
        const auto key = pki::private_key_from_pem(as_bytes(alone), passphrase);
        wipe(alone);
        return key ? result<explained>(explain_private_key(*key, encrypted)) : fail(key.error());
    }
    if (block.label == "CERTIFICATE") {
        BERTH_TRY(c, pki::certificate::parse(der));
        return explain(c, now);
    }
    if (block.label == "X509 CRL") {
        BERTH_TRY(list, pki::crl::parse(der));
        return explain(list, now);
    }
    if (block.label == "CERTIFICATE REQUEST" || block.label == "NEW CERTIFICATE REQUEST") {
        BERTH_CHECK(pki::parse_csr_contents(der));
        return *explain_request(der);
    }
    if (block.label == "PKCS7" || block.label == "CMS") {
        BERTH_TRY(bundle, pki::parse_certs_only(der));
        return explain(bundle, now);
    }
    if (block.label == "OCSP RESPONSE") {
        BERTH_TRY(response, pki::parse_ocsp_contents(der));
        return explain(response, now);
    }
    if (block.label == "PUBLIC KEY") {
        return explain_public_key(der);
    }
    if (block.label.starts_with("BERTH ")) {
        return explained{"message",
                         {fmt::format("A message between Berth's programs ({}), {} octets; docs/factory.md says who reads it.",
                                      block.label, der.size())},
                         {{"label", block.label}}};
    }
    return fail(not_understood(file, "it holds a " + block.label + ", which Berth does not read"));
}

}  // namespace

result<std::vector<explained>> explain_file(const std::filesystem::path& file, const std::optional<secret_bytes>& passphrase,
                                            unix_seconds now) {
    BERTH_TRY(text, read_text(file));
    // There may be a private key in it.
    const struct wiper {
        std::string& held;
        ~wiper() { wipe(held); }
    } at_the_end{text};
    std::vector<explained> out;
    if (text.find("-----BEGIN ") == std::string::npos) {
        auto one = explain_der(as_bytes(text), now);
        if (!one) {
            return fail(not_understood(
                file, "it is neither PEM nor DER of a certificate, request, revocation list, OCSP request or response, "
                      "certs-only bundle, public key or voucher"));
        }
        out.push_back(std::move(*one));
    } else {
        BERTH_TRY(blocks, wire::from_pem(text));
        for (const auto& block : blocks) {
            auto one = explain_block(file, block, passphrase, now);
            if (!one) {
                return fail(std::move(one).error().during(file.string()));
            }
            out.push_back(std::move(*one));
        }
    }
    for (auto& one : out) {
        one.facts["kind"] = one.kind;
    }
    return out;
}

}  // namespace berth::app
