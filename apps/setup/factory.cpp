#include "setup/factory.h"

#include "common/files.h"
#include "device/bundle.h"
#include "keystore/tpm2/keys.h"
#include "setup/new_directory.h"
#include "setup/order_checks.h"
#include "setup/spoken_serials.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

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

}  // namespace

result<std::string> device_toml(const device_order& order, unix_seconds built) {
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
    BERTH_TRY(locked, passphrase_line(order.passphrase_file));
    out += locked;
    if (!order.quoted.empty()) {
        const std::set<unsigned> registers(order.quoted.begin(), order.quoted.end());
        out += fmt::format("\n[quote]\npcrs = [{}]\n", fmt::join(registers, ", "));
    }
    for (const auto& [name, algorithm] : order.credentials) {
        const size_t at = algorithm.find('@');
        out += fmt::format("\n[[credential]]\nname = {}\nalgorithm = {}\n", quoted(name), quoted(algorithm.substr(0, at)));
        if (at != std::string::npos) {
            out += fmt::format("key = {}\n", quoted(algorithm.substr(at + 1)));
        }
    }
    return out;
}

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
    if (!settings.for_chips) {
        return {};
    }
    // For certificates that are kept in a chip: 2048 octets are most that a TPM's index takes.
    BERTH_CHECK(make_issuer(directory, "idevid-ca-classical",
                            pki::issuing_ca_template(settings.maker, settings.maker + " IDevID CA for chips", validity), root,
                            crypto::signature_algorithm::ecdsa_p384_sha384, random, settings.passphrase));
    return {};
}

result<void> place_keys(device_order& order, const std::string& backend) {
    const auto put = [&order](const std::string& p3, const std::string& p3_sig) {
        order.p3_uri = order.p3_uri.empty() ? p3 : order.p3_uri;
        order.p3_sig_uri = order.p3_sig_uri.empty() ? p3_sig : order.p3_sig_uri;
    };
    if (backend == "tpm2") {
        const std::string at = order.tpm.layout.empty() ? "" : ";layout=" + order.tpm.layout;
        put("tpm2:0x81020002;seed=p3.seed", "tpm2:0x81020000" + at);
    } else if (backend == "stsafe") {
        put("stsafe:slot=2", "stsafe:slot=1");
    } else if (backend != "software") {
        return fail(
            error{error_category::usage, "unknown_backend", fmt::format("\"{}\" is none of software, tpm2, stsafe", backend)}
                .with("backend", backend));
    }
    return {};
}

