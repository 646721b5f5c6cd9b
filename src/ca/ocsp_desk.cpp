#include "ca/ocsp_desk.h"

#include "wire/base64.h"

namespace berth::ca {

namespace {

int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

ocsp_desk::answer failure(pki::ocsp_failure what, const char* outcome) {
    ocsp_desk::answer out;
    out.der = pki::ocsp_failure_response(what);
    out.outcome = outcome;
    return out;
}

}  // namespace

result<bytes> ocsp_query_in_path(std::string_view text) {
    const auto bad = [] { return fail(error_category::peer, "malformed", "The address holds no OCSP request in base64."); };
    if (text.size() > 3 * most_ocsp_query) {
        return bad();
    }
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
            return bad();
        }
        plain += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    auto out = wire::from_base64(plain);
    if (!out || out->empty() || out->size() > most_ocsp_query) {
        return bad();
    }
    return std::move(*out);
}

result<void> ocsp_desk::check(unix_seconds now) const {
    for (const party& p : parties_) {
        if (now < p.responder.not_before() || now > p.responder.not_after()) {
            return fail(error{error_category::environment, "responder_expired",
                              "The certificate of the OCSP responder " + p.responder.subject() + " was valid until " +
                                  to_iso8601(p.responder.not_after()) + "; renew it (berth ca responder) and reload."}
                            .with("subject", p.responder.subject()));
        }
    }
    return {};
}

// Two seconds' bursts may meet at their border; what is bounded is the load over more than that.
bool ocsp_desk::may_sign(const clock& time) {
    const milliseconds now = time.steady();
    if (!second_ || now - *second_ >= 1'000) {
        second_ = now;
        signed_in_it_ = 0;
    }
    return signed_in_it_++ < limits_.signatures_per_second;
}

const ocsp_desk::party* ocsp_desk::party_for(const pki::ocsp_query& query) const {
    for (const party& p : parties_) {
        if (std::ranges::all_of(query.ids, [&](const pki::ocsp_id& id) { return pki::is_of_issuer(id, p.issuer); })) {
            return &p;
        }
    }
    return nullptr;
}

ocsp_desk::answer ocsp_desk::serve(bytes_view query, ca_records& records, const clock& time) {
    if (query.size() > most_ocsp_query) {
        return failure(pki::ocsp_failure::malformed_request, "malformed");
    }
    const auto asked = pki::parse_ocsp_query(query);
    if (!asked) {
        return failure(pki::ocsp_failure::malformed_request, "malformed");
    }
    const party* const by = party_for(*asked);
    if (by == nullptr) {
        return failure(pki::ocsp_failure::unauthorized, "unauthorized");
    }
    const unix_seconds now = time.now();
    const auto endings = records.endings();
    if (!endings || now < by->responder.not_before() || now > by->responder.not_after()) {
        return failure(pki::ocsp_failure::internal_error, "failed");
    }
    // Whatever was ended, and by whomever: nothing that was signed before is sent any more.
    if (*endings != endings_) {
        kept_.clear();
        oldest_first_.clear();
        endings_ = *endings;
    }
    const bool for_anybody = !asked->nonce && asked->ids.size() == 1;
    const std::string name = for_anybody ? std::string(as_text(asked->ids.front().der)) : std::string();
    if (for_anybody) {
        const auto before = kept_.find(name);
        // Its second half belongs to those who keep it meanwhile. A clock that was set back makes it one of the future.
        if (before != kept_.end() && now >= before->second.this_update &&
            now < before->second.this_update + limits_.answer_lifetime / 2) {
            auto out = before->second;
            out.outcome = "kept";
            return out;
        }
    }
    if (!may_sign(time)) {
        return failure(pki::ocsp_failure::try_later, "try_later");
    }
    const ocsp_responder signer{by->issuer, by->responder, by->key->as_signing_key(),
                                std::min(limits_.answer_lifetime, by->responder.not_after() - now)};
    std::vector<pki::ocsp_answer> answers;
    for (const pki::ocsp_id& id : asked->ids) {
        auto one = answer_about(signer, id, records, now);
        if (!one) {
            return failure(pki::ocsp_failure::internal_error, "failed");
        }
        answers.push_back(std::move(*one));
    }
    auto made = pki::sign_ocsp_response(answers, asked->nonce, now, by->responder, signer.key);
    if (!made) {
        return failure(pki::ocsp_failure::internal_error, "failed");
    }
    // What is not known now may be issued in a moment.
    const bool lasts = for_anybody && answers.front().state != pki::ocsp_state::unknown;
    answer out{std::move(*made), "signed", lasts, now, now + signer.lifetime};
    if (lasts && limits_.most_kept > 0) {
        if (kept_.erase(name) > 0) {
            oldest_first_.remove(name);
        }
        if (kept_.size() >= limits_.most_kept) {
            kept_.erase(oldest_first_.front());
            oldest_first_.pop_front();
        }
        kept_.emplace(name, out);
        oldest_first_.push_back(name);
    }
    return out;
}

}  // namespace berth::ca
