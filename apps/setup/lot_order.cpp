#include "setup/lot_order.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "keystore/key_uri.h"
#include "onboarding/messages/credential_requests.h"
#include "setup/order_checks.h"

#include <array>
#include <charconv>
#include <cmath>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_configuration = 16'384;  // that a MASA keeps for a device
constexpr size_t most_nesting = 16;

wire::json::value json_of(const toml::node& node, table_reader& top, size_t depth) {
    if (depth > most_nesting) {
        top.complain(&node, "settings are nested too deeply");
    } else if (const auto* const table = node.as_table()) {
        wire::json::object out;
        for (const auto& [key, value] : *table) {
            out[std::string_view(key.str())] = json_of(value, top, depth + 1);
        }
        return out;
    } else if (const auto* const list = node.as_array()) {
        wire::json::array out;
        for (const auto& value : *list) {
            out.push_back(json_of(value, top, depth + 1));
        }
        return out;
    } else if (const auto* const text = node.as_string()) {
        return wire::json::string(**text);
    } else if (const auto* const whole = node.as_integer()) {
        return **whole;
    } else if (const auto* const number = node.as_floating_point(); number && std::isfinite(**number)) {
        return **number;
    } else if (const auto* const flag = node.as_boolean()) {
        return **flag;
    } else {
        top.complain(&node, "settings are texts, numbers, true or false, lists and tables; write a date as a text");
    }
    return nullptr;
}

bool is_digest(std::string_view text) {
    constexpr size_t digits = 64;
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_registers(const toml::table& file, table_reader& top, lot_order& out) {
    if (!top.table("pcrs")) {
        return;
    }
    for (const auto& [key, value] : *file["pcrs"].as_table()) {
        const std::string_view name = key.str();
        unsigned number = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
        const auto* const text = value.as_string();
        if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || number > 23 || !text || !is_digest(**text)) {
            top.complain(&value, "[pcrs] has a register's number (0 to 23) and its value in the SHA-256 bank, 64 hexadecimal "
                                 "digits in lower case, in each line");
            return;
        }
        out.registers[static_cast<uint8_t>(number)] = **text;
    }
}

template <class F>
void read_algorithm(table_reader& top, const toml::table& file, const char* key, const std::string& usual, const F& named) {
    if (auto done = named(top.text(key, usual)); !done) {
        top.complain(file.get(key), done.error().message);
    }
}

void read_device(table_reader& top, const toml::table& file, lot_order& out) {
    device_order& d = out.device;
    d.model = top.text("model");
    d.firmware = top.text("firmware", d.firmware);
    out.backend = top.text("backend", "software");
    d.p3_uri = top.text("p3", "");
    d.p3_sig_uri = top.text("p3_sig", "");
    if (const auto placed = place_keys(d, out.backend); !placed) {
        top.complain(file.get("backend"), placed.error().message);
    } else if (const auto there = check_key_names(out, false); !there) {
        top.complain(file.get(there.error().params.front().second), there.error().message);
    }
    read_algorithm(top, file, "kem", "mlkem768_p256",
                   [&d](const std::string& name) { return kem_algorithm_named(name).map([&d](auto a) { d.kem = a; }); });
    read_algorithm(top, file, "signature", "p256", [&d](const std::string& name) {
        return signature_algorithm_named(name).map([&d](auto a) { d.signature = a; });
    });
    for (const auto& address : top.addresses("registrars")) {
        d.registrars.push_back(address.text());
    }
    if (const auto masa = top.optional_address("masa")) {
        d.masa = masa->text();
    }
    d.discovery = top.texts("discovery");
    d.direct = top.flag("direct", false);
    d.pending_jitter_ms = static_cast<uint32_t>(top.integer("pending_jitter_ms", 0, 60'000, 60'000));
    if (top.has("quote_pcrs")) {
        for (const int64_t number : top.integers("quote_pcrs", 0, 23)) {
            d.quoted.push_back(static_cast<uint8_t>(number));
        }
        if (const auto able = check_measuring(d); !able) {
            top.complain(file.get("quote_pcrs"),
                         able.error().is("operation_unsupported")
                             ? fmt::format("\"quote_pcrs\" is for devices with a TPM (backend = \"tpm2\"), and the keys of "
                                           "these are in the back end {}, which has no registers",
                                           out.backend)
                             : able.error().message);
        }
    }
    auto credentials = top.tables("credential", false);
    if (!credentials.empty()) {
        d.credentials.clear();
    }
    for (auto& t : credentials) {
        const std::string name = t.text("name");
        const std::string algorithm = t.text("algorithm");
        const std::string key = t.text("key", "");
        constexpr std::array known{"p256", "mldsa65", "mlkem768", "mlkem768_p256"};
        if (std::ranges::find(known, algorithm) == known.end()) {
            t.complain(nullptr, fmt::format("a credential's algorithm is one of {}", fmt::join(known, ", ")));
        }
        if (!onboarding::valid_credential_name(name)) {
            t.complain(nullptr, "a credential's name has a-z, 0-9 and '-'");
        }
        d.credentials.emplace_back(name, algorithm + (key.empty() ? "" : "@" + key));
        static_cast<void>(t.finish());
    }
    if (const auto apart = check_key_places(d); !apart) {
        top.complain(file.get(apart.error().message.starts_with("credential") ? "credential" : "p3"), apart.error().message);
    }
}

}  // namespace