namespace {

// The files of a bundle, device.toml last: where that is, all are.
constexpr const char* last_file = "device.toml";

// The device's keys, for what is still to be done with them.
result<std::unique_ptr<factory::unit>> write_bundle(const fs::path& factory, const pki::certificate& root, const fs::path& into,
                                                    const device_order& order, const std::string& masa_keys, const clock& time,
                                                    random_source& random, chip_keys& in_chip) {
    auto issuers = order.issuers;
    if (!issuers) {
        BERTH_TRY(opened, open_unit_issuers(factory, order.factory_passphrase, !order.p3_sig_uri.empty(), time.now()));
        issuers = std::make_shared<const unit_issuers>(std::move(opened));
    }
    BERTH_TRY(passphrase, read_passphrase(order.passphrase_file));
    const unit_order keys{{order.serial, order.model}, order.kem, order.signature, order.p3_uri, order.p3_sig_uri, order.tpm};
    BERTH_TRY(unit, make_unit_keys(into, keys, passphrase, random, in_chip));
    BERTH_TRY(granted, certify_unit(*unit, *issuers, root, order.tpm, time, random));
    BERTH_CHECK(write_text(into / "z3.pem", pki::to_pem(granted.kem)));
    BERTH_CHECK(write_text(into / "z3-sig.pem", pki::to_pem(granted.identity)));
    if (!granted.attestation.empty()) {
        BERTH_CHECK(write_text(into / "z3-iak.pem", pki::to_pem(granted.attestation)));
    }
    BERTH_CHECK(write_text(into / "z1.pem", root.to_pem()));
    BERTH_CHECK(write_text(into / "masa-kem.pem", masa_keys));
    BERTH_TRY(toml, device_toml(order, order.firmware_built.value_or(time.now() - 60)));
    BERTH_CHECK(write_text(into / last_file, toml));
    return unit;
}

std::string fingerprint_of(const pki::certificate& z3) {
    return to_hex(z3.sha256());
}

// Makes the bundle, has `record` written down what was made, and only then puts the bundle where it was asked for: a device
// without a record would be a second identity of its serial as soon as another is made.
result<onboarding::device_identity>
make_and_publish(const fs::path& factory, const fs::path& out, const device_order& order, const std::string& masa_keys,
                 const clock& time, random_source& random,
                 const std::function<result<void>(const registry::ownership&, const std::string&)>& record) {
    BERTH_CHECK(check_serial(order.serial));
    BERTH_CHECK(check_measuring(order));
    BERTH_CHECK(check_key_places(order));
    BERTH_CHECK(check_device_toml(order));
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    BERTH_TRY(bundle, new_directory::begin(out));
    chip_keys in_chip(bundle.path());
    BERTH_TRY(unit, write_bundle(factory, root, bundle.path(), order, masa_keys, time, random, in_chip));
    registry::ownership made;
    made.device = {root.spki_sha256(), order.serial};
    made.model = order.model;
    // As the device will open it: what was ordered wrongly is found before the serial is used up.
    if (auto opened = device_bundle::open(bundle.path(), order.passphrase_file); !opened) {
        error e = std::move(opened).error().during("what was ordered makes no device that works, and none was made");
        e.category = e.name == "bad_config" ? error_category::usage : e.category;
        return fail(std::move(e));
    }
    BERTH_TRY(z3, read_certificate(bundle.path() / "z3.pem"));
    BERTH_TRY(z3_sig, read_certificate(bundle.path() / "z3-sig.pem"));
    for (const auto& [name, uri] : {std::pair("p3.uri", &order.p3_uri_of_device), {"p3-sig.uri", &order.p3_sig_uri_of_device}}) {
        if (!uri->empty()) {
            BERTH_CHECK(write_text(bundle.path() / name, *uri + "\n"));
        }
    }
    std::vector<pki::certificate> issued{z3, z3_sig};
    BERTH_TRY(attests, is_there(bundle.path() / "z3-iak.pem"));
    if (attests) {
        BERTH_TRY(z3_iak, read_certificate(bundle.path() / "z3-iak.pem"));
        issued.push_back(std::move(z3_iak));
    }
    if (order.p3_sig_uri.starts_with("tpm2:")) {
        // A TPM's keys are the same whenever they are made, and its certificate may lie where this order does not look.
        const auto certified = order.certified ? order.certified : std::make_shared<certified_keys>(factory);
        BERTH_CHECK(certified->catch_up());
        BERTH_CHECK(certified->require_others_not(order.serial, certified_keys::of(issued)));
    }
    BERTH_CHECK(keep_in_chip(*unit, bundle.path(), order.p3_sig_uri, z3_sig));
    BERTH_CHECK(note_issued(factory, order.serial, issued));
    BERTH_CHECK(record(made, fingerprint_of(z3)));
    in_chip.keep();  // they, and what lies in the bundle, are this device's only keys now
    bundle.keep(true);
    BERTH_CHECK(bundle.publish());
    return made.device;
}

// Whether the keys of a bundle that was left are where they are ordered now, and the seed in a TPM is sealed so.
result<bool> has_keys_as_ordered(const fs::path& bundle, const device_order& order) {
    const auto as_it_knows = [](const std::string& here, const std::string& on_device) {
        return on_device.empty() ? here : on_device;
    };
    for (const auto& [file, wanted] : {std::pair("p3.uri", as_it_knows(order.p3_uri, order.p3_uri_of_device)),
                                       {"p3-sig.uri", as_it_knows(order.p3_sig_uri, order.p3_sig_uri_of_device)}}) {
        BERTH_TRY(there, is_there(bundle / file));
        BERTH_TRY(text, there ? read_text(bundle / file) : result<std::string>("\n"));
        if (text != wanted + "\n") {
            return false;
        }
    }
    const auto name = keystore::tpm2::key_name_of(order.p3_uri);
    if (!name) {
        return true;
    }
    BERTH_TRY(text, read_text(bundle / name->seed));
    BERTH_TRY(sealed, keystore::tpm2::sealed_file::from_pem(text));
    BERTH_TRY(wanted, sealed_when(order.tpm));
    return same_condition(sealed.condition, wanted);
}

// Whether a bundle that was left was made as it is ordered now; device.toml tells all but the keys. When it was built may differ,
// unless that is ordered.
result<bool> was_ordered_so(const fs::path& bundle, const device_order& order, const pki::certificate& z3,
                            const std::string& masa_keys) {
    BERTH_TRY(written, read_text(bundle / last_file));
    BERTH_TRY(keys, read_text(bundle / "masa-kem.pem"));
    BERTH_TRY(z3_sig, read_certificate(bundle / "z3-sig.pem"));
    BERTH_TRY(kem, z3.kem_key());
    BERTH_TRY(signature, z3_sig.verification_key());
    const size_t at = written.find("\nfirmware_built = ");
    unix_seconds built = order.firmware_built.value_or(0);
    if (!order.firmware_built && at != std::string::npos) {
        built = std::strtoll(written.c_str() + at + std::strlen("\nfirmware_built = "), nullptr, 10);
    }
    BERTH_TRY(wanted, device_toml(order, built));
    BERTH_TRY(same_keys, has_keys_as_ordered(bundle, order));
    return same_keys && written == wanted && keys == masa_keys && kem.algorithm() == order.kem &&
           signature.algorithm() == order.signature;
}

tl::unexpected<error> unfinished(const std::string& serial, const std::string& what) {
    return fail(error{error_category::usage, "unfinished_device", what, {{"serial", serial}}});
}

// A bundle that a process was ended over between the record and its last step: if it is this device's, it is put in its place.
// One that the record does not speak of is cleared away. Error `unfinished_device`: it is another's, which would be lost.
result<bool> publish_what_was_left(const fs::path& out, const onboarding::device_identity& device, const device_order& order,
                                   const std::string& masa_keys, registry::masa_registry& records) {
    BERTH_TRY(left, new_directory::resume(out, last_file));
    if (!left) {
        return false;
    }
    BERTH_TRY(root, read_certificate(left->path() / "z1.pem"));
    BERTH_TRY(z3, read_certificate(left->path() / "z3.pem"));
    BERTH_TRY(serial, z3.device_serial());
    const onboarding::device_identity whose{root.spki_sha256(), serial};
    BERTH_TRY(recorded, records.find_device(whose));
    bool ours = recorded.has_value();
    if (ours) {
        BERTH_TRY(same, is_recorded(whose, z3, records));
        ours = same;
    }
    if (!ours) {
        BERTH_TRY(keys, read_text(left->path() / "masa-kem.pem"));
        if (keys != masa_keys) {
            return unfinished(serial,
                              fmt::format("{} was begun for device {} and another MASA, whose records may speak of it: repeat "
                                          "that berth factory make with its --masa, or remove the directory yourself",
                                          left->path().string(), serial));
        }
        left->keep(false);
        return false;
    }
    if (whose != device) {
        return unfinished(serial, fmt::format("device {} was being made here, is in the records, and lacks its last step: repeat "
                                              "its berth factory make with --out {} first",
                                              serial, out.string()));
    }
    BERTH_TRY(same, was_ordered_so(left->path(), order, z3, masa_keys));
    if (!same) {
        return unfinished(serial,
                          fmt::format("device {} was being made here with other options, is in the records, and lacks its last "
                                      "step: repeat the berth factory make that was interrupted as it was ({} tells how)",
                                      serial, (left->path() / last_file).string()));
    }
    BERTH_CHECK(left->publish());
    return true;
}

}  // namespace

