#include "roles/lists.h"

#include "common/files.h"
#include "pki/crl_issuer.h"
#include "pki/crl_scope.h"

namespace berth::app {

namespace {

struct read_list {
    std::filesystem::path file;
    pki::crl list;
};

result<std::vector<read_list>> read_lists(const std::vector<std::filesystem::path>& files) {
    std::vector<read_list> out;
    for (const auto& file : files) {
        BERTH_TRY(lists, read_crls({file}));
        for (auto& list : lists) {
            out.push_back({file, std::move(list)});
        }
    }
    return out;
}

std::vector<pki::crl> crls_of(const std::vector<read_list>& lists) {
    std::vector<pki::crl> out;
    std::ranges::transform(lists, std::back_inserter(out), &read_list::list);
    return out;
}

// Those that stand for their issuers, told by `tell` who that is.
std::vector<list_in_force> newest_of(const std::vector<read_list>& lists, const pki::trust_store& trust,
                                     const std::function<void(list_in_force&)>& tell) {
    std::vector<list_in_force> out;
    for (const auto& [file, list] : lists) {
        const auto same = [&](const pki::crl& newest) { return same_octets(newest.der(), list.der()); };
        if (std::ranges::any_of(trust.crls(), same)) {
            tell(out.emplace_back(list_in_force{file, list, {}, {}}));
        }
    }
    return out;
}

// Lists of one CA for several distribution points stand beside each other.
std::string points_of(const pki::crl& list) {
    std::string out;
    for (const auto& point : pki::scope_of(list).points) {
        out += " " + point;
    }
    return out;
}

bool is_delta(const list_in_force& l) {
    return pki::scope_of(l.list).delta_base.has_value();
}

// A part of the configuration whose CAs are known.
struct known_part {
    std::string name;  // for people
    std::string key;   // stays, wherever its files are
    std::vector<pki::certificate> roots, issuers;
    std::string advice;  // to whom has a list of somebody else

