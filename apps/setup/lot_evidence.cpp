#include "setup/lot_evidence.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "device/bundle.h"
#include "setup/factory_lists.h"
#include "setup/line_message.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

std::string text_of(const log_line& line, std::string_view name) {
    return wire::text_member(line, name).value_or("");
}

tl::unexpected<error> unproved(const log_line& line, const std::string& why) {
    const int64_t number = wire::integer_member(line, "number").value_or(0);
    const std::string serial = text_of(line, "serial");
    const std::string event = text_of(line, "event");
    return fail(error{
        error_category::environment, "log_unproved",
        fmt::format("line {0} of the production log says {1}, no signature covers the line, and {2}. "
                    "Going on would sign it, and nothing was written. If something was taken out of the lot's "
                    "directory meanwhile, put it back; else somebody has added the line: keep a copy for whoever "
                    "looks into that, cut the log off behind line {3}, and repeat",
                    number, event == "lot" ? std::string("which lot it is") : fmt::format("that unit {} was {}", serial, event),
                    why, number - 1)}
                    .with("line", std::to_string(number))
                    .with("serial", serial));
}

// Those that it must have, and no others but `free`, which something else bears out.
result<void> require_members(const log_line& line, const log_line& wanted, std::initializer_list<std::string_view> free) {
    constexpr std::array<std::string_view, 5> of_each{"number", "at", "event", "serial", "previous"};
    for (const auto& [name, value] : line) {
        const std::string_view there = name;
        if (!wanted.contains(there) && std::ranges::find(of_each, there) == of_each.end() &&
            std::ranges::find(free, there) == free.end()) {
            return unproved(line, fmt::format("it has a \"{}\", which no such line has", there));
        }
    }
    for (const auto& [name, value] : wanted) {
        const auto* const there = line.if_contains(name);
        if (there == nullptr || wire::to_text(*there) != wire::to_text(value)) {
            return unproved(line, fmt::format("its \"{}\" is not the lot's", std::string(name)));
        }
    }
    return {};
}

struct unit_leaves {
    pki::certificate kem, identity;
};

// The certificates of a bundle, if they are those that the line tells of.
result<unit_leaves> leaves_of(const log_line& line, const fs::path& bundle) {
    for (const char* file : {"device.toml", "z3.pem", "z3-sig.pem"}) {
        BERTH_TRY(there, is_there(bundle / file));
        if (!there) {
            return unproved(line, fmt::format("{} is not there", (bundle / file).string()));
        }
    }
    BERTH_TRY(kem, read_certificate(bundle / "z3.pem"));
    BERTH_TRY(identity, read_certificate(bundle / "z3-sig.pem"));
    if (to_hex(kem.sha256()) != text_of(line, "z3") || to_hex(identity.sha256()) != text_of(line, "z3_sig")) {
        return unproved(line, fmt::format("{} holds other certificates than it tells of", bundle.string()));
    }
    return unit_leaves{std::move(kem), std::move(identity)};
}

}  // namespace

struct factory_evidence::known {
    explicit known(fs::path factory) : certified(std::move(factory)) {}
    std::set<std::pair<std::string, std::string>> recorded;  // serial and fingerprint of Z3
    certified_keys certified;
};

factory_evidence::factory_evidence(fs::path factory, fs::path out, const pki::certificate& root,
                                   std::unique_ptr<registry::masa_registry> records, log_line terms)
    : factory_(std::move(factory)),
      out_(std::move(out)),
      root_(root.spki_sha256()),
      records_(std::move(records)),
      terms_(std::move(terms)) {}

// A log has a hundred such lines, and a MASA's may be long.
result<const factory_evidence::known*> factory_evidence::read_once() {
    if (known_) {
        return known_.get();
    }
    auto out = std::make_shared<known>(factory_);
    BERTH_CHECK(out->certified.catch_up());
    constexpr size_t page = 1'000;
    for (uint64_t after = 0;;) {
        BERTH_TRY(entries, records_->audit_entries(after, page));
        for (const auto& e : entries) {
            after = e.number;
            if (e.what.event == "manufactured" && e.what.device.device_root_spki == root_) {
                out->recorded.emplace(e.what.device.serial, e.what.log_id);
            }
        }
        if (entries.size() < page) {
            break;
        }
    }
    known_ = std::move(out);
    return known_.get();
}

