#include "jose/nested.h"

namespace berth::jose {

namespace json = wire::json;

namespace {

constexpr std::string_view jwt = "JWT";

bytes layers_info(std::string_view issuer, std::string_view audience) {
    static constexpr std::array<uint8_t, 1> end{0};
    return concat({as_bytes("Berth nested 1"), end, as_bytes(issuer), end, as_bytes(audience)});
}

std::string_view text_or_nothing(const json::object& from, std::string_view name) {
    const auto* const value = from.if_contains(name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string_view(*text) : std::string_view();
}

}  // namespace

result<std::string> seal_nested(const recipient_key& to, const signing_key& by, std::string_view type, const claims& c,
                                random_source& random) {
    BERTH_TRY(inner, sign_claims(by, type, c));
    return seal(to, as_bytes(inner), {{"cty", jwt}, {"iss", c.issuer}, {"aud", c.audience}}, layers_info(c.issuer, c.audience),
                random);
}

class nested_opener {
public:
    static result<nested_message> open(const opening_key& own, std::string_view token, const find_verification_key& find,
                                       const token_rules& rules) {
        BERTH_TRY(kind, kind_of(token.substr(0, most_token + 1)));
        if (kind != token_kind::encrypted) {
            return not_nested("it is signed and not sealed");
        }
        BERTH_TRY(outer, peek(token));
        const auto issuer = text_or_nothing(outer.members, "iss");
        const auto audience = text_or_nothing(outer.members, "aud");
        BERTH_TRY(sealed, jose::open(own, token, layers_info(issuer, audience)));
        // RFC 7519 5.2: "In the case that nested signing or encryption is employed, [cty] MUST be present", with the value "JWT".
        const std::string_view inner = as_text(sealed.plaintext);
        const auto inner_kind = kind_of(inner);
        if (!same_type(sealed.head.cty, jwt) || !inner_kind || *inner_kind != token_kind::signed_only) {
            return not_nested("what is sealed is not signed");
        }
        BERTH_TRY(head, peek(inner));
        const auto* const key = find(issuer, head.kid);
        if (key == nullptr) {
            return fail(error_category::peer, "unknown_sender", "The token's sender has no key here by the name that it gives.");
        }
        BERTH_TRY(proven, verify(*key, inner));
        BERTH_TRY(said, read_claims(proven.payload()));
        if (said.issuer != issuer || said.audience != audience) {
            return fail(error_category::peer, "layers_differ",
                        "The sealed token's header and the claims in it do not name the same sender and receiver.");
        }
        BERTH_CHECK(check(proven.head(), said, rules));
        return nested_message(std::move(said), proven.head().typ, proven.signer(), own.pub.kid);
    }

private:
    static tl::unexpected<error> not_nested(std::string_view why) {
        return fail(error_category::peer, "not_nested", "The token is not signed and then sealed: " + std::string(why) + ".");
    }
};

result<nested_message> open_nested(const opening_key& own, std::string_view token, const find_verification_key& find,
                                   const token_rules& rules) {
    return nested_opener::open(own, token, find, rules);
}

}  // namespace berth::jose
