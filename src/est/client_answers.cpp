#include "est/client.h"

#include "crypto/kem.h"
#include "crypto/sign.h"

namespace berth::est {

namespace {

constexpr size_t most_said = 500;

// What a server says is shown to people: one line, without what would steer a terminal.
std::string said_in(const http_response& from) {
    const auto kind = parse_media_type(from.headers.get("Content-Type"));
    if (kind && kind->type != "text/plain") {
        return {};
    }
    std::string out;
    for (const char c : std::string_view(from.body).substr(0, most_said)) {
        const auto octet = static_cast<uint8_t>(c);
        out.push_back(octet < 0x20 || octet >= 0x7f ? ' ' : c);
    }
    while (!out.empty() && out.back() == ' ') {
        out.pop_back();
    }
    return out;
}

tl::unexpected<error> bad_answer(std::string why) {
    return fail(error_category::peer, "bad_answer", "The EST server's answer cannot be used: " + std::move(why) + ".");
}

error refused(const http_response& from) {
    const std::string said = said_in(from);
    const bool offered = from.status != 404 && from.status != 405 && from.status != 501;
    error out{offered ? (from.status >= 500 ? error_category::environment : error_category::peer) : error_category::incompatible,
              offered ? "refused" : "not_offered",
              fmt::format("The EST server {} ({}){}", offered ? "has refused" : "does not offer this", from.status,
                          said.empty() ? "." : ": " + said)};
    return std::move(out).with("status", std::to_string(from.status)).with("said", said);
}

// Nothing: go on and read the body. The media type is judged by whoever reads it.
result<void> check_status(const http_response& from) {
    if (from.status == 200) {
        return {};
    }
    // RFC 7030 3.2.1 lets clients follow redirections to the same origin; this one follows none, and says so.
    if (from.status >= 300 && from.status < 400) {
        return bad_answer(fmt::format("it is a redirection ({}), which is not followed", from.status));
    }
    if (from.status >= 400 && from.status < 600) {
        return fail(refused(from));
    }
    return bad_answer(fmt::format("its status is {}", from.status));
}

result<bytes> read_body(const http_response& from, std::string_view wanted) {
    const auto kind = parse_media_type(from.headers.get("Content-Type"));
    if (!kind || kind->type != wanted) {
        return bad_answer(fmt::format("it is not {}", wanted));
    }
    // libest's server counts the NUL at the end of a string of C among the octets of csrattrs.
    std::string_view text = from.body;
    while (text.ends_with('\0')) {
        text.remove_suffix(1);
    }
    return unframed(text, most_response);
}

template <class Answer>
std::optional<Answer> not_yet(const http_response& from, unix_seconds now) {
    if (from.status == 202) {
        come_again out;
        out.said = said_in(from);
        // RFC 7030 4.2.3 demands a Retry-After; some servers send none, and a minute hurts nobody.
        out.seconds = std::max<uint32_t>(1, parse_retry_after(from.headers.get("Retry-After"), now).value_or(60));
        return Answer(std::move(out));
    }
    if (auto wanted = client::password_wanted_by(from)) {
        return Answer(std::move(*wanted));
    }
    return std::nullopt;
}

result<pki::certificate> one_for_key(std::span<const pki::certificate> all, bytes_view spki) {
    const pki::certificate* found = nullptr;
    for (const pki::certificate& one : all) {
        if (!same_octets(one.spki(), spki) || (found != nullptr && *found == one)) {
            continue;
        }
        if (found != nullptr) {
            return fail(error_category::peer, "wrong_key", "The EST server has sent two certificates for one key.");
        }
        found = &one;
    }
    if (found == nullptr) {
        return fail(error_category::peer, "wrong_key", "The EST server has sent no certificate for the key that was asked for.");
    }
    return *found;
}

// The public key of a private one that we know how to use.
std::optional<bytes> public_of(bytes_view pkcs8) {
    if (const auto key = crypto::signing_key::from_pkcs8(pkcs8)) {
        return to_bytes(key->public_key().spki());
    }
    if (const auto key = crypto::kem_private_key::from_pkcs8(pkcs8)) {
        return to_bytes(key->public_key().spki());
    }
    return std::nullopt;
}

}  // namespace

std::optional<password_wanted> client::password_wanted_by(const http_response& from) {
    if (from.status != 401) {
        return std::nullopt;
    }
    const std::string_view challenge = from.headers.get("WWW-Authenticate");
    password_wanted out;
    out.basic = same_word(challenge.substr(0, 6), "basic ") || same_word(challenge, "basic");
    if (const size_t at = challenge.find("realm=\""); at != std::string_view::npos) {
        const std::string_view rest = challenge.substr(at + 7);
        out.realm = rest.substr(0, rest.find('"'));
    }
    return out;
}

result<std::vector<pki::certificate>> client::read_cacerts(const http_response& from) const {
    BERTH_CHECK(check_status(from));
    BERTH_TRY(der, read_body(from, type::pkcs7));
    BERTH_TRY(bundle, pki::parse_certs_only(der, {.certificates = options_.most_certificates}));
    if (bundle.certificates.empty()) {
        return bad_answer("it holds no certificate");
    }
    return std::move(bundle.certificates);
}

result<pki::csr_attributes> client::read_csrattrs(const http_response& from) const {
    // RFC 7030 4.5.2: with 204 or 404 the server says that it wants nothing in particular.
    if (from.status == 204 || from.status == 404) {
        return pki::csr_attributes{};
    }
    BERTH_CHECK(check_status(from));
    BERTH_TRY(der, read_body(from, type::csrattrs));
    return pki::csr_attributes::parse(der);
}

result<client::enrolment_answer> client::read_enrolment(const http_response& from, bytes_view spki, unix_seconds now) const {
    if (auto other = not_yet<enrolment_answer>(from, now)) {
        return std::move(*other);
    }
    BERTH_CHECK(check_status(from));
    BERTH_TRY(der, read_body(from, type::pkcs7));
    BERTH_TRY(bundle, pki::parse_certs_only(der, {.certificates = options_.most_certificates}));
    BERTH_TRY(own, one_for_key(bundle.certificates, spki));
    return enrolment_answer(std::move(own));
}

result<client::tpm_enrolment_answer> client::read_tpm_enrolment(const http_response& from, unix_seconds now) const {
    if (auto other = not_yet<tpm_enrolment_answer>(from, now)) {
        return std::move(*other);
    }
    BERTH_CHECK(check_status(from));
    const auto kind = parse_media_type(from.headers.get("Content-Type"));
    if (!kind || kind->type != type::multipart) {
        return bad_answer("it is not multipart/mixed");
    }
    BERTH_TRY(answer, read_tpm_answer(*kind, from.body));
    return tpm_enrolment_answer(std::move(answer));
}

result<client::generation_answer> client::read_serverkeygen(const http_response& from, unix_seconds now) const {
    if (auto other = not_yet<generation_answer>(from, now)) {
        return std::move(*other);
    }
    BERTH_CHECK(check_status(from));
    const auto kind = parse_media_type(from.headers.get("Content-Type"));
    if (!kind || kind->type != type::multipart) {
        return bad_answer("it is not multipart/mixed");
    }
    BERTH_TRY(parts, read_multipart(*kind, from.body));
    BERTH_TRY(bundle, pki::parse_certs_only(parts.certs_only, {.certificates = options_.most_certificates}));
    const auto spki = public_of(parts.pkcs8.reveal());
    if (!spki) {
        return bad_answer("the key in it is of a kind that Berth does not use");
    }
    BERTH_TRY(own, one_for_key(bundle.certificates, *spki));
    return generation_answer(generated_credential{std::move(own), std::move(parts.pkcs8)});
}

}  // namespace berth::est
