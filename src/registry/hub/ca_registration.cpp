#include "registry/hub/ca_registration.h"

#include "base/bytes.h"
#include "pki/issue.h"
#include "pki/issuer_rules.h"
#include "wire/pem.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

// 192 bits: 48 hexadecimal digits, within the 64 characters of a common name.
constexpr size_t code_octets = 24;

tl::unexpected<error> private_key_in_file() {
    return fail(
        error_category::usage, "private_key_in_file",
        "The file holds a private key, which must stay with its owner; nothing of the file was kept. Give the certificate "
        "alone: openssl x509 -in FILE -out ca.pem. If the file has been sent to a hub over a network, take the key as "
        "known to others.");
}

// One certificate out of a file, and no key.
result<pki::certificate> read_one(bytes_view file) {
    if (file.size() > most_ca_file) {
        return fail(error_category::usage, "too_large",
                    fmt::format("The file has {} octets; a certificate's has at most {}.", file.size(), most_ca_file));
    }
    const std::string_view text = as_text(file);
    // Before anything else is read or said of it; also in a file that is otherwise damaged.
    if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
        return private_key_in_file();
    }
    if (text.find("-----BEGIN ") == std::string_view::npos) {
        return pki::certificate::parse(file);
    }
    BERTH_TRY(blocks, wire::from_pem(text));
    if (blocks.size() > 1) {
        return fail(
            error_category::usage, "several_certificates",
            fmt::format("The file holds {} PEM blocks. Register each CA by itself; an intermediate needs no root beside it.",
                        blocks.size()));
    }
    return pki::certificate::parse_pem(text);
}

tl::unexpected<error> refused(const char* name, std::string why) {
    return fail(error_category::peer, name, std::move(why));
}

}  // namespace

std::string_view to_string(ca_state s) {
    return s == ca_state::verified ? "verified" : "unverified";
}

std::string registered_ca::etag() const {
    return fmt::format("{}-{}", to_hex(bytes_view(certificate.sha256()).first(8)), version);
}

result<pki::certificate> read_ca_upload(bytes_view file, unix_seconds now) {
    BERTH_TRY(ca, read_one(file));
    BERTH_CHECK(pki::check_issuer(ca, now, true));
    return ca;
}

result<void> check_ca_name(std::string_view name) {
    const bool good = !name.empty() && name.size() <= most_ca_name && std::ranges::all_of(name, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
    });
    return good ? result<void>()
                : fail(error_category::usage, "bad_name",
                       fmt::format("The name of a CA's registration has 1 to {} letters, digits, '.', '_' and '-'.",
                                   most_ca_name));
}

error unknown_ca(const std::string& name) {
    return {error_category::peer, "unknown_ca", fmt::format("no CA is registered under the name \"{}\"", name), {{"name", name}}};
}

void draw_code(registered_ca& ca, random_source& random, unix_seconds now) {
    bytes drawn(code_octets);
    random.fill(drawn);
    ca.code = to_hex(drawn);
    std::ranges::transform(ca.code, ca.code.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    ca.code_expires = now + code_lasts;
}

registered_ca begin_registration(std::string name, pki::certificate ca, random_source& random, unix_seconds now) {
    registered_ca out{std::move(name), std::move(ca), ca_state::unverified, "", 0, now, 0, 0, 1};
    draw_code(out, random, now);
    return out;
}

result<registered_ca> verify_registration(registered_ca ca, bytes_view file, unix_seconds now) {
    if (ca.state == ca_state::verified) {
        return fail(error_category::usage, "already_verified",
                    fmt::format("\"{}\" has been verified, at {}.", ca.name, to_iso8601(ca.verified_at)));
    }
    BERTH_TRY(proof, read_one(file));
    if (now > ca.code_expires) {
        return refused("code_expired", fmt::format("The code of \"{}\" was good until {}: have another one drawn.", ca.name,
                                                   to_iso8601(ca.code_expires)));
    }
    if (!same_octets(proof.issuer_der(), ca.certificate.subject_der())) {
        return refused("wrong_proof", fmt::format("The verification certificate was issued by {}, not by {}.", proof.issuer(),
                                                  ca.certificate.subject()));
    }
    if (proof.common_name() != ca.code) {
        return refused("wrong_proof", fmt::format("The verification certificate's common name is not the code {}.", ca.code));
    }
    BERTH_CHECK(proof.check_signature(ca.certificate));
    if (now > proof.not_after()) {
        return refused("certificate_expired", fmt::format("The verification certificate expired at {}: make another one.",
                                                          to_iso8601(proof.not_after())));
    }
    // Made just now, by a clock that goes a little fast.
    constexpr unix_seconds clock_difference = 300;
    if (now + clock_difference < proof.not_before()) {
        return refused("certificate_not_yet_valid",
                       fmt::format("The verification certificate is valid from {} on only.", to_iso8601(proof.not_before())));
    }
    // It may have expired since it was handed in.
    BERTH_CHECK(pki::check_issuer(ca.certificate, now, true));
    ca.state = ca_state::verified;
    ca.verified_at = now;
    ca.code.clear();
    ca.code_expires = 0;
    ++ca.version;
    return ca;
}

result<pki::certificate> make_proof(const pki::certificate& ca, const crypto::signing_key& key, std::string_view code,
                                    random_source& random, unix_seconds now) {
    pki::certificate_template contents;
    contents.subject.add("CN", std::string(code));
    contents.not_before = now - 60;
    contents.not_after = now + 3600;
    // It says nothing of any key but the CA's own.
    return pki::issue(contents, key.public_key().spki(), ca, key, random);
}

}  // namespace berth::registry
