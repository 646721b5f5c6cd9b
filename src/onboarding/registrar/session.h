// The registrar's half of one onboarding: one KK2, and one session on KK1 at a time. Sans I/O.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "onboarding/channel.h"
#include "onboarding/messages/authorization.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/frame.h"
#include "onboarding/messages/result.h"
#include "onboarding/possession.h"
#include "onboarding/registrar/integrity.h"
#include "onboarding/registrar/order.h"
#include "onboarding/registrar/transitions.h"
#include "onboarding/steps.h"
#include "pki/trust.h"

namespace berth::onboarding {

struct registrar_settings {
    hash_field own_leaf_hash{};  // SHA-256 of Z4's leaf
    bool manual_approval = false;
    uint32_t retry_after = 5;  // seconds, in `pending`
    std::string ca_profile = "operational";
    std::shared_ptr<const integrity_policy> integrity = {};  // none: no quote is asked for
    std::optional<pki::trust_store> domain;  // Z2, to which a certificate that is used again must lead; without it none is
    // Whether the CA has ended a certificate by itself, which then is not used again. None: it has no say in that.
    std::function<result<bool>(const issued_certificate&)> ended_by_ca = {};
};

// What a KK2 was for.
enum class registrar_session_kind : uint8_t { onboarding, report, configuration };

// The device at the other end of KK2, as its verified chain says.
struct kk2_device {
    device_identity identity;
    hash_field z3_hash{};
};

class registrar_session {
public:
    registrar_session(const registrar_settings& settings, registrar_records& records, kk2_device device, channel kk2,
                      const clock& time, random_source& random);

    // ---- what happens to it
    void receive(bytes_view kk2_octets);
    void kk2_ended();
    void masa_opened();               // a session number on a KK1 is ours (again)
    void masa_frame(const frame& f);  // a frame of that session
    void masa_lost();                 // that KK1 is gone
    void masa_unreachable();          // no KK1 can be had now
    void ca_answered(result<std::vector<issued_certificate>> answer);
    void ca_takes_time();     // the order was taken, and is answered later: "`pending` may come [...]: the CA is slow"
    void operator_decided();  // look at the approval again
    // Also the lists that an IAK is judged by. Needs no store: whatever is judged or issued from now on is so by this policy.
    void integrity_changed(std::shared_ptr<const integrity_policy> now);
    void judge_integrity();               // at once, of an onboarding that is under way
    void give_up(std::string_view name);  // refuses the device with this name: trust has changed, or it has come again
    void tick();

    // ---- what it wants
    [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
    struct masa_message {
        message_type type;
        bytes body;
    };
    // For the session on KK1; in order.
    [[nodiscard]] std::vector<masa_message> take_masa_messages() { return std::exchange(masa_out_, {}); }
    [[nodiscard]] bool wants_masa() const { return wants_masa_; }
    [[nodiscard]] std::optional<certificate_order> take_order() { return std::exchange(order_, std::nullopt); }
    // When the newest was made.
    [[nodiscard]] unix_seconds ordered_at() const { return ordered_at_; }
    [[nodiscard]] bool awaits_approval() const { return awaiting_approval_; }
    // A stored result that the MASA should be told on this session, once.
    [[nodiscard]] std::optional<result_message> take_report() { return std::exchange(report_, std::nullopt); }
    [[nodiscard]] std::vector<step_event> take_steps() { return std::exchange(steps_, {}); }
    [[nodiscard]] bool closing() const { return state_ == registrar_state::done || state_ == registrar_state::ended; }

    [[nodiscard]] registrar_state state() const { return state_; }
    [[nodiscard]] const std::optional<error>& why() const { return why_; }
    // The turn's commit has failed: nothing that depends on it is said to anybody. The KK2 is closed; the device comes again.
    void not_stored();
    [[nodiscard]] const kk2_device& device() const { return device_; }
    [[nodiscard]] std::string log_id() const { return request_ ? to_hex(request_->kk3_id) : std::string(); }
    [[nodiscard]] registrar_session_kind kind() const { return kind_; }

private:
    struct asked_credential {
        std::string name;
        credential_kind kind = credential_kind::signature;
        bytes spki;
        bytes request;
    };

    result<void> handle(const frame& f);
    result<void> on_tunnel(const frame& f);
    result<void> on_authorization_request(const frame& f);
    result<void> on_credential_requests(const frame& f);
    result<void> on_challenge_response(const frame& f);
    result<void> on_result(const frame& f);
    result<void> on_configuration_request(const frame& f);

    result<void> handle_masa(const frame& f);
    result<void> on_authorization(const frame& f);

    // What follows when S11 held and `credential_requests` is there: approval, possession, CA.
    result<void> proceed();
    // Error `approval_denied`.
    result<approval> approval_if_not_denied();
    // Error `attestation_refused`.
    result<void> check_integrity();
    result<void> check_requests();
    result<void> challenge_keys();
    result<void> ask_ca();
    result<void> grant_now();
    result<void> say_pending(uint32_t retry_after);
    [[nodiscard]] result<bool> reusable(const issued_certificate& c) const;
    // What the device has sent first for this key.
    [[nodiscard]] result<bytes> first_request(const asked_credential& a);
    void masa_took_it_back(const error& e);

    // The state that `e` leads to. Error `unexpected_message`.
    [[nodiscard]] result<registrar_state> may(registrar_event e) const;
    result<void> move(registrar_event e);
    template <class T>
    result<void> send(message_type type, const T& message) {
        BERTH_TRY(octets, to_frame(type, 0, message));
        append(output_, octets);
        return {};
    }
    template <class T>
    result<void> send_masa(message_type type, const T& message) {
        BERTH_TRY(body, wire::encode(message));
        masa_out_.push_back({type, std::move(body)});
        return {};
    }
    void refuse_here(const error& e);
    void end(error why);
    void step_done(step s, size_t octets = 0) { steps_.push_back({s, octets}); }

    registrar_settings settings_;  // of when it began: a change of Z4 is for the sessions that come
    registrar_records& records_;
    kk2_device device_;
    channel kk2_;
    const clock& clock_;
    random_source& random_;

    registrar_state state_ = registrar_state::greeted;
    std::optional<error> why_;
    frame_reader reader_{frame_reader::server_limit};
    bytes output_;
    std::vector<masa_message> masa_out_;
    std::vector<step_event> steps_;

    bool wants_masa_ = false;
    bool masa_open_ = false;        // a session on a KK1 is ours
    bool masa_authorized_ = false;  // and the MASA authorised on this very session
    registrar_session_kind kind_ = registrar_session_kind::onboarding;
    bool awaiting_approval_ = false;
    size_t tunnelled_up_ = 0, tunnelled_down_ = 0;
    std::vector<bytes> tunnel_waiting_;  // until KK1 has a session for us
    std::optional<authorization_request> request_;
    milliseconds requested_at_ = 0;  // when the device last sent it
    std::optional<authorization> authorization_;
    std::string model_, firmware_;
    bytes quote_;
    bool integrity_judged_ = false;  // by the present policy
    std::vector<asked_credential> asked_;
    std::vector<kem_challenge> challenges_;
    bool possession_proved_ = false;
    std::optional<certificate_order> order_;
    unix_seconds ordered_at_ = 0;
    std::vector<issued_certificate> issued_;
    bool issued_all_ = false;
    std::optional<result_message> report_;
    milliseconds started_at_ = 0;
    milliseconds heard_at_ = 0;
};

}  // namespace berth::onboarding
