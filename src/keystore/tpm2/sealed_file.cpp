#include "keystore/tpm2/sealed_file.h"

#include "wire/pem.h"

namespace berth::keystore::tpm2 {

namespace {

constexpr std::string_view seed_label = "BERTH TPM2 SEALED SEED";
constexpr std::string_view condition_label = "BERTH TPM2 UNSEAL CONDITION";

enum class condition_kind : uint8_t { always = 0, registers = 1, approval = 2 };

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

error malformed(std::string_view why) {
    return {error_category::usage, "tpm_structure_malformed",
            "The file of a sealed seed is not valid: " + std::string(why) + "."};
}

result<bytes> encode_condition(const seal_condition& condition) {
    condition_octets out;
    const attestation::pcr_selection* selection = std::get_if<attestation::pcr_selection>(&condition);
    out.kind = selection != nullptr ? condition_kind::registers : condition_kind::always;
    if (const auto* approval = std::get_if<attestation::policy_approval>(&condition)) {
        out.kind = condition_kind::approval;
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
    return wire::encode(out);
}

result<seal_condition> decode_condition(bytes_view octets) {
    BERTH_TRY(in, wire::decode<condition_octets>(octets));
    const attestation::pcr_selection selection{static_cast<attestation::tpm_alg>(in.bank), in.registers.value};
    switch (in.kind) {
    case condition_kind::always: return always{};
    case condition_kind::registers: return selection;
    case condition_kind::approval: break;
    default: return fail(malformed("its condition is of a kind that this version of Berth does not know"));
    }
    BERTH_TRY(authority, attestation::public_area::parse(in.authority.view()));
    return attestation::policy_approval{std::move(authority), selection, in.approved.value, in.policy_ref.value,
                                        in.signature.value};
}

}  // namespace

std::string sealed_file::to_pem() const {
    // The bounds hold for whatever a TPM or approve_pcrs() made; a condition that breaks them is our own mistake.
    const auto octets = encode_condition(condition);
    return wire::to_pem(seed_label, seed.encode()) + wire::to_pem(condition_label, octets ? *octets : bytes{});
}

result<sealed_file> sealed_file::from_pem(std::string_view text) {
    BERTH_TRY(blocks, wire::from_pem(text));
    if (blocks.size() != 2 || blocks[0].label != seed_label || blocks[1].label != condition_label) {
        return fail(malformed("it has not exactly the blocks \"" + std::string(seed_label) + "\" and \"" +
                              std::string(condition_label) + "\""));
    }
    BERTH_TRY(seed, sealed_secret::decode(blocks[0].der.reveal()));
    BERTH_TRY(condition, decode_condition(blocks[1].der.reveal()));
    return sealed_file{std::move(seed), std::move(condition)};
}

}  // namespace berth::keystore::tpm2
