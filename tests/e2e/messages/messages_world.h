// A hub that sends messages to devices: Mosquitto's own clients receive them.
#pragma once

#include "../kept/kept_world.h"

namespace berth::test {

class MessageWorld : public Kept {
protected:
    ~MessageWorld() override {
        for (const pid_t one : receivers_) {
            end(one);
        }
    }
    static void end(pid_t one) {
        ::kill(one, SIGKILL);
        (void)exit_of(one);
    }
    // A device that takes its messages, told as "TOPIC|BODY" in the file `log`. It is there when this returns.
    pid_t receive(const std::string& name, const std::string& log, const std::vector<std::string>& more = {}) {
        auto words = client("mosquitto_sub", name, {"-q", "1", "-F", "%t|%p", "-d", "-k", "30"});
        words.insert(words.begin(), {"/usr/bin/stdbuf", "-o0"});
        if (std::ranges::find(more, "-t") == more.end()) {
            words.insert(words.end(), {"-t", "devices/" + name + "/messages/devicebound/#"});
        }
        words.insert(words.end(), more.begin(), more.end());
        receivers_.push_back(spawn(words, at(log), our_libraries()));
        EXPECT_TRUE(eventually([&] { return text(log).find("SUBACK") != std::string::npos; })) << text(log) << said;
        return receivers_.back();
    }
    void gone(pid_t one) {
        end(one);
        std::erase(receivers_, one);
    }
    // "1,2,": the bodies that came.
    [[nodiscard]] std::string came(const std::string& log) const {
        std::string out;
        std::istringstream in(text(log));
        for (std::string line; std::getline(in, line);) {
            const size_t bar = line.find('|');
            if (line.starts_with("devices/") && bar != std::string::npos) {
                out += line.substr(bar + 1) + ",";
            }
        }
        return out;
    }
    bool comes(const std::string& log, const std::string& bodies) {
        return eventually([&] { return came(log) == bodies; });
    }
    void send(const std::string& name, const std::string& body, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"message", "send", name, "--body", body, "--id", "id-" + body});
        const auto sent = hub(more);
        EXPECT_EQ(sent.exit, 0) << sent.all();
    }
    // "1:enqueued:0 " for each that is in the queue.
    [[nodiscard]] std::string queue(const std::string& name) const {
        std::string out;
        const auto listed = hub({"message", "list", name});
        const auto all = wire::parse_json(listed.output.empty() ? "" : listed.output[0]);
        EXPECT_TRUE(all) << listed.all();
        if (all) {
            for (const auto& one : all->as_array()) {
                const auto& m = one.as_object();
                out += fmt::format("{}:{}:{} ", std::string_view(m.at("messageId").as_string()).substr(3),
                                   std::string_view(m.at("state").as_string()), m.at("deliveryCount").to_number<int>());
            }
        }
        return out;
    }
    bool becomes(const std::string& name, const std::string& state) {
        return eventually([&] { return queue(name) == state; });
    }
    // "1:Success " for each, in order of ids.
    [[nodiscard]] std::string feedback() const {
        std::vector<std::string> out;
        const auto told = hub({"message", "feedback", "--keep"});
        const auto all = wire::parse_json(told.output.empty() ? "" : told.output[0]);
        EXPECT_TRUE(all) << told.all();
        for (const auto& one : all->as_array()) {
            const auto& f = one.as_object();
            out.push_back(fmt::format("{}:{} ", std::string_view(f.at("originalMessageId").as_string()).substr(3),
                                      std::string_view(f.at("statusCode").as_string())));
        }
        std::ranges::sort(out);
        return fmt::format("{}", fmt::join(out, ""));
    }
    // The status; the body is in the file `body`, the head in `head`.
    std::string curl(const app::hub_world::holder& who, std::vector<std::string> more, const std::string& path) {
        more.insert(more.begin(),
                    {"-sS", "--cacert", world->server_root().string(), "--cert", who.chain.string(), "--key", who.key.string(),
                     "-o", at("body"), "-D", at("head"), "-w", "%{http_code}", "--max-time", "30"});
        more.push_back(fmt::format("https://localhost:{}{}", world->at("https").port, path));
        EXPECT_TRUE(app::write_text(at("body"), ""));
        const auto r = run_program("/usr/bin/curl", more, 40'000, our_libraries());
        return r.exit == 0 && !r.output.empty() ? r.output.back() : "none: " + r.all();
    }
    [[nodiscard]] pid_t broker() {
        std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", world->server().pid()));
        pid_t out = -1;
        in >> out;
        return out;
    }

private:
    std::vector<pid_t> receivers_;
};

}  // namespace berth::test
