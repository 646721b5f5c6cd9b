// Keeps the credentials of a device: asks for them, renews them, has new ones accepted, runs hooks. One visit at a time.
#pragma once

#include "credentials/hook.h"
#include "credentials/visit.h"

namespace berth::app {

class credential_keeper {
public:
    // All but the configuration outlive it.
    credential_keeper(net::loop& on, const device_bundle& bundle, const keeping_config& config, const clock& system,
                      random_source& random);
    ~credential_keeper();

    // From now on. What goes wrong is logged, and tried again.
    void start();
    // Another configuration from now on, once what is under way has ended.
    void reload(const keeping_config& config);
    // Called on the loop, again and again while it is so, when the identity of a credential is refused for good and none of all
    // that are kept is valid any more: only another onboarding helps.
    using lost_handler = std::function<void(const std::string& credential)>;
    void on_lost(lost_handler handler) { on_lost_ = std::move(handler); }
    // What is due now, once. The handler is called on the loop: for each credential what went wrong with it, if something did.
    struct report {
        std::string name;
        std::optional<error> why;
    };
    using done_handler = std::function<void(const std::vector<report>&)>;
    void once(done_handler done);

private:
    struct entry {
        const kept_source& source;
        const kept_wish& wish;
        credential_files files;
        milliseconds due = 0;     // of the steady clock
        milliseconds rested = 0;  // of the same: no other certificate before
        uint32_t failures = 0;    // in a row
        uint32_t refusals = 0;    // of a certificate of its own, in a row
        uint32_t rejections = 0;  // of the identity, in a row
        deed doing = deed::wait;
        bool greeted = false;           // the server has answered in this run: if it has told no time, nobody will
        bool lost = false;              // the identity was refused, too
        bool issued = false;            // in this run
        bool settled = false;           // nothing more is to be done in a run of once()
        std::optional<error> why = {};  // of the last failure
    };
    void adopt(const keeping_config& config);
    [[nodiscard]] bool may_be_lost(const entry& e) const;
    void next();
    void look_after(entry& e);
    void go(entry& e, const kept_credential& k, deed what);
    void visited(entry& e, const visit_outcome& outcome);
    void succeeded(entry& e, const visit_outcome& outcome);
    // Whether another way is left at once: the identity.
    bool refused(entry& e, bool as_identity);
    void failed(entry& e, const error& why, std::optional<uint32_t> retry_after = {}, bool again = false);
    bool begin_hooks(entry& e, const kept_credential& k);
    void run_hook(entry& e, uint32_t number, std::vector<std::string> environment, size_t index, std::string went_wrong);
    [[nodiscard]] unix_seconds left_of(const entry& e) const;
    void settle(entry& e, std::optional<error> why);

    net::loop& loop_;
    const device_bundle& bundle_;
    known_time time_;
    random_source& random_;
    net::timer pause_;
    std::unique_ptr<const keeping_config> config_, coming_;
    std::vector<std::unique_ptr<entry>> entries_;
    std::unique_ptr<visit> visit_;
    std::unique_ptr<hook> hook_;
    done_handler done_;
    lost_handler on_lost_;
    // What was posted to the loop and comes after us finds nobody.
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace berth::app
