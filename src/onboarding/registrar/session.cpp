#include "onboarding/registrar/session.h"

#include "base/log.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "onboarding/errors.h"
#include "onboarding/messages/authorization_info.h"
#include "onboarding/messages/configuration.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/grant.h"
#include "onboarding/messages/onboard_request.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/result.h"
#include "onboarding/messages/session_open.h"
#include "onboarding/messages/tunnel.h"
#include "pki/csr.h"

namespace berth::onboarding {

namespace {

// A device that says nothing at all before it has asked is not kept.
constexpr milliseconds most_silence = 60'000;
// BI1 lives ten minutes, and a device then comes again; a little longer for its last frame.
constexpr milliseconds most_session = 660'000;
// A device repeats 3 after `pending`, which asks for a second at least; the network may press two together a little.
constexpr milliseconds least_between_requests = 500;
// How long a CA may take to decide before it is asked by another request for the same key.
constexpr unix_seconds oldest_request = 30 * 24 * 3600;

// No control characters: neither C0 and DEL, nor C1 (U+0080 to U+009F, as UTF-8 or as they stand), with which terminals are
// steered too.
bool printable(std::string_view text) {
    const std::string escaped = log::escape(text);
    for (size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
            return false;
        }
    }
    return escaped.find("\\u") == std::string::npos && escaped.find("\\n") == std::string::npos;
}

// The device's serial and nothing else.
bool names_alone(const pki::verified_csr& csr, const std::string& serial) {
    return csr.attribute("serialNumber") == serial && csr.name().attributes.size() == 1 && csr.alt_names().empty();
}

std::string cause_of(const error& e) {
    const auto found =
        std::ranges::find(e.params, std::string_view("cause"), [](const auto& p) -> std::string_view { return p.first; });
    return found == e.params.end() ? e.name : found->second;
}

}  // namespace

registrar_session::registrar_session(const registrar_settings& settings, registrar_records& records, kk2_device device,
                                     channel kk2, const clock& time, random_source& random)
    : settings_(settings), records_(records), device_(std::move(device)), kk2_(std::move(kk2)), clock_(time), random_(random) {
    started_at_ = heard_at_ = clock_.steady();
    step_done(step::s2);
    if (const auto saved = records_.saw_device(device_.identity, device_.z3_hash, clock_.now()); !saved) {
        end(saved.error());
    }
}

void registrar_session::receive(bytes_view kk2_octets) {
    heard_at_ = clock_.steady();
    reader_.feed(kk2_octets);
    while (!closing()) {
        auto next = reader_.next();
        if (!next) {
            return refuse_here(next.error());
        }
        if (!*next) {
            return;
        }
        if (const auto done = handle(**next); !done) {
            return refuse_here(done.error());
        }
    }
}

result<registrar_state> registrar_session::may(registrar_event e) const {
    const auto to = next_state(registrar_transitions, state_, e);
    if (!to) {
        return refuse("unexpected_message", fmt::format("{} while {}", to_string(e), to_string(state_)));
    }
    return *to;
}

result<void> registrar_session::move(registrar_event e) {
    BERTH_TRY(to, may(e));
    state_ = to;
    return {};
}

result<void> registrar_session::handle(const frame& f) {
    // Default deny: "On KK2 anything unexpected is `error`, then close."
    if (!allowed(f.type, device_to_registrar)) {
        return refuse("unexpected_message");
    }
    if (f.session != 0) {
        return refuse("malformed", "a frame on KK2 with a session number");
    }
    switch (static_cast<message_type>(f.type)) {
    case message_type::onboard_request: {
        BERTH_CHECK(move(registrar_event::onboard_request));
        BERTH_TRY(m, wire::decode<onboard_request>(f.body.view()));
        if (m.version != protocol_version) {
            return refuse("unsupported_version");
        }
        wants_masa_ = true;
        return {};
    }
    case message_type::tunnel: return on_tunnel(f);
    case message_type::authorization_request: return on_authorization_request(f);
    case message_type::credential_requests: return on_credential_requests(f);
    case message_type::challenge_response: return on_challenge_response(f);
    case message_type::result: return on_result(f);
    case message_type::configuration_request: return on_configuration_request(f);
    case message_type::error: {
        BERTH_TRY(m, wire::decode<error_message>(f.body.view()));
        end(from_message(m, "device"));
        return {};
    }
    default: return refuse("unexpected_message");
    }
}

