// berth hub enrolment, enrolment-group: whose devices the provisioning service takes in.
#include "attestation/endorsement.h"
#include "attestation/shared_key.h"
#include "berth/commands/hub.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "pki/verify.h"
#include "provisioning/enrolment_json.h"
#include "registry/hub/ca_office.h"
#include "registry/hub/twin.h"
#include "store/sqlite/provisioning_store.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, id, device, allocation, webhook, reprovision, group, tags, desired, status, if_match;
    std::vector<std::string> certificates, cas, hubs, tpm_makers;
    std::string tpm_key, tpm_certificate, tpm_storage_root;
    bool no_group = false, any_hub = false;
};

constexpr std::array<std::pair<std::string_view, allocation_way>, 4> allocations{{
    {"hashed", allocation_way::hashed},
    {"static", allocation_way::fixed},
    {"lowest-latency", allocation_way::lowest_latency},
    {"webhook", allocation_way::webhook},
}};

std::string_view word_of(allocation_way w) {
    return std::ranges::find(allocations, w, &std::pair<std::string_view, allocation_way>::second)->first;
}

std::string whom(const enrolment& e) {
    const auto& rule = e.settings.attestation;
    if (e.kind == enrolment_kind::group) {
        return "CA " + rule.primary_ca + (!rule.primary_ca.empty() && !rule.secondary_ca.empty() ? ", " : "") + rule.secondary_ca;
    }
    if (rule.by_tpm()) {
        return "TPM " + to_hex(crypto::sha256(rule.endorsement_key).view()).substr(0, 16) + "...";
    }
    std::string out;
    for (const auto& c : {rule.primary, rule.secondary}) {
        out += !c ? "" : (out.empty() ? "certificate " : ", ") + to_hex(c->sha256()).substr(0, 16) + "...";
    }
    return out;
}

void show(const context& c, const enrolment& e) {
    if (c.json) {
        return print_json(provisioning::to_json(e));
    }
    const auto& s = e.settings;
    fmt::print("{:<32} {:<9} {:<14} {:<8} {}{}\n", e.id, s.enabled ? "enabled" : "disabled", word_of(s.allocation),
               to_string(s.reprovision), whom(e), s.device_id.empty() ? "" : "  device " + s.device_id);
}

// The one store is the hub's, seen from two sides.
struct opened {
    std::unique_ptr<store::sqlite_hub_store> hub;
    std::unique_ptr<store::sqlite_provisioning_store> records;
};
result<opened> open(result<std::unique_ptr<store::sqlite_hub_store>> hub) {
    if (!hub) {
        return fail(std::move(hub).error());
    }
    auto records = std::make_unique<store::sqlite_provisioning_store>(**hub);
    return opened{std::move(*hub), std::move(records)};
}

result<enrolment> read_one(provisioning_registry& records, enrolment_kind kind, const options& o) {
    BERTH_TRY(found, records.find(kind, o.id));
    if (!found) {
        return fail(unknown_enrolment(kind, o.id));
    }
    if (!o.if_match.empty()) {
        BERTH_CHECK(check_etag(*found, o.if_match));
    }
    return std::move(*found);
}

// TPM2B_PUBLIC or TPMT_PUBLIC, as tpm2_createek and tpm2_readpublic write them, or base64 of it, as SDKs print it.
result<bytes> read_area(const std::string& given) {
    const auto found = is_there(given);  // base64 of an RSA key is longer than any name of a file
    const bool there = found && *found;
    bytes octets;
    if (there) {
        BERTH_TRY(text, read_text(given));
        octets = to_bytes(as_bytes(text));
    }
    auto area = attestation::storage_key_from(octets);
    if (!area) {
        const std::string text = there ? std::string(as_text(octets)) : given;
        if (const auto decoded = wire::from_base64(text.substr(0, text.find_last_not_of(" \r\n") + 1))) {
            area = attestation::storage_key_from(*decoded);
        }
    }
    if (!area) {
        return fail(error_category::usage, "bad_public_key",
                    fmt::format("{} is no public area of a TPM's endorsement or storage root key, nor base64 of one: {}",
                                there ? given : "what was given", area.error().message));
    }
    return area->encode();
}

