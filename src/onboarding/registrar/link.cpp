#include "onboarding/registrar/link.h"

#include "base/log.h"
#include "onboarding/errors.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/release.h"
#include "onboarding/messages/result.h"
#include "onboarding/messages/session_open.h"

namespace berth::onboarding {

namespace {

// Results sent in one go; the rest follows as these are acknowledged.
constexpr size_t most_results = 64;

}  // namespace

registrar_link::registrar_link(registrar_records& records, const hash_field& device_root_spki, const clock& time)
    : records_(records), device_root_spki_(device_root_spki), clock_(time) {}

// "a session number is never reused on one KK1": the MASA takes them as they grow, so whatever was numbered before is said
// before.
uint32_t registrar_link::draw_number() {
    collect();
    return next_++;
}

void registrar_link::attach(registrar_session& session) {
    const uint32_t number = draw_number();
    sessions_[number] = &session;
    numbers_[&session] = number;
    session.masa_opened();
}

bool registrar_link::has(const registrar_session& session) const {
    return numbers_.contains(&session);
}

void registrar_link::put(uint32_t number, const registrar_session::masa_message& m) {
    auto octets = wire::encode(frame{static_cast<uint8_t>(m.type), number, bytes(m.body)});
    if (octets) {
        append(output_, *octets);
    }
}

void registrar_link::collect() {
    for (auto at = sessions_.begin(); at != sessions_.end();) {
        const uint32_t number = at->first;
        registrar_session* const session = at->second;
        for (const auto& m : session->take_masa_messages()) {
            put(number, m);
        }
        const auto report = session->take_report();
        if (!report) {
            ++at;
            continue;
        }
        // The session's number goes on for its result; the session itself may go.
        send_result(number, *report);
        at = sessions_.erase(at);
        numbers_.erase(session);
    }
}

void registrar_link::detach(registrar_session& session) {
    collect();
    touched_.erase(&session);
    const auto found = numbers_.find(&session);
    if (found != numbers_.end()) {
        sessions_.erase(found->second);
        numbers_.erase(found);
    }
}

void registrar_link::send_result(uint32_t number, const result_message& m) {
    reports_[number] = m.kk3_id;
    reporting_.insert(m.kk3_id);
    if (auto octets = to_frame(message_type::result, number, m)) {
        append(output_, *octets);
    }
}

// "repeats it to the MASA (over a `session_open`) until acked"
result<void> registrar_link::deliver_results() {
    collect();  // a session may have a result to tell that stands in the records already
    BERTH_TRY(waiting, records_.undelivered_results(device_root_spki_, most_results));
    for (const auto& w : waiting) {
        if (reporting_.contains(w.kk3_id)) {
            continue;  // said on this KK1, the answer is on its way
        }
        const uint32_t number = draw_number();
        session_open open{w.device.device_root_spki, serial_field(std::string_view(w.device.serial)), w.z3_hash};
        BERTH_TRY(octets, to_frame(message_type::session_open, number, open));
        append(output_, octets);
        send_result(number, {w.kk3_id, w.installed ? result_status::installed : result_status::refused,
                             wire::opaque<0, 64>(std::string_view(w.refusal))});
    }
    return {};
}

result<void> registrar_link::release(const device_identity& device, const std::string& successor) {
    const uint32_t number = draw_number();
    onboarding::release m{device.device_root_spki, serial_field(std::string_view(device.serial)),
                          name_field(std::string_view(successor))};
    BERTH_TRY(octets, to_frame(message_type::release, number, m));
    releases_[number] = device;
    append(output_, octets);
    return {};
}

result<void> registrar_link::receive(bytes_view kk1_octets) {
    reader_.feed(kk1_octets);
    for (;;) {
        BERTH_TRY(next, reader_.next());
        if (!next) {
            collect();
            return {};
        }
        if (const auto session = sessions_.find(next->session); session != sessions_.end()) {
            session->second->masa_frame(*next);
            touched_.insert(session->second);
        } else if (reports_.contains(next->session)) {
            on_report_answer(next->session, *next);
        } else if (releases_.contains(next->session)) {
            on_release_answer(next->session, *next);
        }
        // Else: a frame for a session that has ended, which is dropped.
    }
}

void registrar_link::on_report_answer(uint32_t number, const frame& f) {
    const kk3_id_field id = reports_[number];
    std::string outcome;
    if (f.is(message_type::result_ack)) {
        outcome = "ok";
    } else if (f.is(message_type::error)) {
        const auto m = wire::decode<error_message>(f.body.view());
        const error e = m ? from_message(*m, "masa") : refusal("malformed");
        // The MASA's own trouble is no answer: the result is told again later.
        if (!e.is("withdrawn") && !e.is("unknown_kk3")) {
            log::failure("result_not_taken", e, {{"id", to_hex(id)}});
            reports_.erase(number);
            reporting_.erase(id);
            return;
        }
        outcome = e.name;
    } else {
        return;
    }
    reports_.erase(number);
    reporting_.erase(id);
    if (outcome == "withdrawn") {
        (void)records_.revoke_granted(id, "withdrawn", clock_.now());
    }
    if (const auto stored = records_.result_delivered(id, outcome, clock_.now()); !stored) {
        log::failure("result_delivery_not_stored", stored.error(), {{"id", to_hex(id)}});
    }
}

void registrar_link::on_release_answer(uint32_t number, const frame& f) {
    release_answer answer{releases_[number], std::nullopt};
    if (!f.is(message_type::release_ack)) {
        const auto m = wire::decode<error_message>(f.body.view());
        answer.refused = m ? from_message(*m, "masa") : refusal("malformed");
    }
    releases_.erase(number);
    released_.push_back(std::move(answer));
}

void registrar_link::lost() {
    const auto sessions = std::exchange(sessions_, {});
    numbers_.clear();
    reports_.clear();
    reporting_.clear();
    for (const auto& [number, session] : sessions) {
        session->masa_lost();
    }
    for (const auto& [number, device] : std::exchange(releases_, {})) {
        released_.push_back({device, refusal("masa_unreachable")});
    }
}

}  // namespace berth::onboarding
