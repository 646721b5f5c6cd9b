#include "setup/device_ldevid.h"

#include "common/files.h"
#include "device/lifecycle.h"
#include "factory/ldevid.h"
#include "keystore/operations.h"
#include "keystore/tpm2/keys.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* certificate_file = "ldevid.pem";
constexpr const char* uri_file = "ldevid.uri";
constexpr const char* request_file = "request";

// Nothing: there is no such file.
result<std::optional<std::string>> uri_in(const fs::path& file) {
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(text, read_text(file));
    return text.substr(0, text.find_first_of("\r\n"));
}

bool says_none(const error& e) {
    return e.is("key_not_found") || e.is("file_not_found");
}

result<void> remove_directory(const fs::path& path) {
    std::error_code ec;
    fs::remove_all(path, ec);
    return ec ? cannot("remove", path, ec) : result<void>{};
}

// The same chip, another slot: "slot=1;zone=1;device=..." becomes "slot=3;device=...".
std::string in_slot(const std::string& rest, const std::string& slot) {
    std::string out = "slot=" + slot;
    for (size_t at = 0; at < rest.size();) {
        const size_t end = std::min(rest.find(';', at), rest.size());
        const std::string part = rest.substr(at, end - at);
        if (!part.starts_with("slot=") && !part.starts_with("zone=")) {
            out += ";" + part;
        }
        at = end + 1;
    }
    return out;
}

}  // namespace

result<device_ldevid> device_ldevid::open(const fs::path& given, const fs::path& passphrase_file) {
    BERTH_TRY(begun, begin_bundle(given, passphrase_file));
    device_ldevid out;
    out.bundle_ = std::move(begun.bundle);
    const device_bundle& bundle = out.bundle_;
    const fs::path& directory = bundle.directory;
    BERTH_TRY(chain, read_chain(directory / "z3-sig.pem"));
    if (chain.front().device_serial().value_or("") != bundle.identity.serial) {
        return fail(error_category::usage, "bad_bundle",
                    fmt::format("the bundle {}: the serial in device.toml is not that of z3-sig.pem", directory.string()));
    }
    BERTH_TRY(uri, uri_in(directory / "p3-sig.uri"));
    out.p3_sig_uri_ = uri.value_or("file:p3-sig.pem");
    BERTH_TRY(identity, keystore::open_signing_key(out.p3_sig_uri_, out.how()));
    out.z3_sig_ = std::move(chain);
    out.identity_ = std::move(identity);
    return out;
}

// Beside the IDevID's key: in the same chip, at the place that is meant for it.
result<std::string> device_ldevid::usual_place() const {
    BERTH_TRY(identity, keystore::parse_key_uri(p3_sig_uri_));
    switch (identity.kind) {
    case keystore::key_store_kind::file: return "file:ldevid.key";
    case keystore::key_store_kind::tpm2: {
        BERTH_TRY(name, keystore::tpm2::parse_key_name(identity.rest));
        return "tpm2:0x81000002" + (name.tcti.empty() ? std::string() : ";tcti=" + name.tcti);
    }
    case keystore::key_store_kind::stsafe: return "stsafe:" + in_slot(identity.rest, "3");
    case keystore::key_store_kind::pkcs11:
    case keystore::key_store_kind::sealed: break;
    }
    return fail(error_category::usage, "bad_arguments", "a token has no usual place for an LDevID's key: name one (--key)");
}

// Nobody is told to delete what the device is known by.
result<void> device_ldevid::require_own_place(const std::string& place) const {
    BERTH_TRY(whose, identity_key_at(place, bundle_.directory));
    if (whose.empty() || whose == "ldevid") {
        return {};
    }
    return fail(
        error{error_category::usage, "bad_order",
              fmt::format("{} is the place of the device's own key ({}), which stays: an LDevID's needs one of its own (--key)",
                          place, whose)}
            .with("uri", place));
}

