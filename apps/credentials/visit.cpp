#include "credentials/visit.h"

#include "common/files.h"
#include "device/identity_holdings.h"
#include "est/ca_certificates.h"
#include "est/fill_request.h"
#include "pki/kem_csr.h"

namespace berth::app {

namespace {

// The leaf and those between it and a root of the server's own CA, as far as the server tells of them.
std::vector<pki::certificate> chain_of(const pki::certificate& leaf, const std::vector<pki::certificate>& cas) {
    const auto bundle = est::sort_ca_certificates(cas);
    if (!bundle) {
        return {leaf};
    }
    const auto trust = pki::trust_store::build({bundle->roots, bundle->intermediates, {}});
    pki::verify_options how;
    how.time = pki::validity_instants::between(0, pki::no_expiry);
    how.leaf = leaf.is_kem() ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    how.revocation = pki::crl_policy::none;
    how.allow_rsa = true;
    if (!trust) {
        return {leaf};
    }
    const auto verified = pki::verify_chain(*trust, std::span(&leaf, 1), how);
    return verified ? std::vector(verified->chain().begin(), verified->chain().end()) : std::vector{leaf};
}

// Whether a server that we know says no to us, rather than something between us being broken.
bool says_no(const error& e) {
    return e.category == error_category::peer && (e.is("refused") || e.is("password_wanted") || e.is("tls_failed"));
}

}  // namespace

visit::visit(surroundings in, const kept_source& at, const kept_wish& wish, const credential_files& files, bool as_identity,
             done_handler done)
    : in_(in), at_(at), wish_(wish), files_(files), as_identity_(as_identity), done_(std::move(done)) {}

void visit::start(const kept_credential& k, deed planned) {
    if (auto begun = begin(k, planned); !begun) {
        fail_with(std::move(begun).error());
    }
}

result<net::tls_credential> visit::shown_credential(const generation* own) {
    if (own != nullptr) {
        BERTH_TRY(key, files_.open(*own));
        return net::tls_credential{own->chain, std::get<keystore::signing_key_ptr>(key)};
    }
    identity_holdings holdings(in_.bundle, identity_holdings::prefer::installed);
    BERTH_TRY(facts, holdings.look(wish_.identity));
    if (facts.chain.front().is_kem()) {
        return fail(error_category::usage, "wrong_key_kind",
                    fmt::format("the identity \"{}\" has a KEM key, and towards an EST server one needs a signature key: name "
                                "another one (identity, in est.toml)",
                                wish_.identity));
    }
    BERTH_TRY(key, holdings.open(wish_.identity));
    return net::tls_credential{std::move(facts.chain), std::get<keystore::signing_key_ptr>(key)};
}

result<void> visit::begin(const kept_credential& k, deed planned) {
    const generation* const own = as_identity_ ? nullptr : shown_for(planned, k, wish_, in_.time.now());
    shown_ = own ? std::optional(own->number) : std::nullopt;
    outcome_.as_identity = !shown_;
    proves_ = planned == deed::prove;
    BERTH_TRY(credential, shown_credential(own));
    if (own && !own->state.accepted) {
        BERTH_CHECK(files_.tried(own->number));
    }
    own_ = credential;
    est_server server;
    server.at = at_.at;
    server.host = at_.host;
    BERTH_TRY(anchors, read_anchors({at_.trust}));
    server.anchors = std::move(anchors);
    server.own = std::move(credential);
    server.allow_tls12 = at_.allow_tls12;
    server.time = in_.time.instants();
    est::client_options options;
    options.label = at_.label;
    options.user_agent = "berth-agent";
    BERTH_TRY(client, est::client::make(std::move(options)));
    BERTH_TRY(over, transport_to(server, in_.time, in_.random));
    session_ = std::make_unique<est_session>(in_.on, at_.at, std::move(over), std::move(client), in_.time);
    session_->cacerts([this](auto cas) { greeted(std::move(cas)); });
    return {};
}

void visit::greeted(result<std::vector<pki::certificate>> cas) {
    if (!cas) {
        return fail_with(std::move(cas).error());
    }
    cas_ = std::move(*cas);
    if (const auto told = session_->told_time()) {
        in_.time.learn(*told);
    }
    const auto due = due_now();
    if (!due) {
        return fail_with(due.error());
    }
    *due ? ask_wanted() : finish();
}

// The server has answered: it takes what it was shown. And whether a certificate is to be asked for, now that the time is known.
result<bool> visit::due_now() {
    if (shown_) {
        BERTH_TRY(before, files_.look());
        const auto* const own = before.numbered(*shown_);
        if (own && !own->state.accepted && wish_.accept == kept_wish::acceptance::est) {
            BERTH_CHECK(files_.accepted(*shown_));
            outcome_.accepted = true;
        }
    }
    BERTH_TRY(k, files_.mend(in_.time.now()));
    const deed what = plan_for(k, wish_, in_.time.now()).what;
    if (proves_ || as_identity_) {
        return !proves_;
    }
    // With an expired certificate nobody renews: then it is for the next visit.
    return what == deed::renew || (what == deed::enrol && !shown_);
}

// What the server wants in requests; a renewal has the names that it had (RFC 7030 4.2.2).
void visit::ask_wanted() {
    pki::csr_template contents;
    if (shown_ || wish_.subject.empty()) {
        auto names = pki::names_of(own_->chain.front());
        if (!names) {
            return fail_with(std::move(names).error());
        }
        contents.subject = std::move(names->subject);
        contents.alt_names = std::move(names->alt_names);
    }
    if (shown_) {
        return ask(std::move(contents));
    }
    for (const auto& [attribute, value] : wish_.subject) {
        contents.subject.add(attribute, value);
    }
    if (!wish_.alt_names.dns.empty() || !wish_.alt_names.uris.empty()) {
        contents.alt_names = wish_.alt_names;
    }
    session_->csrattrs([this, contents](result<pki::csr_attributes> wanted) {
        if (!wanted && !wanted.error().is("not_offered")) {
            return fail_with(std::move(wanted).error());
        }
        // The binding to the connection is put in when it is sent.
        auto filled =
            wanted ? est::fill_request(*wanted, contents, std::string("to be bound")) : result<pki::csr_template>(contents);
        if (!filled) {
            return fail_with(std::move(filled).error());
        }
        filled->challenge_password.reset();
        ask(std::move(*filled));
    });
}

void visit::ask(pki::csr_template contents) {
    if (auto asked = ask_for(std::move(contents)); !asked) {
        fail_with(std::move(asked).error());
    }
}

result<void> visit::ask_for(pki::csr_template contents) {
    BERTH_TRY(waiting, files_.await_key(wish_, in_.time.now(), in_.random));
    est_wish wish;
    wish.contents = std::move(contents);
    wish.spki = to_bytes(spki_of(waiting.key));
    if (const auto* const signing = std::get_if<keystore::signing_key_ptr>(&waiting.key)) {
        wish.build = [key = *signing](const pki::csr_template& t) { return pki::build_csr(t, key->as_signing_key()); };
    } else {
        // A KEM key cannot sign: who we are vouches for it (RFC 9883).
        wish.build = [kem = std::get<keystore::kem_key_ptr>(waiting.key), by = *own_](const pki::csr_template& t) {
            return pki::build_kem_csr(t, kem->public_key(), by.chain.front(), by.key->as_signing_key());
        };
    }
    session_->enrol(std::move(wish), shown_.has_value(),
                    [this, number = waiting.number](auto answer) { answered(number, std::move(answer)); });
    return {};
}

void visit::answered(uint32_t number, result<est_session::enrolled> answer) {
    if (!answer) {
        return fail_with(std::move(answer).error());
    }
    if (auto* const later = std::get_if<est::come_again>(&*answer)) {
        outcome_.later = std::move(*later);
        return finish();
    }
    if (const auto kept = keep(number, std::get<pki::certificate>(*answer)); !kept) {
        return fail_with(kept.error());
    }
    finish();
}

result<void> visit::keep(uint32_t number, const pki::certificate& leaf) {
    if (in_.time.sure() && leaf.not_after() <= in_.time.now()) {
        return fail(error_category::peer, "certificate_expired",
                    "the EST server has issued a certificate that is expired already");
    }
    const auto renew_at = est::renew_at(est::lifetime::of(leaf), wish_.policy, in_.random);
    BERTH_CHECK(files_.certified(number, chain_of(leaf, cas_), renew_at));
    outcome_.issued = true;
    in_.time.learn_issue_date(leaf.not_before());
    BERTH_TRY(mended, files_.mend(in_.time.now()));
    return {};
}

void visit::fail_with(error why) {
    outcome_.refused = says_no(why);
    outcome_.why = std::move(why);
    finish();
}

void visit::finish() {
    // The session's own handler may be running: it goes with the next turn.
    in_.on.post([done = std::move(done_), outcome = std::move(outcome_)]() mutable { done(std::move(outcome)); });
}

}  // namespace berth::app
