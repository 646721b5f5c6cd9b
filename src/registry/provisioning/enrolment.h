// Whose devices the provisioning service (row B9) takes in, and what becomes of them: single devices, or all that a registered CA
// vouches for.
//
// Names and rules follow the service that Azure device SDKs know: a registration id is compared without case, and a device bears
// it as its certificate's common name.
#pragma once

#include "base/random.h"
#include "pki/certificate.h"
#include "registry/hub/ca_registration.h"
#include "registry/hub/identity.h"

#include <vector>

namespace berth::registry {

inline constexpr size_t most_registration_id = 128;
inline constexpr size_t most_enrolment_hubs = 50;
inline constexpr size_t most_tpm_area = 1'024;
inline constexpr size_t most_webhook_url = 1'024;

enum class enrolment_kind : uint8_t {
    individual,  // one device; its id is the registration id
    group,       // all devices below a CA
};
// "individual", "group".
std::string_view to_string(enrolment_kind k);
std::optional<enrolment_kind> enrolment_kind_from(std::string_view text);

// How a hub is chosen. As in the JSON of the service: "hashed", "static", "geoLatency", "custom".
enum class allocation_way : uint8_t { hashed, fixed, lowest_latency, webhook };
std::string_view to_string(allocation_way w);
std::optional<allocation_way> allocation_way_from(std::string_view text);

// What becomes of a device that registers again. "migrate", "reset", "never".
enum class reprovision_way : uint8_t {
    migrate,  // a hub is chosen again; what its identity there says stays
    reset,    // a hub is chosen again; its identity begins anew with what the enrolment says
    never,    // it is told what it was told first
};
std::string_view to_string(reprovision_way w);
std::optional<reprovision_way> reprovision_way_from(std::string_view text);

// By what a device shows that an enrolment is its own.
struct attestation_rule {
    std::optional<pki::certificate> primary, secondary;  // individual: one of these certificates
    std::string primary_ca, secondary_ca;                // group: names of registered CAs, root or intermediate
    bytes endorsement_key = {};                          // individual, instead of certificates: a TPM's, TPMT_PUBLIC
    bytes storage_root_key = {};                         // of the same TPM; empty: whichever it says
    [[nodiscard]] bool by_tpm() const { return !endorsement_key.empty(); }
    friend bool operator==(const attestation_rule&, const attestation_rule&) = default;
};

// What an operator sets.
struct enrolment_settings {
    bool enabled = true;
    attestation_rule attestation;
    std::string device_id;  // individual; empty: the registration id
    allocation_way allocation = allocation_way::hashed;
    std::vector<std::string> hubs;  // those of the linked ones to choose from; empty: all. One for allocation_way::fixed.
    std::string webhook;            // URL, of allocation_way::webhook
    reprovision_way reprovision = reprovision_way::migrate;
    std::string group;         // of the identity that is made: whose policy says what it may do
    std::string tags;          // of the identity that is made: a JSON object, or empty
    std::string desired = {};  // of its twin, likewise
    friend bool operator==(const enrolment_settings&, const enrolment_settings&) = default;
};

struct enrolment {
    enrolment_kind kind = enrolment_kind::individual;
    std::string id;  // as its operator writes it
    uint64_t generation = 0;
    uint64_t version = 0;  // one more with each change
    enrolment_settings settings;
    unix_seconds created = 0;
    unix_seconds changed = 0;

    [[nodiscard]] std::string etag() const;
    friend bool operator==(const enrolment&, const enrolment&) = default;
};

enrolment make_enrolment(enrolment_kind kind, std::string id, enrolment_settings settings, random_source& random,
                         unix_seconds now);

// A registration id or the name of a group: 1 to 128 ASCII letters, digits and - . _ : , a letter, digit or '-' last. Error
// `bad_registration_id` (usage), which shows no octet that is no such character.
result<void> check_registration_id(std::string_view id);
// Whatever compares equal: ASCII letters in lower case.
std::string fold_registration_id(std::string_view id);
bool same_registration_id(std::string_view a, std::string_view b);

// Error `bad_enrolment` (usage), param "member": attestation of another kind or none; no hub for allocation_way::fixed, or
// several; a URL that is none or not https (http where it names this machine); what check_settings refuses of the identity. What
// registry::replaced() refuses of desired properties.
result<void> check_enrolment(enrolment_kind kind, std::string_view id, const enrolment_settings& settings);

// What `If-Match` asks for, as registry::check_etag. Error `etag_mismatch` (peer).
result<void> check_etag(const enrolment& now, std::string_view if_match);

// `unknown_enrolment` (peer), param "id".
error unknown_enrolment(enrolment_kind kind, std::string_view id);

}  // namespace berth::registry
