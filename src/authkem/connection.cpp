#include "authkem/connection.h"

#include "authkem/client_handshake.h"
#include "authkem/server_handshake.h"

namespace berth::authkem {

namespace {

error not_established() {
    return {error_category::usage, "not_established", "application data needs a completed handshake and an open connection"};
}

}  // namespace

connection::connection(std::shared_ptr<const client_context> context, const clock& time, random_source& random)
    : side_(role::client),
      client_(std::move(context)),
      records_(client_->config().records),
      handshake_(std::make_unique<client_handshake>(client_, surroundings{records_, time, random})) {}

connection::connection(std::shared_ptr<const server_context> context, const clock& time, random_source& random)
    : side_(role::server),
      server_(std::move(context)),
      records_(server_->config().records),
      handshake_(std::make_unique<server_handshake>(server_, surroundings{records_, time, random})) {}

connection::~connection() = default;

const observers& connection::observe() const {
    return side_ == role::client ? client_->config().observe : server_->config().observe;
}

void connection::stepped(event on, authkem::state to) const {
    if (observe().steps) {
        observe().steps(state::established, on, to);
    }
}

state connection::state() const {
    if (failure_) {
        return state::failed;
    }
    if (peer_closed_) {
        return state::closed;
    }
    return handshake_ ? handshake_->current() : state::established;
}

result<void> connection::start() {
    if (side_ == role::server || started_) {
        return {};
    }
    started_ = true;
    auto done = static_cast<client_handshake&>(*handshake_).start();
    if (!done) {
        give_up(done.error(), false);
    }
    return done;
}

result<void> connection::receive(bytes_view octets) {
    if (failure_) {
        return fail(*failure_);
    }
    // RFC 8446 6.1: "Any data received after a closure alert has been received MUST be ignored."
    if (peer_closed_) {
        return {};
    }
    auto done = process(octets);
    if (!done && !failure_) {
        give_up(done.error(), true);
    }
    if (session_ && !records_.partial()) {
        records_.shrink();
    }
    return done;
}

result<void> connection::process(bytes_view octets) {
    while (!peer_closed_) {
        BERTH_TRY(content, records_.read(octets));
        if (!content) {
            return {};
        }
        BERTH_CHECK(on_content(*content));
    }
    return {};
}

result<void> connection::on_content(const inner_plaintext& content) {
    // RFC 8446 5.1: "Handshake messages MUST NOT be interleaved with other record types. That is, if a
    // handshake message is split over two or more records, there MUST NOT be any other records between them."
    if (content.type != content_type::handshake && reader_.partial()) {
        return refuse(alert::unexpected_message, "interleaved_record",
                      "the peer sent another record in the middle of a handshake message");
    }
    switch (content.type) {
    case content_type::handshake: return on_handshake(content.content);
    case content_type::alert: return on_alert(content.content);
    case content_type::application_data: return on_application_data(content.content);
    case content_type::change_cipher_spec: break;
    }
    return refuse(alert::unexpected_message, "unexpected_record", "the peer sent a record that has no place here");
}

result<const transition*> connection::admit(trigger what, std::string_view name) const {
    if (const transition* row = expected(side_, state(), what)) {
        return row;
    }
    return refuse(alert::unexpected_message, "unexpected_message",
                  "the peer sent " + std::string(name) + " in the state " + std::string(name_of(state())));
}

result<void> connection::on_handshake(bytes_view content) {
    BERTH_CHECK(reader_.feed(content));
    while (true) {
        BERTH_TRY(type, reader_.next_type());
        if (!type) {
            return {};
        }
        // Whether it may come is judged by its first octet, before any of it is kept.
        BERTH_TRY(row, admit({trigger::kind::message, *type}, name_of(*type)));
        const std::optional<message_view> message = reader_.next();
        if (!message) {
            return {};
        }
        BERTH_CHECK(on_message(*message, *row));
    }
}

result<void> connection::on_message(const message_view& message, const transition& row) {
    std::optional<record_boundary> boundary;
    if (row.ends_record) {
        BERTH_TRY(proof, reader_.boundary());
        boundary = std::move(proof);
    }
    if (!handshake_) {
        return on_key_update(message);
    }
    BERTH_CHECK(handshake_->on_message(message, std::move(boundary)));
    if (handshake_->current() == state::established) {
        session_ = handshake_->take_session();
        handshake_.reset();
    }
    return {};
}

result<void> connection::on_key_update(const message_view& message) {
    BERTH_TRY(request, parse_key_update(message.body()));
    BERTH_TRY(boundary, reader_.boundary());
    const crypto::hash_algorithm hash = hash_of(session_->suite());
    traffic_secrets& secrets = session_->parts_.application;
    secret_bytes& theirs = side_ == role::client ? secrets.server : secrets.client;
    theirs = next_application_secret(hash, theirs);
    records_.set_read_secret(session_->suite(), theirs, std::move(boundary));
    // RFC 8446 4.6.3: "If the request_update field is set to "update_requested", then the receiver MUST send
    // a KeyUpdate of its own with request_update set to "update_not_requested" prior to sending its next
    // Application Data record." One answer pays for all requests that came before it is taken.
    update_owed_ = update_owed_ || (request == key_update_request::update_requested && !closed_);
    stepped(event::key_update, state::established);
    return {};
}

result<void> connection::on_alert(bytes_view content) {
    if (content.empty()) {
        return refuse(alert::unexpected_message, "empty_alert_record", "the peer sent an empty alert record");
    }
    BERTH_TRY(description, decode_alert(content));
    // RFC 8446 6.1: user_canceled "is a notification that the sender is canceling the handshake [...] It
    // SHOULD be followed by a "close_notify"."
    if (description == alert::user_canceled) {
        return {};
    }
    if (description == alert::close_notify && session_) {
        peer_closed_ = true;
        stepped(event::close_notify, state::closed);
        return {};
    }
    const std::string name = description == alert::close_notify || name_of(description) != "unknown"
                                 ? std::string(name_of(description))
                                 : "alert_" + std::to_string(static_cast<unsigned>(description));
    const bool ours = description == alert::internal_error;
    error e{ours ? error_category::environment : error_category::peer, "peer_alert",
            "the peer ended the connection with the alert " + name};
    give_up(std::move(e).with("peer_alert", name), false);
    return fail(*failure_);
}

result<void> connection::on_application_data(bytes_view content) {
    // Profile 4: "No endpoint sends application data or KeyUpdate before it has accepted the peer's Finished;
    // receiving either before the peer's Finished has been accepted is `unexpected_message`."
    BERTH_CHECK(admit({trigger::kind::application_data, {}}, "application data"));
    append(received_, content);
    stepped(event::application_data, state::established);
    return {};
}

result<void> connection::end_of_input() {
    if (failure_) {
        return fail(*failure_);
    }
    if (peer_closed_) {
        return {};
    }
    error e = session_ ? error{error_category::peer, "truncated", "the connection was cut off without close_notify"}
                       : error{error_category::peer, "closed_in_handshake", "the peer closed the connection in the handshake"};
    give_up(e, false);
    return fail(std::move(e));
}

bytes connection::take_output() {
    pay_update();
    return records_.take_output();
}

bytes connection::take_received() {
    bytes out;
    out.swap(received_);
    return out;
}

result<void> connection::may_send() const {
    if (!session_ || failure_ || closed_) {
        return fail(not_established());
    }
    return {};
}

result<void> connection::send(bytes_view data) {
    BERTH_CHECK(may_send());
    pay_update();
    const record_options& options = (side_ == role::client ? client_->config().records : server_->config().records);
    while (!data.empty()) {
        // RFC 8446 5.5: "There are cryptographic limits on the amount of plaintext which can be safely
        // encrypted under a given set of keys. [...] implementations SHOULD do a key update [...] prior to
        // reaching these limits." One record is kept for the KeyUpdate itself.
        if (records_.records_under_write_key() + 1 >= options.records_per_key) {
            update_write_key(key_update_request::update_not_requested);
        }
        const bytes_view part = data.first(std::min(data.size(), options.max_content));
        records_.write(content_type::application_data, part);
        data = data.subspan(part.size());
    }
    return {};
}

result<void> connection::key_update(bool request_peer) {
    BERTH_CHECK(may_send());
    pay_update();
    update_write_key(request_peer ? key_update_request::update_requested : key_update_request::update_not_requested);
    return {};
}

void connection::update_write_key(key_update_request request) {
    records_.write(content_type::handshake, *encode_key_update(request));
    traffic_secrets& secrets = session_->parts_.application;
    secret_bytes& ours = side_ == role::client ? secrets.client : secrets.server;
    ours = next_application_secret(hash_of(session_->suite()), ours);
    records_.set_write_secret(session_->suite(), ours);
}

void connection::pay_update() {
    if (update_owed_ && may_send()) {
        update_write_key(key_update_request::update_not_requested);
    }
    update_owed_ = false;
}

void connection::close() {
    if (closed_ || failure_) {
        return;
    }
    // RFC 8446 6.1: user_canceled, "followed by a "close_notify"".
    if (!session_) {
        records_.write_alert(alert::user_canceled);
        records_.write_alert(alert::close_notify);
        give_up({error_category::usage, "canceled", "the connection was closed before its handshake was complete"}, false);
    } else {
        pay_update();
        records_.write_alert(alert::close_notify);
    }
    closed_ = true;
}

void connection::give_up(error e, bool tell_peer) {
    if (tell_peer && !closed_) {
        alert_sent_ = alert_for(e);
        records_.write_alert(*alert_sent_);
    }
    failure_ = std::make_unique<error>(std::move(e));
    handshake_.reset();
    records_.shrink();
}

}  // namespace berth::authkem
