// What a request asks for, whatever form it came in. Everything in it is honoured, or the request is refused: nothing is dropped
// on the way.
#pragma once

#include "pki/csr_contents.h"
#include "pki/issue.h"

namespace berth::ca {

struct asked {
    bytes spki;  // possession of the key has been proved
    pki::distinguished_name subject;
    pki::subject_alt_names alt_names;
    std::optional<uint16_t> key_usage = {};
    std::optional<std::vector<std::string>> extended_key_usages = {};  // there, and empty: refused
    std::optional<bool> is_ca = {};
    std::optional<uint32_t> path_length = {};
    // OIDs and names of what nobody here could honour: extensions, attributes, kinds of names.
    std::vector<std::string> not_understood = {};
};

// Of a request whose key was shown to be the requester's: verified_csr::asks(), verified_kem_csr::asks().
asked asked_by(const pki::csr_contents& request);

}  // namespace berth::ca
