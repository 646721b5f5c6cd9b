// An AuthKEM connection without I/O: octets from the peer in, octets to the peer and application data out.
//
//     connection c(context, system_clock(), crypto::system_random());
//     c.start();                                   // a client's first flight
//     loop: transport.write(c.take_output());
//           c.receive(transport.read());           // an error: send take_output() (the alert), then close
//           if (c.completed()) ... c.send(data); c.take_received();
//     at the transport's end: c.end_of_input();    // an error: cut off without close_notify
//
// One thread at a time. Not movable: its parts refer to each other.
#pragma once

#include "authkem/config.h"
#include "authkem/handshake.h"
#include "authkem/key_update.h"

namespace berth::authkem {

class connection {
public:
    connection(std::shared_ptr<const client_context> context, const clock& time, random_source& random);
    connection(std::shared_ptr<const server_context> context, const clock& time, random_source& random);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    // Writes a client's first flight; nothing to do for a server. Once.
    result<void> start();

    // Takes octets from the peer, any number of them. An error is final: the alert for the peer is in the
    // output, the error stays in failure(), and octets that come later are ignored. Errors: any name of this
    // folder's messages and layers; `peer_alert` (with the parameter "peer_alert") when the peer gave up.
    result<void> receive(bytes_view octets);

    // The peer's transport has ended. Error `truncated`: without close_notify, so that application data may
    // be missing; `closed_in_handshake`: before completion.
    result<void> end_of_input();

    // What is to be sent, in order; taking it empties it.
    [[nodiscard]] bytes take_output();
    [[nodiscard]] bool has_output() const { return !records_.output().empty() || update_owed_; }

    [[nodiscard]] size_t unsent() const { return records_.output().size(); }

    // Application data. Error `not_established` (usage): before completion, or after close() or a failure.
    result<void> send(bytes_view data);
    // What the peer has sent; taking it empties it.
    [[nodiscard]] bytes take_received();
    [[nodiscard]] bool has_received() const { return !received_.empty(); }

    // New keys for what we send and, if asked, for what the peer sends. Error `not_established`.
    result<void> key_update(bool request_peer);

    // close_notify; nothing more is sent. What the peer sends is still read. Before completion: the alert
    // user_canceled and close_notify, and the connection is over.
    void close();

    [[nodiscard]] bool completed() const { return session_.has_value(); }
    // Null until completed() and after nothing else: it stays after a failure, since what was proved was
    // proved.
    [[nodiscard]] const authkem::session* session() const { return session_ ? &*session_ : nullptr; }
    [[nodiscard]] authkem::session* session() { return session_ ? &*session_ : nullptr; }
    // Why the connection is over; null while it is not.
    [[nodiscard]] const error* failure() const { return failure_ ? failure_.get() : nullptr; }
    // The fatal alert that we sent, if any.
    [[nodiscard]] std::optional<alert> alert_sent() const { return alert_sent_; }
    // The peer's close_notify has come.
    [[nodiscard]] bool peer_closed() const { return peer_closed_; }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] authkem::state state() const;
    [[nodiscard]] role side() const { return side_; }

    [[nodiscard]] uint64_t octets_sent() const { return records_.octets_written(); }
    [[nodiscard]] uint64_t octets_received() const { return records_.octets_read(); }

private:
    result<void> process(bytes_view octets);
    result<void> on_content(const inner_plaintext& content);
    result<void> on_handshake(bytes_view content);
    result<void> on_message(const message_view& message, const transition& row);
    result<void> on_key_update(const message_view& message);
    result<void> on_alert(bytes_view content);
    result<void> on_application_data(bytes_view content);
    result<const transition*> admit(trigger what, std::string_view name) const;
    result<void> may_send() const;
    void update_write_key(key_update_request request);
    void pay_update();
    void give_up(error e, bool tell_peer);
    [[nodiscard]] const observers& observe() const;
    // Tells of a step after the handshake.
    void stepped(event on, authkem::state to) const;

    role side_;
    std::shared_ptr<const client_context> client_;
    std::shared_ptr<const server_context> server_;
    record_layer records_;
    handshake_reader reader_;
    std::unique_ptr<handshake> handshake_;  // freed when it is over
    std::optional<authkem::session> session_;
    bytes received_;
    std::unique_ptr<error> failure_;
    std::optional<alert> alert_sent_;
    bool started_ = false;
    bool update_owed_ = false;  // the peer asked for our KeyUpdate
    bool closed_ = false;
    bool peer_closed_ = false;
};

}  // namespace berth::authkem
