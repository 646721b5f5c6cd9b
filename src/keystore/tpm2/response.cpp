#include "keystore/tpm2/response.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

namespace berth::keystore::tpm2 {

namespace {

struct meaning {
    uint32_t code;  // format 0: as it is; format 1: without what it is about
    std::string_view tpm;
    std::string_view name;
    std::string_view sentence;
};

constexpr std::string_view no_slots =
    "The TPM has no room for another object or session. Use a resource manager (device:/dev/tpmrm0), or flush what another "
    "program left there (tpm2_flushcontext -t -l -s).";
constexpr std::string_view busy = "The TPM asks for a pause. Try again.";
constexpr std::string_view not_there = "There is nothing at this handle of the TPM.";
constexpr std::string_view wrong_auth =
    "The TPM refused an authorization value. Give the right one for the hierarchy or the key; further wrong ones lock it.";
constexpr std::string_view other_tpm =
    "What was given to the TPM is not its own: it was protected by another TPM or for another one, or was changed.";
constexpr std::string_view lacks = "The TPM does not have what this needs.";
constexpr std::string_view not_working =
    "The TPM is not in working order. Restart the machine; if that does not help, its firmware reports a failed self-test.";

constexpr std::array table{
    meaning{0x100, "TPM_RC_INITIALIZE", "tpm_failed", not_working},
    meaning{0x101, "TPM_RC_FAILURE", "tpm_failed", not_working},
    meaning{0x121, "TPM_RC_PCR_CHANGED", "tpm_policy_failed",
            "The TPM's platform registers changed while its policy was being satisfied. Try again."},
    meaning{0x124, "TPM_RC_AUTH_TYPE", "tpm_refused", "The TPM wants another kind of authorization for this."},
    meaning{0x12f, "TPM_RC_AUTH_UNAVAILABLE", "tpm_refused", "The TPM wants another kind of authorization for this."},
    meaning{0x143, "TPM_RC_COMMAND_CODE", "tpm_unsupported", lacks},
    meaning{0x148, "TPM_RC_NV_LOCKED", "nv_locked",
            "The NV index is locked: what is in it can be read but not replaced. Only the platform's owner can delete it."},
    meaning{0x149, "TPM_RC_NV_AUTHORIZATION", "nv_not_authorized",
            "The NV index may not be used that way by this hierarchy. Certificates at the factory are written by the platform."},
    meaning{0x14a, "TPM_RC_NV_UNINITIALIZED", "nv_unwritten", "The NV index exists, and nothing was ever written to it."},
    meaning{0x14b, "TPM_RC_NV_SPACE", "nv_full",
            "The TPM's NV memory is full. Delete indices and persistent keys that nobody needs."},
    meaning{0x14c, "TPM_RC_NV_DEFINED", "nv_exists",
            "The NV index or persistent handle is taken. Choose another one, or delete what is there if nobody needs it."},
    meaning{0x902, "TPM_RC_OBJECT_MEMORY", "tpm_no_slots", no_slots},
    meaning{0x903, "TPM_RC_SESSION_MEMORY", "tpm_no_slots", no_slots},
    meaning{0x904, "TPM_RC_MEMORY", "tpm_no_slots", no_slots},
    meaning{0x905, "TPM_RC_SESSION_HANDLES", "tpm_no_slots", no_slots},
    meaning{0x906, "TPM_RC_OBJECT_HANDLES", "tpm_no_slots", no_slots},
    meaning{0x908, "TPM_RC_YIELDED", "tpm_busy", busy},
    meaning{0x90a, "TPM_RC_TESTING", "tpm_busy", busy},
    meaning{0x920, "TPM_RC_NV_RATE", "tpm_busy", busy},
    meaning{0x921, "TPM_RC_LOCKOUT", "tpm_locked_out",
            "The TPM is locked out: it was given too many wrong authorizations, and uses no key that they protect until its "
            "recovery time is over. Wait (the TPM has to stay powered), or reset it with the lockout authorization "
            "(tpm2_dictionarylockout --clear-lockout)."},
    meaning{0x922, "TPM_RC_RETRY", "tpm_busy", busy},
    meaning{0x923, "TPM_RC_NV_UNAVAILABLE", "tpm_busy", busy},
    // Handles of objects that are not loaded come as "reference" warnings, one code per position (0x910 to 0x916).
    meaning{0x910, "TPM_RC_REFERENCE_H0", "handle_not_found", not_there},
    meaning{0x911, "TPM_RC_REFERENCE_H1", "handle_not_found", not_there},
    // Format 1: bit 7 set.
    meaning{0x081, "TPM_RC_ASYMMETRIC", "tpm_unsupported", lacks},
    meaning{0x083, "TPM_RC_HASH", "tpm_unsupported", lacks},
    meaning{0x089, "TPM_RC_MODE", "tpm_unsupported", lacks},
    meaning{0x08b, "TPM_RC_HANDLE", "handle_not_found", not_there},
    meaning{0x08e, "TPM_RC_AUTH_FAIL", "tpm_auth_failed", wrong_auth},
    meaning{0x096, "TPM_RC_SYMMETRIC", "tpm_unsupported", lacks},
    meaning{0x09d, "TPM_RC_POLICY_FAIL", "tpm_policy_failed",
            "The TPM's conditions for this do not hold: the machine did not start as was approved, or another use was allowed."},
    meaning{0x09f, "TPM_RC_INTEGRITY", "tpm_wrong_tpm", other_tpm},
    meaning{0x0a2, "TPM_RC_BAD_AUTH", "tpm_auth_failed", wrong_auth},
    meaning{0x0a6, "TPM_RC_CURVE", "tpm_unsupported", lacks},
    meaning{0x0a7, "TPM_RC_ECC_POINT", "tpm_wrong_tpm", other_tpm},
};

constexpr meaning anything_else{0, "", "tpm_refused", "The TPM refused a command."};

// Layers (TSS 2.0 Overview, 5.1): a resource manager reports the TPM's own codes under its own number.
constexpr uint32_t layer_tpm = 0;
constexpr uint32_t layer_esys = 7;
constexpr uint32_t layer_tcti = 10;
constexpr uint32_t layer_manager = 11;
constexpr uint32_t layer_manager_tpm = 12;

constexpr uint32_t format_1 = 0x080;

uint32_t code_of(uint32_t rc) {
    const uint32_t low = rc & 0xfffU;
    return (low & format_1) != 0 ? low & 0x0bfU : low;
}

// Format 1 says which handle, session or parameter it is about (Part 2, 6.6.2).
std::string position_of(uint32_t rc) {
    const uint32_t low = rc & 0xfffU;
    if ((low & format_1) == 0) {
        return {};
    }
    if ((low & 0x040U) != 0) {
        return "parameter " + std::to_string(low >> 8U);
    }
    const uint32_t number = low >> 8U & 0x7U;
    if (number == 0) {
        return {};
    }
    return ((low & 0x800U) != 0 ? "session " : "handle ") + std::to_string(number);
}

std::string hexadecimal(uint32_t rc) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%x", rc);
    return text.data();
}

}  // namespace

