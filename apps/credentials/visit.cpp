#include "credentials/visit.h"

#include "base/log.h"
#include "common/files.h"
#include "credentials/followed_trust.h"
#include "device/identity_holdings.h"
#include "est/fill_request.h"
#include "est_client/issued_chain.h"
#include "keystore/operations.h"
#include "pki/kem_csr.h"

#include <charconv>

namespace berth::app {

namespace {

int param_of(const error& e, std::string_view name) {
    const auto found = std::ranges::find(e.params, name, [](const auto& p) -> std::string_view { return p.first; });
    int out = -1;
    if (found != e.params.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), out);
    }
    return out;
}

// RFC 8446 6.2, of what the server made of our certificate: bad_certificate to certificate_unknown, unknown_ca, access_denied,
// decrypt_error, certificate_required.
constexpr std::array<int, 9> alerts_of_refusal{42, 43, 44, 45, 46, 48, 49, 51, 116};
// Come again, says the server, and nothing of us: request timeout, too early, too many requests.
constexpr std::array<int, 3> statuses_of_haste{408, 425, 429};

// A CA that knows the device by its serial number says by itself whether that is its common name, too.
pki::distinguished_name asked_by_identity(pki::distinguished_name own) {
    const auto serial = std::ranges::find(own.attributes, "serialNumber", &std::pair<std::string, std::string>::first);
    if (serial != own.attributes.end()) {
        const std::string name = serial->second;
        std::erase_if(own.attributes, [&](const auto& a) { return a.first == "CN" && a.second == name; });
    }
    return own;
}

}  // namespace

bool says_no(const error& e) {
    if (e.category != error_category::peer) {
        return false;
    }
    if (e.is("refused")) {
        return std::ranges::find(statuses_of_haste, param_of(e, "status")) == statuses_of_haste.end();
    }
    // Without "alert" it was no protected one: anybody on the path can say so.
    return e.is("password_wanted") ||
           (e.is("tls_failed") && std::ranges::find(alerts_of_refusal, param_of(e, "alert")) != alerts_of_refusal.end());
}

visit::visit(surroundings in, const kept_source& at, const kept_wish& wish, const credential_files& files, bool as_identity,
             done_handler done)
    : in_(in), at_(at), wish_(wish), files_(files), as_identity_(as_identity), done_(std::move(done)) {}

void visit::start(const kept_credential& k, deed planned) {
    if (auto begun = begin(k, planned); !begun) {
        fail_with(std::move(begun).error());
    }
}

namespace {

// The maker's certificate of this device: for its KEM key, or for its signature key.
result<std::pair<std::vector<pki::certificate>, key_handle>> birth_identity(const device_bundle& bundle, bool kem) {
    const std::filesystem::path& in = bundle.directory;
    const keystore::open_options how{in.string(), bundle.passphrase};
    if (kem) {
        BERTH_TRY(key, keystore::open_kem_key(bundle.p3_uri, how));
        return std::pair(bundle.z3, key_handle(std::move(key)));
    }
    BERTH_TRY(chain, read_chain(in / "z3-sig.pem"));
    std::erase_if(chain, [](const auto& c) { return c.is_self_issued(); });
    BERTH_TRY(in_file, is_there(in / "p3-sig.pem"));
    std::string uri = "file:" + (in / "p3-sig.pem").string();
    if (!in_file) {
        BERTH_TRY(text, read_text(in / "p3-sig.uri"));
        uri = text.substr(0, text.find('\n'));
    }
    BERTH_TRY(key, keystore::open_signing_key(uri, how));
    return std::pair(std::move(chain), key_handle(std::move(key)));
}

}  // namespace

// Who we are in this visit: a certificate of the credential, or the identity.
result<void> visit::show(const generation* own, est_server& server) {
    key_handle key;
    if (own != nullptr) {
        BERTH_TRY(opened, files_.open(*own));
        own_chain_ = own->chain;
        key = std::move(opened);
    } else if (wish_.identity == "idevid") {
        BERTH_TRY(birth, birth_identity(in_.bundle, at_.over_authkem));
        std::tie(own_chain_, key) = std::move(birth);
    } else {
        identity_holdings holdings(in_.bundle, identity_holdings::prefer::installed);
        BERTH_TRY(facts, holdings.look(wish_.identity));
        if (facts.chain.front().is_kem() != at_.over_authkem) {
            return fail(
                error_category::usage, "wrong_key_kind",
                fmt::format("the identity \"{}\" has a {} key, and towards an EST server one needs a {} key over {}: name "
                            "another one (identity, in est.toml)",
                            wish_.identity, at_.over_authkem ? "signature" : "KEM", at_.over_authkem ? "KEM" : "signature",
                            at_.over_authkem ? "AuthKEM" : "TLS"));
        }
        BERTH_TRY(opened, holdings.open(wish_.identity));
        own_chain_ = std::move(facts.chain);
        key = std::move(opened);
    }
    if (at_.over_authkem) {
        server.own_kem = authkem::credential{own_chain_, std::get<keystore::kem_key_ptr>(key)};
        return {};
    }
    own_key_ = std::get<keystore::signing_key_ptr>(key);
    server.own = net::tls_credential{own_chain_, own_key_};
    return {};
}