// ---- KK3, which passes through

result<void> registrar_session::on_tunnel(const frame& f) {
    BERTH_CHECK(move(registrar_event::tunnel));
    BERTH_TRY(t, wire::decode<tunnel>(f.body.view()));
    // "at most 65 536 each way per session"
    tunnelled_up_ += t.octets.size();
    if (tunnelled_up_ > most_tunnel_octets) {
        return refuse("too_large", "too many octets in the tunnel");
    }
    if (!masa_open_) {
        tunnel_waiting_.push_back(f.body.value);
        return {};
    }
    masa_out_.push_back({message_type::tunnel, f.body.value});
    return {};
}

void registrar_session::masa_opened() {
    if (closing()) {
        return;
    }
    masa_open_ = true;
    masa_authorized_ = false;
    step_done(step::s1);
    session_open open;
    open.device_root_spki = device_.identity.device_root_spki;
    open.serial = serial_field(std::string_view(device_.identity.serial));
    open.z3_hash = device_.z3_hash;
    (void)send_masa(message_type::session_open, open);
    for (auto& octets : tunnel_waiting_) {
        masa_out_.push_back({message_type::tunnel, std::move(octets)});
    }
    tunnel_waiting_.clear();
    // "After KK1 reopens the registrar repeats `session_open` and 3 for what is open"
    if (request_) {
        (void)send_masa(message_type::authorization_request, *request_);
    }
}

void registrar_session::masa_lost() {
    masa_open_ = false;
    masa_authorized_ = false;
    if (state_ == registrar_state::relaying && (tunnelled_up_ > 0)) {
        // The MASA's half of KK3 is gone with its connection.
        refuse_here(refusal("masa_unreachable"));
    } else if (request_ && !closing() && state_ != registrar_state::granted) {
        // What comes next needs the MASA's word anew: the device shall wait for it, and not for nothing.
        (void)say_pending(settings_.retry_after);
    }
}

void registrar_session::masa_unreachable() {
    // "KK1 unavailable before 3: `error` `masa_unreachable`"
    if (state_ == registrar_state::relaying) {
        refuse_here(refusal("masa_unreachable"));
    }
}

void registrar_session::not_stored() {
    masa_out_.clear();
    report_.reset();
    why_ = error{error_category::environment, "store_failed", "what this device was told or has told could not be stored"};
}

// ---- S6, S7

result<void> registrar_session::on_authorization_request(const frame& f) {
    BERTH_CHECK(move(registrar_event::authorization_request));
    BERTH_TRY(m, wire::decode<authorization_request>(f.body.view()));
    if (request_) {
        // "sends the same 3 alone on the same KK2"
        if (m.kk3_id != request_->kk3_id || !(m.bi2 == request_->bi2)) {
            return refuse("kk3_reused", "another request on the same KK2");
        }
        // "A repeated 3 that crosses [...] a `grant` is answered by nothing": there is nothing to wait for any more.
        if (state_ == registrar_state::granted) {
            return {};
        }
        if (clock_.steady() - std::exchange(requested_at_, clock_.steady()) < least_between_requests) {
            return refuse("too_many_requests", "the same request again at once");
        }
        if (masa_authorized_ && state_ == registrar_state::issuing && !issued_all_) {
            return say_pending(settings_.retry_after);
        }
        if (masa_authorized_) {
            return proceed();  // "or answers from what it stored"; nothing, when the answer crossed the question
        }
    } else {
        request_ = std::move(m);
        requested_at_ = clock_.steady();
        step_done(step::s6, f.body.size());
    }
    if (masa_open_) {
        BERTH_CHECK(send_masa(message_type::authorization_request, *request_));
        step_done(step::s7, f.body.size());
        return {};
    }
    return say_pending(settings_.retry_after);
}

result<void> registrar_session::say_pending(uint32_t retry_after) {
    return send(message_type::pending, pending{std::clamp(retry_after, least_retry_after, most_retry_after)});
}

// ---- frames of the MASA

void registrar_session::masa_frame(const frame& f) {
    if (closing()) {
        return;
    }
    if (const auto done = handle_masa(f); !done) {
        refuse_here(done.error());
    }
}

