#include "net/http_client.h"

#include "net/dial.h"

#include <deque>

namespace berth::net {

namespace {

// A server that does not close after us is waited for no longer than this.
constexpr milliseconds linger = 2'000;

error environment(const char* name, std::string message) {
    return {error_category::environment, name, std::move(message)};
}

// RFC 9110 9.2.2.
bool is_idempotent(const std::string& method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

}  // namespace

struct http_client::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, address o, channel_transport t, const http_client_options& p)
        : on(l), origin(std::move(o)), over(std::move(t)), options(p), deadline(l) {}

    struct job {
        http_request request;     // of send()
        answer_handler answered;  // of send()
        peer_handler connected;   // of connect()
        bool again = false;       // has been sent once already
    };
    enum class phase { none, connecting, ready, busy };

    void next();
    void dial();
    void reached(std::shared_ptr<channel> server);
    void read();
    void received(const error* why, bytes_view octets);
    void write();
    void answer();
    void retire();
    void lose(const error& why);
    void finish_job(result<http_response> outcome);
    void limit(milliseconds after, const char* name, const char* what);
    [[nodiscard]] std::string host_field() const;

    loop& on;
    address origin;
    channel_transport over;
    http_client_options options;
    timer deadline;
    phase at = phase::none;
    std::deque<job> jobs;               // front: under way unless `ready` or `none`
    std::shared_ptr<dialler> dialling;  // connecting
    std::shared_ptr<channel> through;
    std::shared_ptr<const peer_info> peer;
    std::optional<response_reader> reader;
    bytes input;
    uint64_t attempt = 0;  // callbacks of an earlier connection are told by their number
    bool used = false;     // the connection has carried a request
    bool close_after = false;
    bool dropped = false;
};

std::string http_client::impl::host_field() const {
    return origin.text();
}

void http_client::impl::limit(milliseconds after, const char* name, const char* what) {
    deadline.arm(after, [weak = weak_from_this(), name, what] {
        if (const auto self = weak.lock()) {
            self->lose(environment(name, what));
        }
    });
}

void http_client::impl::next() {
    if (dropped || at == phase::connecting || at == phase::busy) {
        return;
    }
    if (jobs.empty()) {
        if (at == phase::ready) {
            deadline.arm(close_after ? 0 : options.idle, [weak = weak_from_this()] {
                if (const auto self = weak.lock()) {
                    self->retire();
                }
            });
        }
        return;
    }
    if (at == phase::none) {
        return dial();
    }
    if (jobs.front().connected) {
        const auto tell = std::move(jobs.front().connected);
        jobs.pop_front();
        on.post([self = shared_from_this(), tell, who = peer] {
            if (!self->dropped) {
                tell(who);
            }
        });
        return next();
    }
    write();
}

void http_client::impl::dial() {
    at = phase::connecting;
    used = false;
    const uint64_t mine = ++attempt;
    dialling = dialler::start(on, origin, over, {options.connect, options.handshake},
                              [self = shared_from_this(), mine](result<std::shared_ptr<channel>> server) {
                                  if (mine != self->attempt || self->dropped) {
                                      return;
                                  }
                                  self->dialling.reset();
                                  if (!server) {
                                      return self->lose(server.error());
                                  }
                                  self->reached(std::move(*server));
                              });
}

void http_client::impl::reached(std::shared_ptr<channel> server) {
    through = std::move(server);
    peer = std::make_shared<const peer_info>(through->describe());
    at = phase::ready;
    input.clear();
    read();
    next();
}

// One read is always under way, so that a connection that the server closes between requests is not used again.
void http_client::impl::read() {
    through->read([self = shared_from_this(), mine = attempt](const error* why, bytes_view octets) {
        if (mine == self->attempt && !self->dropped) {
            self->received(why, octets);
        }
    });
}

