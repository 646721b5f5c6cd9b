#include "hub_server/method_desk.h"

#include "base/log.h"

#include <fmt/format.h>

namespace berth::app {

namespace {

error refusal(const char* name, std::string why) {
    return {error_category::peer, name, std::move(why)};
}

uint64_t draw(random_source& random) {
    std::array<uint8_t, 8> octets{};
    random.fill(octets);
    uint64_t out = 0;
    for (const uint8_t one : octets) {
        out = out << 8 | one;
    }
    return out;
}

}  // namespace

method_desk::method_desk(hub_desk& desk, broker_line& line, ops::metric_registry& metrics)
    : desk_(desk),
      line_(line),
      outcomes_(
          metrics.counters("berth_hub_methods_total", "Direct methods that were called, and what came of them", {"outcome"})) {}

void method_desk::call(const registry::identity_name& whom, hub::method_request what, done then) {
    const auto refuse = [&](error why) {
        outcomes_.with({why.name}).add();
        then(fail(std::move(why)));
    };
    auto known = desk_.registry().find(whom);
    if (!known) {
        return refuse(known.error());
    }
    if (!*known) {
        return refuse({error_category::peer,
                       "unknown_identity",
                       fmt::format("there is no {} \"{}\"", whom.is_module() ? "module" : "device", whom.text()),
                       {{"name", whom.text()}}});
    }
    if (open_.size() >= most_open) {
        return refuse(refusal("too_many_calls", "Too many direct methods wait for their answers. Try again later."));
    }
    uint64_t number = draw(desk_.random());
    while (open_.contains(number)) {
        ++number;
    }
    auto& open = open_[number];
    open.whom = whom;
    open.begun = desk_.time().steady();
    open.here_until = open.begun + 1'000 * milliseconds(what.connect_within);
    open.what = std::move(what);
    open.then = std::move(then);
    open.timer = std::make_unique<net::timer>(desk_.loop());
    tell(number);
}

void method_desk::tell(uint64_t number) {
    const auto found = open_.find(number);
    if (found == open_.end()) {
        return;
    }
    auto& open = found->second;
    hub::line_method_call out;
    out.number = number;
    out.client = wire::opaque<1, 2 * registry::most_identity_name + 1>(std::string_view(open.whom.text()));
    out.name = wire::opaque<1, hub::most_method_name>(std::string_view(open.what.name));
    out.payload = wire::opaque<0, hub::most_method_payload>(std::string_view(open.what.payload));
    out.forget_after = static_cast<uint32_t>(open.what.answer_within);
    open.timer->arm(1'000 * milliseconds(open.what.answer_within), [this, number] {
        line_.forget(number);
        finish(number, fail(refusal("method_timeout", "The device has not answered in time.")));
    });
    line_.call(out, [this, number](result<hub::line_method_outcome> outcome) { said(number, std::move(outcome)); });
}

void method_desk::said(uint64_t number, result<hub::line_method_outcome> outcome) {
    const auto found = open_.find(number);
    if (found == open_.end()) {
        return;
    }
    auto& open = found->second;
    // Also a broker comes.
    const bool absent = outcome ? outcome->outcome == hub::call_outcome::not_here : outcome.error().name == "broker_down";
    if (absent && desk_.time().steady() < open.here_until) {
        open.timer->arm(look_again, [this, number] { tell(number); });
        return;
    }
    if (!outcome) {
        return finish(number, fail(std::move(outcome).error()));
    }
    using enum hub::call_outcome;
    switch (outcome->outcome) {
    case answered: return finish(number, hub::method_result(outcome->status, outcome->payload.text()));
    case not_here:
        return finish(number, fail(refusal("device_not_online", "It is not connected, or has not subscribed to methods.")));
    case not_allowed:
        return finish(number,
                      fail(refusal("operation_closed", "The policy of its group does not open methods: berth hub policy.")));
    case gone:
        return finish(number,
                      fail(refusal("device_not_online", "It went before it had answered: whether it has done it is unknown.")));
    case too_many:
        return finish(number,
                      fail(refusal("too_many_calls", "Too many methods of this device wait for its answers. Try again later.")));
    case too_large: return finish(number, fail(refusal("bad_method_answer", "The device has answered with more than 128 KiB.")));
    }
    finish(number, fail(error_category::internal, "unknown_outcome", "the broker tells of what is not known here"));
}

void method_desk::finish(uint64_t number, result<std::string> how) {
    auto node = open_.extract(number);
    if (node.empty()) {
        return;
    }
    auto& open = node.mapped();
    outcomes_.with({how ? "answered" : how.error().name}).add();
    log::info("method_called", how ? "a device was called by a direct method, and has answered" : how.error().message,
              {{"party", "hub"},
               {"identity", open.whom.text()},
               {"method", open.what.name},
               {"outcome", how ? "answered" : how.error().name},
               {"ms", std::to_string(desk_.time().steady() - open.begun)}});
    // The timer may be what has called us.
    desk_.loop().post([timer = std::shared_ptr<net::timer>(std::move(open.timer))] {});
    open.then(std::move(how));
}

}  // namespace berth::app
