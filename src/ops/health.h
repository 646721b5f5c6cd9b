// Whether the process is alive and whether it can do its work, by named checks.
#pragma once

#include "base/result.h"
#include "wire/json.h"

#include <functional>
#include <mutex>

namespace berth::ops {

struct health_report {
    bool ok = true;
    // {"status":"ok","checks":{"store":{"ok":true},"ca":{"ok":false,"error":"ca_refused","message":"..."}}}
    wire::json::object body;
};

// Checks run where the question is asked, one after the other: they are to be quick, and not to wait for a network.
// Thread-safe.
class health {
public:
    using check = std::function<result<void>()>;

    // The process itself: what fails here is helped by a restart only.
    void add_live(std::string name, check what);
    // Its work: what fails here keeps requests away until it passes again.
    void add_ready(std::string name, check what);
    // Not ready from now on, whatever the checks say: the process is about to stop.
    void stopping();

    [[nodiscard]] health_report live() const;
    // Live checks count too.
    [[nodiscard]] health_report ready() const;

private:
    struct named {
        std::string name;
        check what;
    };
    static void run(const std::vector<named>& checks, health_report& into);
    mutable std::mutex mutex_;
    std::vector<named> live_;
    std::vector<named> ready_;
    bool stopping_ = false;
};

}  // namespace berth::ops
