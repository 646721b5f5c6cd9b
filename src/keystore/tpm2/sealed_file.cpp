#include "keystore/tpm2/sealed_file.h"

#include "wire/pem.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::keystore::tpm2 {

namespace {

constexpr std::string_view seed_label = "BERTH TPM2 SEALED SEED";
constexpr std::string_view condition_label = "BERTH TPM2 UNSEAL CONDITION";

// `approval` is followed by an approval_octets; an earlier version wrote none.
enum class condition_kind : uint8_t { always = 0, registers = 1, approval_alone = 2, approval = 3 };

struct condition_octets {
    condition_kind kind = condition_kind::always;
    uint16_t bank = 0;
    wire::opaque<0, 24> registers;
    wire::opaque<0, 512> authority;
    wire::opaque<0, 64> approved;
    wire::opaque<0, 64> policy_ref;
    wire::opaque<0, 512> signature;
    BERTH_FIELDS(kind, bank, registers, authority, approved, policy_ref, signature)
};
struct approval_octets {
    condition_octets of;
    wire::opaque<1, 64> registers_digest;
    BERTH_FIELDS(of, registers_digest)
};

error malformed(std::string_view why) {
    return {error_category::usage, "tpm_structure_malformed",
            "The file of a sealed seed is not valid: " + std::string(why) + "."};
}

result<bytes> encode_condition(const seal_condition& condition) {
    condition_octets out;
    const attestation::pcr_selection* selection = std::get_if<attestation::pcr_selection>(&condition);
    out.kind = selection != nullptr ? condition_kind::registers : condition_kind::always;
    if (const auto* approval = std::get_if<attestation::policy_approval>(&condition)) {
        out.kind = approval->registers_digest.empty() ? condition_kind::approval_alone : condition_kind::approval;
        out.authority = approval->authority.encode();
        out.approved = approval->approved;
        out.policy_ref = approval->policy_ref;
        out.signature = approval->signature;
        selection = &approval->selection;
    }
    if (selection != nullptr) {
        out.bank = static_cast<uint16_t>(selection->bank);
        out.registers = selection->registers;
    }
    if (out.kind != condition_kind::approval) {
        return wire::encode(out);
    }
    approval_octets all{std::move(out), {}};
    all.registers_digest = std::get<attestation::policy_approval>(condition).registers_digest;
    return wire::encode(all);
}

result<seal_condition> decode_condition(bytes_view octets) {
    const bool whole_approval = !octets.empty() && octets.front() == static_cast<uint8_t>(condition_kind::approval);
    approval_octets all;
    if (whole_approval) {
        BERTH_TRY(read, wire::decode<approval_octets>(octets));
        all = std::move(read);
    } else {
        BERTH_TRY(read, wire::decode<condition_octets>(octets));
        all.of = std::move(read);
    }
    const condition_octets& in = all.of;
    const attestation::pcr_selection selection{static_cast<attestation::tpm_alg>(in.bank), in.registers.value};
    switch (in.kind) {
    case condition_kind::always: return always{};
    case condition_kind::registers: return selection;
    case condition_kind::approval_alone:
    case condition_kind::approval: break;
    default: return fail(malformed("its condition is of a kind that this version of Berth does not know"));
    }
    BERTH_TRY(authority, attestation::public_area::parse(in.authority.view()));
    return attestation::policy_approval{std::move(authority), selection,           all.registers_digest.value,
                                        in.approved.value,    in.policy_ref.value, in.signature.value};
}

}  // namespace

std::string sealed_file::to_pem() const {
    // The bounds hold for whatever a TPM or approve_pcrs() made; a condition that breaks them is our own mistake.
    const auto block = [](const seal_condition& c) {
        const auto octets = encode_condition(c);
        return wire::to_pem(condition_label, octets ? *octets : bytes{});
    };
    std::string out = wire::to_pem(seed_label, seed.encode()) + block(condition);
    for (const auto& approval : further) {
        out += block(approval);
    }
    return out;
}

result<sealed_file> sealed_file::from_pem(std::string_view text) {
    BERTH_TRY(blocks, wire::from_pem(text));
    const bool labelled = !blocks.empty() && blocks[0].label == seed_label &&
                          std::all_of(blocks.begin() + 1, blocks.end(), [](const auto& b) { return b.label == condition_label; });
    if (!labelled || blocks.size() < 2 || blocks.size() > 1 + most_states) {
        return fail(malformed(fmt::format("it has not one block \"{}\" and behind it \"{}\", one to {}", seed_label,
                                          condition_label, most_states)));
    }
    BERTH_TRY(seed, sealed_secret::decode(blocks[0].der.reveal()));
    BERTH_TRY(condition, decode_condition(blocks[1].der.reveal()));
    sealed_file out{std::move(seed), std::move(condition)};
    for (size_t i = 2; i < blocks.size(); ++i) {
        BERTH_TRY(another, decode_condition(blocks[i].der.reveal()));
        auto* const approval = std::get_if<attestation::policy_approval>(&another);
        if (approval == nullptr) {
            return fail(malformed("a further condition is no approval"));
        }
        out.further.push_back(std::move(*approval));
    }
    return out;
}

result<void> sealed_file::admit(attestation::policy_approval approval) {
    auto* const first = std::get_if<attestation::policy_approval>(&condition);
    if (first == nullptr) {
        return fail(error_category::usage, "not_by_approval",
                    "No approval unseals this seed: it was sealed without one (factory make --seal-approval).");
    }
    BERTH_CHECK(attestation::check_approval(approval));
    if (!same_octets(approval.authority.name(), first->authority.name()) || approval.policy_ref != first->policy_ref) {
        return fail(error_category::usage, "approval_foreign",
                    "The seed was sealed for approvals by another key or for another purpose than this one.");
    }
    const auto known = [&approval](const attestation::policy_approval& a) {
        return a.approved == approval.approved && a.selection == approval.selection;
    };
    if (known(*first)) {
        return {};
    }
    std::erase_if(further, known);
    further.insert(further.begin(), std::move(approval));
    if (further.size() == most_states) {
        // The one that it was sealed with is the oldest of all.
        *first = std::move(further.back());
        further.pop_back();
    }
    return {};
}

std::string approval_to_pem(const attestation::policy_approval& approval) {
    const auto octets = encode_condition(approval);
    return wire::to_pem(condition_label, octets ? *octets : bytes{});
}

result<attestation::policy_approval> approval_from_pem(std::string_view text) {
    const auto none = [](const std::string& why) {
        return fail(error_category::usage, "approval_invalid",
                    "This is no approval of a boot state, as berth key approve writes it: " + why);
    };
    const auto blocks = wire::from_pem(text);
    if (!blocks) {
        return none(blocks.error().message);
    }
    if (blocks->size() != 1 || blocks->front().label != condition_label) {
        return none("that is one block \"" + std::string(condition_label) + "\".");
    }
    auto condition = decode_condition(blocks->front().der.reveal());
    auto* const approval = condition ? std::get_if<attestation::policy_approval>(&*condition) : nullptr;
    if (approval == nullptr) {
        return none(condition ? "it is a condition, which nobody has approved." : condition.error().message);
    }
    return std::move(*approval);
}

result<secret_bytes> unseal(const device_ptr& in, const sealed_file& what) {
    auto seed = unseal(in, what.seed, what.condition);
    for (auto it = what.further.begin(); !seed && seed.error().is("tpm_policy_failed") && it != what.further.end(); ++it) {
        seed = unseal(in, what.seed, *it);
    }
    return seed;
}

}  // namespace berth::keystore::tpm2
