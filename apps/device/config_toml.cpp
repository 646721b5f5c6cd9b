#include "device/config_toml.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "keystore/operations.h"
#include "onboarding/messages/credential_requests.h"

namespace berth::app {

namespace {

bool known_algorithm(const std::string& name) {
    return name == "p256" || name == "mldsa65" || name == "mlkem768" || name == "mlkem768_p256";
}

result<wanted_credential> read_credential(table_reader& t) {
    wanted_credential out{t.text("name"), t.text("algorithm"), t.text("key", "")};
    BERTH_CHECK(t.finish());
    return out;
}

// Why its key cannot be made where it says; empty: it can.
std::string not_made_there(const wanted_credential& wanted) {
    if (wanted.key.empty()) {
        return {};
    }
    const auto able = keystore::abilities_of(wanted.key);
    if (!able) {
        return able.error().message;
    }
    const auto makes = [&wanted](const auto& algorithms) {
        return std::ranges::any_of(algorithms, [&wanted](const auto each) {
            return name_of(each) == (wanted.algorithm == "p256" ? "ecdsa_p256_sha256" : std::string_view(wanted.algorithm));
        });
    };
    return makes(able->signing) || makes(able->kem) ? "" : fmt::format("{} makes no keys of {}", able->name, wanted.algorithm);
}

}  // namespace

result<void> read_device_toml(const std::filesystem::path& file, device_bundle& out) {
    BERTH_TRY(text, read_text(file));
    return parse_device_toml(text, file, out);
}

result<void> parse_device_toml(const std::string& text, const std::filesystem::path& file, device_bundle& out) {
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    out.identity.serial = top.text("serial");
    out.model = top.text("model");
    out.firmware = top.text("firmware", "unknown");
    out.firmware_built = top.integer("firmware_built", 0, INT64_MAX, 0);
    out.has_clock = top.flag("clock", true);
    out.pending_jitter_ms = static_cast<uint32_t>(top.integer("pending_jitter_ms", 0, 60'000, 60'000));
    out.registrars = top.addresses("registrars");
    out.passphrase_file = top.path("passphrase_file", false);
    out.masa = top.optional_address("masa");
    for (const auto& way : top.texts("discovery")) {
        if (way == "dns-sd") {
            out.dns_sd = true;
        } else if (way == "rendezvous") {
            out.rendezvous = true;
        } else if (way != "configured") {
            top.complain_of("discovery", "\"discovery\" may hold \"configured\", \"dns-sd\" and \"rendezvous\"");
        }
    }
    const std::string way = top.text("kk3", "tunnel");
    if (way != "tunnel" && way != "direct") {
        top.complain_of("kk3", "\"kk3\" must be \"tunnel\" or \"direct\"");
    }
    out.way = way == "direct" ? kk3_way::direct : kk3_way::tunnel;
    if ((out.way == kk3_way::direct || out.rendezvous) && !out.masa) {
        top.complain_of(out.rendezvous ? "discovery" : "kk3", "a direct KK3 and rendezvous need \"masa\", its address");
    }
    if (auto quote = top.table("quote")) {
        for (const int64_t number : quote->integers("pcrs", 0, 23)) {
            out.quoted.push_back(static_cast<uint8_t>(number));
        }
        BERTH_CHECK(quote->finish());
    }
    for (auto& t : top.tables("credential", true)) {
        BERTH_TRY(credential, read_credential(t));
        if (!onboarding::valid_credential_name(credential.name) || !known_algorithm(credential.algorithm)) {
            t.complain(
                nullptr,
                fmt::format("credential \"{}\": a name of a-z, 0-9 and '-', and one of p256, mldsa65, mlkem768, mlkem768_p256",
                            credential.name));
        }
        if (const auto why = not_made_there(credential); !why.empty()) {
            t.complain(nullptr, fmt::format("credential \"{}\": {}", credential.name, why));
        }
        const auto same = [&](const auto& other) { return other.name == credential.name; };
        if (std::any_of(out.credentials.begin(), out.credentials.end(), same)) {
            t.complain(nullptr, fmt::format("two credentials are called \"{}\"", credential.name));
        }
        out.credentials.push_back(std::move(credential));
    }
    if (out.credentials.size() > onboarding::most_credentials) {
        top.complain_of("credential", "at most four credentials");
    }
    return top.finish();
}

}  // namespace berth::app
