// What the registrar needs remembered (docs/onboarding.md section 7: "Registrar: request set, Z6, grant, undelivered
// results"). store/ implements it; every implementation passes tests/conformance/store.
#pragma once

#include "base/clock.h"
#include "onboarding/identity.h"
#include "onboarding/messages/common.h"
#include "onboarding/messages/credential_requests.h"

#include <optional>
#include <string>
#include <vector>

namespace berth::onboarding {

enum class approval : uint8_t { unknown, waiting, approved, denied };

// One certificate Z6 that the customer's CA issued.
struct issued_certificate {
    device_identity device;
    std::string name;     // of the credential
    std::string profile;  // of the CA
    credential_kind kind = credential_kind::signature;
    hash_field spki_hash{};
    std::vector<bytes> chain;  // DER, leaf first
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    bool revoked = false;
};

struct granted {
    kk3_id_field kk3_id{};
    device_identity device;
    std::string model;
    std::string firmware;
    std::vector<bytes> leaf_hashes;  // SHA-256 of each Z6 in it
    uint64_t configuration_version = 0;
    unix_seconds at = 0;
};

struct undelivered_result {
    kk3_id_field kk3_id{};
    device_identity device;
    hash_field z3_hash{};
    bool installed = true;
    std::string refusal;
};

// What stands in the records for a kk3_id after a result was said, now or before.
enum class result_standing : uint8_t {
    unknown,  // no grant with this id was ever made to this device
    installed,
    refused,
};

struct device_configuration {
    uint64_t version = 0;  // 0: none is set
    std::string json;      // "" or one JSON object
};

enum class membership : uint8_t { stranger, member, withdrawn };

class registrar_records {
public:
    virtual ~registrar_records() = default;

    // A device that was seen on KK2; keeps the list that `berth registrar devices` shows.
    virtual result<void> saw_device(const device_identity& device, const hash_field& z3_hash, unix_seconds now) = 0;
    // What the last quote of a device was worth: "met", or why it was refused (integrity.h).
    virtual result<void> note_integrity(const device_identity& device, const std::string& model, const std::string& verdict,
                                        unix_seconds now) = 0;
    virtual result<approval> approval_of(const device_identity& device) = 0;
    // Puts the device before an operator, unless one has decided already.
    virtual result<void> ask_approval(const device_identity& device, const std::string& model, unix_seconds now) = 0;

    // The certificate for this identity and key, if the embedded or another CA ever issued one through this registrar.
    virtual result<std::optional<issued_certificate>> find_certificate(const device_identity& device, const std::string& name,
                                                                       const hash_field& spki_hash) = 0;
    // "A key that was ever certified for another identity is `possession_unconfirmed`."
    virtual result<bool> key_belongs_to_another(const device_identity& device, const hash_field& spki_hash) = 0;
    virtual result<void> save_requests(const kk3_id_field& id, const device_identity& device, bytes_view requests,
                                       unix_seconds now) = 0;
    // What save_requests() was given of this device from then on, and after its last certificate was issued: oldest first, and
    // the oldest few are enough.
    virtual result<std::vector<bytes>> unanswered_requests(const device_identity&, unix_seconds) { return std::vector<bytes>{}; }
    // Whether the device was denied (who is decommissioned is), or was given away then or later: what it had asked for by then is
    // not for it any more.
    virtual result<bool> left_since(const device_identity& device, unix_seconds then) = 0;
    // All in one transaction. Those that are marked as revoked are so from now on.
    virtual result<void> save_certificates(const std::vector<issued_certificate>& certificates, unix_seconds now) = 0;
    virtual result<void> save_grant(const granted& g) = 0;

    // Idempotent: the first result for a kk3_id stays, and is what is returned.
    virtual result<result_standing> save_result(const kk3_id_field& id, const device_identity& device, const hash_field& z3_hash,
                                                bool installed, const std::string& refusal, unix_seconds now) = 0;
    virtual result<std::vector<undelivered_result>> undelivered_results(const hash_field& device_root_spki, size_t most) = 0;
    virtual result<void> result_delivered(const kk3_id_field& id, const std::string& outcome, unix_seconds now) = 0;
    // "on `withdrawn` and on status 2 the registrar revokes Z6"
    virtual result<void> revoke_granted(const kk3_id_field& id, const std::string& why, unix_seconds now) = 0;

    // What a device has of this customer's certificates: none ever, some that hold, or only revoked ones.
    virtual result<membership> membership_of(const device_identity& device) = 0;
    // The customer's configuration for a device: of the device over its model's over its group's over the default.
    virtual result<device_configuration> configuration_for(const device_identity& device, const std::string& model) = 0;
};

}  // namespace berth::onboarding
