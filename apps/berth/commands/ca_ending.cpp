// berth ca revoke | crl | responder | ocsp
#include "berth/commands/ca.h"
#include "ca/publish.h"
#include "common/files.h"
#include "crypto/random.h"

#include <algorithm>

namespace berth::app {

result<pki::revocation_reason> reason_named(std::string name) {
    std::ranges::replace(name, '-', '_');
    std::string known;
    for (const int value : {0, 1, 2, 3, 4, 5, 9}) {
        const auto reason = static_cast<pki::revocation_reason>(value);
        if (pki::to_string(reason) == name) {
            return reason;
        }
        known += (known.empty() ? "" : ", ") + std::string(pki::to_string(reason));
    }
    return fail(error_category::usage, "bad_arguments", fmt::format("\"{}\" is no reason; there are {}", name, known));
}

namespace {

namespace fs = std::filesystem;

// ---- revoke

struct revoke_options : ca_options {
    std::string serial, device, batch, issuer, epoch, maker_root, reason = "unspecified";
};

result<bytes> serial_number(const std::string& hex) {
    BERTH_TRY(octets, from_hex(hex));
    // As certificates are compared: without the zeros that some programs print in front.
    const auto first = std::ranges::find_if(octets, [](uint8_t o) { return o != 0; });
    return bytes(first, octets.end());
}

// The device with this serial, whatever it got its certificates with: as a maker's device, or by a password or token as nobody's.
// Where the log has it of several makers, one has to say which is meant.
result<ca::device_key> device_named(const revoke_options& o, const ca_directory& in, const std::string& serial) {
    ca::device_key out;
    out.serial = serial;
    if (!o.maker_root.empty()) {
        BERTH_TRY(root, read_certificate(o.maker_root));
        out.maker_root = root.spki_sha256();
        return out;
    }
    ca::log_query query;
    query.device = serial;
    query.most = 100'000;
    BERTH_TRY(entries, in.records().list(query));
    std::set<ca::key_hash> makers;
    for (const auto& e : entries) {
        makers.insert(e.device.maker_root);
    }
    makers.erase(ca::key_hash{});
    if (entries.empty() || makers.size() > 1) {
        return fail(error{error_category::usage, entries.empty() ? "unknown_device" : "bad_arguments",
                          entries.empty()
                              ? fmt::format("the log knows no device {}; with --maker-root it is named all the same", serial)
                              : fmt::format("{} makers have a device {}: say whose it is (--maker-root)", makers.size(), serial)}
                        .with("serial", serial));
    }
    return out;
}

result<bool> revoke_one(const revoke_options& o, const ca_directory& in, pki::revocation_reason reason, unix_seconds now) {
    BERTH_TRY(serial, serial_number(o.serial));
    ca::log_query query;
    query.serial = serial;
    if (!o.name.empty()) {
        BERTH_TRY(chain, in.chain(o.name));
        query.issuer = chain.front().spki_sha256();
    }
    BERTH_TRY(found, in.records().list(query));
    if (found.size() > 1) {
        return fail(error_category::usage, "bad_arguments",
                    "several CAs here have issued that serial number: say which (--name)");
    }
    if (found.empty()) {
        return fail(error{error_category::usage, "unknown_certificate",
                          fmt::format("no certificate with the serial number {} was issued here", o.serial)}
                        .with("serial", o.serial));
    }
    return in.records().revoke(found.front().issuer, serial, reason, now);
}

// A CA by its certificate's file, or its key's hash.
result<ca::key_hash> issuer_named(const std::string& text) {
    if (const auto hash = from_hex(text); hash && hash->size() == 32) {
        return to_array<32>(*hash);
    }
    BERTH_TRY(chain, read_chain(text));
    return chain.front().spki_sha256();
}

result<void> revoke(const revoke_options& o, context& c) {
    const int given = !o.serial.empty() + !o.device.empty() + !o.batch.empty() + !o.issuer.empty() + !o.epoch.empty();
    if (given != 1) {
        return fail(error_category::usage, "bad_arguments", "say one of --serial, --device, --batch, --issuer, --epoch");
    }
    BERTH_TRY(reason, reason_named(o.reason));
    BERTH_TRY(in, o.open());
    const unix_seconds now = system_clock().now();
    std::string what;
    bool anew = true;
    wire::json::object json;
    if (!o.serial.empty()) {
        BERTH_TRY(done, revoke_one(o, in, reason, now));
        anew = done;
        what = "the certificate " + o.serial;
    } else if (!o.epoch.empty()) {
        BERTH_TRY(device, device_named(o, in, o.epoch));
        BERTH_TRY(epoch, in.records().raise_epoch(device, reason, now));
        json["epoch"] = epoch;
        what = fmt::format("all certificates of {} before epoch {}", o.epoch, epoch);
    } else {
        ca::withdrawal all{ca::withdrawal_kind::batch, {}, now, reason};
        if (!o.device.empty()) {
            BERTH_TRY(device, device_named(o, in, o.device));
            all.kind = ca::withdrawal_kind::device;
            all.value = ca::withdrawal::of_device(device);
            what = fmt::format("all certificates of {}, for good", o.device);
        } else if (!o.batch.empty()) {
            all.value = ca::withdrawal::of_batch(o.batch);
            what = fmt::format("the batch {}", o.batch);
        } else {
            BERTH_TRY(issuer, issuer_named(o.issuer));
            all.kind = ca::withdrawal_kind::issuer;
            all.value = ca::withdrawal::of_issuer(issuer);
            what = "all that stands on the word of that CA";
        }
        BERTH_TRY(done, in.records().withdraw(all));
        anew = done;
    }
    json["revoked"] = anew;
    json["reason"] = std::string(pki::to_string(reason));
    say(c, json,
        anew ? fmt::format("Revoked: {}. OCSP says so at once, lists when they are made (berth ca crl).", what)
             : fmt::format("Revoked already: {}. Nothing has changed.", what));
    return {};
}

void add_revoke(CLI::App& group, context& c) {
    const auto o = std::make_shared<revoke_options>();
    auto* const cmd =
        group.add_subcommand("revoke", "end certificates, for good: one, a device's, a batch, what a CA vouched for");
    o->add_to(*cmd, "the CA, where several have issued that serial number");
    cmd->add_option("--serial", o->serial, "one certificate, by its serial number (hexadecimal)");
    cmd->add_option("--device", o->device, "all of the device with this serial, now and later: its life has ended");
    cmd->add_option("--batch", o->batch, "all of this issuing batch");
    cmd->add_option("--issuer", o->issuer,
                    "all that this CA has issued, or that was issued on its word: its certificate's file, or key's SHA-256");
    cmd->add_option("--epoch", o->epoch, "all that the device with this serial has now; it may be given new ones");
    cmd->add_option("--maker-root", o->maker_root,
                    "the device of this maker alone (its root, PEM); else all with the serial, got with a password or token too");
    cmd->add_option("--reason", o->reason,
                    "unspecified, key_compromise, ca_compromise, affiliation_changed, superseded, cessation_of_operation, "
                    "privilege_withdrawn");
    cmd->callback([o, &c] { c.run([&] { return revoke(*o, c); }); });
}

// ---- lists

struct crl_options : ca_options {
    std::string out, lifetime = "7d";
    int64_t shard = -1;
    bool delta = false, shards = false, der = false;
};

result<uint64_t> after_the_one_there(const fs::path& file, const pki::certificate& issuer) {
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return uint64_t{0};
    }
    BERTH_TRY(text, read_text(file));
    const auto old = text.starts_with("-----BEGIN") ? pki::crl::parse_pem_all(text) : [&]() -> result<std::vector<pki::crl>> {
        BERTH_TRY(one, pki::crl::parse(as_bytes(text)));
        return std::vector{one};
    }();
    if (!old || old->empty()) {
        return fail(error{error_category::usage, "file_exists",
                          fmt::format("{} is there and is no revocation list, and would be overwritten with one", file.string())}
                        .with("file", file.string()));
    }
    return old->front().check_signature(issuer) ? old->front().number() + 1 : uint64_t{0};
}

result<void> write_list(const crl_options& o, context& c, const ca_directory& in, const ca::issuer& by, const std::string& name,
                        std::optional<uint32_t> shard, const fs::path& file) {
    const auto lifetime = parse_lifetime(o.lifetime);
    if (!lifetime || *lifetime == pki::no_expiry) {
        return fail(error_category::usage, "bad_arguments", "--lifetime is written as 12h or 7d");
    }
    ca::list_order order;
    order.shard = shard;
    order.delta = o.delta;
    order.lifetime = *lifetime;
    BERTH_TRY(least, after_the_one_there(file, by.certificate()));
    order.at_least = least;
    BERTH_TRY(list, ca::make_list(by, order, in.records(), system_clock()));
    BERTH_CHECK(write_text(file, o.der ? as_text(list.der()) : std::string_view(list.to_pem())));
    wire::json::object json{{"authority", name},           {"file", file.string()},
                            {"number", list.number()},     {"revoked", list.revoked().size()},
                            {"octets", list.der().size()}, {"next_update", to_iso8601(list.next_update())}};
    if (shard) {
        json["shard"] = *shard;
    }
    if (o.delta) {
        json["base"] = *pki::scope_of(list).delta_base;
    }
    say(c, json,
        fmt::format("{}: number {} of {}{}, {} revoked, to be renewed by {}.", file.string(), list.number(), name,
                    shard     ? fmt::format(" (shard {})", *shard)
                    : o.delta ? " (delta)"
                              : "",
                    list.revoked().size(), to_iso8601(list.next_update())));
    return {};
}

result<void> make_lists(const crl_options& o, context& c) {
    BERTH_TRY(in, o.open());
    BERTH_TRY(name, o.which(in));
    BERTH_TRY(by, in.issuer(name));
    const std::string end = o.delta ? ".delta.crl" : ".crl";
    if (!o.shards) {
        const auto shard = o.shard < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(o.shard));
        const fs::path usual = in.path() / (name + (shard ? "." + std::to_string(*shard) : "") + end);
        return write_list(o, c, in, by, name, shard, o.out.empty() ? usual : fs::path(o.out));
    }
    const fs::path into = o.out.empty() ? in.path() / "crl" : fs::path(o.out);
    BERTH_CHECK(make_directory(into));
    BERTH_TRY(shards, in.records().shards(by.id()));
    for (const uint32_t shard : shards) {
        BERTH_CHECK(write_list(o, c, in, by, name, shard, into / (name + "." + std::to_string(shard) + end)));
    }
    return {};
}

