#include "hub_server/event_streams.h"

#include "base/log.h"
#include "hub_server/event_file.h"
#include "hub_server/event_topic.h"
#include "hub_server/event_webhook.h"

namespace berth::app {

namespace {

result<std::unique_ptr<event_sink>> make_sink(hub_desk& desk, const event_sink_config& config, event_sink_files files,
                                              const event_world& world) {
    switch (config.to) {
    case event_sink_config::kind::webhook: {
        BERTH_TRY(url, net::parse_url(config.webhook));
        return std::make_unique<event_webhook>(desk.loop(), desk.time(), std::move(url), world.host, std::move(files));
    }
    case event_sink_config::kind::topic:
        return std::make_unique<event_topic>(desk.loop(), config.socket.empty() ? world.broker_socket : config.socket,
                                             "berth-events-" + config.name, config.topic);
    case event_sink_config::kind::file: break;
    }
    return std::make_unique<event_file>(desk.loop(), config.file);
}

}  // namespace

event_streams::event_streams(hub_desk& desk, ops::metric_registry& metrics)
    : desk_(desk),
      positions_(desk.registry()),
      delivered_(metrics.counters("berth_hub_events_delivered_total", "Life-cycle events that a sink has taken", {"sink"})),
      failures_(
          metrics.counters("berth_hub_events_failures_total", "Deliveries that a sink did not take, and why", {"sink", "error"})),
      behind_(metrics.gauges("berth_hub_events_behind", "Life-cycle events that a sink does not have yet", {"sink"})),
      timer_(desk.loop()) {}

result<void> event_streams::add(const event_sink_config& config, event_sink_files files, const event_world& world) {
    BERTH_TRY(newest, desk_.registry().newest_event());
    BERTH_TRY(position, positions_.find(config.name));
    auto fresh = std::make_unique<stream>();
    fresh->name = config.name;
    fresh->batch = config.batch;
    BERTH_TRY(sink, make_sink(desk_, config, std::move(files), world));
    fresh->sink = std::move(sink);
    if (!position) {
        fresh->position = config.from_start ? 0 : newest;
        BERTH_CHECK(positions_.set(config.name, fresh->position));
    } else {
        // Further than what there is: the registry came back from a copy, and its numbers begin again from there.
        fresh->position = std::min(*position, newest);
    }
    streams_.push_back(std::move(fresh));
    return {};
}

result<std::unique_ptr<event_streams>> event_streams::start(hub_desk& desk, const std::vector<event_sink_config>& sinks,
                                                            std::vector<event_sink_files> files, const event_world& world,
                                                            ops::metric_registry& metrics) {
    std::unique_ptr<event_streams> out(new event_streams(desk, metrics));
    for (size_t i = 0; i < sinks.size(); ++i) {
        BERTH_CHECK(out->add(sinks[i], std::move(files.at(i)), world));
    }
    if (!sinks.empty()) {
        out->look();
    }
    return out;
}

void event_streams::renew(std::vector<event_sink_files> files) {
    for (size_t i = 0; i < streams_.size() && i < files.size(); ++i) {
        streams_[i]->sink->renew(std::move(files[i]));
        streams_[i]->not_before = 0;
    }
}

void event_streams::look() {
    timer_.arm(pace, [this] { look(); });
    // What is not kept yet may never have been.
    if (desk_.open()) {
        return;
    }
    const auto newest = desk_.registry().newest_event();
    if (!newest) {
        return log::failure("events_unreadable", newest.error(), {{"party", "hub"}});
    }
    const milliseconds now = desk_.time().steady();
    for (auto& s : streams_) {
        behind_.with({s->name}).set(static_cast<double>(*newest - std::min(s->position, *newest)));
        if (!s->under_way && s->position < *newest && now >= s->not_before) {
            tell(*s, *newest);
        }
    }
}

void event_streams::tell(stream& s, uint64_t newest) {
    auto some = desk_.registry().events(s.position, s.batch);
    if (!some) {
        return put_off(s, some.error());
    }
    const uint64_t first = some->empty() ? newest + 1 : some->front().number;
    if (first != s.position + 1) {
        log::warning("events_forgotten", "life-cycle events were removed before this sink had them",
                     {{"party", "hub"}, {"sink", s.name}, {"from", s.position + 1}, {"to", first - 1}});
    }
    s.under_way = true;
    if (some->empty()) {
        return keep(s, newest);
    }
    const uint64_t last = some->back().number;
    s.sink->deliver(*some, [this, &s, count = some->size(), last, alive = std::weak_ptr(alive_)](result<void> how) {
        // From the loop, whatever came of it: the sink may still be in the midst of it.
        desk_.loop().post([this, &s, count, last, alive, how = std::move(how)] {
            if (!alive.expired()) {
                told(s, count, last, how);
            }
        });
    });
}

void event_streams::told(stream& s, size_t count, uint64_t last, const result<void>& how) {
    if (!how) {
        return put_off(s, how.error());
    }
    if (s.pause != 0) {
        log::info("events_taken", "the sink takes life-cycle events again", {{"party", "hub"}, {"sink", s.name}});
        s.pause = 0;
    }
    delivered_.with({s.name}).add(static_cast<double>(count));
    keep(s, last);
}

void event_streams::keep(stream& s, uint64_t last) {
    if (!desk_.begin()) {
        return put_off(s, {error_category::environment, "store_failed", "how far the sink has come could not be kept"});
    }
    const auto noted = positions_.set(s.name, last);
    desk_.after_commit([this, &s, last, good = noted.has_value(), alive = std::weak_ptr(alive_)](bool kept) {
        if (alive.expired()) {
            return;
        }
        if (!kept || !good) {
            return put_off(s, {error_category::environment, "store_failed", "how far the sink has come could not be kept"});
        }
        s.position = last;
        s.under_way = false;
        timer_.arm(0, [this] { look(); });
    });
}

void event_streams::put_off(stream& s, const error& why) {
    failures_.with({s.name, why.name}).add();
    s.under_way = false;
    if (s.pause == 0) {
        log::warning("events_not_taken", "a sink does not take life-cycle events: they are kept for it, and told again",
                     {{"party", "hub"}, {"sink", s.name}, {"error", why.name}, {"why", why.message}});
    }
    s.pause = s.pause == 0 ? first_pause : std::min(2 * s.pause, most_pause);
    s.not_before = desk_.time().steady() + s.pause;
}

}  // namespace berth::app
