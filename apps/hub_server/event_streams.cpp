#include "hub_server/event_streams.h"

#include "base/log.h"
#include "hub_server/event_topic.h"
#include "hub_server/event_webhook.h"

namespace berth::app {

namespace {

result<std::unique_ptr<event_sink>> make_sink(hub_desk& desk, const event_sink_config& config, event_sink_files files,
                                              const event_world& world, const event_source::names& called) {
    switch (config.to) {
    case event_sink_config::kind::webhook: {
        BERTH_TRY(url, net::parse_url(config.webhook));
        return std::make_unique<event_webhook>(desk.loop(), desk.time(), std::move(url), world.host, called.member,
                                               std::move(files));
    }
    case event_sink_config::kind::topic:
        return std::make_unique<event_topic>(desk.loop(), config.socket.empty() ? world.broker_socket : config.socket,
                                             "berth-events-" + config.name, config.topic);
    case event_sink_config::kind::file: break;
    }
    return std::make_unique<event_file>(desk.loop(), config.file);
}

}  // namespace

event_streams::event_streams(hub_desk& desk, std::unique_ptr<event_source> source, ops::metric_registry& metrics)
    : desk_(desk),
      source_(std::move(source)),
      called_(source_->called()),
      positions_(desk.registry()),
      delivered_(metrics.counters(fmt::format("berth_hub_{}_delivered_total", called_.metric),
                                  fmt::format("What a sink has taken: {}", called_.what), {"sink"})),
      failures_(metrics.counters(fmt::format("berth_hub_{}_failures_total", called_.metric),
                                 "Deliveries that a sink did not take, and why", {"sink", "error"})),
      dead_(metrics.counters(fmt::format("berth_hub_{}_dead_letters_total", called_.metric),
                             "What a sink would never take, and was set aside", {"sink"})),
      behind_(metrics.gauges(fmt::format("berth_hub_{}_behind", called_.metric), "How much a sink does not have yet", {"sink"})),
      timer_(desk.loop()) {}

result<void> event_streams::add(const event_sink_config& config, event_sink_files files, const event_world& world) {
    BERTH_TRY(newest, source_->newest());
    const std::string kept_under = called_.kept_under + config.name;
    BERTH_TRY(position, positions_.find(kept_under));
    auto fresh = std::make_unique<stream>();
    fresh->name = config.name;
    fresh->index = streams_.size();
    fresh->batch = config.batch;
    BERTH_TRY(sink, make_sink(desk_, config, std::move(files), world, called_));
    fresh->sink = std::move(sink);
    if (!config.dead_letters.empty()) {
        fresh->dead_letters = std::make_unique<event_file>(desk_.loop(), config.dead_letters);
    }
    if (!position) {
        fresh->position = config.from_start ? 0 : newest;
        BERTH_CHECK(positions_.set(kept_under, fresh->position));
    } else {
        // Further than what there is: the registry came back from a copy, and its numbers begin again from there.
        fresh->position = std::min(*position, newest);
    }
    streams_.push_back(std::move(fresh));
    return {};
}

result<std::unique_ptr<event_streams>> event_streams::start(hub_desk& desk, std::unique_ptr<event_source> source,
                                                            const std::vector<event_sink_config>& sinks,
                                                            std::vector<event_sink_files> files, const event_world& world,
                                                            ops::metric_registry& metrics) {
    std::unique_ptr<event_streams> out(new event_streams(desk, std::move(source), metrics));
    for (size_t i = 0; i < sinks.size(); ++i) {
        BERTH_CHECK(out->add(sinks[i], std::move(files.at(i)), world));
    }
    if (!sinks.empty() || out->source_->forgets()) {
        out->look();
    }
    return out;
}

void event_streams::renew(std::vector<event_sink_files> files) {
    for (size_t i = 0; i < streams_.size() && i < files.size(); ++i) {
        streams_[i]->sink->renew(std::move(files[i]));
        if (streams_[i]->dead_letters) {
            streams_[i]->dead_letters->renew({});
        }
        streams_[i]->not_before = 0;
    }
}

void event_streams::look() {
    timer_.arm(pace, [this] { look(); });
    // What is not kept yet may never have been.
    if (desk_.open()) {
        return;
    }
    const auto newest = source_->newest();
    if (!newest) {
        return log::failure("events_unreadable", newest.error(), {{"party", "hub"}, {"what", called_.what}});
    }
    const milliseconds now = desk_.time().steady();
    uint64_t taken = *newest;
    for (auto& s : streams_) {
        if (!s->under_way) {
            follow_position(*s);
        }
        taken = std::min(taken, s->position);
        behind_.with({s->name}).set(static_cast<double>(*newest - std::min(s->position, *newest)));
        if (!s->under_way && s->position < *newest && now >= s->not_before) {
            tell(*s, *newest);
        }
    }
    source_->taken(taken);
}

void event_streams::follow_position(stream& s) {
    const auto now = positions_.find(called_.kept_under + s.name);
    if (!now || !*now || **now == s.position) {
        return;
    }
    log::info("events_replayed", "a sink is told from another place on: somebody has said so",
              {{"party", "hub"}, {"sink", s.name}, {"what", called_.what}, {"from", s.position}, {"to", **now}});
    s.position = **now;
    s.not_before = 0;
}

void event_streams::tell(stream& s, uint64_t newest) {
    auto some = source_->some(s.index, s.position, s.at_once != 0 ? s.at_once : s.batch);
    if (!some) {
        return put_off(s, some.error());
    }
    const uint64_t first = some->empty() ? newest + 1 : some->front().number;
    if (first != s.position + 1) {
        log::warning("events_forgotten", "something was removed before this sink had it",
                     {{"party", "hub"}, {"sink", s.name}, {"what", called_.what}, {"from", s.position + 1}, {"to", first - 1}});
    }
    s.under_way = true;
    if (some->empty()) {
        return keep(s, newest);
    }
    const uint64_t last = some->back().number;
    std::vector<std::string> items;
    for (auto& one : *some) {
        items.push_back(std::move(one.json));
    }
    s.sink->deliver(items, [this, &s, items, last, alive = std::weak_ptr(alive_)](result<void> how) {
        // From the loop, whatever came of it: the sink may still be in the midst of it.
        desk_.loop().post([this, &s, items, last, alive, how = std::move(how)] {
            if (!alive.expired()) {
                told(s, items, last, how);
            }
        });
    });
}

void event_streams::told(stream& s, std::vector<std::string> items, uint64_t last, const result<void>& how) {
    if (!how && how.error().name == "webhook_rejected" && s.dead_letters && rejected(s, std::move(items), last)) {
        return;
    }
    if (!how) {
        return put_off(s, how.error());
    }
    if (s.pause != 0) {
        log::info("events_taken", "the sink takes what it is told again",
                  {{"party", "hub"}, {"sink", s.name}, {"what", called_.what}});
        s.pause = 0;
    }
    s.rejections = 0;
    s.at_once = s.at_once == 0 || 2 * s.at_once >= s.batch ? 0 : 2 * s.at_once;
    delivered_.with({s.name}).add(static_cast<double>(items.size()));
    keep(s, last);
}

bool event_streams::rejected(stream& s, std::vector<std::string> items, uint64_t last) {
    if (items.size() > 1) {
        // Which of them it is.
        s.at_once = items.size() / 2;
        s.under_way = false;
        timer_.arm(0, [this] { look(); });
        return true;
    }
    if (++s.rejections < most_rejections) {
        return false;
    }
    s.dead_letters->deliver(items, [this, &s, last, alive = std::weak_ptr(alive_)](const result<void>& how) {
        if (alive.expired()) {
            return;
        }
        if (!how) {
            return put_off(s, how.error());
        }
        s.rejections = 0;
        s.pause = 0;
        dead_.with({s.name}).add();
        log::warning("dead_letter", "a sink would never take this: it is in its file of dead letters",
                     {{"party", "hub"}, {"sink", s.name}, {"what", called_.what}, {"number", last}});
        keep(s, last);
    });
    return true;
}

void event_streams::keep(stream& s, uint64_t last) {
    if (!desk_.begin()) {
        return put_off(s, {error_category::environment, "store_failed", "how far the sink has come could not be kept"});
    }
    if (const auto now = positions_.find(called_.kept_under + s.name); now && *now && **now != s.position) {
        s.under_way = false;  // it was set elsewhere meanwhile, and that is what counts
        return;
    }
    const auto noted = positions_.set(called_.kept_under + s.name, last);
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
        log::warning("events_not_taken", "a sink does not take what it is told: it is kept for it, and told again",
                     {{"party", "hub"}, {"sink", s.name}, {"what", called_.what}, {"error", why.name}, {"why", why.message}});
    }
    s.pause = s.pause == 0 ? first_pause : std::min(2 * s.pause, most_pause);
    s.not_before = desk_.time().steady() + s.pause;
}

}  // namespace berth::app
