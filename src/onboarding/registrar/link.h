// The registrar's end of one KK1: numbers its sessions, passes their frames, and delivers stored results until they are
// acknowledged. Sans I/O.
#pragma once

#include "onboarding/registrar/session.h"

#include <map>
#include <set>

namespace berth::onboarding {

class registrar_link {
public:
    registrar_link(registrar_records& records, const hash_field& device_root_spki, const clock& time);

    // Gives `session` a number on this KK1. The session must be detached before it goes.
    void attach(registrar_session& session);
    void detach(registrar_session& session);
    [[nodiscard]] bool has(const registrar_session& session) const;

    // Octets of KK1. After an error (a Frame that does not decode) the caller closes and says lost().
    result<void> receive(bytes_view kk1_octets);
    // KK1 is gone: tells all sessions.
    void lost();
    // Collects what the sessions have to say. After any event of theirs.
    void collect();
    // Stored results that were not acknowledged yet; on opening, and now and then.
    result<void> deliver_results();
    // The owner gives a device away; the answer comes by take_release_answers().
    result<void> release(const device_identity& device, const std::string& successor);

    // The sessions that were told something since the last call.
    [[nodiscard]] std::set<registrar_session*> take_touched() { return std::exchange(touched_, {}); }

    struct release_answer {
        device_identity device;
        std::optional<error> refused;
    };
    [[nodiscard]] std::vector<release_answer> take_release_answers() { return std::exchange(released_, {}); }
    [[nodiscard]] bool has_output() const { return !output_.empty(); }
    [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
    [[nodiscard]] size_t open_sessions() const { return sessions_.size() + reports_.size() + releases_.size(); }

private:
    uint32_t draw_number();
    void send_result(uint32_t number, const result_message& m);
    void on_report_answer(uint32_t number, const frame& f);
    void on_release_answer(uint32_t number, const frame& f);
    void put(uint32_t number, const registrar_session::masa_message& m);

    registrar_records& records_;
    hash_field device_root_spki_;
    const clock& clock_;
    frame_reader reader_{frame_reader::server_limit};
    bytes output_;
    uint32_t next_ = 1;  // "a session number is never reused on one KK1"
    std::map<uint32_t, registrar_session*> sessions_;
    std::map<const registrar_session*, uint32_t> numbers_;
    std::map<uint32_t, kk3_id_field> reports_;
    std::set<kk3_id_field> reporting_;
    std::set<registrar_session*> touched_;
    std::map<uint32_t, device_identity> releases_;
    std::vector<release_answer> released_;
};

}  // namespace berth::onboarding
