#include "hub_server/operational_issuer.h"

#include "base/log.h"
#include "ca/shown_chain.h"
#include "common/files.h"
#include "pki/subject_name.h"

#include <fmt/ranges.h>

namespace berth::app {

namespace {

constexpr const char* usual_profile = "hub-device";
// As hub_desk has it for hub.db, which is being written to meanwhile.
constexpr int patience = 500;
constexpr milliseconds no_patience_for = 5'000;

// What devices are given where ca.toml says nothing of it.
result<ca::profile> make_usual_profile(unix_seconds lifetime) {
    ca::profile p;
    p.name = usual_profile;
    p.required = {{ca::proof::idevid}, {ca::proof::ldevid}, {ca::proof::operational}};
    BERTH_TRY(subject, ca::name_template::parse("CN={serial}"));
    p.subject = std::move(subject);
    for (const auto algorithm : crypto::all_signature_algorithms) {
        p.keys.emplace_back(algorithm);
    }
    p.lifetime = lifetime;
    p.until_issuer = true;
    p.extended_key_usages = {std::string(pki::oid_client_auth)};
    return p;
}

tl::unexpected<error> unfit(const ca::profile& p, const std::string& why) {
    return fail(error{error_category::usage, "bad_config",
                      fmt::format("the profile {} of [hub.issuer] is not one for devices of a hub: {}", p.name, why)}
                    .with("profile", p.name));
}

bool is_given_to(const ca::profile& p, ca::proof by) {
    return std::ranges::any_of(p.required, [by](const auto& set) { return set == std::set{by}; });
}

// What a device would be given, without asking a CA: found out at start rather than by the first device.
result<void> check_profile(const ca::profile& p, ca::proof proof) {
    if (!is_given_to(p, proof)) {
        return unfit(p, fmt::format("its `requires` has no \"{}\" by itself, and that is what a device shows", to_string(proof)));
    }
    if (!is_given_to(p, ca::proof::operational)) {
        return unfit(p, "its `requires` has no \"operational\" by itself, and that is what a device shows for the next one");
    }
    if (p.needs_approval) {
        return unfit(p, "it has `approval`, and nobody is asked while a device waits");
    }
    if (p.is_ca || p.key_usage) {
        return unfit(p, "it is for CAs, or has `usages`; those of a device's certificate follow from its key");
    }
    if (p.most_at_once == 1) {
        return unfit(p, "it has `most_at_once = 1`; a device comes for the next certificate while it has the one before");
    }
    if (!p.has_epoch) {
        return unfit(p, "it has `epoch = false`; by its epoch the hub ends what a device has (berth hub device revoke)");
    }
    const auto has = [&](std::string_view oid) {
        return std::ranges::find(p.extended_key_usages, oid) != p.extended_key_usages.end();
    };
    if (!has(pki::oid_client_auth) || has(pki::oid_server_auth) || has(pki::oid_cmc_ra)) {
        return unfit(p, "its `extended_key_usages` need clientAuth, and neither serverAuth nor cmcRA");
    }
    ca::requester somebody;
    somebody.device.serial = "dev-0";
    somebody.name = "dev-0";
    const auto subject = p.subject.fill(somebody);
    const bool named = subject &&
                       std::ranges::count(subject->attributes, std::pair<std::string, std::string>("CN", "dev-0")) == 1 &&
                       std::ranges::count(subject->attributes, "CN", [](const auto& a) { return a.first; }) == 1;
    if (!named || p.names_maker) {
        return unfit(p,
                     "a device logs in by `subject` with CN={serial}, its name at the hub, and one CN alone; and the hub knows "
                     "nobody's maker (`names_maker`)");
    }
    return {};
}

bool vouches_for(const registry::registered_ca& known, const pki::certificate& ca) {
    return known.certificate == ca || (same_octets(known.certificate.subject_der(), ca.subject_der()) &&
                                       known.certificate.spki_sha256() == ca.spki_sha256());
}

}  // namespace

operational_issuer::operational_issuer(ca_directory directory, ca::profile profile, ca::issuer issuer,
                                       const hub_issuer_config& config)
    : directory_(std::move(directory)),
      profile_(std::move(profile)),
      issuer_(std::move(issuer)),
      proof_(config.proof == "ldevid" ? ca::proof::ldevid : ca::proof::idevid),
      lifetime_(config.lifetime) {}

result<std::unique_ptr<operational_issuer>> operational_issuer::open(const hub_issuer_config& config, store::opening how) {
    BERTH_TRY(passphrase, read_passphrase(config.directory_passphrase_file));
    if (how == store::opening::to_look) {
        BERTH_TRY(records, is_there(config.directory / "ca.db"));
        if (!records) {
            return fail(
                error{error_category::environment, "file_not_found",
                      fmt::format("there is no ca.db in {}, where what [hub.issuer] issues is kept: berthd makes it when it "
                                  "starts, and so does berth ca init --hierarchy customer",
                                  config.directory.string())}
                    .with("path", (config.directory / "ca.db").string()));
        }
    }
    BERTH_TRY(directory, ca_directory::open(config.directory, std::move(passphrase), how));
    ca::profile profile;
    std::string authority = config.authority;
    if (!config.profile.empty()) {
        BERTH_TRY(placed, directory.configuration().find(config.profile));
        profile = std::move(placed.profile);
        authority = std::move(placed.authority);
    } else {
        BERTH_TRY(usual, make_usual_profile(config.lifetime));
        profile = std::move(usual);
        if (authority.empty()) {
            const auto only = directory.only();
            if (!only) {
                BERTH_TRY(names, directory.names());
                return fail(error_category::usage, "bad_config",
                            fmt::format("say which CA of {} issues for devices of the hub: authority = \"{}\" in [hub.issuer]",
                                        config.directory.string(), fmt::join(names, "\" or \"")));
            }
            authority = *only;
        }
    }
    const auto proof = config.proof == "ldevid" ? ca::proof::ldevid : ca::proof::idevid;
    BERTH_CHECK(check_profile(profile, proof));
    BERTH_TRY(issuer, directory.issuer(authority));
    return std::unique_ptr<operational_issuer>(
        new operational_issuer(std::move(directory), std::move(profile), std::move(issuer), config));
}

result<void> operational_issuer::check_registered(const std::vector<registry::registered_ca>& known, unix_seconds now) const {
    const auto above = issuer_.chain();
    for (const auto& one : known) {
        if (!one.counts(now)) {
            continue;
        }
        const bool among = std::ranges::any_of(above, [&](const auto& ca) { return vouches_for(one, ca); });
        if (among || above.back().check_signature(one.certificate)) {
            return {};
        }
    }
    return fail(
        error{error_category::environment, "issuer_not_registered",
              fmt::format("with a certificate of {} no device could log in: neither it nor a CA above it is registered and "
                          "verified at this hub (berth hub ca register {})",
                          issuer_.certificate().subject(), (directory_.path() / "NAME.pem").string())}
            .with("issuer", issuer_.certificate().subject()));
}

result<ca::requester> operational_issuer::requester_of(const provisioning::issue_order& order) const {
    ca::requester out;
    out.name = order.identity.text();
    out.device.serial = order.identity.text();
    out.proofs = {proof_};
    if (order.shown.empty()) {
        return out;
    }
    const auto above = order.shown.size() > 1 ? order.shown.back().spki_sha256() : ca::key_hash{};
    ca::take_down(out, order.shown.size() > 1 ? order.shown.first(order.shown.size() - 1) : order.shown, above);
    // Whichever of its CAs has issued that: also the one before a rotation, and also where nobody has said who stands above it.
    ca::log_query of_serial;
    of_serial.serial = to_bytes(order.shown.front().serial());
    BERTH_TRY(entries, directory_.records().list(of_serial));
    for (const auto& before : entries) {
        if (same_octets(before.certificate, order.shown.front().der()) && before.device == out.device) {
            out.proofs = {ca::proof::operational};
            out.epoch = before.epoch;
            out.issuer = before.issuer;
        }
    }
    return out;
}

result<void> operational_issuer::follow_epoch(const ca::device_key& device, uint32_t epoch, unix_seconds now) {
    BERTH_TRY(current, directory_.records().epoch_of(device));
    while (current < epoch) {
        BERTH_TRY(next, directory_.records().raise_epoch(device, pki::revocation_reason::privilege_withdrawn, now));
        current = next;
    }
    return {};
}

result<std::vector<pki::certificate>> operational_issuer::issue(const provisioning::issue_order& order, const clock& time,
                                                                random_source& random) {
    const bool just_busy = busy_at_ && time.steady() - *busy_at_ < no_patience_for;
    directory_.records().set_patience(just_busy ? 0 : patience);
    auto issued = issue_now(order, time, random);
    if (issued || !issued.error().is("store_busy")) {
        busy_at_.reset();
    } else if (!just_busy) {
        busy_at_ = time.steady();
    }
    return issued;
}

result<std::vector<pki::certificate>> operational_issuer::issue_now(const provisioning::issue_order& order, const clock& time,
                                                                    random_source& random) {
    return directory_.records().all_or_nothing([&]() -> result<std::vector<pki::certificate>> {
        BERTH_TRY(who, requester_of(order));
        BERTH_CHECK(follow_epoch(who.device, order.epoch, time.now()));
        ca::asked what = ca::asked_by(order.request.asks());
        // Whose it is, is known: the request says it in the letters of its registration, the certificate in those of the hub.
        std::erase_if(what.subject.attributes, [](const auto& a) { return a.first == "CN"; });
        what.spki = to_bytes(order.request.key().spki());
        BERTH_TRY(leaf, issuer_.issue({profile_, who, what, {}, time.now() + lifetime_}, directory_.records(), time, random));
        std::vector<pki::certificate> out{std::move(leaf)};
        for (const auto& one : issuer_.chain()) {
            if (!one.is_self_issued()) {
                out.push_back(one);
            }
        }
        return out;
    });
}

void issuing_desk::set(std::shared_ptr<operational_issuer> issuer) {
    issuer_ = std::move(issuer);
    if (!issuer_) {
        return;
    }
    const auto known = around_.hub.list_cas();
    const auto good = known ? issuer_->check_registered(*known, around_.time.now()) : fail(known.error());
    if (!good) {
        // It may be registered while this serves.
        log::failure("issuer_not_registered", good.error(), {{"party", "hub"}});
    }
}

void issuing_desk::make_way() const {
    if (around_.make_way) {
        around_.make_way();
    }
}

result<std::vector<pki::certificate>> issuing_desk::issue(const provisioning::issue_order& order) {
    if (!issuer_) {
        return fail(error_category::incompatible, "no_issuer",
                    "This service issues no certificates: register without a request.");
    }
    BERTH_TRY(known, around_.hub.list_cas());
    BERTH_CHECK(issuer_->check_registered(known, around_.time.now()));
    make_way();
    BERTH_TRY(issued, issuer_->issue(order, around_.time, around_.random));
    log::info("operational_certificate", "an operational certificate was issued",
              {{"party", "hub"},
               {"device", order.identity.text()},
               {"serial", to_hex(issued.front().serial())},
               {"until", to_iso8601(issued.front().not_after())}});
    return issued;
}

}  // namespace berth::app
