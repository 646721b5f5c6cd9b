#include "messaging/keys.h"
#include "messaging/registration.h"

namespace berth::messaging {

namespace {

tl::unexpected<error> bad_answer(std::string why) {
    return fail(error_category::peer, "bad_answer", "The gateway's answer is not what it must be: " + std::move(why));
}

result<json::object> key_of(const json::object& body, std::string_view name) {
    const auto* const value = body.if_contains(name);
    if (value == nullptr || !value->is_object()) {
        return bad_answer("there is no " + std::string(name));
    }
    return value->get_object();
}

std::string_view text_of(const json::object& body, std::string_view name) {
    const auto* const value = body.if_contains(name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string_view(*text) : std::string_view();
}

}  // namespace

result<registrant> registrant::make(settings s, own_signatures signatures, const clock& time, random_source& random) {
    BERTH_CHECK(check_name(s.manager));
    BERTH_CHECK(check_name(s.gateway));
    return registrant(std::move(s), std::move(signatures), time, random);
}

result<void> registrant::move_on(event e) {
    const auto next = next_stage(role::manager, at_, e);
    if (!next) {
        return fail(error_category::internal, "unexpected_step",
                    "A registration was asked for " + std::string(to_string(e)) + " when it was " + std::string(to_string(at_)));
    }
    at_ = *next;
    return {};
}

std::string registrant::say(const json::object& body) {
    std::string out = wire::to_text(body);
    said_.add(out);
    return out;
}

result<json::object> registrant::take(std::string_view answer) {
    said_.add(answer);
    auto members =
        answer.size() <= most_registration_body ? wire::parse_json_object(answer) : result<json::object>(bad_answer("too long"));
    if (!members) {
        return bad_answer("it is no JSON object of 32 KiB at most");
    }
    return members;
}

result<std::string> registrant::exchange() {
    BERTH_TRY(own, make_own_key(settings_.key_algorithm, *random_));
    BERTH_TRY(own_public, public_half(own));
    record_.id = settings_.gateway;
    record_.own_id = settings_.manager;
    record_.own_role = role::manager;
    record_.own = std::move(own);
    record_.own_signature = signatures_.keys.front()->pub.kid;
    return say({{"version", protocol_version},
                {"manager", settings_.manager},
                {"signature_key", jose::to_jwk(signatures_.keys.front()->pub)},
                {"encryption_key", own_public},
                {"nonce", jose::new_token_id(*random_)}});
}

result<std::string> registrant::identity(std::string_view answer) {
    BERTH_CHECK(move_on(event::exchange));
    BERTH_TRY(body, take(answer));
    const auto* const version = body.if_contains("version");
    if (version == nullptr || !version->is_int64() || version->get_int64() != protocol_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    "The gateway speaks another version of the registration.");
    }
    BERTH_TRY(signature_sent, key_of(body, "signature_key"));
    BERTH_TRY(encryption_sent, key_of(body, "encryption_key"));
    BERTH_TRY(signature, take_signature_key(signature_sent));
    BERTH_TRY(encryption, take_encryption_key(encryption_sent));
    const auto* const life = body.if_contains("key_life");
    if (life == nullptr || !life->is_int64() || life->get_int64() < 60 || life->get_int64() > 10 * 366 * 86'400LL) {
        return bad_answer("it does not say for how long keys are good");
    }
    key_life_ = life->get_int64();
    record_.signature_key = std::move(signature);
    record_.encryption_key = std::move(encryption);
    return say({{"id", settings_.gateway}});
}

result<std::optional<std::string>> registrant::repository(std::string_view answer) {
    BERTH_CHECK(move_on(event::identity));
    BERTH_TRY(body, take(answer));
    if (text_of(body, "id") != settings_.gateway) {
        return bad_answer("it does not take the name that it was given");
    }
    const auto& r = settings_.repository;
    if (r.url.empty()) {
        return std::nullopt;
    }
    record_.repository.url = r.url;
    return say({{"url", r.url}, {"user", r.user}, {"password", as_text(r.password.reveal())}});
}

result<std::string> registrant::confirm(std::string_view answer, const tls_session& over) {
    if (!settings_.repository.url.empty()) {
        BERTH_CHECK(move_on(event::repository));
        BERTH_TRY(body, take(answer));
        if (text_of(body, "saved") != settings_.repository.url) {
            return bad_answer("it has not noted the repository");
        }
    }
    BERTH_CHECK(move_on(event::confirm));
    record_.session = derive_session(over.secret.reveal(), said_.octets(), role::manager, settings_.manager, settings_.gateway);
    const unix_seconds now = time_->now();
    confirmation_id_ = jose::new_token_id(*random_);
    const message m{"confirm", 1, confirmation_id_, now, now + 600, {}, {}, json::object{{"transcript", said_.hash()}}};
    BERTH_TRY(sealed, seal_message(record_, signatures_, sealing::nested, m, *random_));
    record_.next_out = 2;
    return wire::to_text(json::object{{"message", sealed}});
}

result<peer_record> registrant::finish(std::string_view answer) {
    BERTH_CHECK(move_on(event::confirmed));
    BERTH_TRY(body, take(answer));
    const unix_seconds now = time_->now();
    BERTH_TRY(opened, open_message(record_, text_of(body, "message"), now));
    const auto& said = opened.said();
    if (said.kind != kind_answer || said.answers_id != confirmation_id_ || !said.body.is_object() ||
        text_of(said.body.get_object(), "status") != "done") {
        return bad_answer("it does not confirm this registration");
    }
    record_.registered_at = now;
    record_.expires_at = now + key_life_;
    return record_;
}

}  // namespace berth::messaging
