#include "device/bundle.h"

#include "attestation/iak.h"
#include "base/log.h"
#include "common/files.h"
#include "device/config_toml.h"
#include "keystore/operations.h"
#include "keystore/places.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "pki/verify.h"
#include "store/fault_point.h"
#include "wire/pem.h"

#include <charconv>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

tl::unexpected<error> bad_bundle(const fs::path& directory, const std::string& what) {
    return fail(error{error_category::usage, "bad_bundle", fmt::format("the bundle {}: {}", directory.string(), what)});
}

// Whether the chain leads to z1.pem: a device that has another maker's root would find that out at S14 only, from what its own
// MASA says. Signatures and purposes alone are judged, no time: the device's clock may be anywhere.
result<void> require_chain(const fs::path& directory, const pki::trust_store& maker, const std::vector<pki::certificate>& chain,
                           pki::leaf_rule rule, const std::string& file) {
    pki::verify_options options;
    options.time = pki::validity_instants::between(0, pki::no_expiry);
    options.leaf = rule;
    options.revocation = pki::crl_policy::none;
    if (const auto verified = pki::verify_chain(maker, chain, options); !verified) {
        return bad_bundle(
            directory, fmt::format("{} does not lead to z1.pem. Both are its maker's: copy the bundle once more from where berth "
                                   "factory make wrote it ({})",
                                   file, verified.error().message));
    }
    return {};
}

// p3.pem, or p3.uri naming a key elsewhere (chip, token).
result<std::string> key_uri_of(const fs::path& directory, const std::string& name) {
    BERTH_TRY(there, is_there(directory / (name + ".pem")));
    if (there) {
        return "file:" + (directory / (name + ".pem")).string();
    }
    BERTH_TRY(uri, read_text(directory / (name + ".uri")));
    while (!uri.empty() && (uri.back() == '\n' || uri.back() == ' ')) {
        uri.pop_back();
    }
    return uri;
}

result<std::vector<crypto::kem_public_key>> read_masa_keys(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(blocks, wire::from_pem(text));
    std::vector<crypto::kem_public_key> out;
    for (const auto& block : blocks) {
        if (block.label != "PUBLIC KEY") {
            return fail(error_category::usage, "bad_bundle", file.string() + " may hold PUBLIC KEY blocks only");
        }
        auto key = crypto::kem_public_key::from_spki(block.der.reveal());
        if (!key) {
            return fail(error_category::usage, "bad_bundle",
                        fmt::format("{} must hold KEM keys of the MASA, as its masa-kem.pem does ({})", file.string(),
                                    key.error().message));
        }
        out.push_back(std::move(*key));
    }
    if (out.empty() || out.size() > 2) {
        return fail(error_category::usage, "bad_bundle",
                    file.string() + " must hold the MASA's key and, if there is one, its spare");
    }
    return out;
}

// The IDevID-signature pair is nobody's in an onboarding, but it is this device's, or none.
result<void> check_signature_identity(const device_bundle& bundle, const pki::trust_store& maker) {
    const fs::path& directory = bundle.directory;
    BERTH_TRY(there, is_there(directory / "z3-sig.pem"));
    if (!there) {
        return {};
    }
    BERTH_TRY(chain, read_chain(directory / "z3-sig.pem"));
    BERTH_CHECK(require_chain(directory, maker, chain, pki::leaf_rule::signature, "z3-sig.pem"));
    const auto serial = chain.front().device_serial();
    if (!serial || *serial != bundle.identity.serial) {
        return bad_bundle(directory, "the serial in device.toml is not that of z3-sig.pem");
    }
    return {};
}

// And the key is that certificate's, as far as it can be told here.
result<void> check_signature_key(const device_bundle& bundle) {
    const fs::path& directory = bundle.directory;
    BERTH_TRY(there, is_there(directory / "z3-sig.pem"));
    if (!there) {
        return {};
    }
    BERTH_TRY(leaf, read_certificate(directory / "z3-sig.pem"));
    // No onboarding uses the key: one that is elsewhere, or locked otherwise, keeps the device from nothing.
    const auto key = [&]() -> result<keystore::signing_key_ptr> {
        BERTH_TRY(uri, key_uri_of(directory, "p3-sig"));
        return keystore::open_signing_key(uri, {directory.string(), bundle.passphrase});
    }();
    const auto faults = {"file_error", "key_mismatch"};  // of what is there
    const auto locked = {"passphrase_required", "wrong_passphrase", "pin_required"};
    const auto one_of = [&key](const auto& names) {
        return std::ranges::any_of(names, [&key](const char* name) { return key.error().is(name); });
    };
    if (!key && !one_of(locked) && (key.error().category != error_category::environment || one_of(faults))) {
        return fail(key.error());
    }
    if (key && !same_octets(leaf.spki(), (*key)->public_key().spki())) {
        return bad_bundle(directory, "p3-sig is not the key of z3-sig.pem");
    }
    return {};
}

