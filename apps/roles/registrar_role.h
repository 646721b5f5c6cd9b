// The registrar: KK2 listener, a KK1 to each maker's MASA, the customer's CA, over one store.
#pragma once

#include "net/authkem_listener.h"
#include "net/dns_sd.h"
#include "roles/embedded_ca.h"
#include "roles/maker_link.h"
#include "roles/step_log.h"
#include "store/sqlite/registrar_store.h"

#include <list>
#include <unordered_map>

namespace berth::app {

class registrar_role {
public:
    // Errors of files, keys and store; `listen_failed`.
    static result<std::unique_ptr<registrar_role>> start(net::loop& on, const registrar_config& config, const ca_config& ca,
                                                         const clock& time, random_source& random, role_observer observer = {});
    ~registrar_role();

    [[nodiscard]] uint16_t port() const { return listener_->port(); }
    [[nodiscard]] size_t open_sessions() const { return sessions_.size(); }
    // Whether the store answers.
    [[nodiscard]] result<void> check() {
        BERTH_CHECK(store_->decision_generation());
        return {};
    }
    // Whether every configured MASA is reached now.
    [[nodiscard]] bool ready() const;

private:
    struct kk2 {
        net::authkem_stream stream;
        std::unique_ptr<onboarding::registrar_session> session;
        maker_link* maker = nullptr;
        milliseconds opened_at = 0;
        bool ending = false;
        bool dirty = false;
    };
    using kk2_ref = std::list<kk2>::iterator;

    registrar_role(net::loop& on, const clock& time, random_source& random, role_observer observer, embedded_ca ca);
    result<void> open(const registrar_config& config);
    result<void> listen(const registrar_config& config);
    void accept(net::authkem_stream stream);
    void closed(kk2_ref which, const error* why);
    // What a session wants after any event: a place on KK1, certificates, octets sent.
    void serve(kk2_ref which);
    void serve_all();
    void serve_these(const std::set<onboarding::registrar_session*>& told);
    result<void> begin_turn();
    void touch(kk2_ref which);
    void end_turn();
    void report(kk2_ref which);
    void tick();

    net::loop& loop_;
    const clock& clock_;
    random_source& random_;
    role_observer observer_;
    embedded_ca ca_;
    onboarding::registrar_settings settings_;
    std::unique_ptr<store::sqlite_registrar_store> store_;
    authkem::credential identity_;
    std::vector<std::unique_ptr<maker_link>> makers_;
    std::shared_ptr<const authkem::server_context> kk2_context_;
    std::unique_ptr<net::authkem_listener> listener_;
    std::unique_ptr<net::announcement> announcement_;
    std::list<kk2> sessions_;
    std::unordered_map<const onboarding::registrar_session*, kk2_ref> by_session_;
    std::vector<kk2_ref> dirty_;
    bool in_turn_ = false;
    bool crl_due_ = true;
    uint64_t decisions_ = 0;
    net::timer ticker_;
};

}  // namespace berth::app
