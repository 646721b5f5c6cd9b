#include "messaging/message.h"

#include "messaging/keys.h"

#include <array>

namespace berth::messaging {

namespace {

constexpr std::array<std::string_view, 5> signed_kinds{"rekey", "deregister", "resync", "resync-answer", "confirm"};
constexpr int64_t most_number = int64_t{1} << 53;

std::string type_of(std::string_view kind) {
    return "berth-" + std::string(kind) + "+jwt";
}

error bad_claims(std::string_view name) {
    return {error_category::peer,
            "bad_claims",
            "The message's claim \"" + std::string(name) + "\" is missing or not what it must be.",
            {{"claim", std::string(name)}}};
}

bool good_until(unix_seconds until, unix_seconds now) {
    return until == 0 || now == 0 || now < until;
}

result<uint64_t> number(const json::object& from, std::string_view name) {
    const auto* const value = from.if_contains(name);
    const auto* const found = value != nullptr ? value->if_int64() : nullptr;
    if (found == nullptr || *found < 0 || *found > most_number) {
        return fail(bad_claims(name));
    }
    return static_cast<uint64_t>(*found);
}

// kind, re and body, which both ways of sealing have alike.
result<message> read_body(json::object& from, std::string_view type) {
    message out;
    const auto* const kind = from.if_contains("kind");
    if (kind == nullptr || !kind->is_string() || !check_kind(kind->get_string())) {
        return fail(bad_claims("kind"));
    }
    out.kind = std::string(kind->get_string());
    if (!jose::same_type(type, type_of(out.kind))) {
        return fail(error_category::peer, "wrong_type",
                    "The token is of type \"" + std::string(type) + "\" and has a message of kind \"" + out.kind + "\" in it.");
    }
    if (from.contains("re")) {
        BERTH_TRY(answers, number(from, "re"));
        out.answers = answers;
        const auto* const id = from.if_contains("rid");
        if (id == nullptr || !id->is_string() || id->get_string().size() > 64) {
            return fail(bad_claims("rid"));
        }
        out.answers_id = std::string(id->get_string());
    }
    if ((out.kind == kind_answer) != out.answers.has_value() && out.kind != "resync") {
        return fail(bad_claims("re"));
    }
    if (auto* const body = from.if_contains("body")) {
        out.body = std::move(*body);
    }
    return out;
}

json::object body_of(const message& m) {
    json::object out{{"kind", m.kind}};
    if (m.answers) {
        out["re"] = *m.answers;
        out["rid"] = m.answers_id;
    }
    if (!m.body.is_null()) {
        out["body"] = m.body;
    }
    return out;
}

const session_keys* session_named(const peer_record& r, std::string_view id, unix_seconds now) {
    for (const auto* const each : {&r.session, &r.session_next, &r.session_previous}) {
        if (!each->id.empty() && each->id == id && good_until(each->until, now)) {
            return each;
        }
    }
    return nullptr;
}

const own_key* own_key_named(const peer_record& r, std::string_view kid, unix_seconds now) {
    for (const auto* const each : {&r.own, &r.own_next, &r.own_previous}) {
        if (!each->kid.empty() && each->kid == kid && good_until(each->until, now)) {
            return each;
        }
    }
    return nullptr;
}

}  // namespace

result<void> check_kind(std::string_view kind) {
    const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (kind.empty() || kind.size() > 32 || kind.front() < 'a' || kind.front() > 'z' || !std::ranges::all_of(kind, good)) {
        return fail(error_category::usage, "bad_kind",
                    "A kind is 1 to 32 characters of a-z, 0-9 and -, and begins with a letter.");
    }
    return {};
}

bool needs_signature(std::string_view kind) {
    return std::ranges::find(signed_kinds, kind) != signed_kinds.end();
}

const jose::signing_key* own_signatures::find(std::string_view kid) const {
    const auto at = std::ranges::find_if(keys, [kid](const auto* key) { return key->pub.kid == kid; });
    return at != keys.end() ? *at : nullptr;
}

result<std::string> seal_message(const peer_record& to, const own_signatures& by, sealing how, const message& m,
                                 random_source& random) {
    auto body = body_of(m);
    if (wire::to_text(body).size() > most_body) {
        return fail(error{error_category::usage, "message_too_large", "A message has 32 KiB at most."}.with(
            "most", std::to_string(most_body)));
    }
    if (how == sealing::session) {
        if (to.session.id.empty()) {
            return fail(error_category::usage, "no_session", "There is no session with this peer: send it nested.");
        }
        BERTH_TRY(key, jose::shared_key_of(to.session.send, jose::content_alg::a256gcm, to.session.id));
        body["seq"] = m.sequence;
        body["jti"] = m.id;
        body["iat"] = m.issued_at;
        body["exp"] = m.expires_at;
        // Who sends it and whom it is for are in the keys (derive_session).
        return jose::seal(key.pub, as_bytes(wire::to_text(body)), {{"typ", type_of(m.kind)}}, {}, random);
    }
    const auto* const signer = by.find(to.own_signature);
    if (signer == nullptr) {
        return fail(error_category::usage, "no_signature_key",
                    "The signature key that this peer knows is not here any more: put it back, or register anew.");
    }
    BERTH_TRY(recipient, jose::read_recipient_key(to.encryption_key));
    jose::claims c{to.own_id, to.id, m.issued_at, m.expires_at, {}, m.id, m.sequence, std::move(body)};
    return jose::seal_nested(recipient, *signer, type_of(m.kind), c, random);
}

class message_opener {
public:
    static result<opened_message> nested(const peer_record& from, const own_key& own, std::string_view token, unix_seconds now) {
        BERTH_TRY(opening, opening_key_of(own));
        std::vector<jose::verification_key> keys;
        BERTH_TRY(current, jose::read_verification_key(from.signature_key));
        keys.push_back(std::move(current));
        if (!from.previous_signature_key.empty() && good_until(from.previous_signature_until, now)) {
            BERTH_TRY(previous, jose::read_verification_key(from.previous_signature_key));
            keys.push_back(std::move(previous));
        }
        const auto find = [&](std::string_view issuer, std::string_view kid) -> const jose::verification_key* {
            const auto at = std::ranges::find_if(keys, [kid](const auto& key) { return key.kid == kid; });
            return issuer == from.id && at != keys.end() ? &*at : nullptr;
        };
        jose::token_rules rules{{}, from.id, from.own_id, now, clock_skew, most_message_life, true};
        BERTH_TRY(opened, jose::open_nested(opening, token, find, rules));
        const auto& said = opened.said();
        if (!said.sequence || *said.sequence == 0) {
            return fail(bad_claims("seq"));
        }
        auto members = said.body;
        BERTH_TRY(m, read_body(members, opened.type()));
        m.sequence = *said.sequence;
        m.id = said.id;
        m.issued_at = said.issued_at;
        m.expires_at = said.expires_at;
        return opened_message(std::move(m), sealing::nested, own.kid, opened.signer());
    }

