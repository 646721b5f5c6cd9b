#include "net/mqtt_client.h"

#include "base/descriptor.h"
#include "net/dial.h"
#include "net/loop_asio.h"
#include "net/mosquitto_library.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

#include <filesystem>
#include <map>

#include <fcntl.h>

namespace berth::net {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using boost::system::error_code;
using local = asio::local::stream_protocol;

namespace {

constexpr milliseconds heartbeat = 1'000;  // libmosquitto's, for its keep alive
constexpr size_t most_at_once = 16 * 1024;

error lost(std::string message) {
    return {error_category::peer, "connection_lost", std::move(message)};
}

// A directory that nobody else may look into, with a socket in it until it was used.
class meeting_place {
public:
    static result<meeting_place> make() {
        std::error_code ec;
        std::string name = (fs::temp_directory_path(ec) / "berth-mqtt-XXXXXX").string();
        if (ec || ::mkdtemp(name.data()) == nullptr) {
            return fail(error_category::environment, "socket_failed",
                        "no directory for a socket could be made at " + name + "; is TMPDIR right?");
        }
        return meeting_place(name);
    }
    explicit meeting_place(fs::path at) : at_(std::move(at)) {}
    meeting_place(meeting_place&& other) noexcept : at_(std::exchange(other.at_, {})) {}
    meeting_place(const meeting_place&) = delete;
    meeting_place& operator=(meeting_place&&) = delete;
    meeting_place& operator=(const meeting_place&) = delete;
    ~meeting_place() {
        if (!at_.empty()) {
            std::error_code ignored;
            fs::remove_all(at_, ignored);
        }
    }
    [[nodiscard]] std::string socket() const { return (at_ / "m").string(); }

private:
    fs::path at_;
};

}  // namespace

struct mqtt_client::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, mqtt_client_options o, handlers c)
        : on(l), options(std::move(o)), call(std::move(c)), beat(l), limit(l), inside(l.get().context), inner(l.get().context) {}
    ~impl() { end(); }

    void reached(std::shared_ptr<channel> server);
    // libmosquitto's session; then its connection to a socket, and what else there is to wait for.
    result<void> make_session();
    result<void> connect_to(const std::string& path);
    void run();
    result<void> meet();
    // What libmosquitto has written goes to the server, and the reverse.
    void carry_out();
    void carry_in();
    // libmosquitto's own side.
    void await_input();
    void await_output();
    void step(int mosquitto_says);
    void pulse();
    // Called by libmosquitto, from within its own calls: what they lead to is done later.
    void accepted(int code);
    void acknowledged(int number, result<void> what);
    void gone(const error& why);
    void end();
    template <class F>
    void later(F work) {
        on.post([weak = weak_from_this(), work] {
            if (const auto self = weak.lock(); self && !self->dropped) {
                work(*self);
            }
        });
    }

    loop& on;
    mqtt_client_options options;
    handlers call;
    timer beat, limit;
    std::shared_ptr<dialler> dialling;
    std::shared_ptr<channel> through;
    local::socket inside;                  // our end of the way to libmosquitto
    asio::posix::stream_descriptor inner;  // libmosquitto's, to be waited for
    mosquitto* library = nullptr;
    bytes outgoing = bytes(most_at_once), incoming;
    bool output_awaited = false;
    bool is_connected = false;
    bool dropped = false;
    bool ended = false;
    std::optional<error> broken;  // the connection has ended
    std::map<int, done> waiting;  // by the number of the message
    std::function<void()> said_goodbye;
};

void mqtt_client::impl::end() {
    if (std::exchange(ended, true)) {
        return;
    }
    is_connected = false;
    beat.cancel();
    limit.cancel();
    if (dialling) {
        std::exchange(dialling, nullptr)->abandon();
    }
    error_code ignored;
    if (inner.is_open()) {
        (void)inner.release();  // the library closes it
    }
    if (library != nullptr) {
        mosquitto_calls().mosquitto_destroy(std::exchange(library, nullptr));
    }
    inside.close(ignored);
    if (through) {
        std::exchange(through, nullptr)->abort();
    }
}

