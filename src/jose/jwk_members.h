// Reading the members of a JSON Web Key (RFC 7517) strictly.
#pragma once

#include "base/secret.h"
#include "wire/json.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace berth::jose {

error bad_jwk(std::string why);        // usage
error wrong_key_use(std::string why);  // usage

class jwk_members {
public:
    explicit jwk_members(const wire::json::object& jwk) : jwk_(jwk) {}

    // Errors bad_jwk naming the member.
    [[nodiscard]] result<std::string> text(std::string_view name) const;
    [[nodiscard]] result<std::string> optional_text(std::string_view name) const;  // empty: not there
    [[nodiscard]] result<void> is(std::string_view name, std::string_view value) const;
    // base64url; `size` 0: any.
    [[nodiscard]] result<bytes> octets(std::string_view name, size_t size = 0) const;
    [[nodiscard]] result<secret_bytes> secret(std::string_view name, size_t size = 0) const;

    // RFC 7517 4.2, 4.3: "use" is this if it is there, and one at least of these is among its "key_ops" if they are. Errors
    // wrong_key_use; bad_jwk: key_ops with a member twice or of another kind.
    template <class... Ops>
    [[nodiscard]] result<void> may(std::string_view use, Ops... ops) const {
        return may_any(use, {std::string_view(ops)...});
    }

private:
    [[nodiscard]] result<void> may_any(std::string_view use, std::initializer_list<std::string_view> ops) const;
    const wire::json::object& jwk_;
};

}  // namespace berth::jose
