#include "setup/chain_party.h"

#include "ca/names.h"
#include "ca/publish.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/hash.h"
#include "hub/login/left_names.h"
#include "pki/constraints.h"
#include "pki/csr.h"
#include "pki/verify.h"
#include "registry/hub/identity.h"
#include "setup/ca_hierarchy.h"
#include "setup/chain_journal.h"
#include "wire/pem.h"

#include <algorithm>
#include <set>

namespace berth::app {

namespace {

wire::json::object about(const pki::certificate& c) {
    return {{"subject", c.subject()},       {"issuer", c.issuer()},
            {"serial", c.serial_hex()},     {"not_after", to_iso8601(c.not_after())},
            {"sha256", to_hex(c.sha256())}, {"key_sha256", to_hex(c.spki_sha256())}};
}

new_authority order_of(const party_order& order) {
    new_authority out;
    out.name = party_name;
    out.organization = order.organization;
    out.common_name = order.common_name.empty() ? order.organization : order.common_name;
    out.algorithm = order.algorithm;
    out.key_uri = order.key_uri;
    out.lifetime = order.lifetime;
    return out;
}

// As it will be judged where a device comes in.
result<pki::verified_chain> verify_signer(const std::vector<pki::certificate>& chain, unix_seconds now) {
    BERTH_TRY(store, pki::trust_store::from_root(chain.back()));
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.leaf = pki::leaf_rule::ca;
    how.revocation = pki::crl_policy::none;
    how.max_intermediates = most_signers - 1;  // it is one of them itself
    how.allow_rsa = true;
    BERTH_TRY(verified, pki::verify_chain(store, chain, how));
    BERTH_CHECK(pki::check_may_sign(verified));
    return verified;
}

result<ca::issuer> signer_of(const ca_directory& in) {
    BERTH_TRY(there, is_there(in.path() / (std::string(party_name) + ".pem")));
    if (!there) {
        return fail(
            error{error_category::usage,
                  "not_signed_yet",
                  fmt::format("nobody has signed the party in {0} yet: the one above answers its request (berth chain sign), "
                              "and berth chain accept --dir {0} takes the answer",
                              shell_word(in.path().string())),
                  {{"path", in.path().string()}}});
    }
    return in.issuer(party_name);
}

// ---- what may stand below

// RFC 5280 4.2.1.9: pathLenConstraint "gives the maximum number of non-self-issued intermediate certificates that may follow this
// certificate in a valid certification path". Self-issued ones of another key count here as well (pki::takes_room).
result<void> check_room(std::span<const pki::certificate> chain, uint32_t wanted) {
    std::optional<uint64_t> room;  // how many signers may be below the first of the chain
    const pki::certificate* by = nullptr;
    const auto limit = [&](uint64_t most, const pki::certificate& whose) {
        if (!room || most < *room) {
            room = most;
            by = &whose;
        }
    };
    uint64_t between = 0;
    for (size_t i = 0; i < chain.size(); ++i) {
        const auto& one = chain[i];
        if (one.path_length()) {
            limit(*one.path_length() > between ? *one.path_length() - between : 0, one);
        }
        between += i + 1 < chain.size() && pki::takes_room(one, chain[i + 1]) ? 1 : 0;
    }
    // What the first has signed is the first of those that a login counts.
    limit(between < most_signers ? most_signers - between : 0, chain.back());
    if (uint64_t{wanted} + 1 <= *room) {
        return {};
    }
    const auto& issuer = chain.front();
    const std::string why = by->path_length()
                                ? fmt::format("{} allows {} below itself (path length)", by->subject(), *by->path_length())
                                : fmt::format("a chain has at most {} signers between its first and a device", most_signers);
    std::string what = *room == 0
                           ? fmt::format("{} may sign devices, and no signers: {}. ", issuer.subject(), why) +
                                 (by->path_length() && by->is_self_issued() == false
                                      ? "Have it signed with a greater --path-length by the one above"
                                      : "Let another party sign this one")
                           : fmt::format("{} may sign signers that have up to {} below them: {}. Say --path-length {}, or less",
                                         issuer.subject(), *room - 1, why, *room - 1);
    return fail(error{error_category::usage, "path_too_long", std::move(what), {{"issuer", issuer.subject()}}});
}

// What the device is called, and what its request asks for besides, as a hub judges it when the device logs in.
result<void> check_device_names(std::span<const pki::certificate> chain, const std::string& name,
                                const pki::subject_alt_names& names) {
    auto done = hub::check_name_left(name, chain);
    for (size_t i = 0; done && i < names.uris.size(); ++i) {
        if (names.uris[i].starts_with(hub::device_name_uri)) {
            done = hub::check_name_left(std::string_view(names.uris[i]).substr(hub::device_name_uri.size()), chain);
        }
    }
    if (done) {
        done = pki::check_names_left(names, chain);
    }
    if (!done) {
        error e = std::move(done).error();
        e.category = error_category::usage;
        e.message += ": choose a name that is (--name), or have the signer signed for more names";
        return fail(std::move(e));
    }
    return {};
}

// A signer whose names its signer may not give could sign nobody.
result<void> check_signer_names(std::span<const pki::certificate> chain, const pki::name_constraints& wanted) {
    pki::subject_alt_names probe;
    for (const auto& one : wanted.permitted_dns) {
        probe.dns.push_back(one.starts_with('.') ? "a" + one : one);
    }
    auto done = pki::check_names_left(probe, chain);
    if (!done) {
        error e = std::move(done).error();
        e.message += ": allow less (--permit)";
        return fail(std::move(e));
    }
    for (const auto* names : {&wanted.permitted_dns, &wanted.excluded_dns}) {
        for (const auto& one : *names) {
            BERTH_CHECK(ca::check_dns_name(one.starts_with('.') ? one.substr(1) : one));
        }
    }
    return {};
}

// Verification tells signers apart by their names, and who bears that of one above would be taken for it: its lists, and what it
// has signed.
result<void> check_own_name(std::span<const pki::certificate> chain, const pki::distinguished_name& asked) {
    pki::distinguished_name name;
    for (const auto& one : asked.attributes) {
        if (std::ranges::find(name.attributes, one) == name.attributes.end()) {  // as ca::issuer::issue grants them
            name.attributes.push_back(one);
        }
    }
    for (const auto& above : chain) {
        BERTH_TRY(is_taken, pki::bears_name(above, name));
        if (is_taken) {
            return fail(
                error{error_category::usage,
                      "name_taken",
                      fmt::format("the request asks for the name of {}, which stands above it: have its party make one with "
                                  "another --organization or --common-name",
                                  above.subject()),
                      {{"subject", above.subject()}}});
        }
    }
    return {};
}

result<void> check_times(std::span<const pki::certificate> chain, const signing_order& order, unix_seconds now) {
    if (!order.lifetime) {
        return {};
    }
    const auto first = std::ranges::min_element(chain, {}, &pki::certificate::not_after);
    const unix_seconds end = *order.lifetime >= pki::no_expiry - now ? pki::no_expiry : now + *order.lifetime;
    if (end <= first->not_after()) {
        return {};
    }
    return fail(
        error{error_category::usage,
              "issuer_expires_first",
              fmt::format("it would be valid until {}, and {} above it until {} only: say a shorter --lifetime, or none, so that "
                          "it ends with that one; or have that one signed for longer first",
                          to_iso8601(end), first->subject(), to_iso8601(first->not_after())),
              {{"issuer", first->subject()}, {"not_after", to_iso8601(first->not_after())}}});
}

// ---- what is signed

ca::profile profile_of(const signing_order& order) {
    ca::profile p;
    p.name = order.signer ? "chain signer" : "chain device";
    p.required = {{ca::proof::admin}};
    p.may_ask.attributes = {"CN", "O", "OU", "C", "L", "ST", "serialNumber"};
    for (const auto algorithm : crypto::all_signature_algorithms) {
        p.keys.emplace_back(algorithm);
    }
    p.lifetime = order.lifetime.value_or((order.signer ? 5 : 2) * one_year);
    p.until_issuer = !order.lifetime;
    p.has_epoch = false;
    if (order.signer) {
        p.key_usage = static_cast<uint16_t>(pki::key_cert_sign | pki::crl_sign);
        p.is_ca = true;
        p.path_length = order.path_length;
        p.constraints = order.names;
    } else {
        p.extended_key_usages = {std::string(pki::oid_client_auth)};
    }
    return p;
}

// The DNS names and URIs of its request are the party's to grant, within what constraints leave.
result<void> give_names(ca::profile& p, const pki::subject_alt_names& asked) {
    for (const auto& [from, to] : {std::pair(&asked.dns, &p.dns), std::pair(&asked.uris, &p.uris)}) {
        for (const auto& one : *from) {
            std::string literal;
            for (const char c : one) {
                literal.append(c == '{' || c == '}' ? 2 : 1, c);
            }
            BERTH_TRY(text, ca::text_template::parse(literal));
            to->push_back(std::move(text));
        }
    }
    return {};
}

result<std::string> device_name_of(const signing_order& order, const pki::csr_contents& asks) {
    std::vector<std::string> names;
    for (const auto& [attribute, value] : asks.name.attributes) {
        if (attribute == "CN") {
            names.push_back(value);
        }
    }
    if (order.name.empty() && names.size() != 1) {
        return fail(error_category::usage, "bad_name",
                    "the device's name is the one common name of its request, which has none or several: say --name");
    }
    std::string out = order.name.empty() ? names.front() : order.name;
    if (const auto known = registry::parse_identity_name(out); !known) {
        return fail(
            error{error_category::usage, "bad_name", known.error().message + " (as devices of a hub are called): say --name"}
                .with("name", out));
    }
    return out;
}

// All that this party has signed for the key: who was signed twice, to be renewed or for more names, would come in by the other.
result<void> end_certificates(const ca_directory& in, const ca::issuer& by, const pki::certificate& revoked,
                              pki::revocation_reason reason, const clock& time) {
    BERTH_TRY(known, in.records().find(by.id(), revoked.serial()));
    if (!known || !same_octets(known->certificate, revoked.der())) {
        return fail(error{error_category::usage,
                          "unknown_certificate",
                          fmt::format("{} was signed by {}, and not in {}: revoke it where it was signed", revoked.subject(),
                                      revoked.issuer(), in.path().string()),
                          {{"subject", revoked.subject()}, {"issuer", revoked.issuer()}}});
    }
    ca::log_query query;
    query.issuer = by.id();
    for (;;) {
        BERTH_TRY(page, in.records().list(query));
        for (const auto& e : page) {
            query.after = e.number;
            BERTH_TRY(one, pki::certificate::parse(e.certificate));
            if (!same_octets(one.spki(), revoked.spki())) {
                continue;
            }
            BERTH_CHECK(in.records().revoke(by.id(), one.serial(), reason, time.now()));
        }
        if (page.size() < query.most) {
            return {};
        }
    }
}

// Who is on the list, as far as the journal does not tell it yet: one command may have been killed before it did.
result<void> note_revoked(const ca_directory& in, const ca::issuer& by, const pki::crl& list, const clock& time) {
    std::vector<wire::json::object> lines;
    BERTH_CHECK(check_journal(in.path(), &lines));
    std::set<std::string, std::less<>> told;
    for (const auto& line : lines) {
        if (wire::text_member(line, "step").value_or("") == "revoked") {
            told.insert(wire::text_member(line, "serial").value_or(""));
        }
    }
    for (const auto& one : list.revoked()) {
        if (told.contains(to_hex(one.serial))) {
            continue;
        }
        wire::json::object line{{"serial", to_hex(one.serial)}};
        BERTH_TRY(known, in.records().find(by.id(), one.serial));
        if (known) {
            BERTH_TRY(revoked, pki::certificate::parse(known->certificate));
            line = about(revoked);
        }
        line["reason"] = std::string(pki::to_string(one.reason));
        line["revoked_at"] = to_iso8601(one.revoked_at);
        BERTH_CHECK(note_step(in.path(), "revoked", std::move(line), time));
    }
    return {};
}

}  // namespace

result<pki::certificate> begin_chain(const ca_directory& in, const party_order& order, const clock& time, random_source& random) {
    BERTH_TRY(made, make_authority(in, order_of(order), time, random));
    BERTH_CHECK(note_step(in.path(), "begun", about(made), time));
    return made;
}

result<std::string> request_signing(const ca_directory& in, const party_order& order, const clock& time, random_source& random) {
    const auto named = order_of(order);
    BERTH_TRY(pem, request_authority(in, named, random));
    BERTH_TRY(blocks, wire::from_pem(pem));
    BERTH_TRY(asked, pki::parse_csr_contents(blocks.front().der.reveal()));
    BERTH_CHECK(note_step(in.path(), "requested",
                          {{"subject", fmt::format("CN={},O={}", named.common_name, named.organization)},
                           {"key_sha256", to_hex(crypto::sha256(asked.spki).view())}},
                          time));
    return pem;
}

result<pki::certificate> accept_signing(const ca_directory& in, const std::vector<pki::certificate>& chain,
                                        const std::optional<pki::certificate>& first, const clock& time) {
    if (first && chain.back() != *first) {
        return fail(error{error_category::usage,
                          "other_root",
                          fmt::format("the chain ends with {}, SHA-256 {}, and that is not the certificate that --root names",
                                      chain.back().subject(), to_hex(chain.back().sha256())),
                          {{"subject", chain.back().subject()}}});
    }
    if (chain.size() < 2 || !chain.back().is_self_issued()) {
        return fail(
            error_category::usage, "incomplete_chain",
            "the answer holds the party's certificate and all above it, up to the first of the chain, which has signed itself: "
            "give all of what berth chain sign has written");
    }
    BERTH_CHECK(verify_signer(chain, time.now()));
    BERTH_TRY(made, accept_authority(in, party_name, chain, time));
    BERTH_CHECK(note_step(in.path(), "accepted", about(made), time));
    return made;
}

result<std::vector<pki::certificate>> sign_below(const ca_directory& in, const signing_order& order, const clock& time,
                                                 random_source& random) {
    BERTH_TRY(by, signer_of(in));
    BERTH_TRY(request, pki::verified_csr::parse(order.request));
    auto what = ca::asked_by(request.asks());
    auto profile = profile_of(order);
    ca::requester who{{ca::proof::admin}, request.subject(), {}};
    if (order.signer) {
        BERTH_CHECK(check_own_name(by.chain(), what.subject));
        BERTH_CHECK(check_room(by.chain(), order.path_length));
        BERTH_CHECK(check_signer_names(by.chain(), order.names));
    } else {
        BERTH_TRY(name, device_name_of(order, request.asks()));
        BERTH_CHECK(check_device_names(by.chain(), name, what.alt_names));
        if (!order.name.empty()) {
            what.subject = {};
            what.subject.add("CN", name);
        }
        who.name = name;
        BERTH_CHECK(give_names(profile, what.alt_names));
    }
    BERTH_CHECK(check_times(by.chain(), order, time.now()));
    // What was issued and then could not be noted would be lost, and each attempt would issue another one.
    BERTH_CHECK(check_journal_goes_on(in.path()));
    BERTH_TRY(made, by.issue({profile, who, what}, in.records(), time, random));
    auto told = about(made);
    told["kind"] = order.signer ? "signer" : "device";
    if (order.signer) {
        told["path_length"] = order.path_length;
        told["permitted"] = wire::json::array(order.names.permitted_dns.begin(), order.names.permitted_dns.end());
        told["excluded"] = wire::json::array(order.names.excluded_dns.begin(), order.names.excluded_dns.end());
    }
    BERTH_CHECK(note_step(in.path(), "signed", std::move(told), time));
    std::vector<pki::certificate> out{made};
    out.insert(out.end(), by.chain().begin(), by.chain().end());
    return out;
}

result<pki::crl> list_revoked(const ca_directory& in, const std::optional<pki::certificate>& revoked,
                              pki::revocation_reason reason, unix_seconds lifetime, const clock& time,
                              const std::function<result<void>(const pki::crl&)>& publish) {
    BERTH_TRY(by, signer_of(in));
    if (revoked) {
        BERTH_CHECK(end_certificates(in, by, *revoked, reason, time));
    }
    ca::list_order order;
    order.lifetime = lifetime;
    BERTH_TRY(list, ca::make_list(by, order, in.records(), time));
    // Whoever must be cut off is, whatever has become of the journal.
    if (publish) {
        BERTH_CHECK(publish(list));
    }
    BERTH_CHECK(note_revoked(in, by, list, time));
    BERTH_CHECK(note_step(in.path(), "listed",
                          {{"list_number", list.number()},
                           {"revoked", list.revoked().size()},
                           {"next_update", to_iso8601(list.next_update())},
                           {"list_sha256", to_hex(crypto::sha256(list.der()).view())}},
                          time));
    return list;
}

}  // namespace berth::app
