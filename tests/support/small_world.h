// A world of real processes for tests, and what its logs have said so far.
#pragma once

#include "common/files.h"
#include "crypto/random.h"
#include "scene/world.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::test {

// A world of real processes; null, and the test has failed, when it did not start.
inline std::unique_ptr<app::world> start_world(const std::filesystem::path& directory, std::vector<std::string> customers,
                                               const std::function<void(app::world::options&)>& change = {}) {
    app::world::options how;
    how.directory = directory;
    how.programs = BERTH_BIN_DIR;
    how.customers = std::move(customers);
    if (change) {
        change(how);
    }
    auto made = app::world::make(how, system_clock(), crypto::system_random());
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
}

class small_world : public testing::Test {
protected:
    static void begin(std::vector<std::string> customers, const std::function<void(app::world::options&)>& change = {}) {
        directory = std::make_unique<temporary_directory>();
        world = start_world(directory->path(), std::move(customers), change);
        ASSERT_TRUE(world) << "the daemons did not start";
        heard.clear();
    }
    static void TearDownTestSuite() {
        world.reset();
        directory.reset();
    }

    // A device, whose registrar is that of `customer`, and who is assigned to it.
    static std::filesystem::path make(const std::string& serial, const std::string& customer) {
        return got(world->make_device(world->order_for(serial, customer), customer));
    }
    static std::filesystem::path make(app::device_order order, const std::string& customer) {
        return got(world->make_device(std::move(order), customer));
    }
    static program_result onboard(const std::filesystem::path& bundle) {
        return berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    }

    // The first line of this process's log, from `from` on, that has the event and, if given, the text in any field.
    static std::optional<wire::json::object> hear(const std::string& process, const std::string& event,
                                                  const std::string& text = "", size_t from = 0, milliseconds most = 15'000) {
        const milliseconds until = system_clock().steady() + most;
        for (size_t at = from;;) {
            for (; at < heard.size(); ++at) {
                const auto& e = heard[at];
                if (e.process == process && e.line.at("event").as_string() == event &&
                    (text.empty() || wire::to_text(e.line).find(text) != std::string::npos)) {
                    return e.line;
                }
            }
            if (system_clock().steady() > until) {
                return std::nullopt;
            }
            listen();
        }
    }
    static void listen(milliseconds most = 100) {
        for (auto& e : world->events(most)) {
            heard.push_back(std::move(e));
        }
    }
    // What this process has logged, for messages of tests that fail.
    static std::string all_heard(const std::string& process) {
        std::string out;
        for (const auto& e : heard) {
            out += e.process == process ? wire::to_text(e.line) + "\n" : "";
        }
        return out;
    }
    // Waits until `holds`, asking again and again, for at most 15 seconds.
    template <class F>
    static bool eventually(F&& holds) {
        const milliseconds until = system_clock().steady() + 15'000;
        while (system_clock().steady() < until) {
            if (holds()) {
                return true;
            }
            listen(50);
        }
        return holds();
    }

    static std::unique_ptr<temporary_directory> directory;
    static std::unique_ptr<app::world> world;
    static std::vector<app::world_event> heard;
};
inline std::unique_ptr<temporary_directory> small_world::directory;
inline std::unique_ptr<app::world> small_world::world;
inline std::vector<app::world_event> small_world::heard;

struct http_answer {
    int status = 0;  // 0: nobody there
    std::string body;
};

// GET over plain HTTP on loopback.
inline http_answer http_get(uint16_t port, const std::string& path) {
    http_answer out;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
        const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        (void)::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        std::string all;
        char buffer[4096];
        for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
            all.append(buffer, static_cast<size_t>(n));
        }
        const size_t end = all.find("\r\n\r\n");
        if (all.starts_with("HTTP/1.1 ") && end != std::string::npos) {
            out.status = std::atoi(all.c_str() + 9);
            out.body = all.substr(end + 4);
        }
    }
    if (fd >= 0) {
        ::close(fd);
    }
    return out;
}

}  // namespace berth::test
