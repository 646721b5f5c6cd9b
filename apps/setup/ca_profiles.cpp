#include "setup/ca_profiles.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "common/words.h"

#include <charconv>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<std::string_view, uint16_t>, 7> usages{{{"digitalSignature", pki::digital_signature},
                                                                       {"nonRepudiation", pki::content_commitment},
                                                                       {"keyEncipherment", pki::key_encipherment},
                                                                       {"dataEncipherment", pki::data_encipherment},
                                                                       {"keyAgreement", pki::key_agreement},
                                                                       {"keyCertSign", pki::key_cert_sign},
                                                                       {"cRLSign", pki::crl_sign}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> purposes{{{"serverAuth", pki::oid_server_auth},
                                                                                 {"clientAuth", pki::oid_client_auth},
                                                                                 {"cmcRA", pki::oid_cmc_ra},
                                                                                 {"OCSPSigning", pki::oid_ocsp_signing}}};

template <class Table>
std::string names_in(const Table& table) {
    std::string out;
    for (const auto& [name, value] : table) {
        out += (out.empty() ? "" : ", ") + std::string(name);
    }
    return out;
}

// One [[profile]]; what is wrong with it is told with the line of the table.
class profile_reader {
public:
    explicit profile_reader(table_reader& table) : table_(table) {}

    placed_profile read() {
        placed_profile out;
        p_ = &out.profile;
        p_->name = table_.text("name");
        out.authority = table_.text("authority", "ca");
        proofs();
        names();
        key_kinds();
        times();
        purposes_of_key();
        p_->has_epoch = table_.flag("epoch", true);
        p_->ocsp_no_check = table_.flag("ocsp_nocheck", false);
        p_->needs_approval = table_.flag("approval", false);
        p_->most_at_once = static_cast<size_t>(table_.integer("most_at_once", 0, 1'000'000, 0));
        if (const auto fits = ca::check(*p_); !fits) {
            complain(nullptr, fits.error().message);
        }
        return out;
    }

private:
    // Null: of the table as a whole.
    void complain(const char* key, const std::string& what) {
        key == nullptr ? table_.complain(nullptr, what) : table_.complain_of(key, what);
    }

    // ["idevid", "endorsement+secret"]: any of these, each of all its parts.
    void proofs() {
        for (const std::string& text : table_.texts("requires")) {
            std::set<ca::proof> all;
            for (size_t at = 0; at <= text.size();) {
                const size_t end = std::min(text.find('+', at), text.size());
                const auto one = ca::proof_named(text.substr(at, end - at));
                if (!one) {
                    std::string known;
                    for (const auto proof : ca::all_proofs) {
                        known += (known.empty() ? "" : ", ") + std::string(to_string(proof));
                    }
                    return complain("requires", fmt::format("\"{}\" in \"requires\" is none of {}, joined by +", text, known));
                }
                all.insert(*one);
                at = end + 1;
            }
            p_->required.push_back(std::move(all));
        }
        if (p_->required.empty()) {
            complain("requires",
                     "[profile] needs \"requires\" (a list of proofs, such as [\"idevid\"]): without one nobody is given such a "
                     "certificate");
        }
        for (const fs::path& file : table_.paths("anchors", false)) {
            const auto anchor = read_certificate(file);
            if (!anchor) {
                return complain("anchors", anchor.error().message);
            }
            p_->proof_anchors.push_back(anchor->spki_sha256());
        }
    }

    template <class Template>
    std::optional<Template> parsed(const char* key, const std::string& text) {
        auto out = Template::parse(text);
        if (!out) {
            complain(key, out.error().message);
            return std::nullopt;
        }
        return std::move(*out);
    }