void mqtt_client::impl::gone(const error& why) {
    if (ended) {
        return;
    }
    const bool was_connected = is_connected;
    end();
    const auto farewell = std::exchange(said_goodbye, nullptr);
    const auto answers = std::exchange(waiting, {});
    later([why, was_connected, farewell, answers](impl& self) {
        if (farewell) {
            return farewell();
        }
        for (const auto& [number, then] : answers) {
            if (then) {
                then(fail(why));
            }
        }
        if (self.dropped) {
            return;
        }
        if (was_connected) {
            self.call.lost(why);
        } else {
            self.call.connected(fail(why));
        }
    });
}

void mqtt_client::impl::reached(std::shared_ptr<channel> server) {
    through = std::move(server);
    if (const auto met = meet(); !met) {
        return gone(met.error());
    }
    carry_out();
    carry_in();
    run();
}

void mqtt_client::impl::run() {
    limit.arm(options.accept, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->gone({error_category::environment, "handshake_timeout", "the broker did not answer in time"});
        }
    });
    await_input();
    pulse();
}

result<void> mqtt_client::impl::make_session() {
    const auto& m = mosquitto_calls();
    library = m.mosquitto_new(options.client_id.c_str(), options.clean, this);
    if (library == nullptr) {
        return fail(error_category::internal, "out_of_memory", "no memory for an MQTT session");
    }
    if (!options.user_name.empty()) {
        (void)m.mosquitto_username_pw_set(library, options.user_name.c_str(), nullptr);
    }
    m.mosquitto_connect_callback_set(library, [](mosquitto*, void* self, int code) { static_cast<impl*>(self)->accepted(code); });
    m.mosquitto_message_callback_set(library, [](mosquitto*, void* self, const mosquitto_message* heard) {
        const auto* const data = static_cast<const uint8_t*>(heard->payload);
        bytes payload(data, data + (data != nullptr ? heard->payloadlen : 0));
        static_cast<impl*>(self)->later(
            [topic = std::string(heard->topic), payload = std::move(payload)](impl& i) { i.call.message(topic, payload); });
    });
    m.mosquitto_publish_callback_set(
        library, [](mosquitto*, void* self, int number) { static_cast<impl*>(self)->acknowledged(number, {}); });
    m.mosquitto_subscribe_callback_set(library, [](mosquitto*, void* self, int number, int count, const int* granted) {
        constexpr int refusal = 0x80;  // MQTT 3.1.1, 3.9.3
        const bool good = count == 1 && granted[0] != refusal;
        static_cast<impl*>(self)->acknowledged(
            number, good ? result<void>()
                         : fail(error_category::peer, "mqtt_refused", "the broker does not let this device subscribe to that"));
    });
    m.mosquitto_disconnect_callback_set(library, [](mosquitto*, void* by, int code) {
        auto* const self = static_cast<impl*>(by);
        if (self->inner.is_open()) {
            (void)self->inner.release();  // it has been closed
        }
        if (!self->said_goodbye || !self->through) {
            self->later([code](impl& i) {
                i.gone(i.broken.value_or(lost(code == 0 ? "the session was ended" : "the broker has closed the connection")));
            });
        }
    });
    return {};
}

result<void> mqtt_client::impl::connect_to(const std::string& path) {
    const auto& m = mosquitto_calls();
    if (const int code = m.mosquitto_connect(library, path.c_str(), 0, options.keep_alive); code != MOSQ_ERR_SUCCESS) {
        return fail(error_category::environment, "connect_failed",
                    std::string("MQTT was not begun: ") + m.mosquitto_strerror(code));
    }
    // In a child its end would stay open when ours is closed.
    (void)::fcntl(m.mosquitto_socket(library), F_SETFD, FD_CLOEXEC);
    error_code ec;
    inner.assign(m.mosquitto_socket(library), ec);
    return {};
}

