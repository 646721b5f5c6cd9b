// berth ca inspect | verify
#include "berth/commands/ca.h"
#include "common/files.h"
#include "pki/explain.h"
#include "pki/ocsp.h"
#include "pki/verify.h"
#include "setup/ca_inspect.h"

#include <cstdlib>
#include <ctime>

namespace berth::app {

namespace {

// ---- inspect

void add_inspect(CLI::App& group, context& c) {
    struct options {
        std::vector<std::string> files;
        std::string passphrase_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group.add_subcommand("inspect", "explain a certificate, request, revocation list, voucher, key or bundle in plain words");
    cmd->add_option("FILE", o->files, "PEM or DER")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "of an encrypted private key: this file's first line");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            for (const std::string& file : o->files) {
                BERTH_TRY(all, explain_file(file, passphrase, system_clock().now()));
                for (auto& one : all) {
                    one.facts["file"] = file;
                    std::string text = o->files.size() > 1 || all.size() > 1 ? file + "\n" : std::string();
                    for (const auto& line : one.lines) {
                        text += line + "\n";
                    }
                    say(c, one.facts, text);
                }
            }
            return {};
        });
    });
}

// ---- verify

struct verify_options_given : ca_options {
    std::string file, ocsp, at, host, purpose;
    std::vector<std::string> trust, intermediates, lists;
    bool require_lists = false, allow_rsa = false;
};

