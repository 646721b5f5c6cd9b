#include "setup/line_units.h"

#include "base/wipe.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "device/bundle.h"
#include "keystore/operations.h"
#include "keystore/tpm2/keys.h"
#include "pki/private_key_file.h"
#include "setup/chip_contents.h"
#include "setup/lot_evidence.h"
#include "setup/new_directory.h"

#include <map>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* request_file = "request";

// One after the other: there is one station.
lot_unit in_first_station(const std::string& serial, size_t number) {
    lot_unit out;
    out.serial = serial;
    out.number = number;
    return out;
}

unit_order keys_of(const lot_order& order, const std::string& station, const lot_unit& unit) {
    const device_order& d = order.device;
    unit_order out{{unit.serial, d.model},
                   d.kem,
                   d.signature,
                   at_station(d.p3_uri, station, unit),
                   at_station(d.p3_sig_uri, station, unit),
                   d.tpm};
    out.tpm.judged_elsewhere = true;
    return out;
}

result<void> name_keys(const fs::path& unit, const std::string& p3, const std::string& p3_sig) {
    for (const auto& [name, uri] : {std::pair("p3.uri", &p3), {"p3-sig.uri", &p3_sig}}) {
        if (!uri->empty()) {
            BERTH_CHECK(write_text(unit / name, *uri + "\n"));
        }
    }
    return {};
}

class request_maker final : public unit_maker {
public:
    request_maker(const line_make& what, const line_terms& terms, keystore::signing_key_ptr key, random_source& random)
        : what_(what), terms_(terms), key_(std::move(key)), random_(random) {}

    result<wire::json::object> make(const lot_unit& unit) override {
        const fs::path place = what_.lot.out / "units" / unit.serial;
        BERTH_TRY(there, is_there(place / request_file));
        if (!there) {
            BERTH_CHECK(make_keys(unit, place));
        }
        BERTH_TRY(request, pki::read_file((place / request_file).string(), most_file_octets));
        BERTH_CHECK(
            write_line_message(what_.lot.out / "requests", {line_step::request, terms_.id, unit.serial, request, {}}, *key_));
        return wire::json::object{{"model", terms_.order.device.model},
                                  {"backend", terms_.order.backend},
                                  {"request", to_hex(crypto::sha256(request).view())}};
    }

private:
    result<void> make_keys(const lot_unit& unit, const fs::path& place) {
        const unit_order keys = keys_of(terms_.order, what_.station, unit);
        if (unit.interrupted && what_.clear_interrupted) {
            BERTH_CHECK(clear(keys, unit));
        }
        BERTH_CHECK(require_no_device(keys, unit));
        BERTH_TRY(making, new_directory::begin(place));
        chip_keys in_chip(making.path());
        auto keys_made = make_unit_keys(making.path(), keys, {}, random_, in_chip);
        if (!keys_made) {
            return fail(what_.clear_interrupted ? std::move(keys_made).error()
                                                : may_be_its_own(std::move(keys_made).error(), unit));
        }
        const auto made = std::move(*keys_made);
        BERTH_TRY(request, made->request());
        BERTH_CHECK(name_keys(making.path(), terms_.order.device.p3_uri, terms_.order.device.p3_sig_uri));
        BERTH_CHECK(pki::write_file_atomically((making.path() / request_file).string(), request, 0644));
        BERTH_CHECK(making.publish());
        in_chip.keep();
        return {};
    }

    // What a run that was killed has left there, and nothing of a unit that has its request, or more.
    result<void> clear(const unit_order& keys, const lot_unit& unit) const {
        BERTH_TRY(there, look_into_chip(keys.p3_uri, keys.p3_sig_uri));
        if (!there.certificates.empty()) {
            return not_cleared(unit, there.certificates.front().device_serial().value_or(""));
        }
        BERTH_TRY(whose, unit_of(there));
        return whose.empty() ? clear_keys({keys.p3_uri, keys.p3_sig_uri}) : not_cleared(unit, whose);
    }

    // The unit of this line that has a key which is in the chip; empty: none has.
    result<std::string> unit_of(const chip_contents& there) const {
        std::error_code ec;
        for (fs::directory_iterator order(what_.line / "orders", ec), end; !ec && order != end; order.increment(ec)) {
            BERTH_TRY(begun, is_there(order->path() / "out"));
            if (!begun) {
                continue;
            }
            BERTH_TRY(text, read_text(order->path() / "out"));
            const fs::path out = text.substr(0, text.find('\n'));
            for (const fs::path& place : {out, out / "units"}) {
                BERTH_TRY(whose, unit_with_key(place, there.keys));
                if (!whose.empty()) {
                    return whose;
                }
            }
        }
        return ec ? cannot("read directory", what_.line / "orders", ec) : result<std::string>();
    }