// Both ends are on this thread: the connection stands before it is accepted.
result<void> mqtt_client::impl::meet() {
    BERTH_CHECK(make_session());
    BERTH_TRY(place, meeting_place::make());
    error_code ec;
    local::acceptor acceptor(on.get().context);
    if (acceptor.open(local(), ec) || acceptor.bind(local::endpoint(place.socket()), ec) || acceptor.listen(1, ec)) {
        return fail(error_category::environment, "socket_failed",
                    "a socket at " + place.socket() + " could not be made: " + ec.message());
    }
    BERTH_CHECK(connect_to(place.socket()));
    if (acceptor.accept(inside, ec)) {
        return fail(error_category::environment, "socket_failed", "MQTT was not begun: " + ec.message());
    }
    (void)::fcntl(inside.native_handle(), F_SETFD, FD_CLOEXEC);
    inside.non_blocking(true, ec);
    return {};
}

void mqtt_client::impl::carry_out() {
    inside.async_read_some(asio::buffer(outgoing), [self = shared_from_this()](const error_code& ec, size_t octets) {
        if (self->ended) {
            return;
        }
        if (ec) {
            return self->gone(lost("the session was ended"));
        }
        self->through->write(bytes(self->outgoing.begin(), self->outgoing.begin() + static_cast<std::ptrdiff_t>(octets)),
                             [self](const error* why) {
                                 if (self->ended) {
                                     return;
                                 }
                                 if (why) {
                                     return self->gone(*why);
                                 }
                                 self->carry_out();
                             });
    });
}

void mqtt_client::impl::carry_in() {
    through->read([self = shared_from_this()](const error* why, bytes_view octets) {
        if (self->ended) {
            return;
        }
        if (why || octets.empty()) {
            // What has come before is read first: a broker says why, and closes.
            self->broken = why ? *why : lost("the broker has closed the connection");
            error_code ignored;
            self->inside.shutdown(local::socket::shutdown_send, ignored);
            return;
        }
        self->incoming.assign(octets.begin(), octets.end());
        asio::async_write(self->inside, asio::buffer(self->incoming), [self](const error_code& ec, size_t) {
            if (self->ended) {
                return;
            }
            if (ec) {
                return self->gone(lost("the session was ended"));
            }
            self->carry_in();
        });
    });
}

void mqtt_client::impl::step(int said) {
    if (ended) {
        return;
    }
    const auto& m = mosquitto_calls();
    if (said != MOSQ_ERR_SUCCESS && said_goodbye) {
        return;  // what it has said last is on its way
    }
    if (said != MOSQ_ERR_SUCCESS) {
        // After what it has told before.
        return later([said](impl& self) {
            self.gone(self.broken.value_or(lost(std::string("MQTT has ended: ") + mosquitto_calls().mosquitto_strerror(said))));
        });
    }
    if (inner.is_open() && m.mosquitto_want_write(library) && !output_awaited) {
        await_output();
    }
}

void mqtt_client::impl::await_input() {
    inner.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const error_code& ec) {
        if (ec || self->ended) {
            return;
        }
        self->step(mosquitto_calls().mosquitto_loop_read(self->library, 1));
        if (!self->ended && self->inner.is_open()) {
            self->await_input();
        }
    });
}

void mqtt_client::impl::await_output() {
    output_awaited = true;
    inner.async_wait(asio::posix::stream_descriptor::wait_write, [self = shared_from_this()](const error_code& ec) {
        self->output_awaited = false;
        if (ec || self->ended) {
            return;
        }
        self->step(mosquitto_calls().mosquitto_loop_write(self->library, 1));
    });
}

void mqtt_client::impl::pulse() {
    step(mosquitto_calls().mosquitto_loop_misc(library));
    if (!ended && !said_goodbye) {
        beat.arm(heartbeat, [weak = weak_from_this()] {
            if (const auto self = weak.lock(); self && !self->ended) {
                self->pulse();
            }
        });
    }
}