result<est::client> visit::client() const {
    est::client_options out;
    out.label = at_.label;
    out.user_agent = "berth-agent";
    if (!at_.user.empty()) {
        BERTH_TRY(password, read_passphrase(at_.password_file));
        out.user = at_.user;
        out.password = std::move(*password);
    }
    if (!at_.header.empty()) {
        BERTH_TRY(value, read_passphrase(at_.header_file));
        out.extra.add(at_.header, std::string(as_text(value->reveal())));
    }
    return est::client::make(std::move(out));
}

result<void> visit::begin(const kept_credential& k, deed planned) {
    const generation* const own = as_identity_ ? nullptr : shown_for(planned, k, wish_, in_.time.now());
    shown_ = own ? std::optional(own->number) : std::nullopt;
    outcome_.as_identity = !shown_;
    proves_ = planned == deed::prove;
    est_server server;
    BERTH_CHECK(show(own, server));
    if (own && !own->state.accepted) {
        BERTH_CHECK(files_.tried(own->number));
        counted_ = true;
    }
    server.at = at_.at;
    server.host = at_.host;
    BERTH_TRY(anchors, followed_trust(in_.bundle.directory, at_).anchors());
    server.anchors = std::move(anchors);
    BERTH_TRY(lists, read_crls(at_.crls));
    server.crls = std::move(lists);
    server.revocation = at_.lists_required ? pki::crl_policy::always : pki::crl_policy::if_present;
    server.allow_tls12 = at_.allow_tls12;
    server.over_authkem = at_.over_authkem;
    server.time = in_.time.instants();
    BERTH_TRY(asking, client());
    BERTH_TRY(over, transport_to(server, in_.time, in_.random));
    session_ = std::make_unique<est_session>(in_.on, at_.at, std::move(over), std::move(asking), in_.time);
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
    follow();
    const auto due = due_now();
    if (!due) {
        return fail_with(due.error());
    }
    *due ? ask_wanted() : finish();
}

// Its CA may have a new key, which the one that is trusted vouches for. Whoever does not know the time cannot judge that yet.
void visit::follow() {
    if (!in_.time.sure()) {
        return;
    }
    const auto added = followed_trust(in_.bundle.directory, at_).learn(cas_, in_.time.now());
    if (!added) {
        log::failure("trust_not_followed", added.error(), {{"server", at_.at.text()}});
        return;
    }
    for (const auto& root : *added) {
        log::info("trust_followed",
                  "a root that is trusted vouches for the EST server's new one, which is trusted beside it from now on",
                  {{"server", at_.at.text()}, {"subject", root.subject()}, {"sha256", to_hex(root.sha256())}});
    }
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
        auto names = pki::names_of(own_chain_.front());
        if (!names) {
            return fail_with(std::move(names).error());
        }
        contents.subject = shown_ ? std::move(names->subject) : asked_by_identity(std::move(names->subject));
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
        wish.build = [kem = std::get<keystore::kem_key_ptr>(waiting.key), by = own_chain_.front(),
                      key = own_key_](const pki::csr_template& t) {
            return pki::build_kem_csr(t, kem->public_key(), by, key->as_signing_key());
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
    BERTH_CHECK(files_.certified(number, issued_chain(leaf, cas_), renew_at));
    outcome_.issued = true;
    in_.time.learn_issue_date(leaf.not_before());
    BERTH_TRY(mended, files_.mend(in_.time.now()));
    return {};
}

void visit::fail_with(error why) {
    outcome_.refused = says_no(why);
    // Held for refused is a new certificate only by who has refused it: that the way there is cut says nothing of it.
    if (counted_ && !outcome_.refused) {
        if (const auto kept = files_.not_tried(*shown_); !kept) {
            log::failure("credential_not_kept", kept.error(), {{"credential", wish_.name}});
        }
    }
    outcome_.why = std::move(why);
    finish();
}

void visit::finish() {
    // The session's own handler may be running: it goes with the next turn.
    in_.on.post([done = std::move(done_), outcome = std::move(outcome_)]() mutable { done(std::move(outcome)); });
}

}  // namespace berth::app