result<onboarding::device_identity> factory_make(const fs::path& factory, const fs::path& out, const device_order& order,
                                                 const std::string& masa_keys, const clock& time, random_source& random) {
    return make_and_publish(factory, out, order, masa_keys, time, random,
                            [](const registry::ownership&, const std::string&) { return result<void>{}; });
}

result<onboarding::device_identity> factory_make_recorded(const fs::path& factory, const fs::path& out, const device_order& order,
                                                          const std::string& masa_keys, registry::masa_registry& records,
                                                          const clock& time, random_source& random) {
    BERTH_CHECK(check_serial(order.serial));
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    const onboarding::device_identity device{root.spki_sha256(), order.serial};
    BERTH_TRY(finished, publish_what_was_left(out, device, order, masa_keys, records));
    if (finished) {
        return device;
    }
    BERTH_TRY(before, records.find_device(device));
    if (before) {
        return fail(
            error{error_category::usage,
                  "device_exists",
                  fmt::format("device {} is in the records already; no second one is made. Its bundle is where it was made; "
                              "another device needs another serial",
                              order.serial),
                  {{"serial", order.serial}}});
    }
    const auto nobody_elses = [&]() -> result<void> {
        serial_plan own;
        own.list = {order.serial};
        return order.of_lot ? result<void>() : require_not_spoken_for(factory, own);
    };
    BERTH_CHECK(nobody_elses());
    // Looks once more, where a chip may have taken its time: somebody else may have been quicker. The records do, within their
    // transaction.
    return make_and_publish(factory, out, order, masa_keys, time, random,
                            [&](const registry::ownership& made, const std::string& identity) -> result<void> {
                                BERTH_CHECK(nobody_elses());
                                return records.add_device(made, identity, time.now());
                            });
}

result<bool> is_recorded(const onboarding::device_identity& device, const pki::certificate& z3,
                         registry::masa_registry& records) {
    constexpr size_t page = 1'000;
    for (uint64_t after = 0;;) {
        BERTH_TRY(entries, records.audit_entries(after, page));
        for (const auto& e : entries) {
            after = e.number;
            if ((e.what.event == "manufactured" || e.what.event == "reissued") && e.what.device == device &&
                e.what.log_id == fingerprint_of(z3)) {
                return true;
            }
        }
        if (entries.size() < page) {
            return false;
        }
    }
}

result<bool> bundle_is_recorded(const fs::path& bundle, registry::masa_registry& records) {
    BERTH_TRY(root, read_certificate(bundle / "z1.pem"));
    BERTH_TRY(z3, read_certificate(bundle / "z3.pem"));
    BERTH_TRY(serial, z3.device_serial());
    return is_recorded({root.spki_sha256(), serial}, z3, records);
}

}  // namespace berth::app
