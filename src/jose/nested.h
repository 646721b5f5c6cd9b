// Nested JSON Web Tokens: claims that are signed, then sealed (RFC 7519 section 11.2). The layers are bound to each other: who
// sent it and whom it is for stand in the signed claims and in the sealed token's header alike (RFC 7519 section 5.3), and with
// HPKE in its `info`, so that a receiver cannot seal what it was sent once more for a third party and have it pass.
#pragma once

#include "jose/claims.h"
#include "jose/jwe.h"

#include <functional>

namespace berth::jose {

// `type`: of the signed token, "berth-command+jwt" for example. Errors of the signing key's keeper; bad_public_key.
result<std::string> seal_nested(const recipient_key& to, const signing_key& by, std::string_view type, const claims& c,
                                random_source& random);

// Who has sent what: nobody but open_nested() makes one.
class nested_message {
public:
    nested_message(nested_message&&) = default;
    nested_message& operator=(nested_message&&) = default;

    [[nodiscard]] const claims& said() const { return claims_; }
    [[nodiscard]] const std::string& type() const { return type_; }      // of the signed token
    [[nodiscard]] const std::string& signer() const { return signer_; }  // key thumbprints
    [[nodiscard]] const std::string& recipient() const { return recipient_; }

private:
    friend class nested_opener;
    nested_message(claims c, std::string type, std::string signer, std::string recipient)
        : claims_(std::move(c)), type_(std::move(type)), signer_(std::move(signer)), recipient_(std::move(recipient)) {}
    claims claims_;
    std::string type_, signer_, recipient_;
};

// The key of `issuer` that is called `kid`, if it may sign now; null: there is none.
using find_verification_key = std::function<const verification_key*(std::string_view issuer, std::string_view kid)>;

// rules.issuer may be empty: whoever find() knows. Errors: those of open(), verify(), read_claims(), check(); not_nested: what
// was sealed is not signed, or is sealed once more; unknown_sender: find() has no such key; layers_differ: header and claims
// disagree.
result<nested_message> open_nested(const opening_key& own, std::string_view token, const find_verification_key& find,
                                   const token_rules& rules);

}  // namespace berth::jose
