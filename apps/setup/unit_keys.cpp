#include "setup/unit_keys.h"

#include "common/files.h"
#include "factory/issue.h"
#include "keystore/operations.h"
#include "keystore/software.h"
#include "keystore/stsafe/certificate_zone.h"
#include "keystore/stsafe/uri.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/keys.h"
#include "keystore/tpm2/nv.h"
#include "pki/private_key_file.h"
#include "roles/startup_checks.h"
#include "setup/order_checks.h"

#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

using unit_ptr = std::unique_ptr<factory::unit>;

bool names_a_tpm(const std::string& uri) {
    return keystore::tpm2::key_name_of(uri).has_value();
}

result<void> require_template_algorithms(const unit_order& order) {
    if (order.kem != crypto::kem_algorithm::mlkem768_p256 || order.signature != crypto::signature_algorithm::ecdsa_p256_sha256) {
        return fail(
            error_category::usage, "operation_unsupported",
            "a TPM's identity keys are of the TCG's template H-2: p256 and mlkem768_p256. Leave --signature and --kem out");
    }
    return {};
}

result<unit_ptr> in_tpm(const fs::path& into, const unit_order& order, random_source& random, chip_keys& in_chip) {
    BERTH_CHECK(require_template_algorithms(order));
    BERTH_TRY(p3, keystore::tpm2::key_name_of(order.p3_uri));
    BERTH_TRY(p3_sig, keystore::tpm2::key_name_of(order.p3_sig_uri));
    BERTH_TRY(in, keystore::tpm2::device::shared(p3.tcti));
    factory::tpm_unit_settings settings;
    settings.at = p3_sig.at;
    settings.at.kem = p3.handle;
    settings.at.idevid = p3_sig.handle;
    BERTH_TRY(when, sealed_when(order.tpm));
    settings.when = std::move(when);
    BERTH_TRY(before, keystore::tpm2::persistent_handles(in));
    for (const uint32_t handle : {settings.at.iak, settings.at.idevid, settings.at.kem}) {
        if (std::ranges::find(before, handle) == before.end()) {
            // Before it is: what fails half-way leaves nothing either.
            in_chip.made([in, handle] { static_cast<void>(keystore::tpm2::evict(in, handle)); });
        }
    }
    BERTH_TRY(made, factory::tpm_unit::make(in, order.name, settings, random));
    BERTH_CHECK(pki::write_file_atomically((into / p3.seed).string(), as_bytes(made->sealed().to_pem()), 0600));
    return unit_ptr(std::move(made));
}

result<keystore::signing_key_ptr> identity_key(const fs::path& into, const unit_order& order,
                                               const std::optional<secret_bytes>& passphrase, random_source& random,
                                               chip_keys& in_chip) {
    if (order.p3_sig_uri.empty()) {
        auto key = crypto::signing_key::generate(order.signature, random);
        BERTH_CHECK(pki::save_private_key((into / "p3-sig.pem").string(), key, passphrase));
        return keystore::software_signing_key(std::move(key));
    }
    BERTH_CHECK(in_chip.expect_none(order.p3_sig_uri, false));
    BERTH_TRY(key, keystore::make_signing_key(order.p3_sig_uri, order.signature, {into.string(), passphrase}));
    in_chip.made(order.p3_sig_uri);
    return key;
}

result<keystore::kem_key_ptr> kem_key(const fs::path& into, const unit_order& order,
                                      const std::optional<secret_bytes>& passphrase, random_source& random, chip_keys& in_chip) {
    if (order.p3_uri.empty()) {
        auto key = crypto::kem_private_key::generate(order.kem, random);
        BERTH_CHECK(pki::save_private_key((into / "p3.pem").string(), key, passphrase));
        return keystore::software_kem_key(std::move(key));
    }
    BERTH_CHECK(in_chip.expect_none(order.p3_uri, true));
    BERTH_TRY(key, keystore::make_kem_key(order.p3_uri, order.kem, {into.string(), passphrase}));
    in_chip.made(order.p3_uri);
    return key;
}

factory::issuer_view view_of(const authority& issuer) {
    return {issuer.chain, issuer.key->as_signing_key()};
}

// The certificate that is in NV already, if it is this unit's: the index was locked by an attempt that was interrupted, or the
// device comes back.
result<std::optional<pki::certificate>> earlier_identity(factory::tpm_unit& unit, const authority& issuer,
                                                         const pki::certificate& root, unix_seconds now) {
    BERTH_TRY(there, unit.stored_identity());
    if (!there) {
        return there;
    }
    std::vector<pki::certificate> chain{*there};
    chain.insert(chain.end(), issuer.chain.begin(), issuer.chain.end());
    BERTH_TRY(trust, pki::trust_store::from_root(root));
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = pki::leaf_rule::signature;
    if (there->device_serial().value_or("") == unit.name().serial &&
        same_octets(there->spki(), unit.identity().public_key().spki()) && pki::verify_chain(trust, chain, options)) {
        return there;
    }
    return fail(error{error_category::usage,
                      "nv_exists",
                      fmt::format("the TPM holds the certificate of another device already ({}), locked for good: it is that "
                                  "device's for life",
                                  there->subject()),
                      {{"subject", there->subject()}}});
}

