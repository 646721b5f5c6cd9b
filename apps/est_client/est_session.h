// An EST client with a connection: one server, one request after the other, on a loop.
#pragma once

#include "est/client.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "pki/csr.h"

namespace berth::app {

// How to reach a server, and whom to be there.
struct est_server {
    net::address at;
    std::string host;  // that its certificate must name; empty: at.host
    // Explicit trust anchors (RFC 7030 3.6.1) and CAs that it may leave out. None: nobody is believed, which is good for cacerts
    // alone (4.1.1), whose answer is then judged by a fingerprint.
    std::vector<pki::certificate> anchors;
    std::vector<pki::certificate> intermediates;
    std::vector<pki::crl> crls;
    pki::crl_policy revocation = pki::crl_policy::if_present;
    std::optional<pki::validity_instants> time = {};  // to judge its chain at; none: the clock's now
    // At most one: a signature key's certificate for TLS, a KEM key's for AuthKEM.
    std::optional<net::tls_credential> own;
    std::optional<authkem::credential> own_kem;
    bool over_authkem = false;
    bool allow_tls12 = false;
};

// Errors of tls_context::make and of trust_store::build; `wrong_key_kind`: a KEM's certificate over TLS, or the other way round.
result<net::channel_transport> transport_to(const est_server& server, const clock& time, random_source& random);

// A request in the making. The channel binding is put in when the connection is there: each connection has its own.
struct est_wish {
    pki::csr_template contents;
    bytes spki;  // of the key that is to be certified
    // Signs the request with it (or, for a KEM key, with the key that vouches for it).
    std::function<result<bytes>(const pki::csr_template&)> build;
    enum class binding : uint8_t { none, if_possible, required };
    binding bind = binding::if_possible;
};

class est_session {
public:
    template <class T>
    using then = std::function<void(result<T>)>;

    est_session(net::loop& on, const net::address& at, net::channel_transport over, est::client client, const clock& time);

    // Handlers are called once, on the loop, and not at all if the session goes first. Errors: those of http_client, with where
    // it was and what to look at, and of est::client; of building the request; `password_wanted` (peer): the server asks for a
    // password and has none from us, or refuses ours.
    void cacerts(then<std::vector<pki::certificate>> handler);
    void csrattrs(then<pki::csr_attributes> handler);
    // A certificate, or when to come again.
    using enrolled = std::variant<pki::certificate, est::come_again>;
    void enrol(est_wish wish, bool again, then<enrolled> handler);  // again: simplereenroll
    using generated = std::variant<est::generated_credential, est::come_again>;
    void generate(est_wish wish, then<generated> handler);
    // What one TPM alone can open. `claim` makes the request for the PKCS#10 that `wish` has built.
    using sealed = std::variant<est::tpm_answer, est::come_again>;
    void tpm_enrol(est_wish wish, std::function<result<est::tpm_request>(bytes csr)> claim, then<sealed> handler);

    // What the server's Date said in its last answer: it was authenticated, unless nobody was trusted.
    [[nodiscard]] std::optional<unix_seconds> told_time() const { return state_->told; }
    // Who is there; null before the first answer.
    [[nodiscard]] std::shared_ptr<const net::peer_info> peer() const { return state_->peer; }

private:
    struct state;
    // What is kept while a request is under way.
    template <class Answer>
    struct task;
    struct state {
        state(net::loop& on, const net::address& to, net::channel_transport over, est::client c, const clock& t)
            : at(to), http(on, to, std::move(over)), client(std::move(c)), time(t) {}
        net::address at;
        net::http_client http;
        est::client client;
        const clock& time;
        std::shared_ptr<const net::peer_info> peer;
        std::optional<unix_seconds> told;
    };
    static est::http_response heard(state& s, net::http_response response);
    template <class Answer>
    static void ask(const std::shared_ptr<state>& s, const std::shared_ptr<task<Answer>>& job, bool with_password);
    template <class Answer>
    void begin(std::shared_ptr<task<Answer>> job);
    std::shared_ptr<state> state_;
};

}  // namespace berth::app