void add_crl(CLI::App& group, context& c) {
    const auto o = std::make_shared<crl_options>();
    auto* const cmd = group.add_subcommand("crl", "make revocation lists: complete ones, deltas, shards");
    o->add_to(*cmd, "the CA; a former generation (z2.1) makes lists of what it has issued");
    cmd->add_flag("--delta", o->delta, "what has changed since the last complete list");
    cmd->add_option("--shard", o->shard, "of this distribution point alone")->check(CLI::Range(0, 2'000'000'000));
    cmd->add_flag("--shards", o->shards, "one list for each distribution point; --out is a directory then (DIR/crl)");
    cmd->add_option("--lifetime", o->lifetime, "until the next one is due: 12h, 7d (7d)");
    cmd->add_option("--out", o->out, "where to write it (DIR/NAME.crl)");
    cmd->add_flag("--der", o->der, "DER instead of PEM, as addresses in certificates want it");
    cmd->callback([o, &c] { c.run([&] { return make_lists(*o, c); }); });
}

// ---- OCSP

std::string responder_of(const std::string& authority) {
    return authority + "-ocsp";
}

void add_responder(CLI::App& group, context& c) {
    const auto o = std::make_shared<ca_options>();
    auto* const cmd = group.add_subcommand("responder", "appoint an OCSP responder, or renew its certificate");
    o->add_to(*cmd, "the CA that appoints");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(in, o->open());
            BERTH_TRY(name, o->which(in));
            BERTH_TRY(by, in.issuer(name));
            const std::string own = responder_of(name);
            BERTH_TRY(placed, in.configuration().find(own));
            BERTH_TRY(algorithm, by.certificate().verification_key());
            BERTH_TRY(there, is_there(in.path() / (own + ".pem")));
            auto key = there ? open_key_of(in.path(), own, in.passphrase())
                             : make_key_of(in.path(), own, algorithm.algorithm(), crypto::system_random(), in.passphrase());
            if (!key) {
                return fail(std::move(key).error());
            }
            const ca::requester admin{{ca::proof::admin}, by.certificate().common_name().value_or(name) + " OCSP", {}};
            const ca::asked what{to_bytes((*key)->public_key().spki()), {}, {}};
            BERTH_TRY(made, by.issue({placed.profile, admin, what}, in.records(), system_clock(), crypto::system_random()));
            BERTH_CHECK(write_text(in.path() / (own + ".pem"), made.to_pem()));
            auto json = to_json(made);
            json["file"] = (in.path() / (own + ".pem")).string();
            say(c, json, fmt::format("{} answers for {} until {}.", made.subject(), name, to_iso8601(made.not_after())));
            return {};
        });
    });
}