    // A TPM's keys are the same whenever they are made: that it is a device already, its certificate tells, and before it has one
    // the other units' requests. An STSAFE-A's are refused where they are.
    result<void> require_no_device(const unit_order& keys, const lot_unit& unit) const {
        if (!keys.p3_sig_uri.starts_with("tpm2:")) {
            return {};
        }
        BERTH_TRY(there, look_into_chip(keys.p3_uri, keys.p3_sig_uri));
        if (there.certificates.empty()) {
            BERTH_TRY(other, unit_of(there));
            return other.empty() || other == unit.serial
                       ? result<void>()
                       : fail(error{
                             error_category::usage, "key_exists",
                             fmt::format("the TPM in station {} is that of unit {} already: put another one there for unit {}",
                                         unit.station, other, unit.serial)}
                                  .with("serial", other));
        }
        const std::string whose = there.certificates.front().device_serial().value_or("");
        return fail(error{error_category::usage, "nv_exists",
                          fmt::format("the TPM in station {} is device {} already, for its life: put another one there for unit "
                                      "{}",
                                      unit.station, whose, unit.serial)}
                        .with("serial", whose));
    }

    const line_make& what_;
    const line_terms& terms_;
    keystore::signing_key_ptr key_;
    random_source& random_;
};

// An order as the line keeps it, and where its units are.
struct kept_order {
    line_terms terms;
    fs::path out;
};

result<void> keep_order(const fs::path& line, const line_terms& terms, const fs::path& out) {
    BERTH_TRY(kept, order_directory(line, terms.id));
    BERTH_TRY(there, is_there(kept / "out"));
    if (there) {
        BERTH_TRY(begun, read_text(kept / "out"));
        if (begun != out.string() + "\n") {
            return fail(error{error_category::usage, "quota_used",
                              fmt::format("order {} is made in {}, and nowhere else: its {} units are all that it is good for",
                                          terms.order.name, begun.substr(0, begun.size() - 1), terms.serials.size())}
                            .with("order", terms.id));
        }
        return {};
    }
    BERTH_CHECK(make_directory(kept, 0700));
    BERTH_CHECK(write_text(kept / "order.json", wire::to_text(terms.to_json()) + "\n", 0600));
    return write_text(kept / "out", out.string() + "\n");
}

result<kept_order> kept(const fs::path& line, const std::string& id) {
    BERTH_TRY(directory, order_directory(line, id));
    BERTH_TRY(there, is_there(directory / "out"));
    if (!there) {
        return fail(
            error{error_category::usage, "unknown_order", fmt::format("order {} was not begun here", id)}.with("order", id));
    }
    BERTH_TRY(terms, read_order(directory));
    BERTH_TRY(out, read_text(directory / "out"));
    return kept_order{std::move(terms), out.substr(0, out.size() - 1)};
}

// A unit whose keys were made before.
result<std::unique_ptr<factory::unit>> open_unit(const fs::path& place, const unit_order& order, random_source& random) {
    const keystore::open_options how{place.string(), {}};
    if (order.p3_uri.starts_with("tpm2:")) {
        BERTH_TRY(p3, keystore::tpm2::key_name_of(order.p3_uri));
        BERTH_TRY(p3_sig, keystore::tpm2::key_name_of(order.p3_sig_uri));
        BERTH_TRY(text, read_text(place / p3.seed));
        BERTH_TRY(sealed, keystore::tpm2::sealed_file::from_pem(text));
        BERTH_TRY(in, keystore::tpm2::device::shared(p3.tcti));
        factory::tpm_unit_settings settings;
        settings.at = p3_sig.at;
        settings.at.kem = p3.handle;
        settings.at.idevid = p3_sig.handle;
        settings.when = sealed.condition;
        BERTH_TRY(made, factory::tpm_unit::make(in, order.name, settings, random, std::move(sealed)));
        return std::unique_ptr<factory::unit>(std::move(made));
    }
    const std::string identity_uri = order.p3_sig_uri.empty() ? "file:p3-sig.pem" : order.p3_sig_uri;
    BERTH_TRY(kem, keystore::open_kem_key(order.p3_uri.empty() ? "file:p3.pem" : order.p3_uri, how));
    BERTH_TRY(identity, keystore::open_signing_key(identity_uri, how));
    BERTH_TRY(keeper, keystore::abilities_of(identity_uri));
    return std::make_unique<factory::unit>(order.name, keeper.name, std::move(identity), std::move(kem));
}

class loader {
public:
    loader(const line_load& what, keystore::signing_key_ptr key, crypto::verification_key maker, const clock& time,
           random_source& random)
        : what_(what), key_(std::move(key)), maker_(std::move(maker)), time_(time), random_(random) {}