// Whose TPM it is, says its maker.
result<bytes> read_endorsement(const options& o) {
    std::vector<pki::certificate> makers;
    for (const auto& file : o.tpm_makers) {
        BERTH_TRY(some, read_chain(file));
        makers.insert(makers.end(), some.begin(), some.end());
    }
    BERTH_TRY(chain, read_chain(o.tpm_certificate));
    BERTH_TRY(store, pki::trust_store::build({std::move(makers), {}, {}}));
    pki::verify_options how;
    how.time = pki::validity_instants::at(system_clock().now());
    how.leaf = pki::leaf_rule::endorsement;
    how.allow_rsa = true;
    if (auto verified = pki::verify_chain(store, chain, how); !verified) {
        return fail(std::move(verified).error().during(o.tpm_certificate));
    }
    BERTH_TRY(area, attestation::ek_from_spki(chain.front().spki()));
    return area.encode();
}

result<void> read_tpm(const options& o, attestation_rule& out) {
    if (!o.tpm_certificate.empty()) {
        if (o.tpm_makers.empty()) {
            return fail(error_category::usage, "bad_arguments",
                        "--tpm-ek-certificate needs --tpm-makers: who may vouch for TPMs (roots of their makers)");
        }
        BERTH_TRY(area, read_endorsement(o));
        out.endorsement_key = std::move(area);
    } else if (!o.tpm_key.empty()) {
        BERTH_TRY(area, read_area(o.tpm_key));
        out.endorsement_key = std::move(area);
    } else {
        return o.tpm_storage_root.empty()
                   ? result<void>()
                   : fail(error_category::usage, "bad_arguments", "--tpm-srk goes with --tpm-ek or --tpm-ek-certificate");
    }
    out.primary.reset();
    out.secondary.reset();
    out.storage_root_key.clear();
    if (!o.tpm_storage_root.empty()) {
        BERTH_TRY(area, read_area(o.tpm_storage_root));
        out.storage_root_key = std::move(area);
    }
    return {};
}

result<void> read_attestation(const options& o, hub_registry& hub, attestation_rule& out) {
    BERTH_CHECK(read_tpm(o, out));
    if (!o.certificates.empty()) {
        BERTH_TRY(first, read_certificate(o.certificates[0]));
        out.primary = std::move(first);
        out.secondary.reset();
        out.endorsement_key.clear();
        out.storage_root_key.clear();
    }
    if (o.certificates.size() > 1) {
        BERTH_TRY(second, read_certificate(o.certificates[1]));
        out.secondary = std::move(second);
    }
    if (!o.cas.empty()) {
        for (const auto& name : o.cas) {
            BERTH_CHECK(require_ca(hub, name));
        }
        out.primary_ca = o.cas[0];
        out.secondary_ca = o.cas.size() > 1 ? o.cas[1] : "";
    }
    return {};
}

// Hubs may be linked later; until then nobody can be sent there.
result<void> tell_unlinked(const context& c, provisioning_registry& records, const enrolment_settings& s) {
    BERTH_TRY(linked, records.list_hubs());
    for (const auto& host : s.hubs) {
        if (!c.json && std::ranges::find(linked, host, &linked_hub::host) == linked.end()) {
            fmt::print("No hub \"{0}\" is linked: nobody is sent there before it is (berth hub linked-hub add {0}).\n", host);
        }
    }
    return {};
}

