#include "credentials/plan.h"

namespace berth::app {

std::string_view name_of(deed d) {
    switch (d) {
    case deed::wait: return "wait";
    case deed::prove: return "prove";
    case deed::renew: return "renew";
    case deed::enrol: return "enrol";
    }
    return "?";
}

bool may_onboard_anew(uint32_t rejections, std::span<const kept_credential> all, unix_seconds now) {
    return rejections >= refused_for_good && std::ranges::none_of(all, [now](const kept_credential& k) {
               const auto held = k.held();
               return std::ranges::any_of(held,
                                          [now](const auto& h) { return state_of(h, now) == est::credential_state::usable; });
           });
}

plan plan_for(const kept_credential& k, const kept_wish& wish, unix_seconds now) {
    const auto held = k.held();
    const auto good = [now](const est::held_credential& c) { return state_of(c, now) == est::credential_state::usable; };
    if (std::ranges::none_of(held, good)) {
        return {deed::enrol, now};
    }
    const auto& newest = k.certified.front();
    const bool unproved = wish.accept == kept_wish::acceptance::est && !newest.state.accepted;
    if (good(held.front()) && unproved && newest.state.tries < most_proofs) {
        return {deed::prove, now};
    }
    if (!good(held.front()) || unproved || now >= newest.state.renew_at) {
        return {deed::renew, now};
    }
    return {deed::wait, newest.state.renew_at};
}

const generation* shown_for(deed d, const kept_credential& k, const kept_wish& wish, unix_seconds now) {
    if (d == deed::enrol || !wish.authenticates() || k.certified.empty()) {
        return nullptr;
    }
    if (d == deed::prove) {
        return &k.certified.front();
    }
    const auto held = k.held();
    const auto chosen = est::choose(held, now, k.certified.front().state.tries);
    return chosen ? &k.certified[*chosen] : nullptr;
}

}  // namespace berth::app
