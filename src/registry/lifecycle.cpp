#include "registry/lifecycle.h"

#include "crypto/hash.h"

#include <algorithm>

namespace berth::registry {

namespace {

using enum life_phase;

constexpr std::array phases{
    std::pair(supply_chain, std::string_view("supply_chain")),    std::pair(manufacturing, std::string_view("manufacturing")),
    std::pair(enrolment, std::string_view("enrolment")),          std::pair(provisioning, std::string_view("provisioning")),
    std::pair(operational, std::string_view("operational")),      std::pair(reassignment, std::string_view("reassignment")),
    std::pair(decommissioned, std::string_view("decommissioned"))};

constexpr std::array steps{std::pair(life_step::made, std::string_view("made")),
                           std::pair(life_step::certified, std::string_view("certified")),
                           std::pair(life_step::asked, std::string_view("asked")),
                           std::pair(life_step::onboarded, std::string_view("onboarded")),
                           std::pair(life_step::operational, std::string_view("operational")),
                           std::pair(life_step::reset, std::string_view("reset")),
                           std::pair(life_step::ending, std::string_view("ending")),
                           std::pair(life_step::decommissioned, std::string_view("decommissioned")),
                           std::pair(life_step::recommissioned, std::string_view("recommissioned"))};

constexpr life_transition table[] = {
    {supply_chain, life_step::made, manufacturing},

    {manufacturing, life_step::certified, enrolment},
    {manufacturing, life_step::asked, enrolment},
    {manufacturing, life_step::onboarded, provisioning},

    {enrolment, life_step::certified, enrolment},
    {enrolment, life_step::asked, enrolment},
    {enrolment, life_step::onboarded, provisioning},
    {enrolment, life_step::reset, reassignment},
    {enrolment, life_step::ending, decommissioned},

    {provisioning, life_step::certified, provisioning},
    {provisioning, life_step::operational, operational},
    {provisioning, life_step::reset, reassignment},
    {provisioning, life_step::ending, decommissioned},

    {operational, life_step::certified, operational},
    {operational, life_step::reset, reassignment},
    {operational, life_step::ending, decommissioned},

    {reassignment, life_step::certified, enrolment},
    {reassignment, life_step::asked, enrolment},
    {reassignment, life_step::onboarded, provisioning},
    {reassignment, life_step::ending, decommissioned},

    {decommissioned, life_step::ending, decommissioned},  // one that was interrupted goes on
    {decommissioned, life_step::decommissioned, decommissioned},
    {decommissioned, life_step::recommissioned, reassignment},
};

std::string_view advice(life_phase from, life_step step) {
    switch (from) {
    case supply_chain: return "it has no birth certificates yet: berth factory make, or the line's answer, comes first";
    case manufacturing:
        return step == life_step::ending ? "nothing of any customer's is on it; what its maker wants to end is ended at the MASA "
                                           "(berth ownership revoke)"
                                         : "no customer has certified it yet: berth device onboard comes first";
    case enrolment: return "it is not onboarded yet: berth device onboard comes first";
    case provisioning:
    case operational: return "it is onboarded already: berth device reset comes first, if it is to be another's";
    case reassignment: return "nobody's certificates are on it: berth device onboard comes first";
    case decommissioned:
        return step == life_step::recommissioned
                   ? ""
                   : "its life with its owner has ended: berth device lifecycle recommission takes it back, if it is to have "
                     "another one";
    }
    return "";
}

void put(bytes& out, uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<uint8_t>(value >> shift));
    }
}

void put(bytes& out, std::string_view text) {
    out.push_back(static_cast<uint8_t>(text.size() >> 8));
    out.push_back(static_cast<uint8_t>(text.size()));
    append(out, as_bytes(text));
}

tl::unexpected<error> altered(uint64_t number, const std::string& what) {
    return fail(error{error_category::environment,
                      "history_altered",
                      fmt::format("entry {} of the history {}: what stands from there on is not what was written", number, what),
                      {{"number", std::to_string(number)}}});
}

}  // namespace

std::string_view to_string(life_phase p) noexcept {
    return phases[static_cast<size_t>(p)].second;
}

std::string_view to_string(life_step s) noexcept {
    return steps[static_cast<size_t>(s)].second;
}

std::optional<life_step> life_step_from(std::string_view text) noexcept {
    const auto* const found = std::ranges::find(steps, text, [](const auto& s) { return s.second; });
    return found == steps.end() ? std::nullopt : std::optional(found->first);
}

std::span<const life_transition> life_transitions() noexcept {
    return table;
}

std::string life_transitions_as_markdown() {
    std::string out = "| phase | step | next phase |\n|---|---|---|\n";
    for (const auto& t : table) {
        out += fmt::format("| {} | {} | {} |\n", to_string(t.from), to_string(t.step), to_string(t.to));
    }
    return out;
}

result<life_phase> phase_after(life_phase from, life_step s) {
    const auto* const found = std::ranges::find_if(table, [&](const auto& t) { return t.from == from && t.step == s; });
    if (found != std::end(table)) {
        return found->to;
    }
    return fail(error{error_category::usage,
                      "wrong_phase",
                      fmt::format("the device is in the phase {}, from which no step \"{}\" leads: {}", to_string(from),
                                  to_string(s), advice(from, s)),
                      {{"phase", std::string(to_string(from))}, {"step", std::string(to_string(s))}}});
}

life_hash hash_of(const life_entry& e, const life_hash& previous) {
    bytes canonical;
    put(canonical, e.number);
    put(canonical, static_cast<uint64_t>(e.at));
    put(canonical, to_string(e.step));
    put(canonical, e.about);
    put(canonical, e.id);
    crypto::hasher h(crypto::hash_algorithm::sha256);
    h.update(as_bytes("berth life 1")).update(previous).update(canonical);
    return to_array<32>(h.finish().view());
}

result<void> check_history(std::span<const life_entry> entries) {
    life_hash previous{};
    uint64_t number = 0;
    for (const auto& e : entries) {
        if (e.number != ++number) {
            return altered(number, "is missing");
        }
        if (hash_of(e, previous) != e.hash) {
            return altered(number, "does not give its hash");
        }
        previous = e.hash;
    }
    return {};
}

life_phase phase_of(std::span<const life_entry> entries) {
    life_phase out = supply_chain;
    for (const auto& e : entries) {
        out = phase_after(out, e.step).value_or(out);
    }
    return out;
}

}  // namespace berth::registry
