// One CA: its certificate and the handle of its key. It issues by profiles, and what it issues is in its records before anybody
// sees it.
#pragma once

#include "ca/profile.h"
#include "ca/records.h"
#include "keystore/key.h"
#include "pki/issued_extras.h"

#include <span>

namespace berth::ca {

struct issuer_settings {
    // Where relying parties find what became of a certificate; empty: nowhere. {shard} stands for the number of the list.
    std::string crl_url = {};
    std::string delta_url = {};
    std::string ocsp_url = {};
    std::string issuer_url = {};
    // Certificates for which one list speaks, and therefore the most that it can grow to. 0: one list for all; crl_url then has
    // no {shard}.
    uint32_t shard_size = 0;
    unix_seconds skew = 300;  // notBefore lies so far back: the clocks of peers differ
    // A clock before or after these is wrong, whatever it says.
    unix_seconds earliest_clock = 1'735'689'600;  // 2025-01-01
    unix_seconds latest_clock = 4'102'444'800;    // 2100-01-01
    // What is known of the CA's own certificate and those above it, from whoever has issued them.
    std::vector<pki::crl> lists = {};
};

struct issuing_order {
    const profile& by;
    const requester& who;
    const asked& what;
    std::string batch = {};
    std::optional<unix_seconds> not_after = {};  // sooner than the profile says
    bool approved = false;                       // by a person, where the profile wants that
};

class issuer {
public:
    // The CA's certificate first, then what is above it, if known. Errors issuer_key_mismatch, bad_profile (no CA's certificate),
    // `bad_settings`.
    static result<issuer> open(std::vector<pki::certificate> chain, keystore::signing_key_ptr key, issuer_settings settings);

    // Errors, beside those of require_entitled() and fill():
    //   `clock_implausible`, `issuer_not_yet_valid`, `issuer_expired`, `issuer_expires_first`, `issuer_revoked` (environment)
    //   `epoch_passed`, `certificate_revoked`, `requester_withdrawn` (peer): what was shown does not count any more
    //   `too_many_certificates` (peer): it has as many as the profile allows the device
    //   `approval_required` (peer): the caller asks a person first, see records.h
    //   `path_too_long` (usage): no CA may be below this one, or none with such a path length
    //   `key_of_ca` (peer): the key is the CA's own
    //   `too_many_origins` (peer): more than most_origins CAs have vouched on the way
    //   those of pki::issue() and of the records. Nothing was issued then.
    result<pki::certificate> issue(const issuing_order& order, ca_records& records, const clock& time,
                                   random_source& random) const;

    // Whether it could issue anything now: clock, own validity, revocation. Errors as above.
    result<void> check_usable(ca_records& records, unix_seconds now) const;

    [[nodiscard]] const pki::certificate& certificate() const { return chain_.front(); }
    [[nodiscard]] std::span<const pki::certificate> chain() const { return chain_; }
    [[nodiscard]] const crypto::signing_key& key() const { return key_->as_signing_key(); }
    [[nodiscard]] key_hash id() const { return chain_.front().spki_sha256(); }
    [[nodiscard]] const issuer_settings& settings() const { return settings_; }
    // The list of a shard; absent: of everything.
    [[nodiscard]] std::string crl_url(std::optional<uint32_t> shard) const;
    [[nodiscard]] std::string delta_url(std::optional<uint32_t> shard) const;

private:
    issuer(std::vector<pki::certificate> chain, keystore::signing_key_ptr key, issuer_settings settings)
        : chain_(std::move(chain)), key_(std::move(key)), settings_(std::move(settings)) {}
    // Says the epoch of his device; 0: he has none.
    result<uint32_t> check_requester(const issuing_order& order, ca_records& records, unix_seconds now) const;
    result<pki::validity> validity_of(const issuing_order& order, unix_seconds now) const;

    std::vector<pki::certificate> chain_;
    keystore::signing_key_ptr key_;
    issuer_settings settings_;
};

}  // namespace berth::ca
