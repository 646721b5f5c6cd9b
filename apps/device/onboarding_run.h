// From a bundle to an installation: finds registrars, onboards, reports, retries with full jitter.
#pragma once

#include "device/bundle.h"
#include "device/discovery.h"
#include "net/authkem_stream.h"
#include "onboarding/device/session.h"

#include <functional>

namespace berth::app {

struct run_options {
    bool once = false;                 // one round over all registrars, then the error
    milliseconds least_pause = 1'000;  // of the back-off, doubled each round, with full jitter
    milliseconds most_pause = 60'000;
    bool anew = false;    // also when the device is onboarded: what is installed stays until the new one takes its place
    bool install = true;  // false: measurements of the protocol alone; nothing is written
};

// What a run has done, for people, --json and benchmarks.
struct run_report {
    bool ok = false;
    std::optional<error> why;
    std::string registrar;
    std::string id;  // hex of kk3_id
    std::string customer;
    std::vector<std::string> credentials;
    uint64_t configuration_version = 0;  // after a fetch
    unsigned attempts = 0;
    uint64_t octets_sent = 0;  // on KK2, of the last attempt
    uint64_t octets_received = 0;
    milliseconds took = 0;  // of the last attempt
};

class onboarding_run {
public:
    using done_handler = std::function<void(const run_report&)>;
    // S2..S6, S13, S14 with the milliseconds since KK2 was begun, and the onboarding's id, empty until KK3 stands.
    using step_handler = std::function<void(const onboarding::step_event&, milliseconds, const std::string& id)>;

    // `bundle` must outlive the run.
    onboarding_run(net::loop& on, const device_bundle& bundle, run_options options, const clock& time, random_source& random,
                   done_handler done, step_handler stepped = {});
    ~onboarding_run();

    // Onboards; or, if an installation is there whose result nobody acknowledged, reports it.
    void start();
    // Fetches the configuration again, over a KK2 verified to the pinned domain root.
    void start_configuration_fetch();

private:
    enum class purpose : uint8_t { onboard, report, configuration };
    void find_registrars();
    void next_registrar();
    void attempt(const net::address& at);
    result<std::shared_ptr<const authkem::client_context>> kk2_context() const;
    void established();
    result<void> begin_session();
    void received(bytes_view data);
    void ended(const error* why);
    void pump();
    void install();
    void open_direct_kk3();
    void direct_kk3_closed(const error& why);
    void on_configuration(bytes_view data);
    void session_over();
    void round_over();
    void finish(bool ok, std::optional<error> why);

    net::loop& loop_;
    const device_bundle& bundle_;
    run_options options_;
    const clock& clock_;
    random_source& random_;
    done_handler done_;
    step_handler stepped_;

    purpose purpose_ = purpose::onboard;
    std::optional<registrar_search> search_;
    std::vector<net::address> registrars_;
    size_t next_ = 0;
    net::address current_;
    size_t masa_key_ = 0;
    unsigned rounds_ = 0;
    bool over_ = false;
    bool told_pending_ = false;  // of this attempt
    run_report report_;
    std::optional<error> last_error_;
    std::optional<net::authkem_stream> kk2_;
    std::optional<net::authkem_stream> kk3_;
    std::unique_ptr<onboarding::device_session> session_;
    onboarding::frame_reader configuration_reader_{onboarding::frame_reader::device_limit};
    net::timer wake_;
    net::timer pause_;
    milliseconds began_ = 0;
};

}  // namespace berth::app
