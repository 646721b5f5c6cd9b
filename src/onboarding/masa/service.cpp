#include "onboarding/masa/service.h"

#include "base/log.h"
#include "base/wipe.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "onboarding/errors.h"
#include "pki/profiles.h"

namespace berth::onboarding {

namespace {

// "for at most 10 minutes"
constexpr unix_seconds kk3_waits = 600;

}  // namespace

masa_service::masa_service(masa_settings settings, masa_records& records, const clock& time, random_source& random)
    : settings_(std::move(settings)), records_(records), clock_(time), random_(random) {
    trust_devices();
}

void masa_service::replace(masa_settings settings) {
    settings.store_key = std::move(settings_.store_key);
    settings_ = std::move(settings);
    trust_devices();
    kk3_context_.reset();  // and with it the cache of leaves that were verified under the old lists
    registrar_trust_.reset();
    // A device whose KK3 stands or waits was judged under the old lists: it comes again.
    if (const auto forgotten = records_.forget_kk3s(); !forgotten) {
        log::failure("store_failed", forgotten.error(), {{"party", "masa"}});
    }
}

void masa_service::trust_devices() {
    auto trust = pki::trust_store::build({settings_.device_roots, settings_.device_issuers, settings_.device_crls});
    if (trust) {
        device_trust_ = std::move(*trust);
    } else {
        device_trust_ = *pki::trust_store::build({});  // nobody is trusted; berthd refuses such a configuration earlier
    }
}

result<std::shared_ptr<const authkem::server_context>> masa_service::kk3_context() {
    if (kk3_context_) {
        return kk3_context_;
    }
    authkem::server_config config;
    config.credentials = settings_.keys;
    config.client_auth = authkem::client_auth::require;
    config.client.trust = *device_trust_;
    config.client.revocation = settings_.device_lists;
    config.client.cache = std::make_shared<authkem::verified_leaf_cache>(size_t{65536});
    config.alpn = {std::string(alpn_kk3)};
    config.alpn_required = true;
    // "MASA: chain to Z1, id-kp-clientAuth, not id-kp-serverAuth"
    config.client.policy = [](const pki::verified_chain& chain) { return pki::require_device(chain.leaf()); };
    BERTH_TRY(context, authkem::server_context::make(std::move(config)));
    kk3_context_ = std::move(context);
    return kk3_context_;
}

result<pki::trust_store> masa_service::registrar_trust() {
    BERTH_TRY(generation, records_.trust_generation());
    if (registrar_trust_ && generation == trust_generation_) {
        return *registrar_trust_;
    }
    BERTH_TRY(customers, records_.customers());
    pki::trust_store::contents contents;
    for (const auto& customer : customers) {
        BERTH_TRY(root, pki::certificate::parse(customer.root));
        contents.anchors.push_back(std::move(root));
    }
    contents.crls = settings_.registrar_crls;
    BERTH_TRY(built, pki::trust_store::build(std::move(contents)));
    BERTH_TRY(root_keys, records_.registered_root_keys());
    root_keys_ = {root_keys.begin(), root_keys.end()};
    customers_ = std::move(customers);
    registrar_trust_ = built;
    trust_generation_ = generation;
    return built;
}

// "a CA registered by one customer is never an intermediate for another's": a parent may certify its subsidiary's CA, and is
// not thereby the subsidiary's registrar, nor the subsidiary the parent's.
result<void> masa_service::require_one_customer(const pki::verified_chain& chain) const {
    for (const auto& c : chain.chain()) {
        if (c.spki_sha256() != chain.anchor().spki_sha256() && root_keys_.contains(c.spki_sha256())) {
            return refuse("not_a_registrar", "its chain passes through another customer's root");
        }
    }
    return {};
}

result<masa_service::customer_match> masa_service::match_customer(const kk1_peer& peer) {
    BERTH_TRY(trust, registrar_trust());
    pki::verify_options options;
    options.time = pki::validity_instants::at(clock_.now());
    options.leaf = pki::leaf_rule::kem;
    options.revocation = settings_.registrar_lists;
    auto verified = pki::verify_chain(trust, peer.chain, options);
    if (!verified) {
        const std::string& why = verified.error().name;
        return refuse(why == "certificate_revoked" ? "revoked"
                      : why == "unknown_issuer"    ? "unknown_registrar_root"
                                                   : "not_a_registrar",
                      verified.error().message);
    }
    // "A customer's CA puts id-kp-cmcRA into registrar certificates alone": an onboarded device is no registrar.
    if (!pki::require_registrar(verified->leaf())) {
        return refuse("not_a_registrar", "id-kp-cmcRA is missing");
    }
    BERTH_CHECK(require_one_customer(*verified));
    for (const auto& customer : customers_) {
        if (same_octets(customer.root, verified->anchor().der())) {
            return customer_match{customer.name, verified->anchor()};
        }
    }
    return refuse("unknown_registrar_root");
}

result<std::string> masa_service::customer_of(const kk1_peer& peer) {
    BERTH_TRY(match, match_customer(peer));
    return match.name;
}

// ---- KK3

bytes masa_service::protect(const kk3_id_field& id, const secret_bytes& keys) {
    const auto nonce = random_.octets<crypto::aead_nonce_size>();
    crypto::aead_key aead(crypto::aead_algorithm::aes256gcm, settings_.store_key.reveal(), crypto::aead_key::use::seal);
    return concat({nonce, aead.seal(nonce, id, keys.reveal())});
}

result<kk3_keys> masa_service::unprotect(const waiting_kk3& kk3) const {
    const bytes_view sealed = kk3.sealed_keys;
    if (sealed.size() < crypto::aead_nonce_size) {
        return fail(error_category::internal, "corrupt_store", "the stored keys of a KK3 are cut short");
    }
    crypto::aead_key aead(crypto::aead_algorithm::aes256gcm, settings_.store_key.reveal(), crypto::aead_key::use::open);
    auto opened = aead.open(sealed.first<crypto::aead_nonce_size>(), kk3.id, sealed.subspan(crypto::aead_nonce_size));
    if (!opened) {
        return fail(error_category::internal, "corrupt_store", "the stored keys of a KK3 do not open with the store key");
    }
    const secret_bytes packed{bytes_view(*opened)};
    wipe(*opened);
    return kk3_keys::unpack(kk3.id, packed.reveal());
}

result<waiting_kk3> masa_service::accept_kk3(const authkem::session& kk3) {
    // "KK3 device -> MASA (K3): PDK [...] never the full handshake"
    if (kk3.flow() != authkem::handshake_flow::pdk) {
        return refuse("kk3_failed", "KK3 must be made with the pre-distributed key");
    }
    const pki::verified_chain* const peer = kk3.peer().verified();
    if (!peer) {
        return refuse("kk3_failed", "the device was not authenticated");
    }
    const auto serial = peer->leaf().device_serial();
    if (!serial) {
        return refuse("kk3_failed", serial.error().message);
    }
    const auto keys = kk3_keys::derive(exporter_of(kk3));
    waiting_kk3 waiting;
    waiting.id = keys.id();
    waiting.device = {peer->anchor().spki_sha256(), *serial};
    waiting.z3_hash = peer->leaf().sha256();
    waiting.sealed_keys = protect(waiting.id, keys.pack());
    waiting.expires_at = clock_.now() + kk3_waits;
    BERTH_CHECK(records_.put_kk3(waiting));
    return waiting;
}

// ---- the decision

// A peer may say the same thing again as often as it likes: the log, which only grows, holds it once.
result<void> masa_service::audit_once(const std::string& event, const device_identity& device, const std::string& customer,
                                      std::string_view outcome, const std::string& log_id) {
    constexpr size_t most_remembered = 65536;
    if (audited_.size() >= most_remembered) {
        audited_.clear();
    }
    std::string key = fmt::format("{} {} {} {} {}", event, device.text(), customer, outcome, log_id);
    if (audited_.contains(key)) {
        return {};
    }
    BERTH_CHECK(records_.audit({clock_.now(), event, device, customer, std::string(outcome), log_id}));
    audited_.insert(std::move(key));
    return {};
}

result<std::string> masa_service::reporter(const kk1_peer& peer, const kk3_id_field& id) {
    auto customer = customer_of(peer);
    if (!customer && customer.error().category == error_category::peer) {
        // What nobody authorised is nobody's device: numbers that a stranger makes up do not fill the log.
        BERTH_TRY(stored, records_.find_authorization(id));
        if (stored) {
            BERTH_CHECK(audit_once("refused", stored->device, "", customer.error().name, to_hex(id)));
        }
    }
    return customer;
}

result<void> masa_service::release(const kk1_peer& peer, const device_identity& device, const std::string& successor) {
    // Serials that a peer makes up do not fill the log.
    const auto note = [&](const std::string& customer, std::string_view outcome) -> result<void> {
        BERTH_TRY(known, records_.device_known(device));
        return known ? audit_once("release", device, customer, outcome, "") : result<void>{};
    };
    const auto asking = match_customer(peer);
    if (!asking) {
        if (asking.error().category == error_category::peer) {
            BERTH_CHECK(note("", asking.error().name));
        }
        return fail(asking.error());
    }
    const std::string& customer = asking->name;
    BERTH_TRY(verdict, records_.release(device, customer, successor, clock_.now()));
    // Only the owner learns whether the successor is known: for all others the answer is `not_owner`.
    switch (verdict) {
    case release_verdict::released: return {};
    case release_verdict::not_owner: BERTH_CHECK(note(customer, "not_owner")); return refuse("not_owner");
    case release_verdict::unknown_successor: break;
    }
    BERTH_CHECK(note(customer, "unknown_successor"));
    return refuse("not_owner", "the successor is not a registered customer");
}

result<authorization> masa_service::decide(const kk1_peer& peer, const session_open& session, const kk3_id_field& id,
                                           bytes_view bi2) {
    BERTH_TRY(before, records_.find_authorization(id));
    if (before) {
        return decide_again(peer, session, *before, bi2);
    }
    BERTH_TRY(kk3, records_.find_kk3(id, clock_.now()));
    if (!kk3) {
        return refuse("unknown_kk3");
    }
    return decide_first(peer, session, *kk3, bi2);
}

// The checks that need no ownership record, in the order of section 5.
result<void> masa_service::check_names(const kk1_peer& peer, const session_open& session, const device_identity& device,
                                       const hash_field& z3_hash, const authorization_info& bi1) const {
    if (bi1.version != protocol_version) {
        return refuse("unsupported_version");
    }
    // "serial in BI1 = serial of Z3 on KK3 = serial and z3_hash of `session_open` (`serial_mismatch`)"
    if (bi1.device_serial.text() != device.serial || session.serial.text() != device.serial ||
        session.device_root_spki != device.device_root_spki || session.z3_hash != z3_hash) {
        return refuse("serial_mismatch");
    }
    // "registrar_leaf_hash = leaf on KK1 (else a registrar in the middle: `registrar_mismatch`)"
    if (bi1.registrar_leaf_hash != peer.chain.front().sha256()) {
        return refuse("registrar_mismatch");
    }
    return {};
}

result<bytes> masa_service::make_voucher(const kk3_keys& keys, const authorization_info& bi1, const device_identity& device,
                                         const std::string& customer, const pki::certificate& root, unix_seconds now) {
    voucher v;
    v.nonce = bi1.nonce;
    v.device_serial = bi1.device_serial;
    v.registrar_leaf_hash = bi1.registrar_leaf_hash;
    v.pinned_domain_cert = wire::opaque<1, 16384>(root.der());
    v.customer = name_field(std::string_view(customer));
    v.issued_at = static_cast<uint64_t>(now);
    v.expires_at = v.issued_at + voucher_lifetime_seconds;
    BERTH_TRY(config, records_.manufacturer_configuration(device));
    v.manufacturer_config = wire::opaque<0, 16384>(std::string_view(config));
    return keys.seal_voucher(v);
}

result<authorization> masa_service::decide_first(const kk1_peer& peer, const session_open& session, const waiting_kk3& kk3,
                                                 bytes_view bi2) {
    const auto refused = [&](const error& e, const std::string& customer = {}) -> result<authorization> {
        BERTH_CHECK(audit_once("refused", kk3.device, customer, e.name, to_hex(kk3.id)));
        return fail(e);
    };
    BERTH_TRY(keys, unprotect(kk3));
    // "Checked in this order, and only once BI2 opens"
    auto opened = keys.open_authorization(bi2);
    if (!opened) {
        return refused(opened.error());
    }
    const auto& [octets, bi1] = *opened;
    if (const auto named = check_names(peer, session, kk3.device, kk3.z3_hash, bi1); !named) {
        return refused(named.error());
    }
    const auto customer = match_customer(peer);
    if (!customer) {
        return refused(customer.error());
    }
    const unix_seconds now = clock_.now();
    BERTH_TRY(sealed, make_voucher(keys, bi1, kk3.device, customer->name, customer->root, now));
    authorization_attempt attempt;
    attempt.answer = {kk3.id, to_array<32>(crypto::sha256(bi2).view()), kk3.device, kk3.z3_hash, customer->name, octets, sealed};
    attempt.nonce = bi1.nonce;
    attempt.registrar_leaf_hash = bi1.registrar_leaf_hash;
    attempt.now = now;
    attempt.voucher_expires_at = now + static_cast<unix_seconds>(voucher_lifetime_seconds);
    attempt.log_id = to_hex(kk3.id);
    // "Nothing sealed leaves before the commit"
    BERTH_TRY(outcome, records_.authorize(attempt));
    const auto answer = [](const stored_authorization& a) {
        return authorization{wire::opaque<1, 1024>(bytes_view(a.bi1)), wire::opaque<1, 65535>(bytes_view(a.sealed_voucher))};
    };
    switch (outcome.verdict) {
    case authorization_verdict::stored: return answer(attempt.answer);
    // "A node that loses the insert sends the stored octets."
    case authorization_verdict::stored_before: return answer(outcome.stored);
    // "whoever is not the owner gets `not_assigned`; that it is `assigned_elsewhere` stands only in the log"
    case authorization_verdict::not_assigned: return refused(refusal("not_assigned"), customer->name);
    case authorization_verdict::assigned_elsewhere:
        BERTH_CHECK(audit_once("refused", kk3.device, customer->name, "assigned_elsewhere", to_hex(kk3.id)));
        return refuse("not_assigned");
    case authorization_verdict::blocked: return refused(refusal("blocked"), customer->name);
    case authorization_verdict::revoked: return refused(refusal("revoked"), customer->name);
    case authorization_verdict::replayed_nonce: return refused(refusal("replayed_nonce"), customer->name);
    case authorization_verdict::kk3_reused: return refused(refusal("kk3_reused"), customer->name);
    }
    return refuse("not_assigned");
}

// "A resend of the same BI2 passes every check again except the nonce's, from the same customer only; failing that, the
// refusal is sent and the stored voucher erased."
result<authorization> masa_service::decide_again(const kk1_peer& peer, const session_open& session,
                                                 const stored_authorization& stored, bytes_view bi2) {
    const auto customer = match_customer(peer);
    const auto refused = [&](const error& e, bool erase) -> result<authorization> {
        // Named is who asked, who need not be who was authorised.
        BERTH_CHECK(audit_once("refused", stored.device, customer ? customer->name : std::string(), e.name, to_hex(stored.id)));
        if (erase) {
            BERTH_CHECK(records_.erase_voucher(stored.id));
        }
        return fail(e);
    };
    // "another BI2 on it is `kk3_reused`"
    if (to_array<32>(crypto::sha256(bi2).view()) != stored.bi2_hash) {
        return refused(refusal("kk3_reused"), false);
    }
    if (stored.sealed_voucher.empty()) {
        return refused(refusal("withdrawn"), false);
    }
    BERTH_TRY(bi1, wire::decode<authorization_info>(stored.bi1));
    if (const auto named = check_names(peer, session, stored.device, stored.z3_hash, bi1); !named) {
        return refused(named.error(), true);
    }
    if (!customer) {
        return refused(customer.error(), true);
    }
    if (customer->name != stored.customer) {
        return refused(refusal("not_assigned"), true);
    }
    BERTH_TRY(verdict, records_.check_again(stored, customer->name, clock_.now()));
    switch (verdict) {
    case authorization_verdict::stored:
    case authorization_verdict::stored_before: break;
    case authorization_verdict::blocked: return refused(refusal("blocked"), true);
    case authorization_verdict::revoked: return refused(refusal("revoked"), true);
    default: return refused(refusal("not_assigned"), true);
    }
    return authorization{wire::opaque<1, 1024>(bytes_view(stored.bi1)),
                         wire::opaque<1, 65535>(bytes_view(stored.sealed_voucher))};
}

}  // namespace berth::onboarding
