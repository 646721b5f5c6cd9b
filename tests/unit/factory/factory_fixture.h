// An issuer with a classical CA for identities, which fit a TPM, and a post-quantum one for KEM certificates.
#pragma once

#include "factory/issue.h"
#include "factory/unit.h"
#include "support/test_pki.h"

namespace berth::factory {

using test::name_of_error;
using test::value_of;

struct test_issuer {
    test::authority root = test::make_root("Z1");
    test::authority classical =
        test::make_issuing_ca(root, "IDevID CA, classical", crypto::signature_algorithm::ecdsa_p384_sha384);
    test::authority post_quantum = test::make_issuing_ca(root, "IDevID CA");
    test::named_random random{"issuer"};

    result<unit_grant> issue(const resident_unit& unit) {
        const std::vector<pki::certificate> one{classical.certificate};
        const std::vector<pki::certificate> other{post_quantum.certificate};
        return issue_identity(unit, {one, classical.key}, {other, post_quantum.key},
                              {"Test", "2.25.205546254112486", {test::test_now - 60, pki::no_expiry}}, random);
    }
};

// A message, changed, and sent on.
template <class Message, class Change>
bytes changed(const bytes& octets, Change change) {
    auto message = value_of(wire::decode<Message>(octets));
    change(message);
    return value_of(wire::encode(message));
}

}  // namespace berth::factory
