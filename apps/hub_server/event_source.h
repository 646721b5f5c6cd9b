// What there is to be told to sinks (event_sink.h): life-cycle events, or what devices have sent. Numbers go up by one, and none
// is given twice.
#pragma once

#include "base/result.h"

#include <string>
#include <vector>

namespace berth::app {

class event_source {
public:
    event_source() = default;
    event_source(const event_source&) = delete;
    event_source& operator=(const event_source&) = delete;
    virtual ~event_source() = default;

    struct item {
        uint64_t number = 0;
        std::string json;  // an object
    };
    // What they are called: in configuration ("hub.events"), in logs and metrics ("events"), in bodies ("events").
    struct names {
        const char* table;
        const char* metric;
        const char* member;
        const char* what;
        const char* kept_under;  // what positions' names begin with
    };
    [[nodiscard]] virtual names called() const = 0;
    virtual result<uint64_t> newest() = 0;
    // Behind that one, in order. `sink`: which of them asks, from 0 on; each goes on where it was.
    virtual result<std::vector<item>> some(size_t sink, uint64_t after, size_t most) = 0;
    // Every sink has all up to that one. Called again and again, also where there is no sink, if the source `forgets`.
    virtual void taken(uint64_t /*number*/) {}
    [[nodiscard]] virtual bool forgets() const { return false; }
};

}  // namespace berth::app
