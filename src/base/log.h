// Structured logs: one event name, a sentence, and fields. Secrets cannot be passed (secret_bytes has no text form).
#pragma once

#include "base/result.h"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::log {

enum class level : uint8_t { debug, info, warning, error };
enum class format : uint8_t { text, json };

// One key and its value. Text from a peer is escaped by the writer.
struct field {
    field(std::string_view k, std::string_view v) : key(k), value(v) {}
    field(std::string_view k, const char* v) : key(k), value(v) {}
    template <std::integral T>
    field(std::string_view k, T v) : key(k), value(std::to_string(v)), number(true) {}
    std::string key;
    std::string value;
    bool number = false;
};

// Where lines go: standard error. Set once, at start-up.
void configure(level least, format how);
bool enabled(level at);

// `event` is a stable name ("kk2_opened"); fields carry the onboarding's id under "id" where there is one.
void write(level at, std::string_view event, std::string_view text, std::vector<field> fields = {});

inline void debug(std::string_view event, std::string_view text, std::vector<field> fields = {}) {
    if (enabled(level::debug)) {
        write(level::debug, event, text, std::move(fields));
    }
}
inline void info(std::string_view event, std::string_view text, std::vector<field> fields = {}) {
    if (enabled(level::info)) {
        write(level::info, event, text, std::move(fields));
    }
}
inline void warning(std::string_view event, std::string_view text, std::vector<field> fields = {}) {
    if (enabled(level::warning)) {
        write(level::warning, event, text, std::move(fields));
    }
}
// An error with its name, category and parameters as fields.
void failure(std::string_view event, const berth::error& e, std::vector<field> fields = {});

// `text` with control characters and quotes escaped as in JSON, without the surrounding quotes.
std::string escape(std::string_view text);

}  // namespace berth::log
