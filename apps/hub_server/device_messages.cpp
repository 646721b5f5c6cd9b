#include "hub_server/device_messages.h"

#include "base/log.h"
#include "hub/messages/message_headers.h"

namespace berth::app {

namespace {

// The service's documentation writes the first, its SDKs the second.
constexpr std::array roots{"/devices/{id}/messages/deviceBound", "/devices/{id}/messages/devicebound"};

net::http_response response_of(const error& e) {
    return app::response_of(hub::failure(e));
}

net::http_response response_of(const registry::device_message& m) {
    net::http_response out{200, {}, std::string(as_text(m.body))};
    out.headers.add("Content-Type", m.content_type.empty() ? "application/octet-stream" : m.content_type);
    out.headers.add("ETag", "\"" + m.lock + "\"");
    for (const auto& [name, value] : hub::fields_of(m)) {
        out.headers.add(name, value);
    }
    return out;
}

std::string param(const net::http_request& request, const char* name) {
    const auto found = request.params.find(name);
    return found != request.params.end() ? found->second : std::string();
}

}  // namespace

device_messages::device_messages(hub_desk& desk, device_door& door, admin_service& back_ends, ops::metric_registry& metrics)
    : desk_(desk),
      door_(door),
      back_ends_(back_ends),
      events_(metrics.counters("berth_hub_messages_total", "Messages to devices: what became of them", {"event"})),
      timer_(desk.loop()) {
    // What was counted before this berthd began is not its.
    if (const auto before = desk_.messages().counts()) {
        for (const auto& one : *before) {
            counted_[one.event] = one.count;
        }
    }
    timer_.arm(pace, [this] { sweep(); });
}

std::vector<hub_service::mount> device_messages::mounts() const {
    std::vector<mount> out;
    for (const std::string root : roots) {
        for (const char* const below : {"", "/{lock}", "/{lock}/abandon"}) {
            out.push_back({root + below, hub::most_small_body});
        }
    }
    return out;
}

std::optional<device_messages::step> device_messages::step_of(const net::http_request& request) {
    const bool locked = !param(request, "lock").empty();
    const bool abandons = request.path.ends_with("/abandon");
    if (request.method == "GET" && !locked) {
        return step::receive;
    }
    if (request.method == "DELETE" && locked && !abandons) {
        return request.query.contains("reject") ? step::reject : step::complete;
    }
    return request.method == "POST" && locked && abandons ? std::optional(step::abandon) : std::nullopt;
}

result<net::http_response> device_messages::take(const net::http_request& request, step what, const std::string& device) {
    const std::string lock = param(request, "lock");
    const unix_seconds now = desk_.time().now();
    auto& messages = desk_.messages();
    switch (what) {
    case step::receive: {
        BERTH_TRY(found, messages.receive(device, hub::draw_token(desk_.random()), now));
        return found ? response_of(*found) : net::http_response::empty();
    }
    case step::complete: BERTH_CHECK(messages.complete(device, lock, now)); break;
    case step::reject: BERTH_CHECK(messages.reject(device, lock, now)); break;
    case step::abandon: BERTH_CHECK(messages.abandon(device, lock, now)); break;
    }
    return net::http_response::empty();
}

void device_messages::serve(const net::http_request& request, const net::http_responder& respond) {
    const bool locked = !param(request, "lock").empty();
    if (request.method == "POST" && !locked) {
        return back_ends_.serve(request, respond);
    }
    const auto tell = [&respond](net::http_response out) {
        out.headers.set("Cache-Control", "no-store");
        respond(std::move(out));
    };
    const auto what = step_of(request);
    const auto who = door_.admit(request, named_in_path(request), registry::operation::cloud_to_device);
    if (!who) {
        return tell(device_door::refused());
    }
    if (!what) {
        return tell(response_of(error{error_category::usage, "method_not_allowed",
                                      "messages are received by GET, completed and rejected by DELETE, abandoned by POST"}));
    }
    // Most who ask find nothing: then nothing is to be kept.
    const auto& device = who->identity.name.device;
    if (*what == step::receive && !desk_.open()) {
        const auto facts = desk_.messages().facts_of(device);
        if (facts && facts->waiting + facts->given == 0) {
            return tell(net::http_response::empty());
        }
    }
    const error not_kept{error_category::environment, "store_failed", "The hub could not keep what it had to."};
    if (!desk_.begin()) {
        return tell(response_of(not_kept));
    }
    auto out = desk_.registry().all_or_nothing([&] { return take(request, *what, device); });
    desk_.after_commit([not_kept, respond, out = std::move(out)](bool kept) {
        auto answer = out ? (kept ? *out : response_of(not_kept)) : response_of(out.error());
        answer.headers.set("Cache-Control", "no-store");
        respond(std::move(answer));
    });
}

// ---- time

void device_messages::sweep() {
    const unix_seconds now = desk_.time().now();
    bool more = false;
    const auto due = desk_.messages().is_due(now);
    if (due && *due && desk_.begin()) {
        const auto swept = desk_.messages().sweep(now, at_once);
        if (!swept) {
            log::failure("messages_not_swept", swept.error(), {{"party", "hub"}});
        }
        more = swept.value_or(false);
    }
    count();
    timer_.arm(more ? 1 : pace, [this] { sweep(); });
}

void device_messages::count() {
    // Those of a turn that is open may be undone.
    const auto all = desk_.open() ? result<std::vector<registry::message_count>>() : desk_.messages().counts();
    if (!all) {
        return;
    }
    for (const auto& one : *all) {
        uint64_t& before = counted_[one.event];
        if (one.count > before) {
            events_.with({one.event}).add(static_cast<double>(one.count - before));
        }
        before = one.count;
    }
}

}  // namespace berth::app
