#include "attestation/element_verifier.h"

#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "wire/base64.h"

namespace berth::attestation {

namespace {

constexpr size_t most_invitation_octets = 1024;
constexpr milliseconds sweep_every = 1000;
constexpr size_t key_size = 32;
constexpr size_t time_size = 8;

// Of when it was made, in the verifier's own time.
milliseconds time_of(const challenge_octets& challenge) {
    uint64_t out = 0;
    for (size_t i = 0; i < time_size; ++i) {
        out = out << 8U | challenge[i];
    }
    return static_cast<milliseconds>(out);
}

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

element_verifier::element_verifier(std::string audience, const clock& time, random_source& random,
                                   const element_verifier_limits& limits)
    : audience_(std::move(audience)), clock_(&time), random_(&random), limits_(limits), made_at_(time.steady()), key_(key_size) {
    random.fill(key_.writable());
}

challenge_octets element_verifier::sealed(const std::array<uint8_t, 16>& time_and_random) const {
    const uint8_t zero = 0;
    const auto mac = crypto::hmac(crypto::hash_algorithm::sha256, key_.reveal(),
                                  concat({as_bytes(audience_), bytes_view(&zero, 1), time_and_random}));
    return to_array<element_challenge_size>(
        concat({time_and_random, mac.view().first(element_challenge_size - time_and_random.size())}));
}

bool element_verifier::is_mine(const challenge_octets& challenge) const {
    return crypto::equal(sealed(to_array<16>(bytes_view(challenge).first(16))), challenge);
}

bool element_verifier::was_wrong_too_often(const std::string& client) const {
    const auto of = accounts_.find(client);
    return of != accounts_.end() && of->second.failures >= limits_.most_failures_of_one;
}

void element_verifier::forget_old() {
    while (!answered_.empty() && age() - time_of(*answered_.begin()) >= limits_.lifetime) {
        answered_.erase(answered_.begin());
    }
    const milliseconds now = clock_->steady();
    if (now >= next_sweep_) {
        next_sweep_ = now + sweep_every;
        std::erase_if(accounts_, [&](const auto& a) { return a.second.until <= now; });
    }
}

result<element_invitation> element_verifier::invite(const std::string& client) {
    forget_old();
    if (was_wrong_too_often(client)) {
        return too_many("too many wrong answers of one client");
    }
    std::array<uint8_t, 16> time_and_random = random_->octets<16>();
    const auto now = static_cast<uint64_t>(age());
    for (size_t i = 0; i < time_size; ++i) {
        time_and_random[i] = static_cast<uint8_t>(now >> (8 * (time_size - 1 - i)));
    }
    return element_invitation{to_bytes(sealed(time_and_random)), audience_, limits_.lifetime / 1000};
}

result<verified_element> element_verifier::judge_open(const pki::trust_store& makers, const element_answer& answer,
                                                      pki::crl_policy lists) {
    const bool whole = answer.challenge.size() == element_challenge_size;
    const auto octets = whole ? to_array<element_challenge_size>(answer.challenge) : challenge_octets{};
    const bool open = whole && is_mine(octets) && age() - time_of(octets) < limits_.lifetime && answered_.insert(octets).second;
    if (!open) {
        return fail(error_category::peer, "unknown_challenge",
                    "this challenge was not made here, has been answered already, or its time is over; ask for another one");
    }
    BERTH_TRY(challenge, element_challenge::resume(audience_, octets));
    BERTH_TRY(chain, verify_element_chain(makers, answer.chain, clock_->now(), lists));
    return challenge.accept(std::move(chain), answer.signature);
}

result<verified_element> element_verifier::judge(const std::string& client, const pki::trust_store& makers,
                                                 const element_answer& answer, pki::crl_policy lists) {
    forget_old();
    if (was_wrong_too_often(client)) {
        return too_many("too many wrong answers of one client");
    }
    // What is not remembered could be answered twice.
    if (answered_.size() >= limits_.most_answered) {
        return too_many("too many challenges were answered within a minute");
    }
    auto judged = judge_open(makers, answer, lists);
    if (!judged && (accounts_.contains(client) || accounts_.size() < limits_.most_accounts)) {
        account& of = accounts_[client];
        if (of.failures++ == 0) {
            of.until = clock_->steady() + limits_.failures_during;
        }
    }
    return judged;
}

}  // namespace berth::attestation
