// Somewhere that events, or messages of devices, go to: told in order, some at a time, one call after the other
// (event_streams.h).
#pragma once

#include "base/secret.h"
#include "net/tls.h"
#include "roles/event_config.h"

#include <functional>

namespace berth::app {

// What the files that a sink names hold.
struct event_sink_files {
    std::shared_ptr<const net::tls_context> tls;  // null: without
    std::optional<secret_bytes> secret;
};
// Errors of files and keys, `bad_secret`, `file_not_found` for a directory that is not there; each names the sink.
// `table`: of berthd.toml, "hub.events".
result<event_sink_files> read_event_files(const event_sink_config& config, const clock& time, const char* table = "hub.events");

class event_sink {
public:
    event_sink() = default;
    event_sink(const event_sink&) = delete;
    event_sink& operator=(const event_sink&) = delete;
    virtual ~event_sink() = default;

    using done = std::function<void(result<void>)>;
    // One JSON object each; never empty. `then` is called once, on the loop, from within this call or later: whether the sink has
    // all of them. If it has not, they come again, and it may have some of them twice. Not called once the sink has gone.
    virtual void deliver(const std::vector<std::string>& items, done then) = 0;
    // SIGHUP: what its files hold now.
    virtual void renew(event_sink_files&&) {}
};

}  // namespace berth::app
