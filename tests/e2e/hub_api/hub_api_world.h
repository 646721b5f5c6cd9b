// berthd's [hub], asked by curl: administrators with certificates, back ends with tokens.
#pragma once

#include "../hub/hub_world.h"

#include <csignal>

namespace berth::test {

class HubApi : public HubWorld {
protected:
    void SetUp() override {
        make_ca("web", "ec -pkeyopt ec_paramgen_curve:P-256");
        make_ca("admins");
        make_leaf("web", "server", "localhost", "serverAuth", "-addext subjectAltName=DNS:localhost");
        make_leaf("admins", "alice", "alice", "clientAuth");
    }
    void make_leaf(const std::string& by, const std::string& file, const std::string& name, const std::string& purpose,
                   const std::string& more = "") const {
        openssl("req -x509 -nodes -days 30 -subj /CN=" + name + " -addext extendedKeyUsage=" + purpose +
                " -addext basicConstraints=critical,CA:FALSE " + more + " -keyout " + file + ".key -out " + file +
                ".pem -newkey ec -pkeyopt ec_paramgen_curve:P-256 -CA " + by + ".pem -CAkey " + by + ".key");
    }
    static constexpr const char* usual = "admins = [\"admins.pem\"]\nsas = true\n";
    void configure(const std::string& more, const std::string& listen = "127.0.0.1:0") const {
        put("berthd.toml", "[hub]\nlisten = \"" + listen +
                               "\"\nhost = \"localhost\"\nchain = \"server.pem\"\nkey = \"file:server.key\"\n"
                               "directory = \"hub\"\n" +
                               more);
    }
    void begin(const std::string& more = usual) {
        configure(more);
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        ASSERT_EQ(check.exit, 0) << check.all();
        start();
    }
    // As it is configured.
    void start() {
        auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("berthd.toml")});
        ASSERT_TRUE(child) << child.error().message;
        server_ = std::make_unique<app::child_process>(std::move(*child));
        ASSERT_TRUE(says("\"ready\"")) << "berthd did not begin";
    }
    // The error's name; nothing is begun.
    std::string refused_at_start(const std::string& more) {
        configure(more);
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        const auto start = run_program("berthd", {"--json", "--config", at("berthd.toml")});
        EXPECT_EQ(check.error_name(), start.error_name()) << check.all() << start.all();
        return check.error_name();
    }
    void reload(const std::string& expected = "\"reloaded\"") {
        ::kill(server_->pid(), SIGHUP);
        ASSERT_TRUE(says(expected));
    }
    // Whether it says so, on either of its outputs; notes the ports meanwhile.
    bool says(const std::string& text, milliseconds most = 20'000) {
        const milliseconds until = system_clock().steady() + most;
        while (system_clock().steady() < until && !server_->ended()) {
            app::poll_children({&*server_}, 50);
            bool said = false;
            for (auto lines : {server_->take_output_lines(), server_->take_error_lines()}) {
                for (const auto& line : lines) {
                    const auto object = wire::parse_json_object(line);
                    if (object && object->contains("port")) {
                        const std::string role(object->at("role").as_string()), name(object->at("name").as_string());
                        ports_[name == "https" ? role : name] = object->at("port").to_number<uint16_t>();
                    }
                    said = said || line.find(text) != std::string::npos;
                    heard_ += line + "\n";
                }
            }
            if (said) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] std::string url(const std::string& path) const {
        return fmt::format("https://localhost:{}{}", ports_.at("hub"), path);
    }
    // Its status; the body is in `body`, the header in `header`.
    std::string curl(std::vector<std::string> arguments, const std::string& path) {
        arguments.insert(arguments.begin(), {"-sS", "--cacert", at("web.pem"), "-o", at("body"), "-D", at("header"), "-w",
                                             "%{http_code}", "--max-time", "30"});
        arguments.push_back(url(path));
        put("body", "");
        const auto r = run_program("/usr/bin/curl", arguments);
        return r.exit == 0 && !r.output.empty() ? r.output.back() : "none: " + r.all();
    }
    std::string as(const std::string& who, const std::string& method, const std::string& path, const std::string& json = "",
                   std::vector<std::string> more = {}) {
        more.insert(more.end(), {"-X", method, "--cert", at(who + ".pem"), "--key", at(who + ".key")});
        return curl(with_body(std::move(more), json), path);
    }
    std::string with_token(const std::string& token, const std::string& method, const std::string& path,
                           const std::string& json = "") {
        return curl(with_body({"-X", method, "-H", "Authorization: " + token}, json), path);
    }
    static std::vector<std::string> with_body(std::vector<std::string> arguments, const std::string& json) {
        if (!json.empty()) {
            arguments.insert(arguments.end(), {"-H", "Content-Type: application/json", "--data-binary", json});
        }
        return arguments;
    }
    [[nodiscard]] wire::json::object body() const { return got(wire::parse_json_object(text("body"))); }
    [[nodiscard]] std::string error_name() const { return std::string(body().at("error").at("name").as_string()); }

    std::unique_ptr<app::child_process> server_;
    std::map<std::string, uint16_t> ports_;
    std::string heard_;
};

}  // namespace berth::test