    static result<opened_message> of_session(const session_keys& session, std::string_view token, unix_seconds now) {
        BERTH_TRY(key, jose::shared_key_of(session.receive, jose::content_alg::a256gcm, session.id));
        BERTH_TRY(opened, jose::open(key, token, {}));
        auto members = wire::parse_json_object(as_text(opened.plaintext));
        if (!members) {
            return fail(jose::malformed("what is sealed in it: " + members.error().message));
        }
        BERTH_TRY(m, read_body(*members, opened.head.typ));
        if (needs_signature(m.kind)) {
            return fail(error_category::peer, "needs_signature", "A message of this kind has to be signed.");
        }
        BERTH_TRY(sequence, number(*members, "seq"));
        BERTH_TRY(issued, number(*members, "iat"));
        BERTH_TRY(expires, number(*members, "exp"));
        const auto* const id = members->if_contains("jti");
        if (sequence == 0 || id == nullptr || !id->is_string() || id->get_string().size() < 16 || id->get_string().size() > 64) {
            return fail(bad_claims(sequence == 0 ? "seq" : "jti"));
        }
        m.sequence = sequence;
        m.id = std::string(id->get_string());
        m.issued_at = static_cast<unix_seconds>(issued);
        m.expires_at = static_cast<unix_seconds>(expires);
        // jose::check() judges lives of all tokens alike.
        const jose::claims c{"-", "-", m.issued_at, m.expires_at, {}, m.id, m.sequence, {}};
        BERTH_CHECK(jose::check(opened.head, c, {{}, {}, "-", now, clock_skew, most_message_life, true}));
        return opened_message(std::move(m), sealing::session, session.id, {});
    }
};

result<std::string> key_named_in(std::string_view token) {
    BERTH_TRY(kind, jose::kind_of(token.substr(0, jose::most_token + 1)));
    if (kind != jose::token_kind::encrypted) {
        return fail(error_category::peer, "not_sealed", "The token is signed and not sealed.");
    }
    BERTH_TRY(head, jose::peek(token));
    if (head.kid.empty()) {
        return fail(error_category::peer, "no_key_named", "The token does not say which key it is sealed for.");
    }
    return head.kid;
}

result<opened_message> open_message(const peer_record& from, std::string_view token, unix_seconds now) {
    BERTH_TRY(kid, key_named_in(token));
    if (const auto* const own = own_key_named(from, kid, now)) {
        return message_opener::nested(from, *own, token, now);
    }
    if (const auto* const session = session_named(from, kid, now)) {
        return message_opener::of_session(*session, token, now);
    }
    return fail(error_category::peer, "unknown_key", "The token is sealed for a key that is not here, or not any more.");
}

}  // namespace berth::messaging
