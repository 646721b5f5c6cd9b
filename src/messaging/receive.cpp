// What a party does with a token that came.
#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "messaging/keys.h"
#include "messaging/party.h"
#include "wire/base64.h"

namespace berth::messaging {

namespace {

constexpr uint64_t furthest = uint64_t{1} << 53;

tl::unexpected<error> refused(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

json::object said_done(json::value result) {
    json::object out{{"status", "done"}};
    if (!result.is_null()) {
        out["result"] = std::move(result);
    }
    return out;
}

json::object said_refused(const error& why) {
    // What went wrong inside is ours to know.
    const bool ours = why.category == error_category::internal || why.category == error_category::environment;
    return {{"status", "refused"},
            {"error", why.name},
            {"message", ours ? "The receiver could not do it: its log says why." : why.message}};
}

std::string hash_of(std::string_view token) {
    return to_hex(crypto::sha256(as_bytes(token)).view());
}

std::string_view text_in(const json::value& from, std::string_view name) {
    const auto* const object = from.if_object();
    const auto* const value = object != nullptr ? object->if_contains(name) : nullptr;
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string_view(*text) : std::string_view();
}

result<json::object> object_in(const json::value& from, std::string_view name) {
    const auto* const object = from.if_object();
    const auto* const value = object != nullptr ? object->if_contains(name) : nullptr;
    if (value == nullptr || !value->is_object()) {
        return refused("malformed", "The message has no member \"" + std::string(name) + "\" with a key in it.");
    }
    return value->get_object();
}

answer read_answer(const queued_message& request, const json::value& body) {
    answer out{request.sequence, request.kind, answer::status_of::unknown, {}, {}, {}};
    const auto status = text_in(body, "status");
    if (status == "done") {
        out.status = answer::status_of::done;
        if (const auto* const value = body.get_object().if_contains("result")) {
            out.result = *value;
        }
    } else if (status == "refused") {
        out.status = answer::status_of::refused;
        out.error = std::string(text_in(body, "error").substr(0, 64));
        out.message = std::string(text_in(body, "message").substr(0, 1024));
    }
    return out;
}

const error sequence_reused{error_category::peer, "sequence_reused",
                            "Another message of this number was taken already: the sender's numbers are behind."};

}  // namespace

result<received> party::receive(std::string_view token) {
    BERTH_TRY(kid, key_named_in(token));
    BERTH_TRY(found, store_.find_by_key(kid));
    if (!found) {
        return refused("unknown_key", "The token is sealed for a key that is not here, or not any more.");
    }
    if (found->state != peer_state::active) {
        return ended(*found, token);
    }
    if (time_.now() != 0 && time_.now() >= found->expires_at) {
        return refused("keys_expired", "The keys of this registration have expired: register anew.");
    }
    BERTH_TRY(opened, open_message(*found, token, time_.now()));
    const auto& said = opened.said();
    if (said.kind == kind_answer) {
        return take_answer(found->id, opened);
    }
    if (said.kind == "resync") {
        return take_challenge(found->id, opened);
    }
    if (said.kind == "resync-answer") {
        return take_challenge_answer(found->id, opened);
    }
    return take_request(found->id, opened, token);
}

result<received> party::ended(const peer_record& r, std::string_view token) {
    if (r.state == peer_state::revoked) {
        return refused("revoked", "This registration was revoked here.");
    }
    if (!r.last_token_hash.empty() && r.last_token_hash == hash_of(token)) {
        return received{r.id, "repeated", "deregister", {r.last_answer}, {}};
    }
    return refused("deregistered", "This registration has ended: register anew.");
}

result<std::string> party::seal_answer(const peer_record& to, const opened_message& request, json::object body) {
    const unix_seconds now = time_.now();
    const auto& asked = request.said();
    // An answer is as fresh as the request's id that it names; its own number is not looked at.
    message m{std::string(kind_answer),
              asked.sequence,
              jose::new_token_id(random_),
              now,
              now + most_message_life,
              asked.sequence,
              asked.id,
              std::move(body)};
    // In a session that was replaced meanwhile the sender still has both.
    const auto by = request.how() == sealing::session && !to.session.id.empty() ? sealing::session : sealing::nested;
    return seal_message(to, signatures_, by, m, random_);
}

result<received> party::take_request(const std::string& peer, const opened_message& m, std::string_view token) {
    received out{peer, "acted", m.said().kind, {}, {}};
    bool act = false;
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        const uint64_t number = m.said().sequence;
        if (r.lost) {
            BERTH_TRY(question, challenge(r, &m.said()));
            out.outcome = "challenged";
            out.send.push_back(std::move(question));
            return {};
        }
        const auto verdict = number >= furthest ? replay_window::verdict::too_old : r.in.judge(number);
        if (verdict == replay_window::verdict::fresh) {
            r.in.take(number);
            BERTH_CHECK(store_.put_numbers(r));
            BERTH_CHECK(store_.put_taken({peer, number, m.said().id, {}}));
            if (r.in.highest > replay_window::width) {
                BERTH_CHECK(store_.forget_taken(peer, r.in.highest - replay_window::width + 1));
            }
            act = true;
            return {};
        }
        out.outcome = "repeated";
        BERTH_TRY(before, store_.find_taken(peer, number));
        json::object body{{"status", "unknown"}};
        if (before && before->id != m.said().id) {
            out.outcome = "refused";
            body = said_refused(sequence_reused);
        } else if (before && !before->answer.empty()) {
            out.send.push_back(before->answer);
            return {};
        } else if (before) {
            const auto known = handlers_.find(m.said().kind);
            act = known != handlers_.end() && known->second.repeatable;
            if (act) {
                return {};
            }
        }
        BERTH_TRY(back, seal_answer(r, m, std::move(body)));
        out.send.push_back(std::move(back));
        return {};
    });
    BERTH_CHECK(kept);
    if (act) {
        BERTH_CHECK(act_and_answer(peer, m, token, out));
    }
    return out;
}

