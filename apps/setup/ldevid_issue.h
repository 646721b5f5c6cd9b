// The customer's side of an LDevID (docs/factory.md): its CA certifies keys of devices that it has bought.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "pki/certificate.h"

#include <filesystem>
#include <optional>

namespace berth::app {

inline constexpr std::string_view ldevid_request_label = "BERTH LDEVID REQUEST";
inline constexpr std::string_view ldevid_challenge_label = "BERTH LDEVID CHALLENGE";
inline constexpr std::string_view ldevid_answer_label = "BERTH LDEVID ANSWER";
inline constexpr std::string_view ldevid_grant_label = "BERTH LDEVID GRANT";

struct ldevid_order {
    std::filesystem::path ca;                        // z2.pem, ca.pem and its key
    std::filesystem::path maker_root;                // z1.pem of the maker whose devices are meant
    std::vector<std::filesystem::path> maker_lists;  // what it has revoked
    std::filesystem::path factory;                   // whose own records are asked as well; empty: none
    std::filesystem::path registrar;                 // whose records the certificate goes into, for its revocation; empty: none
    int64_t days = 3650;
    bool replace = false;  // another key than the one that this CA certified for the device before
    std::optional<secret_bytes> passphrase;
};
struct ldevid_issued {
    std::string serial;
    std::string backend;  // as the device says
    bool in_tpm = false;  // as its TPM has shown
    bytes octets;         // ldevid_grant
    pki::certificate certificate;
};
// Nothing is issued before the IDevID of the request was proved. What is issued is written down in CA/ldevids.jsonl first. Errors
// those of factory::ldevid_candidate; `crl_missing`: there are lists, and none of the CA that issued the IDevID;
// `certificate_revoked`; `certificate_expired` and other reasons why the CA issues nothing; `ldevid_issued`: it has certified
// another key for this device, and that has not expired; of files and keys.
result<ldevid_issued> issue_ldevid_for(const ldevid_order& order, bytes_view request, const clock& time, random_source& random);

// Before that, a device whose key is in its TPM may be asked to show that it is; what is awaited is kept below
// CA/ldevid.challenged. Errors also those of factory::ldevid_residency; `wrong_answer`: nothing was asked.
struct ldevid_challenged {
    std::string serial;
    bytes octets;  // ldevid_challenge
};
result<ldevid_challenged> challenge_ldevid_for(const ldevid_order& order, bytes_view request, const clock& time,
                                               random_source& random);
result<ldevid_issued> issue_shown_ldevid_for(const ldevid_order& order, bytes_view answer, const clock& time,
                                             random_source& random);

}  // namespace berth::app
