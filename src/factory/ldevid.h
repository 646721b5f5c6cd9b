// LDevIDs: a customer's CA certifies a key of a device, which its IDevID speaks for (IEEE 802.1AR; docs/factory.md).
#pragma once

#include "factory/issue.h"
#include "factory/messages/ldevid_grant.h"
#include "factory/messages/ldevid_request.h"
#include "keystore/key.h"
#include "pki/csr.h"

namespace berth::factory {

// The device as it asks: what it is, and both of its keys.
struct ldevid_asker {
    std::string serial;
    std::span<const pki::certificate> identity_chain;  // leaf first
    const keystore::signing_key& identity;
    const keystore::signing_key& ldevid;
    std::optional<ldevid_tpm_claim> tpm = {};  // where its TPM can show that the key is in it
};
// The octets of an ldevid_request. Errors those of the keys, of pki::build_csr; bad_bundle: the chain is of another key.
result<bytes> ask_ldevid(const ldevid_asker& device);

// That a request is of a device whose maker vouches for it, and that it holds the LDevID key of the request. Where it holds that
// key, only its word says.
class ldevid_candidate {
public:
    // `maker`: its root, and what it has revoked. Errors malformed, unsupported_version; those of verify_identity,
    // check_identity_signature and verified_csr; bad_serial: the PKCS#10 names another serial; key_reused: the IDevID's key is
    // not to be an LDevID's as well.
    static result<ldevid_candidate> verify(bytes_view request, const pki::trust_store& maker, unix_seconds now);

    ldevid_candidate(ldevid_candidate&&) noexcept = default;
    ldevid_candidate& operator=(ldevid_candidate&&) noexcept = default;
    ldevid_candidate(const ldevid_candidate&) = delete;
    ldevid_candidate& operator=(const ldevid_candidate&) = delete;

    const std::string& serial() const noexcept { return serial_; }
    const std::string& backend() const noexcept { return backend_; }
    bytes_view spki() const noexcept { return spki_; }
    const pki::verified_chain& identity() const noexcept { return identity_; }
    const hash_field& request_hash() const noexcept { return request_hash_; }
    const std::optional<ldevid_tpm_claim>& tpm() const noexcept { return tpm_; }  // unproved; ldevid_residency.h

private:
    explicit ldevid_candidate(pki::verified_chain identity) : identity_(std::move(identity)) {}
    pki::verified_chain identity_;
    std::string serial_, backend_;
    bytes spki_;
    hash_field request_hash_{};
    std::optional<ldevid_tpm_claim> tpm_;
};

// That the LDevID key of a request was made in the device's TPM and cannot leave it.
class ldevid_in_tpm {
public:
    ldevid_in_tpm(ldevid_in_tpm&&) noexcept = default;
    ldevid_in_tpm& operator=(ldevid_in_tpm&&) noexcept = default;
    ldevid_in_tpm(const ldevid_in_tpm&) = delete;
    ldevid_in_tpm& operator=(const ldevid_in_tpm&) = delete;
    const hash_field& request_hash() const noexcept { return request_hash_; }

private:
    friend class ldevid_residency;
    ldevid_in_tpm() = default;
    hash_field request_hash_{};
};

// An operational certificate (pki/profiles.h) in the customer's name, with the device's serial and its maker in a URI; and, if
// that was shown, that residency and fixedTPM were verified. Errors those of pki::issue; wrong_request: that was shown for
// another.
result<ldevid_grant> issue_ldevid(const ldevid_candidate& device, const std::optional<ldevid_in_tpm>& shown,
                                  const issuer_view& by, pki::validity validity, random_source& random);

// What the device asked for, and what it has to compare a grant with.
struct ldevid_expected {
    std::string serial;
    std::array<uint8_t, 32> maker_root_spki{};
    bytes_view request;  // the octets of the ldevid_request
    bytes_view spki;
};
// Its certificate and those above, leaf first. `customer`: the root that they must lead to; without, they must lead to the last
// of them. Errors malformed, unsupported_version; wrong_grant: for another request, key, serial or maker; bad_profile; those of
// pki::verify_chain.
result<std::vector<pki::certificate>> accept_ldevid(bytes_view grant, const ldevid_expected& expected,
                                                    const std::optional<pki::certificate>& customer);

}  // namespace berth::factory
