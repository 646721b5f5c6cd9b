#include "est/server.h"

#include "est/honoured.h"
#include "pki/certs_only.h"

namespace berth::est {

namespace {

struct status_rule {
    std::string_view name;
    unsigned status;
};
constexpr std::array<status_rule, 24> statuses{{
    {"not_found", 404},
    {"method_not_allowed", 405},
    {"not_implemented", 501},
    {"unauthenticated", 401},
    {"forbidden", 403},
    {"too_large", 413},
    {"unsupported_media_type", 415},
    {"name_not_permitted", 403},
    {"names_differ", 403},
    {"bad_dns_name", 403},
    {"certificate_revoked", 403},
    {"certificate_expired", 403},
    {"unknown_issuer", 403},
    {"key_reused", 403},
    {"not_entitled", 403},
    {"epoch_passed", 403},
    {"requester_withdrawn", 403},
    {"too_many_certificates", 403},
    {"key_of_ca", 403},
    {"ek_mismatch", 403},
    {"not_an_attestation_key", 403},
    {"key_not_shown", 403},
    {"key_not_bound", 403},
    {"too_many_requests", 429},
}};

http_response with_body(std::string_view content_type, std::string body) {
    http_response out;
    out.headers.add("Content-Type", std::string(content_type));
    out.body = std::move(body);
    return out;
}

// RFC 7030 4.2.3: "the response data MUST be a plaintext human-readable error message" when it is not CMC.
http_response refusal_of(const error& e, const label_policy* policy) {
    const bool tell = e.category == error_category::peer || e.category == error_category::incompatible;
    http_response out =
        with_body(type::text, (tell ? e.message : "The server could not do it; its operator can see why.") + "\n");
    out.status = status_of(e);
    if (e.is("unauthenticated")) {
        out.headers.add("WWW-Authenticate", fmt::format("Basic realm=\"{}\", charset=\"UTF-8\"", policy->realm));
    }
    for (const auto& [name, value] : e.params) {
        if (name == "allow") {
            out.headers.add("Allow", value);
        }
    }
    return out;
}

// One request on its way.
class judgement {
public:
    judgement(authority& by, const http_request& request, const requester& who, const channel& over)
        : authority_(by), request_(request), who_(who), over_(over) {}

    answer run() {
        auto response = judge();
        if (!response) {
            out_.response = refusal_of(response.error(), policy_);
            out_.why = std::move(response).error();
        } else {
            out_.response = std::move(*response);
        }
        return std::move(out_);
    }

private:
    result<http_response> judge() {
        BERTH_TRY(asked, parse_target(request_.method, request_.path));
        policy_ = authority_.policy(asked.label);
        if (policy_ == nullptr) {
            return fail(error_category::peer, "not_found", "There is no such label here.");
        }
        out_.asked = asked;
        BERTH_CHECK(authorise(asked.op));
        switch (asked.op) {
        case operation::cacerts: return ca_certificates();
        case operation::csrattrs: return attributes();
        case operation::simpleenroll:
        case operation::simplereenroll: return enrol();
        case operation::serverkeygen: return generate();
        case operation::tpmenroll: return tpm_enrol();
        case operation::fullcmc: break;
        }
        return fail(error_category::peer, "not_implemented", "This is not implemented here.");
    }

    result<void> authorise(operation op) const {
        if (policy_->public_information && (op == operation::cacerts || op == operation::csrattrs)) {
            return {};
        }
        const access judged = judge_access(policy_->access, op, who_);
        if (judged == access::granted) {
            return {};
        }
        // Who has shown nothing is not told what would open which door; the log has it.
        const std::string needed = describe_access(policy_->access, op);
        error why{error_category::peer, "forbidden", "This needs a client certificate."};
        if (judged == access::unauthenticated) {
            why.name = "unauthenticated";
            why.message = "This needs a user name and a password, or a certificate.";
        }
        if (!who_.how.none()) {
            why.message = fmt::format("{} may not do this ({} {}): {}.", who_.name, name_of(op),
                                      label().empty() ? "without a label" : fmt::format("at the label {}", label()),
                                      needed.empty() ? "nobody may here" : "it takes " + needed);
        }
        return fail(std::move(why).with("needed", needed).with("shown", describe(who_)));
    }

    std::string_view label() const { return out_.asked->label; }
    framing how() const { return framing_for(request_.headers.get("User-Agent")); }

    result<http_response> ca_certificates() {
        BERTH_TRY(certificates, authority_.ca_certificates(label()));
        return with_body(type::pkcs7, framed(pki::build_certs_only(certificates), how()));
    }

