#include "onboarding/device/acceptance.h"

#include "crypto/constant_time.h"
#include "onboarding/errors.h"
#include "pki/profiles.h"
#include "wire/json.h"

namespace berth::onboarding {

// Each step of the judgement in its own function, in the order of the specification.
class grant_judge {
public:
    grant_judge(const grant& g, const grant_context& context) : grant_(g), context_(context) {}

    result<accepted_grant> judge() {
        // "S14 device accepts only if BI5 equals BI1 (constant time)"
        if (!crypto::equal(grant_.bi5.view(), context_.bi1)) {
            return refuse("authorization_mismatch", "BI5 does not equal BI1");
        }
        BERTH_TRY(voucher, judge_voucher());
        BERTH_TRY(root, judge_root(voucher));
        accepted_grant accepted(root);
        accepted.customer_ = std::string(voucher.customer.text());
        accepted.issued_at_ = static_cast<unix_seconds>(voucher.issued_at);
        BERTH_TRY(trust, pki::trust_store::from_root(root));
        BERTH_CHECK(judge_registrar(trust, voucher));
        BERTH_TRY(credentials, judge_credentials(trust, voucher));
        accepted.credentials_ = std::move(credentials);
        BERTH_TRY(configuration, judge_json(grant_.configuration.text()));
        accepted.configuration_ = std::move(configuration);
        BERTH_TRY(manufacturer, judge_json(voucher.manufacturer_config.text()));
        accepted.manufacturer_configuration_ = std::move(manufacturer);
        return accepted;
    }

private:
    result<voucher> judge_voucher() const {
        BERTH_TRY(v, context_.k3.open_voucher(grant_.sealed_voucher.view()));
        // "the voucher opens and names this nonce, serial and registrar leaf"
        if (v.version != protocol_version || v.nonce != context_.asked.nonce ||
            v.device_serial.text() != context_.identity.serial || v.registrar_leaf_hash != context_.asked.registrar_leaf_hash) {
            return refuse("voucher_invalid", "the voucher names another nonce, serial or registrar");
        }
        // "issued_at; expires_at; exactly 15 minutes apart"
        if (v.issued_at > uint64_t{INT64_MAX} - voucher_lifetime_seconds ||
            v.expires_at - v.issued_at != voucher_lifetime_seconds) {
            return refuse("voucher_invalid", "the voucher's times are not 15 minutes apart");
        }
        // "BI1 is at most 10 minutes old by the monotonic clock"
        if (context_.since_bi1 > most_bi1_age) {
            return refuse("voucher_expired", "the grant came more than ten minutes after the request");
        }
        // "refuses an issued_at before its firmware's build or its last persisted time"
        if (static_cast<unix_seconds>(v.issued_at) < context_.earliest) {
            return refuse("voucher_expired", "the voucher was issued before the last time that this device knows of");
        }
        return v;
    }

    // "A Z2 is self-signed"
    static result<pki::certificate> judge_root(const voucher& v) {
        auto root = pki::certificate::parse(v.pinned_domain_cert.view());
        if (!root) {
            return refuse("voucher_invalid", "the pinned domain certificate does not parse");
        }
        if (const auto fit = pki::check_root(*root); !fit) {
            return refuse("domain_chain_invalid", "the pinned domain certificate is no root: " + fit.error().message);
        }
        return std::move(*root);
    }

    // "now lies in [issued_at, issued_at + what passed since BI1]. notBefore is judged at the upper end plus 5 minutes,
    // notAfter at the lower."
    pki::validity_instants time(const voucher& v) const {
        const auto issued = static_cast<unix_seconds>(v.issued_at);
        return pki::validity_instants::between(issued, issued + context_.since_bi1 / 1000 + 5 * 60);
    }

    // "the registrar's KK2 chain verifies to pinned_domain_cert and its leaf has id-kp-cmcRA"
    result<void> judge_registrar(const pki::trust_store& trust, const voucher& v) const {
        pki::verify_options options;
        options.time = time(v);
        options.leaf = pki::leaf_rule::kem;
        auto verified = pki::verify_chain(trust, context_.registrar_chain, options);
        if (!verified) {
            return refuse("domain_chain_invalid", "the registrar's chain: " + verified.error().message);
        }
        if (!pki::require_registrar(verified->leaf())) {
            return refuse("not_a_registrar", "the other end of KK2 has no id-kp-cmcRA");
        }
        return {};
    }

    // "a `grant` holds exactly the names that were asked for, each leaf with that name's key"
    result<std::vector<accepted_grant::credential>> judge_credentials(const pki::trust_store& trust, const voucher& v) const {
        if (grant_.issued.size() != context_.credentials.size()) {
            return refuse("certificate_key_mismatch", "the grant does not hold as many credentials as were asked for");
        }
        std::vector<accepted_grant::credential> out;
        for (const auto& asked : context_.credentials) {
            const auto found = std::find_if(grant_.issued.begin(), grant_.issued.end(),
                                            [&](const auto& issued) { return issued.name.text() == asked.name; });
            if (found == grant_.issued.end()) {
                return refuse("certificate_key_mismatch", fmt::format("no certificate for \"{}\" was granted", asked.name));
            }
            BERTH_TRY(chain, judge_credential(trust, v, asked, *found));
            out.push_back({asked.name, std::move(chain)});
        }
        return out;
    }

    // "each Z6 chains to pinned_domain_cert and carries the device's own key"
    result<std::vector<pki::certificate>> judge_credential(const pki::trust_store& trust, const voucher& v,
                                                           const device_credential& asked,
                                                           const issued_credential& issued) const {
        std::vector<pki::certificate> chain;
        for (const auto& der : issued.chain) {
            auto parsed = pki::certificate::parse(der.view());
            if (!parsed) {
                return refuse("domain_chain_invalid", fmt::format("a certificate of \"{}\" does not parse", asked.name));
            }
            chain.push_back(std::move(*parsed));
        }
        if (!same_octets(chain.front().spki(), asked.spki())) {
            return refuse("certificate_key_mismatch", fmt::format("\"{}\" was issued for another key", asked.name));
        }
        const auto serial = chain.front().device_serial();
        const auto maker = pki::maker_root_of(chain.front());
        if (!serial || *serial != context_.identity.serial || !maker || *maker != context_.identity.device_root_spki) {
            return refuse("certificate_key_mismatch", fmt::format("\"{}\" names another device", asked.name));
        }
        pki::verify_options options;
        options.time = time(v);
        options.leaf = asked.kind() == credential_kind::kem ? pki::leaf_rule::kem : pki::leaf_rule::signature;
        const auto verified = pki::verify_chain(trust, chain, options);
        if (!verified) {
            return refuse("domain_chain_invalid", fmt::format("the chain of \"{}\": {}", asked.name, verified.error().message));
        }
        return chain;
    }

    static result<std::string> judge_json(std::string_view text) {
        if (!text.empty() && !wire::parse_json_object(text)) {
            return refuse("malformed", "a configuration is not one JSON object");
        }
        return std::string(text);
    }

    const grant& grant_;
    const grant_context& context_;
};

result<accepted_grant> accept_grant(const grant& g, const grant_context& context) {
    return grant_judge(g, context).judge();
}

}  // namespace berth::onboarding
