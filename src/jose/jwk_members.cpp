#include "jose/jwk_members.h"

#include "base/wipe.h"
#include "wire/base64.h"

#include <algorithm>
#include <set>

namespace berth::jose {

error bad_jwk(std::string why) {
    return {error_category::usage, "bad_jwk", "The JSON Web Key is not taken: " + std::move(why) + "."};
}

error wrong_key_use(std::string why) {
    return {error_category::usage, "wrong_key_use", "The JSON Web Key is for something else: " + std::move(why) + "."};
}

namespace {

std::string quoted(std::string_view name) {
    return "\"" + std::string(name) + "\"";
}

}  // namespace

result<std::string> jwk_members::optional_text(std::string_view name) const {
    const auto* const value = jwk_.if_contains(name);
    if (value == nullptr) {
        return {};
    }
    const auto* const text = value->if_string();
    if (text == nullptr || text->empty()) {
        return fail(bad_jwk(quoted(name) + " is not a text"));
    }
    return std::string(text->data(), text->size());
}

result<std::string> jwk_members::text(std::string_view name) const {
    BERTH_TRY(value, optional_text(name));
    if (value.empty()) {
        return fail(bad_jwk("it has no " + quoted(name)));
    }
    return value;
}

result<void> jwk_members::is(std::string_view name, std::string_view value) const {
    BERTH_TRY(said, text(name));
    if (said != value) {
        return fail(bad_jwk(quoted(name) + " is " + quoted(said.substr(0, 60)) + " and not " + quoted(value)));
    }
    return {};
}

result<bytes> jwk_members::octets(std::string_view name, size_t size) const {
    BERTH_TRY(value, text(name));
    auto out = wire::from_base64url(value);
    wipe({reinterpret_cast<uint8_t*>(value.data()), value.size()});
    if (!out) {
        return fail(bad_jwk(quoted(name) + " is not base64url without padding"));
    }
    if (size != 0 && out->size() != size) {
        wipe(*out);
        return fail(bad_jwk(quoted(name) + " has not " + std::to_string(size) + " octets"));
    }
    return std::move(*out);
}

result<secret_bytes> jwk_members::secret(std::string_view name, size_t size) const {
    BERTH_TRY(plain, octets(name, size));
    secret_bytes out{bytes_view(plain)};
    wipe(plain);
    return out;
}

result<void> jwk_members::may_any(std::string_view use, std::initializer_list<std::string_view> ops) const {
    BERTH_TRY(said, optional_text("use"));
    if (!said.empty() && said != use) {
        return fail(wrong_key_use("its \"use\" is " + quoted(said.substr(0, 60)) + " and not " + quoted(use)));
    }
    const auto* const list = jwk_.if_contains("key_ops");
    if (list == nullptr) {
        return {};
    }
    std::set<std::string_view> known;
    const auto* const array = list->if_array();
    const bool good = array != nullptr && !array->empty() && std::ranges::all_of(*array, [&](const auto& one) {
                          return one.is_string() && known.insert(std::string_view(one.get_string())).second;
                      });
    if (!good) {
        return fail(bad_jwk("\"key_ops\" is not a list of different texts"));
    }
    if (std::ranges::none_of(ops, [&](std::string_view op) { return known.contains(op); })) {
        return fail(wrong_key_use("its \"key_ops\" do not have " + quoted(*ops.begin())));
    }
    return {};
}

}  // namespace berth::jose
