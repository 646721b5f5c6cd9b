#include "issuing/directory_issuer.h"

#include "base/log.h"
#include "ca/shown_chain.h"
#include "common/files.h"
#include "issuing/granted_certificate.h"
#include "pki/csr.h"
#include "pki/verify.h"

namespace berth::app {

namespace {

// What the log says of what was issued here.
const std::string shown_by_devices(ca::to_string(ca::proof::idevid));

tl::unexpected<error> unfit(const ca::profile& p, const std::string& why) {
    return fail(error{error_category::usage, "bad_config",
                      fmt::format("the profile {} of [ca] is not one for devices that are onboarded: {}", p.name, why)}
                    .with("profile", p.name));
}

// What a device would be given, without asking a CA: found out at start rather than by the first device.
result<void> check_profile(const ca::profile& p) {
    const std::set<ca::proof> shown{ca::proof::idevid};
    if (std::ranges::none_of(p.required, [&](const auto& set) { return std::ranges::includes(shown, set); })) {
        return unfit(p, "its `requires` has no \"idevid\" by itself, and that is what a device shows");
    }
    if (p.needs_approval) {
        return unfit(p, "it has `approval`; manual_approval of [registrar] is how a person decides there");
    }
    if (p.is_ca || p.key_usage) {
        return unfit(p, "it is for CAs, or has `usages`; those of a device's certificate follow from its key");
    }
    if (p.most_at_once == 1) {
        return unfit(p, "it has `most_at_once = 1`; a device comes for the next certificate while it has the one before, so it "
                        "needs at least twice as many as it has keys");
    }
    const auto has = [&](std::string_view oid) {
        return std::ranges::find(p.extended_key_usages, oid) != p.extended_key_usages.end();
    };
    if (!has(pki::oid_client_auth) || has(pki::oid_server_auth) || has(pki::oid_cmc_ra)) {
        return unfit(p, "its `extended_key_usages` need clientAuth, and neither serverAuth nor cmcRA");
    }
    ca::requester somebody;
    somebody.device = {{}, "SN-0"};
    somebody.name = "SN-0";
    const auto subject = p.subject.fill(somebody);
    const auto named = std::pair<std::string, std::string>("serialNumber", "SN-0");
    if (!subject || std::ranges::find(subject->attributes, named) == subject->attributes.end() || !p.names_maker) {
        return unfit(p, "devices find themselves in it by `subject` with serialNumber={serial}, and `names_maker`");
    }
    return {};
}

// "the authenticated identity": the IDevID of KK2, whose chain the registrar has verified.
ca::requester requester_of(const onboarding::certificate_order& order) {
    ca::requester out;
    out.proofs = {ca::proof::idevid};
    out.device = {order.device.device_root_spki, order.device.serial};
    out.anchor = order.device.device_root_spki;
    out.issuer = out.anchor;
    out.name = order.device.serial;
    if (!order.z3.empty()) {
        out.name = order.z3.front().subject();
        ca::take_down(out, order.z3, order.device.device_root_spki);
    }
    return out;
}

}  // namespace

result<std::unique_ptr<directory_issuer>> directory_issuer::open(const ca_config& config, const pki::certificate& domain,
                                                                 surroundings around, store::opening how) {
    BERTH_TRY(passphrase, read_passphrase(config.directory_passphrase_file));
    BERTH_TRY(directory, ca_directory::open(config.directory, std::move(passphrase), how));
    BERTH_TRY(placed, directory.configuration().find(config.profile));
    BERTH_CHECK(check_profile(placed.profile));
    BERTH_TRY(issuer, directory.issuer(placed.authority));
    BERTH_TRY(store, pki::trust_store::from_root(domain));
    pki::verify_options options;
    options.time = pki::validity_instants::at(around.time.now());
    options.leaf = pki::leaf_rule::ca;
    if (auto leads = pki::verify_chain(store, issuer.chain(), options); !leads) {
        return fail(std::move(leads).error().during((directory.path() / (placed.authority + ".pem")).string()));
    }
    return std::unique_ptr<directory_issuer>(
        new directory_issuer(std::move(directory), placed.profile, std::move(issuer), std::move(store), std::move(around)));
}

result<onboarding::issued_certificate> directory_issuer::issue_one(const onboarding::certificate_order& order,
                                                                   const onboarding::certificate_order_item& item) {
    const ca::requester who = requester_of(order);
    ca::asked what;
    if (item.kind == onboarding::credential_kind::signature) {
        BERTH_TRY(csr, pki::verified_csr::parse(item.request));
        what = ca::asked_by(csr.asks());
    }
    what.spki = item.spki;
    ca::issuing_order asked{profile_, who, what};
    BERTH_TRY(leaf, issuer_.issue(asked, directory_.records(), around_.time, around_.random));
    return judge_granted(leaf, issuer_.chain(), order.device, item, {domain_, profile(), around_.time.now()});
}

void directory_issuer::issue(const onboarding::certificate_order& order, std::function<void(answer)> then) {
    make_way();
    // A device is given all that it asks for, or nothing is in the log that nobody ever sees.
    auto made = directory_.records().all_or_nothing([&]() -> answer {
        std::vector<onboarding::issued_certificate> out;
        for (const auto& item : order.items) {
            BERTH_TRY(one, issue_one(order, item));
            out.push_back(std::move(one));
        }
        return out;
    });
    then(std::move(made));
}

result<bool> directory_issuer::has_ended(const onboarding::issued_certificate& c) {
    BERTH_TRY(leaf, pki::certificate::parse(c.chain.front()));
    ca::key_hash by = issuer_.id();
    if (c.chain.size() > 1) {  // a generation before the last rotation, perhaps
        BERTH_TRY(above, pki::certificate::parse(c.chain[1]));
        by = above.spki_sha256();
    }
    BERTH_TRY(status, directory_.records().status(by, leaf.serial()));
    return status.state != ca::standing::good;
}

// What the registrar has revoked stands in the CA's records from then on: lists and OCSP tell it.
result<void> directory_issuer::publish(registry::registrar_registry& registry) {
    const unix_seconds now = around_.time.now();
    BERTH_TRY(revoked, registry.revoked_certificates(now));
    make_way();
    for (const auto& each : revoked) {
        if (told_.contains(each.serial)) {
            continue;
        }
        ca::log_query of_serial;
        of_serial.serial = each.serial;
        BERTH_TRY(entries, directory_.records().list(of_serial));
        for (const auto& entry : entries) {
            if (entry.proofs != shown_by_devices) {
                continue;  // brought in from another program, whose serial numbers may be anybody's
            }
            BERTH_CHECK(
                directory_.records().revoke(entry.issuer, entry.serial, pki::revocation_reason::privilege_withdrawn, now));
        }
        told_.insert(each.serial);  // also what another CA has issued: this one has no say in it
    }
    return {};
}

bool directory_issuer::publishes_as(const order_issuer& other) const {
    const auto* const same_kind = dynamic_cast<const directory_issuer*>(&other);
    return same_kind && same_kind->directory_.path() == directory_.path();
}

}  // namespace berth::app