result<void> registrar_session::handle_masa(const frame& f) {
    if (!allowed(f.type, masa_to_registrar)) {
        return refuse("unexpected_message", "the MASA sent what it may not send");
    }
    switch (static_cast<message_type>(f.type)) {
    case message_type::tunnel: {
        BERTH_TRY(t, wire::decode<tunnel>(f.body.view()));
        tunnelled_down_ += t.octets.size();
        if (tunnelled_down_ > most_tunnel_octets) {
            return refuse("too_large", "too many octets in the tunnel");
        }
        return send(message_type::tunnel, t);
    }
    case message_type::authorization: return on_authorization(f);
    case message_type::pending: {
        BERTH_TRY(p, wire::decode<pending>(f.body.view()));
        // What is granted is granted; the MASA thinks about a request that was repeated because KK1 broke.
        return state_ == registrar_state::granted ? result<void>{} : say_pending(p.retry_after);
    }
    case message_type::error: {
        BERTH_TRY(m, wire::decode<error_message>(f.body.view()));
        const error e = from_message(m, "masa");
        masa_open_ = false;
        masa_took_it_back(e);
        return fail(e);
    }
    default: return refuse("unexpected_message", "the MASA sent what it may not send now");
    }
}

// A grant that is out, and an assignment that no longer holds: "on `withdrawn` [...] the registrar revokes Z6". After KK1 has
// reopened the MASA judges 3 anew and says it by the name of what it found.
void registrar_session::masa_took_it_back(const error& e) {
    // What is wrong with the registrar itself (`not_a_registrar`, ...) says nothing about the device.
    constexpr std::string_view names[] = {"withdrawn", "blocked", "revoked", "not_assigned"};
    if (state_ != registrar_state::granted || std::find(std::begin(names), std::end(names), e.name) == std::end(names)) {
        return;
    }
    if (const auto revoked = records_.revoke_granted(request_->kk3_id, e.name, clock_.now()); !revoked) {
        log::failure("certificates_not_revoked", revoked.error(), {{"id", log_id()}});
    }
}

// S10, S11
result<void> registrar_session::on_authorization(const frame& f) {
    BERTH_CHECK(move(registrar_event::authorization));
    BERTH_TRY(m, wire::decode<authorization>(f.body.view()));
    step_done(step::s10, f.body.size());
    BERTH_TRY(bi1, wire::decode<authorization_info>(m.bi3.view()));
    // "checks channel_binding against its own KK2 exporter (constant time), serial and registrar_leaf_hash"
    const secret_bytes binding = kk2_.exporter(label_kk2_binding, 32);
    if (!crypto::equal(bi1.channel_binding, binding.reveal())) {
        return refuse("channel_mismatch");
    }
    if (bi1.device_serial.text() != device_.identity.serial || bi1.registrar_leaf_hash != settings_.own_leaf_hash) {
        return refuse("authorization_mismatch", "the MASA authorised another device or registrar");
    }
    step_done(step::s11, m.bi3.size());
    authorization_ = std::move(m);
    masa_authorized_ = true;
    if (state_ == registrar_state::issuing) {
        return issued_all_ ? grant_now() : result<void>{};
    }
    return proceed();
}

// ---- what the device asks for

result<void> registrar_session::on_credential_requests(const frame& f) {
    BERTH_CHECK(move(registrar_event::credential_requests));
    if (!asked_.empty()) {
        return refuse("unexpected_message", "credential_requests a second time");
    }
    BERTH_TRY(m, wire::decode<credential_requests>(f.body.view()));
    if (m.requests.empty() || m.requests.size() > most_credentials) {
        return refuse("malformed", "one to four credentials may be asked for");
    }
    for (const auto& r : m.requests) {
        const std::string name(r.name.text());
        // "Credential names match `[a-z0-9][a-z0-9-]*`, are unique, and are not `domain-root`"
        if (!valid_credential_name(name) ||
            std::any_of(asked_.begin(), asked_.end(), [&](const auto& a) { return a.name == name; })) {
            return refuse("malformed", "a credential's name is not allowed or not unique");
        }
        if (r.kind != credential_kind::signature && r.kind != credential_kind::kem) {
            return refuse("malformed", "a credential of unknown kind");
        }
        asked_.push_back({name, r.kind, {}, r.request.value});
    }
    // Both are shown to operators: a device shall not write to their terminals.
    if (!printable(m.model.text()) || !printable(m.firmware.text())) {
        return refuse("malformed", "model and firmware may hold no control characters");
    }
    model_ = std::string(m.model.text());
    firmware_ = std::string(m.firmware.text());
    quote_ = m.quote.value;
    BERTH_CHECK(records_.save_requests(request_->kk3_id, device_.identity, f.body.view(), clock_.now()));
    return proceed();
}

