#include "hub_server/login_desk.h"

#include "base/log.h"

namespace berth::app {

result<std::unique_ptr<login_desk>> login_desk::open(hub_desk& desk, const std::filesystem::path& hub_db, hub::name_rule names) {
    BERTH_TRY(gate, hub_gate::open(hub_db, names, desk.time()));
    return std::unique_ptr<login_desk>(new login_desk(desk, std::move(gate)));
}

hub::login_answer login_desk::judge(std::string_view claimed, const hub::judged_chain& chain,
                                    const std::optional<hub::judged_words>& words, bool by_word) {
    auto out = gate_->judge_once(claimed, chain, words, by_word);
    note_wishes(desk_.time().now());
    return out;
}

void login_desk::note_wishes(unix_seconds now) {
    const auto wishes = gate_->take_wishes();
    if (wishes.empty() || !desk_.begin()) {
        return;
    }
    store::certificate_statuses statuses(desk_.registry());
    for (const auto& one : wishes) {
        if (const auto noted = statuses.want(one, now); !noted) {
            return log::failure("ocsp_not_noted", noted.error(), {{"party", "hub"}});
        }
    }
}

void login_desk::note(const registry::identity& who, const std::optional<std::array<uint8_t, 32>>& ca) {
    const unix_seconds now = desk_.time().now();
    if (desk_.begin()) {
        if (const auto noted = desk_.registry().note_login(who.name, ca.value_or(std::array<uint8_t, 32>{}), now); !noted) {
            log::failure("logins_not_noted", noted.error(), {{"party", "hub"}});
        }
    }
}

hub::judged_chain no_chain(std::string why) {
    hub::judged_chain out;
    out.refusal = hub::login_refusal::no_certificate;
    out.why = std::move(why);
    return out;
}

}  // namespace berth::app
