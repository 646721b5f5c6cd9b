#include "setup/personalise.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "pki/verify.h"
#include "setup/chip_contents.h"
#include "setup/line_order.h"
#include "setup/lot_evidence.h"
#include "setup/masa.h"
#include "setup/order_checks.h"
#include "setup/spoken_serials.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

using store_ptr = std::unique_ptr<store::sqlite_masa_store>;

// What the log says of each unit alike.
wire::json::object said_of_each(const personalise_order& order) {
    return {{"model", order.device.model}, {"backend", order.backend}, {"customer", order.customer}};
}

class device_maker final : public unit_maker {
public:
    device_maker(const personalise_order& order, std::shared_ptr<const unit_issuers> issuers,
                 std::shared_ptr<certified_keys> certified, std::string masa_keys, pki::certificate root, store_ptr records,
                 const clock& time, random_source& random)
        : order_(order),
          device_(order.device),
          masa_keys_(std::move(masa_keys)),
          root_(std::move(root)),
          records_(std::move(records)),
          time_(time),
          random_(random) {
        device_.issuers = std::move(issuers);
        device_.certified = std::move(certified);
        device_.of_lot = true;
        if (!order.station.empty()) {
            device_.p3_uri_of_device = order.device.p3_uri;
            device_.p3_sig_uri_of_device = order.device.p3_sig_uri;
        }
    }

    result<wire::json::object> make(const lot_unit& unit) override {
        const fs::path bundle = order_.lot.out / unit.serial;
        const onboarding::device_identity identity{root_.spki_sha256(), unit.serial};
        device_.serial = unit.serial;
        device_.p3_uri = at_station(order_.device.p3_uri, order_.station, unit);
        device_.p3_sig_uri = at_station(order_.device.p3_sig_uri, order_.station, unit);
        bool there = false;
        if (unit.begun_before) {
            BERTH_TRY(found, was_made(bundle));
            there = found;
            if (!there && unit.interrupted && order_.clear_interrupted) {
                BERTH_CHECK(clear(identity, unit));
            }
        }
        if (!there) {
            auto made = factory_make_recorded(order_.factory, bundle, device_, masa_keys_, *records_, time_, random_);
            if (!made) {
                return fail(order_.clear_interrupted ? std::move(made).error() : may_be_its_own(std::move(made).error(), unit));
            }
        }
        BERTH_CHECK(complete(identity, bundle));
        BERTH_TRY(z3, read_certificate(bundle / "z3.pem"));
        BERTH_TRY(z3_sig, read_certificate(bundle / "z3-sig.pem"));
        auto out = said_of_each(order_);
        out["z3"] = to_hex(z3.sha256());
        out["z3_sig"] = to_hex(z3_sig.sha256());
        return out;
    }

private:
    // Whether an earlier run has made it, and was killed before the log could say so.
    result<bool> was_made(const fs::path& bundle) {
        BERTH_TRY(there, is_there(bundle / "device.toml"));
        return there ? bundle_is_recorded(bundle, *records_) : result<bool>(false);
    }

    // Keys that a run which was killed has left in the chip. What its record speaks of is a device, and stays; and so does what
    // is another unit's: who says that the units are where they were may be wrong.
    result<void> clear(const onboarding::device_identity& identity, const lot_unit& unit) {
        BERTH_TRY(record, records_->find_device(identity));
        if (record) {
            return {};
        }
        BERTH_TRY(there, look_into_chip(device_.p3_uri, device_.p3_sig_uri));
        for (const auto& certificate : there.certificates) {
            if (!is_of_this(certificate, unit.serial)) {
                return not_cleared(unit, certificate.device_serial().value_or(""));
            }
        }
        if (there.certificates.empty()) {
            BERTH_TRY(whose, unit_with_key(order_.lot.out, there.keys));
            if (!whose.empty()) {
                return not_cleared(unit, whose);
            }
        }
        return clear_keys({device_.p3_uri, device_.p3_sig_uri});
    }

    // Whether it is the certificate of this factory's unit, which it got before its record was made.
    [[nodiscard]] bool is_of_this(const pki::certificate& certificate, const std::string& serial) const {
        const auto trust = pki::trust_store::from_root(root_);
        pki::verify_options options;
        options.time = pki::validity_instants::at(time_.now());
        options.leaf = pki::leaf_rule::signature;
        for (const auto* issuer :
             {&device_.issuers->post_quantum, device_.issuers->classical ? &*device_.issuers->classical : nullptr}) {
            if (issuer == nullptr || certificate.device_serial().value_or("") != serial || !trust) {
                continue;
            }
            std::vector<pki::certificate> chain{certificate};
            chain.insert(chain.end(), issuer->chain.begin(), issuer->chain.end());
            if (pki::verify_chain(*trust, chain, options)) {
                return true;
            }
        }
        return false;
    }

