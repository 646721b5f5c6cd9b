// The MASA's end of one KK1: many sessions, each one device's onboarding. Sans I/O.
#pragma once

#include "onboarding/masa/service.h"
#include "onboarding/masa/transitions.h"
#include "onboarding/messages/frame.h"
#include "onboarding/steps.h"

#include <map>
#include <memory>

namespace berth::onboarding {

class masa_link {
public:
    // `peer` is the registrar whose chain KK1's handshake verified.
    masa_link(masa_service& service, kk1_peer peer);
    masa_link(masa_link&&) noexcept;
    ~masa_link();

    // Octets of KK1. After an error (a Frame that does not decode) the caller sends what is left and closes.
    result<void> receive(bytes_view kk1_octets);
    // Looks for KK3s that come by the direct way, and tells sessions whose assignment was withdrawn. A few times a second.
    result<void> tick();

    struct session_step {
        std::string serial;
        std::string log_id;  // hex of kk3_id once known
        step_event what;
    };
    struct session_end {
        std::string serial;
        std::string log_id;
        std::string outcome;  // "ok" or a refusal's name
    };
    [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
    [[nodiscard]] std::vector<session_step> take_steps() { return std::exchange(steps_, {}); }
    [[nodiscard]] std::vector<session_end> take_ends() { return std::exchange(ends_, {}); }
    [[nodiscard]] size_t open_sessions() const { return sessions_.size(); }

    // "Before the peer's Finished, limits count only address, KK1 customer (tunnels) and concurrent handshakes".
    static constexpr size_t most_sessions = 4096;
    // BI1 lives ten minutes and a registrar keeps a KK2 for eleven; a session that is older was forgotten by its registrar.
    static constexpr milliseconds most_age = 15 * 60'000;
    // A device repeats its request once a second at most, for ten minutes.
    static constexpr unsigned most_requests = 700;

private:
    struct session;
    result<void> handle(const frame& f);
    result<void> on_event(masa_event what, const frame& f);
    result<void> on_open(const frame& f);
    result<void> on_tunnel(session& s, const frame& f);
    result<void> on_authorization_request(session& s, const frame& f);
    result<void> answer(session& s);
    // Who stands on this KK1, once that could be read.
    result<std::string> customer();
    result<void> on_result(const frame& f);
    result<void> on_release(const frame& f);

    template <class T>
    result<void> send(message_type type, uint32_t number, const T& message) {
        BERTH_TRY(octets, to_frame(type, number, message));
        append(output_, octets);
        return {};
    }
    void flush_kk3(session& s);
    // Says `e` for a session and forgets it: "`error`, `result_ack` or `release_ack` ends that session only".
    void end_with_error(uint32_t number, const error& e);
    void step_done(const session& s, step which, size_t octets = 0);

    masa_service& service_;
    kk1_peer peer_;
    std::string customer_;
    frame_reader reader_{frame_reader::server_limit};
    bytes output_;
    std::map<uint32_t, std::unique_ptr<session>> sessions_;
    uint32_t highest_ = 0;
    uint64_t ownership_generation_ = 0;
    std::vector<session_step> steps_;
    std::vector<session_end> ends_;
};

}  // namespace berth::onboarding