void registrar_session::operator_decided() {
    if (closing() || state_ == registrar_state::greeted || state_ >= registrar_state::granted) {
        return;
    }
    const auto done = [&]() -> result<void> {
        BERTH_TRY(decision, approval_if_not_denied());
        // Other decisions may be about other devices.
        return awaiting_approval_ && decision == approval::approved ? proceed() : result<void>{};
    }();
    if (!done) {
        refuse_here(done.error());
    }
}

// A denial holds with manual approval and without, until the grant is sent.
result<approval> registrar_session::approval_if_not_denied() {
    BERTH_TRY(decision, records_.approval_of(device_.identity));
    if (decision == approval::denied) {
        return refuse("approval_denied");
    }
    return decision;
}

result<void> registrar_session::proceed() {
    if (state_ != registrar_state::authorized || !authorization_ || asked_.empty()) {
        return {};
    }
    BERTH_TRY(decision, approval_if_not_denied());
    BERTH_CHECK(check_integrity());  // before an operator is asked, and before anything of what is asked for is looked at
    if (settings_.manual_approval) {
        if (decision != approval::approved) {
            BERTH_CHECK(records_.ask_approval(device_.identity, model_, clock_.now()));
            awaiting_approval_ = true;
            return say_pending(settings_.retry_after);
        }
        awaiting_approval_ = false;
    }
    BERTH_CHECK(check_requests());
    if (challenges_.empty() &&
        std::any_of(asked_.begin(), asked_.end(), [](const auto& a) { return a.kind == credential_kind::kem; })) {
        return challenge_keys();
    }
    return ask_ca();
}

// ---- integrity

// "A quote, where one is asked for, has KK2's exporter "EXPORTER-berth-quote" (32) as its qualifying data."
result<void> registrar_session::check_integrity() {
    if (integrity_judged_ || !settings_.integrity || !settings_.integrity->demands(model_)) {
        return {};
    }
    const secret_bytes binding = kk2_.exporter(label_quote, 32);
    const auto judged = judge_quote(*settings_.integrity, {device_.identity, kk2_.peer_chain.front(), model_}, quote_,
                                    binding.reveal(), clock_.now());
    if (!judged) {
        log::failure("attestation_refused", judged.error(),
                     {{"id", log_id()}, {"serial", device_.identity.serial}, {"model", model_}});
    }
    BERTH_CHECK(records_.note_integrity(device_.identity, model_, judged ? "met" : cause_of(judged.error()), clock_.now()));
    integrity_judged_ = judged.has_value();
    return judged;
}

void registrar_session::integrity_changed(std::shared_ptr<const integrity_policy> now) {
    settings_.integrity = std::move(now);
    integrity_judged_ = false;
}

void registrar_session::judge_integrity() {
    // What was not judged yet is judged in its time; what is granted is granted.
    const bool under_way = state_ == registrar_state::proving || state_ == registrar_state::issuing ||
                           (state_ == registrar_state::authorized && authorization_ && !asked_.empty());
    if (const auto judged = under_way ? check_integrity() : result<void>{}; !judged) {
        refuse_here(judged.error());
    }
}

// ---- possession

result<void> registrar_session::check_requests() {
    for (auto& a : asked_) {
        if (!a.spki.empty()) {
            continue;
        }
        if (a.kind == credential_kind::kem) {
            const auto key = crypto::kem_public_key::from_spki(a.request);
            if (!key) {
                return refuse("malformed", fmt::format("the key for \"{}\": {}", a.name, key.error().message));
            }
            a.spki = a.request;
        } else {
            const auto csr = pki::verified_csr::parse(a.request);
            if (!csr) {
                return refuse("possession_unconfirmed", fmt::format("the request for \"{}\": {}", a.name, csr.error().message));
            }
            // "PKCS#10, signed anew for each KK2, with challengePassword = base64 of the KK2 exporter"
            if (!csr->challenge_password() ||
                !crypto::equal(as_bytes(*csr->challenge_password()), as_bytes(csr_binding(kk2_.exporter)))) {
                return refuse("possession_unconfirmed", fmt::format("the request for \"{}\" was not made on this KK2", a.name));
            }
            if (!names_alone(*csr, device_.identity.serial)) {
                return refuse("malformed",
                              fmt::format("the request for \"{}\" must name the device's serial and nothing else", a.name));
            }
            a.spki = to_bytes(csr->key().spki());
        }
        const auto spki_hash = to_array<32>(crypto::sha256(a.spki).view());
        BERTH_TRY(foreign, records_.key_belongs_to_another(device_.identity, spki_hash));
        if (foreign) {
            return refuse("possession_unconfirmed", fmt::format("the key for \"{}\" was certified for another device", a.name));
        }
    }
    return {};
}

