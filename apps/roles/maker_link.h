// The registrar's way to one device maker's MASA: keeps a KK1 open, replaces it in time, reconnects with back-off.
#pragma once

#include "net/authkem_stream.h"
#include "onboarding/registrar/link.h"
#include "roles/config.h"

#include <list>

namespace berth::app {

class maker_link {
public:
    struct settings {
        pki::certificate root;  // Z1
        net::address masa;
        std::string masa_host;
        authkem::credential identity;  // Z4
        std::vector<pki::crl> crls;    // of Z1's issuers, for the MASA's certificate
    };
    // `changed`: KK1 opened or was lost; the registrar then looks after all its sessions. `told`: these were told something.
    using told_handler = std::function<void(const std::set<onboarding::registrar_session*>&)>;
    static std::unique_ptr<maker_link> make(net::loop& on, settings s, std::shared_ptr<const authkem::client_context> context,
                                            onboarding::registrar_records& records, const clock& time, random_source& random,
                                            std::function<void()> changed, told_handler told);

    // Whether another KK1 is needed for these settings.
    [[nodiscard]] bool differs(const settings& s) const;
    // For make() and replace(); finds what is wrong in the settings.
    static result<std::shared_ptr<const authkem::client_context>> make_context(const settings& s);
    // "After 24 hours, or once Z4 has changed, it opens no further session and drains for ten minutes": so with other trust.
    void replace(settings s, std::shared_ptr<const authkem::client_context> context);
    // The maker is served no longer: what is open drains, nothing is opened again.
    void retire();
    [[nodiscard]] bool retired() const { return retired_; }
    [[nodiscard]] bool gone() const { return retired_ && connections_.empty(); }

    [[nodiscard]] const onboarding::hash_field& root_spki() const { return root_spki_; }
    // The open KK1 that takes new sessions; null while there is none.
    [[nodiscard]] onboarding::registrar_link* current();
    // Whether the last attempts to reach the MASA have failed.
    [[nodiscard]] bool unreachable() const { return failures_ > 0 && !connected(); }
    [[nodiscard]] bool connected() const;
    [[nodiscard]] size_t open_connections() const;
    // Detaches from whichever KK1 has it.
    void detach(onboarding::registrar_session& session);
    // Whether a KK1, also a draining one, has it.
    [[nodiscard]] bool has(const onboarding::registrar_session& session) const;
    // Answers to releases that came, or will not come, since the last call.
    [[nodiscard]] std::vector<onboarding::registrar_link::release_answer> take_release_answers();
    // Sends what the links have to say. At the end of a turn, after the commit.
    void flush();
    // What was stored in this turn was not kept: a KK1 that would say something of it is given up, and made anew.
    void not_stored();
    // Begins to connect if nothing is open.
    void wake();

private:
    struct kk1 {
        net::authkem_stream stream;
        std::unique_ptr<onboarding::registrar_link> link;
        milliseconds opened_at = 0;
        milliseconds drain_since = 0;  // 0: takes new sessions
        bool open = false;
    };
    maker_link(net::loop& on, settings s, onboarding::registrar_records& records, const clock& time, random_source& random,
               std::function<void()> changed, told_handler told);
    void connect();
    void lost(std::list<kk1>::iterator which, const error* why);
    void keep_up();
    void drain();
    void say(kk1& c);

    net::loop& loop_;
    settings settings_;
    onboarding::hash_field root_spki_;
    onboarding::registrar_records& records_;
    const clock& clock_;
    random_source& random_;
    std::function<void()> changed_;
    told_handler told_;
    std::shared_ptr<const authkem::client_context> context_;
    std::list<kk1> connections_;
    net::timer retry_;
    net::timer upkeep_;
    unsigned failures_ = 0;
    bool waiting_ = false;
    bool retired_ = false;
    std::vector<onboarding::registrar_link::release_answer> released_;
};

}  // namespace berth::app