result<void> check_key_names(const lot_order& order, bool at_a_line) {
    const auto bad = [](const char* name, const std::string& why) {
        return fail(error{error_category::usage, "bad_order", fmt::format("\"{}\" {}", name, why)}.with("key", name));
    };
    // Those of place_keys: no other back end's names are looked at below, a file's least of all, which may be any of the
    // machine's.
    constexpr std::array backends{"software", "tpm2", "stsafe"};
    if (std::ranges::find(backends, order.backend) == backends.end()) {
        return bad("backend", fmt::format("is none of {}: \"{}\"", fmt::join(backends, ", "), order.backend));
    }
    for (const auto& [name, text] : {std::pair("p3", &order.device.p3_uri), {"p3_sig", &order.device.p3_sig_uri}}) {
        if (text->empty()) {
            continue;
        }
        const auto uri = keystore::parse_key_uri(*text);
        if (!uri) {
            return bad(name, "is no key's name: " + uri.error().message);
        }
        if (!text->starts_with(order.backend + ":")) {
            return bad(name, order.backend == "software" ? "is for keys in a chip: leave it out, or name its back end"
                                                         : fmt::format("must name a key of the back end {}", order.backend));
        }
        constexpr std::array parts{"slot", "zone", "envelope", "address", "seed", "layout", "iak", "nv"};
        for (std::string_view left = at_a_line ? std::string_view(uri->rest) : ""; !left.empty();) {
            const std::string_view part = left.substr(0, left.find(';'));
            left.remove_prefix(std::min(left.size(), part.size() + 1));
            const size_t equals = part.find('=');
            if (equals == std::string_view::npos) {
                continue;  // a TPM's handle
            }
            const std::string_view value = part.substr(equals + 1);
            if (std::ranges::find(parts, part.substr(0, equals)) == parts.end()) {
                return bad(name, fmt::format("may not have {}= in a line's order: the line knows where its chips are (--station)",
                                             part.substr(0, equals)));
            }
            if (part.starts_with("seed=") && (value.find('/') != std::string_view::npos || value.starts_with('.'))) {
                return bad(name, "must name its seed= as a file of the bundle, without a directory");
            }
        }
    }
    return {};
}

std::string lot_order::configuration() const {
    wire::json::object out{{"order", name}};
    if (!image.empty()) {
        out["image"] = image;
    }
    if (!registers.empty()) {
        wire::json::object values;
        for (const auto& [number, value] : registers) {
            values[std::to_string(number)] = value;
        }
        out["pcrs"] = wire::json::object{{"sha256", std::move(values)}};
    }
    if (!settings.empty()) {
        out["settings"] = settings;
    }
    return wire::to_text(out);
}

std::vector<std::pair<std::string, std::string>> lot_order::files() const {
    std::vector<std::pair<std::string, std::string>> out{{"order.json", configuration() + "\n"}};
    if (customer_root) {
        out.emplace_back("customer-root.pem", customer_root->to_pem());
    }
    return out;
}

result<lot_order> read_lot_order(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    lot_order out;
    out.name = top.text("name");
    read_device(top, parsed, out);
    out.image = top.text("image", "");
    constexpr std::string_view by = "sha256:";
    if (!out.image.empty() && (!out.image.starts_with(by) || !is_digest(std::string_view(out.image).substr(by.size())))) {
        top.complain(parsed.get("image"),
                     "\"image\" is the digest of the image: sha256: and 64 hexadecimal digits in lower case");
    }
    fs::path root;
    if (auto customer = top.table("customer")) {
        out.customer = customer->text("name");
        root = customer->path("root", true);
        static_cast<void>(customer->finish());
    }
    read_registers(parsed, top, out);
    if (top.table("settings")) {
        out.settings = json_of(*parsed.get("settings"), top, 0).as_object();
    }
    BERTH_CHECK(top.finish());
    if (!root.empty()) {
        BERTH_TRY(certificate, read_certificate(root));
        out.customer_root = std::move(certificate);
    }
    if (out.configuration().size() > most_configuration) {
        return fail(error{error_category::usage, "too_large",
                          fmt::format("{}: image, pcrs and settings are more than the {} octets that a MASA tells a device",
                                      file.string(), most_configuration)}
                        .with("path", file.string()));
    }
    return out;
}

}  // namespace berth::app