    void names() {
        if (auto subject = parsed<ca::name_template>("subject", table_.text("subject", ""))) {
            p_->subject = std::move(*subject);
        }
        for (const auto& [key, to] : {std::pair("dns", &p_->dns), {"uris", &p_->uris}}) {
            for (const std::string& text : table_.texts(key)) {
                if (auto one = parsed<ca::text_template>(key, text)) {
                    to->push_back(std::move(*one));
                }
            }
        }
        if (table_.has("permanent_identifier")) {
            p_->permanent_id = parsed<ca::text_template>("permanent_identifier", table_.text("permanent_identifier"));
        }
        p_->names_maker = table_.flag("names_maker", false);
        p_->may_ask = {table_.texts("may_ask_attributes"), table_.texts("may_ask_dns"), table_.texts("may_ask_uris")};
    }

    void key_kinds() {
        for (const std::string& name : table_.texts("keys")) {
            const auto kind = ca::key_kind_named(name);
            if (!kind) {
                return complain(
                    "keys",
                    fmt::format("\"{}\" in \"keys\" is none of p256, p384, mldsa44, mldsa65, mldsa87, mlkem768, mlkem1024, "
                                "mlkem768_p256, mlkem1024_p384",
                                name));
            }
            p_->keys.push_back(*kind);
        }
    }

    void times() {
        const std::string text = table_.text("lifetime");
        const auto lifetime = parse_lifetime(text);
        if (!lifetime && !text.empty()) {
            complain("lifetime", fmt::format("\"{}\" is no lifetime: write 90m, 8h, 30d, 5y or never", text));
        }
        p_->lifetime = lifetime.value_or(1);  // the complaint above is enough
        p_->until_issuer = table_.flag("until_issuer", false);
    }

    void purposes_of_key() {
        for (const std::string& name : table_.texts("usages")) {
            const auto* const found =
                std::ranges::find(usages, std::string_view(name), &std::pair<std::string_view, uint16_t>::first);
            if (found == usages.end()) {
                return complain("usages", fmt::format("\"{}\" in \"usages\" is none of {}", name, names_in(usages)));
            }
            p_->key_usage = static_cast<uint16_t>(p_->key_usage.value_or(0) | found->second);
        }
        for (const std::string& name : table_.texts("extended_key_usages")) {
            const auto* const found =
                std::ranges::find(purposes, std::string_view(name), &std::pair<std::string_view, std::string_view>::first);
            p_->extended_key_usages.emplace_back(found == purposes.end() ? name : std::string(found->second));
        }
        p_->policies = table_.texts("policies");
        p_->is_ca = table_.flag("ca", false);
        if (table_.has("path_length")) {
            p_->path_length = static_cast<uint32_t>(table_.integer("path_length", 0, 16, 0));
        }
    }

    table_reader& table_;
    ca::profile* p_ = nullptr;
};

