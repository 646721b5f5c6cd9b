// Logins that berthd judges itself, at each request: of devices at its own listener, and of those that a foreign broker asks
// about. They are judged as the plugin judges at a broker of the hub's own, by the same gate; what the registry is to remember of
// them is noted here.
#pragma once

#include "gate.h"
#include "hub_server/hub_desk.h"

namespace berth::app {

class login_desk {
public:
    // `desk` outlives it. Errors of hub_gate::open.
    static result<std::unique_ptr<login_desk>> open(hub_desk& desk, const std::filesystem::path& hub_db, hub::name_rule names);

    // Before a request is judged: what has changed in the registry counts for it.
    void look_again() { (void)gate_->look_again(); }
    [[nodiscard]] hub_gate& gate() { return *gate_; }
    // As hub_gate::judge_once(). Whose certificates are to be asked about by OCSP is noted.
    hub::login_answer judge(std::string_view claimed, const hub::judged_chain& chain,
                            const std::optional<hub::judged_words>& words, bool by_word = false);
    // As hub_gate::judge_kept(), by what the registry says now.
    hub::login_answer judge_kept(std::string_view claimed, const hub::kept_login& by) {
        look_again();
        return gate_->judge_kept(claimed, by);
    }
    // The registry's last activity, of somebody who was let in. It fails into the log: nobody is turned away for it.
    void note(const registry::identity& who, const std::optional<std::array<uint8_t, 32>>& ca);

private:
    login_desk(hub_desk& desk, std::unique_ptr<hub_gate> gate) : desk_(desk), gate_(std::move(gate)) {}
    void note_wishes(unix_seconds now);

    hub_desk& desk_;
    std::unique_ptr<hub_gate> gate_;
};

// Of a peer without a certificate.
hub::judged_chain no_chain(std::string why);

}  // namespace berth::app
