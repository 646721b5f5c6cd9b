// What a CA tells of its certificates after they were issued: revocation lists, whole, by shards and as deltas; answers to OCSP
// queries. All of it follows from its records.
#pragma once

#include "ca/issuer.h"
#include "pki/crl_scope.h"
#include "pki/ocsp.h"

namespace berth::ca {

// Who ends something says when before he has the records to himself, and may have to wait for them: a delta tells of what is that
// much older than the list that it continues, too. Entries too many do no harm.
inline constexpr unix_seconds slowest_record = 120;
inline unix_seconds delta_begins(unix_seconds base_this_update) {
    return base_this_update > slowest_record ? base_this_update - slowest_record : 0;
}

struct list_order {
    std::optional<uint32_t> shard = {};  // absent: of everything that this CA has issued
    bool delta = false;                  // since the last complete list of that scope
    unix_seconds lifetime = 7 * 86'400;  // until nextUpdate
    uint64_t at_least = 0;               // the number of a list that was made elsewhere
};
// The list, noted in the records under its number. Errors `issuer_key_mismatch`, `bad_key_usage`, `clock_implausible` (it would
// be dated before the last one), `no_complete_list` (for a delta), those of the records.
result<pki::crl> make_list(const issuer& by, const list_order& order, ca_records& records, const clock& time);

// Who answers OCSP queries: the CA itself, or a responder that it has appointed (profile with ocsp_no_check).
struct ocsp_responder {
    const pki::certificate& issuer;  // of the certificates that are asked about
    const pki::certificate& certificate;
    const crypto::signing_key& key;
    unix_seconds lifetime = 3'600;  // of an answer
};
// The state of one certificate, for answers that are made beforehand and for others.
result<pki::ocsp_answer> answer_about(const ocsp_responder& by, const pki::ocsp_id& id, ca_records& records, unix_seconds now);
// DER of the response, whatever the query is: one about another CA's certificates is answered `unauthorized`, one that cannot be
// read `malformed_request`, and what goes wrong here `internal_error`.
bytes answer_query(const ocsp_responder& by, bytes_view query, ca_records& records, const clock& time);
// Without being asked; no nonce. Errors of signing and of the records.
result<bytes> answer_beforehand(const ocsp_responder& by, bytes_view serial, pki::ocsp_hash hash, ca_records& records,
                                const clock& time);

}  // namespace berth::ca
