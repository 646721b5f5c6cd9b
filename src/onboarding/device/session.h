// The device's half of one onboarding: one KK2, one KK3, steps S2..S6, S13, S14. Sans I/O: octets and time in, octets and
// an outcome out.
#pragma once

#include "authkem/connection.h"
#include "base/clock.h"
#include "base/random.h"
#include "onboarding/device/acceptance.h"
#include "onboarding/device/transitions.h"
#include "onboarding/messages/frame.h"
#include "onboarding/messages/result.h"
#include "onboarding/steps.h"

#include <memory>

namespace berth::onboarding {

struct device_settings {
    device_identity identity;
    std::string model;
    std::string firmware;
    pki::certificate z3;  // "the device sends Z3's leaf alone"
    keystore::kem_key_ptr p3;
    crypto::kem_public_key masa_key;  // the pinned Z5 key to use on this KK3: current, or the spare after a refusal
    std::vector<device_credential> credentials;
    unix_seconds earliest = 0;            // the firmware's build or the last persisted time
    bool has_clock = true;                // else BI1 carries created = 0
    bool direct_kk3 = false;              // KK3 runs over a connection of its own, which the caller makes with kk3_context()
    uint32_t pending_jitter_ms = 60'000;  // "retry_after plus a uniform 0 to 60 s"
    // The platform_quote for `credential_requests`, made for 32 octets of qualifying data; empty function: none.
    std::function<result<bytes>(bytes_view qualifying_data)> quote;
};

// How a session ended.
enum class device_outcome : uint8_t {
    running,
    done,        // installed and acknowledged
    unreported,  // installed, but KK2 ended before `result_ack`: report on a new KK2
    refused,     // somebody said no: new keys, then the next registrar
    use_spare,   // the MASA refused the pinned key: again with the spare, new KK2 and KK3
    again,       // KK2 ended, BI1 too old, MASA unreachable: same keys, new KK2, after a pause
};

class device_session {
public:
    device_session(device_settings settings, channel kk2, const clock& time, random_source& random);
    ~device_session();

    // S3 begins: `onboard_request` and the first `tunnel` in one flight.
    void start();
    // "A device that has installed and has no ack opens KK2 [...] and sends `result` as its first and only frame." The
    // caller has verified that KK2 to the pinned domain root.
    void start_report(const kk3_id_field& kk3_id);

    void receive(bytes_view kk2_octets);
    void kk3_established(const authkem::session& kk3);  // direct KK3 only
    void kk3_failed(const error& why);                  // direct KK3 only
    void tick();                                        // whenever `wake_at` has passed
    void kk2_ended();                                   // the peer closed, or the transport broke

    // How a KK3 is made: PDK with the pinned key, whose refusal is fatal.
    static result<std::shared_ptr<const authkem::client_context>>
    kk3_context(const pki::certificate& z3, keystore::kem_key_ptr p3, const crypto::kem_public_key& masa_key);

    [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
    [[nodiscard]] std::vector<step_event> take_steps() { return std::exchange(steps_, {}); }
    // Whether the registrar has asked it to wait, and come again later.
    [[nodiscard]] bool asked_to_wait() const { return resend_at_.has_value(); }
    // When tick() wants to be called, by the monotonic clock.
    [[nodiscard]] std::optional<milliseconds> wake_at() const;

    // There once S14 has held, until taken: the caller installs atomically, then says installed() or install_failed().
    [[nodiscard]] std::optional<accepted_grant> take_accepted() { return std::exchange(accepted_, std::nullopt); }
    void installed();
    void install_failed(const error& why);

    [[nodiscard]] device_state state() const { return state_; }
    [[nodiscard]] device_outcome outcome() const { return outcome_; }
    [[nodiscard]] const std::optional<error>& why() const { return why_; }
    [[nodiscard]] const std::optional<kk3_id_field>& kk3_id() const { return kk3_id_; }

private:
    void handle(const frame& f);
    result<void> on_tunnel(const frame& f);
    result<void> on_pending(const frame& f);
    result<void> on_challenge(const frame& f);
    result<void> on_grant(const frame& f);
    void on_error(const frame& f);

    result<void> drive_kk3(bytes_view octets);
    result<void> kk3_done(const authkem::session& kk3);
    result<void> kk3_refused(const error& why);
    void flush_kk3();
    result<void> request_authorization();
    result<void> request_credentials();
    result<void> move(device_event e);

    template <class T>
    result<void> send(message_type type, const T& message) {
        BERTH_TRY(octets, to_frame(type, 0, message));
        append(output_, octets);
        return {};
    }
    void end(device_outcome how, error why);
    // Says `e` to the registrar and ends as refused.
    void refuse_here(const error& e);
    void report_refusal(const error& e);
    void step_done(step s, size_t octets = 0) { steps_.push_back({s, octets}); }

    device_settings settings_;
    channel kk2_;
    const clock& clock_;
    random_source& random_;

    device_state state_ = device_state::idle;
    device_outcome outcome_ = device_outcome::running;
    std::optional<error> why_;

    frame_reader reader_{frame_reader::device_limit};
    bytes output_;
    std::vector<step_event> steps_;

    std::unique_ptr<authkem::connection> kk3_;
    size_t tunnel_received_ = 0;
    std::optional<kk3_keys> k3_;
    std::optional<kk3_id_field> kk3_id_;
    authorization_info asked_;
    bytes bi1_;
    bytes authorization_request_;  // the frame, for `pending`
    milliseconds bi1_at_ = 0;
    milliseconds started_at_ = 0;
    milliseconds progress_at_ = 0;
    std::optional<milliseconds> resend_at_;
    bool waiting_allowed_ = false;  // a `pending` was received
    bool reporting_only_ = false;   // this KK2 carries the result of an earlier one
    std::optional<accepted_grant> accepted_;
};

}  // namespace berth::onboarding