    result<http_response> attributes() {
        BERTH_TRY(wanted, authority_.attributes(label(), who_));
        if (policy_->binding == binding_rule::required && !wanted.wants_channel_binding()) {
            // RFC 7030 4.5.2: a server that wants the linking of section 3.5 says so by the OID of challengePassword.
            wanted.oids.emplace(wanted.oids.begin(), pki::oid_challenge_password);
            if (wanted.form) {
                wanted.form->attributes.push_back({std::string(pki::oid_challenge_password), {}});
            }
        }
        if (wanted.empty()) {
            return http_response{204, {}, {}};
        }
        BERTH_TRY(der, wanted.encode());
        return with_body(type::csrattrs, framed(der, how()));
    }

    result<bytes> read_request() const {
        const auto kind = parse_media_type(request_.headers.get("Content-Type"));
        if (!kind || kind->type != type::pkcs10) {
            return fail(error_category::peer, "unsupported_media_type", "The request is to be application/pkcs10.");
        }
        return unframed(request_.body);
    }

    // What is in a request and neither honoured nor refused by name would be dropped.
    result<void> refuse_unknown(const pki::csr_contents& asks) const {
        const auto known = [](const std::vector<std::string>& all, const std::string& one) {
            return std::ranges::find(all, one) != all.end();
        };
        for (const auto& extension : asks.other_extensions) {
            if (!known(policy_->known_extensions, extension.oid)) {
                return fail(error{error_category::peer, "unsupported_extension",
                                  "The request asks for extension " + extension.oid + ", which is not issued here."}
                                .with("oid", extension.oid));
            }
        }
        for (const auto& attribute : asks.other_attributes) {
            if (!known(policy_->known_attributes, attribute.oid)) {
                return fail(error{error_category::peer, "unsupported_attribute",
                                  "The request has attribute " + attribute.oid + ", which is not understood here."}
                                .with("oid", attribute.oid));
            }
        }
        return {};
    }

    result<void> judge_request(const pki::csr_contents& asks) const {
        // A registration authority hands on what somebody else has signed, on another connection: it cannot be bound to this one,
        // and the authority itself has judged possession (RFC 7030 3.7).
        if (!who_.any_name || !policy_->for_authorities || out_.asked->op == operation::simplereenroll) {
            BERTH_CHECK(judge_binding(asks, over_, policy_->binding));
        }
        BERTH_CHECK(refuse_unknown(asks));
        if (out_.asked->op != operation::simplereenroll) {
            return policy_->authority_judges_names ? result<void>{} : judge_names(asks, who_);
        }
        // RFC 7030 4.2.2: "The request Subject field and SubjectAltName extension MUST be identical to the corresponding
        // fields in the certificate being renewed/rekeyed."
        if (who_.chain.empty() || !who_.identity) {
            return fail(error_category::peer, "forbidden", "Only who shows a certificate can have it renewed.");
        }
        if (!pki::same_names(asks, *who_.identity)) {
            return fail(error_category::peer, "names_differ",
                        "The request is for " + asks.subject + ", but the certificate shown is that of " +
                            who_.chain.front().subject() + ": subject and subjectAltName must be the same (RFC 7030 4.2.2).");
        }
        return {};
    }

    enrolment decided_on(const pki::csr_contents& asks, bytes_view der, const pki::verified_kem_csr* kem) const {
        enrolment out{out_.asked->op, label(), who_, asks, der, kem};
        if (out.what == operation::simplereenroll) {
            out.replaces = &who_.chain.front();
            out.same_key = same_octets(out.replaces->spki(), asks.spki);
        }
        return out;
    }

    result<http_response> enrol() {
        BERTH_TRY(der, read_request());
        BERTH_TRY(read, pki::unproved_csr::parse(der));
        const auto kem_key = crypto::kem_public_key::from_spki(read.asks().spki);
        if (read.asks().attribute(pki::oid_statement_of_possession) == nullptr &&
            !(kem_key || !kem_key.error().is("unsupported_key_algorithm"))) {
            BERTH_TRY(csr, pki::verified_csr::prove(read));
            return issue(csr.asks(), der, nullptr);
        }
        const auto rules = authority_.vouchers(label());
        if (!rules) {
            return fail(error_category::incompatible, "unsupported_key_algorithm", "KEM keys are not certified here.");
        }
        BERTH_TRY(csr, pki::verified_kem_csr::prove(read, *rules));
        return issue(csr.asks(), der, &csr);
    }

