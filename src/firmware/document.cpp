#include "firmware/document.h"

#include "firmware/members.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::firmware {

namespace {

constexpr std::array<std::string_view, 3> kinds{"root", "list", "manifest"};

result<document_kind> kind_of(const json::object& payload) {
    const auto* const type = payload.if_contains("type");
    const auto* const name = type != nullptr ? type->if_string() : nullptr;
    const auto* const found = name != nullptr ? std::ranges::find(kinds, std::string_view(*name)) : kinds.end();
    if (found == kinds.end()) {
        return fail(bad_document("document", "its member \"type\" is none of root, list, manifest"));
    }
    return static_cast<document_kind>(found - kinds.begin());
}

}  // namespace

std::string_view to_string(document_kind kind) {
    return kinds[static_cast<size_t>(kind)];
}

result<document> document::read(std::string_view text) {
    auto outer = wire::parse_json_object(text, most_document);
    if (!outer) {
        return fail(outer.error().is("too_large") ? std::move(outer).error() : bad_document("document", outer.error().message));
    }
    document out;
    reader in(*outer, "document");
    out.encoded_ = in.text("payload", most_document);
    const auto& signatures = in.list("signatures", 0, most_signatures);
    BERTH_CHECK(in.done());
    const auto payload = wire::from_base64url(out.encoded_);
    if (!payload) {
        return fail(bad_document("document", "its payload is not base64url without padding"));
    }
    auto members = wire::parse_json_object(as_text(*payload), most_document);
    if (!members) {
        return fail(bad_document("document's payload", members.error().message));
    }
    out.payload_ = std::move(*members);
    BERTH_TRY(kind, kind_of(out.payload_));
    out.kind_ = kind;
    for (const auto& entry : signatures) {
        if (!entry.is_object()) {
            return fail(bad_document("document", "a signature is not an object"));
        }
        reader one(entry.get_object(), "document's signature");
        signature s;
        s.protected_header = one.text("protected", 2 * jose::most_header);
        s.octets = one.text("signature", 16 * 1024);
        BERTH_CHECK(one.done());
        auto head = jose::read_header(s.protected_header);
        if (!head) {
            return fail(bad_document("document's signature", head.error().message));
        }
        s.kid = head->kid;
        s.alg = head->alg;
        const bool twice = std::ranges::any_of(out.signatures_, [&](const signature& other) { return other.kid == s.kid; });
        if (s.kid.empty() || twice) {
            return fail(bad_document("document", "each of its signatures must name its key (kid), and each key signs once"));
        }
        out.signatures_.push_back(std::move(s));
    }
    return out;
}

document document::unsigned_of(const json::object& payload) {
    document out;
    const auto kind = kind_of(payload);
    if (!kind) {
        std::abort();  // made by our own writers
    }
    out.kind_ = *kind;
    out.payload_ = payload;
    out.encoded_ = wire::base64url(as_bytes(wire::to_text(payload)));
    return out;
}

std::string document::text() const {
    json::array signatures;
    for (const auto& s : signatures_) {
        signatures.push_back(json::object{{"protected", s.protected_header}, {"signature", s.octets}});
    }
    return wire::to_text(json::object{{"payload", encoded_}, {"signatures", std::move(signatures)}}) + "\n";
}

std::string document::token(const signature& s) const {
    return fmt::format("{}.{}.{}", s.protected_header, encoded_, s.octets);
}

result<void> document::sign(const jose::signing_key& key) {
    const auto payload = wire::from_base64url(encoded_);
    if (!payload) {
        std::abort();  // read() has looked
    }
    BERTH_TRY(token, jose::sign(key, *payload, {{"typ", document_type}}));
    const size_t first = token.find('.'), last = token.rfind('.');
    signature s{token.substr(0, first), token.substr(last + 1), key.pub.kid, std::string(jose::name_of(key.pub.alg))};
    std::erase_if(signatures_, [&](const signature& other) { return other.kid == s.kid; });
    if (signatures_.size() >= most_signatures) {
        return fail(error_category::usage, "too_many_signatures",
                    fmt::format("A document has at most {} signatures.", most_signatures));
    }
    signatures_.push_back(std::move(s));
    return {};
}

}  // namespace berth::firmware
