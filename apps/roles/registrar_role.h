// The registrar: KK2 listener, a KK1 to each maker's MASA, the customer's CA, over one store.
#pragma once

#include "net/authkem_listener.h"
#include "net/dns_sd.h"
#include "roles/lists.h"
#include "roles/maker_link.h"
#include "roles/order_issuer.h"
#include "roles/step_log.h"
#include "roles/store_turn.h"
#include "store/sqlite/registrar_store.h"

#include <list>
#include <map>
#include <set>
#include <unordered_map>

namespace berth::app {

class registrar_role {
public:
    // `open` makes the one who issues; without it [ca] is the embedded one. Errors of files, keys and store; `listen_failed`.
    static result<std::unique_ptr<registrar_role>> start(net::loop& on, const registrar_config& config, const ca_config& ca,
                                                         const clock& time, random_source& random, role_observer observer = {},
                                                         issuer_opener open = {});

    // Another configuration while this one serves: prepare() reads and tries everything that it names and changes nothing;
    // apply() cannot fail. Errors as start(), naming the file; `restart_needed`.
    struct prepared {
        registrar_config config;
        std::shared_ptr<order_issuer> issuer;
        authkem::credential identity;
        onboarding::registrar_settings settings;
        pki::trust_store device_trust;
        std::shared_ptr<const authkem::server_context> kk2_context;
        struct maker {
            maker_link::settings settings;
            std::shared_ptr<const authkem::client_context> context;
        };
        std::vector<maker> makers;
        role_lists lists;
    };
    result<prepared> prepare(const registrar_config& config, const ca_config& ca);
    void apply(prepared ready);

    [[nodiscard]] uint16_t port() const { return listener_->port(); }
    [[nodiscard]] size_t open_sessions() const { return sessions_.size(); }
    // KK1s that stand, those that drain among them.
    [[nodiscard]] size_t open_links() const;
    // Devices that wait for `berth registrar approve`.
    [[nodiscard]] result<uint64_t> waiting_for_approval() { return store_->waiting_for_approval(); }
    // The CA's own list: its file, and when it expires; nothing while there is none.
    [[nodiscard]] order_issuer::list_of_its_own own_list() const { return own_list_; }
    // Whether the store answers, and takes what it is given.
    [[nodiscard]] result<void> check();
    // Whether every configured MASA is reached now.
    [[nodiscard]] bool ready() const;
    // The makers' revocation lists that it goes by.
    [[nodiscard]] const role_lists& lists() const { return lists_; }

private:
    struct kk2 {
        net::authkem_stream stream;
        std::unique_ptr<onboarding::registrar_session> session;
        std::vector<pki::certificate> z3;
        onboarding::hash_field own_leaf{};  // of the Z4 that the device saw
        maker_link* maker = nullptr;
        milliseconds opened_at = 0;
        bool ending = false;
        bool dirty = false;
    };
    using kk2_ref = std::list<kk2>::iterator;

    registrar_role(net::loop& on, const clock& time, random_source& random, role_observer observer, issuer_opener open);
    static result<prepared> read(const registrar_config& config, const ca_config& ca, const issuer_opener& open,
                                 unix_seconds now);
    // Each open KK2 is judged again under the present trust.
    void judge_again(const pki::trust_store& trust);
    [[nodiscard]] maker_link* maker_of(const onboarding::hash_field& root_spki) const;
    // The owner's releases: to the MASA, and its answers back.
    void pass_releases();
    void note_released();
    void answer_release(const registry::release_request& r, const std::string& outcome);
    result<void> listen(const registrar_config& config);
    void accept(net::authkem_stream stream);
    void closed(kk2_ref which, const error* why);
    // What a session wants after any event: a place on KK1, certificates, octets sent.
    void serve(kk2_ref which);
    void serve_all();
    void serve_these(const std::set<onboarding::registrar_session*>& told);
    void touch(kk2_ref which);
    void end_turn(bool kept);
    void report(kk2_ref which);
    // Step S12 of a session, and its answer, now or later.
    void order(kk2_ref which, const onboarding::certificate_order& what);
    void ordered(uint64_t number, const onboarding::device_identity& device, unix_seconds asked_at, order_issuer::answer answer);
    // What has come after its session: it waits for the device, unless that has gone.
    result<void> keep(const onboarding::device_identity& device, unix_seconds asked_at,
                      std::vector<onboarding::issued_certificate> certificates);
    void publish();
    void note_waiting(const onboarding::registrar_session& session);
    void close_older(const onboarding::device_identity& device);
    void tick();

    net::loop& loop_;
    const clock& clock_;
    random_source& random_;
    role_observer observer_;
    issuer_opener open_issuer_;
    std::shared_ptr<order_issuer> issuer_;
    std::vector<std::shared_ptr<order_issuer>> former_issuers_;  // until they have answered what they were asked
    onboarding::registrar_settings settings_;
    std::unique_ptr<store::sqlite_registrar_store> store_;
    registrar_config config_;
    role_lists lists_;
    std::vector<std::unique_ptr<maker_link>> makers_;
    std::vector<std::unique_ptr<maker_link>> retired_;                            // until nothing needs them
    std::map<onboarding::device_identity, registry::release_request> releasing_;  // said to a MASA, unanswered
    std::shared_ptr<const authkem::server_context> kk2_context_;
    std::unique_ptr<net::authkem_listener> listener_;
    std::unique_ptr<net::announcement> announcement_;
    std::list<kk2> sessions_;
    std::unordered_map<const onboarding::registrar_session*, kk2_ref> by_session_;
    std::vector<kk2_ref> dirty_;
    store_turn<store::sqlite_registrar_store> turn_;
    std::map<uint64_t, kk2_ref> ordered_;  // sessions whose order was not answered yet
    uint64_t orders_ = 0;
    uint64_t published_revocations_ = 0;  // their generation
    unix_seconds publish_again_ = 0;
    order_issuer::list_of_its_own own_list_;
    std::set<onboarding::device_identity> waiting_;  // those of whom the log has told
    milliseconds publish_retry_ = 0;                 // not before, after a failure
    uint64_t decisions_ = 0;
    net::timer ticker_;
};

}  // namespace berth::app
