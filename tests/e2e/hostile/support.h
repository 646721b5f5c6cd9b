// Peers of the real berthd that do not do what the programs of ours do, and the world that they meet.
#pragma once

#include "authkem/connection.h"
#include "crypto/random.h"
#include "device/bundle.h"
#include "onboarding/messages/frame.h"
#include "scene/world.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/small_world.h"

namespace berth::test {

// A TCP connection to a port on loopback, blocking.
class raw_connection {
public:
    // `from`: an address of loopback. `receive_buffer`: the smallest that the system allows, for peers that do not read.
    explicit raw_connection(uint16_t port, const char* from = "127.0.0.1", bool smallest_receive_buffer = false);
    raw_connection(raw_connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    raw_connection& operator=(raw_connection&&) = delete;
    ~raw_connection();

    [[nodiscard]] bool connected() const { return fd_ >= 0; }
    // All of it. False: the other side has closed, or takes nothing for `most`.
    [[nodiscard]] bool send(bytes_view data, milliseconds most = 20'000);
    // What comes within `most`; nothing: silence. Empty octets: the other side has closed.
    [[nodiscard]] std::optional<bytes> receive(milliseconds most);
    // The other side has closed or reset; reads what came before.
    [[nodiscard]] bool closed();

private:
    int fd_ = -1;
};

// An AuthKEM client over such a connection.
class hostile_peer {
public:
    hostile_peer(uint16_t port, const authkem::client_config& config, bool smallest_receive_buffer = false);

    [[nodiscard]] raw_connection& wire() { return wire_; }
    // Its first flight, not sent.
    [[nodiscard]] static bytes first_flight(const authkem::client_config& config);
    // Error: whatever ends it, an alert of the server's too. `server_alert()` is then its name.
    result<void> handshake();
    // Until the server says no, which it may do after we are done.
    result<void> wait_for_refusal();
    // Application data, however the server likes it. False once the connection is gone.
    [[nodiscard]] bool say(bytes_view octets);
    [[nodiscard]] std::string server_alert() const;

private:
    result<void> read_once(milliseconds most);
    raw_connection wire_;
    std::unique_ptr<authkem::connection> connection_;
};

// What clients of the three channels say, with the credential given.
authkem::client_config kk1_client(const app::world& w, authkem::credential own);
authkem::client_config kk2_client(authkem::credential own);
authkem::credential credential_of(const std::filesystem::path& chain, const std::filesystem::path& key);

// Lines of the log that have this event and error, since the last call that took them.
class log_watch {
public:
    explicit log_watch(app::world& w) : world_(w) {}
    void listen(milliseconds most, std::vector<app::child_process*> also = {});
    [[nodiscard]] size_t count(const std::string& process, const std::string& event, const std::string& error) const;
    // Waits until there are so many.
    bool wait_for(const std::string& process, const std::string& event, const std::string& error, size_t times,
                  milliseconds most);
    void forget() { seen_.clear(); }
    // Everything, for a test that fails.
    [[nodiscard]] std::string said(const std::string& process) const;

private:
    app::world& world_;
    std::map<std::string, size_t> seen_;
    std::map<std::string, std::string> text_;
};

// A whole onboarding by the real program, with the daemons' logs read meanwhile.
program_result onboard(log_watch& log, const std::filesystem::path& bundle);

}  // namespace berth::test
