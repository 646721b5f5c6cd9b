#include "est_client/est_session.h"

#include "authkem/protocol.h"
#include "est/channel_binding.h"
#include "est_client/est_http.h"

namespace berth::app {

namespace {

// RFC 5280 4.2.1.12: a certificate without extended key usages is restricted to none of them. Servers of somebody else's may
// have such a one; over AuthKEM the profile wants the purpose.
authkem::peer_policy named(const est_server& server) {
    const std::string host = server.host.empty() ? server.at.host : server.host;
    authkem::peer_policy strict = authkem::server_named(host);
    if (server.over_authkem) {
        return strict;
    }
    return [host, strict = std::move(strict)](const pki::verified_chain& chain) -> result<void> {
        const pki::certificate& leaf = chain.leaf();
        return leaf.extended_key_usages().empty() && !leaf.is_ca() && leaf.has_dns_name(host) ? result<void>{} : strict(chain);
    };
}

result<authkem::chain_rules> rules_for(const est_server& server) {
    authkem::chain_rules rules;
    if (server.anchors.empty()) {
        rules.possession_only = true;
        return rules;
    }
    BERTH_TRY(trust, pki::trust_store::build({server.anchors, server.intermediates, server.crls}));
    rules.trust = std::move(trust);
    rules.revocation = server.revocation;
    rules.allow_rsa = true;  // a server of somebody else's may have such a chain; our own keys never are
    rules.time = server.time;
    rules.policy = named(server);
    return rules;
}

// The request for this connection.
result<bytes> build(const est_wish& wish, const net::peer_info& peer) {
    pki::csr_template contents = wish.contents;
    if (wish.bind != est_wish::binding::none) {
        auto binding = est::challenge_password_for(est_channel(peer));
        if (binding) {
            contents.challenge_password = std::move(*binding);
        } else if (wish.bind == est_wish::binding::required) {
            return fail(std::move(binding).error());
        }
    }
    return wish.build(contents);
}

// What became of a connection, with where it led and what to look at.
error towards(const net::address& at, error why) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> advice{{
        {"connect_failed", "is an EST server running there, and do its name and port stand so where the server is named?"},
        {"handshake_timeout", "does an EST server listen on this port, and over TLS or AuthKEM, as it is asked here?"},
        {"closed_in_handshake", "does an EST server listen on this port, and over TLS or AuthKEM, as it is asked here? A server "
                                "that will have none of the certificate shown may also end it so"},
        {"response_timeout", "the server took the request and has not answered: its log may say why; come again"},
        {"connection_lost", "the server's log may say why; come again"},
    }};
    const auto known = std::ranges::find(advice, why.name, &std::pair<std::string_view, std::string_view>::first);
    why.message = fmt::format("{}: {}", at.text(), why.message);
    if (known != advice.end()) {
        why.message += fmt::format(" ({})", known->second);
    }
    return std::move(why).with("server", at.text());
}

tl::unexpected<error> password_wanted(const est::password_wanted& by, bool had_one) {
    const char* what = !by.basic ? "the server wants to authenticate in a way that Berth does not speak (Basic alone)"
                       : had_one ? "the server does not accept this name and password"
                                 : "the server wants a name and a password: give both (--user, --password-file)";
    return fail(error{error_category::peer, "password_wanted", what, {{"realm", by.realm}}});
}

}  // namespace

result<net::channel_transport> transport_to(const est_server& server, const clock& time, random_source& random) {
    BERTH_TRY(rules, rules_for(server));
    if (server.over_authkem) {
        if (server.own) {
            return fail(error_category::usage, "wrong_key_kind", "over AuthKEM a client shows a KEM key's certificate");
        }
        authkem::client_config config;
        config.server = std::move(rules);
        config.server_name = server.host.empty() ? server.at.host : server.host;
        config.own = server.own_kem;
        config.expect_certificate_request = server.own_kem.has_value();
        BERTH_TRY(context, authkem::client_context::make(std::move(config)));
        return net::channel_transport(net::authkem_client_transport{std::move(context), time, random});
    }
    if (server.own_kem) {
        return fail(error_category::usage, "wrong_key_kind", "over TLS a client shows a signature key's certificate");
    }
    net::tls_client_config config;
    config.server = std::move(rules);
    config.own = server.own;
    config.server_name = server.host.empty() ? server.at.host : server.host;
    config.allow_tls12 = server.allow_tls12;
    BERTH_TRY(context, net::tls_context::make(std::move(config), time));
    return net::channel_transport(std::move(context));
}

// One exchange: the request that it makes once the connection is there, and what it makes of the answer.
template <class Answer>
struct est_session::task {
    std::optional<est_wish> wish;  // none: nothing is built
    std::function<est::http_request(const est::client&, bytes_view csr, bool with_password)> request;
    // The outer result: the answer is none. The inner one: a password is wanted.
    std::function<result<std::variant<Answer, est::password_wanted>>(state&, const est::http_response&)> read;
    then<Answer> handler;
};

est_session::est_session(net::loop& on, const net::address& at, net::channel_transport over, est::client client,
                         const clock& time)
    : state_(std::make_shared<state>(on, at, std::move(over), std::move(client), time)) {}

est::http_response est_session::heard(state& s, net::http_response response) {
    auto out = est_response(std::move(response));
    if (const auto at = est::parse_http_date(out.headers.get("Date"))) {
        s.told = at;
    }
    return out;
}