result<unix_seconds> moment(const std::string& text) {
    if (text.empty()) {
        return system_clock().now();
    }
    std::tm parts{};
    const char* const end = ::strptime(text.c_str(), text.size() > 10 ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d", &parts);
    if (end == nullptr || *end != '\0') {
        return fail(error_category::usage, "bad_arguments", "--at is written as 2027-01-15 or 2027-01-15T12:00:00Z");
    }
    return static_cast<unix_seconds>(::timegm(&parts));
}

// What stands between the certificate and an anchor, as far as names and keys lead; and where the way ends.
std::vector<std::string> way_up(const pki::certificate& leaf, std::span<const pki::certificate> known) {
    std::vector<std::string> out;
    pki::certificate at = leaf;
    for (size_t steps = 0; steps < 16; ++steps) {
        out.push_back(fmt::format("{} ({} to {})", at.subject().empty() ? "(no name)" : at.subject(), to_iso8601(at.not_before()),
                                  to_iso8601(at.not_after())));
        if (at.is_self_issued() && at.check_signature(at)) {
            return out;
        }
        const pki::certificate* above = nullptr;
        size_t of_that_name = 0;
        for (const auto& candidate : known) {
            if (same_octets(candidate.subject_der(), at.issuer_der()) && !(candidate == at)) {
                ++of_that_name;
                if (at.check_signature(candidate)) {
                    above = &candidate;
                    break;
                }
            }
        }
        if (above == nullptr) {
            out.push_back(
                of_that_name == 0
                    ? fmt::format("nobody given is called {}: give its certificate (--intermediate, or in the file)", at.issuer())
                    : fmt::format("{} given are called {}, and none of them has signed this: that CA has another key; it may "
                                  "have been rotated, and NAME.new-with-old.pem or .old-with-new.pem leads from one to the "
                                  "other, or somebody uses its name",
                                  of_that_name, at.issuer()));
            return out;
        }
        at = *above;
    }
    return out;
}

struct given {
    std::vector<pki::certificate> chain, anchors, intermediates;
    std::vector<pki::crl> lists;
};

result<given> read_given(const verify_options_given& o) {
    given out;
    BERTH_TRY(chain, read_chain(o.file));
    out.chain = std::move(chain);
    BERTH_TRY(anchors, read_anchors({o.trust.begin(), o.trust.end()}));
    out.anchors = std::move(anchors);
    BERTH_TRY(intermediates, read_certificates({o.intermediates.begin(), o.intermediates.end()}));
    out.intermediates = std::move(intermediates);
    BERTH_TRY(lists, read_crls({o.lists.begin(), o.lists.end()}));
    out.lists = std::move(lists);
    return out;
}

pki::leaf_rule rule_for(const pki::certificate& leaf) {
    if (leaf.is_ca()) {
        return pki::leaf_rule::ca;
    }
    if (leaf.has_eku(pki::oid_tcg_ek_certificate)) {
        return pki::leaf_rule::endorsement;
    }
    return leaf.is_kem() ? pki::leaf_rule::kem : pki::leaf_rule::signature;
}

result<void> check_use(const verify_options_given& o, const pki::certificate& leaf) {
    for (const auto& [name, oid] : {std::pair("server", pki::oid_server_auth), {"client", pki::oid_client_auth}}) {
        if (o.purpose == name && !leaf.has_eku(oid)) {
            return fail(error{error_category::peer, "bad_extended_key_usage",
                              fmt::format("The certificate of {} is not for a {}: its extended key usage lacks {}.",
                                          leaf.subject(), name, pki::purpose_text(oid))}
                            .with("required", std::string(oid)));
        }
    }
    if (!o.host.empty() && !leaf.has_dns_name(o.host)) {
        return fail(error{error_category::peer, "wrong_host",
                          fmt::format("The certificate of {} is not that of {}: its DNS names are {}.", leaf.subject(), o.host,
                                      leaf.dns_names().empty() ? "none" : fmt::format("{}", fmt::join(leaf.dns_names(), ", ")))}
                        .with("host", o.host));
    }
    return {};
}

result<void> check_ocsp(const verify_options_given& o, const pki::verified_chain& chain, unix_seconds now) {
    if (o.ocsp.empty()) {
        return {};
    }
    BERTH_TRY(der, read_text(o.ocsp));
    const auto& issuer = chain.chain().size() > 1 ? chain.chain()[1] : chain.anchor();
    pki::ocsp_policy policy;
    policy.time = pki::validity_instants::at(now);
    BERTH_TRY(answer, pki::verify_ocsp_response(as_bytes(der), chain.leaf(), issuer, policy));
    return pki::require_good(answer, chain.leaf());
}

result<void> verify(const verify_options_given& o, context& c) {
    BERTH_TRY(now, moment(o.at));
    BERTH_TRY(all, read_given(o));
    std::vector<pki::certificate> known(all.chain.begin() + 1, all.chain.end());
    known.insert(known.end(), all.intermediates.begin(), all.intermediates.end());
    known.insert(known.end(), all.anchors.begin(), all.anchors.end());
    const auto way = way_up(all.chain.front(), known);
    BERTH_TRY(store, pki::trust_store::build({all.anchors, all.intermediates, all.lists}));
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.leaf = rule_for(all.chain.front());
    how.revocation = o.require_lists ? pki::crl_policy::always : pki::crl_policy::if_present;
    how.allow_rsa = o.allow_rsa || how.leaf == pki::leaf_rule::endorsement;
    auto judged = [&]() -> result<pki::verified_chain> {
        BERTH_TRY(chain, pki::verify_chain(store, all.chain, how));
        BERTH_CHECK(check_use(o, chain.leaf()));
        BERTH_CHECK(check_ocsp(o, chain, now));
        return chain;
    }();
    std::string text;
    for (size_t i = 0; i < way.size(); ++i) {
        text += fmt::format("{}{}{}\n", std::string(2 * i, ' '), i == 0 ? "" : "issued by ", way[i]);
    }
    if (!judged) {
        error e = std::move(judged).error();
        if (!c.json) {
            fmt::print("{}", text);
        }
        for (size_t i = 0; i < way.size(); ++i) {
            e = std::move(e).with("way_" + std::to_string(i), way[i]);
        }
        return fail(std::move(e));
    }
    wire::json::array path;
    for (const auto& one : judged->chain()) {
        path.emplace_back(one.subject());
    }
    path.emplace_back(judged->anchor().subject());
    say(c, {{"valid", true}, {"at", to_iso8601(now)}, {"path", std::move(path)}},
        text + fmt::format("Good at {}: it leads to the trusted {}.", to_iso8601(now), judged->anchor().subject()));
    return {};
}

void add_verify(CLI::App& group, context& c) {
    const auto o = std::make_shared<verify_options_given>();
    auto* const cmd = group.add_subcommand("verify", "judge a certificate and its chain, and explain what is wrong with it");
    cmd->add_option("FILE", o->file, "the certificate, and those above it if known (PEM), itself first")->required();
    cmd->add_option("--trust", o->trust, "trusted root or CA (PEM); repeatable")->required();
    cmd->add_option("--intermediate", o->intermediates, "CAs that may be between (PEM); repeatable");
    cmd->add_option("--crl", o->lists, "revocation lists and deltas (PEM); repeatable");
    cmd->add_flag("--require-crl", o->require_lists, "refuse where there is no list, too");
    cmd->add_option("--ocsp", o->ocsp, "an OCSP response about it (DER)");
    cmd->add_option("--at", o->at, "as of then: 2027-01-15T12:00:00Z (now)");
    cmd->add_option("--host", o->host, "the name that it must have");
    cmd->add_option("--purpose", o->purpose, "client or server")->check(CLI::IsMember({"client", "server"}));
    cmd->add_flag("--allow-rsa", o->allow_rsa, "CAs with RSA keys of 2048 bits or more count");
    cmd->callback([o, &c] { c.run([&] { return verify(*o, c); }); });
}

}  // namespace

void add_ca_reading(CLI::App& ca, context& c) {
    add_inspect(ca, c);
    add_verify(ca, c);
}

}  // namespace berth::app