ca::issuer_settings read_settings(table_reader& t) {
    ca::issuer_settings out;
    out.crl_url = t.text("crl_url", "");
    out.delta_url = t.text("delta_url", "");
    out.ocsp_url = t.text("ocsp_url", "");
    out.issuer_url = t.text("issuer_url", "");
    out.shard_size = static_cast<uint32_t>(t.integer("shard_size", 0, 10'000'000, 0));
    out.skew = t.integer("clock_skew_s", 0, 86'400, out.skew);
    return out;
}

// ---- what is there without a file

std::string escaped(const std::string& text, const char* special) {
    std::string out;
    for (const char c : text) {
        if (std::string_view(special).find(c) != std::string_view::npos) {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out;
}

// As a value of a subject in a TOML string: a brace is doubled, a comma escaped, and then what TOML wants.
std::string as_subject_value(const std::string& organization) {
    std::string braces;
    for (const char c : organization) {
        braces.append(c == '{' || c == '}' ? 2 : 1, c);
    }
    return escaped(escaped(braces, ",\\"), "\"\\");
}

constexpr std::string_view customers_issuing = R"(
[[profile]]
name = "operational"            # short-lived; renewed by the device itself
authority = "ca"
requires = ["ldevid", "operational", "admin"]
subject = "O={o},CN={{serial}},serialNumber={{serial}}"  # hubs know devices by CN
names_maker = true
keys = ["p256", "p384", "mldsa44", "mldsa65", "mldsa87", "mlkem768", "mlkem1024", "mlkem768_p256", "mlkem1024_p384"]
lifetime = "72h"
extended_key_usages = ["clientAuth"]

[[profile]]
name = "server"
authority = "ca"
requires = ["admin"]
subject = "O={o}"
may_ask_attributes = ["CN"]
may_ask_dns = []                # ".plant.example": names that a request may choose
keys = ["p256", "p384", "mldsa44", "mldsa65", "mldsa87"]
lifetime = "90d"
extended_key_usages = ["serverAuth"]
)";

constexpr std::string_view ldevids = R"(
[[profile]]
name = "ldevid"                 # what a device is to its owner, for as long as it is his
authority = "{authority}"
requires = ["idevid", "admin"]  # issued only on proof of the identity before it
subject = "O={o},CN={{serial}},serialNumber={{serial}}"  # hubs know devices by CN
names_maker = true
keys = ["p256", "p384", "mldsa44", "mldsa65", "mldsa87"]
lifetime = "10y"
until_issuer = true
extended_key_usages = ["clientAuth"]
)";

constexpr std::string_view idevids = R"(
[[profile]]
name = "idevid"                 # IEEE 802.1AR: for the device's life
authority = "idevid-ca"
requires = ["endorsement", "secret+address", "admin"]
subject = "O={o},serialNumber={{serial}}"
keys = ["p256", "p384", "mldsa44", "mldsa65", "mldsa87", "mlkem768", "mlkem1024", "mlkem768_p256", "mlkem1024_p384"]
lifetime = "never"
until_issuer = true
epoch = false                   # owners have epochs, makers have not
extended_key_usages = ["clientAuth"]
)";

constexpr std::string_view responders = R"(
[[profile]]
name = "{authority}-ocsp"
authority = "{authority}"
requires = ["admin"]
subject = "O={o},CN={{name}}"
keys = ["p256", "p384", "mldsa44", "mldsa65", "mldsa87"]
lifetime = "30d"
until_issuer = true
extended_key_usages = ["OCSPSigning"]
ocsp_nocheck = true
)";

std::string filled(std::string_view text, const std::string& organization, const std::string& authority) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("{o}")) {
            out += as_subject_value(organization);
            at += 3;
        } else if (rest.starts_with("{authority}")) {
            out += authority;
            at += 11;
        } else if (rest.starts_with("{{")) {
            // "{{serial}}" becomes "{serial}"
            const size_t end = rest.find("}}");
            out += "{" + std::string(rest.substr(2, end - 2)) + "}";
            at += end + 2;
        } else {
            out.push_back(text[at++]);
        }
    }
    return out;
}

}  // namespace