template <class Answer>
void est_session::ask(const std::shared_ptr<state>& s, const std::shared_ptr<task<Answer>>& job, bool with_password) {
    // The handlers below are the client's, which the state owns: they must not own it.
    s->http.connect([weak = std::weak_ptr(s), job, with_password](result<std::shared_ptr<const net::peer_info>> peer) {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        if (!peer) {
            return job->handler(fail(towards(self->at, std::move(peer).error())));
        }
        self->peer = *peer;
        bytes csr;
        if (job->wish) {
            auto built = build(*job->wish, **peer);
            if (!built) {
                return job->handler(fail(std::move(built).error()));
            }
            csr = std::move(*built);
        }
        self->http.send(net_request(job->request(self->client, csr, with_password)),
                        [weak, job, with_password](result<net::http_response> response) {
                            const auto me = weak.lock();
                            if (!me) {
                                return;
                            }
                            if (!response) {
                                return job->handler(fail(towards(me->at, std::move(response).error())));
                            }
                            auto answer = job->read(*me, heard(*me, std::move(*response)));
                            if (!answer) {
                                return job->handler(fail(std::move(answer).error()));
                            }
                            if (const auto* wanted = std::get_if<est::password_wanted>(&*answer)) {
                                if (!with_password && wanted->basic && me->client.has_password()) {
                                    return ask(me, job, true);
                                }
                                return job->handler(password_wanted(*wanted, with_password));
                            }
                            job->handler(std::get<Answer>(std::move(*answer)));
                        });
    });
}

template <class Answer>
void est_session::begin(std::shared_ptr<task<Answer>> job) {
    ask(state_, job, false);
}

void est_session::cacerts(then<std::vector<pki::certificate>> handler) {
    using answer = std::vector<pki::certificate>;
    auto job = std::make_shared<task<answer>>();
    job->request = [](const est::client& c, bytes_view, bool with_password) { return c.cacerts(with_password); };
    job->read = [](state& s, const est::http_response& from) -> result<std::variant<answer, est::password_wanted>> {
        // RFC 7030 4.1.2 has it for everybody; some put a whole label behind a password.
        if (auto wanted = est::client::password_wanted_by(from)) {
            return std::move(*wanted);
        }
        BERTH_TRY(all, s.client.read_cacerts(from));
        return all;
    };
    job->handler = std::move(handler);
    begin(std::move(job));
}

void est_session::csrattrs(then<pki::csr_attributes> handler) {
    auto job = std::make_shared<task<pki::csr_attributes>>();
    job->request = [](const est::client& c, bytes_view, bool with_password) { return c.csrattrs(with_password); };
    job->read = [](state& s, const est::http_response& from) -> result<std::variant<pki::csr_attributes, est::password_wanted>> {
        if (auto wanted = est::client::password_wanted_by(from)) {
            return std::move(*wanted);
        }
        BERTH_TRY(all, s.client.read_csrattrs(from));
        return all;
    };
    job->handler = std::move(handler);
    begin(std::move(job));
}

namespace {

// The two outcomes that are answers, apart from the one that is a question.
template <class Answer, class Thing>
result<std::variant<Answer, est::password_wanted>>
sorted(result<std::variant<Thing, est::come_again, est::password_wanted>> from) {
    BERTH_TRY(what, std::move(from));
    if (auto* wanted = std::get_if<est::password_wanted>(&what)) {
        return std::move(*wanted);
    }
    if (auto* later = std::get_if<est::come_again>(&what)) {
        return Answer(std::move(*later));
    }
    return Answer(std::get<Thing>(std::move(what)));
}

}  // namespace

void est_session::enrol(est_wish wish, bool again, then<enrolled> handler) {
    auto job = std::make_shared<task<enrolled>>();
    job->request = [again](const est::client& c, bytes_view csr, bool with_password) {
        return again ? c.simplereenroll(csr, with_password) : c.simpleenroll(csr, with_password);
    };
    job->read = [spki = wish.spki](state& s, const est::http_response& from) {
        return sorted<enrolled>(s.client.read_enrolment(from, spki, s.time.now()));
    };
    job->wish = std::move(wish);
    job->handler = std::move(handler);
    begin(std::move(job));
}

void est_session::generate(est_wish wish, then<generated> handler) {
    auto job = std::make_shared<task<generated>>();
    job->request = [](const est::client& c, bytes_view csr, bool with_password) { return c.serverkeygen(csr, with_password); };
    job->read = [](state& s, const est::http_response& from) {
        return sorted<generated>(s.client.read_serverkeygen(from, s.time.now()));
    };
    job->wish = std::move(wish);
    job->handler = std::move(handler);
    begin(std::move(job));
}

void est_session::tpm_enrol(est_wish wish, std::function<result<est::tpm_request>(bytes csr)> claim, then<sealed> handler) {
    auto job = std::make_shared<task<sealed>>();
    job->request = [](const est::client& c, bytes_view body, bool with_password) {
        return c.tpmenroll(std::string(as_text(body)), with_password);
    };
    job->read = [](state& s, const est::http_response& from) {
        return sorted<sealed>(s.client.read_tpm_enrolment(from, s.time.now()));
    };
    // What is built for this connection is the whole body.
    wish.build = [build = std::move(wish.build), claim = std::move(claim)](const pki::csr_template& contents) -> result<bytes> {
        BERTH_TRY(csr, build(contents));
        BERTH_TRY(request, claim(std::move(csr)));
        return to_bytes(as_bytes(est::tpm_request_body(request, est::framing::one_line)));
    };
    job->wish = std::move(wish);
    job->handler = std::move(handler);
    begin(std::move(job));
}

}  // namespace berth::app
