#include "hub_server/event_topic.h"

namespace berth::app {

namespace {

constexpr milliseconds patience = 10'000;

}  // namespace

void event_topic::deliver(const std::vector<std::string>& items, done then) {
    then_ = std::move(then);
    messages_ = items;
    taken_ = 0;
    net::mqtt_client_options options;
    options.client_id = client_id_;
    auto begun =
        net::mqtt_client::start_local(loop_, socket_.string(), std::move(options),
                                      {[this](const result<void>& in) { in ? publish() : finish(in); },
                                       [](const std::string&, bytes_view) {}, [this](const error& why) { finish(fail(why)); }});
    if (!begun) {
        return finish(fail(std::move(begun).error().during(socket_.string())));
    }
    client_ = std::move(*begun);
    limit_.arm(patience, [this] {
        finish(fail(error_category::environment, "response_timeout", "the broker has not taken what was published"));
    });
}

void event_topic::publish() {
    for (const auto& one : messages_) {
        const auto sent = client_->publish(topic_, as_bytes(one), 1, [this](const result<void>& taken) {
            if (!taken) {
                return finish(taken);
            }
            if (++taken_ == messages_.size()) {
                client_->close([this] { finish({}); });
            }
        });
        if (!sent) {
            return finish(sent);
        }
    }
}

void event_topic::finish(result<void> how) {
    limit_.cancel();
    client_.reset();
    if (then_) {
        std::exchange(then_, {})(std::move(how));
    }
}

}  // namespace berth::app
