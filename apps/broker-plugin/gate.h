// The gate of a hub's broker: who comes in, what he may do there, and when he must go. Knows nothing of Mosquitto or TLS.
//
// It reads the registry's file on this machine and nothing else: no call waits for another process. Sessions are named by a
// handle of the broker's, since two with one client id stand for a moment while the second takes over.
#pragma once

#include "hub/login/kept_login.h"
#include "hub/policy/policy.h"
#include "store/sqlite/certificate_statuses.h"
#include "store/sqlite/connection_store.h"
#include "store/sqlite/hub_store.h"

#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

namespace berth::app {

class hub_gate {
public:
    using handle = const void*;

    // Errors of the store; of trust.
    static result<std::unique_ptr<hub_gate>> open(const std::filesystem::path& hub_db, hub::name_rule names, const clock& time);

    // In a handshake.
    [[nodiscard]] hub::judged_chain judge(std::span<const pki::certificate> leaf_first) const;
    // Whether the handshake is worth going on with: a CA vouches for it, or somebody logs in by this very certificate.
    [[nodiscard]] bool may_knock(const hub::judged_chain& chain) const;
    // At CONNECT; `words`: what he says who logs in by key. Who is let in has a session until left(). `chain.sent` goes: TLS
    // keeps the chain for as long as the session lasts, and nobody needs that part of it again. `standing`: the broker asks
    // again, of its own accord, about a session that it has; that is not ended because an OCSP responder is silent, and is no
    // arrival.
    hub::login_answer login(handle session, std::string_view client_id, hub::judged_chain& chain,
                            std::optional<hub::judged_words> words = std::nullopt, bool standing = false);
    // It may still publish what it left to be said then, its Will, until the next look_again().
    void left(handle session);
    [[nodiscard]] bool has_left(handle session) const;
    // Let in, and not gone since.
    [[nodiscard]] bool is_here(handle session) const;

    // Who has this session; nothing: nobody is let in there, or he has gone.
    [[nodiscard]] std::optional<registry::identity_name> who(handle session) const;

    // By its group's policy. Not allowed: also where there is no session.
    [[nodiscard]] hub::permission may(handle session, hub::direction d, std::string_view topic) const;
    // What a broker is asked most: whether this is the session's own telemetry, and its group's policy leaves that open. False:
    // may() says.
    [[nodiscard]] bool may_tell(handle session, std::string_view topic) const;

    struct cut {
        handle session;
        std::string client_id;
        hub::login_refusal reason;
        std::string why;
    };
    // Whom the changes since the last call shut out, and whose certificates or tokens have ended meanwhile. Cheap when nothing
    // has changed: one look at the file's version. Each is told once; the broker ends the session and says left().
    std::vector<cut> look_again();

    // ---- for brokers that have their sessions to themselves, and ask at each step
    // As login(), and there is no session. `by_word`: of the chain nothing but its name is known, which somebody else has
    // verified.
    hub::login_answer judge_once(std::string_view client_id, const hub::judged_chain& chain,
                                 const std::optional<hub::judged_words>& words, bool by_word);
    // Whether he would still be let in by what he was let in by then. As of a session that stands, no OCSP responder has to
    // speak.
    hub::login_answer judge_kept(std::string_view client_id, const hub::kept_login& by);
    // As may(), of whoever is called so and may log in as far as the registry says: what he has shown is not known any more.
    [[nodiscard]] hub::permission may_by_name(std::string_view client_id, hub::direction d, std::string_view topic);
    // Whether the policy of that group, "" for none, leaves one of its own doors open: of what is asked over HTTPS, and has no
    // topic.
    [[nodiscard]] bool opens(const std::string& group, registry::operation door) const {
        return policy_of(group).allowed.has(door);
    }

    // Who came in since the last call, for the registry's last activity: the caller writes it where no session waits.
    struct arrival {
        registry::identity_name name;
        std::array<uint8_t, 32> ca{};
        unix_seconds at = 0;
    };
    std::vector<arrival> take_arrivals() { return std::exchange(arrivals_, {}); }
    // Who came first, or left last, since the last call, as it is now: a second session of his changes nothing.
    using presence = store::sqlite_connection_store::presence;
    std::vector<presence> take_presences();
    [[nodiscard]] uint64_t devices_here() const { return devices_here_; }