result<void> party::act_and_answer(const std::string& peer, const opened_message& m, std::string_view token, received& out) {
    const auto& said = m.said();
    const bool own = said.kind == "rekey" || said.kind == "deregister";
    json::object body;
    if (!own) {
        BERTH_TRY(r, active(peer));
        const auto known = handlers_.find(said.kind);
        auto did = known != handlers_.end()
                       ? known->second.act(r, said)
                       : result<json::value>(refused("unknown_kind", "Messages of this kind are not taken here."));
        out.outcome = did ? "acted" : "refused";
        body = did ? said_done(std::move(*did)) : said_refused(did.error());
    }
    return store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        if (said.kind == "rekey") {
            auto taken = take_keys(r, said);
            out.outcome = taken ? "acted" : "refused";
            body = taken ? said_done(std::move(*taken)) : said_refused(taken.error());
        } else if (said.kind == "deregister") {
            body = said_done({});
        }
        auto back = seal_answer(r, m, body);
        if (!back && back.error().is("message_too_large")) {
            back =
                seal_answer(r, m, said_refused({error_category::peer, "answer_too_large", "The answer has more than 32 KiB."}));
        }
        if (!back) {
            return fail(std::move(back).error());
        }
        out.send.push_back(*back);
        if (said.kind == "deregister") {
            BERTH_CHECK(store_.remove(peer));
            end_record(r, peer_state::ended, std::string(text_in(said.body, "reason")), time_.now());
            r.last_token_hash = hash_of(token);
            r.last_answer = std::move(*back);
            return store_.put(r);
        }
        return store_.put_taken({peer, said.sequence, said.id, std::move(*back)});
    });
}