    [[nodiscard]] std::string name_of(const pki::certificate& ca) const { return key + " " + to_hex(ca.spki_sha256()); }
    [[nodiscard]] std::set<std::string> all_anchors() const {
        std::set<std::string> out;
        for (const auto& root : roots) {
            out.insert(name_of(root));
        }
        return out;
    }
    // The roots above a CA, by whatever way; all, where the way is not known.
    [[nodiscard]] std::set<std::string> anchors_above(const pki::certificate& ca) const {
        const auto vouches = [](const pki::certificate& above, const pki::certificate& c) {
            return same_octets(c.issuer_der(), above.subject_der()) && c.check_signature(above);
        };
        std::set<std::string> out;
        std::vector<pki::certificate> ways{ca};
        for (size_t i = 0; i < ways.size(); ++i) {
            const pki::certificate at = ways[i];
            for (const auto& root : roots) {
                if (same_octets(at.spki(), root.spki()) || vouches(root, at)) {
                    out.insert(name_of(root));
                }
            }
            for (const auto& between : issuers) {
                if (vouches(between, at) && std::ranges::find(ways, between) == ways.end()) {
                    ways.push_back(between);
                }
            }
        }
        return out.empty() ? all_anchors() : out;
    }
    [[nodiscard]] const pki::certificate* signer_of(const pki::crl& list) const {
        for (const auto* certificates : {&roots, &issuers}) {
            for (const auto& c : *certificates) {
                if (pki::names_issuer(list, c) && list.check_signature(c)) {
                    return &c;
                }
            }
        }
        return nullptr;
    }
};

// Each list is signed by a CA of the part: one of anybody else says of nobody whom that part knows that he is revoked, and would
// be taken for a list without him.
result<role_lists> lists_of_known(const known_part& part, const std::vector<read_list>& lists) {
    for (const auto& [file, list] : lists) {
        if (!part.signer_of(list)) {
            return fail(
                error{error_category::usage,
                      "unknown_crl_issuer",
                      fmt::format("{}: the revocation list of {} was signed by none of the CAs that {} is about, and would "
                                  "revoke nobody; {}",
                                  file.string(), list.issuer(), part.name, part.advice),
                      {{"file", file.string()}, {"issuer", list.issuer()}}});
        }
    }
    BERTH_TRY(trust, pki::trust_store::build({part.roots, part.issuers, crls_of(lists)}));
    role_lists out;
    out.anchors = part.all_anchors();
    out.in_force = newest_of(lists, trust, [&](list_in_force& l) {
        const pki::certificate& signer = *part.signer_of(l.list);
        l.issuer = part.name_of(signer) + points_of(l.list);
        l.anchors = part.anchors_above(signer);
    });
    return out;
}

// Lists whose issuers come and go while the role runs: registrars' CAs.
result<role_lists> lists_of_any(const std::string& part, const std::vector<read_list>& lists) {
    BERTH_TRY(trust, pki::trust_store::build({{}, {}, crls_of(lists)}));
    role_lists out;
    out.in_force = newest_of(lists, trust, [&](list_in_force& l) {
        const auto [name, key_id] = pki::named_issuer(l.list);
        l.issuer = fmt::format("{} {} {}{}", part, to_hex(name), to_hex(key_id), points_of(l.list));
    });
    return out;
}

}  // namespace

void role_lists::add(role_lists more) {
    in_force.insert(in_force.end(), more.in_force.begin(), more.in_force.end());
    anchors.merge(more.anchors);
}

pki::crl_policy lists_of_rule(revocation_rule rule) {
    switch (rule) {
    case revocation_rule::crl: return pki::crl_policy::always;
    case revocation_rule::records:
    case revocation_rule::none: return pki::crl_policy::none;
    case revocation_rule::lists_given:
    case revocation_rule::ocsp: break;
    }
    return pki::crl_policy::if_present;
}

result<masa_lists> read_masa_lists(const masa_config& config, const std::vector<pki::certificate>& roots,
                                   const std::vector<pki::certificate>& issuers) {
    constexpr const char* devices_part = "[masa] device_crls";
    BERTH_TRY(devices, read_lists(config.device_crls));
    BERTH_TRY(registrars, read_lists(config.registrar_crls));
    masa_lists out{crls_of(devices), crls_of(registrars), {}};
    BERTH_TRY(of_devices, lists_of_known({devices_part, devices_part, roots, issuers,
                                          "put the right one in its place, or name its CA's certificate in device_issuers"},
                                         devices));
    out.all = std::move(of_devices);
    BERTH_TRY(of_registrars, lists_of_any("[masa] registrar_crls", registrars));
    out.all.add(std::move(of_registrars));
    return out;
}

result<maker_lists> read_maker_lists(const maker_config& config, const pki::certificate& root) {
    BERTH_TRY(lists, read_lists(config.crls));
    BERTH_TRY(issuers, read_certificates(config.issuers));
    maker_lists out{crls_of(lists), std::move(issuers), {}};
    BERTH_TRY(judged, lists_of_known({fmt::format("[[registrar.maker]] {}", config.root.string()),
                                      fmt::format("[[registrar.maker]] {}", to_hex(root.spki_sha256())),
                                      {root},
                                      out.issuers,
                                      "put the right one in its place, or name its CA's certificate in `issuers` there"},
                                     lists));
    out.all = std::move(judged);
    return out;
}

result<element_lists> read_element_lists(const element_config& config, const std::vector<pki::certificate>& makers,
                                         const std::vector<pki::certificate>& issuers) {
    constexpr const char* part = "[element] crls";
    BERTH_TRY(lists, read_lists(config.crls));
    element_lists out{crls_of(lists), {}};
    BERTH_TRY(judged, lists_of_known({part, part, makers, issuers,
                                      "put the right one in its place, or name its CA's certificate in `issuers`"},
                                     lists));
    out.all = std::move(judged);
    return out;
}

result<element_lists> read_est_lists(const est_trust_config& config, const std::vector<pki::certificate>& anchors,
                                     const std::vector<pki::certificate>& issuers) {
    const std::string part = "[[est.trust]] " + config.proof;
    BERTH_TRY(lists, read_lists(config.crls));
    element_lists out{crls_of(lists), {}};
    BERTH_TRY(judged, lists_of_known({part, part, anchors, issuers,
                                      "put the right one in its place, or have the anchor's file hold its CA's certificate too"},
                                     lists));
    out.all = std::move(judged);
    return out;
}

result<element_lists> read_hub_lists(const hub_config& config, const std::vector<pki::certificate>& admins) {
    constexpr const char* part = "[hub] admin_crls";
    BERTH_TRY(lists, read_lists(config.admin_crls));
    element_lists out{crls_of(lists), {}};
    BERTH_TRY(judged,
              lists_of_known({part, part, admins, {}, "put the right one in its place, or name its CA in `admins`"}, lists));
    out.all = std::move(judged);
    return out;
}

result<element_lists> read_est_ca_lists(const est_ca_config& config, const std::vector<pki::certificate>& anchors) {
    constexpr const char* part = "[ca] crls";
    BERTH_TRY(lists, read_lists(config.crls));
    element_lists out{crls_of(lists), {}};
    BERTH_TRY(judged,
              lists_of_known(
                  {part, part, anchors, {}, "put the right one in its place, or name its CA's certificate in `anchors`"}, lists));
    out.all = std::move(judged);
    return out;
}

namespace {

constexpr const char* if_meant = "the former list still holds; if this is meant, restart berthd";

tl::unexpected<error> none_any_more(const list_in_force& former) {
    return fail(error{error_category::usage,
                      "crl_missing",
                      fmt::format("none of the files has a revocation list of {} any more, which {} had; {}",
                                  former.list.issuer(), former.file.string(), if_meant),
                      {{"issuer", former.list.issuer()}, {"file", former.file.string()}}});
}

tl::unexpected<error> older(const list_in_force& former, const list_in_force& now) {
    return fail(error{error_category::usage,
                      "crl_older",
                      fmt::format("{} has number {} of {}, dated {}, after number {}, dated {}; {}", now.file.string(),
                                  now.list.number(), former.list.issuer(), to_iso8601(now.list.this_update()),
                                  former.list.number(), to_iso8601(former.list.this_update()), if_meant),
                      {{"file", now.file.string()}, {"issuer", former.list.issuer()}}});
}

}  // namespace

result<void> must_follow(const role_lists& former, const role_lists& next) {
    for (const auto& was : former.in_force) {
        const list_in_force* now = nullptr;
        for (const auto& candidate : next.in_force) {
            // A complete list takes the place of a delta, and never the other way round.
            const bool in_its_place = candidate.issuer == was.issuer && (is_delta(was) || !is_delta(candidate));
            if (in_its_place && (!now || pki::age_of(now->list) < pki::age_of(candidate.list))) {
                now = &candidate;
            }
        }
        if (!now) {
            // Devices bring the CAs between themselves and a root: only without its root does an issuer vouch for nobody.
            const auto still = [&](const std::string& anchor) { return next.anchors.contains(anchor); };
            if (!was.anchors.empty() && std::ranges::none_of(was.anchors, still)) {
                continue;
            }
            return none_any_more(was);
        }
        if (pki::age_of(now->list) < pki::age_of(was.list)) {
            return older(was, *now);
        }
    }
    return {};
}

}  // namespace berth::app
