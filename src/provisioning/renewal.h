// The next operational certificate, over the session that a device has at its hub (row B9):
//
//   PUBLISH    $iothub/credentials/POST/issueCertificate/?$rid=RID    {"id": DEVICE, "csr": base64 of DER, "replace": "*"}
//           -> $iothub/credentials/res/202/?$rid=RID                  {"correlationId", "operationExpires"}
//           -> $iothub/credentials/res/200/?$rid=RID                  {"correlationId", "certificates": [base64 of DER, leaf
//           first]}
//           -> $iothub/credentials/res/STATUS/?$rid=RID               {"errorCode", "message", "trackingId", "timestampUtc",
//           "info"}
//
// Topics, members and numbers are those of azure-sdk-for-c and the Java SDK (IoT Hub's certificate signing, preview). The
// certificate that the device has stays good until it ends by itself: one is ended early by who operates the hub.
#pragma once

#include "crypto/hash.h"
#include "hub/topics/request.h"
#include "provisioning/operational.h"
#include "registry/hub/hub_registry.h"

#include <list>
#include <unordered_map>

namespace berth::provisioning {

struct renewal_settings {
    size_t most_operations = 4'000;
    unix_seconds operation_lasts = 60;  // who sends another request by then says so ("replace")
    unix_seconds window = 600;          // within which a device is given
    unsigned most_issued = 5;           // certificates, at the most
};

class renewals {
public:
    // All outlive it.
    renewals(renewal_settings settings, registry::hub_registry& hub, certificate_issuer& issuer, random_source& random)
        : settings_(settings), hub_(hub), issuer_(issuer), random_(random) {}

    // `client`: the name of who has the session, whom the broker has let in and whose policy opens this door. `leaf`: by which he
    // came; null: by a key that he shares with the hub.
    hub::carried_answer answer(const registry::identity_name& client, const pki::certificate* leaf,
                               const hub::hub_request& request, bytes_view payload, unix_seconds now);

    [[nodiscard]] size_t operations() const { return operations_.size(); }

private:
    struct operation {
        std::string client, rid, correlation;
        crypto::digest request;   // to know it again
        uint64_t generation = 0;  // of the identity, and
        uint32_t epoch = 0;       // whom its certificates count for
        unix_seconds began = 0;
        std::vector<pki::certificate> issued;
        unix_seconds window_began = 0;
        unsigned in_window = 0;
    };
    using place = std::list<operation>::iterator;
    struct order;

    result<order> judge(const registry::identity_name& client, const pki::certificate* leaf, bytes_view payload,
                        unix_seconds now);
    hub::carried_answer refuse(const std::string& client, const hub::hub_request& request, const error& why,
                               const operation* active, unix_seconds now);
    [[nodiscard]] hub::carried_answer told(const hub::hub_request& request, const operation& op) const;
    operation& begin(const std::string& client, unix_seconds now);

    renewal_settings settings_;
    registry::hub_registry& hub_;
    certificate_issuer& issuer_;
    random_source& random_;
    std::list<operation> operations_;  // one for each client, who asked last is the last
    std::unordered_map<std::string, place> by_client_;
};

}  // namespace berth::provisioning
