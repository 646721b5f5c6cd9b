#include "est/ca_certificates.h"

namespace berth::est {

namespace {

bool contains(std::span<const pki::certificate> all, const pki::certificate& one) {
    return std::ranges::find(all, one) != all.end();
}

tl::unexpected<error> bad(const std::string& why) {
    return fail(error_category::peer, "bad_ca_certificates", "The EST server's CA certificates cannot be used: " + why + ".");
}

bool may_issue(const pki::certificate& c) {
    return c.is_ca() && (!c.key_usage() || (*c.key_usage() & pki::key_cert_sign) != 0);
}

// Whether `link` certifies the key and name of `root`, and is signed by `by`.
// RFC 4210 4.4: NewWithOld is of the CA whose key it signs with, under the name that it had. Without that, any CA that the root
// has certified could make a root of itself, and its certificate would be the link.
bool leads(const pki::certificate& link, const pki::certificate& by, const pki::certificate& root, unix_seconds now) {
    return same_octets(link.spki(), root.spki()) && same_octets(link.subject_der(), root.subject_der()) &&
           same_octets(link.issuer_der(), by.subject_der()) && same_octets(link.subject_der(), by.subject_der()) &&
           link.not_before() <= now && now <= link.not_after() && by.not_before() <= now && now <= by.not_after() &&
           link.check_signature(by).has_value();
}

}  // namespace

result<ca_bundle> sort_ca_certificates(std::span<const pki::certificate> received) {
    ca_bundle out;
    for (const pki::certificate& one : received) {
        if (!may_issue(one)) {
            return bad(one.subject() + " is no CA");
        }
        // OldWithNew and NewWithOld are self-issued where the name stays; only their own key makes a root of one.
        const bool root = one.is_self_issued() && one.check_signature(one).has_value();
        auto& list = root ? out.roots : out.intermediates;
        if (!contains(list, one)) {
            list.push_back(one);
        }
    }
    // RFC 7030 4.1.3: "The EST server MUST include the current root CA certificate in the response."
    if (out.roots.empty()) {
        return bad("there is no root among them");
    }
    return out;
}

result<trust_update> bootstrap_trust(std::span<const pki::certificate> received, const std::array<uint8_t, 32>& fingerprint) {
    BERTH_TRY(bundle, sort_ca_certificates(received));
    for (const pki::certificate& root : bundle.roots) {
        if (root.sha256() == fingerprint || root.spki_sha256() == fingerprint) {
            return trust_update{{root}, std::move(bundle.intermediates), {root}, {}};
        }
    }
    return fail(error{error_category::peer, "fingerprint_unknown",
                      "No root that the EST server has sent has the fingerprint " + to_hex(fingerprint) + "."}
                    .with("fingerprint", to_hex(fingerprint)));
}

result<trust_update> update_trust(std::span<const pki::certificate> current, std::span<const pki::certificate> received,
                                  unix_seconds now) {
    BERTH_TRY(bundle, sort_ca_certificates(received));
    trust_update out;
    // What is trusted may vouch for the next, so go round until nothing is added.
    std::vector<pki::certificate> vouching(current.begin(), current.end());
    for (bool again = true; std::exchange(again, false);) {
        for (const pki::certificate& root : bundle.roots) {
            if (contains(out.anchors, root)) {
                continue;
            }
            const bool known = contains(current, root);
            const bool linked =
                known || std::ranges::any_of(bundle.intermediates, [&](const pki::certificate& link) {
                    return std::ranges::any_of(vouching, [&](const pki::certificate& by) { return leads(link, by, root, now); });
                });
            if (!linked) {
                continue;
            }
            out.anchors.push_back(root);
            if (!known) {
                out.added.push_back(root);
                vouching.push_back(root);
            }
            again = true;
        }
    }
    if (out.anchors.empty()) {
        return fail(error_category::peer, "no_link_to_trust",
                    "None of the roots that the EST server has sent is trusted here, or certified by one that is.");
    }
    std::ranges::copy_if(current, std::back_inserter(out.missing),
                         [&out](const pki::certificate& old) { return !contains(out.anchors, old); });
    out.intermediates = std::move(bundle.intermediates);
    return out;
}

}  // namespace berth::est