result<json::value> party::take_keys(peer_record& r, const message& m) {
    BERTH_TRY(sent, object_in(m.body, "enc"));
    BERTH_TRY(fresh, take_encryption_key(sent));
    json::object signature;
    if (m.body.get_object().contains("sig")) {
        BERTH_TRY(sent_signature, object_in(m.body, "sig"));
        BERTH_TRY(taken, take_signature_key(sent_signature));
        signature = std::move(taken);
    }
    std::string coded(text_in(m.body, "secret"));
    auto secret = wire::from_base64url(coded);
    wipe(coded);
    if (!secret || secret->size() != 32) {
        return refused("malformed", "The new keys come without a secret of 32 octets.");
    }
    const unix_seconds now = time_.now(), until = now + most_message_life + clock_skew;
    const bool manages = r.own_role == role::manager;
    r.session_previous = std::move(r.session);
    r.session_previous.until = until;
    r.session = derive_session(*secret, as_bytes(m.id), r.own_role, manages ? r.own_id : r.id, manages ? r.id : r.own_id);
    wipe(*secret);
    r.encryption_key = std::move(fresh);
    if (!signature.empty()) {
        r.previous_signature_key = std::move(r.signature_key);
        r.previous_signature_until = until;
        r.signature_key = std::move(signature);
    }
    ++r.epoch;
    r.expires_at = now + settings_.key_life;
    BERTH_CHECK(store_.put(r));
    return json::value(json::object{{"epoch", static_cast<int64_t>(r.epoch)}, {"expires_at", r.expires_at}});
}