    result<void> one(const fs::path& file, line_loaded& done) {
        BERTH_TRY(message, read_line_message(file));
        BERTH_CHECK(check_line_signature(message, maker_, "the manufacturer of maker.pub"));
        BERTH_TRY(order, order_of(message.order));
        if (!order->serials.contains(message.serial)) {
            return fail(error{error_category::peer, "quota_used",
                              fmt::format("{} is none of the units of order {}", message.serial, order->kept.terms.order.name)}
                            .with("serial", message.serial));
        }
        const fs::path bundle = order->kept.out / message.serial;
        BERTH_TRY(complete, is_there(bundle / "device.toml"));
        if (complete) {
            ++done.before;
            return {};
        }
        // A log that says of a unit that it was loaded and not that it was made would be nobody's.
        if (order->account.state_of(message.serial) != unit_state::made) {
            return fail(
                error{error_category::usage, "unit_not_made",
                      fmt::format("the log does not say that unit {} was made, since line make was interrupted there: repeat "
                                  "berth factory line make (--retry-failed if it failed), then this",
                                  message.serial)}
                    .with("serial", message.serial));
        }
        const fs::path place = order->kept.out / "units" / message.serial;
        const lot_unit unit = in_first_station(message.serial, order->serials.at(message.serial));
        lot_settings around;
        around.out = order->kept.out;
        around.attach = what_.attach;
        around.detach = what_.detach;
        BERTH_CHECK(attach_unit(around, unit));
        const auto worked = message.step == line_step::challenge ? answer(*order, message, unit, place)
                                                                 : load(*order, message, unit, place, bundle);
        const auto detached = detach_unit(around, unit);
        BERTH_CHECK(worked);
        ++(message.step == line_step::challenge ? done.answered : done.loaded);
        return detached;
    }

    result<void> end() {
        for (auto& [id, order] : orders_) {
            BERTH_CHECK(order.log->append("end", {}));
            BERTH_CHECK(order.log->sign());
        }
        return {};
    }

private:
    struct open_order {
        kept_order kept;
        std::map<std::string, size_t> serials;  // and the units' numbers
        lot_account account;                    // of the log as it was found
        std::unique_ptr<production_log> log;
    };

    result<open_order*> order_of(const std::string& id) {
        if (const auto known = orders_.find(id); known != orders_.end()) {
            return &known->second;
        }
        BERTH_TRY(there, kept(what_.line, id));
        lot_account account;
        const auto borne_out = [&](const log_line& line) {
            return check_line_evidence(there.out, there.terms, key_->public_key(), line);
        };
        BERTH_TRY(log, production_log::open(
                           there.out / production_log_file, key_, time_,
                           [&account](const log_line& line) { return account.take(line); }, borne_out));
        open_order out{std::move(there), {}, std::move(account), std::move(log)};
        for (size_t i = 0; i < out.kept.terms.serials.size(); ++i) {
            out.serials.emplace(out.kept.terms.serials.at(i), i + 1);
        }
        BERTH_CHECK(tell_of_loaded(out));
        return &orders_.emplace(id, std::move(out)).first->second;
    }

    // A unit whose bundle came to be, and then the process was killed: the log has yet to say so.
    static result<void> tell_of_loaded(const open_order& order) {
        for (const auto& [serial, number] : order.serials) {
            if (order.account.state_of(serial) != unit_state::made || order.account.loaded(serial)) {
                continue;
            }
            const fs::path bundle = order.kept.out / serial;
            BERTH_TRY(complete, is_there(bundle / "device.toml"));
            if (complete) {
                BERTH_CHECK(check_unit_bundle(bundle, order.kept.terms, serial));
                BERTH_TRY(kem, read_certificate(bundle / "z3.pem"));
                BERTH_TRY(identity, read_certificate(bundle / "z3-sig.pem"));
                BERTH_CHECK(tell_loaded(order, serial, kem, identity));
            }
        }
        return {};
    }

    static result<void> tell_loaded(const open_order& order, const std::string& serial, const pki::certificate& kem,
                                    const pki::certificate& identity) {
        return order.log->append("loaded", {{"serial", serial},
                                            {"model", order.kept.terms.order.device.model},
                                            {"backend", order.kept.terms.order.backend},
                                            {"z3", to_hex(kem.sha256())},
                                            {"z3_sig", to_hex(identity.sha256())},
                                            {"customer", order.kept.terms.order.customer}});
    }

    result<std::unique_ptr<factory::unit>> unit_at(const open_order& order, const lot_unit& unit, const fs::path& place) {
        BERTH_TRY(opened, open_unit(place, keys_of(order.kept.terms.order, what_.station, unit), random_));
        BERTH_TRY(request, pki::read_file((place / request_file).string(), most_file_octets));
        BERTH_CHECK(opened->resume(request));
        return opened;
    }