result<void> registrar_session::challenge_keys() {
    BERTH_CHECK(move(registrar_event::challenge_sent));
    const secret_bytes binding = kk2_.exporter(label_kk2_binding, 32);
    challenge out;
    for (const auto& a : asked_) {
        if (a.kind == credential_kind::kem) {
            BERTH_TRY(key, crypto::kem_public_key::from_spki(a.spki));
            challenges_.push_back(challenge_kem_key(name_field(std::string_view(a.name)), key, binding.reveal(), random_));
            out.challenges.items.push_back(challenges_.back().item);
        }
    }
    return send(message_type::challenge, out);
}

result<void> registrar_session::on_challenge_response(const frame& f) {
    BERTH_CHECK(move(registrar_event::challenge_response));
    BERTH_TRY(m, wire::decode<challenge_response>(f.body.view()));
    // "one `challenge_response`; any failure in it is `possession_unconfirmed` and ends the onboarding"
    bool good = m.responses.size() == challenges_.size();
    for (const auto& c : challenges_) {
        const auto found =
            std::find_if(m.responses.begin(), m.responses.end(), [&](const auto& r) { return r.name == c.item.name; });
        good = good && found != m.responses.end() && crypto::equal(found->secret, c.secret.reveal());
    }
    if (!good) {
        return refuse("possession_unconfirmed", "the answer to the challenge is wrong");
    }
    BERTH_CHECK(approval_if_not_denied());
    return ask_ca();
}

// ---- S12, S13

// "A certificate for the same identity and key is reused (and logged as reused) if unrevoked, of the same profile, chaining
// to the current Z2, with over a third of its life left"
result<bool> registrar_session::reusable(const issued_certificate& c) const {
    const unix_seconds left = c.not_after - clock_.now();
    if (c.revoked || c.profile != settings_.ca_profile || left <= (c.not_after - c.not_before) / 3) {
        return false;
    }
    std::vector<pki::certificate> chain;
    for (const auto& der : c.chain) {
        auto parsed = pki::certificate::parse(der);
        if (!parsed) {
            return false;
        }
        chain.push_back(std::move(*parsed));
    }
    pki::verify_options options;
    options.time = pki::validity_instants::at(clock_.now());
    options.leaf = c.kind == credential_kind::kem ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    if (!settings_.domain || !pki::verify_chain(*settings_.domain, chain, options)) {
        return false;
    }
    if (settings_.ended_by_ca) {
        BERTH_TRY(ended, settings_.ended_by_ca(c));
        return !ended;
    }
    return true;
}

// A request is signed anew for each KK2. A CA that lets somebody wait knows it by its octets (RFC 7030 4.2.3): what it is asked
// again, after a new KK2 or a restart of ours, is what it was asked before.
result<bytes> registrar_session::first_request(const asked_credential& a) {
    BERTH_TRY(all, records_.unanswered_requests(device_.identity, clock_.now() - oldest_request));
    for (const auto& octets : all) {
        const auto m = wire::decode<credential_requests>(octets);
        for (const auto& r : m ? m->requests.items : std::vector<credential_request>{}) {
            if (r.kind != credential_kind::signature || r.name.text() != a.name) {
                continue;
            }
            const auto csr = pki::verified_csr::parse(r.request.value);
            if (csr && same_octets(csr->key().spki(), a.spki) && names_alone(*csr, device_.identity.serial)) {
                return r.request.value;
            }
        }
    }
    return a.request;
}