// Of a device that is to quote its platform registers: a chip that can, and the certificate of the key that does.
result<void> read_quoting(device_bundle& bundle, const pki::trust_store& maker) {
    if (bundle.quoted.empty()) {
        return {};
    }
    const fs::path& directory = bundle.directory;
    BERTH_TRY(able, keystore::abilities_of(bundle.p3_uri));
    if (!able.measured) {
        return fail(
            error{error_category::usage, "operation_unsupported",
                  fmt::format("device.toml wants platform registers quoted ([quote]), and this device's keys are in {}, which "
                              "keeps none: a TPM does (tpm2). Take [quote] out, or make the device with --backend tpm2",
                              able.name == "software" ? "files" : able.name)}
                .with("backend", able.name));
    }
    BERTH_TRY(there, is_there(directory / "z3-iak.pem"));
    if (!there) {
        return bad_bundle(directory,
                          "device.toml wants platform registers quoted ([quote]), and z3-iak.pem, the certificate of the "
                          "key that quotes them, is not there: berth factory make writes it for a device with a TPM");
    }
    BERTH_TRY(chain, read_chain(directory / "z3-iak.pem"));
    BERTH_CHECK(require_chain(directory, maker, chain, pki::leaf_rule::signature, "z3-iak.pem"));
    if (const auto fits = attestation::check_iak_certificate(chain.front()); !fits) {
        return bad_bundle(directory, fmt::format("z3-iak.pem: {}", fits.error().message));
    }
    if (chain.front().device_serial().value_or("") != bundle.identity.serial) {
        return bad_bundle(directory, "the serial in device.toml is not that of z3-iak.pem");
    }
    std::erase_if(chain, [](const auto& c) { return c.is_self_issued(); });
    bundle.iak = std::move(chain);
    return {};
}

using credential_key = std::variant<keystore::signing_key_ptr, keystore::kem_key_ptr>;

// Of the names that device.toml may have.
crypto::kem_algorithm kem_of(const std::string& algorithm) {
    return algorithm == "mlkem768" ? crypto::kem_algorithm::mlkem768 : crypto::kem_algorithm::mlkem768_p256;
}
crypto::signature_algorithm signature_of(const std::string& algorithm) {
    return algorithm == "p256" ? crypto::signature_algorithm::ecdsa_p256_sha256 : crypto::signature_algorithm::mldsa65;
}

bool signs(const std::string& algorithm) {
    return algorithm == "p256" || algorithm == "mldsa65";
}

result<credential_key> make_key(const std::string& algorithm, const fs::path& file, const std::optional<secret_bytes>& passphrase,
                                random_source& random) {
    if (signs(algorithm)) {
        auto key = crypto::signing_key::generate(signature_of(algorithm), random);
        BERTH_CHECK(pki::save_private_key(file.string(), key, passphrase));
        return keystore::software_signing_key(std::move(key));
    }
    auto key = crypto::kem_private_key::generate(kem_of(algorithm), random);
    BERTH_CHECK(pki::save_private_key(file.string(), key, passphrase));
    return keystore::software_kem_key(std::move(key));
}

result<credential_key> open_key(const std::string& algorithm, const fs::path& file,
                                const std::optional<secret_bytes>& passphrase) {
    if (signs(algorithm)) {
        BERTH_TRY(key, keystore::open_signing_key("file:" + file.string(), {{}, passphrase}));
        return key;
    }
    BERTH_TRY(key, keystore::open_kem_key("file:" + file.string(), {{}, passphrase}));
    return key;
}

