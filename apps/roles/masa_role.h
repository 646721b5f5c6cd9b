// The MASA: KK1 listener, optionally KK3 listener, over one store.
#pragma once

#include "net/authkem_listener.h"
#include "onboarding/masa/direct.h"
#include "onboarding/masa/link.h"
#include "roles/config.h"
#include "roles/lists.h"
#include "roles/step_log.h"
#include "roles/store_turn.h"
#include "store/sqlite/masa_store.h"

#include <list>

namespace berth::app {

class masa_role {
public:
    // Errors of files, keys and store; `listen_failed`.
    static result<std::unique_ptr<masa_role>> start(net::loop& on, const masa_config& config, const clock& time,
                                                    random_source& random, role_observer observer = {});
    ~masa_role();

    // Another configuration while this one serves: prepare() reads and tries everything that it names and changes nothing;
    // apply() cannot fail. Errors as start(), naming the file; `restart_needed`.
    struct prepared {
        masa_config config;
        onboarding::masa_settings settings;
        keystore::signing_key_ptr checkpoint_key;
        role_lists lists;
    };
    result<prepared> prepare(const masa_config& config);
    void apply(prepared ready);

    [[nodiscard]] uint16_t port() const { return kk1_listener_->port(); }
    [[nodiscard]] uint16_t direct_port() const { return direct_listener_ ? direct_listener_->port() : uint16_t{0}; }
    [[nodiscard]] size_t open_sessions() const;
    // Whether the store answers, and takes what it is given.
    [[nodiscard]] result<void> check();
    [[nodiscard]] size_t open_links() const { return links_.size(); }
    // The revocation lists that it goes by.
    [[nodiscard]] const role_lists& lists() const { return lists_; }

private:
    struct kk1 {
        net::authkem_stream stream;
        onboarding::masa_link link;
        onboarding::hash_field root{};  // key of the customer's root
        onboarding::hash_field leaf{};  // of the registrar
        bool ending = false;
        bool dirty = false;
    };
    struct kk3 {
        net::authkem_stream stream;
        onboarding::masa_direct direct;
        milliseconds opened_at = 0;
    };

    masa_role(net::loop& on, const clock& time, random_source& random, role_observer observer);
    // Everything of the files but the store and its key.
    static result<prepared> read(const masa_config& config);
    result<void> open(const masa_config& config);
    result<void> listen(const masa_config& config);
    result<std::shared_ptr<const authkem::server_context>>
    make_kk1_context(const std::vector<authkem::credential>& keys, const pki::trust_store& trust, pki::crl_policy lists) const;
    result<std::shared_ptr<const authkem::server_context>> kk1_context();
    void accept_kk1(net::authkem_stream stream);
    void close_surplus(const onboarding::hash_field& leaf);
    void accept_direct(net::authkem_stream stream);
    void touch(std::list<kk1>::iterator which);
    void end_turn(bool kept);
    void report(onboarding::masa_link& link);
    void tick();
    void checkpoint();
    void close_old_directs();

    net::loop& loop_;
    const clock& clock_;
    random_source& random_;
    role_observer observer_;
    masa_config config_;
    role_lists lists_;
    std::unique_ptr<store::sqlite_masa_store> store_;
    std::unique_ptr<onboarding::masa_service> service_;
    std::vector<authkem::credential> credentials_;
    std::shared_ptr<authkem::verified_leaf_cache> cache_;
    std::shared_ptr<const authkem::server_context> kk1_context_;
    uint64_t kk1_context_generation_ = 0;
    keystore::signing_key_ptr checkpoint_key_;
    std::unique_ptr<net::authkem_listener> kk1_listener_;
    std::unique_ptr<net::authkem_listener> direct_listener_;
    std::list<kk1> links_;
    std::list<kk3> directs_;
    std::vector<std::list<kk1>::iterator> dirty_;
    store_turn<store::sqlite_masa_store> turn_;
    net::timer ticker_;
    milliseconds last_checkpoint_ = 0;
};

}  // namespace berth::app
