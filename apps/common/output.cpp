#include "common/output.h"

#include "base/log.h"
#include "common/words.h"

#include <cstdio>

#include <unistd.h>

namespace berth::app {

wire::json::object to_json(const error& e) {
    wire::json::object params;
    for (const auto& [key, value] : e.params) {
        params[key] = value;
    }
    return {{"name", e.name}, {"category", std::string(to_string(e.category))}, {"message", e.message}, {"params", params}};
}

int report(const error& e, bool json) {
    if (json) {
        print_json(wire::json::object{{"error", to_json(e)}});
    } else {
        std::string details;
        for (const auto& [key, value] : e.params) {
            details += fmt::format(" {}={}", key, log::escape(value));
        }
        // A message of several lines is ours; what stands in them may be a file's, or a peer's.
        std::string message;
        for (std::string_view rest = e.message; !rest.empty();) {
            const size_t end = std::min(rest.find('\n'), rest.size());
            message += one_line(rest.substr(0, end)) + (end < rest.size() ? "\n" : "");
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        std::fputs(fmt::format("berth: {} [{}]{}\n", message, e.name, details).c_str(), stderr);
    }
    return exit_code(e.category);
}

bool asks_for_json(int argc, char** argv) {
    return std::any_of(argv, argv + argc, [](const char* a) { return std::string_view(a) == "--json"; });
}

int report_usage(int argc, char** argv, const std::string& what, const std::function<int()>& print) {
    if (!asks_for_json(argc, argv) || what.empty()) {
        return print() == 0 ? 0 : 2;
    }
    return report({error_category::usage, "bad_arguments", what}, true);
}

int report_exception(bool json) noexcept {
    const char* what = "an exception without a name";
    try {
        try {
            throw;
        } catch (const std::bad_alloc&) {
            what = "memory is exhausted";
            throw;
        } catch (const std::system_error& e) {
            // Whoever reads it has gone, or the disk is full: no fault of ours.
            if (e.code() == std::errc::broken_pipe) {
                return 0;
            }
            if (e.code() == std::errc::no_space_on_device) {
                return report({error_category::environment, "disk_full", "what is to be written has no room on its disk"}, json);
            }
            return report({error_category::internal, "unexpected_exception",
                           fmt::format("something went wrong that should not be able to; please report it: {}", e.what())},
                          json);
        } catch (const std::exception& e) {
            // Its text may be long or not there: a copy is made while it lives.
            return report({error_category::internal, "unexpected_exception",
                           fmt::format("something went wrong that should not be able to; please report it: {}", e.what())},
                          json);
        }
    } catch (...) {
        std::fprintf(stderr, "berth: %s [unexpected_exception]\n", what);
        return 4;
    }
}

void print_json(const wire::json::value& value) {
    std::fputs((wire::to_text(value) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

bool on_terminal() {
    return isatty(STDOUT_FILENO) != 0;
}

}  // namespace berth::app