error response_error(uint32_t rc, std::string_view doing) {
    const uint32_t layer = rc >> 16U & 0xffU;
    const std::string hex = hexadecimal(rc);
    // A command whose answer never came leaves ESAPI waiting for it, whatever it is asked next.
    constexpr uint32_t bad_sequence = 7;
    const bool never_answered = layer == layer_esys && (rc & 0xffffU) == bad_sequence;
    if (layer == layer_tcti || never_answered) {
        return error{error_category::environment, "tpm_unavailable",
                     "The TPM does not answer (" + hex +
                         "). Is it there, may this user reach it (group tss), and is nobody else holding it?"}
            .with("rc", hex)
            .during(doing);
    }
    // ESAPI 4 forgets the object of a persistent handle that is evicted, whoever else in this process still has it.
    constexpr uint32_t bad_tr = 24;
    if (layer == layer_esys && (rc & 0xffffU) == bad_tr) {
        return error{error_category::environment, "handle_not_found", std::string(not_there) + " (" + hex + ")"}
            .with("rc", hex)
            .during(doing);
    }
    const bool of_the_tpm = layer == layer_tpm || layer == layer_manager || layer == layer_manager_tpm;
    const auto* found =
        of_the_tpm ? std::find_if(table.begin(), table.end(), [code = code_of(rc)](const meaning& m) { return m.code == code; })
                   : table.end();
    const meaning& m = found != table.end() ? *found : anything_else;
    const std::string position = position_of(rc);
    error out{m.name == "tpm_refused" ? error_category::internal : error_category::environment, std::string(m.name),
              std::string(m.sentence) + " (" + std::string(m.tpm.empty() ? "response code" : m.tpm) + " " + hex +
                  (position.empty() ? "" : ", " + position) + ")"};
    out = std::move(out).with("rc", hex);
    if (!m.tpm.empty()) {
        out = std::move(out).with("tpm", std::string(m.tpm));
    }
    if (!position.empty()) {
        out = std::move(out).with("position", position);
    }
    return std::move(out).during(doing);
}

}  // namespace berth::keystore::tpm2
