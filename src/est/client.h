// An EST client's requests and what it makes of the answers (RFC 7030, RFC 8951). No I/O: whoever has the connection sends.
//
// The connection must have been made to an authenticated server before anything but cacerts is sent: by RFC 7030 4.1.1 a
// client answers no request for a password before that, and begins no other exchange.
#pragma once

#include "est/body.h"
#include "est/operation.h"
#include "est/tpm_enrolment.h"
#include "pki/certs_only.h"
#include "pki/csr_attributes.h"

#include <variant>

namespace berth::est {

struct client_options {
    std::string label = {};  // empty: none
    // HTTP Basic; sent only where asked to, since RFC 7030 3.2.3 has a server ask first.
    std::string user = {};
    secret_bytes password = {};
    http_headers extra = {};  // a secret header, say
    std::string user_agent = "berth-est";
    size_t most_certificates = 64;
};

// Come again with the same request.
struct come_again {
    uint32_t seconds = 60;
    std::string said;  // the server's words, one line of printable characters
};
// 401: the server wants a password (or another one).
struct password_wanted {
    bool basic = false;  // false: another scheme, which this client does not speak
    std::string realm;
};

struct generated_credential {
    pki::certificate certificate;
    secret_bytes pkcs8;
};

class client {
public:
    // Error bad_label.
    static result<client> make(client_options options);

    [[nodiscard]] http_request cacerts(bool with_password = false) const;
    [[nodiscard]] http_request csrattrs(bool with_password = false) const;
    [[nodiscard]] http_request simpleenroll(bytes_view csr, bool with_password = false) const;
    [[nodiscard]] http_request simplereenroll(bytes_view csr, bool with_password = false) const;
    [[nodiscard]] http_request serverkeygen(bytes_view csr, bool with_password = false) const;
    // `body`: tpm_request_body().
    [[nodiscard]] http_request tpmenroll(std::string body, bool with_password = false) const;

    // Errors of them all: refused, with params "status" and "said" (4xx: category peer, 5xx: environment; 501 and 404 of an
    // operation: not_offered, incompatible); bad_answer (another media type, a redirection, a body that is none);
    // too_large, bad_base64, bad_certs_only.

    // As sent: see ca_certificates.h for whom to trust.
    [[nodiscard]] result<std::vector<pki::certificate>> read_cacerts(const http_response& from) const;
    // RFC 7030 4.5.2: 204 and 404 say as much as an empty list.
    [[nodiscard]] result<pki::csr_attributes> read_csrattrs(const http_response& from) const;
    // The certificate among those sent that is for this key. Error wrong_key: there is none, or several.
    using enrolment_answer = std::variant<pki::certificate, come_again, password_wanted>;
    [[nodiscard]] result<enrolment_answer> read_enrolment(const http_response& from, bytes_view spki, unix_seconds now) const;
    // Error wrong_key: the key is not that of the certificate. Keys of kinds that Berth does not use are bad_answer.
    using generation_answer = std::variant<generated_credential, come_again, password_wanted>;
    [[nodiscard]] result<generation_answer> read_serverkeygen(const http_response& from, unix_seconds now) const;

    using tpm_enrolment_answer = std::variant<tpm_answer, come_again, password_wanted>;
    [[nodiscard]] result<tpm_enrolment_answer> read_tpm_enrolment(const http_response& from, unix_seconds now) const;

    // What a 401 says; nothing for any other answer. The enrolments' answers tell it by themselves.
    [[nodiscard]] static std::optional<password_wanted> password_wanted_by(const http_response& from);
    [[nodiscard]] bool has_password() const { return !options_.user.empty(); }

private:
    explicit client(client_options options) : options_(std::move(options)) {}
    [[nodiscard]] http_request request(operation op, bool with_password) const;
    [[nodiscard]] http_request post(operation op, bytes_view csr, bool with_password) const;
    client_options options_;
};

}  // namespace berth::est