void mqtt_client::impl::accepted(int code) {
    later([code](impl& self) {
        if (self.ended) {
            return;
        }
        self.limit.cancel();
        if (code != 0) {
            return self.gone(
                error{error_category::peer,
                      "mqtt_refused",
                      std::string("the broker does not let this device in: ") + mosquitto_calls().mosquitto_connack_string(code),
                      {{"code", std::to_string(code)}}});
        }
        self.is_connected = true;
        self.call.connected({});
    });
}

void mqtt_client::impl::acknowledged(int number, result<void> what) {
    later([number, what](impl& self) {
        auto node = self.waiting.extract(number);
        if (!node.empty() && node.mapped()) {
            node.mapped()(what);
        }
    });
}

result<std::unique_ptr<mqtt_client>> mqtt_client::start(loop& on, const address& broker, const channel_transport& over,
                                                        mqtt_client_options options, handlers call) {
    BERTH_CHECK(mosquitto_library::load());
    const dialler::patience patience{options.connect, options.handshake};
    auto made = std::make_shared<impl>(on, std::move(options), std::move(call));
    made->dialling =
        dialler::start(on, broker, over, patience, [weak = made->weak_from_this()](result<std::shared_ptr<channel>> to) {
            const auto self = weak.lock();
            if (!self || self->dropped) {
                return;
            }
            self->dialling.reset();
            if (!to) {
                return self->gone(to.error());
            }
            self->reached(std::move(*to));
        });
    return std::unique_ptr<mqtt_client>(new mqtt_client(std::move(made)));
}

result<std::unique_ptr<mqtt_client>> mqtt_client::start_local(loop& on, const std::string& path, mqtt_client_options options,
                                                              handlers call) {
    BERTH_CHECK(mosquitto_library::load());
    auto made = std::make_shared<impl>(on, std::move(options), std::move(call));
    BERTH_CHECK(made->make_session());
    // By the directory's descriptor: a socket's address has room for 107 octets, and a path may have more.
    const fs::path at(path);
    const descriptor directory(::open(at.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    BERTH_CHECK(
        made->connect_to(directory ? "/proc/self/fd/" + std::to_string(directory.get()) + "/" + at.filename().string() : path));
    made->run();
    return std::unique_ptr<mqtt_client>(new mqtt_client(std::move(made)));
}

mqtt_client::~mqtt_client() {
    impl_->dropped = true;
    impl_->end();
}

result<void> mqtt_client::subscribe(const std::string& filter, int qos, done then) {
    if (!impl_->is_connected) {
        return fail(error_category::usage, "not_connected", "there is no MQTT session");
    }
    int number = 0;
    const int code = mosquitto_calls().mosquitto_subscribe(impl_->library, &number, filter.c_str(), qos);
    if (code != MOSQ_ERR_SUCCESS) {
        return fail(error_category::usage, "bad_mqtt_call", mosquitto_calls().mosquitto_strerror(code));
    }
    impl_->waiting[number] = std::move(then);
    impl_->step(MOSQ_ERR_SUCCESS);
    return {};
}

result<void> mqtt_client::publish(const std::string& topic, bytes_view payload, int qos, done then) {
    if (!impl_->is_connected) {
        return fail(error_category::usage, "not_connected", "there is no MQTT session");
    }
    int number = 0;
    const int code = mosquitto_calls().mosquitto_publish(impl_->library, &number, topic.c_str(), static_cast<int>(payload.size()),
                                                         payload.data(), qos, false);
    if (code != MOSQ_ERR_SUCCESS) {
        return fail(error_category::usage, "bad_mqtt_call", mosquitto_calls().mosquitto_strerror(code));
    }
    impl_->waiting[number] = std::move(then);
    impl_->step(MOSQ_ERR_SUCCESS);
    return {};
}

void mqtt_client::close(std::function<void()> ended) {
    if (!impl_->is_connected) {
        impl_->end();
        impl_->on.post(std::move(ended));
        return;
    }
    impl_->said_goodbye = std::move(ended);
    (void)mosquitto_calls().mosquitto_disconnect(impl_->library);
    impl_->step(MOSQ_ERR_SUCCESS);
}

}  // namespace berth::net
