// berth ca issue | log
#include "berth/commands/ca.h"
#include "ca/log.h"
#include "ca/shown_chain.h"
#include "common/files.h"
#include "crypto/random.h"
#include "pki/csr.h"
#include "pki/epoch.h"
#include "pki/explain.h"
#include "pki/kem_csr.h"
#include "pki/verify.h"
#include "wire/pem.h"

namespace berth::app {

result<bytes> read_request(const std::string& file) {
    BERTH_TRY(text, read_text(file));
    if (text.find("-----BEGIN") == std::string::npos) {
        return to_bytes(as_bytes(text));
    }
    BERTH_TRY(blocks, wire::from_pem(text));
    if (blocks.size() != 1 || (blocks[0].label != "CERTIFICATE REQUEST" && blocks[0].label != "NEW CERTIFICATE REQUEST")) {
        return fail(error{error_category::usage, "bad_pem", file + " is not one certification request"}.with("file", file));
    }
    return to_bytes(blocks[0].der.reveal());
}

namespace {

struct issue_options : ca_options {
    std::string profile, csr, identity, who = "admin", batch, lifetime, out, serial;
    std::vector<std::string> anchors;
};

// The device that a certificate is of. What was issued here is of the device that it was issued to; certificates below the CAs of
// this directory may name the device's maker; and a maker speaks of its own devices alone, whatever root its certificates name.
result<ca::device_key> device_of(const pki::verified_chain& verified, const ca_directory& in, const ca::requester& who) {
    BERTH_TRY(issued, in.records().find(who.issuer, verified.leaf().serial()));
    if (issued && !issued->device.empty()) {
        return issued->device;
    }
    ca::device_key out;
    BERTH_TRY(serial, verified.leaf().device_serial());
    out.serial = serial;
    out.maker_root = who.anchor;
    BERTH_TRY(names, in.names());
    for (const auto& name : names) {
        BERTH_TRY(chain, in.chain(name));
        const auto own = chain.front().spki_sha256();
        if (own == who.issuer || own == who.anchor) {
            out.maker_root = pki::maker_root_of(verified.leaf()).value_or(who.anchor);
        }
    }
    return out;
}

// The device that a certificate speaks of, and on whose word.
result<void> identify(const ca_directory& in, const pki::verified_chain& verified, ca::requester& who) {
    ca::take_down(who, verified.chain(), verified.anchor().spki_sha256());
    BERTH_TRY(device, device_of(verified, in, who));
    who.device = std::move(device);
    BERTH_TRY(epoch, pki::epoch_of(verified.leaf()));
    who.epoch = epoch;
    BERTH_TRY(current, in.records().epoch_of(who.device));
    return pki::require_epoch(verified.leaf(), current);
}

// The identity that the operator vouches for: the device of that certificate, whose chain is judged here.
result<void> fill_in_identity(const issue_options& o, const ca_directory& in, ca::requester& who) {
    if (o.identity.empty()) {
        who.device.serial = o.serial;
        return {};
    }
    if (!o.serial.empty() || o.anchors.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "--identity tells the serial; with it go one or more --anchor, the roots that it may lead to");
    }
    BERTH_TRY(chain, read_chain(o.identity));
    BERTH_TRY(anchors, read_anchors({o.anchors.begin(), o.anchors.end()}));
    BERTH_TRY(trust, pki::trust_store::build({std::move(anchors), {}, {}}));
    pki::verify_options how;
    how.time = pki::validity_instants::at(system_clock().now());
    how.leaf = chain.front().is_kem() ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    BERTH_TRY(verified, pki::verify_chain(trust, chain, how));
    return identify(in, verified, who);
}

// A request for a KEM key, which cannot sign it: the key of a certificate of the same device vouches for it (RFC 9883). That
// certificate is the identity, unless another one of the same device is named. Each certificate that the statement may name
// without carrying it is among those of --identity.
result<ca::asked> asked_for_kem(const issue_options& o, const ca_directory& in, bytes_view der, ca::requester& who) {
    if (o.anchors.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "a KEM key cannot sign its request, and a certificate vouches for it: say the roots that this may lead to "
                    "(--anchor)");
    }
    BERTH_TRY(anchors, read_anchors({o.anchors.begin(), o.anchors.end()}));
    BERTH_TRY(trust, pki::trust_store::build({std::move(anchors), {}, {}}));
    pki::verify_options how;
    how.time = pki::validity_instants::at(system_clock().now());
    std::vector<pki::certificate> known;
    if (!o.identity.empty()) {
        BERTH_TRY(chain, read_chain(o.identity));
        known = std::move(chain);
    }
    BERTH_TRY(request, pki::verified_kem_csr::parse(der, {trust, how, known}));
    ca::requester signer = who;
    BERTH_CHECK(identify(in, request.signer(), signer));
    const bool other_maker = !o.identity.empty() && who.device.maker_root != signer.device.maker_root;
    if (!who.device.serial.empty() && (signer.device.serial != who.device.serial || other_maker)) {
        return fail(error{error_category::usage, "signer_of_another",
                          fmt::format("the request is vouched for by the device \"{}\", and is to be certified for \"{}\"",
                                      signer.device.serial, who.device.serial)}
                        .with("serial", signer.device.serial));
    }
    if (o.identity.empty()) {
        who = std::move(signer);
    }
    return ca::asked_by(request.asks());
}