result<credential_key> open_in_chip(const wanted_credential& wanted, const keystore::open_options& how) {
    if (signs(wanted.algorithm)) {
        return keystore::open_signing_key(wanted.key, how);
    }
    return keystore::open_kem_key(wanted.key, how);
}

result<credential_key> make_in_chip(const wanted_credential& wanted, const keystore::open_options& how) {
    if (signs(wanted.algorithm)) {
        return keystore::make_signing_key(wanted.key, signature_of(wanted.algorithm), how);
    }
    return keystore::make_kem_key(wanted.key, kem_of(wanted.algorithm), how);
}

}  // namespace

result<std::string> identity_key_at(const std::string& uri, const fs::path& bundle) {
    const keystore::open_options how{bundle.string(), {}};
    BERTH_TRY(place, keystore::location_of(uri, how));
    for (const char* name : {"p3", "p3-sig", "ldevid"}) {
        // ldevid.pem is a certificate; the others' .pem are keys.
        const auto own = name == std::string_view("ldevid") ? read_text(bundle / "ldevid.uri") : key_uri_of(bundle, name);
        const auto at = own ? keystore::location_of(*own, how) : result<keystore::key_location>(fail(own.error()));
        if (at && !keystore::common_place(place, *at).empty()) {
            return std::string(name);
        }
    }
    return std::string();
}

namespace {

// The key in the chip, whose name is noted in pending/ before it is made: so it is known, after a crash, whose it is.
result<credential_key> pending_in_chip(const wanted_credential& wanted, const fs::path& note, const keystore::open_options& how) {
    BERTH_TRY(noted, is_there(note));
    auto there = open_in_chip(wanted, how);
    if (noted && there) {
        return there;
    }
    if (there) {
        // Nobody is told to delete what the device is known by.
        BERTH_TRY(whose, identity_key_at(wanted.key, note.parent_path().parent_path()));
        const std::string advice = whose.empty()
                                       ? std::string("a key of something else; berth key delete makes room if nobody "
                                                     "needs it")
                                       : fmt::format("the device's own key ({}), which stays. Give the credential a place "
                                                     "of its own (key, below [[credential]] of device.toml)",
                                                     whose);
        return fail(
            error{error_category::environment, "key_exists",
                  fmt::format("{}, where the key of the credential \"{}\" is to be made, is {}", wanted.key, wanted.name, advice)}
                .with("uri", wanted.key));
    }
    if (!there.error().is("key_not_found") && !there.error().is("file_not_found")) {
        return there;
    }
    BERTH_CHECK(write_text(note, wanted.key + "\n", 0600));
    return make_in_chip(wanted, how);
}

// What the NAME.uri of a directory name; nothing where there is no such directory.
std::vector<std::string> chip_keys_in(const fs::path& directory) {
    std::vector<std::string> out;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(directory, ec)) {
        if (entry.path().extension() == ".uri") {
            if (const auto text = read_text(entry.path())) {
                out.push_back(text->substr(0, text->find('\n')));
            }
        }
    }
    return out;
}

}  // namespace

result<device_bundle> device_bundle::open(const fs::path& given, const fs::path& passphrase_file) {
    BERTH_TRY(out, look(given, passphrase_file));
    BERTH_TRY(key, keystore::open_kem_key(out.p3_uri, {out.directory.string(), out.passphrase}));
    if (!same_octets(out.z3.front().spki(), key->public_key().spki())) {
        return bad_bundle(out.directory, "p3 is not the key of z3.pem");
    }
    BERTH_CHECK(check_signature_key(out));
    out.p3 = std::move(key);
    return out;
}

result<begun_bundle> begin_bundle(const fs::path& given, const fs::path& passphrase_file) {
    device_bundle out;
    BERTH_TRY(directory, absolute_path(given));
    out.directory = directory;
    BERTH_CHECK(read_device_toml(out.directory / "device.toml", out));
    if (!passphrase_file.empty()) {
        out.passphrase_file = passphrase_file;
    }
    BERTH_TRY(passphrase, read_passphrase(out.passphrase_file));
    out.passphrase = std::move(passphrase);
    BERTH_TRY(root, read_certificate(out.directory / "z1.pem"));
    out.identity.device_root_spki = root.spki_sha256();
    return begun_bundle{std::move(out), std::move(root)};
}