result<bytes> device_ldevid::request(const ldevid_wish& wish) const {
    BERTH_CHECK(require_alive(bundle_));
    const fs::path& directory = bundle_.directory;
    BERTH_TRY(installed, is_there(directory / certificate_file));
    if (installed && !wish.replace) {
        return fail(error{error_category::usage, "ldevid_exists",
                          fmt::format("{} has an LDevID already ({}), which is not replaced unless that is said: --replace",
                                      serial(), (directory / certificate_file).string())}
                        .with("serial", serial()));
    }
    BERTH_TRY(present, uri_in(directory / uri_file));
    BERTH_TRY(usual, wish.key.empty() && !present ? usual_place() : result<std::string>(wish.key.empty() ? *present : wish.key));
    const std::string& place = usual;
    BERTH_TRY(noted, uri_in(pending() / uri_file));
    if (noted && *noted != place) {
        // It was asked for in vain.
        if (const auto deleted = noted == present ? result<void>() : keystore::remove_key(*noted, how());
            !deleted && !says_none(deleted.error())) {
            return fail(deleted.error());
        }
        BERTH_CHECK(remove_directory(pending()));
        noted.reset();
    }
    BERTH_CHECK(require_own_place(place));
    auto key = keystore::open_signing_key(place, how());
    if (!key && !says_none(key.error())) {
        return fail(std::move(key).error());
    }
    const bool ours = noted || (installed && place == present);
    if (key && !ours) {
        return fail(error{error_category::usage, "key_exists",
                          fmt::format("{}, where the LDevID's key is to be made, is a key of something else; name another place "
                                      "(--key), or delete it if nobody needs it: berth key delete",
                                      place)}
                        .with("uri", place));
    }
    BERTH_TRY(asked, is_there(pending() / request_file));
    if (key && asked) {
        return pki::read_file((pending() / request_file).string(), most_file_octets);
    }
    if (!key) {
        // Noted before it is made: so it is known, after a crash, whose it is.
        BERTH_CHECK(make_directory(pending(), 0700));
        BERTH_CHECK(write_text(pending() / uri_file, place + "\n"));
        key = keystore::make_signing_key(place, wish.algorithm, how());
        if (!key) {
            static_cast<void>(remove_directory(pending()));
            return fail(std::move(key).error());
        }
    }
    std::optional<factory::ldevid_tpm_claim> claim;
    BERTH_TRY(tpm, in_tpm(place));
    if (tpm) {
        auto made = factory::claim_ldevid(*tpm);
        if (!made && !made.error().is("ek_mismatch")) {
            return fail(std::move(made).error());
        }
        if (made) {  // without, the certificate will not say where the key is
            claim = std::move(*made);
        }
    }
    BERTH_TRY(octets, factory::ask_ldevid({serial(), z3_sig_, *identity_, **key, std::move(claim)}));
    BERTH_CHECK(make_directory(pending(), 0700));
    BERTH_CHECK(write_text(pending() / uri_file, place + "\n"));
    BERTH_CHECK(pki::write_file_atomically((pending() / request_file).string(), octets, 0644));
    return octets;
}

result<device_ldevid::asked_for> device_ldevid::asked() const {
    BERTH_TRY(place, uri_in(pending() / uri_file));
    BERTH_TRY(there, is_there(pending() / request_file));
    if (!place || !there) {
        return fail(error{error_category::usage, "no_request",
                          fmt::format("{} has not asked for an LDevID: berth device ldevid request comes first", serial())}
                        .with("serial", serial()));
    }
    BERTH_TRY(octets, pki::read_file((pending() / request_file).string(), most_file_octets));
    return asked_for{std::move(*place), std::move(octets)};
}

result<std::optional<factory::tpm_ldevid>> device_ldevid::in_tpm(const std::string& place) const {
    BERTH_TRY(uri, keystore::parse_key_uri(place));
    BERTH_TRY(identity, keystore::parse_key_uri(p3_sig_uri_));
    constexpr auto tpm2 = keystore::key_store_kind::tpm2;
    if (uri.kind != tpm2 || identity.kind != tpm2 || !z3_sig_.front().permanent_id()) {
        return std::nullopt;
    }
    BERTH_TRY(name, keystore::tpm2::parse_key_name(uri.rest));
    BERTH_TRY(of_identity, keystore::tpm2::parse_key_name(identity.rest));
    if (name.tcti != of_identity.tcti) {
        return std::nullopt;
    }
    BERTH_TRY(in, keystore::tpm2::device::shared(name.tcti));
    return factory::tpm_ldevid{std::move(in), name.handle, z3_sig_.front()};
}

result<bytes> device_ldevid::answer(bytes_view challenge) const {
    BERTH_TRY(what, asked());
    BERTH_TRY(tpm, in_tpm(what.place));
    if (!tpm) {
        return fail(error{error_category::usage, "not_in_tpm",
                          fmt::format("the LDevID's key of {} is not in its TPM, which could say so", serial())}
                        .with("serial", serial()));
    }
    return factory::answer_ldevid(*tpm, what.request, challenge);
}

result<ldevid_state> device_ldevid::install(bytes_view grant, const std::optional<pki::certificate>& customer) const {
    const fs::path& directory = bundle_.directory;
    BERTH_TRY(what, asked());
    const std::string& place = what.place;
    BERTH_TRY(key, keystore::open_signing_key(place, how()));
    const factory::ldevid_expected expected{serial(), bundle_.identity.device_root_spki, what.request, key->public_key().spki()};
    BERTH_TRY(chain, factory::accept_ldevid(grant, expected, customer));
    BERTH_TRY(former, uri_in(directory / uri_file));
    BERTH_CHECK(write_text(directory / certificate_file, pki::to_pem(chain)));
    BERTH_CHECK(write_text(directory / uri_file, place + "\n"));
    if (former && *former != place) {
        if (const auto deleted = keystore::remove_key(*former, how()); !deleted && !says_none(deleted.error())) {
            return fail(deleted.error());
        }
    }
    BERTH_CHECK(remove_directory(pending()));
    note_life_or_log(bundle_, system_clock());
    return ldevid_state{std::move(chain), place, true};
}

result<std::optional<ldevid_state>> installed_ldevid(const device_bundle& bundle) {
    BERTH_TRY(there, is_there(bundle.directory / certificate_file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(chain, read_chain(bundle.directory / certificate_file));
    BERTH_TRY(uri, uri_in(bundle.directory / uri_file));
    ldevid_state out{std::move(chain), uri.value_or(""), false};
    if (uri) {
        const auto key = keystore::open_signing_key(*uri, {bundle.directory.string(), bundle.passphrase});
        out.key_works = key && same_octets((*key)->public_key().spki(), out.chain.front().spki());
    }
    return std::optional(std::move(out));
}

}  // namespace berth::app
