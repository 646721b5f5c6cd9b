// A hub whose broker is Mosquitto with our plugin, and devices that are Azure's own SDK for Node.js, unmodified
// (tests/azure; scripts/bootstrap --with azure installs it).
#pragma once

#include "../broker/broker_world.h"

namespace berth::test {

// What it runs on. Node 20 has OpenSSL 3.0, and Node 24 OpenSSL 3.5: post-quantum as it comes.
struct node_version {
    const char* directory;
    const char* openssl;  // how its OpenSSL's version begins
};
inline constexpr node_version node_20{"node-20", "3.0."};
inline constexpr node_version node_24{"node-24", "3.5."};

// A program of tests/azure while it runs, and what it has said.
class js_program {
public:
    js_program(pid_t pid, fs::path log) : pid_(pid), log_(std::move(log)) {}
    js_program(js_program&& other) noexcept : pid_(std::exchange(other.pid_, -1)), log_(std::move(other.log_)) {}
    js_program& operator=(js_program&&) = delete;
    js_program(const js_program&) = delete;
    js_program& operator=(const js_program&) = delete;
    ~js_program() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            (void)exit_of(pid_);
        }
    }
    [[nodiscard]] std::string said() const { return fs::exists(log_) ? got(app::read_text(log_)) : ""; }
    // The first line {"event": NAME, ...}; nothing: it has not said so.
    [[nodiscard]] std::optional<wire::json::object> first(std::string_view event) const {
        std::istringstream lines(said());
        for (std::string line; std::getline(lines, line);) {
            auto one = wire::parse_json_object(line);
            if (one && got(wire::text_member(*one, "event")) == event) {
                return std::move(*one);
            }
        }
        return std::nullopt;
    }
    // Until it has ended: what it left to be told, 0 for nothing.
    [[nodiscard]] int end() { return exit_of(std::exchange(pid_, -1)); }

private:
    pid_t pid_;
    fs::path log_;
};

class AzureWorld : public BrokerWorld {
protected:
    void SetUp() override {
        if (!fs::exists(azure() / ".complete")) {
            GTEST_SKIP() << "Azure's SDKs are not installed; scripts/bootstrap --with azure installs them";
        }
        BrokerWorld::SetUp();
    }
    static fs::path azure() {
        const char* const other = std::getenv("BERTH_AZURE_DIR");
        return other != nullptr ? other : BERTH_AZURE_DIR;
    }

    // NAME.pem (with the CA's above it, but the root) and NAME.key: an intermediate CA below `root`.
    void make_issuer(const std::string& name, const std::string& root, const std::string& key) const {
        put("issuer.cnf", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n");
        openssl("req -new -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr -newkey " + key);
        openssl("x509 -req -in " + name + ".csr -CA " + root + ".pem -CAkey " + root + ".key -days 7 -extfile issuer.cnf -out " +
                name + ".pem");
    }
    // A device's, as makers make it: with the chain, for TLS clients.
    void certify_below(const std::string& file, const std::string& name, const std::string& issuer,
                       const std::string& key) const {
        put("client.cnf", "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n");
        openssl("req -new -nodes -subj '/CN=" + name + "' -keyout " + file + ".key -out " + file + ".csr -newkey " + key);
        openssl("x509 -req -in " + file + ".csr -CA " + issuer + ".pem -CAkey " + issuer +
                ".key -days 7 -extfile client.cnf -out " + file + ".pem");
        put(file + ".pem", text(file + ".pem") + text(issuer + ".pem"));
    }

    // Runs tests/azure/PROGRAM.js. What is in `more` goes over what every device needs.
    js_program run_js(const node_version& node, const std::string& program, wire::json::object what) {
        const std::string name = fmt::format("{}-{}", program, ++programs_);
        what.emplace("host", fmt::format("localhost:{}", port));
        what.emplace("ca", at("server.pem"));
        put(name + ".json", wire::to_text(what));
        return {spawn({azure() / "node_modules" / node.directory / "bin/node",
                       fs::path(BERTH_SOURCE_DIR) / "tests/azure" / (program + ".js"), at(name + ".json")},
                      at(name + ".log"), {"NODE_PATH=" + (azure() / "node_modules").string()}),
                at(name + ".log")};
    }
    js_program device(const node_version& node, const std::string& id, const std::string& file, wire::json::object more = {}) {
        more["deviceId"] = id;
        more["cert"] = at(file + ".pem");
        more["key"] = at(file + ".key");
        return run_js(node, "device", std::move(more));
    }
    // The same by the key that it shares with the hub, its primary one.
    js_program keyed(const node_version& node, const std::string& name, wire::json::object more = {}) {
        const auto shown = done({"device", "show", "--keys", name});
        more["sharedKey"] = shown.at("authentication").at("symmetricKey").at("primaryKey");
        more["deviceId"] = shown.at("deviceId");
        if (const auto* module = shown.if_contains("moduleId")) {
            more["moduleId"] = *module;
        }
        return run_js(node, "device", std::move(more));
    }
    // How the SDK calls the error with which it was refused; "in": it was not.
    static std::string refusal_of(const js_program& one) {
        EXPECT_TRUE(eventually([&] { return one.first("refused") || one.first("connected"); }, 60'000)) << one.said();
        const auto why = one.first("refused");
        return !why ? "in" : std::string(why->at("name").as_string());
    }
    std::string refusal(const node_version& node, const std::string& id, const std::string& file, wire::json::object more = {}) {
        return refusal_of(device(node, id, file, std::move(more)));
    }

private:
    int programs_ = 0;
};

}  // namespace berth::test
