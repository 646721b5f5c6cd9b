// What OCSP has said lately of certificates, for verifiers that go by it: an answer counts for a while and no longer, and where
// there is none, the certificate does not count. Who fetches answers, and when, is others' business.
#pragma once

#include "pki/ocsp.h"

#include <map>

namespace berth::pki {

class ocsp_cache {
public:
    struct limits {
        unix_seconds keep = 60;          // so long nobody asks again; 0: each time
        unix_seconds keep_failures = 5;  // so long nobody asks again who could not be reached, or made no sense
        unix_seconds most_age = 86'400;  // of answers without our nonce, whatever they say
        size_t most = 65'536;
    };
    explicit ocsp_cache(limits l) : limits_(l) {}

    // Whether somebody should ask now.
    [[nodiscard]] bool is_due(const certificate& subject, const certificate& issuer, unix_seconds now) const;
    // Takes what a responder has said to a query with this nonce. Errors of verify_ocsp_response(); then, as of failed(), there
    // is no answer. An older one than was taken before is none.
    result<void> take(bytes_view response, const certificate& subject, const certificate& issuer, const bytes& nonce,
                      unix_seconds now);
    void failed(const certificate& subject, const certificate& issuer, error why, unix_seconds now);
    // Errors (category peer) `certificate_revoked`, `certificate_unknown`; `ocsp_missing`: nothing that counts now was heard,
    // with why.
    [[nodiscard]] result<void> check(const certificate& subject, const certificate& issuer, unix_seconds now) const;
    // The last answer that was taken, whatever came of later questions.
    struct heard {
        ocsp_answer answer;
        unix_seconds taken_at = 0;
    };
    [[nodiscard]] std::optional<heard> last(const certificate& subject, const certificate& issuer) const;
    [[nodiscard]] size_t size() const { return entries_.size(); }

private:
    // By the issuer's key and the serial number.
    using name = std::pair<std::array<uint8_t, 32>, bytes>;
    struct entry {
        std::optional<ocsp_answer> answer = {};
        unix_seconds taken_at = 0;
        std::optional<error> failure = {};  // of a later attempt
        unix_seconds failed_at = 0;
    };
    static name name_of(const certificate& subject, const certificate& issuer);
    [[nodiscard]] bool is_fresh(const entry& e, unix_seconds now) const;
    [[nodiscard]] bool counts(const entry& e, unix_seconds now) const;
    entry& place(const name& which, unix_seconds now);

    limits limits_;
    std::map<name, entry> entries_;
};

}  // namespace berth::pki