struct ocsp_options : ca_options {
    std::string request, serial, out, hash = "sha1", lifetime = "1h";
};

result<pki::ocsp_hash> hash_named(const std::string& name) {
    for (const auto& [known, hash] : {std::pair("sha1", pki::ocsp_hash::sha1),
                                      {"sha256", pki::ocsp_hash::sha256},
                                      {"sha384", pki::ocsp_hash::sha384},
                                      {"sha512", pki::ocsp_hash::sha512}}) {
        if (name == known) {
            return hash;
        }
    }
    return fail(error_category::usage, "bad_arguments", "--hash is sha1, sha256, sha384 or sha512");
}

result<void> answer(const ocsp_options& o, context& c) {
    const auto lifetime = parse_lifetime(o.lifetime);
    if (o.request.empty() == o.serial.empty() || !lifetime || *lifetime == pki::no_expiry) {
        return fail(error_category::usage, "bad_arguments", "say --request or --serial; --lifetime is written as 1h or 2d");
    }
    BERTH_TRY(in, o.open());
    BERTH_TRY(name, o.which(in));
    BERTH_TRY(chain, in.chain(name));
    const pki::certificate& issuer = chain.front();
    // The CA itself where it has appointed nobody.
    const std::string own = responder_of(name);
    BERTH_TRY(appointed, is_there(in.path() / (own + ".pem")));
    BERTH_TRY(key, open_key_of(in.path(), appointed ? own : name, in.passphrase()));
    pki::certificate responder = issuer;
    if (appointed) {
        BERTH_TRY(certificate, read_certificate(in.path() / (own + ".pem")));
        responder = certificate;
    }
    const ca::ocsp_responder by{issuer, responder, key->as_signing_key(), *lifetime};
    bytes der;
    if (!o.request.empty()) {
        BERTH_TRY(query, read_text(o.request));
        der = ca::answer_query(by, as_bytes(query), in.records(), system_clock());
    } else {
        BERTH_TRY(serial, serial_number(o.serial));
        BERTH_TRY(hash, hash_named(o.hash));
        BERTH_TRY(made, ca::answer_beforehand(by, serial, hash, in.records(), system_clock()));
        der = std::move(made);
    }
    BERTH_CHECK(write_text(o.out, as_text(der)));
    say(c, {{"file", o.out}, {"responder", responder.subject()}},
        fmt::format("{} has the answer of {} (DER).", o.out, responder.subject()));
    return {};
}

void add_ocsp(CLI::App& group, context& c) {
    const auto o = std::make_shared<ocsp_options>();
    auto* const cmd = group.add_subcommand("ocsp", "answer an OCSP request, or sign an answer beforehand");
    o->add_to(*cmd, "the CA whose certificates it is about");
    cmd->add_option("--request", o->request, "the request (DER)");
    cmd->add_option("--serial", o->serial, "without a request: about this certificate (hexadecimal)");
    cmd->add_option("--hash", o->hash,
                    "how an answer without a request names the certificate: sha1 (default), sha256, sha384, sha512");
    cmd->add_option("--lifetime", o->lifetime, "until the answer is to be renewed: 1h, 2d (1h)");
    cmd->add_option("--out", o->out, "where to write the answer (DER)")->required();
    cmd->callback([o, &c] { c.run([&] { return answer(*o, c); }); });
}

}  // namespace

void add_ca_ending(CLI::App& ca, context& c) {
    add_revoke(ca, c);
    add_crl(ca, c);
    add_responder(ca, c);
    add_ocsp(ca, c);
}

}  // namespace berth::app
