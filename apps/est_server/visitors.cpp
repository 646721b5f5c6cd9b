#include "est_server/visitors.h"

#include "ca/shown_chain.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "est/http.h"
#include "net/address.h"
#include "pki/epoch.h"
#include "pki/profiles.h"
#include "pki/verify.h"

namespace berth::app {

namespace {

tl::unexpected<error> refuse(const char* name, const char* status, std::string what) {
    return fail(error{error_category::peer, name, std::move(what), {{"status", status}}});
}

// Names that a person or a device has by being called so: its serial, and its common name.
pki::certificate_names names_of_identity(const std::string& identity) {
    pki::certificate_names out;
    out.subject.add("serialNumber", identity).add("CN", identity);
    return out;
}

// The device that a certificate is of. One that was issued here is of the device that it was issued to: whatever ends that
// device's certificates ends those, too, that were got with them.
result<ca::device_key> device_of(const pki::certificate& leaf, est::trust_class as, const ca::requester& who,
                                 ca::ca_records& records) {
    BERTH_TRY(issued, records.find(who.issuer, leaf.serial()));
    if (issued && !issued->device.empty()) {
        return issued->device;
    }
    const auto serial = leaf.device_serial();
    if (!serial) {
        return ca::device_key{};
    }
    // A maker speaks of its own devices alone, whatever root its certificates name.
    const bool may_name_maker = as != est::trust_class::idevid;
    return ca::device_key{may_name_maker ? pki::maker_root_of(leaf).value_or(who.anchor) : who.anchor, *serial};
}

// None of the CAs between the leaf and the anchor was ended here. The leaf itself, its issuer and the anchor are ca::issuer's to
// judge.
result<void> require_good_issuers(const pki::verified_chain& verified, ca::ca_records& records) {
    const auto& chain = verified.chain();
    for (size_t i = 1; i < chain.size(); ++i) {
        const auto& above = i + 1 < chain.size() ? chain[i + 1] : verified.anchor();
        BERTH_TRY(status, records.status(above.spki_sha256(), chain[i].serial()));
        BERTH_TRY(ended, records.is_withdrawn(ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(chain[i].spki_sha256())));
        if (ended || status.state == ca::standing::revoked) {
            return refuse("client_not_trusted", "403", "The CA " + chain[i].subject() + " was revoked.");
        }
    }
    return {};
}

// Neither ended itself, nor got on the word of one that was: who was let in so learns nothing here, and not only is given
// nothing.
result<void> require_good_leaf(const ca::requester& who, ca::ca_records& records) {
    BERTH_TRY(status, records.status(who.issuer, who.certificate->serial()));
    if (status.state == ca::standing::revoked) {
        return refuse(
            "certificate_revoked", "403",
            fmt::format("The certificate was revoked at {} ({}).", to_iso8601(status.at), pki::to_string(status.reason)));
    }
    BERTH_TRY(ended, records.is_withdrawn(ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(who.anchor)));
    return ended ? refuse("client_not_trusted", "403", "The root that the certificate leads to was withdrawn here.")
                 : result<void>{};
}

// The leaf, and those above it that name a responder, or have one that was configured.
std::vector<ocsp_question> questions_of(const pki::verified_chain& verified, const ocsp_asker& asker) {
    std::vector<ocsp_question> out;
    const auto& chain = verified.chain();
    for (size_t i = 0; i < chain.size(); ++i) {
        if (i == 0 || asker.has_address(chain[i])) {
            out.push_back({chain[i], i + 1 < chain.size() ? chain[i + 1] : verified.anchor()});
        }
    }
    return out;
}

result<void> require_answers(const pki::verified_chain& verified, const ocsp_asker& asker, unix_seconds now) {
    for (const auto& q : questions_of(verified, asker)) {
        if (const auto good = asker.answers().check(q.subject, q.issuer, now); !good) {
            const bool missing = good.error().is("ocsp_missing");
            return refuse(missing ? "ocsp_missing" : "client_not_trusted", missing ? "503" : "403", good.error().message);
        }
    }
    return {};
}

pki::verify_options options_for(const visitors::trusted& by, const pki::certificate& leaf, unix_seconds now) {
    pki::verify_options out;
    out.time = pki::validity_instants::at(now);
    out.leaf = leaf.is_kem() ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    out.revocation = by.lists;
    return out;
}

void is_called(est_visitor& visitor, const std::string& identity) {
    visitor.est.name = identity;
    visitor.est.identity = names_of_identity(identity);
    visitor.ca.name = identity;
    visitor.ca.device.serial = identity;
}

}  // namespace

est_visitor visitors::nobody(const net::http_request& request) {
    est_visitor out;
    out.est.address = request.peer->address;
    // Without the port: who comes again is the same, also to whoever approves what waits.
    const auto at = net::parse_address(request.peer->address);
    out.est.name = out.ca.name = "somebody at " + (at ? at->host : request.peer->address);
    return out;
}

result<est_visitor> visitors::admit(const net::http_request& request, ca::ca_records& records, unix_seconds now) {
    est_visitor out = nobody(request);
    if (!request.peer->chain.empty()) {
        BERTH_CHECK(take_certificate(*request.peer, records, now, out));
    }
    if (request.headers.has("Authorization")) {
        BERTH_CHECK(take_authorization(request, records, now, out));
    }
    take_header(request, out);
    return out;
}

visitors::questions visitors::unanswered(const net::http_request& request, unix_seconds now) const {
    const auto& chain = request.peer->chain;
    const bool any = std::any_of(rules_.trust.begin(), rules_.trust.end(), [](const auto& each) { return each.ocsp != nullptr; });
    if (chain.empty() || !any) {
        return {};
    }
    // As take_certificate() finds him: the first that trusts him. Of a certificate that nobody trusts nobody is asked, wherever
    // it says.
    for (const auto& each : rules_.trust) {
        if (const auto verified = pki::verify_chain(each.store, chain, options_for(each, chain.front(), now))) {
            return each.ocsp ? questions{each.ocsp, each.ocsp->due(questions_of(*verified, *each.ocsp))} : questions{};
        }
    }
    return {};
}

result<void> visitors::take_certificate(const net::peer_info& peer, ca::ca_records& records, unix_seconds now,
                                        est_visitor& into) const {
    std::optional<error> why;
    for (const auto& each : rules_.trust) {
        const auto verified = pki::verify_chain(each.store, peer.chain, options_for(each, peer.chain.front(), now));
        if (!verified) {
            // What is wrong with a certificate whose issuer is known here says more than that others do not know it.
            if (!why || why->is("unknown_issuer")) {
                why = verified.error();
            }
            continue;
        }
        const auto& leaf = verified->leaf();
        if (!leaf.has_eku(pki::oid_client_auth)) {
            return refuse("client_not_trusted", "403", "The certificate is not one for clients (id-kp-clientAuth).");
        }
        BERTH_CHECK(require_good_issuers(*verified, records));
        if (each.ocsp) {
            BERTH_CHECK(require_answers(*verified, *each.ocsp, now));
        }
        BERTH_TRY(who, est::requester::with_certificate({verified->chain().begin(), verified->chain().end()}, each.as));
        who.address = into.est.address;
        into.est = std::move(who);
        into.ca.proofs.insert(each.proof);
        if (into.est.any_name) {
            into.ca.proofs.insert(ca::proof::ra);
        }
        into.ca.name = leaf.subject();
        ca::take_down(into.ca, verified->chain(), verified->anchor().spki_sha256());
        BERTH_CHECK(require_good_leaf(into.ca, records));
        BERTH_TRY(device, device_of(leaf, each.as, into.ca, records));
        into.ca.device = std::move(device);
        BERTH_TRY(epoch, pki::epoch_of(leaf));
        into.ca.epoch = epoch;
        return {};
    }
    return refuse("client_not_trusted", "403",
                  why ? "The certificate shown is not trusted here: " + why->message
                      : "Certificates of clients count for nothing here.");
}

result<void> visitors::take_authorization(const net::http_request& request, ca::ca_records& records, unix_seconds now,
                                          est_visitor& into) {
    const std::string_view field = request.headers.get("Authorization");
    const size_t space = field.find(' ');
    const std::string_view scheme = field.substr(0, space);
    const std::string_view rest = space == std::string_view::npos ? "" : field.substr(space + 1);
    if (est::same_word(scheme, "Basic")) {
        return take_password(rest, request.peer->address, now, into);
    }
    if (est::same_word(scheme, "Bearer")) {
        return take_token(rest, records, now, into);
    }
    return refuse("unauthorized", "401", "Basic and Bearer are the ways to authenticate here.");
}

result<void> visitors::take_password(std::string_view encoded, const std::string& address, unix_seconds now, est_visitor& into) {
    BERTH_TRY(name, passwords_.judge(encoded, neighbourhood(address), now));
    if (!into.est.chain.empty() && into.ca.device.serial != name) {
        return refuse("user_of_another", "403", "The password is another device's than the one whose certificate is shown.");
    }
    into.est.how = into.est.how | est::proof::basic;
    into.ca.proofs.insert(ca::proof::basic);
    if (into.est.chain.empty()) {
        is_called(into, name);
    }
    return {};
}

result<void> visitors::take_token(std::string_view token, ca::ca_records& records, unix_seconds now, est_visitor& into) const {
    const auto hash = to_array<32>(crypto::sha256(as_bytes(token)).view());
    auto found = records.find_token(hash, now);
    if (!found) {
        return found.error().category == error_category::peer ? fail(std::move(found).error().with("status", "403"))
                                                              : fail(std::move(found).error());
    }
    if (!into.est.chain.empty() && (into.ca.device.serial != found->identity)) {
        return refuse("token_of_another", "403",
                      "The token was given to another device than the one whose certificate is shown.");
    }
    into.token = *found;
    into.est.how = into.est.how | est::proof::token;
    into.ca.proofs.insert(ca::proof::token);
    if (into.est.chain.empty()) {
        is_called(into, found->identity);
    }
    return {};
}

// RFC 7030 knows no such header; seed 002, figure 4, has makers' lines show one, from addresses that are known.
void visitors::take_header(const net::http_request& request, est_visitor& into) const {
    if (rules_.header.empty() || !request.headers.has(rules_.header)) {
        return;
    }
    const bool right = crypto::equal(as_bytes(request.headers.get(rules_.header)), rules_.header_value.reveal());
    const bool from_there = std::any_of(rules_.networks.begin(), rules_.networks.end(),
                                        [&](const network& n) { return n.holds(request.peer->address); });
    if (!right || !from_there) {
        return;  // as if it had not been there: who has nothing else is refused for that
    }
    into.est.how = into.est.how | est::proof::header_secret;
    into.ca.proofs.insert(ca::proof::secret);
    into.ca.proofs.insert(ca::proof::address);
}

}  // namespace berth::app