// What the options say, on top of `out`.
result<void> read_settings(const options& o, enrolment_kind kind, hub_registry& hub, enrolment_settings& out) {
    BERTH_CHECK(read_attestation(o, hub, out.attestation));
    if (!o.device.empty()) {
        out.device_id = o.device;
    }
    if (!o.allocation.empty()) {
        out.allocation =
            std::ranges::find(allocations, o.allocation, &std::pair<std::string_view, allocation_way>::first)->second;
        if (out.allocation != allocation_way::webhook) {
            out.webhook.clear();
        }
    }
    if (!o.webhook.empty()) {
        out.webhook = o.webhook;
    }
    if (!o.hubs.empty() || o.any_hub) {
        out.hubs = o.hubs;
    }
    if (!o.reprovision.empty()) {
        out.reprovision = *reprovision_way_from(o.reprovision);
    }
    if (!o.group.empty() || o.no_group) {
        out.group = o.group;
    }
    if (!o.tags.empty()) {
        BERTH_TRY(tags, wire::parse_json_object(o.tags, most_tags));
        out.tags = tags.empty() ? "" : wire::to_text(tags);
    }
    if (!o.desired.empty()) {
        BERTH_TRY(desired, wire::parse_json_object(o.desired, 2 * most_twin_section));
        out.desired = desired.empty() ? "" : wire::to_text(desired);
    }
    if (!o.status.empty()) {
        out.enabled = o.status == "enabled";
    }
    return check_enrolment(kind, o.id, out);
}

void add_settings(CLI::App& cmd, enrolment_kind kind, const std::shared_ptr<options>& o) {
    if (kind == enrolment_kind::group) {
        cmd.add_option("--ca", o->cas, "a registered CA, root or intermediate; twice: the second takes over some day")
            ->expected(1)
            ->take_all();
    } else {
        auto* const certificates = cmd.add_option(
            "--certificate", o->certificates,
            "a file with the device's certificate, whose common name is ID; twice: the second takes over some day");
        certificates->expected(1)->take_all();
        auto* const key =
            cmd.add_option("--tpm-ek", o->tpm_key,
                           "instead: the endorsement key of its TPM, a file with its public area (tpm2_createek -u) or base64")
                ->excludes(certificates);
        auto* const vouched = cmd.add_option("--tpm-ek-certificate", o->tpm_certificate,
                                             "the same by its maker's certificate, with the chain below --tpm-makers")
                                  ->excludes(certificates)
                                  ->excludes(key);
        cmd.add_option("--tpm-makers", o->tpm_makers, "roots of TPM makers, several times")
            ->needs(vouched)
            ->expected(1)
            ->take_all();
        cmd.add_option("--tpm-srk", o->tpm_storage_root, "its storage root key, as well; default: whichever that TPM has");
        cmd.add_option("--device-id", o->device, "what it is called at its hub; default: ID");
    }
    std::vector<std::string> words;
    for (const auto& [word, way] : allocations) {
        words.emplace_back(word);
    }
    cmd.add_option("--allocation", o->allocation,
                   "how its hub is chosen: hashed (by weight, default), static, lowest-latency, webhook")
        ->check(CLI::IsMember(words));
    auto* const hubs =
        cmd.add_option("--linked-hub", o->hubs, "a hub to choose from, several times; default: all that are linked");
    hubs->expected(1)->take_all();
    cmd.add_flag("--any-linked-hub", o->any_hub, "from all of them again")->excludes(hubs);
    cmd.add_option("--webhook", o->webhook, "the https URL of the program that chooses");
    cmd.add_option(
           "--reprovision", o->reprovision,
           "what becomes of one that registers again: migrate (its settings stay, default), reset (they begin anew), never "
           "(it is told what it was told first)")
        ->check(CLI::IsMember({"migrate", "reset", "never"}));
    auto* const group = cmd.add_option("--group", o->group, "whose policy says what its devices may do at the hub");
    cmd.add_flag("--no-group", o->no_group, "the default policy's")->excludes(group);
    cmd.add_option("--tags", o->tags, "a JSON object that their identities begin with");
    cmd.add_option("--desired", o->desired, "a JSON object: desired properties that their twins begin with");
    cmd.add_option("--status", o->status, "enabled or disabled")->check(CLI::IsMember({"enabled", "disabled"}));
}

