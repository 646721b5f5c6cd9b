// A hub that berthd keeps with its brokers, and Mosquitto's own clients.
#pragma once

#include "common/files.h"
#include "common/own_libraries.h"
#include "crypto/random.h"
#include "scene/hub_world.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/spawn.h"

#include <csignal>
#include <fstream>
#include <thread>

namespace berth::test {

namespace fs = std::filesystem;

// Programs of the system must run on the OpenSSL that we run on.
inline std::vector<std::string> our_libraries() {
    const auto directory = app::own_openssl();
    return directory.empty() ? std::vector<std::string>{} : std::vector<std::string>{"LD_LIBRARY_PATH=" + directory.string()};
}

class Kept : public testing::Test {
protected:
    ~Kept() override {
        for (const pid_t one : children_) {
            ::kill(one, SIGKILL);
            (void)exit_of(one);
        }
    }
    // `more`: further tables of berthd.toml. `tokens`: the API takes those of policies.
    void begin(bool post_quantum = false, const std::string& more = {}, bool tokens = false) {
        app::hub_world_options o;
        o.shared_keys = shared_keys;
        o.directory = directory.path() / "world";
        o.post_quantum = post_quantum;
        o.tokens = tokens;
        o.programs = BERTH_BIN_DIR;
        o.more = more;
        auto made = app::hub_world::make(std::move(o), system_clock(), crypto::system_random());
        ASSERT_TRUE(made) << made.error().message;
        world.emplace(std::move(*made));
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    [[nodiscard]] std::string text(const std::string& name) const {
        return fs::exists(at(name)) ? got(app::read_text(at(name))) : "";
    }
    template <class F>
    bool eventually(F&& holds, milliseconds most = 20'000) {
        const milliseconds until = system_clock().steady() + most;
        while (!holds()) {
            if (system_clock().steady() > until) {
                return holds();
            }
            listen(10);
        }
        return true;
    }
    // What berthd says is heard, too.
    void listen(milliseconds most) {
        if (!world) {
            std::this_thread::sleep_for(std::chrono::milliseconds(most));
            return;
        }
        app::poll_children({&world->server()}, most);
        (void)world->server().take_output_lines();
        for (const auto& line : world->server().take_error_lines()) {
            said += line + "\n";
        }
    }

    [[nodiscard]] const app::hub_world::holder& holder(const std::string& name) const {
        return *std::ranges::find(world->identities(), name, &app::hub_world::holder::name);
    }
    [[nodiscard]] std::vector<std::string> client(const std::string& program, const std::string& name,
                                                  const std::vector<std::string>& more) const {
        const auto& who = holder(name);
        std::vector<std::string> out{"/usr/bin/" + program,
                                     "-h",
                                     "localhost",
                                     "-p",
                                     std::to_string(world->at("mqtt").port),
                                     "--cafile",
                                     world->server_root().string(),
                                     "--cert",
                                     who.chain.string(),
                                     "--key",
                                     who.key.string(),
                                     "-i",
                                     name};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    [[nodiscard]] program_result publish(const std::string& name, const std::string& topic,
                                         const std::vector<std::string>& more) const {
        auto words = client("mosquitto_pub", name, {"-q", "1", "-t", topic});
        words.insert(words.end(), more.begin(), more.end());
        return run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, our_libraries());
    }
    // A device that stays connected.
    pid_t stay(const std::string& name) {
        auto words = client("mosquitto_sub", name, {"-t", "$iothub/methods/POST/#", "-d", "-k", "30"});
        words.insert(words.begin(), {"/usr/bin/stdbuf", "-o0"});
        children_.push_back(spawn(words, at(name.substr(0, 5) + ".log"), our_libraries()));
        return children_.back();
    }
    // A program of this machine that hears everything.
    void listen_to_all() {
        children_.push_back(spawn({"/usr/bin/stdbuf", "-o0", "/usr/bin/mosquitto_sub", "--unix", world->local_socket().string(),
                                   "-i", "listener", "-t", "devices/#", "-d", "-V", "5", "-F", "%t %p %P"},
                                  at("heard"), our_libraries()));
        ASSERT_TRUE(eventually([this] { return text("heard").find("SUBACK") != std::string::npos; })) << text("heard");
    }
    [[nodiscard]] program_result hub(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--json", "hub"});
        arguments.insert(arguments.end(), {"--hub", world->hub().string()});
        return berth(arguments);
    }

    [[nodiscard]] std::vector<pid_t> brokers_now() {
        std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", world->server().pid()));
        std::vector<pid_t> out;
        for (pid_t one = 0; children >> one;) {
            out.push_back(one);
        }
        return out;
    }

    temporary_directory directory;
    std::optional<app::hub_world> world;
    std::string said;
    bool shared_keys = false;  // the broker takes them

private:
    std::vector<pid_t> children_;
};

}  // namespace berth::test