std::vector<std::string> names_of(const std::vector<fs::path>& files) {
    std::vector<std::string> out;
    for (const auto& file : files) {
        out.push_back(file.string());
    }
    return out;
}

// Many endorsement certificates have no name of their TPM: what is missing is told by where it would have to be.
error not_of_these_makers(error e, const std::vector<fs::path>& makers) {
    e.message =
        fmt::format("the certificate of this TPM's endorsement key leads to no root in --tpm-makers ({}): {}. Its maker's "
                    "whole chain is needed there, up to the root",
                    fmt::join(names_of(makers), ", "), e.message);
    return e;
}

// Default deny: a TPM's keys are another device's identity, or nobody's, until the TPM's maker vouches for it.
result<void> check_places(const unit_order& order) {
    BERTH_CHECK(check_identity_places(order.p3_uri, order.p3_sig_uri));
    const bool in_tpm = names_a_tpm(order.p3_uri);
    if (!in_tpm && !order.tpm.makers.empty()) {
        return fail(error_category::usage, "bad_order",
                    "makers of TPMs are given (--tpm-makers), and the device's keys are in no TPM: add --backend tpm2");
    }
    if (in_tpm && order.tpm.makers.empty() && !order.tpm.judged_elsewhere) {
        return fail(error_category::usage, "tpm_maker_unknown",
                    "no device is made in a TPM that nobody vouches for: name the CA certificates of its maker (--tpm-makers)");
    }
    return {};
}

}  // namespace

result<unit_ptr> make_unit_keys(const fs::path& into, const unit_order& order, const std::optional<secret_bytes>& passphrase,
                                random_source& random, chip_keys& in_chip) {
    BERTH_CHECK(check_places(order));
    if (!order.p3_uri.empty()) {
        BERTH_CHECK(write_text(into / "p3.uri", order.p3_uri + "\n"));
    }
    if (!order.p3_sig_uri.empty()) {
        BERTH_CHECK(write_text(into / "p3-sig.uri", order.p3_sig_uri + "\n"));
    }
    if (names_a_tpm(order.p3_uri)) {
        return in_tpm(into, order, random, in_chip);
    }
    BERTH_TRY(kem, kem_key(into, order, passphrase, random, in_chip));
    BERTH_TRY(identity, identity_key(into, order, passphrase, random, in_chip));
    BERTH_TRY(keeper, keystore::abilities_of(order.p3_sig_uri.empty() ? "file:p3-sig.pem" : order.p3_sig_uri));
    return std::make_unique<factory::unit>(order.name, keeper.name, std::move(identity), std::move(kem));
}

result<keystore::tpm2::seal_condition> sealed_when(const tpm_order& order) {
    if (!order.approval.empty()) {
        BERTH_TRY(approval, read_approval(order.approval));
        return approval;
    }
    if (order.pcrs.empty()) {
        return keystore::tpm2::always{};
    }
    const std::set<uint8_t> registers(order.pcrs.begin(), order.pcrs.end());
    return attestation::pcr_selection{attestation::tpm_alg::sha256, {registers.begin(), registers.end()}};
}

bool same_condition(const keystore::tpm2::seal_condition& a, const keystore::tpm2::seal_condition& b) {
    if (const auto* const approval = std::get_if<attestation::policy_approval>(&a)) {
        const auto* const other = std::get_if<attestation::policy_approval>(&b);
        return other != nullptr && approval->authority == other->authority && approval->policy_ref == other->policy_ref;
    }
    if (const auto* const registers = std::get_if<attestation::pcr_selection>(&a)) {
        const auto* const others = std::get_if<attestation::pcr_selection>(&b);
        return others != nullptr && *registers == *others;
    }
    return a.index() == b.index();
}

result<attestation::policy_approval> read_approval(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    auto approval = keystore::tpm2::approval_from_pem(text);
    const auto good = approval ? attestation::check_approval(*approval) : result<void>(fail(approval.error()));
    if (!good) {
        return fail(error(good.error()).during(file.string()).with("path", file.string()));
    }
    return approval;
}

