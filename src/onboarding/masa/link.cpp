#include "onboarding/masa/link.h"

#include "base/log.h"
#include "onboarding/errors.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/release.h"
#include "onboarding/messages/result.h"
#include "onboarding/messages/tunnel.h"

namespace berth::onboarding {

namespace {

// "an unknown kk3_id is looked for during 10 s in direct mode, then `unknown_kk3`"
constexpr milliseconds look_for_kk3 = 10'000;

}  // namespace

struct masa_link::session {
    uint32_t number = 0;
    masa_state state = masa_state::open;
    session_open about;
    std::unique_ptr<authkem::connection> kk3;
    std::shared_ptr<const authkem::server_context> kk3_context;  // under which trust it was begun
    size_t tunnelled_in = 0;
    size_t tunnelled_out = 0;
    authorization_request asked;
    milliseconds opened_at = 0;
    milliseconds deadline = 0;  // of the look for a direct KK3
    unsigned requests = 0;
    std::string log_id;
};

masa_link::masa_link(masa_service& service, kk1_peer peer) : service_(service), peer_(std::move(peer)) {}

result<std::string> masa_link::customer() {
    if (customer_.empty()) {
        BERTH_TRY(found, service_.customer_of(peer_));
        customer_ = std::move(found);
    }
    return customer_;
}

masa_link::masa_link(masa_link&&) noexcept = default;
masa_link::~masa_link() = default;

result<void> masa_link::receive(bytes_view kk1_octets) {
    reader_.feed(kk1_octets);
    for (;;) {
        BERTH_TRY(next, reader_.next());  // "only a Frame that does not decode closes KK1"
        if (!next) {
            return {};
        }
        BERTH_CHECK(handle(*next));
    }
}

result<void> masa_link::handle(const frame& f) {
    if (f.session == 0) {
        return refuse("malformed", "a frame on KK1 without a session number");
    }
    // Default deny: "A frame at the wrong time is `error` `unexpected_message` for its session".
    if (!allowed(f.type, registrar_to_masa)) {
        end_with_error(f.session, refusal("unexpected_message"));
        return {};
    }
    const auto what = [&]() -> masa_event {
        switch (static_cast<message_type>(f.type)) {
        case message_type::session_open: return masa_event::session_open;
        case message_type::tunnel: return masa_event::tunnel;
        case message_type::authorization_request: return masa_event::authorization_request;
        case message_type::result: return masa_event::result;
        case message_type::release: return masa_event::release;
        default: return masa_event::error;
        }
    }();
    // "`error`, `result_ack` or `release_ack` ends that session only". A fault of our own (the store) is told as `abandoned`:
    // the device comes again.
    if (const auto done = on_event(what, f); !done) {
        if (done.error().category != error_category::peer) {
            log::failure("session_failed", done.error(), {{"party", "masa"}});
        }
        end_with_error(f.session, done.error());
    }
    return {};
}

result<void> masa_link::on_event(masa_event what, const frame& f) {
    const auto found = sessions_.find(f.session);
    session* const s = found == sessions_.end() ? nullptr : found->second.get();
    const masa_state from = s ? s->state : masa_state::absent;
    const auto to = next_state(masa_transitions, from, what);
    if (!to) {
        // "Frames for ended sessions are dropped"
        return s ? refuse("unexpected_message", fmt::format("{} while {}", to_string(what), to_string(from))) : result<void>{};
    }
    if (s) {
        s->state = *to;
    }
    switch (what) {
    case masa_event::session_open: return on_open(f);
    case masa_event::tunnel: return on_tunnel(*s, f);
    case masa_event::authorization_request: return on_authorization_request(*s, f);
    case masa_event::result: return on_result(f);
    case masa_event::release: return on_release(f);
    case masa_event::decided:
    case masa_event::error: break;
    }
    if (s) {
        ends_.push_back({std::string(s->about.serial.text()), s->log_id, "abandoned"});
        sessions_.erase(found);
    }
    return {};
}

result<void> masa_link::on_open(const frame& f) {
    // "a session number is never reused on one KK1"
    if (f.session <= highest_) {
        return refuse("unexpected_message", "a session number that was used before");
    }
    highest_ = f.session;
    if (sessions_.size() >= most_sessions) {
        return refuse("too_many_requests");
    }
    BERTH_TRY(about, wire::decode<session_open>(f.body.view()));
    auto s = std::make_unique<session>();
    s->number = f.session;
    s->opened_at = service_.time().steady();
    s->about = std::move(about);
    step_done(*s, step::s1);
    sessions_.emplace(f.session, std::move(s));
    return {};
}

// ---- KK3

result<void> masa_link::on_tunnel(session& s, const frame& f) {
    BERTH_TRY(t, wire::decode<tunnel>(f.body.view()));
    s.tunnelled_in += t.octets.size();
    if (s.tunnelled_in > most_tunnel_octets) {
        return refuse("too_large", "too many octets in the tunnel");
    }
    if (!s.kk3) {
        if (!s.log_id.empty()) {
            return refuse("unexpected_message", "octets in the tunnel after KK3's handshake");
        }
        BERTH_TRY(context, service_.kk3_context());
        s.kk3_context = context;
        s.kk3 = std::make_unique<authkem::connection>(context, service_.time(), service_.random());
    }
    const auto received = s.kk3->receive(t.octets.view());
    flush_kk3(s);  // "A KK3 alert is forwarded as `tunnel`, then `error` `kk3_failed`."
    if (!received) {
        return refuse("kk3_failed", received.error().message);
    }
    if (!s.kk3->completed()) {
        return {};
    }
    BERTH_TRY(present, service_.kk3_context());
    if (present != s.kk3_context) {
        return refuse("abandoned", "trust in devices has changed meanwhile");
    }
    BERTH_TRY(waiting, service_.accept_kk3(*s.kk3->session()));
    s.log_id = to_hex(waiting.id);
    s.kk3.reset();
    step_done(s, step::s3, s.tunnelled_in + s.tunnelled_out);
    return {};
}

void masa_link::flush_kk3(session& s) {
    const bytes octets = s.kk3->take_output();
    s.tunnelled_out += octets.size();
    for (size_t at = 0; at < octets.size(); at += most_tunnel_frame) {
        const auto piece = bytes_view(octets).subspan(at, std::min(most_tunnel_frame, octets.size() - at));
        (void)send(message_type::tunnel, s.number, tunnel{wire::opaque<1, most_tunnel_frame>(piece)});
    }
}

// ---- the decision

result<void> masa_link::on_authorization_request(session& s, const frame& f) {
    BERTH_TRY(request, wire::decode<authorization_request>(f.body.view()));
    if (++s.requests > most_requests) {
        return refuse("too_many_requests");
    }
    if (s.requests == 1 || s.asked.kk3_id != request.kk3_id) {
        s.deadline = service_.time().steady() + look_for_kk3;
    }
    s.asked = std::move(request);
    return answer(s);
}

result<void> masa_link::answer(session& s) {
    auto decided = service_.decide(peer_, s.about, s.asked.kk3_id, s.asked.bi2.view());
    const bool tunnelled = s.tunnelled_in > 0;
    if (!decided && decided.error().is("unknown_kk3") && !tunnelled && service_.time().steady() < s.deadline) {
        return {};  // tick() looks again
    }
    s.log_id = to_hex(s.asked.kk3_id);
    step_done(s, step::s8);
    if (!decided) {
        return fail(decided.error());
    }
    s.state = *next_state(masa_transitions, s.state, masa_event::decided);
    BERTH_TRY(octets, to_frame(message_type::authorization, s.number, *decided));
    append(output_, octets);
    step_done(s, step::s9, octets.size());
    return {};
}

result<void> masa_link::tick() {
    BERTH_TRY(generation, service_.records().ownership_generation());
    const bool changed = generation != ownership_generation_;
    const milliseconds now = service_.time().steady();
    std::vector<std::pair<uint32_t, error>> over;
    bool looked_at_all = true;
    for (auto& [number, s] : sessions_) {
        if (now - s->opened_at > most_age) {
            over.emplace_back(number, refusal("abandoned"));
        } else if (s->state == masa_state::deciding) {
            if (const auto done = answer(*s); !done) {
                over.emplace_back(number, done.error());
            }
        } else if (s->state == masa_state::authorized && changed) {
            const device_identity device{s->about.device_root_spki, std::string(s->about.serial.text())};
            const auto still = [&]() -> result<bool> {
                BERTH_TRY(who, customer());
                return service_.records().still_assigned(device, who, service_.time().now());
            }();
            // A store that does not answer says nothing about the assignment: it is asked again at the next tick.
            looked_at_all = looked_at_all && (still || still.error().category == error_category::peer);
            if (still ? !*still : still.error().category == error_category::peer) {
                over.emplace_back(number, refusal("withdrawn"));  // "Block or release while a session is open"
            }
        }
    }
    if (looked_at_all) {
        ownership_generation_ = generation;
    }
    for (const auto& [number, e] : over) {
        end_with_error(number, e);
    }
    return {};
}

// ---- results and releases

result<void> masa_link::on_result(const frame& f) {
    BERTH_TRY(m, wire::decode<result_message>(f.body.view()));
    if (m.status != result_status::installed && m.status != result_status::refused) {
        return refuse("malformed", "a result of unknown status");
    }
    // Authorised anew: only the customer that was authorised may report.
    BERTH_TRY(customer, service_.reporter(peer_, m.kk3_id));
    const bool installed = m.status == result_status::installed;
    const std::string refused(is_protocol_error(m.refusal.text()) ? m.refusal.text() : installed ? "" : "peer_error");
    BERTH_TRY(verdict, service_.records().store_result(m.kk3_id, customer, installed, refused, service_.time().now()));
    switch (verdict) {
    case result_verdict::withdrawn: return refuse("withdrawn");
    case result_verdict::unknown: return refuse("unknown_kk3");
    case result_verdict::acknowledged: break;
    }
    const auto found = sessions_.find(f.session);
    if (found != sessions_.end()) {
        ends_.push_back({std::string(found->second->about.serial.text()), to_hex(m.kk3_id), installed ? "ok" : refused});
        sessions_.erase(found);
    }
    return send(message_type::result_ack, f.session, empty_body{});
}

result<void> masa_link::on_release(const frame& f) {
    BERTH_TRY(m, wire::decode<release>(f.body.view()));
    const device_identity device{m.device_root_spki, std::string(m.serial.text())};
    BERTH_CHECK(service_.release(peer_, device, std::string(m.successor.text())));
    return send(message_type::release_ack, f.session, empty_body{});
}

// ---- endings

void masa_link::end_with_error(uint32_t number, const error& e) {
    const auto found = sessions_.find(number);
    if (found != sessions_.end()) {
        const std::string outcome(to_message(e).name.text());
        ends_.push_back({std::string(found->second->about.serial.text()), found->second->log_id, outcome});
        sessions_.erase(found);
    }
    (void)send(message_type::error, number, to_message(e));
}

void masa_link::step_done(const session& s, step which, size_t octets) {
    steps_.push_back({std::string(s.about.serial.text()), s.log_id, {which, octets}});
}

}  // namespace berth::onboarding