    // What may be done twice: a run that was killed here does it again.
    result<void> complete(const onboarding::device_identity& identity, const fs::path& bundle) {
        for (const auto& [name, text] : order_.files) {
            BERTH_CHECK(write_text(bundle / name, text));
        }
        BERTH_TRY(record, records_->find_device(identity));
        // What the device was told meanwhile stays.
        if (record && record->configuration.empty() && !order_.configuration.empty()) {
            BERTH_CHECK(records_->set_configuration(identity, order_.configuration, time_.now()));
        }
        return order_.customer.empty() ? result<void>() : records_->assign(identity, order_.customer, time_.now());
    }

    const personalise_order& order_;
    device_order device_;
    std::string masa_keys_;
    pki::certificate root_;
    store_ptr records_;
    const clock& time_;
    random_source& random_;
};

// What another run of the lot must say, too.
result<wire::json::object> terms_of(const personalise_order& order) {
    const device_order& d = order.device;
    wire::json::array credentials;
    for (const auto& [name, algorithm] : d.credentials) {
        credentials.emplace_back(name + "=" + algorithm);
    }
    wire::json::object files;
    for (const auto& [name, text] : order.files) {
        files[name] = to_hex(crypto::sha256(as_bytes(text)).view());
    }
    // Of an approval what it says of the approver: another boot state of the same approver's is no other lot.
    std::string approver;
    if (!d.tpm.approval.empty()) {
        BERTH_TRY(approval, read_approval(d.tpm.approval));
        approver = to_hex(crypto::sha256(concat({approval.authority.encode(), approval.policy_ref})).view());
    }
    return wire::json::object{{"backend", order.backend},
                              {"model", d.model},
                              {"firmware", d.firmware},
                              {"kem", name_of(d.kem)},
                              {"signature", name_of(d.signature)},
                              {"p3", d.p3_uri},
                              {"p3_sig", d.p3_sig_uri},
                              {"registrars", wire::json::array(d.registrars.begin(), d.registrars.end())},
                              {"masa", d.masa},
                              {"discovery", wire::json::array(d.discovery.begin(), d.discovery.end())},
                              {"credentials", std::move(credentials)},
                              {"quote_pcrs", wire::json::array(d.quoted.begin(), d.quoted.end())},
                              {"seal_pcrs", wire::json::array(d.tpm.pcrs.begin(), d.tpm.pcrs.end())},
                              {"seal_approval", approver},
                              {"customer", order.customer},
                              {"configuration", order.configuration},
                              {"files", std::move(files)}};
}

// Of a TPM. What is wrong with them is wrong with every unit.
result<void> check_makers(const device_order& device) {
    if (!device.p3_sig_uri.starts_with("tpm2:")) {
        return {};
    }
    if (device.tpm.makers.empty()) {
        return fail(error_category::usage, "tpm_maker_unknown",
                    "no device is made in a TPM that nobody vouches for: name the CA certificates of its maker (--tpm-makers)");
    }
    return read_tpm_makers(device.tpm.makers).map([](const auto&) {});
}

}  // namespace

result<void> check_customer(const std::string& customer, const std::optional<pki::certificate>& root,
                            registry::masa_registry& records) {
    if (customer.empty()) {
        return {};
    }
    BERTH_TRY(customers, records.customers());
    const auto known = std::ranges::find(customers, customer, &onboarding::customer_record::name);
    if (known == customers.end()) {
        return fail(error{error_category::usage, "unknown_customer",
                          fmt::format("customer \"{}\" is not registered (berth customer register); nothing was made", customer)}
                        .with("customer", customer));
    }
    if (root && !same_octets(root->der(), known->root)) {
        return fail(error{error_category::usage, "customer_ca_mismatch",
                          fmt::format("the order's root ({}) is not the one that \"{}\" has registered; nothing was made",
                                      root->subject(), customer)}
                        .with("customer", customer));
    }
    return {};
}

result<void> require_chips(bool in_chips, const std::string& station, const lot_settings& lot) {
    const bool by_unit = station.find("{unit}") != std::string::npos || station.find("{serial}") != std::string::npos;
    const bool by_station = by_unit || station.find("{station}") != std::string::npos;
    if (!in_chips || lot.serials.size() == 1) {
        return {};
    }
    if (!by_unit && lot.attach.empty()) {
        return fail(error_category::usage, "bad_lot",
                    "each unit needs a chip of its own: --attach names the command that puts the next unit into its station, or "
                    "--station has {unit} or {serial} in it");
    }
    if (!by_station && lot.parallel > 1) {
        return fail(error_category::usage, "bad_lot",
                    "several stations (--parallel) need several places: --station has {station}, {unit} or {serial} in it");
    }
    return {};
}

result<void> require_new_serials(const serial_plan& serials, const onboarding::hash_field& root,
                                 registry::masa_registry& records) {
    for (size_t i = 0; i < serials.size(); ++i) {
        const std::string serial = serials.at(i);
        BERTH_TRY(there, records.find_device({root, serial}));
        if (there) {
            return fail(error{error_category::usage, "device_exists",
                              fmt::format("device {} is in the records already, and no second one is made: begin behind it "
                                          "(--first), or choose other serials. Nothing was made",
                                          serial)}
                            .with("serial", serial));
        }
    }
    return {};
}

