// RFC 7638: what a JWK is called by, whoever wrote it.
#include "crypto/hash.h"
#include "jose/jwk_members.h"
#include "jose/keys.h"
#include "wire/base64.h"

namespace berth::jose {

namespace json = wire::json;

result<std::string> thumbprint(const json::object& object) {
    const jwk_members jwk(object);
    BERTH_TRY(kty, jwk.text("kty"));
    // RFC 7638 3.2, RFC 8037 2, RFC 9964: the required members of each kind, in lexicographic order.
    std::vector<std::string_view> required;
    if (kty == "EC") {
        required = {"crv", "kty", "x", "y"};
    } else if (kty == "OKP") {
        required = {"crv", "kty", "x"};
    } else if (kty == "AKP") {
        required = {"alg", "kty", "pub"};
    } else if (kty == "oct") {
        required = {"k", "kty"};
    } else {
        return fail(bad_jwk("\"kty\" is none of EC, OKP, AKP, oct"));
    }
    json::object members;
    for (const auto name : required) {
        BERTH_TRY(value, jwk.text(name));
        members[name] = value;
    }
    return wire::base64url(crypto::sha256(as_bytes(wire::to_text(members))).view());
}

}  // namespace berth::jose
