#include "registry/hub/ca_lists.h"

#include "pki/crl_issuer.h"
#include "pki/trust.h"
#include "registry/hub/ca_office.h"

#include <fmt/format.h>

namespace berth::registry {

namespace {

tl::unexpected<error> refused(const char* name, std::string why, const registered_ca& ca) {
    return fail(error{error_category::usage, name, std::move(why), {{"name", ca.name}}});
}

result<pki::crl> read_list(bytes_view file, const registered_ca& ca) {
    if (file.size() > most_ca_list) {
        return refused("bad_crl", fmt::format("a revocation list has up to {} octets here", most_ca_list), ca);
    }
    if (!file.empty() && file.front() == 0x30) {
        return pki::crl::parse(file);
    }
    BERTH_TRY(lists, pki::crl::parse_pem_all(as_text(file)));
    if (lists.size() != 1) {
        return refused("bad_crl", fmt::format("the file holds {} revocation lists: give one", lists.size()), ca);
    }
    return std::move(lists.front());
}

// That those who are let in by this list are those whom its CA means.
result<void> judge(const pki::crl& list, const registered_ca& ca, unix_seconds now) {
    if (!pki::names_issuer(list, ca.certificate) || !list.check_signature(ca.certificate)) {
        return refused("unknown_crl_issuer",
                       fmt::format("the revocation list of {} was not signed by the CA that is registered as \"{}\"",
                                   list.issuer(), ca.name),
                       ca);
    }
    if (ca.certificate.key_usage() && (*ca.certificate.key_usage() & pki::crl_sign) == 0) {
        return refused("bad_crl", fmt::format("the keyUsage of \"{}\" does not allow it to sign revocation lists", ca.name), ca);
    }
    if (!pki::scope_name(list).empty()) {
        return refused("bad_crl", "the revocation list speaks of some certificates only: give the complete one", ca);
    }
    if (list.this_update() > now) {
        return refused("crl_not_yet_valid",
                       fmt::format("the revocation list is dated {}, which is in the future; check the clock",
                                   to_iso8601(list.this_update())),
                       ca);
    }
    if (list.next_update() != 0 && list.next_update() < now) {
        return refused(
            "crl_expired",
            fmt::format("the revocation list was to be renewed by {}: fetch the current one", to_iso8601(list.next_update())),
            ca);
    }
    return {};
}

// A certificate that was renewed may be registered beside the former one: their lists are one CA's.
result<void> must_fit(hub_registry& hub, const pki::crl& list) {
    pki::trust_store::contents all;
    BERTH_TRY(cas, hub.list_cas());
    for (const auto& ca : cas) {
        all.anchors.push_back(ca.certificate);
        BERTH_TRY(one, hub.list_of(ca));
        if (one) {
            all.crls.push_back(std::move(*one));
        }
    }
    all.crls.push_back(list);
    BERTH_CHECK(pki::trust_store::build(std::move(all)));
    return {};
}

}  // namespace

result<pki::crl> take_list(hub_registry& hub, const std::string& name, bytes_view file, unix_seconds now) {
    BERTH_TRY(ca, require_ca(hub, name));
    BERTH_TRY(list, read_list(file, ca));
    BERTH_CHECK(judge(list, ca, now));
    BERTH_TRY(former, hub.list_of(ca));
    if (former && same_octets(former->der(), list.der())) {
        return list;
    }
    if (former && !(pki::age_of(*former) < pki::age_of(list))) {
        return refused("crl_older",
                       fmt::format("the revocation list has number {}, dated {}, and the one that is there number {}, dated {}",
                                   list.number(), to_iso8601(list.this_update()), former->number(),
                                   to_iso8601(former->this_update())),
                       ca);
    }
    BERTH_CHECK(must_fit(hub, list));
    BERTH_CHECK(hub.keep_list(ca, list));
    return list;
}

result<void> forget_list(hub_registry& hub, const std::string& name) {
    BERTH_TRY(ca, require_ca(hub, name));
    BERTH_TRY(there, hub.list_of(ca));
    if (!there) {
        return refused("crl_missing", fmt::format("\"{}\" has no revocation list here", name), ca);
    }
    return hub.drop_list(ca);
}

}  // namespace berth::registry
