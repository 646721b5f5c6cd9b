// The MASA's decision (docs/onboarding.md section 5), and what all its channels share.
#pragma once

#include "authkem/connection.h"
#include "base/clock.h"
#include "base/random.h"
#include "onboarding/kk3.h"
#include "onboarding/masa/records.h"
#include "onboarding/messages/authorization.h"
#include "onboarding/messages/session_open.h"
#include "pki/trust.h"
#include "pki/verify.h"

#include <memory>
#include <set>

namespace berth::onboarding {

struct masa_settings {
    std::vector<authkem::credential> keys;         // Z5: current, then spare
    std::vector<pki::certificate> device_roots;    // Z1
    std::vector<pki::certificate> device_issuers;  // the maker's issuing CAs
    std::vector<pki::crl> device_crls;
    std::vector<pki::crl> registrar_crls;
    secret_bytes store_key;  // 32 octets: encrypts waiting KK3 keys at rest
    // Of devices on KK3, of registrars at each decision.
    pki::crl_policy device_lists = pki::crl_policy::if_present;
    pki::crl_policy registrar_lists = pki::crl_policy::if_present;
};

// Who is at the other end of a KK1.
struct kk1_peer {
    std::vector<pki::certificate> chain;  // leaf first
};

class masa_service {
public:
    masa_service(masa_settings settings, masa_records& records, const clock& time, random_source& random);

    // Other keys, trust or revocation lists from now on; nothing that was judged before counts as judged. The store key stays,
    // since keys wait under it. Handshakes under way end as they began.
    void replace(masa_settings settings);

    // For KK1 listeners: customers' roots. Rebuilt when the records' generation changes.
    result<pki::trust_store> registrar_trust();
    // For KK3: the maker's root and issuing CAs.
    [[nodiscard]] const pki::trust_store& device_trust() const { return *device_trust_; }
    // Shared by all KK3s. Errors are of the configuration.
    result<std::shared_ptr<const authkem::server_context>> kk3_context();

    // A KK3 was completed: checks that it was a PDK handshake by a device, and lets its keys wait. Error `kk3_failed`.
    result<waiting_kk3> accept_kk3(const authkem::session& kk3);

    // Section 5's order of checks, for BI2 on a session. The answer, or the refusal to be told; every decision is audited.
    result<authorization> decide(const kk1_peer& peer, const session_open& session, const kk3_id_field& id, bytes_view bi2);

    // Policy of KK1 beyond the chain itself: no other customer's root stands between leaf and anchor. Error `not_a_registrar`.
    [[nodiscard]] result<void> require_one_customer(const pki::verified_chain& chain) const;
    // What was decided since the last commit was not stored: nothing of it counts as written to the log.
    void forget_uncommitted() { audited_.clear(); }

    // The owner gives a device away. Error `not_owner`, audited.
    result<void> release(const kk1_peer& peer, const device_identity& device, const std::string& successor);

    // Who reports on this KK3, verified now; audited when it is a registrar no more. Errors as customer_of().
    result<std::string> reporter(const kk1_peer& peer, const kk3_id_field& id);

    // The customer of a KK1's chain, verified now. Errors not_a_registrar, revoked, unknown_registrar_root.
    result<std::string> customer_of(const kk1_peer& peer);

    [[nodiscard]] masa_records& records() { return records_; }
    [[nodiscard]] const clock& time() const { return clock_; }
    [[nodiscard]] random_source& random() { return random_; }

private:
    struct asked;
    void trust_devices();
    result<authorization> decide_first(const kk1_peer& peer, const session_open& session, const waiting_kk3& kk3, bytes_view bi2);
    result<authorization> decide_again(const kk1_peer& peer, const session_open& session, const stored_authorization& stored,
                                       bytes_view bi2);
    result<void> check_names(const kk1_peer& peer, const session_open& session, const device_identity& device,
                             const hash_field& z3_hash, const authorization_info& bi1) const;
    result<bytes> make_voucher(const kk3_keys& keys, const authorization_info& bi1, const device_identity& device,
                               const std::string& customer, const pki::certificate& root, unix_seconds now);
    struct customer_match {
        std::string name;
        pki::certificate root;
    };
    result<customer_match> match_customer(const kk1_peer& peer);
    // For refusals. `log_id` may be empty.
    result<void> audit_once(const std::string& event, const device_identity& device, const std::string& customer,
                            std::string_view outcome, const std::string& log_id);
    [[nodiscard]] bytes protect(const kk3_id_field& id, const secret_bytes& keys);
    [[nodiscard]] result<kk3_keys> unprotect(const waiting_kk3& kk3) const;

    masa_settings settings_;
    masa_records& records_;
    const clock& clock_;
    random_source& random_;
    std::optional<pki::trust_store> device_trust_;
    std::shared_ptr<const authkem::server_context> kk3_context_;
    std::optional<pki::trust_store> registrar_trust_;
    std::vector<customer_record> customers_;
    std::set<hash_field> root_keys_;  // of all roots ever registered
    uint64_t trust_generation_ = 0;
    std::set<std::string> audited_;  // refusals that stand in the log
};

}  // namespace berth::onboarding
