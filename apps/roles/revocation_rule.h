// What a verifier goes by, beside its own records where it has any.
#pragma once

#include <cstdint>

namespace berth::app {

class table_reader;

enum class revocation_rule : uint8_t {
    lists_given,  // the lists that it was given; of whose issuer there is none is taken
    crl,          // a current list of each issuer, or nobody is let in
    ocsp,         // an answer of the issuer's responder, or nobody is let in; and the lists that it was given
    records,      // nothing besides
    none,         // the same, of verifiers that have no records
};

// Who goes by lists alone: whether he insists on one. `lists`: the key that names them.
revocation_rule read_insistence(table_reader& t, const char* key, const char* lists);

}  // namespace berth::app
