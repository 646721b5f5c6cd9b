#include "onboarding/registrar/integrity.h"

#include "attestation/iak.h"
#include "attestation/verify.h"
#include "onboarding/errors.h"
#include "onboarding/messages/quote.h"
#include "pki/verify.h"

#include <algorithm>
#include <set>

namespace berth::onboarding {

namespace {

constexpr uint8_t registers_of_a_tpm = 24;

// For the registrar's own log: without what the device is told, that the log has more of it.
error because(std::string cause, std::string_view found) {
    return error{category_of("attestation_refused"), "attestation_refused", std::string(found)}.with("cause", std::move(cause));
}
tl::unexpected<error> refused(std::string cause, std::string_view found) {
    return fail(because(std::move(cause), found));
}
tl::unexpected<error> refused(const error& below) {
    return refused(below.name, below.message);
}

// Whose word the quote is: a genuine IAK of the device on KK2, of the same maker, and not revoked.
result<attestation::attestation_key> judge_iak(const integrity_policy& policy, const quoting_device& device,
                                               const chain_field& sent, unix_seconds now) {
    std::vector<pki::certificate> chain;
    for (const der_field& der : sent) {
        auto parsed = pki::certificate::parse(der.view());
        if (!parsed) {
            return refused(parsed.error());
        }
        chain.push_back(std::move(*parsed));
    }
    const auto maker = policy.makers.find(device.identity.device_root_spki);
    if (maker == policy.makers.end()) {
        return refused("unknown_issuer", "no root of the device's maker is known");
    }
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = pki::leaf_rule::signature;
    options.revocation = policy.lists;
    const auto verified = pki::verify_chain(maker->second, chain, options);
    if (!verified) {
        return refused(verified.error());
    }
    auto key = attestation::attestation_key::vouched_for(*verified);
    if (!key) {
        return refused(key.error());
    }
    // Both were issued together: same serial, and the same TPM by the name of its endorsement certificate.
    const pki::certificate& iak = verified->leaf();
    if (iak.device_serial().value_or("") != device.identity.serial ||
        iak.hardware_module_name() != device.z3.hardware_module_name()) {
        return refused("quote_other_device",
                       fmt::format("the quote is of the TPM of another device ({})", iak.device_serial().value_or("")));
    }
    return std::move(*key);
}

// What the TPM says that its registers hold, now.
result<attestation::pcr_values> quoted_values(const platform_quote& quote, const attestation::attestation_key& iak,
                                              bytes_view qualifying_data) {
    attestation::pcr_selection selection;
    attestation::pcr_values values;
    for (const quoted_register& r : quote.registers) {
        if (r.number >= registers_of_a_tpm || (!selection.registers.empty() && selection.registers.back() >= r.number)) {
            return refused("quote_malformed",
                           "the quote's registers are not in ascending order, or there are none of such numbers");
        }
        selection.registers.push_back(r.number);
        values[r.number] = to_bytes(r.value);
    }
    const attestation::signed_attest statement{quote.attest.value, quote.signature.value};
    const auto verified = attestation::verify_quote(statement, iak, qualifying_data, selection, values);
    if (!verified && verified.error().is("pcr_mismatch")) {
        return refused("quote_values_mismatch", "the values that came with the quote are not those that the TPM has signed");
    }
    if (!verified) {
        return refused(verified.error());
    }
    return verified->values();
}

result<void> judge_values(const integrity_rule& rule, const attestation::pcr_values& values) {
    std::vector<unsigned> missing, wrong;
    std::vector<std::string> quoted;  // as [[registrar.integrity]] writes it
    for (const auto& [number, allowed] : rule.registers) {
        const auto found = values.find(number);
        if (found == values.end()) {
            missing.push_back(number);
        } else if (std::ranges::none_of(allowed, [&](const auto& one) { return same_octets(one, found->second); })) {
            wrong.push_back(number);
            quoted.push_back(fmt::format("{} = \"{}\"", number, to_hex(found->second)));
        }
    }
    if (!missing.empty()) {
        const std::string which = fmt::format("{}", fmt::join(missing, ", "));
        return fail(because("pcr_value_missing",
                            fmt::format("the policy asks for platform registers that the device has not quoted: {}", which))
                        .with("registers", which));
    }
    if (!wrong.empty()) {
        const std::string which = fmt::format("{}", fmt::join(wrong, ", "));
        const std::string found_values = fmt::format("{}", fmt::join(quoted, ", "));
        return fail(
            because("pcr_mismatch", fmt::format("the device did not start as the policy asks: it does not allow the values "
                                                "of platform registers {}, which are {}",
                                                which, found_values))
                .with("registers", which)
                .with("quoted", found_values));
    }
    return {};
}

}  // namespace

bool integrity_policy::demands(std::string_view model) const {
    return std::ranges::any_of(rules, [model](const auto& r) { return r.model.empty() || r.model == model; });
}

result<void> judge_quote(const integrity_policy& policy, const quoting_device& device, bytes_view octets,
                         bytes_view qualifying_data, unix_seconds now) {
    if (octets.empty()) {
        return refused(
            "quote_missing",
            "the device has sent no quote of its platform registers: it has no TPM, or its device.toml has no [quote]");
    }
    const auto quote = wire::decode<platform_quote>(octets);
    if (!quote) {
        return refused("quote_malformed", quote.error().message);
    }
    BERTH_TRY(iak, judge_iak(policy, device, quote->iak, now));
    BERTH_TRY(values, quoted_values(*quote, iak, qualifying_data));
    std::set<std::string_view> for_whom;
    if (!device.model.empty()) {
        for_whom.insert(device.model);
    }
    for_whom.insert("");
    for (const std::string_view whom : for_whom) {
        std::optional<error> unmet;
        bool met = false;
        for (const integrity_rule& rule : policy.rules) {
            if (rule.model == whom && !met) {
                const auto judged = judge_values(rule, values);
                met = judged.has_value();
                if (!met && !unmet) {
                    unmet = judged.error();
                }
            }
        }
        if (unmet && !met) {
            return fail(std::move(*unmet));
        }
    }
    return {};
}

}  // namespace berth::onboarding
