#include "roles/lists.h"

#include "common/files.h"

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

std::vector<list_in_force> newest_of(const std::vector<read_list>& lists, const pki::trust_store& trust,
                                     const std::function<std::string(const pki::crl&)>& name) {
    std::vector<list_in_force> out;
    for (const auto& [file, list] : lists) {
        const auto same = [&](const pki::crl& newest) { return same_octets(newest.der(), list.der()); };
        if (std::ranges::any_of(trust.crls(), same)) {
            out.push_back({file, list, name(list)});
        }
    }
    return out;
}

std::string name_of(const std::string& part, const pki::certificate& issuer) {
    return part + " " + to_hex(issuer.spki_sha256());
}

// Lists of a part of the configuration, each signed by one of `issuers`: one of anybody else says of nobody whom that part knows
// that he is revoked, and would be taken for a list without him.
result<role_lists> lists_of_known(const std::string& part, const std::vector<read_list>& lists, const pki::trust_store& trust,
                                  const std::vector<pki::certificate>& issuers, const std::string& advice) {
    const auto signer = [&](const pki::crl& list) {
        return std::ranges::find_if(
            issuers, [&](const auto& c) { return c.subject() == list.issuer() && list.check_signature(c).has_value(); });
    };
    role_lists out;
    for (const auto& issuer : issuers) {
        out.issuers.insert(name_of(part, issuer));
    }
    for (const auto& [file, list] : lists) {
        if (signer(list) == issuers.end()) {
            return fail(
                error{error_category::usage,
                      "unknown_crl_issuer",
                      fmt::format("{}: the revocation list of {} was signed by none of the CAs that {} is about, and would "
                                  "revoke nobody; {}",
                                  file.string(), list.issuer(), part, advice),
                      {{"file", file.string()}, {"issuer", list.issuer()}}});
        }
    }
    out.in_force = newest_of(lists, trust, [&](const pki::crl& list) { return name_of(part, *signer(list)); });
    return out;
}

// Lists whose issuers come and go while the role runs: registrars' CAs.
role_lists lists_of_any(const std::string& part, const std::vector<read_list>& lists, const pki::trust_store& trust) {
    role_lists out;
    out.in_force = newest_of(lists, trust, [&](const pki::crl& list) { return part + " " + list.issuer(); });
    return out;
}

}  // namespace

void role_lists::add(role_lists more) {
    in_force.insert(in_force.end(), more.in_force.begin(), more.in_force.end());
    issuers.merge(more.issuers);
}

result<masa_lists> read_masa_lists(const masa_config& config, const std::vector<pki::certificate>& roots,
                                   const std::vector<pki::certificate>& issuers) {
    BERTH_TRY(devices, read_lists(config.device_crls));
    BERTH_TRY(registrars, read_lists(config.registrar_crls));
    masa_lists out{crls_of(devices), crls_of(registrars), {}};
    BERTH_TRY(trust, pki::trust_store::build({roots, issuers, out.devices}));
    std::vector<pki::certificate> known = roots;
    known.insert(known.end(), issuers.begin(), issuers.end());
    BERTH_TRY(judged, lists_of_known("[masa] device_crls", devices, trust, known,
                                     "put the right one in its place, or name its CA's certificate in device_issuers"));
    out.all = std::move(judged);
    BERTH_TRY(registrars_trust, pki::trust_store::build({{}, {}, out.registrars}));
    out.all.add(lists_of_any("[masa] registrar_crls", registrars, registrars_trust));
    return out;
}

result<maker_lists> read_maker_lists(const maker_config& config, const pki::certificate& root) {
    BERTH_TRY(lists, read_lists(config.crls));
    BERTH_TRY(known, read_certificates(config.issuers));
    known.push_back(root);
    maker_lists out{crls_of(lists), {}};
    BERTH_TRY(trust, pki::trust_store::build({{root}, {}, out.crls}));
    BERTH_TRY(judged, lists_of_known(fmt::format("[[registrar.maker]] {}", config.root.string()), lists, trust, known,
                                     "put the right one in its place, or name its CA's certificate in `issuers` there"));
    out.all = std::move(judged);
    return out;
}

result<void> must_follow(const role_lists& former, const role_lists& next) {
    constexpr const char* if_meant = "the former list still holds; if this is meant, restart berthd";
    for (const auto& [file, list, issuer] : former.in_force) {
        const list_in_force* now = nullptr;
        for (const auto& candidate : next.in_force) {
            if (candidate.issuer == issuer && (!now || candidate.list.number() > now->list.number())) {
                now = &candidate;
            }
        }
        if (!now) {
            // A CA that was taken out of the configuration has no list any more, and vouches for nobody.
            if (former.issuers.contains(issuer) && !next.issuers.contains(issuer)) {
                continue;
            }
            return fail(error{error_category::usage,
                              "crl_missing",
                              fmt::format("none of the files has a revocation list of {} any more, which {} had; {}",
                                          list.issuer(), file.string(), if_meant),
                              {{"issuer", list.issuer()}, {"file", file.string()}}});
        }
        if (now->list.number() < list.number()) {
            return fail(error{error_category::usage,
                              "crl_older",
                              fmt::format("{} has number {} of {}, after number {}; {}", now->file.string(), now->list.number(),
                                          list.issuer(), list.number(), if_meant),
                              {{"file", now->file.string()}, {"issuer", list.issuer()}}});
        }
    }
    return {};
}

}  // namespace berth::app
