#include "onboarding/device/session.h"

#include "base/test_record.h"
#include "onboarding/errors.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/onboard_request.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/tunnel.h"
#include "onboarding/possession.h"

namespace berth::onboarding {

namespace {

// "60 s without progress and without `pending` moves on"
constexpr milliseconds most_silence = 60'000;
// "at most 10 minutes for one registrar"
constexpr milliseconds most_session = 600'000;

}  // namespace

result<std::shared_ptr<const authkem::client_context>>
device_session::kk3_context(const pki::certificate& z3, keystore::kem_key_ptr p3, const crypto::kem_public_key& masa_key) {
    authkem::client_config config;
    // "the device sends Z3's leaf alone (the MASA holds the issuing CAs)"
    config.own = authkem::credential{{z3}, std::move(p3)};
    config.expect_certificate_request = true;
    config.alpn = {std::string(alpn_kk3)};
    config.alpn_required = true;
    // "Device: the pinned key; on refusal the spare, once, with a new KK2 and KK3; never the full handshake"
    config.pdk = authkem::client_config::predistributed_key{masa_key, true, true};
    // Nothing but the pinned key counts: the MASA's chain is never asked for.
    config.server.possession_only = true;
    return authkem::client_context::make(std::move(config));
}

device_session::device_session(device_settings settings, channel kk2, const clock& time, random_source& random)
    : settings_(std::move(settings)), kk2_(std::move(kk2)), clock_(time), random_(random) {
    started_at_ = progress_at_ = clock_.steady();
    step_done(step::s2);
}

device_session::~device_session() = default;

void device_session::start() {
    if (!move(device_event::start)) {
        return;
    }
    const auto begun = [&]() -> result<void> {
        BERTH_CHECK(send(message_type::onboard_request, onboard_request{}));
        if (settings_.direct_kk3) {
            return {};
        }
        BERTH_TRY(context, kk3_context(settings_.z3, settings_.p3, settings_.masa_key));
        kk3_ = std::make_unique<authkem::connection>(context, clock_, random_);
        BERTH_CHECK(kk3_->start());
        flush_kk3();
        return {};
    }();
    if (!begun) {
        refuse_here(begun.error());
    }
}

void device_session::start_report(const kk3_id_field& kk3_id) {
    kk3_id_ = kk3_id;
    reporting_only_ = true;
    if (move(device_event::start_report)) {
        (void)send(message_type::result, result_message{kk3_id, result_status::installed, {}});
    }
}

void device_session::receive(bytes_view kk2_octets) {
    reader_.feed(kk2_octets);
    while (outcome_ == device_outcome::running) {
        auto next = reader_.next();
        if (!next) {
            return refuse_here(next.error());
        }
        if (!*next) {
            return;
        }
        progress_at_ = clock_.steady();
        handle(**next);
    }
}

void device_session::handle(const frame& f) {
    // Default deny: "On KK2 anything unexpected is `error`, then close."
    if (!allowed(f.type, registrar_to_device)) {
        return refuse_here(refusal("unexpected_message"));
    }
    // "session 0 on KK2 and KK3"
    if (f.session != 0) {
        return refuse_here(refusal("malformed", "a frame on KK2 with a session number"));
    }
    result<void> done;
    switch (static_cast<message_type>(f.type)) {
    case message_type::tunnel: done = on_tunnel(f); break;
    case message_type::pending: done = on_pending(f); break;
    case message_type::challenge: done = on_challenge(f); break;
    case message_type::grant: done = on_grant(f); break;
    case message_type::error: on_error(f); break;
    case message_type::result_ack:
        done = f.body.empty() ? move(device_event::result_ack) : refuse("malformed");
        if (done) {
            outcome_ = device_outcome::done;
        }
        break;
    default: done = refuse("unexpected_message"); break;
    }
    if (!done) {
        refuse_here(done.error());
    }
}

result<void> device_session::move(device_event e) {
    const auto to = next_state(device_transitions, state_, e);
    if (!to) {
        return refuse("unexpected_message", fmt::format("{} while {}", to_string(e), to_string(state_)));
    }
    state_ = *to;
    return {};
}

// ---- KK3

result<void> device_session::on_tunnel(const frame& f) {
    BERTH_CHECK(move(device_event::tunnel));
    if (settings_.direct_kk3) {
        return refuse("unexpected_message", "a tunnel although KK3 is direct");
    }
    BERTH_TRY(t, wire::decode<tunnel>(f.body.view()));
    tunnel_received_ += t.octets.size();
    if (tunnel_received_ > most_tunnel_octets) {
        return refuse("too_large", "too many octets in the tunnel");
    }
    return drive_kk3(t.octets.view());
}

void device_session::kk3_established(const authkem::session& kk3) {
    if (state_ != device_state::reaching_masa) {
        return;
    }
    if (const auto done = kk3_done(kk3); !done) {
        refuse_here(done.error());
    }
}

void device_session::kk3_failed(const error& why) {
    if (state_ != device_state::reaching_masa) {
        return;  // after the handshake a direct KK3 carries nothing for the device
    }
    if (const auto done = kk3_refused(why); !done) {
        refuse_here(done.error());
    }
}

result<void> device_session::kk3_refused(const error& why) {
    if (why.is("predistributed_key_refused")) {
        end(device_outcome::use_spare, refusal("kk3_failed", "the MASA does not know the pinned key"));
        return {};
    }
    return refuse("kk3_failed", why.message);
}

result<void> device_session::drive_kk3(bytes_view octets) {
    const auto received = kk3_->receive(octets);
    flush_kk3();  // an alert too travels as `tunnel`
    if (!received) {
        return kk3_refused(received.error());
    }
    if (!kk3_->completed()) {
        return {};
    }
    const auto done = kk3_done(*kk3_->session());
    kk3_.reset();
    return done;
}

result<void> device_session::kk3_done(const authkem::session& kk3) {
    step_done(step::s3);
    k3_ = kk3_keys::derive(exporter_of(kk3));
    BERTH_TEST_RECORD("k3", k3_->pack().reveal());
    kk3_id_ = k3_->id();
    BERTH_CHECK(move(device_event::kk3_completed));
    BERTH_CHECK(request_authorization());
    return request_credentials();
}

void device_session::flush_kk3() {
    const bytes octets = kk3_->take_output();
    for (size_t at = 0; at < octets.size(); at += most_tunnel_frame) {
        const auto piece = bytes_view(octets).subspan(at, std::min(most_tunnel_frame, octets.size() - at));
        (void)send(message_type::tunnel, tunnel{wire::opaque<1, most_tunnel_frame>(piece)});
    }
}

// S4, S5, S6
result<void> device_session::request_authorization() {
    asked_.device_serial = serial_field(std::string_view(settings_.identity.serial));
    asked_.nonce = random_.octets<32>();
    asked_.registrar_leaf_hash = kk2_.peer_chain.front().sha256();
    asked_.channel_binding = to_array<32>(kk2_.exporter(label_kk2_binding, 32).reveal());
    asked_.created = settings_.has_clock ? static_cast<uint64_t>(clock_.now()) : 0;
    BERTH_TRY(plain, wire::encode(asked_));
    bi1_ = std::move(plain);
    BERTH_TEST_RECORD("bi1", bi1_);
    bi1_at_ = clock_.steady();
    step_done(step::s4, bi1_.size());
    BERTH_TRY(bi2, k3_->seal_authorization(asked_));
    step_done(step::s5, bi2.size());
    authorization_request request;
    request.kk3_id = k3_->id();
    request.bi2 = std::move(bi2);
    BERTH_TRY(octets, to_frame(message_type::authorization_request, 0, request));
    authorization_request_ = std::move(octets);
    append(output_, authorization_request_);
    step_done(step::s6, authorization_request_.size());
    return {};
}

result<void> device_session::request_credentials() {
    credential_requests out;
    out.model = name_field(std::string_view(settings_.model));
    out.firmware = name_field(std::string_view(settings_.firmware));
    if (settings_.quote) {
        BERTH_TRY(quote, settings_.quote(kk2_.exporter(label_quote, 32).reveal()));
        out.quote = std::move(quote);
    }
    for (const auto& credential : settings_.credentials) {
        BERTH_TRY(request, credential.request(settings_.identity.serial, kk2_.exporter));
        out.requests.items.push_back(std::move(request));
    }
    return send(message_type::credential_requests, out);
}

// ---- waiting

result<void> device_session::on_pending(const frame& f) {
    if (state_ == device_state::installing || state_ == device_state::reporting) {
        return {};  // it crossed the grant: nothing is asked for any more, and what is installed stays
    }
    BERTH_CHECK(move(device_event::pending));
    BERTH_TRY(p, wire::decode<pending>(f.body.view()));
    // "retry_after, seconds, 1 to 120": "Until S14 the device trusts nothing of the registrar's: retry_after [...] capped"
    if (p.retry_after < least_retry_after || p.retry_after > most_retry_after) {
        return refuse("malformed", "retry_after is outside 1 to 120 seconds");
    }
    waiting_allowed_ = true;
    // "The device waits retry_after plus a uniform 0 to 60 s"
    const auto jitter = settings_.pending_jitter_ms == 0 ? 0 : random_.number() % (settings_.pending_jitter_ms + 1);
    resend_at_ = clock_.steady() + p.retry_after * 1000 + static_cast<milliseconds>(jitter);
    return {};
}

std::optional<milliseconds> device_session::wake_at() const {
    if (outcome_ != device_outcome::running) {
        return std::nullopt;
    }
    milliseconds at = started_at_ + most_session;
    if (resend_at_) {
        at = std::min(at, *resend_at_);
    } else {
        at = std::min(at, progress_at_ + most_silence);
    }
    return at;
}

void device_session::tick() {
    if (outcome_ != device_outcome::running) {
        return;
    }
    const milliseconds now = clock_.steady();
    // "When KK2 ends or BI1 is 10 minutes old: new KK2, KK3, nonce and BI1."
    const bool stale = !bi1_.empty() && now - bi1_at_ >= most_bi1_age;
    if (stale || now - started_at_ >= most_session) {
        return end(waiting_allowed_ ? device_outcome::again : device_outcome::refused,
                   refusal("abandoned", "ten minutes have passed"));
    }
    if (resend_at_ && now >= *resend_at_) {
        resend_at_.reset();
        progress_at_ = now;
        append(output_, authorization_request_);  // "sends the same 3 alone on the same KK2"
        return;
    }
    if (!resend_at_ && now - progress_at_ >= most_silence) {
        end(device_outcome::refused, refusal("abandoned", "the registrar was silent for 60 seconds"));
    }
}

void device_session::kk2_ended() {
    if (outcome_ == device_outcome::running) {
        end(state_ == device_state::reporting ? device_outcome::unreported : device_outcome::again,
            refusal("abandoned", "the registrar closed the connection"));
    }
}

// ---- possession and grant

result<void> device_session::on_challenge(const frame& f) {
    // "at most one `challenge`, covering all KEM requests"
    BERTH_CHECK(move(device_event::challenge));
    BERTH_TRY(c, wire::decode<challenge>(f.body.view()));
    const auto kems = static_cast<size_t>(std::count_if(settings_.credentials.begin(), settings_.credentials.end(),
                                                        [](const auto& x) { return x.kind() == credential_kind::kem; }));
    if (c.challenges.size() != kems) {
        return refuse("possession_unconfirmed", "the challenge does not cover exactly the KEM requests");
    }
    challenge_response out;
    for (const auto& credential : settings_.credentials) {
        if (credential.kind() != credential_kind::kem) {
            continue;
        }
        const auto item = std::find_if(c.challenges.begin(), c.challenges.end(),
                                       [&](const auto& x) { return x.name.text() == credential.name; });
        if (item == c.challenges.end()) {
            return refuse("possession_unconfirmed", fmt::format("no challenge for \"{}\"", credential.name));
        }
        BERTH_TRY(answer, answer_challenge(*item, *std::get<1>(credential.key), asked_.channel_binding));
        out.responses.items.push_back(std::move(answer));
    }
    resend_at_.reset();
    return send(message_type::challenge_response, out);
}

result<void> device_session::on_grant(const frame& f) {
    if (!next_state(device_transitions, state_, device_event::grant_accepted)) {
        return refuse("unexpected_message", fmt::format("a grant while {}", to_string(state_)));
    }
    step_done(step::s13, f.body.size());
    auto accepted = [&]() -> result<accepted_grant> {
        BERTH_TRY(g, wire::decode<grant>(f.body.view()));
        return accept_grant(g, {settings_.identity, *k3_, bi1_, asked_, clock_.steady() - bi1_at_, settings_.earliest,
                                kk2_.peer_chain, settings_.credentials});
    }();
    if (!accepted) {
        report_refusal(accepted.error());
        return {};
    }
    step_done(step::s14);
    accepted_ = std::move(*accepted);
    resend_at_.reset();
    return move(device_event::grant_accepted);
}

void device_session::installed() {
    if (move(device_event::installed)) {
        (void)send(message_type::result, result_message{*kk3_id_, result_status::installed, {}});
    }
}

void device_session::install_failed(const error& why) {
    error told = refusal("install_failed", why.message);
    told.category = error_category::environment;  // nobody has refused anything: it is this device's own disk
    report_refusal(told);
}

// ---- endings

void device_session::on_error(const frame& f) {
    const auto m = wire::decode<error_message>(f.body.view());
    if (!m) {
        return refuse_here(m.error());
    }
    if (!move(device_event::error)) {
        return;
    }
    if (state_ == device_state::installing) {
        return;  // "A grant already sent cannot be called back."
    }
    error e = from_message(*m, "registrar");
    if (reporting_only_ && e.is("unknown_kk3")) {
        // The registrar has no memory of this grant (a backup was restored): saying it again would change nothing.
        return end(device_outcome::done, std::move(e));
    }
    // "KK1 unavailable before 3: `error` `masa_unreachable`; the device comes again with full jitter."
    const bool later = e.is("masa_unreachable") || e.is("too_many_requests") || e.is("abandoned") || e.is("unknown_kk3");
    end(later ? device_outcome::again : device_outcome::refused, std::move(e));
}

void device_session::report_refusal(const error& e) {
    result_message m{*kk3_id_, result_status::refused, wire::opaque<0, 64>(std::string_view(e.name).substr(0, 64))};
    (void)send(message_type::result, m);
    (void)move(device_event::refused_here);
    end(device_outcome::refused, e);
}

void device_session::refuse_here(const error& e) {
    (void)move(device_event::refused_here);
    (void)send(message_type::error, to_message(e));
    end(device_outcome::refused, e);
}

void device_session::end(device_outcome how, error why) {
    if (outcome_ != device_outcome::running) {
        return;
    }
    outcome_ = how;
    why_ = std::move(why);
    state_ = device_state::ended;
    kk3_.reset();
    k3_.reset();
}

}  // namespace berth::onboarding