result<pki::trust_store> read_tpm_makers(const std::vector<fs::path>& files) {
    BERTH_TRY(all, read_certificates(files));
    pki::trust_store::contents contents;
    for (auto& c : all) {
        (c.is_self_issued() ? contents.anchors : contents.intermediates).push_back(std::move(c));
    }
    if (contents.anchors.empty()) {
        return fail(
            error_category::usage, "bad_anchor",
            fmt::format("--tpm-makers ({}): no certificate there is a root (issued by itself), and none of a TPM would be "
                        "believed. Its maker's whole chain is needed, up to the root",
                        fmt::join(names_of(files), ", ")));
    }
    return pki::trust_store::build(std::move(contents));
}

result<unit_issuers> open_unit_issuers(const fs::path& factory, const std::optional<secret_bytes>& passphrase, bool for_chips,
                                       unix_seconds now) {
    // An expired one would make devices that nobody takes.
    BERTH_CHECK(check_authority_files(factory / "z1.pem", factory / "idevid-ca.pem", now));
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    BERTH_TRY(post_quantum, open_authority(factory, "idevid-ca", passphrase));
    unit_issuers out{root.organization().value_or(""), std::move(post_quantum), {}};
    if (for_chips) {
        if (!fs::exists(factory / "idevid-ca-classical.pem")) {
            return fail(
                error{error_category::usage,
                      "no_issuer_for_chips",
                      fmt::format("the factory has no CA for certificates that are kept in chips ({}): berth factory init "
                                  "makes one unless it is called with --no-chips; this one makes devices with keys in "
                                  "files",
                                  (factory / "idevid-ca-classical.pem").string()),
                      {{"file", (factory / "idevid-ca-classical.pem").string()}}});
        }
        BERTH_CHECK(check_authority_files(factory / "z1.pem", factory / "idevid-ca-classical.pem", now));
        BERTH_TRY(classical, open_authority(factory, "idevid-ca-classical", passphrase));
        out.classical = std::move(classical);
    }
    return out;
}

result<factory::unit_certificates> certify_unit(factory::unit& unit, const unit_issuers& issuers, const pki::certificate& root,
                                                const tpm_order& tpm, const clock& time, random_source& random) {
    factory::residency_policy policy;
    policy.now = time.now();
    if (!tpm.makers.empty()) {
        BERTH_TRY(makers, read_tpm_makers(tpm.makers));
        policy.tpm_makers = std::move(makers);
    }
    auto* const chip = dynamic_cast<factory::tpm_unit*>(&unit);
    std::optional<pki::certificate> earlier;
    if (chip != nullptr) {
        BERTH_TRY(there, earlier_identity(*chip, *issuers.classical, root, time.now()));
        earlier = std::move(there);
    }
    BERTH_TRY(request, unit.request());
    auto begun = factory::residency_check::begin(request, policy, random);
    if (!begun && begun.error().is("unknown_issuer")) {
        return fail(not_of_these_makers(std::move(begun).error(), tpm.makers));
    }
    BERTH_TRY(check, std::move(begun));
    BERTH_TRY(challenge, wire::encode(check.challenge()));
    BERTH_TRY(answer, unit.answer(challenge));
    BERTH_TRY(proved, check.finish(answer));
    // 802.1AR: an IDevID does not end; the issuer's own end still ends the chain.
    const factory::issue_settings settings{issuers.maker, hardware_type, {time.now() - 60, pki::no_expiry}};
    // A classical key's certificate by a classical issuer: it has to fit into the chip, and gains nothing from more.
    const bool classical =
        issuers.classical && unit.identity().able().hardware && !crypto::is_post_quantum(unit.identity().algorithm());
    BERTH_TRY(grant, factory::issue_identity(proved, view_of(classical ? *issuers.classical : issuers.post_quantum),
                                             view_of(issuers.post_quantum), settings, random));
    BERTH_TRY(octets, wire::encode(grant));
    BERTH_TRY(granted, unit.accept(octets));
    if (earlier) {
        granted.identity.front() = std::move(*earlier);
    }
    return granted;
}

result<void> keep_in_chip(factory::unit& unit, const fs::path& bundle, const std::string& p3_sig_uri,
                          const pki::certificate& identity) {
    if (auto* const chip = dynamic_cast<factory::tpm_unit*>(&unit)) {
        return chip->store_identity(identity);
    }
    constexpr std::string_view element = "stsafe:";
    if (!p3_sig_uri.starts_with(element)) {
        return {};
    }
    BERTH_TRY(name, keystore::stsafe::parse_name(std::string_view(p3_sig_uri).substr(element.size())));
    BERTH_TRY(chip, keystore::stsafe::open_chip(name, {bundle.string(), {}}));
    return keystore::stsafe::keep_certificate(*chip, name.place.zone, identity);
}

}  // namespace berth::app
