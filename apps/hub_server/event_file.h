// A file of life-cycle events, one JSON object a line, appended and kept (fsync) before the next.
#pragma once

#include "base/descriptor.h"
#include "hub_server/event_sink.h"

namespace berth::app {

class event_file final : public event_sink {
public:
    explicit event_file(std::filesystem::path file) : file_(std::move(file)) {}
    void deliver(const std::vector<registry::identity_event>& events, done then) override;
    // Who has moved it away finds a new one in its place afterwards.
    void renew(event_sink_files&&) override { opened_ = descriptor(); }

private:
    result<void> open();
    result<void> append(const std::string& lines);

    std::filesystem::path file_;
    descriptor opened_;
};

}  // namespace berth::app