result<device_bundle> device_bundle::look(const fs::path& given, const fs::path& passphrase_file) {
    BERTH_TRY(begun, begin_bundle(given, passphrase_file));
    device_bundle& out = begun.bundle;
    BERTH_TRY(chain, read_chain(out.directory / "z3.pem"));
    BERTH_TRY(uri, key_uri_of(out.directory, "p3"));
    BERTH_TRY(masa_keys, read_masa_keys(out.directory / "masa-kem.pem"));
    const auto serial = chain.front().device_serial();
    if (!serial || *serial != out.identity.serial) {
        return bad_bundle(out.directory, "the serial in device.toml is not that of z3.pem");
    }
    const auto maker = pki::trust_store::from_root(begun.root);
    if (!maker) {
        return bad_bundle(out.directory, fmt::format("z1.pem is not a maker's root ({})", maker.error().message));
    }
    BERTH_CHECK(require_chain(out.directory, *maker, chain, pki::leaf_rule::kem, "z3.pem"));
    BERTH_CHECK(check_signature_identity(out, *maker));
    out.p3_uri = uri;
    BERTH_CHECK(read_quoting(out, *maker));
    std::erase_if(chain, [](const auto& c) { return c.is_self_issued(); });
    out.z3 = std::move(chain);
    out.masa_keys = std::move(masa_keys);
    return std::move(begun.bundle);
}

unix_seconds device_bundle::earliest() const {
    unix_seconds known = 0;
    if (const auto text = read_text(directory / "time")) {
        std::from_chars(text->data(), text->data() + text->size(), known);
    }
    return std::max(known, firmware_built);
}

result<void> device_bundle::remember_time(unix_seconds t) const {
    return t > earliest() ? write_text(directory / "time", std::to_string(t) + "\n") : result<void>{};
}

result<std::vector<onboarding::device_credential>> device_bundle::pending_keys(const std::string& registrar,
                                                                               random_source& random) const {
    const fs::path pending = directory / "pending";
    const auto shown_to = read_text(pending / "registrar");
    // "a registrar that it tries next sees none that another has seen"
    if (!shown_to || *shown_to != registrar) {
        drop_pending_keys();
        BERTH_FAULT_POINT("device.before_pending");
        BERTH_CHECK(make_directory(pending, 0700));
        BERTH_CHECK(write_text(pending / "registrar", registrar, 0600));
    }
    std::vector<onboarding::device_credential> out;
    for (const auto& wanted : credentials) {
        if (!wanted.key.empty()) {
            BERTH_TRY(key, pending_in_chip(wanted, pending / (wanted.name + ".uri"), {directory.string(), passphrase}));
            out.push_back({wanted.name, std::move(key)});
            BERTH_FAULT_POINT("device.after_pending_key");
            continue;
        }
        const fs::path file = pending / (wanted.name + ".key");
        BERTH_TRY(made, is_there(file));
        BERTH_TRY(key,
                  made ? open_key(wanted.algorithm, file, passphrase) : make_key(wanted.algorithm, file, passphrase, random));
        out.push_back({wanted.name, std::move(key)});
        BERTH_FAULT_POINT("device.after_pending_key");
    }
    return out;
}

void device_bundle::drop_pending_keys() const {
    if (const auto deleted = delete_chip_keys(directory / "pending"); !deleted) {
        log::failure("pending_key_not_deleted", deleted.error());  // found again when the next one is to be made there
    }
    forget_pending_keys();
}

result<void> device_bundle::delete_chip_keys(const fs::path& named_in) const {
    const auto installed = chip_keys_in(directory / "installed");
    for (const auto& uri : chip_keys_in(named_in)) {
        const bool in_use =
            named_in.filename() != "installed" && std::find(installed.begin(), installed.end(), uri) != installed.end();
        const keystore::open_options how{directory.string(), passphrase};
        auto deleted = in_use ? result<void>() : keystore::remove_key(uri, how);
        if (!deleted && deleted.error().is("file_not_found")) {
            deleted = keystore::remove_key(keystore::without_file(uri), how);  // half of it is lost already
        }
        if (!deleted && !deleted.error().is("key_not_found")) {
            return deleted;
        }
    }
    return {};
}

void device_bundle::forget_pending_keys() const {
    std::error_code ignored;
    fs::remove_all(directory / "pending", ignored);
}

}  // namespace berth::app
