// One place for keys of each kind, as long as the process lives; and what is not installed is left out, visibly.
#pragma once

#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/softhsm.h"
#include "support/stsafe_sim.h"
#include "support/swtpm.h"

namespace berth::test {

struct token_of_one {
    softhsm hsm;
    token_of_one() { hsm.add_token("berth"); }
};

inline softhsm& token() {
    static token_of_one one;
    return one.hsm;
}

inline std::string in_token(const std::string& name) {
    return token().uri("berth", "object=" + name);
}

inline std::string in_tpm(const std::string& rest) {
    static const swtpm one;
    return "tpm2:" + rest + ";tcti=" + one.tcti();
}

// One that its maker has certified, and where the maker's CAs are. It becomes one device, for good: each test takes a new one.
inline std::optional<swtpm>& certified_tpm() {
    static std::optional<swtpm> one;
    return one;
}

inline std::string in_certified_tpm(const std::string& rest) {
    return "tpm2:" + rest + ";tcti=" + certified_tpm()->tcti();
}

inline std::string in_element(const std::string& place) {
    static const stsafe_sim one;
    return "stsafe:" + place + ";device=" + one.socket();
}

}  // namespace berth::test
