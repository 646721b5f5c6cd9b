#include "ops/health.h"

namespace berth::ops {

void health::add_live(std::string name, check what) {
    const std::scoped_lock lock(mutex_);
    live_.push_back({std::move(name), std::move(what)});
}

void health::add_ready(std::string name, check what) {
    const std::scoped_lock lock(mutex_);
    ready_.push_back({std::move(name), std::move(what)});
}

void health::stopping() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
}

void health::run(const std::vector<named>& checks, health_report& into) {
    auto& told = into.body["checks"].as_object();
    for (const named& each : checks) {
        const auto passed = each.what();
        told[each.name] =
            passed ? wire::json::object{{"ok", true}}
                   : wire::json::object{{"ok", false}, {"error", passed.error().name}, {"message", passed.error().message}};
        into.ok = into.ok && passed;
    }
    into.body["status"] = into.ok ? "ok" : "failing";
}

health_report health::live() const {
    std::vector<named> checks;
    {
        const std::scoped_lock lock(mutex_);
        checks = live_;
    }
    health_report out{true, {{"status", "ok"}, {"checks", wire::json::object()}}};
    run(checks, out);
    return out;
}

health_report health::ready() const {
    health_report out = live();
    std::vector<named> checks;
    bool ending = false;
    {
        const std::scoped_lock lock(mutex_);
        checks = ready_;
        ending = stopping_;
    }
    run(checks, out);
    if (ending) {
        out.ok = false;
        out.body["status"] = "stopping";
    }
    return out;
}

}  // namespace berth::ops
