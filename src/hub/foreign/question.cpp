#include "hub/foreign/question.h"

#include "wire/base64.h"

namespace berth::hub::foreign {

namespace {

constexpr std::string_view pem_begins = "-----BEGIN";

tl::unexpected<error> bad_certificate() {
    return fail(error_category::peer, "bad_certificate",
                "what the broker passes on as the client's certificate is neither PEM nor base64 of it");
}

result<std::vector<pki::certificate>> read_pem(std::string_view text) {
    auto chain = pki::certificate::parse_pem_chain(text);
    return chain && !chain->empty() ? std::move(chain) : bad_certificate();
}

}  // namespace

result<std::string> optional_text(const wire::json::object& body, std::string_view name, size_t most) {
    const auto* const found = body.if_contains(name);
    if (found == nullptr || found->is_null()) {
        return std::string();
    }
    if (!found->is_string()) {
        return fail(error_category::peer, "bad_json", fmt::format("\"{}\" is no text", name));
    }
    const std::string_view text = found->get_string();
    if (text.size() > most) {
        return fail(error_category::peer, "too_large", fmt::format("\"{}\" has more than {} octets", name, most));
    }
    return std::string(text);
}

result<std::vector<pki::certificate>> read_passed_chain(std::string_view text) {
    if (text.empty()) {
        return std::vector<pki::certificate>();
    }
    if (text.size() > most_certificate) {
        return fail(error_category::peer, "too_large", fmt::format("a certificate has more than {} octets", most_certificate));
    }
    if (text.find(pem_begins) != text.npos) {
        return read_pem(text);
    }
    const auto octets = wire::from_base64(text);
    if (!octets) {
        return bad_certificate();
    }
    const std::string_view inner(reinterpret_cast<const char*>(octets->data()), octets->size());
    if (inner.find(pem_begins) != inner.npos) {
        return read_pem(inner);
    }
    auto one = pki::certificate::parse(*octets);
    if (!one) {
        return bad_certificate();
    }
    std::vector<pki::certificate> out;
    out.push_back(std::move(*one));
    return out;
}

result<std::string> client_id_of(const wire::json::object& body, std::string_view name) {
    BERTH_TRY(client, wire::text_member(body, name));
    if (client.size() > most_word) {
        return fail(error_category::peer, "too_large", fmt::format("\"{}\" is too long", name));
    }
    return client;
}

}  // namespace berth::hub::foreign
