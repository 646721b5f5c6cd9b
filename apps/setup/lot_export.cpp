#include "setup/lot_export.h"

#include "common/files.h"
#include "pki/verify.h"
#include "setup/line_order.h"

#include <fstream>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t label_digits = 16;

std::string text_of(const log_line& line, std::string_view name) {
    return wire::text_member(line, name).value_or("");
}

std::string field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' ? "\"\"" : std::string(1, c);
    }
    return out + '"';
}

struct unit_chains {
    pki::verified_chain identity, kem;
};

// The log may have been written by somebody who is not the factory: it is the chain that tells.
result<pki::verified_chain> verified(const std::vector<pki::certificate>& chain, const finished_unit& unit,
                                     const pki::trust_store& factory, unix_seconds now, pki::leaf_rule rule) {
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = rule;
    auto out = pki::verify_chain(factory, chain, options);
    if (!out) {
        return fail(
            std::move(out).error().during(fmt::format("whether {} is this factory's", unit.serial)).with("serial", unit.serial));
    }
    if (out->leaf().device_serial().value_or("") != unit.serial) {
        return fail(error{error_category::environment, "other_device",
                          fmt::format("the certificates of {} are those of {}", unit.serial, out->leaf().subject())}
                        .with("serial", unit.serial));
    }
    return out;
}

result<unit_chains> chains_of(const fs::path& lot, const finished_unit& unit, const pki::trust_store& factory, unix_seconds now) {
    BERTH_TRY(identity, read_chain(lot / unit.serial / "z3-sig.pem"));
    BERTH_TRY(kem, read_chain(lot / unit.serial / "z3.pem"));
    if (to_hex(identity.front().sha256()) != unit.z3_sig || to_hex(kem.front().sha256()) != unit.z3) {
        return fail(
            error{error_category::environment, "other_device",
                  fmt::format("{} does not hold the certificates that the log tells of: it is another device's, or the log "
                              "another lot's",
                              (lot / unit.serial).string())}
                .with("serial", unit.serial));
    }
    BERTH_TRY(whole_identity, verified(identity, unit, factory, now, pki::leaf_rule::signature));
    BERTH_TRY(whole_kem, verified(kem, unit, factory, now, pki::leaf_rule::kem));
    return unit_chains{std::move(whole_identity), std::move(whole_kem)};
}

// What the first line says, of which nothing is believed yet.
std::string order_of(const fs::path& log) {
    std::ifstream lines(log, std::ios::binary);
    std::string first;
    std::getline(lines, first);
    const auto json = wire::parse_json_object(first);
    return json ? wire::text_member(*json, "order").value_or("") : "";
}

}  // namespace

result<log_trust> trust_for(const fs::path& log, const fs::path& directory, const fs::path& key) {
    if (key.empty() && directory.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "name the log's key: --key FILE, or the --dir of the factory or line");
    }
    const std::string order = order_of(log);
    const auto kept = order_directory(directory, order);
    const auto in_order = [&](const char* name) { return kept && !directory.empty() ? is_there(*kept / name) : false; };
    BERTH_TRY(of_a_line, in_order("line.json"));
    BERTH_TRY(taken, in_order("order.json"));
    auto signed_by = [&]() -> result<crypto::verification_key> {
        if (key.empty() && of_a_line) {
            BERTH_TRY(line, line_identity::read(*kept / "line.json"));
            return line.signing;
        }
        return read_verification_key(key.empty() ? directory / "production.pub" : key);
    }();
    BERTH_TRY(trusted, std::move(signed_by));
    log_trust out{std::move(trusted), {}, order};
    BERTH_TRY(has_root, directory.empty() ? result<bool>(false) : is_there(directory / "z1.pem"));
    if (has_root) {
        BERTH_TRY(root, read_certificate(directory / "z1.pem"));
        out.root = std::move(root);
    } else if (taken) {
        BERTH_TRY(terms, read_order(*kept));
        BERTH_TRY(root, pki::certificate::parse_pem(terms.root));
        out.root = std::move(root);
    }
    return out;
}

result<lot_report> verify_lot(const fs::path& log, const log_trust& trust) {
    auto report = verify_lot(log, trust.key);
    if (!report && report.error().is("bad_signature") && !trust.order.empty()) {
        error e = std::move(report).error();
        e.message += ". It is a contract line's log: name the --dir of that line or of the factory that ordered from it, or the "
                     "line's production.pub with --key";
        return fail(std::move(e));
    }
    return report;
}

result<std::vector<finished_unit>> finished_units(const fs::path& log, const lot_report& report) {
    if (report.unsigned_lines != 0) {
        return fail(
            error{error_category::environment, "log_unsigned",
                  fmt::format("the last {} lines of {} are not signed, and may be anybody's: the line was killed, or works "
                              "still. Run the lot's command to its end first",
                              report.unsigned_lines, log.string())}
                .with("path", log.string()));
    }
    std::vector<finished_unit> out;
    const serial_plan& serials = report.account.serials();
    for (size_t i = 0; i < serials.size(); ++i) {
        const std::string serial = serials.at(i);
        const log_line* const line = report.account.last_word(serial);
        if (report.account.state_of(serial) == unit_state::made && line != nullptr && line->contains("z3")) {
            out.push_back({serial, text_of(*line, "model"), text_of(*line, "backend"), text_of(*line, "customer"),
                           text_of(*line, "at"), text_of(*line, "z3"), text_of(*line, "z3_sig")});
        }
    }
    return out;
}

std::string labels_csv(const std::vector<finished_unit>& units) {
    std::string out = "serial,model,customer,backend,made_at,z3_sha256,label\r\n";
    for (const auto& u : units) {
        out += fmt::format("{},{},{},{},{},{},{}\r\n", field(u.serial), field(u.model), field(u.customer), u.backend, u.made_at,
                           u.z3, field(fmt::format("berth:1:{}:{}", u.serial, u.z3.substr(0, label_digits))));
    }
    return out;
}

result<std::string> registrations(const fs::path& lot, const std::vector<finished_unit>& units, const log_trust& trust,
                                  unix_seconds now, registration_kind kind) {
    if (!trust.root) {
        return fail(error_category::usage, "bad_arguments",
                    "name the factory's directory as well (--dir, at least with its z1.pem): each certificate has to be its");
    }
    BERTH_TRY(factory, pki::trust_store::from_root(*trust.root));
    std::string out;
    std::map<std::string, std::pair<pki::certificate, size_t>> families;
    for (const auto& unit : units) {
        BERTH_TRY(chains, chains_of(lot, unit, factory, now));
        if (kind == registration_kind::single) {
            out += wire::to_text(wire::json::object{{"registration", "single"},
                                                    {"device", unit.serial},
                                                    {"model", unit.model},
                                                    {"customer", unit.customer},
                                                    {"certificate_sha256", unit.z3_sig},
                                                    {"certificate", chains.identity.leaf().to_pem()},
                                                    {"kem_certificate", chains.kem.leaf().to_pem()}}) +
                   "\n";
        } else {
            const auto chain = chains.identity.chain();
            const auto& issuer = chain.size() > 1 ? chain[1] : chains.identity.anchor();
            ++families.try_emplace(to_hex(issuer.sha256()), issuer, 0).first->second.second;
        }
    }
    for (const auto& [hash, family] : families) {
        out += wire::to_text(wire::json::object{{"registration", "family"},
                                                {"name", family.first.subject()},
                                                {"certificate_sha256", hash},
                                                {"certificate", family.first.to_pem()},
                                                {"devices", family.second}}) +
               "\n";
    }
    return out;
}

}  // namespace berth::app
