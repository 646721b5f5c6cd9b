#include "attestation/element_verifier.h"

#include "wire/base64.h"

namespace berth::attestation {

namespace {

constexpr size_t most_invitation_octets = 1024;
constexpr milliseconds sweep_every = 1000;

result<bytes> octets_member(const wire::json::object& object, std::string_view name) {
    BERTH_TRY(text, wire::text_member(object, name));
    return wire::from_base64(text);
}

tl::unexpected<error> malformed(const char* what) {
    return fail(error_category::peer, "malformed", what);
}

tl::unexpected<error> too_many(const char* why) {
    return fail(error_category::peer, "too_many_requests", std::string(why) + "; try again in a minute");
}

}  // namespace

wire::json::object to_json(const element_invitation& invitation) {
    return {
        {"challenge", wire::base64(invitation.challenge)}, {"audience", invitation.audience}, {"seconds", invitation.seconds}};
}

result<element_invitation> read_invitation(std::string_view text) {
    BERTH_TRY(object, wire::parse_json_object(text, most_invitation_octets));
    BERTH_TRY(challenge, octets_member(object, "challenge"));
    BERTH_TRY(audience, wire::text_member(object, "audience"));
    BERTH_TRY(seconds, wire::integer_member(object, "seconds"));
    if (challenge.size() != element_challenge_size || audience.empty() || audience.size() > most_audience) {
        return malformed("the challenge has 32 octets, and the audience 1 to 255");
    }
    return element_invitation{std::move(challenge), std::move(audience), seconds};
}

wire::json::object to_json(const element_answer& answer) {
    wire::json::array chain;
    for (const auto& certificate : answer.chain) {
        chain.emplace_back(wire::base64(certificate.der()));
    }
    return {{"challenge", wire::base64(answer.challenge)},
            {"certificates", std::move(chain)},
            {"signature", wire::base64(answer.signature)}};
}

result<element_answer> read_answer(std::string_view text) {
    BERTH_TRY(object, wire::parse_json_object(text, most_answer_octets));
    BERTH_TRY(challenge, octets_member(object, "challenge"));
    BERTH_TRY(signature, octets_member(object, "signature"));
    const auto* const chain = object.if_contains("certificates");
    if (object.size() != 3 || !chain || !chain->is_array()) {
        return malformed("an answer has three members: challenge, certificates (an array) and signature");
    }
    const auto& certificates = chain->get_array();
    if (certificates.empty() || certificates.size() > most_answer_certificates || challenge.size() != element_challenge_size) {
        return malformed("an answer has 1 to 6 certificates and a challenge of 32 octets");
    }
    element_answer out{std::move(challenge), {}, std::move(signature)};
    for (const auto& member : certificates) {
        if (!member.is_string()) {
            return malformed("each certificate is DER in base64");
        }
        BERTH_TRY(der, wire::from_base64(std::string_view(member.get_string())));
        BERTH_TRY(certificate, pki::certificate::parse(der));
        out.chain.push_back(std::move(certificate));
    }
    return out;
}

wire::json::object describe(const verified_element& element) {
    const pki::certificate& c = element.certificate();
    return {{"authenticated", true},
            {"subject", c.subject()},
            {"maker", element.maker().subject()},
            {"serial", c.serial_hex()},
            {"fingerprint", to_hex(c.sha256())}};
}

result<element_verifier> element_verifier::make(std::string audience, const clock& time, random_source& random,
                                                const element_verifier_limits& limits) {
    BERTH_CHECK(element_challenge::draw(audience, random));  // that it may be one
    return element_verifier(std::move(audience), time, random, limits);
}

void element_verifier::close(std::map<bytes, entry>::iterator which) {
    const auto of = accounts_.find(which->second.client);
    if (of != accounts_.end()) {
        --of->second.open;
        if (of->second.open == 0 && of->second.failures == 0) {
            accounts_.erase(of);
        }
    }
    ends_.erase({which->second.until, which->first});
    open_.erase(which);
}

void element_verifier::forget_old() {
    const milliseconds now = clock_->steady();
    while (!ends_.empty() && ends_.begin()->first <= now) {
        close(open_.find(ends_.begin()->second));
    }
    if (now < next_sweep_) {
        return;
    }
    next_sweep_ = now + sweep_every;
    for (auto a = accounts_.begin(); a != accounts_.end();) {
        if (a->second.failures > 0 && a->second.failures_until <= now) {
            a->second.failures = 0;
        }
        a = a->second.open == 0 && a->second.failures == 0 ? accounts_.erase(a) : std::next(a);
    }
}

result<element_invitation> element_verifier::invite(const std::string& client) {
    forget_old();
    if (open_.size() >= limits_.most_open) {
        return too_many("too many challenges wait for their answers");
    }
    account& of = accounts_[client];
    if (of.open >= limits_.most_open_of_one || of.failures >= limits_.most_failures_of_one) {
        return too_many("too many challenges for one client, or too many wrong answers");
    }
    BERTH_TRY(challenge, element_challenge::draw(audience_, *random_));
    bytes octets = to_bytes(challenge.octets());
    const milliseconds until = clock_->steady() + limits_.lifetime;
    ++of.open;
    ends_.emplace(until, octets);
    open_.emplace(octets, entry{std::move(challenge), client, until});
    return element_invitation{std::move(octets), audience_, limits_.lifetime / 1000};
}

result<verified_element> element_verifier::judge_open(const pki::trust_store& makers, const element_answer& answer) {
    const auto found = open_.find(answer.challenge);
    if (found == open_.end()) {
        return fail(error_category::peer, "unknown_challenge",
                    "this challenge was not made here, has been answered already, or its time is over; ask for another one");
    }
    element_challenge challenge = std::move(found->second.challenge);
    close(found);
    BERTH_TRY(chain, verify_element_chain(makers, answer.chain, clock_->now()));
    return challenge.accept(std::move(chain), answer.signature);
}

result<verified_element> element_verifier::judge(const std::string& client, const pki::trust_store& makers,
                                                 const element_answer& answer) {
    forget_old();
    if (const auto of = accounts_.find(client); of != accounts_.end() && of->second.failures >= limits_.most_failures_of_one) {
        return too_many("too many wrong answers of one client");
    }
    auto judged = judge_open(makers, answer);
    if (!judged && accounts_.size() < limits_.most_open) {
        account& of = accounts_[client];
        if (of.failures++ == 0) {
            of.failures_until = clock_->steady() + limits_.failures_during;
        }
    }
    return judged;
}

}  // namespace berth::attestation