result<void> registrar_session::ask_ca() {
    BERTH_CHECK(check_integrity());  // the policy may have become another since proceed()
    BERTH_CHECK(move(registrar_event::ca_asked));
    // Looked at before anything is issued: what cannot be granted must not be asked of a CA again and again.
    BERTH_TRY(configuration, records_.configuration_for(device_.identity, model_));
    if (configuration.json.size() > 65535) {
        return refuse("too_large", "the configuration for this device is over 65 535 octets; set a smaller one");
    }
    certificate_order order{device_.identity, log_id(), {}, kk2_.peer_chain, clock_.now()};
    for (const auto& a : asked_) {
        const auto spki_hash = to_array<32>(crypto::sha256(a.spki).view());
        BERTH_TRY(known, records_.find_certificate(device_.identity, a.name, spki_hash));
        bool serves = false;
        if (known) {
            BERTH_TRY(usable, reusable(*known));
            serves = usable;
        }
        if (serves) {
            log::info("certificate_reused", "the device has shown this key before; its certificate still serves",
                      {{"id", log_id()}, {"serial", device_.identity.serial}, {"credential", a.name}});
            issued_.push_back(std::move(*known));
        } else {
            order.items.push_back({a.name, a.kind, a.spki, {}});
            if (a.kind == credential_kind::signature) {
                BERTH_TRY(request, first_request(a));
                order.items.back().request = std::move(request);
            }
        }
    }
    if (!order.items.empty()) {
        ordered_at_ = order.at;
        order_ = std::move(order);
        return {};
    }
    issued_all_ = true;
    step_done(step::s12);
    return masa_authorized_ ? grant_now() : result<void>{};
}

void registrar_session::ca_answered(result<std::vector<issued_certificate>> answer) {
    const auto done = [&]() -> result<void> {
        if (!answer) {
            return refuse("ca_refused", answer.error().message);
        }
        // Persisted before the message that depends on it; also when the session is over: the device will come with the same
        // keys, and the same certificates shall wait for it. Unless it has gone meanwhile: then they end before they are used.
        BERTH_TRY(left, records_.left_since(device_.identity, ordered_at_));
        for (auto& c : *answer) {
            c.revoked = left;
        }
        BERTH_CHECK(records_.save_certificates(*answer, clock_.now()));
        if (state_ != registrar_state::issuing || issued_all_) {
            return {};
        }
        if (left) {
            BERTH_CHECK(approval_if_not_denied());
            return refuse("withdrawn");
        }
        size_t octets = 0;
        for (auto& c : *answer) {
            octets += c.chain.front().size();
            issued_.push_back(std::move(c));
        }
        issued_all_ = true;
        step_done(step::s12, octets);
        return masa_authorized_ ? grant_now() : result<void>{};
    }();
    if (!done) {
        refuse_here(done.error());
    }
}

void registrar_session::ca_takes_time() {
    if (state_ != registrar_state::issuing || issued_all_) {
        return;
    }
    const auto done = [&]() -> result<void> {
        BERTH_CHECK(move(registrar_event::ca_delayed));
        return say_pending(settings_.retry_after);
    }();
    if (!done) {
        refuse_here(done.error());
    }
}

result<void> registrar_session::grant_now() {
    BERTH_CHECK(approval_if_not_denied());
    BERTH_CHECK(check_integrity());
    BERTH_TRY(configuration, records_.configuration_for(device_.identity, model_));
    grant out;
    out.bi5 = authorization_->bi3;
    out.sealed_voucher = authorization_->sealed_voucher;
    out.configuration = wire::opaque<0, 65535>(std::string_view(configuration.json));
    granted record{request_->kk3_id, device_.identity, model_, firmware_, {}, configuration.version, clock_.now()};
    for (const auto& a : asked_) {
        const auto found = std::find_if(issued_.begin(), issued_.end(), [&](const auto& c) { return c.name == a.name; });
        // "CA answer with another key"
        if (found == issued_.end() || found->spki_hash != to_array<32>(crypto::sha256(a.spki).view())) {
            return refuse("ca_refused", fmt::format("the CA did not answer with the key of \"{}\"", a.name));
        }
        issued_credential item;
        item.name = name_field(std::string_view(a.name));
        for (const auto& der : found->chain) {
            item.chain.items.emplace_back(der);
        }
        record.leaf_hashes.push_back(crypto::sha256(found->chain.front()).to_bytes());
        out.issued.items.push_back(std::move(item));
    }
    BERTH_TRY(octets, to_frame(message_type::grant, 0, out));
    BERTH_CHECK(records_.save_grant(record));
    BERTH_CHECK(move(registrar_event::granted));
    append(output_, octets);
    step_done(step::s13, octets.size());
    return {};
}

