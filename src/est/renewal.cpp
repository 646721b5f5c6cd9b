#include "est/renewal.h"

#include <charconv>

namespace berth::est {

namespace {

// 0 to `most`, each as likely; the bias of a remainder of 64 bits is of no matter for times.
int64_t draw(int64_t most, random_source& random) {
    return most <= 0 ? 0 : static_cast<int64_t>(random.number() % (static_cast<uint64_t>(most) + 1));
}

unix_seconds length_of(const lifetime& of) {
    return std::max<unix_seconds>(0, of.not_after - of.not_before);
}

}  // namespace

unix_seconds portion::of(unix_seconds length) const {
    if (in == unit::seconds) {
        return std::min<unix_seconds>(value, length);
    }
    // In two steps: a lifetime up to the year 9999 times 100 still fits, but this says so without proof.
    return length / 100 * value + length % 100 * value / 100;
}

result<portion> parse_portion(std::string_view text) {
    const auto bad = [text] {
        return fail(error{error_category::usage, "bad_portion",
                          "\"" + std::string(text) +
                              "\" is neither a percentage (\"80%\") nor a time (\"30day\", \"12hour\", "
                              "\"90min\", \"45s\")."}
                        .with("value", std::string(text)));
    };
    uint32_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    if (problem != std::errc{} || value == 0) {
        return bad();
    }
    if (unit == "%") {
        return value < 100 ? result<portion>(portion{portion::unit::percent, value}) : bad();
    }
    static constexpr std::array<std::pair<std::string_view, uint32_t>, 4> units{
        {{"day", 86'400}, {"hour", 3'600}, {"min", 60}, {"s", 1}}};
    const auto found = std::ranges::find(units, unit, &std::pair<std::string_view, uint32_t>::first);
    if (found == units.end() || value > UINT32_MAX / found->second) {
        return bad();
    }
    return portion{portion::unit::seconds, value * found->second};
}

unix_seconds renew_at(const lifetime& of, const renewal_policy& policy, random_source& random) {
    const unix_seconds length = length_of(of);
    const unix_seconds amount = policy.threshold.of(length);
    const unix_seconds passed = policy.threshold.in == portion::unit::percent ? amount : length - amount;
    const unix_seconds left = length - passed;
    const portion spread{portion::unit::percent, std::min<uint32_t>(policy.spread_percent, 100)};
    return of.not_before + passed + draw(spread.of(left), random);
}

milliseconds retry_in(uint32_t failures, unix_seconds left, const renewal_policy& policy, std::optional<uint32_t> retry_after,
                      random_source& random) {
    milliseconds range = std::max<milliseconds>(policy.first_retry, 1'000);
    for (uint32_t i = 1; i < failures && range < policy.most_retry; ++i) {
        range *= 2;
    }
    range = std::min(range, std::max<milliseconds>(policy.most_retry, 1'000));
    if (left > 0) {
        range = std::min<milliseconds>(range, std::max<milliseconds>(left / 8 * 1'000, 1'000));
    }
    milliseconds least = static_cast<milliseconds>(retry_after.value_or(0)) * 1'000;
    if (left > 0) {
        least = std::min<milliseconds>(least, left / 2 * 1'000);
    }
    return std::max<milliseconds>(1'000, least + draw(range, random));
}

credential_state state_of(const held_credential& c, unix_seconds now) {
    if (c.revoked) {
        return credential_state::revoked;
    }
    if (now < c.valid.not_before) {
        return credential_state::too_early;
    }
    return now > c.valid.not_after ? credential_state::expired : credential_state::usable;
}

std::optional<size_t> choose(std::span<const held_credential> all, unix_seconds now, uint32_t tries_of_new) {
    constexpr uint32_t most_tries = 3;
    std::optional<size_t> newest;
    std::optional<size_t> accepted;
    for (size_t i = 0; i < all.size(); ++i) {
        if (state_of(all[i], now) != credential_state::usable) {
            continue;
        }
        newest = newest ? newest : i;
        accepted = accepted || !all[i].accepted ? accepted : std::optional(i);
    }
    return !accepted || tries_of_new < most_tries ? newest : accepted;
}

bool may_discard(std::span<const held_credential> all, size_t index, unix_seconds now) {
    // Newest first: a successor is before it.
    return std::ranges::any_of(all.first(index), [now](const held_credential& newer) {
        return newer.accepted && state_of(newer, now) == credential_state::usable;
    });
}

}  // namespace berth::est
