// Sending; what comes in is in receive.cpp.
#include "messaging/party.h"

#include "base/wipe.h"
#include "messaging/keys.h"
#include "wire/base64.h"

namespace berth::messaging {

void end_record(peer_record& r, peer_state as, const std::string& reason, unix_seconds now) {
    r.state = as;
    r.reason = reason.substr(0, 256);
    r.ended_at = now;
    for (auto* const key : {&r.own, &r.own_next, &r.own_previous}) {
        key->jwk.clear();
    }
    for (auto* const session : {&r.session, &r.session_next, &r.session_previous}) {
        session->send.clear();
        session->receive.clear();
    }
    r.signature_key.clear();
    r.encryption_key.clear();
    r.previous_signature_key.clear();
    r.repository.password.clear();
}

result<peer_record> party::active(const std::string& peer) {
    BERTH_TRY(found, store_.find(peer));
    if (!found || found->state != peer_state::active) {
        return fail(error{error_category::usage, "not_registered",
                          "There is no peer by this name with which keys were exchanged: register first."}
                        .with("peer", peer));
    }
    if (time_.now() != 0 && time_.now() >= found->expires_at) {
        return fail(
            error{error_category::usage, "keys_expired", "The keys exchanged with this peer have expired: register anew."}.with(
                "peer", peer));
    }
    return std::move(*found);
}

result<queued_message> party::enqueue(peer_record& to, std::string_view kind, json::value body, options_for_one options) {
    BERTH_CHECK(check_kind(kind));
    const unix_seconds life = options.life > 0 ? options.life : settings_.message_life;
    if (life > most_message_life) {
        return fail(error_category::usage, "message_lives_too_long", "A message lives for one day at most.");
    }
    BERTH_TRY(there, store_.queued(to.id));
    const unix_seconds now = time_.now();
    const auto expired = [now](const queued_message& each) { return now != 0 && each.expires_at <= now; };
    if (there.size() >= most_queued) {
        for (const auto& each : there) {
            if (expired(each)) {
                BERTH_CHECK(store_.unqueue(to.id, each.sequence));
            }
        }
        std::erase_if(there, expired);
    }
    if (there.size() >= most_queued) {
        return fail(error{error_category::environment, "outbox_full",
                          "So many messages wait for this peer that no more are taken: it has to fetch them first."}
                        .with("peer", to.id));
    }
    message m{std::string(kind), to.next_out++, jose::new_token_id(random_), now, now + life, {}, {}, std::move(body)};
    BERTH_TRY(token, seal_message(to, signatures_, options.by, m, random_));
    queued_message out;
    out.peer = to.id;
    out.sequence = m.sequence;
    out.id = m.id;
    out.kind = m.kind;
    out.body = wire::to_text(m.body);
    out.by_session = options.by == sealing::session;
    out.token = std::move(token);
    out.queued_at = now;
    out.expires_at = m.expires_at;
    BERTH_CHECK(store_.queue(out));
    BERTH_CHECK(store_.put_numbers(to));
    return out;
}

result<queued_message> party::send(const std::string& peer, std::string_view kind, json::value body, options_for_one options) {
    queued_message out;
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(to, active(peer));
        BERTH_TRY(queued, enqueue(to, kind, std::move(body), options));
        out = std::move(queued);
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

result<queued_message> party::rekey(const std::string& peer) {
    queued_message out;
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(to, active(peer));
        BERTH_TRY(unanswered, store_.queued(peer));
        for (const auto& each : unanswered) {
            if (each.kind == "rekey" && each.expires_at > time_.now()) {
                out = each;  // the one that is under way has to be answered first
                return {};
            }
        }
        BERTH_TRY(fresh, make_own_key(settings_.key_algorithm, random_));
        BERTH_TRY(jwk, public_half(fresh));
        secret_bytes secret(32);
        random_.fill(secret.writable());
        json::object body{{"enc", jwk}, {"secret", wire::base64url(secret.reveal())}};
        to.next_own_signature.clear();
        if (!signatures_.keys.empty() && signatures_.keys.front()->pub.kid != to.own_signature) {
            body["sig"] = jose::to_jwk(signatures_.keys.front()->pub);
            to.next_own_signature = signatures_.keys.front()->pub.kid;
        }
        to.own_next = std::move(fresh);
        BERTH_TRY(queued, enqueue(to, "rekey", std::move(body), {}));
        const bool manages = to.own_role == role::manager;
        to.session_next = derive_session(secret.reveal(), as_bytes(queued.id), to.own_role, manages ? to.own_id : to.id,
                                         manages ? to.id : to.own_id);
        BERTH_CHECK(store_.put(to));
        out = std::move(queued);
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

result<queued_message> party::deregister(const std::string& peer, const std::string& reason) {
    return send(peer, "deregister", json::object{{"reason", reason.substr(0, 256)}});
}

result<party::waiting> party::pending(const std::string& peer) {
    waiting out;
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(all, store_.queued(peer));
        for (auto& each : all) {
            if (time_.now() != 0 && each.expires_at <= time_.now()) {
                BERTH_CHECK(store_.unqueue(peer, each.sequence));
                out.expired.push_back(each.sequence);
                continue;
            }
            if (!each.tried) {
                each.tried = true;
                BERTH_CHECK(store_.queue(each));
            }
            out.messages.push_back(std::move(each));
        }
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

// RFC 8613 appendix B.1.2: whoever has lost its window takes nothing before a fresh challenge was answered.
result<std::string> party::challenge(peer_record& r, const message* refused) {
    if (r.challenge.empty()) {
        r.challenge = jose::new_token_id(random_);
    }
    r.lost = true;
    BERTH_CHECK(store_.put_numbers(r));
    const unix_seconds now = time_.now();
    message m{"resync", r.next_out, jose::new_token_id(random_), now, now + 600, {}, {}, json::object{{"nonce", r.challenge}}};
    if (refused != nullptr) {
        m.answers = refused->sequence;
        m.answers_id = refused->id;
    }
    return seal_message(r, signatures_, sealing::nested, m, random_);
}

result<std::string> party::resync(const std::string& peer) {
    std::string out;
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(r, active(peer));
        BERTH_TRY(token, challenge(r, nullptr));
        out = std::move(token);
        return {};
    });
    BERTH_CHECK(kept);
    return out;
}

result<void> party::revoke(const std::string& peer, const std::string& reason) {
    return store_.together([&]() -> result<void> {
        BERTH_TRY(found, store_.find(peer));
        if (!found) {
            return fail(error{error_category::usage, "not_registered", "There is no peer by this name."}.with("peer", peer));
        }
        if (found->state != peer_state::active) {
            return {};
        }
        BERTH_CHECK(store_.remove(peer));  // what waits and what was taken goes with it
        end_record(*found, peer_state::revoked, reason, time_.now());
        return store_.put(*found);
    });
}

}  // namespace berth::messaging
