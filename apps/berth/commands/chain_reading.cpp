// berth chain show | devices | journal
#include "berth/commands/chain.h"
#include "common/files.h"
#include "common/words.h"
#include "pki/constraints.h"
#include "setup/chain_journal.h"
#include "setup/chain_view.h"

namespace berth::app {

namespace {

struct reading_options {
    std::string signer, dir;
    std::vector<std::string> places, roots, lists;

    void add_to(CLI::App& command) {
        command
            .add_option("PLACES", places,
                        "files (PEM), directories of parties with what they have signed, directories of devices' chain files")
            ->required();
        // One value each time: what follows may be a place.
        command.add_option("--root", roots, "whom chains must lead to (PEM); else whoever has signed itself; repeatable")
            ->allow_extra_args(false);
        command.add_option("--crl", lists, "revocation lists of signers (PEM); repeatable")->allow_extra_args(false);
    }
    [[nodiscard]] result<std::vector<chain_view::entry>> judged() const {
        chain_view view;
        for (const auto& place : places) {
            BERTH_CHECK(view.add(place));
        }
        if (!roots.empty()) {
            BERTH_TRY(anchors, read_anchors({roots.begin(), roots.end()}));
            view.trust(std::move(anchors));
        }
        BERTH_TRY(crls, read_crls({lists.begin(), lists.end()}));
        view.heed(std::move(crls));
        return view.judged(system_clock().now());
    }
};

wire::json::object entry_json(const std::vector<chain_view::entry>& all, const chain_view::entry& e) {
    const auto& certificate = e.certificate;
    auto out = to_json(certificate);
    out["kind"] = e.is_device() ? "device" : "signer";
    out["where"] = e.where;
    out["signed_at"] = e.signed_at ? wire::json::value(to_iso8601(*e.signed_at)) : wire::json::value(nullptr);
    if (!e.is_device()) {
        const auto names = pki::constraints_of(certificate);
        out["path_length"] =
            certificate.path_length() ? wire::json::value(*certificate.path_length()) : wire::json::value(nullptr);
        out["permitted"] = wire::json::array(names.permitted_dns.begin(), names.permitted_dns.end());
        out["excluded"] = wire::json::array(names.excluded_dns.begin(), names.excluded_dns.end());
    }
    wire::json::array signers;
    for (const size_t signer : e.signers) {
        signers.emplace_back(to_hex(all[signer].certificate.sha256()));
    }
    out["signers"] = std::move(signers);
    out["wrong"] = e.wrong ? wire::json::value(e.wrong->name) : wire::json::value(nullptr);
    if (e.wrong) {
        out["why"] = e.wrong->message;
    }
    return out;
}

// "CN=Factory-Y,O=Factory-Y, signed 2026-11-23T20:00:00Z, until 2031-..., at most 1 below it that sign, names below
// factory-y.example"
std::string entry_text(const chain_view::entry& e) {
    const auto& one = e.certificate;
    std::string out = fmt::format("{}, {} {}, until {}", one_line(one.subject()), e.signed_at ? "signed" : "valid from",
                                  to_iso8601(e.signed_at.value_or(one.not_before())), to_iso8601(one.not_after()));
    if (e.is_device()) {
        return out + fmt::format(" (device, serial number {})", one.serial_hex());
    }
    if (one.is_self_issued()) {
        out += ", by itself";
    }
    if (one.path_length()) {
        out +=
            *one.path_length() == 0 ? ", signs devices only" : fmt::format(", at most {} below it that sign", *one.path_length());
    }
    const auto names = pki::constraints_of(one);
    if (!names.permitted_dns.empty()) {
        out += one_line(fmt::format(", names below {} only", fmt::join(names.permitted_dns, ", ")));
    }
    if (!names.excluded_dns.empty()) {
        out += one_line(fmt::format(", none below {}", fmt::join(names.excluded_dns, ", ")));
    }
    return out;
}

result<void> show(const reading_options& o, const context& c) {
    BERTH_TRY(all, o.judged());
    size_t wrong = 0, devices = 0;
    for (const auto& e : all) {
        wrong += e.wrong ? 1 : 0;
        devices += e.is_device() ? 1 : 0;
    }
    for (const auto& line : draw(all)) {
        const auto& e = all[line.entry];
        if (c.json) {
            print_json(entry_json(all, e));
            continue;
        }
        fmt::print("{}{}\n", line.branch, entry_text(e));
        if (e.wrong) {
            fmt::print("{}! {} [{}]\n", line.below, one_line(e.wrong->message), e.wrong->name);
        }
    }
    if (wrong != 0) {
        return fail(error{error_category::peer,
                          "chain_broken",
                          fmt::format("{} of {} certificates do not stand", wrong, all.size()),
                          {{"wrong", std::to_string(wrong)}}});
    }
    if (!c.json) {
        fmt::print("{} certificates, {} of them of devices: all stand.\n", all.size(), devices);
    }
    return {};
}

result<void> devices(const reading_options& o, const context& c) {
    BERTH_TRY(signer, read_chain(o.signer));
    BERTH_TRY(all, o.judged());
    const auto below = devices_below(all, signer.front());
    for (const size_t i : below) {
        const auto& e = all[i];
        if (c.json) {
            print_json(entry_json(all, e));
        } else {
            fmt::print("{:<32} {:<40} {:<22} {}\n", one_line(e.certificate.common_name().value_or("")),
                       one_line(e.certificate.issuer()), to_iso8601(e.signed_at.value_or(e.certificate.not_before())),
                       e.wrong ? e.wrong->name : "stands");
        }
    }
    if (!c.json) {
        fmt::print("{} certificates of devices are below {}, as far as these places tell.\n", below.size(),
                   one_line(signer.front().subject()));
    }
    return {};
}

result<void> journal(const reading_options& o, const context& c) {
    std::vector<wire::json::object> lines;
    BERTH_TRY(end, check_journal(o.dir, &lines));
    for (const auto& line : lines) {
        if (c.json) {
            print_json(line);
            continue;
        }
        const auto part = [&line](const char* name) {
            const auto* const value = line.if_contains(name);
            return value != nullptr && value->is_string() ? one_line(value->as_string()) : std::string();
        };
        const auto* const list = line.if_contains("list_number");
        fmt::print("{} {:<9} {} {}\n", part("at"), part("step"),
                   list != nullptr ? fmt::format("list number {}", wire::to_text(*list)) : part("subject"), part("serial"));
    }
    if (c.json) {
        print_json(wire::json::object{{"steps", end.lines}, {"hash", to_hex(end.hash)}});
    } else {
        fmt::print(
            "{} steps, each with the hash of the one before. The last one's is {}: whoever keeps it finds an end that was cut "
            "off.\n",
            end.lines, to_hex(end.hash));
    }
    return {};
}

}  // namespace

void add_chain_reading(CLI::App& chain, context& c) {
    const auto add = [&](const char* name, const char* what, const auto& work) {
        const auto o = std::make_shared<reading_options>();
        auto* const cmd = chain.add_subcommand(name, what);
        cmd->callback([o, &c, work] { c.run([&] { return work(*o, c); }); });
        return std::pair(cmd, o);
    };
    const auto [shown, drawn] = add("show", "draw who has signed whom, and when; verify all of it, and tell what is wrong", show);
    drawn->add_to(*shown);
    const auto [listed, below] = add("devices", "tell all devices below a signer", devices);
    below->add_to(*listed);
    listed->add_option("--signer", below->signer, "the signer's certificate (PEM, it first)")->required();
    const auto [told, of] = add("journal", "tell what a party has done, and judge its journal's chain of hashes", journal);
    told->add_option("--dir", of->dir, "the party's directory")->required();
}

}  // namespace berth::app
