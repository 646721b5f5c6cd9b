#include "hub_server/broker_line.h"

#include "base/log.h"

#include <algorithm>

namespace berth::app {

namespace {

error down() {
    return {error_category::environment, "broker_down", "The hub's broker cannot be reached now. Try again later."};
}

}  // namespace

void broker_line::connect() {
    net::mqtt_client_options options;
    options.client_id = client_id_;
    auto started = net::mqtt_client::start_local(
        loop_, socket_.string(), std::move(options),
        {[this](const result<void>& in) {
             if (!in) {
                 return again();
             }
             up_ = true;
             pause_ = first_pause;
             if (std::exchange(told_, false)) {
                 log::info("broker_line_up", "the hub's broker can be reached again", {{"party", "hub"}});
             }
             for (const auto& one : unsaid_.take()) {
                 say(one);
             }
         },
         [this](const std::string& topic, bytes_view payload) { heard(topic, payload); }, [this](const error&) { again(); }});
    if (!started) {
        return again();
    }
    client_ = std::move(*started);
}

void broker_line::again() {
    const bool was_up = std::exchange(up_, false);
    // Not within a call of its own.
    loop_.post([old = std::shared_ptr<net::mqtt_client>(std::move(client_))] {});
    if (was_up && !std::exchange(told_, true)) {
        log::warning("broker_line_down", "the hub's broker cannot be reached: it is tried again and again", {{"party", "hub"}});
    }
    timer_.arm(pause_, [this] { connect(); });
    pause_ = std::min(2 * pause_, most_pause);
    const error lost{error_category::environment, "broker_lost",
                     "The hub's broker ended before it had answered. Try again later."};
    for (auto& [number, then] : std::exchange(open_, {})) {
        then(fail(lost));
    }
    for (auto& [number, then] : std::exchange(published_, {})) {
        then(fail(lost));
    }
}

void broker_line::look() {
    tell(std::string(hub::line_look), {});
}

void broker_line::tell(const std::string& topic, bytes_view what) {
    if (up_) {
        (void)client_->publish(topic, what, 0);
    }
}

void broker_line::say(const hub::line_seen_packet& what) {
    if (const auto octets = wire::encode(what)) {
        tell(std::string(hub::line_seen), *octets);
    }
}

void broker_line::seen(hub::line_seen_packet what) {
    if (up_) {
        say(what);
    } else {
        unsaid_.keep(std::move(what));
    }
}

void broker_line::call(const hub::line_method_call& what, outcome then) {
    const auto octets = wire::encode(what);
    if (!octets || !up_ || !client_->publish(std::string(hub::line_call), *octets, 1)) {
        return loop_.post([then = std::move(then), why = octets ? down() : octets.error()] { then(fail(why)); });
    }
    open_[what.number] = std::move(then);
}

void broker_line::publish(const std::string& topic, bytes_view payload, std::function<void(result<void>)> then) {
    const uint64_t number = ++last_publication_;
    published_[number] = std::move(then);
    const auto finish = [this, number](const result<void>& how) {
        if (auto node = published_.extract(number); !node.empty()) {
            node.mapped()(how);
        }
    };
    const auto sent = up_ ? client_->publish(topic, payload, 1, finish) : fail(down());
    if (!sent) {
        loop_.post([finish, why = sent.error()] { finish(fail(why)); });
    }
}

void broker_line::heard(const std::string& topic, bytes_view payload) {
    auto read = topic == hub::line_called ? wire::decode<hub::line_method_outcome>(payload)
                                          : fail(error_category::peer, "unknown_topic", topic);
    if (!read) {
        log::failure("broker_line_refused", read.error(), {{"party", "hub"}});
        return;
    }
    if (auto node = open_.extract(read->number); !node.empty()) {
        node.mapped()(std::move(*read));
    }
}

}  // namespace berth::app
