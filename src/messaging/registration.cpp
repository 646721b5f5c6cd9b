#include "messaging/registration.h"

#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "messaging/keys.h"
#include "wire/base64.h"

namespace berth::messaging {

namespace {

constexpr std::string_view token_type = "berth-registration+jwt";
constexpr size_t most_url = 2048, most_secret = 1024;

tl::unexpected<error> refused(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

result<std::string> text_of(const json::object& body, std::string_view name, size_t most) {
    const auto* const value = body.if_contains(name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    if (text == nullptr || text->size() > most) {
        return refused("malformed", "The request's member \"" + std::string(name) + "\" is missing, too long or no text.");
    }
    return std::string(*text);
}

result<json::object> key_of(const json::object& body, std::string_view name) {
    const auto* const value = body.if_contains(name);
    if (value == nullptr || !value->is_object()) {
        return refused("malformed", "The request's member \"" + std::string(name) + "\" is missing or no JSON Web Key.");
    }
    return value->get_object();
}

result<void> check_version(const json::object& body) {
    const auto* const version = body.if_contains("version");
    if (version == nullptr || !version->is_int64() || version->get_int64() != protocol_version) {
        return fail(error_category::incompatible, "unsupported_version", "Version 1 of the registration is spoken here.");
    }
    return {};
}

result<repository_access> read_repository(const json::object& body) {
    repository_access out;
    BERTH_TRY(url, text_of(body, "url", most_url));
    BERTH_TRY(user, text_of(body, "user", most_secret));
    BERTH_TRY(password, text_of(body, "password", most_secret));
    const size_t host = url.find("://") + 3;
    const bool known = url.starts_with("https://") || url.starts_with("http://");
    const bool printable = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7f; });
    if (!known || !printable || url.size() <= host ||
        url.substr(host, url.find('/', host) - host).find('@') != std::string::npos) {
        return refused("bad_repository", "A repository's address is https://HOST/..., without a name and a password in it.");
    }
    out.url = std::move(url);
    out.user = std::move(user);
    out.password = secret_bytes(as_bytes(password));
    return out;
}

}  // namespace

void transcript::add(std::string_view text) {
    const auto size = static_cast<uint32_t>(text.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        octets_.push_back(static_cast<uint8_t>(size >> shift));
    }
    append(octets_, as_bytes(text));
}

std::string transcript::hash() const {
    return to_hex(crypto::sha256(octets_).view());
}

result<std::string> registration_desk::login(const std::string& account, const tls_session& over) {
    const unix_seconds now = time_.now();
    std::erase_if(open_, [now](const auto& each) { return each.second.until <= now; });
    const auto own = static_cast<size_t>(
        std::ranges::count_if(open_, [&account](const auto& each) { return each.second.account == account; }));
    if (open_.size() >= settings_.most_open || own >= settings_.most_open_of_one) {
        return refused("too_many_requests", "Too many registrations are under way: come again in two minutes.");
    }
    jose::claims c{"gateway", account, now, now + settings_.token_life, {}, jose::new_token_id(random_), {}, {}};
    c.body["tls"] = to_hex(crypto::sha256(over.binding.reveal()).view());
    BERTH_TRY(token, jose::sign_claims(*signatures_.keys.front(), token_type, c));
    login_state state;
    state.account = account;
    state.binding = over.binding;
    state.until = now + settings_.token_life;
    open_.emplace(c.id, std::move(state));
    return wire::to_text(json::object{{"token", token}, {"expires_in", settings_.token_life}});
}

result<registration_desk::login_state*> registration_desk::find(std::string_view token, const tls_session& over) {
    const auto invalid = [] {
        return refused("token_invalid", "The token is none of this gateway's, is used up, has expired, or belongs to another TLS "
                                        "session: log in again.");
    };
    BERTH_TRY(proven, jose::verify(signatures_.keys.front()->pub, token));
    BERTH_TRY(c, jose::read_claims(proven.payload()));
    const auto at = open_.find(c.id);
    if (at == open_.end()) {
        return invalid();
    }
    auto& l = at->second;
    const jose::token_rules rules{token_type, "gateway", l.account, time_.now(), 0, settings_.token_life};
    if (!crypto::equal(l.binding.reveal(), over.binding.reveal())) {
        return invalid();  // the session that it belongs to may go on
    }
    if (!jose::check(proven.head(), c, rules) || l.until <= time_.now()) {
        l.at = next_stage(role::gateway, l.at, event::late).value_or(stage::ended);
        open_.erase(at);
        return invalid();
    }
    return &l;
}

result<registration_desk::answer> registration_desk::handle(std::string_view step, std::string_view token,
                                                            const tls_session& over, std::string_view body) {
    const auto found = find(token, over);
    if (!found) {
        // One name for whatever is wrong with a token.
        return refused("token_invalid", found.error().is("token_invalid") ? found.error().message
                                                                          : "The token is none of this gateway's: log in again.");
    }
    login_state& l = **found;
    const auto work = [&]() -> result<answer> {
        constexpr std::array<std::pair<std::string_view, event>, 5> steps{{{"exchange", event::exchange},
                                                                           {"identity", event::identity},
                                                                           {"repository", event::repository},
                                                                           {"confirm", event::confirm},
                                                                           {"deregister", event::deregister}}};
        const auto* const which = std::ranges::find(steps, step, &std::pair<std::string_view, event>::first);
        const auto next = which != steps.end() ? next_stage(role::gateway, l.at, which->second) : std::nullopt;
        if (!next) {
            return refused("unexpected_message", "This is not what comes next in a registration.");
        }
        auto members = body.size() <= most_registration_body ? wire::parse_json_object(body)
                                                             : result<json::object>(refused("too_large", ""));
        if (!members) {
            return refused("malformed", "The request's body is not one JSON object of 32 KiB at most.");
        }
        result<answer> out = refused("unexpected_message", "");
        switch (which->second) {
        case event::exchange:
            l.said.add(body);
            out = exchange(l, *members);
            break;
        case event::identity:
            l.said.add(body);
            out = identity(l, *members);
            break;
        case event::repository:
            l.said.add(body);
            out = repository(l, *members);
            break;
        case event::confirm: out = confirm(l, over, *members); break;
        default: out = deregister(l, *members); break;
        }
        if (out) {
            l.at = *next;
            l.said.add(out->body);
        }
        return out;
    };
    auto out = work();
    if (!out || out->last) {
        std::erase_if(open_, [&l](const auto& each) { return &each.second == &l; });
    }
    return out;
}

result<registration_desk::answer> registration_desk::exchange(login_state& l, const json::object& body) {
    BERTH_CHECK(check_version(body));
    BERTH_TRY(name, text_of(body, "manager", 64));
    BERTH_CHECK(check_name(name));
    BERTH_TRY(signature_sent, key_of(body, "signature_key"));
    BERTH_TRY(encryption_sent, key_of(body, "encryption_key"));
    BERTH_TRY(signature, take_signature_key(signature_sent));
    BERTH_TRY(encryption, take_encryption_key(encryption_sent));
    BERTH_TRY(before, store_.find(name));
    if (before && before->account != l.account) {
        return refused("id_taken", "Somebody else is registered by this name.");
    }
    if (!before) {
        BERTH_TRY(all, store_.list());
        if (all.size() >= settings_.most_peers) {
            return refused("too_many_peers", "So many are registered that no more are taken.");
        }
    }
    BERTH_TRY(own, make_own_key(settings_.key_algorithm, random_));
    BERTH_TRY(own_public, public_half(own));
    auto& r = l.record;
    r.id = name;
    r.account = l.account;
    r.own_role = role::gateway;
    r.epoch = before ? before->epoch + 1 : 1;
    r.signature_key = std::move(signature);
    r.encryption_key = std::move(encryption);
    r.own_signature = signatures_.keys.front()->pub.kid;
    r.own = std::move(own);
    return answer{wire::to_text(json::object{{"version", protocol_version},
                                             {"signature_key", jose::to_jwk(signatures_.keys.front()->pub)},
                                             {"encryption_key", own_public},
                                             {"key_life", settings_.key_life},
                                             {"nonce", jose::new_token_id(random_)}}),
                  false,
                  {},
                  {}};
}

result<registration_desk::answer> registration_desk::identity(login_state& l, const json::object& body) {
    BERTH_TRY(name, text_of(body, "id", 64));
    BERTH_CHECK(check_name(name));
    if (name == l.record.id) {
        return refused("bad_name", "The gateway's name must be another than the manager's.");
    }
    l.record.own_id = name;
    return answer{wire::to_text(json::object{{"id", name}}), false, {}, {}};
}

result<registration_desk::answer> registration_desk::repository(login_state& l, const json::object& body) {
    BERTH_TRY(access, read_repository(body));
    l.record.repository = std::move(access);
    return answer{wire::to_text(json::object{{"saved", l.record.repository.url}}), false, {}, {}};
}

result<registration_desk::answer> registration_desk::confirm(login_state& l, const tls_session& over, const json::object& body) {
    auto& r = l.record;
    const unix_seconds now = time_.now();
    BERTH_TRY(token, text_of(body, "message", jose::most_token));
    BERTH_TRY(opened, open_message(r, token, now));
    const auto& said = opened.said();
    const auto* const hash = said.body.is_object() ? said.body.get_object().if_contains("transcript") : nullptr;
    if (said.kind != "confirm" || said.sequence != 1 || opened.how() != sealing::nested || hash == nullptr ||
        !hash->is_string() || hash->get_string() != l.said.hash()) {
        return refused("transcript_mismatch", "The manager's confirmation is of another registration than this one.");
    }
    r.session = derive_session(over.secret.reveal(), l.said.octets(), role::gateway, r.id, r.own_id);
    r.in = {};
    r.in.take(said.sequence);
    r.next_out = 1;
    r.registered_at = now;
    r.expires_at = now + settings_.key_life;
    message back{std::string(kind_answer),
                 said.sequence,
                 jose::new_token_id(random_),
                 now,
                 now + 600,
                 said.sequence,
                 said.id,
                 json::object{{"status", "done"}, {"result", json::object{{"expires_at", r.expires_at}, {"epoch", r.epoch}}}}};
    BERTH_TRY(sealed, seal_message(r, signatures_, sealing::nested, back, random_));
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(before, store_.find(r.id));
        if (before && before->account != l.account) {
            return refused("id_taken", "Somebody else is registered by this name.");
        }
        auto gone = store_.remove(r.id);
        if (!gone) {
            return fail(std::move(gone).error());
        }
        return store_.put(r);
    });
    BERTH_CHECK(kept);
    return answer{wire::to_text(json::object{{"message", sealed}, {"token", "void"}}), true, r.id, {}};
}

result<registration_desk::answer> registration_desk::deregister(login_state& l, const json::object& body) {
    BERTH_TRY(name, text_of(body, "manager", 64));
    const auto kept = store_.together([&]() -> result<void> {
        BERTH_TRY(before, store_.find(name));
        if (!before || before->account != l.account || before->state == peer_state::revoked) {
            return refused("not_registered", "This account has registered nobody by this name.");
        }
        if (before->state == peer_state::ended) {
            return {};
        }
        auto gone = store_.remove(name);
        if (!gone) {
            return fail(std::move(gone).error());
        }
        end_record(*before, peer_state::ended, "by login", time_.now());
        return store_.put(*before);
    });
    BERTH_CHECK(kept);
    return answer{wire::to_text(json::object{{"deregistered", name}}), true, {}, name};
}

}  // namespace berth::messaging
