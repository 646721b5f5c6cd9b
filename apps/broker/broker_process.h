// A Mosquitto of berthd's own: started with it, looked after, ended with it.
#pragma once

#include "broker/mosquitto_conf.h"
#include "broker/relay_place.h"
#include "common/process.h"
#include "net/loop.h"

#include <memory>

namespace berth::app {

// The program, and what it is run with.
struct broker_program {
    std::filesystem::path mosquitto;
    std::filesystem::path plugin;
    std::filesystem::path tap;  // loaded before it, so that the plugin hears of acknowledgements (docs/decisions/0011)
    std::vector<std::string> environment;
};
// `configured` empty: where Debian has it, or on PATH. Plugin and tap lie beside this program, or where `make install` puts them.
// Mosquitto runs on the OpenSSL that this program runs on, or it would know neither ML-DSA nor ML-KEM. Errors (environment)
// `broker_missing`, `program_missing`.
result<broker_program> find_broker(const std::filesystem::path& configured);

class broker_process {
public:
    // Returns when devices can connect. Errors (environment) `broker_not_started`, with what it said last; `listen_failed`; those
    // of files and of mosquitto_conf().
    // `meanwhile` is called again and again until then.
    static result<std::unique_ptr<broker_process>> start(net::loop& on, broker_program program, broker_settings settings,
                                                         const std::function<void()>& meanwhile = {});
    // Ends it: Mosquitto writes down what its sessions are to keep.
    ~broker_process();
    broker_process(const broker_process&) = delete;
    broker_process& operator=(const broker_process&) = delete;

    [[nodiscard]] uint16_t port() const { return settings_.listen.port; }
    [[nodiscard]] const broker_settings& settings() const { return settings_; }
    // Error `broker_down` (environment): it ended, and is started again in a moment.
    [[nodiscard]] result<void> check() const;
    [[nodiscard]] uint64_t restarts() const { return restarts_; }
    // Null: nothing is passed on to it.
    [[nodiscard]] std::shared_ptr<const relay_place> relay() const { return relay_; }
    // Asks it to end, without waiting: so that several end at once.
    void begin_to_end();
    // What it has said so far; by itself it is looked at ten times a second once the loop runs.
    void listen();
    // Certificate and key are read from their files again; whoever is connected stays.
    void read_certificate_again();

private:
    broker_process(net::loop& on, broker_program program, broker_settings settings);
    result<void> launch();
    result<void> draw_relay_secret();
    void set_up(bool up);
    // Until it listens, or has ended.
    result<void> wait_until_up(const std::function<void()>& meanwhile);
    void look();
    void ended(int code);
    void tell(const std::string& line);

    broker_program program_;
    broker_settings settings_;
    net::timer timer_;
    std::optional<child_process> child_;
    std::shared_ptr<relay_place> relay_;
    bool up_ = false;
    milliseconds started_ = 0, pause_ = 0, window_ = 0;
    uint64_t restarts_ = 0;
    size_t told_ = 0, untold_ = 0;  // lines in this window
    std::string last_line_;
};

}  // namespace berth::app
