#include "roles/embedded_ca.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "keystore/key_uri.h"
#include "pki/crl.h"
#include "pki/profiles.h"

namespace berth::app {

namespace {

constexpr unix_seconds clock_skew = 60;

}  // namespace

result<void> require_list_or_nothing(const std::filesystem::path& file) {
    if (file.empty()) {
        return {};
    }
    BERTH_TRY(there, is_there(file));
    if (there && !read_crls({file})) {
        return fail(error{error_category::usage,
                          "file_exists",
                          fmt::format("{} is there and is no revocation list, and would be overwritten with the CA's: name "
                                      "another file in [ca] crl",
                                      file.string()),
                          {{"file", file.string()}}});
    }
    return {};
}

result<embedded_ca> embedded_ca::open(const ca_config& config) {
    BERTH_CHECK(require_list_or_nothing(config.crl));
    BERTH_TRY(chain, read_chain(config.issuer.chain));
    BERTH_TRY(passphrase, read_passphrase(config.issuer.passphrase_file));
    auto opened = keystore::open_signing_key(config.issuer.key, {config.issuer.base.string(), std::move(passphrase)});
    if (!opened) {
        return fail(std::move(opened).error().during("[ca] key"));
    }
    const keystore::signing_key_ptr key = std::move(*opened);
    BERTH_CHECK(pki::check_issuing_ca(chain.front()));
    if (!same_octets(chain.front().spki(), key->public_key().spki())) {
        return fail(error{
            error_category::usage, "issuer_key_mismatch",
            fmt::format("the key {} does not belong to the CA certificate {}", config.issuer.key, config.issuer.chain.string())});
    }
    std::erase_if(chain, [](const auto& c) { return c.is_self_issued(); });  // the root is never sent
    return embedded_ca(config, std::move(chain), key);
}

result<std::vector<onboarding::issued_certificate>> embedded_ca::issue(const onboarding::certificate_order& order,
                                                                       const clock& time, random_source& random) const {
    std::vector<onboarding::issued_certificate> out;
    const pki::certificate& issuer = chain_.front();
    const unix_seconds now = time.now();
    const pki::validity validity{now - clock_skew, std::min(now + config_.lifetime_hours * 3600, issuer.not_after())};
    const std::string organization = issuer.organization().value_or("");
    for (const auto& item : order.items) {
        const auto kind =
            item.kind == onboarding::credential_kind::kem ? pki::credential_kind::kem : pki::credential_kind::signature;
        const auto contents =
            pki::operational_template(organization, order.device.serial, order.device.device_root_spki, kind, validity);
        BERTH_TRY(leaf, pki::issue(contents, item.spki, issuer, key_->as_signing_key(), random));
        // Whatever the templates say: what leaves here is a device's certificate and nothing else.
        BERTH_CHECK(pki::check_operational(leaf, kind));
        onboarding::issued_certificate c;
        c.device = order.device;
        c.name = item.name;
        c.profile = config_.profile;
        c.kind = item.kind;
        c.spki_hash = to_array<32>(crypto::sha256(item.spki).view());
        c.not_before = leaf.not_before();
        c.not_after = leaf.not_after();
        c.chain.push_back(to_bytes(leaf.der()));
        for (const auto& above : chain_) {
            c.chain.push_back(to_bytes(above.der()));
        }
        out.push_back(std::move(c));
    }
    return out;
}

bool embedded_ca::publishes_as(const embedded_ca& other) const {
    return config_.crl == other.config_.crl && same_octets(chain_.front().der(), other.chain_.front().der());
}

std::optional<pki::crl> embedded_ca::last() const {
    const auto lists = read_crls({config_.crl});
    return lists && lists->front().issuer() == chain_.front().subject() ? std::optional(lists->front()) : std::nullopt;
}

result<void> embedded_ca::publish_crl(registry::registrar_registry& registry, const clock& time) const {
    if (config_.crl.empty()) {
        return {};
    }
    BERTH_CHECK(require_list_or_nothing(config_.crl));
    const unix_seconds now = time.now();
    BERTH_TRY(revoked, registry.revoked_certificates(now));
    pki::crl_template contents;
    const auto before = last();
    // RFC 5280 5.2.3: "monotonically increasing", also when two lists are made within one second.
    contents.number = std::max(static_cast<uint64_t>(now), before ? before->number() + 1 : 0);
    contents.this_update = now - clock_skew;
    contents.next_update = now + crl_lifetime;
    for (const auto& r : revoked) {
        contents.revoked.push_back({r.serial, r.at, pki::revocation_reason::privilege_withdrawn});
    }
    BERTH_TRY(list, pki::issue_crl(contents, chain_.front(), key_->as_signing_key()));
    return write_text(config_.crl, list.to_pem());
}

}  // namespace berth::app