    result<void> answer(const open_order& order, const line_message& message, const lot_unit& unit, const fs::path& place) {
        BERTH_TRY(opened, unit_at(order, unit, place));
        BERTH_TRY(octets, opened->answer(message.octets));
        line_message out{line_step::answer, message.order, message.serial, std::move(octets), {}};
        const auto written = write_line_message(order.kept.out / "answers", out, *key_);
        wipe(out.octets);
        BERTH_CHECK(written);
        return order.log->append("answered", {{"serial", unit.serial}});
    }

    // The bundle comes to be beside the unit's keys, device.toml last, and then gets its place.
    result<void> load(const open_order& order, const line_message& message, const lot_unit& unit, const fs::path& place,
                      const fs::path& bundle) {
        const line_terms& terms = order.kept.terms;
        BERTH_TRY(opened, unit_at(order, unit, place));
        BERTH_TRY(granted, opened->accept(message.octets));
        BERTH_CHECK(write_text(place / "z3.pem", pki::to_pem(granted.kem)));
        BERTH_CHECK(write_text(place / "z3-sig.pem", pki::to_pem(granted.identity)));
        if (!granted.attestation.empty()) {
            BERTH_CHECK(write_text(place / "z3-iak.pem", pki::to_pem(granted.attestation)));
        }
        BERTH_CHECK(write_text(place / "z1.pem", terms.root));
        BERTH_CHECK(write_text(place / "masa-kem.pem", terms.masa_keys));
        for (const auto& [name, text] : terms.order.files()) {
            BERTH_CHECK(write_text(place / name, text));
        }
        device_order device = terms.order.device;
        device.serial = unit.serial;
        BERTH_TRY(toml, device_toml(device, time_.now() - 60));
        BERTH_CHECK(write_text(place / "device.toml", toml));
        const unit_order keys = keys_of(terms.order, what_.station, unit);
        BERTH_CHECK(name_keys(place, keys.p3_uri, keys.p3_sig_uri));
        const auto works = device_bundle::open(place);
        BERTH_CHECK(name_keys(place, device.p3_uri, device.p3_sig_uri));
        BERTH_CHECK(works);
        BERTH_CHECK(keep_in_chip(*opened, place, keys.p3_sig_uri, granted.identity.front()));
        BERTH_CHECK(put_in_place(place, bundle));
        std::error_code ignored;
        fs::remove(bundle / request_file, ignored);
        return tell_loaded(order, unit.serial, granted.kem.front(), granted.identity.front());
    }

    const line_load& what_;
    keystore::signing_key_ptr key_;
    crypto::verification_key maker_;
    const clock& time_;
    random_source& random_;
    std::map<std::string, open_order> orders_;
};

}  // namespace

result<lot_summary> make_line_units(const line_make& given, const clock& time, random_source& random, lot_watcher& watcher) {
    line_make what = given;
    BERTH_TRY(terms, open_line_order(what.line, what.order, what.passphrase));
    what.lot.serials = terms.serials;
    BERTH_CHECK(require_chips(!terms.order.device.p3_sig_uri.empty(), what.station, what.lot));
    BERTH_CHECK(check_station(terms.order.device, what.station));
    what.lot.units_stay = what.clear_interrupted;
    BERTH_TRY(out, absolute_path(what.lot.out));
    what.lot.out = out.lexically_normal();
    what.lot.terms = said_of_lot(terms);
    BERTH_TRY(key, production_key(what.line, what.passphrase, random));
    BERTH_CHECK(keep_order(what.line, terms, what.lot.out));
    const auto fresh = [] { return result<void>(); };
    const auto station = [&](unsigned) -> result<std::unique_ptr<unit_maker>> {
        return std::make_unique<request_maker>(what, terms, key, random);
    };
    const auto borne_out = [&](const log_line& line) {
        return check_line_evidence(what.lot.out, terms, key->public_key(), line);
    };
    return run_lot(what.lot, key, {fresh, borne_out, station}, time, random, watcher);
}

result<line_loaded> load_line_units(const line_load& what, const clock& time, random_source& random) {
    BERTH_TRY(key, production_key(what.line, what.passphrase, random));
    BERTH_TRY(maker, read_verification_key(what.line / "maker.pub"));
    BERTH_TRY(files, find_line_messages(what.from, {line_step::challenge, line_step::grant}));
    loader all(what, std::move(key), std::move(maker), time, random);
    line_loaded out;
    for (const auto& file : files) {
        if (auto done = all.one(file, out); !done) {
            out.failed.emplace_back(file.filename().string(), std::move(done).error());
        }
    }
    BERTH_CHECK(all.end());
    return out;
}

}  // namespace berth::app
