#include "registry/hub/ca_lists.h"

#include "pki/constraints.h"
#include "pki/crl_issuer.h"
#include "pki/verify.h"
#include "registry/hub/ca_office.h"

#include <algorithm>

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

// That those who are let in by this list are those whom its signer means, which is `ca` or below it.
result<void> judge(const pki::crl& list, const pki::certificate& signer, const registered_ca& ca, unix_seconds now) {
    const std::string who =
        signer == ca.certificate ? fmt::format("the CA that is registered as \"{}\"", ca.name) : "the signer " + signer.subject();
    if (!pki::names_issuer(list, signer) || !list.check_signature(signer)) {
        return refused("unknown_crl_issuer", fmt::format("the revocation list of {} was not signed by {}", list.issuer(), who),
                       ca);
    }
    if (signer.key_usage() && (*signer.key_usage() & pki::crl_sign) == 0) {
        return refused("bad_crl", fmt::format("the keyUsage of {} does not allow it to sign revocation lists", who), ca);
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
    BERTH_TRY(signers, hub.signer_lists());
    for (auto& one : signers) {
        all.crls.push_back(std::move(one.list));
    }
    all.crls.push_back(list);
    BERTH_CHECK(pki::trust_store::build(std::move(all)));
    return {};
}

result<void> must_be_newer(const pki::crl& list, const pki::crl& former, const registered_ca& ca) {
    if (pki::age_of(former) < pki::age_of(list)) {
        return {};
    }
    return refused("crl_older",
                   fmt::format("the revocation list has number {}, dated {}, and the one that is there number {}, dated {}",
                               list.number(), to_iso8601(list.this_update()), former.number(), to_iso8601(former.this_update())),
                   ca);
}

// That the registered CA vouches for the signer. What it has revoked is not looked at: the list of who has no word any more does
// no harm.
result<void> must_be_below(std::span<const pki::certificate> chain, const registered_ca& ca, unix_seconds now) {
    BERTH_TRY(store, pki::trust_store::from_root(ca.certificate));
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.leaf = pki::leaf_rule::ca;
    how.revocation = pki::crl_policy::none;
    how.max_intermediates = 7;  // as of a login, of which it is one itself
    how.allow_rsa = true;
    const auto verified = pki::verify_chain(store, chain, how);
    const auto below = verified ? pki::check_may_sign(*verified) : result<void>(fail(verified.error()));
    if (!below) {
        return fail(error{error_category::usage,
                          "not_below",
                          fmt::format("the signer {} is not below the CA that is registered as \"{}\": {} Give its certificate "
                                      "first, and with it all between the two",
                                      chain.front().subject(), ca.name, below.error().message),
                          {{"name", ca.name}, {"reason", below.error().name}}});
    }
    return {};
}

// A CA of that name with another key may be registered at any time, and a list that names no key would be looked for there, too.
result<void> must_name_its_key(const pki::crl& list, const pki::certificate& signer, const registered_ca& ca) {
    if (!pki::named_issuer(list).second.empty()) {
        return {};
    }
    return refused("crl_ambiguous",
                   fmt::format("the revocation list of {} does not say which key has signed it, and could be taken for that of "
                               "another CA of the same name: have it made with an authorityKeyIdentifier (berth chain crl makes "
                               "such lists; openssl ca with authorityKeyIdentifier=keyid in its crl_extensions)",
                               signer.subject()),
                   ca);
}

// That the list names nobody else: verification finds lists by these names, and takes one that it then finds signed by another
// key for no list at all, which lets nobody in.
result<void> must_be_told_apart(hub_registry& hub, const signer_list& fresh, const std::vector<signer_list>& signers,
                                const registered_ca& ca) {
    const auto mixed_up = [&](const pki::certificate& other) {
        return other.spki_sha256() != fresh.signer.spki_sha256() && pki::names_issuer(fresh.list, other);
    };
    const auto refuse = [&](const pki::certificate& other) {
        return refused(
            "crl_ambiguous",
            fmt::format("the revocation list of {} could be that of another CA of the same name as well: let it name its "
                        "signer's key (authorityKeyIdentifier), or give the signer another name",
                        other.subject()),
            ca);
    };
    BERTH_TRY(cas, hub.list_cas());
    for (const auto& one : cas) {
        if (mixed_up(one.certificate)) {
            return refuse(one.certificate);
        }
    }
    for (const auto& one : signers) {
        if (mixed_up(one.signer)) {
            return refuse(one.signer);
        }
    }
    return {};
}

}  // namespace

result<pki::crl> take_list(hub_registry& hub, const std::string& name, bytes_view file, unix_seconds now) {
    BERTH_TRY(ca, require_ca(hub, name));
    BERTH_TRY(list, read_list(file, ca));
    BERTH_CHECK(judge(list, ca.certificate, ca, now));
    BERTH_TRY(former, hub.list_of(ca));
    if (former && same_octets(former->der(), list.der())) {
        return list;
    }
    if (former) {
        BERTH_CHECK(must_be_newer(list, *former, ca));
    }
    BERTH_CHECK(must_fit(hub, list));
    BERTH_CHECK(hub.keep_list(ca, list));
    return list;
}

result<pki::crl> take_signer_list(hub_registry& hub, const std::string& name, std::span<const pki::certificate> chain,
                                  bytes_view file, unix_seconds now) {
    BERTH_TRY(ca, require_ca(hub, name));
    if (chain.front() == ca.certificate) {
        return take_list(hub, name, file, now);
    }
    if (ca.state != ca_state::verified) {
        return refused("ca_unverified",
                       fmt::format("nobody has proved yet to have the key of the CA that is registered as \"{0}\": berth hub ca "
                                   "verify {0}",
                                   ca.name),
                       ca);
    }
    BERTH_CHECK(must_be_below(chain, ca, now));
    BERTH_TRY(list, read_list(file, ca));
    BERTH_CHECK(judge(list, chain.front(), ca, now));
    BERTH_CHECK(must_name_its_key(list, chain.front(), ca));
    BERTH_TRY(signers, hub.signer_lists());
    const signer_list fresh{ca.name, chain.front(), list};
    const auto former = std::ranges::find_if(signers, [&](const signer_list& one) {
        return one.below == ca.name && one.signer.spki_sha256() == fresh.signer.spki_sha256();
    });
    if (former != signers.end()) {
        if (same_octets(former->list.der(), list.der())) {
            return list;
        }
        BERTH_CHECK(must_be_newer(list, former->list, ca));
    } else if (signers.size() >= most_signer_lists) {
        return refused("too_many_lists",
                       fmt::format("the hub has the lists of {} signers already, as many as it takes", signers.size()), ca);
    }
    BERTH_CHECK(must_be_told_apart(hub, fresh, signers, ca));
    BERTH_CHECK(must_fit(hub, list));
    BERTH_CHECK(hub.keep_signer_list(ca, fresh));
    return list;
}

result<void> forget_signer_list(hub_registry& hub, const std::string& name, const pki::certificate& signer) {
    BERTH_TRY(ca, require_ca(hub, name));
    if (signer == ca.certificate) {
        return forget_list(hub, name);
    }
    BERTH_TRY(was_there, hub.drop_signer_list(ca, signer.spki_sha256()));
    if (!was_there) {
        return refused("crl_missing", fmt::format("there is no revocation list of {} below \"{}\"", signer.subject(), name), ca);
    }
    return {};
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