result<void> check_station(const device_order& device, const std::string& station) {
    constexpr std::array known{"{station}", "{unit}", "{serial}"};
    for (size_t at = station.find('{'); at != std::string::npos; at = station.find('{', at + 1)) {
        const std::string there = station.substr(at, station.find('}', at) - at + 1);
        if (std::ranges::find(known, there) == known.end()) {
            return fail(error{error_category::usage, "bad_lot",
                              fmt::format("--station knows {}, not \"{}\"", fmt::join(known, ", "), there)}
                            .with("station", station));
        }
    }
    lot_unit some;
    some.serial = "SN-1";
    return check_identity_places(at_station(device.p3_uri, station, some), at_station(device.p3_sig_uri, station, some));
}

tl::unexpected<error> not_cleared(const lot_unit& unit, const std::string& whose) {
    return fail(
        error{error_category::usage, "key_exists",
              fmt::format("the chip in station {} has keys of {}, and is not the one that unit {} was begun with: nothing "
                          "in it is deleted. Put that unit's there, or a new one and leave --clear-interrupted out",
                          unit.station, whose.empty() ? "another device" : whose, unit.serial)}
            .with("serial", whose));
}

error may_be_its_own(error e, const lot_unit& unit) {
    if (e.is("key_exists") && unit.interrupted) {
        e.message +=
            fmt::format(". Unit {} was interrupted, and what is in station {} may be its own keys: if it is there still, repeat "
                        "the command with --clear-interrupted, which looks into the chip and deletes what is that unit's",
                        unit.serial, unit.station);
    }
    return e;
}

std::string at_station(const std::string& uri, const std::string& station, const lot_unit& unit) {
    return uri.empty() || station.empty() ? uri : uri + ";" + for_unit(station, unit);
}

std::string for_unit(std::string text, const lot_unit& unit) {
    for (const auto& [name, value] : {std::pair(std::string("{station}"), std::to_string(unit.station)),
                                      {"{unit}", std::to_string(unit.number)},
                                      {"{serial}", unit.serial}}) {
        for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) {
            text.replace(at, name.size(), value);
        }
    }
    return text;
}

result<lot_summary> personalise(const personalise_order& given, const clock& time, random_source& random, lot_watcher& watcher) {
    personalise_order order = given;
    BERTH_CHECK(place_keys(order.device, order.backend));
    BERTH_CHECK(check_measuring(order.device));
    BERTH_CHECK(check_key_places(order.device));
    BERTH_CHECK(order.lot.serials.check());
    BERTH_CHECK(require_chips(!order.device.p3_sig_uri.empty(), order.station, order.lot));
    BERTH_CHECK(check_station(order.device, order.station));
    BERTH_CHECK(check_makers(order.device));
    order.lot.units_stay = order.clear_interrupted;
    BERTH_TRY(out, absolute_path(order.lot.out));
    order.lot.out = std::move(out);
    BERTH_TRY(terms, terms_of(order));
    order.lot.terms = std::move(terms);
    BERTH_TRY(masa_keys, read_text(order.masa / "masa-kem.pem"));
    BERTH_TRY(root, read_certificate(order.factory / "z1.pem"));
    if (!order.customer.empty()) {
        BERTH_TRY(records, open_masa_store(order.masa));
        BERTH_CHECK(check_customer(order.customer, order.customer_root, *records));
    }
    BERTH_TRY(opened,
              open_unit_issuers(order.factory, order.device.factory_passphrase, !order.device.p3_sig_uri.empty(), time.now()));
    const auto issuers = std::make_shared<const unit_issuers>(std::move(opened));
    BERTH_TRY(key, production_key(order.factory, order.device.factory_passphrase, random));
    const auto fresh = [&]() -> result<void> {
        BERTH_TRY(held, lock_orders(order.factory));
        BERTH_TRY(records, open_masa_store(order.masa));
        BERTH_CHECK(require_new_serials(order.lot.serials, root.spki_sha256(), *records));
        BERTH_CHECK(require_not_spoken_for(order.factory, order.lot.serials, order.lot.out));
        return keep_lot(order.factory, order.lot.serials, order.lot.out);
    };
    const auto certified = std::make_shared<certified_keys>(order.factory);
    const auto station = [&](unsigned) -> result<std::unique_ptr<unit_maker>> {
        BERTH_TRY(records, open_masa_store(order.masa));
        return std::make_unique<device_maker>(order, issuers, certified, masa_keys, root, std::move(records), time, random);
    };
    BERTH_TRY(told_of, open_masa_store(order.masa));
    factory_evidence evidence(order.factory, order.lot.out, root, std::move(told_of), said_of_each(order));
    const auto borne_out = [&evidence](const log_line& line) { return evidence.check(line); };
    return run_lot(order.lot, std::move(key), {fresh, borne_out, station}, time, random, watcher);
}

}  // namespace berth::app