    result<http_response> issue(const pki::csr_contents& asks, bytes_view der, const pki::verified_kem_csr* kem) {
        BERTH_CHECK(judge_request(asks));
        BERTH_TRY(decision, authority_.enrol(decided_on(asks, der, kem)));
        if (const auto* wait = std::get_if<waiting>(&decision)) {
            return come_again(*wait);
        }
        pki::certificate& made = std::get<issued>(decision).certificate;
        BERTH_CHECK(check_made(asks, made));
        if (!same_octets(made.spki(), asks.spki)) {
            return fail(error_category::internal, "wrong_key", "The authority has issued a certificate for another key.");
        }
        out_.certificate = made;
        return with_body(type::certs_only, framed(pki::build_certs_only(std::span(&made, 1)), how()));
    }

    result<http_response> generate() {
        BERTH_TRY(der, read_request());
        // RFC 7030 4.4.1: the public key and the signature of the request are not looked at.
        BERTH_TRY(asks, pki::parse_csr_contents(der));
        BERTH_CHECK(judge_request(asks));
        BERTH_TRY(decision, authority_.generate(decided_on(asks, der, nullptr)));
        if (const auto* wait = std::get_if<waiting>(&decision)) {
            return come_again(*wait);
        }
        generated& made = std::get<generated>(decision);
        BERTH_CHECK(check_made(asks, made.certificate));
        out_.certificate = made.certificate;
        return multipart_of({std::move(made.pkcs8), pki::build_certs_only(std::span(&made.certificate, 1))}, how());
    }

    result<http_response> tpm_enrol() {
        const auto kind = parse_media_type(request_.headers.get("Content-Type"));
        if (!kind || kind->type != type::multipart) {
            return fail(error_category::peer, "unsupported_media_type", "The request is to be multipart/mixed.");
        }
        BERTH_TRY(shown, read_tpm_request(*kind, request_.body));
        BERTH_TRY(csr, pki::verified_csr::parse(shown.csr));
        BERTH_CHECK(judge_request(csr.asks()));
        BERTH_TRY(endorsed, authority_.endorse(label(), shown, csr.asks().spki));
        enrolment asked = decided_on(csr.asks(), shown.csr, nullptr);
        asked.endorsed = &endorsed;
        BERTH_TRY(decision, authority_.enrol(asked));
        if (const auto* wait = std::get_if<waiting>(&decision)) {
            return come_again(*wait);
        }
        const pki::certificate& made = std::get<issued>(decision).certificate;
        BERTH_CHECK(check_made(csr.asks(), made));
        BERTH_TRY(answer, authority_.seal(endorsed, made));
        out_.certificate = made;
        return with_body(body_writer::content_type(), tpm_answer_body(answer, how()));
    }

    // RFC 7030 4.2.3: 202, with a Retry-After.
    static http_response come_again(const waiting& wait) {
        http_response out = with_body(type::text, "The request waits for approval: come again with it.\n");
        out.status = 202;
        out.headers.add("Retry-After", std::to_string(std::max<uint32_t>(1, wait.retry_after)));
        return out;
    }

    static result<void> check_made(const pki::csr_contents& asks, const pki::certificate& made) {
        if (auto honoured = check_honoured(asks, made); !honoured) {
            error e = std::move(honoured).error();
            e.category = error_category::internal;  // the authority should have refused
            return fail(std::move(e));
        }
        return {};
    }

    authority& authority_;
    const http_request& request_;
    const requester& who_;
    const channel& over_;
    const label_policy* policy_ = nullptr;
    answer out_;
};

}  // namespace

result<std::variant<generated, waiting>> authority::generate(const enrolment&) {
    return fail(error_category::peer, "not_implemented", "Keys are not made here: make one and enrol it.");
}

result<endorsed_key> authority::endorse(std::string_view, const tpm_request&, bytes_view) {
    return fail(error_category::peer, "not_implemented", "No maker of TPMs is believed here.");
}
result<tpm_answer> authority::seal(const endorsed_key&, const pki::certificate&) {
    return fail(error_category::internal, "not_implemented", "An envelope was to be made by who makes none.");
}

std::optional<pki::possession_rules> authority::vouchers(std::string_view) const {
    return std::nullopt;
}

unsigned status_of(const error& e) {
    for (const auto& [name, value] : e.params) {
        if (name == "status" && value.size() == 3 && (value[0] == '4' || value[0] == '5') &&
            std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) {
            return static_cast<unsigned>(std::stoul(value));
        }
    }
    switch (e.category) {
    case error_category::environment: return 503;
    case error_category::internal:
    case error_category::usage: return 500;
    case error_category::peer:
    case error_category::incompatible: break;
    }
    const auto rule = std::ranges::find(statuses, std::string_view(e.name), &status_rule::name);
    return rule == statuses.end() ? 400 : rule->status;
}

answer serve(authority& by, const http_request& request, const requester& who, const channel& over) {
    return judgement(by, request, who, over).run();
}

}  // namespace berth::est
