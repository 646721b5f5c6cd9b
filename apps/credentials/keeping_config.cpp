#include "credentials/keeping_config.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "keystore/operations.h"
#include "onboarding/messages/credential_requests.h"

#include <unistd.h>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

constexpr size_t most_kept = 16;
constexpr const char* algorithms = "p256, p384, mldsa44, mldsa65, mldsa87, mlkem768, mlkem1024, mlkem768_p256, mlkem1024_p384";

std::optional<key_algorithm> algorithm_named(const std::string& name) {
    if (name == "p256" || name == "p384") {
        return name == "p256" ? crypto::signature_algorithm::ecdsa_p256_sha256 : crypto::signature_algorithm::ecdsa_p384_sha384;
    }
    for (const auto each : crypto::all_signature_algorithms) {
        if (name == name_of(each)) {
            return each;
        }
    }
    for (const auto each : crypto::all_kem_algorithms) {
        if (name == name_of(each)) {
            return each;
        }
    }
    return std::nullopt;
}

// Why no such key can be made there; empty: it can.
std::string not_made_there(const std::string& place, const key_algorithm& wanted) {
    const auto able = keystore::abilities_of(place);
    if (!able) {
        return able.error().message;
    }
    const auto* signing = std::get_if<crypto::signature_algorithm>(&wanted);
    const bool makes = signing ? std::ranges::find(able->signing, *signing) != able->signing.end()
                               : std::ranges::find(able->kem, std::get<crypto::kem_algorithm>(wanted)) != able->kem.end();
    return makes ? "" : fmt::format("{} makes no keys of that algorithm", able->name);
}

void read_places(table_reader& t, kept_wish& out) {
    out.places = t.texts("key");
    if (out.places.size() > 2 || (out.places.size() == 2 && out.places[0] == out.places[1])) {
        t.complain_of("key", fmt::format("credential \"{}\": \"key\" names one place, or two different ones", out.name));
    }
    for (const auto& place : out.places) {
        if (const auto why =
                place.starts_with("file:") ? std::string("a file needs no \"key\"") : not_made_there(place, out.algorithm);
            !why.empty()) {
            t.complain_of("key", fmt::format("credential \"{}\": {}: {}", out.name, place, why));
        }
    }
}

void read_names(table_reader& t, kept_wish& out) {
    for (const auto& part : t.texts("subject")) {
        const size_t at = part.find('=');
        if (at == std::string::npos || at == 0 || at + 1 == part.size()) {
            t.complain_of("subject", fmt::format("\"{}\" is no part of a subject: ATTRIBUTE=VALUE, as in CN=pump-7", part));
        } else {
            out.subject.emplace_back(part.substr(0, at), part.substr(at + 1));
        }
    }
    out.alt_names.dns = t.texts("dns");
    out.alt_names.uris = t.texts("uris");
}

void read_hooks(table_reader& t, kept_wish& out) {
    if (const auto run = t.texts("run"); !run.empty()) {
        if (!run.front().starts_with('/')) {
            t.complain_of("run", fmt::format("\"run\" begins with the whole path of a program: \"{}\" is none", run.front()));
        }
        out.hooks.push_back(run);
    }
    for (const auto& unit : t.texts("reload")) {
        if (unit.starts_with('-')) {
            t.complain_of("reload", fmt::format("\"reload\" names units of systemd: \"{}\" is none", unit));
        }
        out.hooks.push_back(
            {::access("/usr/bin/systemctl", X_OK) == 0 ? "/usr/bin/systemctl" : "/bin/systemctl", "try-reload-or-restart", unit});
    }
    out.hook_seconds = static_cast<uint32_t>(t.integer("hook_seconds", 1, 3600, 60));
}

void read_acceptance(table_reader& t, kept_wish& out) {
    const std::string word = t.text("accept", out.authenticates() ? "est" : "told");
    if (word != "est" && word != "told") {
        t.complain_of("accept", "\"accept\" is \"est\" or \"told\"");
    } else if (word == "est" && out.is_kem()) {
        t.complain_of(
            "accept",
            fmt::format("credential \"{}\": a KEM key's certificate is shown to no EST server; accept = \"told\"", out.name));
    } else if (word == "est" && out.over_authkem) {
        t.complain_of("accept",
                      fmt::format("credential \"{}\": over AuthKEM a signature key's certificate is shown to nobody; accept = "
                                  "\"told\"",
                                  out.name));
    }
    out.accept = word == "told" ? kept_wish::acceptance::told : kept_wish::acceptance::est;
}

