#include "roles/config.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "est/operation.h"

#include <charconv>

namespace berth::app {

namespace {

result<key_and_chain> read_key(table_reader t) {
    auto out = read_key_names(t, false);
    BERTH_CHECK(t.finish());
    return out;
}

void check_label(table_reader& t, const char* key, const std::string& label) {
    if (!label.empty() && !est::is_label(label)) {
        t.complain_of(
            key, fmt::format("\"{}\" is no label: 1 to 64 letters, digits, '-', '_' and '.', and no operation's name", label));
    }
}

revocation_rule read_revocation(table_reader& t, std::initializer_list<std::string_view> allowed, const char* key = "revocation");

result<masa_config> read_masa(table_reader t) {
    masa_config out;
    out.listen = t.address("listen");
    out.direct_listen = t.optional_address("direct_listen");
    for (auto& key : t.tables("key", true)) {
        BERTH_TRY(read, read_key(key));
        out.keys.push_back(std::move(read));
    }
    out.device_roots = t.paths("device_roots", true);
    out.device_issuers = t.paths("device_issuers", false);
    out.device_crls = t.paths("device_crls", false);
    out.registrar_crls = t.paths("registrar_crls", false);
    out.device_revocation = read_insistence(t, "device_revocation", "device_crls");
    out.registrar_revocation = read_insistence(t, "registrar_revocation", "registrar_crls");
    out.store = t.path("store", true);
    out.store_key = t.path("store_key", true);
    out.checkpoint_key = t.text("checkpoint_key");
    out.base = t.directory();
    out.checkpoint_passphrase_file = t.path("checkpoint_passphrase_file", false);
    BERTH_CHECK(t.finish());
    return out;
}

result<maker_config> read_maker(table_reader t) {
    maker_config out;
    out.root = t.path("root", true);
    out.masa = t.address("masa");
    out.masa_host = t.text("masa_host", out.masa.host);
    out.issuers = t.paths("issuers", false);
    out.crls = t.paths("crls", false);
    out.est_label = t.text("est_label", "");
    check_label(t, "est_label", out.est_label);
    BERTH_CHECK(t.finish());
    return out;
}

// Platform registers of [[registrar.integrity]].
result<onboarding::integrity_rule> read_integrity(table_reader t) {
    onboarding::integrity_rule out;
    out.model = t.text("model", "");
    if (t.has("model") && (out.model.empty() || out.model.size() > 64)) {
        t.complain_of("model", "\"model\" has 1 to 64 characters; without it the table is for devices of every model");
    }
    const auto registers = t.texts_by_name("pcrs", true);
    if (registers.empty()) {
        t.complain_of("pcrs", "\"pcrs\" names a register at least, as pcrs = { 7 = \"...\" }; berth device pcrs prints them");
    }
    for (const auto& one : registers) {
        unsigned number = 0;
        const char* const end = one.name.data() + one.name.size();
        const auto parsed = std::from_chars(one.name.data(), end, number);
        if (parsed.ec != std::errc() || parsed.ptr != end || number > 23 || one.name != std::to_string(number)) {
            t.complain(one.where, fmt::format("\"{}\" is not the number of a platform register, 0 to 23", one.name));
            continue;
        }
        auto& allowed = out.registers[static_cast<uint8_t>(number)];
        for (const auto& text : one.texts) {
            const auto value = from_hex(text);
            if (!value || value->size() != 32) {
                t.complain(one.where,
                           fmt::format("platform register {}: a value in the SHA-256 bank has 64 hexadecimal digits", number));
                continue;
            }
            allowed.push_back(to_array<32>(*value));
        }
    }
    BERTH_CHECK(t.finish());
    return out;
}

constexpr std::array<std::pair<std::string_view, revocation_rule>, 4> revocation_rules{{{"crl", revocation_rule::crl},
                                                                                        {"ocsp", revocation_rule::ocsp},
                                                                                        {"records", revocation_rule::records},
                                                                                        {"none", revocation_rule::none}}};
// `allowed`: what this verifier can go by.
revocation_rule read_revocation(table_reader& t, std::initializer_list<std::string_view> allowed, const char* key) {
    const std::string given = t.text(key, "");
    if (!t.has(key)) {
        return revocation_rule::lists_given;
    }
    for (const auto& [name, rule] : revocation_rules) {
        if (given == name && std::find(allowed.begin(), allowed.end(), name) != allowed.end()) {
            return rule;
        }
    }
    t.complain_of(key, fmt::format("\"{}\" must be one of {}", key, fmt::join(allowed, ", ")));
    return revocation_rule::lists_given;
}

result<registrar_config> read_registrar(table_reader t) {
    registrar_config out;
    out.listen = t.address("listen");
    out.identity = read_key_names(t, true);
    out.domain_root = t.path("domain_root", true);
    for (auto& maker : t.tables("maker", true)) {
        BERTH_TRY(read, read_maker(maker));
        out.makers.push_back(std::move(read));
    }
    for (auto& rule : t.tables("integrity", false)) {
        BERTH_TRY(read, read_integrity(rule));
        out.integrity.push_back(std::move(read));
    }
    out.store = t.path("store", true);
    out.manual_approval = t.flag("manual_approval", false);
    out.retry_after = static_cast<uint32_t>(t.integer("retry_after", 1, 120, 5));
    out.announce = t.flag("announce", false);
    out.revocation = read_revocation(t, {"crl", "none"});
    for (const auto& maker : out.makers) {
        if (out.revocation == revocation_rule::crl && maker.crls.empty()) {
            t.complain_of("revocation",
                          "\"revocation\" = \"crl\" needs \"crls\" in each [[registrar.maker]]: without a list nobody is let in");
        }
        if (out.revocation == revocation_rule::none && !maker.crls.empty()) {
            t.complain_of("revocation", "\"revocation\" = \"none\" goes by no list: leave out \"crls\" of [[registrar.maker]]");
        }
    }
    BERTH_CHECK(t.finish());
    return out;
}

// [ca] with `est`.
est_ca_config read_est_ca(table_reader& t) {
    est_ca_config out;
    out.at = t.address("est");
    out.host = t.text("host", "");
    out.label = t.text("label", "");
    check_label(t, "label", out.label);
    out.anchors = t.paths("anchors", true);
    out.crls = t.paths("crls", false);
    out.revocation = read_insistence(t, "revocation", "crls");
    if (t.has("chain") || t.has("key")) {
        out.identity = read_key_names(t, true);
    }
    out.user = t.text("user", "");
    out.password_file = t.path("password_file", !out.user.empty());
    out.header = t.text("header", "");
    out.header_file = t.path("header_file", !out.header.empty());
    out.allow_tls12 = t.flag("tls12", false);
    if (!out.identity && out.user.empty() && out.header.empty()) {
        t.complain_of("est", "a CA that is asked by EST wants to know who asks: give \"chain\" and \"key\", or \"user\" and "
                             "\"password_file\", or \"header\" and \"header_file\"");
    }
    return out;
}

result<ca_config> read_ca(table_reader t) {
    ca_config out;
    if (t.has("est") && t.has("directory")) {
        t.complain_of("est", "\"est\" is a CA elsewhere and \"directory\" has one here: name one of them");
    }
    if (t.has("est")) {
        out.est = read_est_ca(t);
        BERTH_CHECK(t.finish());
        return out;
    }
    if (t.has("directory")) {
        out.directory = t.path("directory", true);
        out.directory_passphrase_file = t.path("directory_passphrase_file", false);
        out.profile = t.text("profile");
        BERTH_CHECK(t.finish());
        return out;
    }
    out.issuer = read_key_names(t, true);
    out.profile = t.text("profile", "operational");
    if (out.profile != "operational") {
        t.complain_of("profile", "\"profile\" must be operational");
    }
    out.lifetime_hours = t.integer("lifetime_hours", 1, 24 * 3650, 24 * 30);
    out.crl = t.path("crl", false);
    BERTH_CHECK(t.finish());
    return out;
}

result<element_config> read_element(table_reader t) {
    element_config out;
    out.listen = t.address("listen");
    out.host = t.text("host");
    out.identity.chain = t.path("chain", true);
    out.identity.key = t.text("key");
    out.identity.passphrase_file = t.path("passphrase_file", false);
    out.makers = t.paths("makers", true);
    out.issuers = t.paths("issuers", false);
    out.crls = t.paths("crls", false);
    out.revocation = read_insistence(t, "revocation", "crls");
    BERTH_CHECK(t.finish());
    return out;
}

result<est_trust_config> read_est_trust(table_reader& t) {
    est_trust_config out;
    out.proof = t.text("proof");
    if (out.proof != "idevid" && out.proof != "ldevid" && out.proof != "operational" && out.proof != "endorsement") {
        t.complain_of("proof", "\"proof\" must be idevid, ldevid, operational or endorsement");
    }
    out.anchors = t.paths("anchors", true);
    out.crls = t.paths("crls", false);
    out.revocation = read_revocation(t, {"crl", "ocsp", "records"});
    if (out.revocation == revocation_rule::crl && out.crls.empty()) {
        t.complain_of("revocation", "\"revocation\" = \"crl\" needs \"crls\": without a list nobody is let in");
    }
    if (out.revocation == revocation_rule::records && !out.crls.empty()) {
        t.complain_of("revocation", "\"revocation\" = \"records\" goes by no list: leave out \"crls\"");
    }
    out.ocsp_url = t.text("ocsp_url", "");
    out.ocsp_keep = t.integer("ocsp_keep", 0, 86'400, 60);
    if (!out.ocsp_url.empty() && (out.revocation != revocation_rule::ocsp || !out.ocsp_url.starts_with("http://"))) {
        t.complain_of("ocsp_url", "\"ocsp_url\" goes with \"revocation\" = \"ocsp\", and begins with http://");
    }
    if (out.proof == "endorsement" &&
        ((out.revocation != revocation_rule::lists_given && out.revocation != revocation_rule::crl) || t.has("ocsp_keep"))) {
        t.complain_of(t.has("revocation") ? "revocation" : "ocsp_keep",
                      "certificates of endorsement keys are judged by lists alone: \"revocation\" = \"crl\", or none");
    }
    BERTH_CHECK(t.finish());
    return out;
}

result<est_label_config> read_est_label(table_reader& t) {
    est_label_config out;
    out.where = t.where();
    out.label = t.text("label", "");
    check_label(t, "label", out.label);
    out.profile = t.text("profile");
    const std::string binding = t.text("binding", "optional");
    if (binding != "optional" && binding != "required") {
        t.complain_of("binding", "\"binding\" must be optional or required");
    }
    out.binding_required = binding == "required";
    out.public_information = t.flag("public", true);
    out.makes_keys = t.flag("serverkeygen", false);
    out.retry_after = static_cast<uint32_t>(t.integer("retry_after", 1, 86'400, 60));
    out.maker = t.path("maker", false);
    BERTH_CHECK(t.finish());
    return out;
}

result<est_config> read_est(table_reader t) {
    est_config out;
    out.listen = t.address("listen");
    out.tls12_listen = t.optional_address("tls12_listen");
    out.authkem_listen = t.optional_address("authkem_listen");
    out.identity = read_key_names(t, true);
    if (out.authkem_listen) {
        out.authkem_identity = read_key_names(t, true, "authkem_");
    }
    out.directory = t.path("directory", true);
    out.directory_passphrase_file = t.path("directory_passphrase_file", false);
    out.users = t.path("users", false);
    out.header = t.text("header", "");
    out.header_file = t.path("header_file", !out.header.empty());
    out.addresses = t.texts("addresses");
    if (t.has("threads")) {
        out.threads = static_cast<size_t>(t.integer("threads", 0, 64, 0));
    }
    if (out.header.empty() != out.addresses.empty()) {
        t.complain_of("header",
                      "\"header\" and \"addresses\" go together: a secret header is good from networks that are named alone");
    }
    std::set<std::string> labels;
    for (auto& each : t.tables("label", true)) {
        BERTH_TRY(label, read_est_label(each));
        if (!labels.insert(label.label).second) {
            each.complain_of("label", fmt::format("two [[est.label]] are \"{}\"", label.label));
        }
        out.labels.push_back(std::move(label));
    }
    for (auto& each : t.tables("trust", false)) {
        BERTH_TRY(trust, read_est_trust(each));
        const auto differs = [&](const auto& other) {
            return other.proof == trust.proof && other.revocation != trust.revocation;
        };
        if (trust.proof == "endorsement" && std::ranges::any_of(out.trust, differs)) {
            each.complain(nullptr, "all [[est.trust]] of \"endorsement\" say the same of \"revocation\"");
        }
        out.trust.push_back(std::move(trust));
    }
    BERTH_CHECK(t.finish());
    return out;
}

result<publish_config> read_publish(table_reader t) {
    publish_config out;
    out.listen = t.address("listen");
    out.directory = t.path("directory", true);
    out.directory_passphrase_file = t.path("directory_passphrase_file", false);
    out.authorities = t.texts("authorities");
    out.list_lifetime = t.integer("list_lifetime", 60, 30 * 86'400, 86'400);
    out.delta_lifetime = t.integer("delta_lifetime", 60, 7 * 86'400, 3'600);
    out.answer_lifetime = t.integer("answer_lifetime", 60, 7 * 86'400, 3'600);
    out.max_age = t.integer("max_age", 0, 86'400, 60);
    out.signatures_per_second = static_cast<uint32_t>(t.integer("signatures_per_second", 1, 1'000'000, 2'000));
    BERTH_CHECK(t.finish());
    return out;
}

result<void> read_log(table_reader t, daemon_config& out) {
    const std::string level = t.text("level", "info");
    const std::string format = t.text("format", "json");
    if (level == "debug") {
        out.log_level = log::level::debug;
    } else if (level == "warning") {
        out.log_level = log::level::warning;
    } else if (level != "info") {
        t.complain_of("level", "\"level\" must be debug, info or warning");
    }
    if (format != "json" && format != "text") {
        t.complain_of("format", "\"format\" must be json or text");
    }
    out.log_format = format == "text" ? log::format::text : log::format::json;
    return t.finish();
}

}  // namespace

key_and_chain read_key_names(table_reader& t, bool chain_required, const std::string& prefix) {
    key_and_chain out;
    out.chain = t.path((prefix + "chain").c_str(), chain_required);
    out.key = t.text((prefix + "key").c_str());
    out.passphrase_file = t.path((prefix + "passphrase_file").c_str(), false);
    out.base = t.directory();
    return out;
}

revocation_rule read_insistence(table_reader& t, const char* key, const char* lists) {
    const auto out = read_revocation(t, {"crl"}, key);
    if (out == revocation_rule::crl && !t.has(lists)) {
        t.complain_of(key, fmt::format("\"{}\" = \"crl\" needs \"{}\": without a list nobody is let in", key, lists));
    }
    return out;
}

result<daemon_config> read_config(const std::filesystem::path& given) {
    BERTH_TRY(file, absolute_path(given));
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    daemon_config out;
    if (auto t = top.table("log")) {
        BERTH_CHECK(read_log(std::move(*t), out));
    }
    if (auto t = top.table("admin")) {
        out.admin = t->address("listen");
        out.admin_beyond_loopback = t->flag("beyond_loopback", false);
        BERTH_CHECK(t->finish());
    }
    if (auto t = top.table("masa")) {
        BERTH_TRY(masa, read_masa(std::move(*t)));
        out.masa = std::move(masa);
    }
    if (auto t = top.table("ca")) {
        BERTH_TRY(ca, read_ca(std::move(*t)));
        out.ca = std::move(ca);
    }
    if (auto t = top.table("registrar")) {
        BERTH_TRY(registrar, read_registrar(std::move(*t)));
        if (!out.ca) {
            top.complain_of("registrar", "a [registrar] needs a [ca] beside it, the customer's issuing CA");
        }
        out.registrar = std::move(registrar);
    }
    if (auto t = top.table("element")) {
        BERTH_TRY(element, read_element(std::move(*t)));
        out.element = std::move(element);
    }
    if (auto t = top.table("est")) {
        BERTH_TRY(est, read_est(std::move(*t)));
        out.est = std::move(est);
    }
    if (auto t = top.table("publish")) {
        BERTH_TRY(publish, read_publish(std::move(*t)));
        out.publish = std::move(publish);
    }
    if (auto t = top.table("hub")) {
        BERTH_TRY(hub, read_hub(std::move(*t)));
        out.hub = std::move(hub);
    }
    if (out.masa && out.registrar && out.masa->store.lexically_normal() == out.registrar->store.lexically_normal()) {
        top.complain_of("registrar", "[masa] and [registrar] name the same \"store\": each needs one of its own");
    }
    if (!out.masa && !out.registrar && !out.element && !out.est && !out.publish && !out.hub) {
        top.complain(nullptr, "no role: write a [masa], a [registrar], an [element], an [est], a [publish] or a [hub] table");
    }
    BERTH_CHECK(top.finish());
    return out;
}

}  // namespace berth::app