result<ca::asked> asked_for(const issue_options& o, const ca_directory& in, bytes_view der, ca::requester& who) {
    auto request = pki::verified_csr::parse(der);
    if (request) {
        return ca::asked_by(request->asks());
    }
    const auto contents = pki::parse_csr_contents(der);
    if (!contents || contents->attribute(pki::oid_statement_of_possession) == nullptr) {
        return fail(std::move(request).error());
    }
    return asked_for_kem(o, in, der, who);
}

void add_issue(CLI::App& group, context& c) {
    const auto o = std::make_shared<issue_options>();
    auto* const cmd = group.add_subcommand("issue", "certify a request by a profile of ca.toml");
    o->add_to(*cmd);
    cmd->add_option("--profile", o->profile, "the profile, which also says which CA issues")->required();
    cmd->add_option("--csr", o->csr, "the request (PKCS#10, PEM or DER)")->required();
    cmd->add_option("--identity", o->identity, "the certificate of the device that it is for, with those above it (PEM)");
    cmd->add_option(
        "--anchor", o->anchors,
        "root that the identity, or the certificate that vouches for a KEM key's request, may lead to (PEM); repeatable");
    cmd->add_option("--serial", o->serial, "the device's serial, where there is no certificate of it");
    cmd->add_option("--who", o->who, "{name} of the profile, and who it is for in the log (admin)");
    cmd->add_option("--batch", o->batch, "the batch that it is issued in, for revoking it as a whole");
    cmd->add_option("--lifetime", o->lifetime, "shorter than the profile's: 8h, 30d");
    cmd->add_option("--out", o->out, "where to write the certificate and those between it and the root (PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_TRY(in, o->open());
            BERTH_TRY(placed, in.configuration().find(o->profile));
            BERTH_TRY(der, read_request(o->csr));
            ca::requester who{{ca::proof::admin}, o->who, {}};
            BERTH_CHECK(fill_in_identity(*o, in, who));
            BERTH_TRY(by, in.issuer(placed.authority));
            BERTH_TRY(what, asked_for(*o, in, der, who));
            ca::issuing_order order{placed.profile, who, what, o->batch};
            order.approved = true;  // by whoever gives this command
            if (!o->lifetime.empty()) {
                const auto life = parse_lifetime(o->lifetime);
                if (!life) {
                    return fail(error_category::usage, "bad_arguments", "--lifetime is written as 90m, 8h, 30d or 5y");
                }
                order.not_after = *life == pki::no_expiry ? *life : system_clock().now() + *life;
            }
            BERTH_TRY(made, by.issue(order, in.records(), system_clock(), crypto::system_random()));
            std::string pem = made.to_pem();
            for (const auto& above : by.chain()) {
                pem += above.is_self_issued() ? "" : above.to_pem();
            }
            BERTH_CHECK(write_text(o->out, pem));
            auto json = to_json(made);
            json["file"] = o->out;
            json["profile"] = o->profile;
            say(c, json,
                fmt::format("{} is certified by {} until {} (serial number {}).", made.subject(), made.issuer(),
                            to_iso8601(made.not_after()), made.serial_hex()));
            return {};
        });
    });
}

