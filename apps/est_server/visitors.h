// Who asks an EST server for something: what he shows, judged before anything that he asks for is looked at.
#pragma once

#include "ca/records.h"
#include "common/ocsp_asker.h"
#include "est/requester.h"
#include "est_server/network.h"
#include "est_server/passwords.h"
#include "net/http.h"
#include "pki/trust.h"
#include "roles/config.h"

#include <map>

namespace berth::app {

// The same person, as the protocol and as the CA see him.
struct est_visitor {
    est::requester est;
    ca::requester ca;
    std::optional<ca::one_time_token> token;  // used up when something is issued
};

// What a server judges its visitors by.
class visitors {
public:
    struct trusted {
        est::trust_class as = est::trust_class::idevid;
        ca::proof proof = ca::proof::idevid;
        pki::trust_store store;
        pki::crl_policy lists = pki::crl_policy::if_present;
        std::shared_ptr<ocsp_asker> ocsp = {};  // null: nobody is asked
    };
    struct rules {
        std::vector<trusted> trust;
        std::map<std::string, std::string> users;
        std::string header;  // empty: none
        secret_bytes header_value;
        std::vector<network> networks;
    };
    explicit visitors(rules by) : rules_(std::move(by)), passwords_(std::move(rules_.users)) {}

    // Whoever shows nothing is a visitor without proofs. Errors (peer), each with the HTTP status as the parameter "status":
    // `client_not_trusted`: a certificate that leads nowhere, or over a CA that was revoked here; `certificate_revoked`: by these
    // records; `unauthorized`: a wrong
    // password, or an unknown name; `too_many_requests`: too many of these; those of ca_records::find_token; `malformed`: an
    // Authorization that is none.
    // `ocsp_missing` (503): a responder's answer is needed, and there is none that counts now: see unanswered().
    result<est_visitor> admit(const net::http_request& request, ca::ca_records& records, unix_seconds now);
    // What OCSP responders have to be asked before this visitor is admitted; and whom. Nothing: no one, or his certificate is
    // trusted by nobody.
    struct questions {
        std::shared_ptr<ocsp_asker> asker;
        std::vector<ocsp_question> about;
    };
    [[nodiscard]] questions unanswered(const net::http_request& request, unix_seconds now) const;
    // The same without anything shown: for what everybody may know.
    static est_visitor nobody(const net::http_request& request);

private:
    result<void> take_certificate(const net::peer_info& peer, ca::ca_records& records, unix_seconds now, est_visitor& into) const;
    result<void> take_authorization(const net::http_request& request, ca::ca_records& records, unix_seconds now,
                                    est_visitor& into);
    result<void> take_password(std::string_view encoded, const std::string& address, unix_seconds now, est_visitor& into);
    result<void> take_token(std::string_view token, ca::ca_records& records, unix_seconds now, est_visitor& into) const;
    void take_header(const net::http_request& request, est_visitor& into) const;

    rules rules_;
    passwords passwords_;
};

}  // namespace berth::app
