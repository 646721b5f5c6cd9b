#include "setup/lot_export.h"

#include "common/files.h"

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
    std::vector<pki::certificate> identity, kem;
};

result<unit_chains> chains_of(const fs::path& lot, const finished_unit& unit) {
    unit_chains out;
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
    return unit_chains{std::move(identity), std::move(kem)};
}

}  // namespace

std::vector<finished_unit> finished_units(const lot_report& report) {
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

result<std::string> registrations(const fs::path& lot, const std::vector<finished_unit>& units, registration_kind kind) {
    std::string out;
    std::map<std::string, std::pair<pki::certificate, size_t>> families;
    for (const auto& unit : units) {
        BERTH_TRY(chains, chains_of(lot, unit));
        if (kind == registration_kind::single) {
            out += wire::to_text(wire::json::object{{"registration", "single"},
                                                    {"device", unit.serial},
                                                    {"model", unit.model},
                                                    {"customer", unit.customer},
                                                    {"certificate_sha256", unit.z3_sig},
                                                    {"certificate", chains.identity.front().to_pem()},
                                                    {"kem_certificate", chains.kem.front().to_pem()}}) +
                   "\n";
        } else if (chains.identity.size() > 1) {
            const auto& issuer = chains.identity[1];
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