    // Whose certificates berthd is to ask about by OCSP, likewise.
    using ocsp_wish = store::certificate_statuses::wish;
    std::vector<ocsp_wish> take_wishes() { return std::exchange(wishes_, {}); }
    // So often it is said of everybody that he is here still; of so many in one second, since each is written down.
    static constexpr unix_seconds wish_again = 6 * 3'600;
    static constexpr size_t wish_at_once = 1'000;

    [[nodiscard]] size_t sessions() const { return sessions_.size(); }  // those that have just left included
    [[nodiscard]] const hub::login_trust& trust() const { return *trust_; }

private:
    struct session {
        std::string client_id;
        registry::identity_name name;
        uint64_t generation = 0;
        std::string group;
        std::string events;  // what its telemetry's topics begin with, while it may send any; else empty
        hub::judged_chain chain;
        std::optional<hub::judged_words> words;
        bool by_key = false;
        unix_seconds until = 0;
        bool told = false;  // that it must go
        bool left = false;
    };
    hub_gate(std::unique_ptr<store::sqlite_hub_store> store, hub::name_rule names, const clock& time)
        : store_(std::move(store)), statuses_(*store_), names_(names), clock_(time) {}
    result<void> read_trust();
    // By the registry and the trust of now: the handshake was judged by those of its time.
    hub::login_answer decide(std::string_view client_id, const hub::judged_chain& chain,
                             const std::optional<hub::judged_words>& words, unix_seconds now, bool standing = false);
    // The same, of who is in by the registry alone: by the CA that vouched for him, and what it has revoked since.
    hub::login_answer judge_trust(hub::login_answer answer, const hub::judged_chain& chain, unix_seconds now, bool standing);
    // What OCSP has said of its certificates, where it is asked. `standing`: it was let in already, and only "revoked" counts.
    std::optional<hub::login_answer> judge_statuses(const hub::judged_chain& chain, unix_seconds now, bool standing);
    void wish(const hub::judged_chain& chain);
    void wish_of_who_is_here(unix_seconds now);
    // Those whose revocation was learnt since the last call.
    result<std::set<registry::certificate_id>> newly_revoked();
    result<void> read_policies();
    [[nodiscard]] bool may_log_in(const registry::identity& who);
    [[nodiscard]] const registry::group_policy& policy_of(const std::string& group) const;
    // By the policy of now: after each change of the session's group, or of policies.
    void open_telemetry(session& s) const;
    // Names of devices that something happened to, since the last call; nothing: it cannot be told of whom.
    result<std::optional<std::set<std::string>>> changed_devices();
    std::optional<cut> judge_again(handle at, session& s, unix_seconds now);
    void forget(handle at);
    void came(const registry::identity_name& name);
    void went(const registry::identity_name& name);
    void tell(std::vector<cut>& out, handle at, session& s, hub::login_refusal reason, std::string why);

    std::unique_ptr<store::sqlite_hub_store> store_;
    store::certificate_statuses statuses_;
    hub::name_rule names_;
    const clock& clock_;
    std::optional<hub::login_trust> trust_;
    std::set<std::array<uint8_t, 32>> anchors_;
    std::map<std::array<uint8_t, 32>, registry::ocsp_rule> ocsp_;  // by CAs' keys
    uint64_t endings_ = 0;                                         // that were seen of OCSP
    unix_seconds wished_ = 0, wished_some_ = 0;
    std::vector<handle> to_wish_;
    std::vector<ocsp_wish> wishes_;
    std::map<std::string, registry::group_policy> policies_;
    uint64_t trust_generation_ = 0, settings_generation_ = 0, policy_generation_ = 0, last_event_ = 0;
    int64_t version_ = 0;
    bool everybody_ = false;  // the last look came to no end: what it had read already is not seen as a change again
    std::unordered_map<handle, session> sessions_;
    std::set<std::pair<unix_seconds, handle>> ends_;
    std::vector<handle> left_;
    std::vector<arrival> arrivals_;
    std::map<registry::identity_name, size_t> here_;  // how many sessions each has that has not left
    std::map<registry::identity_name, unix_seconds> moved_;
    uint64_t devices_here_ = 0;
};

}  // namespace berth::app
