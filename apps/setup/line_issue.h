// The manufacturer's side of a contract line: requests come as files, and challenges and certificates go.
#pragma once

#include "setup/line_message.h"
#include "setup/line_order.h"

namespace berth::app {

struct line_issue {
    std::filesystem::path factory, masa;
    std::filesystem::path requests;  // of requests and answers
    std::filesystem::path out;       // challenges and grants
    std::vector<std::filesystem::path> tpm_makers;
    std::optional<secret_bytes> passphrase;
};
struct line_issued {
    size_t challenged = 0;
    size_t granted = 0;
    size_t granted_before = 0;                           // given once more
    std::vector<std::pair<std::string, error>> refused;  // files
};
// For each request a challenge, the same as before while its answer is awaited; for each answer that shows where the keys are
// both certificates, once it is in the MASA's records. A file that is refused keeps no other from it: `unknown_order`;
// `bad_signature`: not of the line that has the order; `quota_used`: the unit is none of the order's, or was given certificates
// for other keys; `wrong_request`: for other keys than were ordered; `key_reused`: its keys, or its TPM, are another device's;
// `device_exists`; those of factory::residency_check. Errors of files, keys and records; `in_use`: another process does so.
result<line_issued> issue_for_line(const line_issue& what, const clock& time, random_source& random);

}  // namespace berth::app