kept_wish read_credential(table_reader& t, bool over_authkem) {
    kept_wish out;
    out.over_authkem = over_authkem;
    out.name = t.text("name");
    if (!onboarding::valid_credential_name(out.name) || out.name == "ldevid" || out.name == "idevid") {
        t.complain_of("name",
                      fmt::format("credential \"{}\": a name of a-z, 0-9 and '-', and not \"ldevid\" nor \"idevid\"", out.name));
    }
    const std::string algorithm = t.text("algorithm");
    if (const auto known = algorithm_named(algorithm)) {
        out.algorithm = *known;
    } else {
        t.complain_of("algorithm", fmt::format("\"{}\" is not one of {}", algorithm, algorithms));
    }
    if (over_authkem && out.is_kem()) {
        t.complain_of("algorithm",
                      fmt::format("credential \"{}\": a request for a KEM key is vouched for by a signature key (RFC 9883), and "
                                  "over AuthKEM the identity has none; ask over TLS",
                                  out.name));
    }
    read_places(t, out);
    out.identity = t.text("identity", over_authkem ? "idevid" : "ldevid");
    if (!onboarding::valid_credential_name(out.identity)) {
        t.complain_of("identity",
                      fmt::format("identity \"{}\": \"ldevid\", \"idevid\", or the name of a credential", out.identity));
    }
    if (const auto threshold = est::parse_portion(t.text("renew", "67%"))) {
        out.policy.threshold = *threshold;
    } else {
        t.complain_of("renew", threshold.error().message);
    }
    out.policy.spread_percent = static_cast<uint32_t>(t.integer("spread", 0, 100, 50));
    read_names(t, out);
    read_acceptance(t, out);
    read_hooks(t, out);
    return out;
}

// The name of something and the file with its secret: both, or neither.
void read_secret(table_reader& t, const char* key, const char* file_key, std::string& name, fs::path& file) {
    name = t.text(key, "");
    const std::string text = t.text(file_key, "");
    if (name.empty() != text.empty()) {
        t.complain_of(t.has(key) ? key : file_key, fmt::format("\"{}\" and \"{}\" belong together", key, file_key));
    }
    file = text.empty() ? fs::path() : t.directory() / text;
}

result<kept_source> read_source(table_reader& t) {
    kept_source out;
    out.at = t.address("server");
    out.host = t.text("host", "");
    out.label = t.text("label", "");
    const std::string trust = t.text("trust", "installed");
    out.trust = trust == "installed" ? t.directory() / "installed" / "domain-root.pem" : t.directory() / trust;
    out.crls = t.paths("crls", false);
    const std::string revocation = t.text("revocation", "");
    out.lists_required = revocation == "crl";
    if (!revocation.empty() && (revocation != "crl" || out.crls.empty())) {
        t.complain_of("revocation", "\"revocation\" is \"crl\", and needs \"crls\": without a list no server is believed");
    }
    out.allow_tls12 = t.flag("tls12", false);
    out.over_authkem = t.flag("authkem", false);
    if (out.over_authkem && out.allow_tls12) {
        t.complain_of("authkem", "\"authkem\" and \"tls12\" exclude each other");
    }
    read_secret(t, "user", "password_file", out.user, out.password_file);
    read_secret(t, "header", "header_file", out.header, out.header_file);
    for (auto& each : t.tables("credential", true)) {
        out.credentials.push_back(read_credential(each, out.over_authkem));
        BERTH_CHECK(each.finish());
    }
    return out;
}

}  // namespace

result<keeping_config> parse_keeping_config(const std::string& text, const fs::path& file) {
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    keeping_config out;
    const std::string recover = top.text("recover", "tell");
    if (recover != "tell" && recover != "onboard") {
        top.complain_of("recover", "\"recover\" is \"tell\" or \"onboard\"");
    }
    out.recover = recover == "onboard" ? recovery::onboard : recovery::tell;
    std::set<std::string> names;
    size_t kept = 0;
    for (auto& each : top.tables("est", true)) {
        BERTH_TRY(source, read_source(each));
        BERTH_CHECK(each.finish());
        for (const auto& credential : source.credentials) {
            if (!names.insert(credential.name).second) {
                each.complain(nullptr, fmt::format("two credentials are called \"{}\"", credential.name));
            }
            if (out.recover == recovery::onboard && (credential.identity == "ldevid" || credential.identity == "idevid")) {
                each.complain(nullptr,
                              fmt::format("recover = \"onboard\": an onboarding gives no new \"{}\", by which the credential "
                                          "\"{}\" is to be recovered; its identity is one that is installed then",
                                          credential.identity, credential.name));
            }
            ++kept;
        }
        out.sources.push_back(std::move(source));
    }
    if (kept > most_kept) {
        top.complain_of("est", fmt::format("at most {} credentials", most_kept));
    }
    BERTH_CHECK(top.finish());
    return out;
}

result<std::optional<keeping_config>> read_keeping_config(const fs::path& bundle) {
    const fs::path file = bundle / "est.toml";
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(config, parse_keeping_config(text, file));
    return config;
}

}  // namespace berth::app