void http_client::impl::received(const error* why, bytes_view octets) {
    if (at != phase::busy) {
        return lose(why ? *why : error{error_category::peer, "connection_lost", "the server closed the connection"});
    }
    if (why) {
        return lose(*why);
    }
    if (octets.empty()) {
        if (const auto ended = reader->end_of_input(); !ended) {
            return lose(ended.error());
        }
        return answer();
    }
    append(input, octets);
    while (true) {
        bytes_view left = input;
        const auto progress = reader->read(left);
        input.erase(input.begin(), input.end() - static_cast<std::ptrdiff_t>(left.size()));
        if (!progress) {
            return lose(progress.error());
        }
        if (*progress == read_progress::complete) {
            return answer();
        }
        if (*progress == read_progress::more) {
            return read();
        }
    }
}

void http_client::impl::write() {
    at = phase::busy;
    const http_request& request = jobs.front().request;
    reader.emplace(options.size, request.method == "HEAD");
    limit(options.response, "response_timeout", "the server did not answer in time");
    through->write(encode_request(request, host_field(), !close_after), [](const error*) {
        // A server that closed may have said why first: that is for the read to find, which fails too if there is nothing.
    });
    used = true;
}

void http_client::impl::answer() {
    http_response response = reader->take();
    const bool keep = reader->keep_alive() && input.empty();
    deadline.cancel();
    at = phase::ready;
    if (keep) {
        read();
    } else {
        retire();
    }
    finish_job(std::move(response));
}

// Ends the connection in an orderly way, behind our back.
void http_client::impl::retire() {
    ++attempt;
    at = phase::none;
    deadline.cancel();
    peer.reset();
    const auto closing = std::exchange(through, nullptr);
    const auto patience = std::make_shared<timer>(on);
    patience->arm(linger, [closing] { closing->abort(); });
    closing->shutdown([closing, patience] {
        patience->cancel();
        closing->abort();
    });
}

void http_client::impl::finish_job(result<http_response> outcome) {
    const job done = std::move(jobs.front());
    jobs.pop_front();
    const auto self = shared_from_this();  // the handler may drop the client
    if (done.answered) {
        done.answered(std::move(outcome));
    } else if (done.connected && !outcome) {
        done.connected(fail(std::move(outcome).error()));
    }
    next();
}

void http_client::impl::lose(const error& why) {
    const bool was_busy = at == phase::busy;
    const bool was_connecting = at == phase::connecting;
    // Nothing of an answer has come, on a connection that worked before: the server had closed it, most likely.
    const bool swallowed = was_busy && used && reader->fresh() && !why.is("response_timeout") && jobs.front().again == false &&
                           is_idempotent(jobs.front().request.method);
    ++attempt;
    at = phase::none;
    deadline.cancel();
    if (through) {
        through->abort();
        through.reset();
    }
    if (dialling) {
        std::exchange(dialling, nullptr)->abandon();
    }
    peer.reset();
    if (swallowed) {
        jobs.front().again = true;
        return next();
    }
    if (was_busy || was_connecting) {
        return finish_job(fail(why));
    }
    next();
}

http_client::http_client(loop& on, address origin, channel_transport over, const http_client_options& options)
    : impl_(std::make_shared<impl>(on, std::move(origin), std::move(over), options)) {}

http_client::~http_client() {
    if (!impl_) {
        return;
    }
    impl_->dropped = true;
    ++impl_->attempt;
    impl_->deadline.cancel();
    impl_->jobs.clear();
    if (impl_->through) {
        impl_->through->abort();
    }
    if (impl_->dialling) {
        impl_->dialling->abandon();
    }
}

void http_client::send(http_request request, answer_handler then) {
    impl_->jobs.push_back({std::move(request), std::move(then), {}, false});
    impl_->on.post([self = impl_] { self->next(); });
}

void http_client::connect(peer_handler then) {
    impl_->jobs.push_back({{}, {}, std::move(then), false});
    impl_->on.post([self = impl_] { self->next(); });
}

void http_client::close() {
    impl_->close_after = true;
    impl_->on.post([self = impl_] { self->next(); });
}

}  // namespace berth::net