result<void> list(const context& c, enrolment_kind kind, const options& o) {
    BERTH_TRY(at, open(read_hub_store(o.hub)));
    enrolment_query query{kind, "", 1'000};
    for (;;) {
        BERTH_TRY(some, at.records->list(query));
        for (const auto& e : some) {
            show(c, e);
        }
        if (some.size() < query.most) {
            return {};
        }
        query.after = some.back().id;
    }
}

void add_commands(CLI::App& hub, context& c, enrolment_kind kind, const char* name, const char* help) {
    auto* const all = hub.add_subcommand(name, help);
    all->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto with_id = [o, kind](CLI::App* cmd) {
        cmd->add_option("ID", o->id, kind == enrolment_kind::group ? "the group's name" : "the registration id of the device")
            ->required();
        return cmd;
    };

    auto* const add = with_id(hub_command(*all, o->hub, "add", "a new one"));
    add_settings(*add, kind, o);
    run(add, [o, kind, &c]() -> result<void> {
        BERTH_TRY(at, open(open_hub_store(o->hub)));
        enrolment_settings s;
        BERTH_CHECK(read_settings(*o, kind, *at.hub, s));
        const auto fresh = make_enrolment(kind, o->id, std::move(s), crypto::system_random(), system_clock().now());
        BERTH_CHECK(at.records->add(fresh));
        show(c, fresh);
        BERTH_CHECK(tell_unlinked(c, *at.records, fresh.settings));
        return {};
    });

    auto* const set = with_id(hub_command(*all, o->hub, "set", "change what is named, and nothing else"));
    set->add_option("--if-match", o->if_match, "the etag that it was read with: fail if it was changed since");
    add_settings(*set, kind, o);
    run(set, [o, kind, &c]() -> result<void> {
        BERTH_TRY(at, open(open_hub_store(o->hub)));
        BERTH_TRY(after, at.hub->all_or_nothing([&]() -> result<enrolment> {
            BERTH_TRY(before, read_one(*at.records, kind, *o));
            enrolment_settings s = before.settings;
            BERTH_CHECK(read_settings(*o, kind, *at.hub, s));
            return at.records->change(before, s, system_clock().now());
        }));
        show(c, after);
        BERTH_CHECK(tell_unlinked(c, *at.records, after.settings));
        return {};
    });

    auto* const removed = with_id(hub_command(*all, o->hub, "delete", "take it out, and what is remembered of who came by it"));
    removed->add_option("--if-match", o->if_match, "the etag that it was read with: fail if it was changed since");
    run(removed, [o, kind, &c]() -> result<void> {
        BERTH_TRY(at, open(open_hub_store(o->hub)));
        BERTH_TRY(gone, at.hub->all_or_nothing([&]() -> result<enrolment> {
            BERTH_TRY(before, read_one(*at.records, kind, *o));
            BERTH_CHECK(at.records->remove(before));
            return before;
        }));
        if (c.json) {
            print_json(wire::json::object{{"deleted", gone.id}});
        } else {
            fmt::print("\"{}\" is out. Devices that came by it stay at their hubs: berth hub device says which.\n", gone.id);
        }
        return {};
    });

    auto* const shown = with_id(hub_command(*all, o->hub, "show", "one of them"));
    run(shown, [o, kind, &c]() -> result<void> {
        BERTH_TRY(at, open(read_hub_store(o->hub)));
        BERTH_TRY(found, read_one(*at.records, kind, *o));
        show(c, found);
        if (!c.json) {
            const auto& s = found.settings;
            fmt::print("  etag {}  made {}  changed {}\n", found.etag(), to_iso8601(found.created), to_iso8601(found.changed));
            for (const auto& host : s.hubs) {
                fmt::print("  hub {}\n", host);
            }
            fmt::print("{}{}{}", s.webhook.empty() ? "" : "  webhook " + s.webhook + "\n",
                       s.group.empty() ? "" : "  group " + one_line(s.group) + "\n",
                       (s.tags.empty() ? "" : "  tags " + s.tags + "\n") +
                           (s.desired.empty() ? "" : "  desired " + s.desired + "\n"));
        }
        return {};
    });

    run(hub_command(*all, o->hub, "list", "all of them, by name"), [o, kind, &c] { return list(c, kind, *o); });
}

}  // namespace

void add_hub_enrolments(CLI::App& hub, context& c) {
    add_commands(hub, c, enrolment_kind::individual, "enrolment", "single devices that the provisioning service takes in");
    add_commands(hub, c, enrolment_kind::group, "enrolment-group", "all devices below a registered CA that it takes in");
}

}  // namespace berth::app