wire::json::object to_json(const ca::issuance& e, const ca::certificate_status& s) {
    wire::json::object out{{"number", e.number},
                           {"at", to_iso8601(e.at)},
                           {"profile", e.profile},
                           {"subject", e.subject},
                           {"serial", to_hex(e.serial)},
                           {"issuer_key", to_hex(e.issuer)},
                           {"device", e.device.serial},
                           {"requester", e.requester},
                           {"proofs", e.proofs},
                           {"batch", e.batch},
                           {"epoch", e.epoch},
                           {"not_after", to_iso8601(e.not_after)},
                           {"status", s.state == ca::standing::revoked ? "revoked" : "good"}};
    wire::json::array origins;
    for (const auto& ca : e.origins) {
        origins.emplace_back(to_hex(ca));
    }
    out["origins"] = std::move(origins);
    if (s.state == ca::standing::revoked) {
        out["revoked_at"] = to_iso8601(s.at);
        out["reason"] = std::string(pki::to_string(s.reason));
        out["revoked_by"] = s.by;
    }
    return out;
}

struct log_options : ca_options {
    std::string device, batch;
    bool verify = false;
};

// The whole chain of hashes, in pages.
result<void> verify_log(const context& c, const ca_directory& in) {
    ca::log_verifier verifier;
    for (;;) {
        ca::log_query query;
        query.after = verifier.count();
        BERTH_TRY(page, in.records().list(query));
        if (page.empty()) {
            break;
        }
        for (const auto& e : page) {
            BERTH_CHECK(verifier.next(e));
        }
    }
    say(c, {{"entries", verifier.count()}, {"hash", to_hex(verifier.last())}},
        fmt::format(
            "{} entries, each with the hash of the one before. The last one's is {}: whoever keeps it finds an end that was "
            "cut off.",
            verifier.count(), to_hex(verifier.last())));
    return {};
}

void add_log(CLI::App& group, context& c) {
    const auto o = std::make_shared<log_options>();
    auto* const cmd = group.add_subcommand("log", "tell what was issued, to whom, on what proof, and what became of it");
    o->add_to(*cmd, "the CA; all, if none is named");
    cmd->add_option("--device", o->device, "of the device with this serial alone");
    cmd->add_option("--batch", o->batch, "of this batch alone");
    cmd->add_flag("--verify", o->verify, "judge the log's chain of hashes instead");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(in, o->open(store::opening::to_read));
            if (o->verify) {
                return in.records().at_one_moment([&] { return verify_log(c, in); });
            }
            ca::log_query query;
            if (!o->name.empty()) {
                BERTH_TRY(chain, in.chain(o->name));
                query.issuer = chain.front().spki_sha256();
            }
            query.device = o->device.empty() ? std::nullopt : std::optional(o->device);
            query.batch = o->batch.empty() ? std::nullopt : std::optional(o->batch);
            for (;;) {
                BERTH_TRY(page, in.records().list(query));
                for (const auto& e : page) {
                    BERTH_TRY(status, in.records().status(e.issuer, e.serial));
                    say(c, to_json(e, status),
                        fmt::format("{:>6} {} {:<12} {} {} [{}] {}", e.number, to_iso8601(e.at), e.profile, to_hex(e.serial),
                                    e.subject, e.proofs,
                                    status.state == ca::standing::revoked
                                        ? fmt::format("revoked {} ({}, {})", to_iso8601(status.at), status.by,
                                                      pki::to_string(status.reason))
                                        : "until " + to_iso8601(e.not_after)));
                    query.after = e.number;
                }
                if (page.size() < query.most) {
                    return {};
                }
            }
        });
    });
}

}  // namespace

void add_ca_issuing(CLI::App& ca, context& c) {
    add_issue(ca, c);
    add_log(ca, c);
}

}  // namespace berth::app