// ---- afterwards

result<void> registrar_session::on_result(const frame& f) {
    // Done only once it is stored: until then whatever fails is an error that the device is told.
    BERTH_CHECK(may(registrar_event::result));
    if (state_ == registrar_state::greeted) {
        kind_ = registrar_session_kind::report;
    }
    BERTH_TRY(m, wire::decode<result_message>(f.body.view()));
    if (m.status != result_status::installed && m.status != result_status::refused) {
        return refuse("malformed", "a result of unknown status");
    }
    const std::string said(m.status == result_status::installed  ? ""
                           : is_protocol_error(m.refusal.text()) ? m.refusal.text()
                                                                 : "peer_error");
    BERTH_TRY(standing, records_.save_result(m.kk3_id, device_.identity, device_.z3_hash, m.status == result_status::installed,
                                             said, clock_.now()));
    if (standing == result_standing::unknown) {
        return refuse("unknown_kk3", "no grant was made under this id");
    }
    // "the first result stays": what is told on is what stands, whatever was said this time.
    if (standing == result_standing::refused) {
        const std::string why = said.empty() ? "peer_error" : said;
        BERTH_CHECK(records_.revoke_granted(m.kk3_id, why, clock_.now()));
        report_ = result_message{m.kk3_id, result_status::refused, wire::opaque<0, 64>(std::string_view(why))};
        why_ = refusal(why);
    } else {
        report_ = result_message{m.kk3_id, result_status::installed, {}};
    }
    // "The registrar acks it to the device once stored"
    BERTH_CHECK(send(message_type::result_ack, empty_body{}));
    return move(registrar_event::result);
}

result<void> registrar_session::on_configuration_request(const frame& f) {
    BERTH_CHECK(may(registrar_event::configuration_request));
    kind_ = registrar_session_kind::configuration;
    BERTH_TRY(m, wire::decode<configuration_request>(f.body.view()));
    // The maker's devices are many, and not all of them are this customer's, or still are.
    BERTH_TRY(standing, records_.membership_of(device_.identity));
    if (standing != membership::member) {
        return refuse(standing == membership::withdrawn ? "withdrawn" : "not_assigned");
    }
    BERTH_TRY(decision, records_.approval_of(device_.identity));
    if (decision == approval::denied) {
        return refuse("approval_denied");
    }
    BERTH_TRY(configuration, records_.configuration_for(device_.identity, model_));
    configuration_message out;
    out.version = configuration.version;
    if (m.have != configuration.version) {
        out.configuration = wire::opaque<0, 65535>(std::string_view(configuration.json));
    }
    BERTH_CHECK(send(message_type::configuration, out));
    return move(registrar_event::configuration_request);
}

void registrar_session::tick() {
    if (closing()) {
        return;
    }
    const milliseconds now = clock_.steady();
    const bool nothing_asked = state_ == registrar_state::greeted || state_ == registrar_state::relaying;
    if ((nothing_asked && now - heard_at_ > most_silence) || now - started_at_ > most_session) {
        refuse_here(refusal("abandoned"));
    }
}

void registrar_session::kk2_ended() {
    end(refusal("abandoned", "the device closed the connection"));
}

void registrar_session::refuse_here(const error& e) {
    if (state_ != registrar_state::done) {
        (void)send(message_type::error, to_message(e));
    }
    end(e);
}

void registrar_session::give_up(std::string_view name) {
    if (!closing()) {
        refuse_here(refusal(name));
    }
}

void registrar_session::end(error why) {
    if (closing()) {
        return;
    }
    // "The registrar ends sessions that it gives up with `error` `abandoned`": also when the device ended it, since the MASA
    // knows nothing of KK2. What the MASA itself has ended is not open any more.
    if (std::exchange(masa_open_, false)) {
        (void)send_masa(message_type::error, to_message(refusal("abandoned")));
    }
    state_ = registrar_state::ended;
    why_ = std::move(why);
    order_.reset();  // what was not asked of the CA yet is not asked any more
}

}  // namespace berth::onboarding
