#include "setup/factory.h"

#include "common/files.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// The OID arc for examples (RFC 7042 documentation use does not cover OIDs; 2.25 needs no registration): a hardware type
// of a maker that has not set its own.
constexpr const char* hardware_type = "2.25.205546254112486";

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out + '"';
}

std::string list_of(const std::vector<std::string>& items) {
    std::string out;
    for (const auto& item : items) {
        out += (out.empty() ? "" : ", ") + quoted(item);
    }
    return "[" + out + "]";
}

std::string device_toml(const device_order& order, unix_seconds built, const std::string& locked) {
    std::string out =
        fmt::format("# A device of the factory; `berth device show` explains it.\nserial = {}\nmodel = {}\nfirmware = "
                    "{}\nfirmware_built = {}\nregistrars = {}\n",
                    quoted(order.serial), quoted(order.model), quoted(order.firmware), built, list_of(order.registrars));
    if (!order.masa.empty()) {
        out += fmt::format("masa = {}\n", quoted(order.masa));
    }
    if (!order.discovery.empty()) {
        out += fmt::format("discovery = {}\n", list_of(order.discovery));
    }
    if (order.direct) {
        out += "kk3 = \"direct\"\n";
    }
    if (order.pending_jitter_ms != 60'000) {
        out += fmt::format("pending_jitter_ms = {}\n", order.pending_jitter_ms);
    }
    out += locked;
    for (const auto& [name, algorithm] : order.credentials) {
        out += fmt::format("\n[[credential]]\nname = {}\nalgorithm = {}\n", quoted(name), quoted(algorithm));
    }
    return out;
}

}  // namespace

result<void> check_serial(const std::string& serial) {
    static constexpr std::string_view printable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    if (serial.empty() || serial.size() > 64 || serial.find_first_not_of(printable) != std::string::npos) {
        return fail(error{error_category::usage,
                          "bad_serial",
                          "a serial has 1 to 64 characters of X.520 PrintableString: letters, digits, space and '()+,-./:=?",
                          {{"serial", serial}}});
    }
    return {};
}

result<void> factory_init(const fs::path& directory, const factory_settings& settings, const clock& time, random_source& random) {
    const pki::validity validity{time.now() - 60, time.now() + 30 * one_year};
    BERTH_TRY(root, make_root(directory, "z1", pki::root_template(settings.maker, settings.maker + " device root", validity),
                              settings.algorithm, random, settings.passphrase));
    BERTH_CHECK(make_issuer(directory, "idevid-ca",
                            pki::issuing_ca_template(settings.maker, settings.maker + " IDevID CA", validity), root,
                            settings.algorithm, random, settings.passphrase));
    return {};
}

result<onboarding::device_identity> factory_make(const fs::path& factory, const fs::path& out, const device_order& order,
                                                 const std::string& masa_keys, const clock& time, random_source& random) {
    BERTH_CHECK(check_serial(order.serial));
    BERTH_CHECK(refuse_existing(out / "device.toml"));
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    BERTH_TRY(issuer, open_authority(factory, "idevid-ca", order.factory_passphrase));
    BERTH_TRY(passphrase, read_passphrase(order.passphrase_file));
    BERTH_CHECK(make_directory(out, 0700));
    const std::string maker = root.organization().value_or("");
    // 802.1AR: an IDevID does not end; the issuer's own end still ends the chain.
    const pki::validity validity{time.now() - 60, pki::no_expiry};
    const pki::hardware_module hardware{hardware_type, to_bytes(as_bytes(order.serial))};
    BERTH_CHECK(make_kem_leaf(out, "z3", pki::idevid_kem_template(maker, order.serial, hardware, validity), issuer, order.kem,
                              random, passphrase));
    BERTH_CHECK(make_signature_leaf(out, "z3-sig", pki::idevid_signature_template(maker, order.serial, hardware, validity),
                                    issuer, order.signature, random, passphrase));
    std::error_code ec;
    fs::rename(out / "z3.key", out / "p3.pem", ec);
    if (!ec) {
        fs::rename(out / "z3-sig.key", out / "p3-sig.pem", ec);
    }
    if (ec) {
        return fail(error_category::environment, "file_error",
                    fmt::format("cannot rename a key in {}: {}", out.string(), ec.message()));
    }
    BERTH_CHECK(write_text(out / "z1.pem", root.to_pem()));
    BERTH_CHECK(write_text(out / "masa-kem.pem", masa_keys));
    BERTH_TRY(locked, passphrase_line(order.passphrase_file));
    BERTH_CHECK(write_text(out / "device.toml", device_toml(order, order.firmware_built.value_or(time.now() - 60), locked)));
    return onboarding::device_identity{root.spki_sha256(), order.serial};
}

result<onboarding::device_identity> factory_make_recorded(const fs::path& factory, const fs::path& out, const device_order& order,
                                                          const std::string& masa_keys, registry::masa_registry& records,
                                                          const clock& time, random_source& random) {
    BERTH_CHECK(check_serial(order.serial));
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    BERTH_TRY(before, records.find_device({root.spki_sha256(), order.serial}));
    if (before) {
        return fail(error{error_category::usage,
                          "device_exists",
                          fmt::format("device {} is in the records already; no second one is made", order.serial),
                          {{"serial", order.serial}}});
    }
    BERTH_TRY(there, is_there(out));
    std::error_code ec;
    if (there && !fs::is_empty(out, ec)) {
        return fail(error{error_category::usage,
                          "file_exists",
                          fmt::format("{} is there already and is not empty; a bundle gets a directory of its own", out.string()),
                          {{"file", out.string()}}});
    }
    auto made = [&]() -> result<onboarding::device_identity> {
        BERTH_TRY(identity, factory_make(factory, out, order, masa_keys, time, random));
        registry::ownership record;
        record.device = identity;
        record.model = order.model;
        // Looks once more, within its transaction: another factory may have been quicker.
        BERTH_CHECK(records.add_device(record, time.now()));
        return identity;
    }();
    if (!made) {
        fs::remove_all(out, ec);  // it was not there, or empty
    }
    return made;
}

}  // namespace berth::app