result<void> factory_evidence::check(const log_line& line) {
    const std::string event = text_of(line, "event");
    if (event == "loaded") {
        return unproved(line, "units of a factory have their certificates as soon as they are made");
    }
    if (event != "made") {
        return {};
    }
    BERTH_CHECK(require_members(line, terms_, {"z3", "z3_sig"}));
    const std::string serial = text_of(line, "serial");
    BERTH_TRY(leaves, leaves_of(line, out_ / serial));
    BERTH_TRY(knows, read_once());
    if (!knows->recorded.contains({serial, text_of(line, "z3")})) {
        return unproved(line, "the MASA's records do not speak of it, or of another device");
    }
    for (const auto* leaf : {&leaves.kem, &leaves.identity}) {
        if (!knows->certified.has(serial, certified_keys::of({*leaf}))) {
            return unproved(line, fmt::format("the factory's issued.jsonl does not say that it has certified the key of {}",
                                              leaf->is_kem() ? "z3.pem" : "z3-sig.pem"));
        }
    }
    return {};
}

result<void> check_unit_bundle(const fs::path& bundle, const line_terms& terms, const std::string& serial) {
    BERTH_TRY(root, pki::certificate::parse_pem(terms.root));
    const auto opened = device_bundle::look(bundle);
    if (!opened || opened->identity != onboarding::device_identity{root.spki_sha256(), serial}) {
        return fail(error{error_category::environment, "other_device",
                          fmt::format("{} is not unit {} with certificates of the manufacturer{}", bundle.string(), serial,
                                      opened ? std::string() : " (" + opened.error().message + ")")}
                        .with("serial", serial));
    }
    return {};
}

wire::json::object said_of_lot(const line_terms& terms) {
    return {
        {"order", terms.id}, {"name", terms.order.name}, {"backend", terms.order.backend}, {"model", terms.order.device.model}};
}

result<void> check_line_evidence(const fs::path& out, const line_terms& terms, const crypto::verification_key& line_key,
                                 const log_line& line) {
    const std::string event = text_of(line, "event");
    if (event == "lot") {
        auto wanted = said_of_lot(terms);
        wanted["units"] = terms.serials.size();
        wanted["serials"] = terms.serials.to_json();
        wanted["key"] = to_hex(line_key.spki_sha256());
        return require_members(line, wanted, {"lot"});
    }
    if (event == "loaded") {
        BERTH_CHECK(require_members(
            line, {{"model", terms.order.device.model}, {"backend", terms.order.backend}, {"customer", terms.order.customer}},
            {"z3", "z3_sig"}));
        const std::string serial = text_of(line, "serial");
        BERTH_CHECK(leaves_of(line, out / serial));
        const auto right = check_unit_bundle(out / serial, terms, serial);
        return right ? right : unproved(line, right.error().message);
    }
    if (event != "made") {
        return {};
    }
    BERTH_CHECK(require_members(line, {{"model", terms.order.device.model}, {"backend", terms.order.backend}}, {"request"}));
    const std::string serial = text_of(line, "serial");
    const fs::path file = out / "requests" / (serial + ".request");
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return unproved(line, fmt::format("its request is not there ({})", file.string()));
    }
    const auto request = read_line_message(file);
    if (!request && !request.error().is("bad_message")) {
        return fail(request.error());
    }
    if (!request || request->step != line_step::request || request->order != terms.id || request->serial != serial ||
        to_hex(crypto::sha256(request->octets).view()) != text_of(line, "request") ||
        !check_line_signature(*request, line_key, "this line")) {
        return unproved(line, fmt::format("{} is not the request that it tells of, signed by this line", file.string()));
    }
    return {};
}

}  // namespace berth::app
