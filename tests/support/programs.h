// Our programs, run from tests as a person or script would run them.
#pragma once

#include "common/process.h"
#include "wire/json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace berth::test {

struct program_result {
    int exit = -1;
    std::vector<std::string> output;
    std::vector<std::string> errors;
    // The first line of standard output as a JSON object; empty when it is none.
    [[nodiscard]] wire::json::object json() const {
        const auto object = output.empty() ? result<wire::json::object>(fail(error_category::usage, "none", ""))
                                           : wire::parse_json_object(output[0]);
        return object ? *object : wire::json::object{};
    }
    // The name in {"error":{"name":...}}.
    [[nodiscard]] std::string error_name() const {
        const auto object = json();
        const auto* e = object.if_contains("error");
        return e && e->is_object() ? std::string(e->get_object().at("name").as_string()) : "";
    }
    [[nodiscard]] std::string all() const {
        std::string out;
        for (const auto* lines : {&output, &errors}) {
            for (const auto& line : *lines) {
                out += line + "\n";
            }
        }
        return out;
    }
};

// What a program says until it ends, for at most `most`. `listen` waits a moment and hears the child, among others.
template <class Listen>
program_result collect(app::child_process& child, milliseconds most, Listen&& listen) {
    program_result out;
    const milliseconds until = system_clock().steady() + most;
    while (!child.ended() && system_clock().steady() < until) {
        listen();
        for (auto& line : child.take_output_lines()) {
            out.output.push_back(std::move(line));
        }
        for (auto& line : child.take_error_lines()) {
            out.errors.push_back(std::move(line));
        }
    }
    out.exit = child.exit_code().value_or(-1);
    return out;
}

inline program_result run_program(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                                  milliseconds most = 60'000, const std::vector<std::string>& environment = {}) {
    // A name alone is one of ours.
    auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / program, arguments, environment);
    return child ? collect(*child, most, [&] { app::poll_children({&*child}, 50); }) : program_result{};
}

inline program_result berth(std::vector<std::string> arguments) {
    return run_program("berth", arguments);
}

// The customer whose CA is in `below`/`ca` becomes one of the manufacturer's, whose factory/ and masa/ lie beside it.
inline void register_customer(const std::filesystem::path& below, const std::string& customer, const std::string& ca) {
    const auto proof = (below / (ca + ".proof")).string();
    const auto root = (below / "factory/z1.pem").string();
    const auto proved =
        berth({"ca", "prove", "--dir", (below / ca).string(), "--customer", customer, "--maker-root", root, "--out", proof});
    ASSERT_EQ(proved.exit, 0) << proved.all();
    const auto registered = berth({"customer", "register", customer, "--masa", (below / "masa").string(), "--root",
                                   (below / ca / "z2.pem").string(), "--proof", proof, "--maker-root", root});
    ASSERT_EQ(registered.exit, 0) << registered.all();
}

}  // namespace berth::test
