// The hub's API for back ends and operators: the registry over HTTP. Without I/O: what listens, TLS and the moment of a commit
// are the caller's (apps/hub_server).
//
// Whoever asks is judged before anything that he asks for is looked at, and whoever is refused is told the same whatever the
// reason is; logs have that.
#pragma once

#include "hub/access/gate.h"
#include "hub/admin/routes.h"

namespace berth::hub {

class admin_api {
public:
    // `messages`, if there are any, outlives it.
    admin_api(random_source& random, const clock& time, session_source sessions = {},
              registry::message_registry* messages = nullptr)
        : random_(random), clock_(time), sessions_(std::move(sessions)), messages_(messages) {}

    struct outcome {
        api_answer answer;
        std::string operation;     // of the route; "none"
        std::optional<error> why;  // of a refusal or failure, for logs and metrics
        bool keep = true;          // what was written stays; else it is to be undone
        bool partly = false;       // some of what was asked for was refused
    };
    // `who`: what a gate has made of whoever asks.
    [[nodiscard]] outcome answer(registry::hub_registry& hub, registry::twin_registry& twins, const api_request& request,
                                 const result<caller>& who);

    // Whether it may write: then it has to wait for a commit.
    [[nodiscard]] static bool writes(const api_request& request);

private:
    random_source& random_;
    const clock& clock_;
    session_source sessions_;
    registry::message_registry* messages_;
};

}  // namespace berth::hub