result<received> party::take_answer(const std::string& peer, const opened_message& m) {
    received out{peer, "stale_answer", m.said().kind, {}, {}};
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        BERTH_TRY(unanswered, store_.queued(peer));
        const auto at = std::ranges::find_if(unanswered, [&](const auto& each) {
            return each.sequence == *m.said().answers && crypto::equal(as_bytes(each.id), as_bytes(m.said().answers_id));
        });
        if (at == unanswered.end()) {
            return {};
        }
        const answer said = read_answer(*at, m.said().body);
        // What was signed is not answered by less.
        if (needs_signature(at->kind) && m.how() != sealing::nested) {
            return refused("needs_signature", "An answer to a message of this kind has to be signed.");
        }
        out.outcome = "answered";
        if (said.status == answer::status_of::refused && said.error == "sequence_reused") {
            // Our numbers are behind: nothing was done with this one. It goes again once they are right.
            at->unread = true;
            BERTH_CHECK(store_.queue(*at));
            BERTH_TRY(question, challenge(r, nullptr));
            out.send.push_back(std::move(question));
            return {};
        }
        BERTH_CHECK(store_.unqueue(peer, at->sequence));
        BERTH_CHECK(finish(r, *at, said));
        if (said.status == answer::status_of::unknown && r.state == peer_state::active && at->tried) {
            // Perhaps too old for the other one's window: numbers are compared.
            BERTH_TRY(question, challenge(r, nullptr));
            out.send.push_back(std::move(question));
        }
        out.answers.push_back(said);
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

result<void> party::finish(peer_record& r, const queued_message& request, const answer& said) {
    const bool done = said.status == answer::status_of::done;
    const unix_seconds now = time_.now(), until = now + most_message_life + clock_skew;
    if (request.kind == "deregister" && done) {
        BERTH_CHECK(store_.remove(r.id));
        end_record(r, peer_state::ended, "deregistered", now);
        return store_.put(r);
    }
    if (request.kind != "rekey") {
        return {};
    }
    if (done) {
        r.own_previous = std::move(r.own);
        r.own_previous.until = until;
        r.own = std::move(r.own_next);
        r.session_previous = std::move(r.session);
        r.session_previous.until = until;
        r.session = std::move(r.session_next);
        if (!r.next_own_signature.empty()) {
            r.own_signature = r.next_own_signature;
        }
        ++r.epoch;
        r.expires_at = now + settings_.key_life;
    }
    r.own_next = {};
    r.session_next = {};
    r.next_own_signature.clear();
    return store_.put(r);
}

result<received> party::take_challenge(const std::string& peer, const opened_message& m) {
    received out{peer, "challenged", m.said().kind, {}, {}};
    const auto nonce = text_in(m.said().body, "nonce");
    if (nonce.size() < 16 || nonce.size() > 64) {
        return refused("malformed", "The challenge has no nonce of 16 to 64 characters.");
    }
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        const unix_seconds now = time_.now();
        // Answering costs nothing but the answer; only a challenge later than the last one changes what waits.
        const bool later = m.said().issued_at > r.resync_at;
        const message back{"resync-answer",
                           r.next_out++,
                           jose::new_token_id(random_),
                           now,
                           now + 600,
                           {},
                           {},
                           json::object{{"nonce", nonce}, {"seen", r.in.highest}}};
        BERTH_CHECK(store_.put_numbers(r));
        BERTH_TRY(token, seal_message(r, signatures_, sealing::nested, back, random_));
        out.send.push_back(std::move(token));
        if (later) {
            r.resync_at = m.said().issued_at;
            return seal_again(r, m.said(), out.answers);
        }
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

// The other one's window begins anew behind the number of our answer. What never left, or was refused by this very challenge,
// goes under a new number; of anything else nobody can say whether it was done.
result<void> party::seal_again(peer_record& r, const message& question, std::vector<answer>& unknown) {
    BERTH_TRY(unanswered, store_.queued(r.id));
    for (auto& each : unanswered) {
        const bool named = question.answers && *question.answers == each.sequence && question.answers_id == each.id;
        BERTH_CHECK(store_.unqueue(r.id, each.sequence));
        if (each.tried && !each.unread && !named) {
            unknown.push_back({each.sequence, each.kind, answer::status_of::unknown, {}, {}, {}});
            continue;
        }
        BERTH_TRY(body, wire::parse_json(each.body));
        message m{each.kind, r.next_out++, each.id, time_.now(), each.expires_at, {}, {}, std::move(body)};
        if (m.expires_at <= m.issued_at) {
            continue;
        }
        // The same id: keys that were derived from a rekey's stay what they are.
        const auto by = each.by_session && !r.session.id.empty() ? sealing::session : sealing::nested;
        BERTH_TRY(token, seal_message(r, signatures_, by, m, random_));
        each.sequence = m.sequence;
        each.token = std::move(token);
        each.tried = each.unread = false;
        BERTH_CHECK(store_.queue(each));
    }
    return store_.put_numbers(r);
}

result<received> party::take_challenge_answer(const std::string& peer, const opened_message& m) {
    received out{peer, "resynced", m.said().kind, {}, {}};
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        const auto nonce = text_in(m.said().body, "nonce");
        if (!r.lost || r.challenge.empty() || !crypto::equal(as_bytes(nonce), as_bytes(r.challenge))) {
            return refused("stale_challenge", "Nobody has asked for this, or it was answered before.");
        }
        const auto* const seen = m.said().body.get_object().if_contains("seen");
        const auto* const number = seen != nullptr ? seen->if_int64() : nullptr;
        if (number == nullptr || *number < 0 || static_cast<uint64_t>(*number) >= furthest || m.said().sequence >= furthest) {
            return refused("malformed", "The answer to a challenge does not say what was seen.");
        }
        r.in = replay_window::closed_up_to(std::max(m.said().sequence, r.in.highest));
        r.next_out = std::max(r.next_out, static_cast<uint64_t>(*number) + 1);
        r.lost = false;
        r.challenge.clear();
        BERTH_CHECK(store_.forget_taken(peer, r.in.highest + 1));
        BERTH_CHECK(store_.put_numbers(r));
        // What waits here has numbers that the other one may have seen.
        return seal_again(r, {}, out.answers);
    });
    BERTH_CHECK(kept);
    return out;
}

}  // namespace berth::messaging