std::optional<unix_seconds> parse_lifetime(std::string_view text) {
    if (text == "never") {
        return pki::no_expiry;
    }
    constexpr std::array<std::pair<char, unix_seconds>, 4> units{{{'m', 60}, {'h', 3600}, {'d', 86'400}, {'y', 31'536'000}}};
    unix_seconds count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || text.data() + text.size() != end + 1 || count <= 0 || count > 1'000'000) {
        return std::nullopt;
    }
    const auto* const unit = std::ranges::find(units, *end, &std::pair<char, unix_seconds>::first);
    return unit == units.end() ? std::nullopt : std::optional(count * unit->second);
}

ca::issuer_settings ca_configuration::settings_of(const std::string& authority) const {
    const auto at = authorities.find(authority);
    return at == authorities.end() ? ca::issuer_settings{} : at->second;
}

result<placed_profile> ca_configuration::find(const std::string& name) const {
    std::vector<std::string> known;
    for (const auto& p : profiles) {
        if (p.profile.name == name) {
            return p;
        }
        known.push_back(p.profile.name);
    }
    if (known.empty()) {
        return fail(error{error_category::usage, "unknown_profile",
                          fmt::format("there is no profile \"{}\": ca.toml has none at all, and nothing is issued without. Where "
                                      "there is no ca.toml the usual ones count; docs/ca.md says how they are written",
                                      name)}
                        .with("profile", name));
    }
    const auto meant = nearest(name, known);
    return fail(error{error_category::usage, "unknown_profile",
                      fmt::format("there is no profile \"{}\"; ca.toml has {}{}", name, fmt::join(known, ", "),
                                  meant ? fmt::format(". Is \"{}\" meant?", *meant) : "")}
                    .with("profile", name));
}

result<ca_configuration> parse_ca_configuration(const std::string& text, const fs::path& file) {
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    ca_configuration out;
    for (auto& t : top.tables("authority", false)) {
        const std::string name = t.text("name");
        if (!out.authorities.emplace(name, read_settings(t)).second) {
            t.complain_of("name", fmt::format("there are two authorities \"{}\"", name));
        }
        BERTH_CHECK(t.finish());
    }
    std::set<std::string> names;
    for (auto& t : top.tables("profile", false)) {
        out.profiles.push_back(profile_reader(t).read());
        if (!names.insert(out.profiles.back().profile.name).second) {
            t.complain_of("name", fmt::format("there are two profiles \"{}\"", out.profiles.back().profile.name));
        }
        BERTH_CHECK(t.finish());
    }
    BERTH_CHECK(top.finish());
    return out;
}

std::string default_ca_toml(const std::string& organization, const std::vector<std::string>& authorities) {
    const auto has = [&](const char* name) { return std::ranges::find(authorities, name) != authorities.end(); };
    std::string out = "# What the CAs in this directory issue (docs/ca.md). Requests are honoured as a whole or refused.\n";
    if (has("ca")) {
        out += filled(customers_issuing, organization, "ca");
    }
    if (has("ldevid-ca") || has("ca")) {
        out += filled(ldevids, organization, has("ldevid-ca") ? "ldevid-ca" : "ca");
    }
    if (has("idevid-ca")) {
        out += filled(idevids, organization, "idevid-ca");
    }
    for (const std::string& authority : authorities) {
        out += filled(responders, organization, authority);
    }
    return out;
}

result<bool> give_profiles(const fs::path& directory, const std::string& organization,
                           const std::vector<std::string>& authorities) {
    const fs::path file = directory / "ca.toml";
    BERTH_TRY(there, is_there(file));
    std::string before;
    if (there) {
        BERTH_TRY(text, read_text(file));
        BERTH_TRY(written, parse_ca_configuration(text, file));
        if (!written.profiles.empty()) {
            return false;
        }
        before = text.empty() || text.ends_with('\n') ? text : text + "\n";
        before += before.empty() ? "" : "\n";
    }
    BERTH_CHECK(write_text(file, before + default_ca_toml(organization, authorities)));
    return true;
}

result<ca_configuration> read_ca_configuration(const fs::path& directory) {
    const fs::path file = directory / "ca.toml";
    BERTH_TRY(there, is_there(file));
    if (there) {
        BERTH_TRY(text, read_text(file));
        return parse_ca_configuration(text, file);
    }
    std::vector<std::string> authorities;
    std::string organization;
    for (const char* name : {"z1", "z2", "ca", "ldevid-ca", "idevid-ca", "ek-root", "ek-ca"}) {
        BERTH_TRY(known, is_there(directory / (std::string(name) + ".pem")));
        if (known) {
            BERTH_TRY(chain, read_chain(directory / (std::string(name) + ".pem")));
            organization = chain.front().organization().value_or(organization);
            authorities.emplace_back(name);
        }
    }
    return parse_ca_configuration(default_ca_toml(organization, authorities), file);
}

}  // namespace berth::app
