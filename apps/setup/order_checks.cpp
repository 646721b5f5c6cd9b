#include "setup/order_checks.h"

#include "device/config_toml.h"
#include "keystore/operations.h"
#include "keystore/places.h"
#include "keystore/tpm2/keys.h"

namespace berth::app {

namespace {

using keystore::key_location;
using keystore::key_store_kind;

// A key that the device will have, and what it is called where it was ordered.
struct placed_key {
    std::string what;
    std::string uri;
    key_location at;
};

tl::unexpected<error> bad_order(std::string why) {
    return fail(error_category::usage, "bad_order", std::move(why));
}

const std::string& or_else(const std::string& text, const std::string& other) {
    return text.empty() ? other : text;
}

// Where such keys lie in a bundle.
std::string p3_of(const std::string& uri) {
    return or_else(uri, "file:p3.pem");
}
std::string p3_sig_of(const std::string& uri) {
    return or_else(uri, "file:p3-sig.pem");
}

// Handles, by name, that belong to the keys of an identity, or to the TPM's own, in whichever TPM.
struct known_place {
    uint32_t handle;
    const char* whose;
};

std::vector<known_place> places_of_identities(const keystore::tpm2::devid_layout& at) {
    const keystore::tpm2::devid_layout usual;
    return {{at.iak, "the attestation key (IAK)"},
            {usual.idevid, "a TPM's IDevID key"},
            {usual.iak, "a TPM's attestation key (IAK)"},
            {usual.kem, "a TPM's KEM key"},
            // Where everybody else looks for them (TCG: Provisioning Guidance, 7.8; EK Credential Profile, 2.2.1).
            {0x81000001, "a TPM's storage root key"},
            {0x81010001, "a TPM's endorsement key"},
            {0x81010002, "a TPM's endorsement key"},
            {0x81010016, "a TPM's endorsement key"}};
}

// Slot 0 has the key that ST put there, which signs and does nothing else; nobody makes another.
result<void> check_slot(const placed_key& key) {
    if (key.at.kind == key_store_kind::stsafe && key.at.places.front() == "slot 0") {
        return bad_order(
            fmt::format("{}: {} is slot 0 of an STSAFE-A, whose key is the chip's own, from its maker, and stays: name "
                        "another slot, 1 to 4",
                        key.what, key.uri));
    }
    return {};
}

result<void> check_apart(const placed_key& key, const placed_key& other) {
    const std::string place = keystore::common_place(key.at, other.at);
    if (place.empty()) {
        return {};
    }
    return bad_order(
        fmt::format("{}: {} ({}) is the place of {}: each key needs one of its own", key.what, place, key.uri, other.what));
}

result<void> check_tpm_names(const keystore::tpm2::key_name& p3, const keystore::tpm2::key_name& p3_sig,
                             const std::string& p3_uri) {
    if (p3.seed.empty()) {
        return fail(
            error{error_category::usage, "bad_key_uri",
                  fmt::format("--p3 ({}): half of a KEM key in a TPM is a sealed seed, and the name says in which file: add "
                              ";seed=p3.seed",
                              p3_uri)}
                .with("uri", p3_uri));
    }
    if (p3.tcti != p3_sig.tcti) {
        return fail(error_category::usage, "bad_key_uri",
                    fmt::format("the device's two keys must be in one TPM: --p3 has tcti={}, --p3-sig has tcti={}",
                                or_else(p3.tcti, "(none)"), or_else(p3_sig.tcti, "(none)")));
    }
    for (const auto& [option, handle] : {std::pair("--p3", p3.handle), {"--p3-sig", p3_sig.handle}}) {
        if (handle == p3_sig.at.iak) {
            return bad_order(
                fmt::format("{}: {} is the place of the attestation key (IAK): name another handle, or another place "
                            "for that key (iak= in --p3-sig)",
                            option, keystore::tpm2::handle_text(handle)));
        }
    }
    return {};
}

// "0x81020000" is a file's name, and hardly meant as one.
std::string said_as_file(const char* option, const std::string& uri) {
    constexpr std::string_view hexadecimal = "0x";
    return uri.starts_with(hexadecimal) ? fmt::format(". {} {} names a file; a handle of a TPM is tpm2:{}", option, uri, uri)
                                        : std::string();
}

}  // namespace

result<void> check_measuring(const device_order& order) {
    const bool sealed = !order.tpm.pcrs.empty() || !order.tpm.approval.empty();
    if (order.quoted.empty() && !sealed) {
        return {};
    }
    BERTH_TRY(able, keystore::abilities_of(p3_of(order.p3_uri)));
    if (able.measured) {
        return {};
    }
    const std::string what = sealed ? fmt::format("the ML-KEM half is to be sealed to platform registers ({})",
                                                  order.tpm.approval.empty() ? "--seal-pcrs" : "--seal-approval")
                                    : "platform registers are to be quoted (--quote-pcrs, quote_pcrs of an order)";
    return fail(error{error_category::usage, "operation_unsupported",
                      fmt::format("{}, and the device's keys are in the back end {}, which keeps none. Leave it out, or take a "
                                  "TPM (--backend tpm2)",
                                  what, able.name)}
                    .with("backend", able.name));
}

result<void> check_identity_places(const std::string& p3_uri, const std::string& p3_sig_uri) {
    placed_key p3{"the KEM key (--p3)", p3_of(p3_uri), {}};
    placed_key p3_sig{"the IDevID-signature key (--p3-sig)", p3_sig_of(p3_sig_uri), {}};
    for (placed_key* key : {&p3, &p3_sig}) {
        BERTH_TRY(at, keystore::location_of(key->uri));
        key->at = std::move(at);
        BERTH_CHECK(check_slot(*key));
    }
    const int in_tpms = int{p3.at.kind == key_store_kind::tpm2} + int{p3_sig.at.kind == key_store_kind::tpm2};
    if (in_tpms == 1) {
        return bad_order("one of the device's keys is in a TPM: both are to be, or neither" + said_as_file("--p3", p3_uri) +
                         said_as_file("--p3-sig", p3_sig_uri));
    }
    if (in_tpms == 2) {
        BERTH_TRY(kem, keystore::tpm2::key_name_of(p3_uri));
        BERTH_TRY(identity, keystore::tpm2::key_name_of(p3_sig_uri));
        BERTH_CHECK(check_tpm_names(kem, identity, p3_uri));
    }
    if (p3.at.kind == key_store_kind::stsafe && p3_sig.at.kind == key_store_kind::stsafe && p3.at.keeper != p3_sig.at.keeper) {
        return bad_order(
            fmt::format("the device's two keys must be in one chip: --p3 is {}, and --p3-sig is {} (what a name does not "
                        "say is usual: device=/dev/i2c-1, address=0x20). Name both",
                        p3.uri, p3_sig.uri));
    }
    return check_apart(p3, p3_sig);
}

result<void> check_key_places(const device_order& order) {
    const std::string& p3_uri = or_else(order.p3_uri_of_device, order.p3_uri);
    const std::string& p3_sig_uri = or_else(order.p3_sig_uri_of_device, order.p3_sig_uri);
    BERTH_CHECK(check_identity_places(p3_uri, p3_sig_uri));
    std::vector<placed_key> taken;
    for (const auto& [what, uri] : {std::pair("the device's own KEM key (p3)", p3_of(p3_uri)),
                                    {"the device's identity key (p3-sig)", p3_sig_of(p3_sig_uri)}}) {
        BERTH_TRY(at, keystore::location_of(uri));
        taken.push_back({what, uri, std::move(at)});
    }
    if (taken.back().at.kind == key_store_kind::tpm2) {
        BERTH_TRY(identity, keystore::tpm2::key_name_of(p3_sig_uri));
        // The keys that belong to the usual handles are made from templates: one there would be the identity's, wherever that is.
        for (const auto& [handle, whose] : places_of_identities(identity.at)) {
            const std::string place = keystore::tpm2::handle_text(handle);
            taken.push_back({whose, "tpm2:" + place, {key_store_kind::tpm2, identity.tcti, {place}}});
        }
    }
    for (const auto& [name, algorithm] : order.credentials) {
        const size_t behind = algorithm.find('@');
        if (behind == std::string::npos) {
            continue;
        }
        placed_key key{fmt::format("credential \"{}\"", name), algorithm.substr(behind + 1), {}};
        auto at = keystore::location_of(key.uri);
        if (!at) {
            return fail(std::move(at).error().during(key.what));
        }
        key.at = std::move(*at);
        BERTH_CHECK(check_slot(key));
        for (const auto& other : taken) {
            BERTH_CHECK(check_apart(key, other));
        }
        taken.push_back(std::move(key));
    }
    return {};
}

result<void> check_device_toml(const device_order& order) {
    BERTH_TRY(text, device_toml(order, order.firmware_built.value_or(0)));
    const std::string file = "/device.toml";
    device_bundle ignored;
    auto read = parse_device_toml(text, file, ignored);
    if (read) {
        return {};
    }
    // Of a file that nobody has written yet, no line is told.
    error e = std::move(read).error();
    const size_t behind = e.message.find(": ");
    const std::string why = behind == std::string::npos ? e.message : e.message.substr(behind + 2);
    const bool of_a_credential = why.find("credential") != std::string::npos;
    e.message = fmt::format("what was ordered makes no device that works, and none was made: {}{}", why,
                            of_a_credential ? " (--credential)" : "");
    e.params.clear();
    return fail(std::move(e));
}

}  // namespace berth::app
