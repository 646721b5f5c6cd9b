#include "ca/publish.h"

namespace berth::ca {

result<pki::crl> make_list(const issuer& by, const list_order& order, ca_records& records, const clock& time) {
    const unix_seconds now = time.now();
    BERTH_TRY(complete, records.last_crl(by.id(), order.shard, false));
    BERTH_TRY(delta, records.last_crl(by.id(), order.shard, true));
    const unix_seconds newest = std::max(complete ? complete->this_update : 0, delta ? delta->this_update : 0);
    if (now < newest || now < by.settings().earliest_clock || now >= by.settings().latest_clock) {
        return fail(error_category::environment, "clock_implausible",
                    "No list is made: the clock says " + to_iso8601(now) + ", and the last one is of " + to_iso8601(newest) +
                        ".");
    }
    if (order.delta && !complete) {
        return fail(error_category::usage, "no_complete_list",
                    "A delta tells what has changed since a complete list, and none was made yet.");
    }
    crl_record note;
    note.issuer = by.id();
    note.shard = order.shard;
    note.delta = order.delta;
    note.base = order.delta ? complete->number : 0;
    note.this_update = now;
    note.next_update = now + order.lifetime;

    pki::crl_template contents;
    contents.this_update = note.this_update;
    contents.next_update = note.next_update;
    revocation_query query{by.id(), order.shard, 0, 0};
    // RFC 5280 3.3: "An entry MUST NOT be removed from the CRL until it appears on one regularly scheduled CRL issued beyond the
    // revoked certificate's validity period."
    query.expires_after = complete ? complete->this_update : 0;
    query.recorded_since = order.delta ? delta_begins(complete->this_update) : 0;
    BERTH_CHECK(records.each_revoked(query, [&](const pki::revoked_entry& entry) { contents.revoked.push_back(entry); }));
    note.entries = contents.revoked.size();
    BERTH_TRY(number, records.note_crl(note, order.at_least));
    contents.number = number;

    pki::crl_scope scope;
    if (order.shard) {
        scope.points = {by.crl_url(order.shard)};
    }
    if (order.delta) {
        scope.delta_base = note.base;
    } else if (const std::string url = by.delta_url(order.shard); !url.empty()) {
        scope.delta_urls = {url};
    }
    return pki::issue_crl(contents, scope, by.certificate(), by.key());
}

result<pki::ocsp_answer> answer_about(const ocsp_responder& by, const pki::ocsp_id& id, ca_records& records, unix_seconds now) {
    BERTH_TRY(status, records.status(by.issuer.spki_sha256(), id.serial));
    pki::ocsp_answer out;
    out.id = id;
    out.this_update = now;
    out.next_update = now + by.lifetime;
    out.state = status.state == standing::good      ? pki::ocsp_state::good
                : status.state == standing::revoked ? pki::ocsp_state::revoked
                                                    : pki::ocsp_state::unknown;
    out.revoked_at = status.at;
    out.reason = status.reason;
    return out;
}

bytes answer_query(const ocsp_responder& by, bytes_view query, ca_records& records, const clock& time) {
    const auto asked = pki::parse_ocsp_query(query);
    if (!asked) {
        return pki::ocsp_failure_response(pki::ocsp_failure::malformed_request);
    }
    std::vector<pki::ocsp_answer> answers;
    const unix_seconds now = time.now();
    for (const pki::ocsp_id& id : asked->ids) {
        if (!pki::is_of_issuer(id, by.issuer)) {
            return pki::ocsp_failure_response(pki::ocsp_failure::unauthorized);
        }
        auto answer = answer_about(by, id, records, now);
        if (!answer) {
            return pki::ocsp_failure_response(pki::ocsp_failure::internal_error);
        }
        answers.push_back(std::move(*answer));
    }
    const auto made = pki::sign_ocsp_response(answers, asked->nonce, now, by.certificate, by.key);
    return made ? *made : pki::ocsp_failure_response(pki::ocsp_failure::internal_error);
}

result<bytes> answer_beforehand(const ocsp_responder& by, bytes_view serial, pki::ocsp_hash hash, ca_records& records,
                                const clock& time) {
    const unix_seconds now = time.now();
    BERTH_TRY(answer, answer_about(by, pki::make_ocsp_id(serial, by.issuer, hash), records, now));
    return pki::sign_ocsp_response({&answer, 1}, std::nullopt, now, by.certificate, by.key);
}

}  // namespace berth::ca
