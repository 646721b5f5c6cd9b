#include "base/log.h"

#include <atomic>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace berth::log {

namespace {

spdlog::level::level_enum to_spdlog(level at) {
    switch (at) {
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warning: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::string_view name_of(level at) {
    switch (at) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warning: return "warning";
    case level::error: return "error";
    }
    return "error";
}

struct sink {
    std::atomic<format> how = format::text;  // a reload may change it while other threads write
    std::shared_ptr<spdlog::logger> logger;
    sink() : logger(std::make_shared<spdlog::logger>("berth", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
        logger->set_level(spdlog::level::info);
        logger->set_pattern("%v");
        logger->flush_on(spdlog::level::info);
    }
};

sink& the_sink() {
    static sink s;
    return s;
}

std::string timestamp() {
    const auto now = std::chrono::system_clock::now();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    const std::time_t seconds = millis / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min, parts.tm_sec, millis % 1000);
}

// The size of the UTF-8 sequence that `text` begins with (RFC 3629 section 4: no overlong forms, no surrogates, nothing over
// U+10FFFF); 0: it begins with none.
size_t utf8_sequence(std::string_view text) {
    const auto octet = [&](size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [&](size_t i) { return (octet(i) & 0xc0) == 0x80; };
    const unsigned first = octet(0);
    const unsigned second = octet(1);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return tail(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const bool good = tail(1) && tail(2) && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f);
        return good ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool good = tail(1) && tail(2) && tail(3) && !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f);
        return good ? 4 : 0;
    }
    return 0;
}

std::string as_json(level at, std::string_view event, std::string_view text, const std::vector<field>& fields) {
    std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}","message":"{}")", timestamp(), name_of(at),
                                   escape(event), escape(text));
    for (const auto& f : fields) {
        line += f.number ? fmt::format(R"(,"{}":{})", escape(f.key), f.value)
                         : fmt::format(R"(,"{}":"{}")", escape(f.key), escape(f.value));
    }
    return line + "}";
}

std::string as_line(level at, std::string_view event, std::string_view text, const std::vector<field>& fields) {
    std::string line = fmt::format("{} {:<7} {}: {}", timestamp(), name_of(at), event, escape(text));
    for (const auto& f : fields) {
        line += fmt::format(" {}={}", f.key, f.number ? f.value : '"' + escape(f.value) + '"');
    }
    return line;
}

}  // namespace

void configure(level least, format how) {
    the_sink().logger->set_level(to_spdlog(least));
    the_sink().how = how;
}

bool enabled(level at) {
    return the_sink().logger->should_log(to_spdlog(at));
}

void write(level at, std::string_view event, std::string_view text, std::vector<field> fields) {
    const std::string line = the_sink().how == format::json ? as_json(at, event, text, fields) : as_line(at, event, text, fields);
    the_sink().logger->log(to_spdlog(at), "{}", line);
}

void failure(std::string_view event, const berth::error& e, std::vector<field> fields) {
    fields.emplace_back("error", e.name);
    fields.emplace_back("category", berth::to_string(e.category));
    for (const auto& [key, value] : e.params) {
        fields.emplace_back(key, value);
    }
    write(e.category == error_category::internal ? level::error : level::warning, event, e.message, std::move(fields));
}

// Octets that are not UTF-8 become U+FFFD, so that a line is JSON whatever a peer has sent.
std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const char c = text.front();
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x80) {
            const size_t size = utf8_sequence(text);
            if (size == 0) {
                out += "\\ufffd";  // a peer's octets that are no text
                text.remove_prefix(1);
            } else {
                out += text.substr(0, size);
                text.remove_prefix(size);
            }
            continue;
        }
        text.remove_prefix(1);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (c == '\n') {
            out += "\\n";
        } else if (octet < 0x20 || octet == 0x7f) {
            out += fmt::format("\\u{:04x}", octet);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace berth::log
