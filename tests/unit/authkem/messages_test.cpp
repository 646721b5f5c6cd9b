// Each message: what we send is what we read, and what breaks a rule has its name and its alert.
#include "authkem/certificate.h"
#include "authkem/certificate_request.h"
#include "authkem/client_hello.h"
#include "authkem/encrypted_extensions.h"
#include "authkem/finished.h"
#include "authkem/kem_encapsulation.h"
#include "authkem/key_update.h"
#include "authkem/server_hello.h"
#include "crypto/x25519_mlkem768.h"

#include <gtest/gtest.h>

namespace berth::authkem {
namespace {

bytes_view body(const bytes& message) {
    return bytes_view(message).subspan(handshake_header_size);
}

template <class T>
std::string fate(const result<T>& r) {
    return r ? "" : r.error().name + " " + std::string(name_of(alert_for(r.error())));
}

// A message with one field or extension changed.
template <class T>
bytes reencoded(const T& structure) {
    return wire::encode(structure).value();
}

extension* in(std::vector<extension>& list, extension_type type) {
    for (extension& e : list) {
        if (e.type == type) {
            return &e;
        }
    }
    return nullptr;
}

void drop(std::vector<extension>& list, extension_type type) {
    std::erase_if(list, [&](const extension& e) { return e.type == type; });
}

// ---- ClientHello

struct hello_under_test {
    bytes share = bytes(crypto::x25519mlkem768_client_share_size, 3);
    bytes fingerprint = bytes(32, 4);
    bytes encapsulation = bytes(1088, 5);
    client_hello_content content;

    hello_under_test() {
        content.random.fill(1);
        content.suites = {cipher_suite::aes_256_gcm_sha384, cipher_suite::chacha20_poly1305_sha256};
        content.schemes = {scheme::mlkem768, scheme::mlkem1024_p384};
        content.server_name = "server.example";
        content.alpn = {"one", "two"};
        content.key_share = share;
        content.pdk = {fingerprint, encapsulation, true};
    }
    [[nodiscard]] client_hello structure() const {
        const bytes message = encode_client_hello(content)->message;
        return wire::decode<client_hello>(body(message)).value();
    }
    // The fate of the message after a change.
    template <class Change>
    [[nodiscard]] std::string with(Change change) const {
        client_hello hello = structure();
        change(hello, hello.extensions.items);
        return fate(parse_client_hello(reencoded(hello)));
    }
    // The fate with the body of one extension replaced.
    [[nodiscard]] std::string with_body(extension_type type, bytes data) const {
        return with([&](client_hello&, auto& list) { in(list, type)->data.value = std::move(data); });
    }
};

using E = extension_type;

TEST(ClientHello, IsReadAsItWasWritten) {
    const hello_under_test t;
    const auto encoded = encode_client_hello(t.content).value();
    const auto read = parse_client_hello(body(encoded.message));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->random, t.content.random);
    EXPECT_EQ(read->cipher_suites, (std::vector<uint16_t>{0x1302, 0x1303}));
    EXPECT_EQ(read->signature_algorithms, (std::vector<uint16_t>{0xFE41, 0xFE51}));
    EXPECT_EQ(read->server_name, "server.example");
    EXPECT_EQ(read->alpn, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(read->key_share, t.share);
    ASSERT_TRUE(read->stored_auth_key);
    EXPECT_EQ(read->stored_auth_key->key_fingerprint.value, t.fingerprint);
    EXPECT_EQ(read->stored_auth_key->encapsulation.value, t.encapsulation);
    EXPECT_TRUE(read->early_auth);
    EXPECT_TRUE(encoded.offered.has(E::early_auth));
    EXPECT_FALSE(encoded.offered.has(static_cast<E>(42)));
    // Profile 8: "extensions in ascending order of type".
    const client_hello hello = t.structure();
    EXPECT_TRUE(std::is_sorted(hello.extensions.begin(), hello.extensions.end(),
                               [](const extension& a, const extension& b) { return a.type < b.type; }));
}

TEST(ClientHello, LeavesOutWhatIsNotKnown) {
    hello_under_test t;
    t.content.server_name = {};
    t.content.alpn.clear();
    t.content.pdk.reset();
    const auto read = parse_client_hello(body(encode_client_hello(t.content)->message)).value();
    EXPECT_EQ(read.server_name, "");
    EXPECT_TRUE(read.alpn.empty());
    EXPECT_FALSE(read.stored_auth_key);
    EXPECT_FALSE(read.early_auth);
    EXPECT_EQ(t.structure().extensions.size(), 6U);
}

TEST(ClientHello, OfAnyOtherLengthDoesNotDecode) {
    const hello_under_test t;
    const bytes message = encode_client_hello(t.content)->message;
    for (size_t size = 0; size < body(message).size(); size += size < 300 ? 1 : 37) {
        EXPECT_EQ(fate(parse_client_hello(body(message).first(size))), "malformed_client_hello decode_error") << size;
    }
    bytes longer = to_bytes(body(message));
    longer.push_back(0);
    EXPECT_EQ(fate(parse_client_hello(longer)), "malformed_client_hello decode_error");
}

TEST(ClientHello, HasRulesWithoutConfiguration) {
    const hello_under_test t;
    const auto drops = [&](E type) { return t.with([&](client_hello&, auto& list) { drop(list, type); }); };
    EXPECT_EQ(drops(E::supported_groups), "missing_extension missing_extension");
    EXPECT_EQ(drops(E::key_share), "missing_extension missing_extension");
    EXPECT_EQ(drops(E::signature_algorithms), "missing_extension missing_extension");
    EXPECT_EQ(drops(E::signature_algorithms_cert), "missing_extension missing_extension");
    EXPECT_EQ(drops(E::supported_versions), "no_common_version protocol_version");
    EXPECT_EQ(drops(E::authkem_profile), "no_common_profile handshake_failure");
    EXPECT_EQ(drops(E::stored_auth_key), "early_auth_alone illegal_parameter");
    EXPECT_EQ(drops(E::early_auth), "");
    EXPECT_EQ(drops(E::server_name), "");
    // Profile 2: the profile is judged "before it judges any other missing extension".
    EXPECT_EQ(t.with([](client_hello&, auto& list) {
        drop(list, E::authkem_profile);
        drop(list, E::key_share);
    }),
              "no_common_profile handshake_failure");
    EXPECT_EQ(t.with([](client_hello& h, auto&) { h.legacy_session_id.value = bytes(32, 1); }),
              "session_id_not_empty illegal_parameter");
    EXPECT_EQ(t.with([](client_hello& h, auto&) { h.legacy_compression_methods.value = {0, 1}; }),
              "bad_compression_methods illegal_parameter");
    EXPECT_EQ(t.with([](client_hello& h, auto&) { h.legacy_compression_methods.value = {1}; }),
              "bad_compression_methods illegal_parameter");
    EXPECT_EQ(t.with([](client_hello&, auto& list) { list.push_back(list.front()); }), "duplicate_extension illegal_parameter");
    EXPECT_EQ(t.with([](client_hello&, auto& list) {
        list.push_back({static_cast<E>(0x1a1a), {bytes{1, 2}}});
        list.push_back({static_cast<E>(0x1a1a), {bytes{1}}});
    }),
              "duplicate_extension illegal_parameter");
    EXPECT_EQ(t.with([](client_hello&, auto& list) { list.push_back({static_cast<E>(0x1a1a), {bytes{1, 2}}}); }), "");
    // The version field means nothing beside supported_versions.
    EXPECT_EQ(t.with([](client_hello& h, auto&) { h.version = 0x0301; }), "");
}

TEST(ClientHello, HasExtensionsWithRules) {
    const hello_under_test t;
    EXPECT_EQ(t.with_body(E::authkem_profile, {0}), "malformed_authkem_profile decode_error");
    EXPECT_EQ(t.with_body(E::authkem_profile, {1, 2}), "no_common_profile handshake_failure");
    EXPECT_EQ(t.with_body(E::authkem_profile, {2, 2, 1}), "");
    EXPECT_EQ(t.with_body(E::authkem_profile, {1, 1, 1}), "malformed_authkem_profile decode_error");
    EXPECT_EQ(t.with_body(E::supported_versions, {2, 3, 3}), "no_common_version protocol_version");
    EXPECT_EQ(t.with_body(E::supported_versions, {4, 3, 3, 3, 4}), "");
    EXPECT_EQ(t.with_body(E::supported_versions, {3, 3, 4, 3}), "malformed_supported_versions decode_error");
    EXPECT_EQ(t.with_body(E::supported_groups, {0, 0}), "malformed_supported_groups decode_error");
    EXPECT_EQ(t.with_body(E::signature_algorithms, {0, 1, 1}), "malformed_signature_algorithms decode_error");
    EXPECT_EQ(t.with_body(E::signature_algorithms_cert, {}), "malformed_signature_algorithms_cert decode_error");
    EXPECT_EQ(t.with_body(E::alpn, {0, 1, 0}), "malformed_alpn decode_error");
    EXPECT_EQ(t.with_body(E::server_name, {0, 0}), "malformed_server_name decode_error");
    EXPECT_EQ(t.with_body(E::server_name, {0, 8, 0, 0, 1, 'a', 0, 0, 1, 'b'}), "repeated_server_name illegal_parameter");
    EXPECT_EQ(t.with_body(E::server_name, {0, 8, 7, 0, 1, 'a', 0, 0, 1, 'b'}), "");
    EXPECT_EQ(t.with_body(E::early_auth, {0}), "malformed_early_auth decode_error");
    EXPECT_EQ(t.with_body(E::stored_auth_key, {}), "malformed_stored_auth_key decode_error");
    EXPECT_EQ(t.with_body(E::stored_auth_key, concat({bytes{31}, bytes(31, 1), bytes{0, 1, 1}})),
              "malformed_stored_auth_key decode_error");
    EXPECT_EQ(t.with_body(E::stored_auth_key, concat({bytes{32}, bytes(32, 1), bytes{0, 0}})),
              "malformed_stored_auth_key decode_error");
    EXPECT_EQ(t.with_body(E::stored_auth_key, concat({bytes{32}, bytes(32, 1), bytes{0, 1, 1}})), "");
}

TEST(ClientHello, HasOneUsableShare) {
    const hello_under_test t;
    const auto with_shares = [&](std::vector<key_share_entry> shares, std::vector<uint16_t> groups) {
        return t.with([&](client_hello&, auto& list) {
            in(list, E::key_share)->data.value = reencoded(client_key_shares{shares});
            in(list, E::supported_groups)->data.value = reencoded(named_groups{groups});
        });
    };
    const key_share_entry ours{crypto::group_x25519mlkem768, {bytes(10, 1)}};
    const key_share_entry x25519{0x001D, {bytes(32, 1)}};
    EXPECT_EQ(with_shares({ours}, {crypto::group_x25519mlkem768}), "");
    EXPECT_EQ(with_shares({x25519, ours}, {0x001D, crypto::group_x25519mlkem768}), "");
    EXPECT_EQ(with_shares({}, {crypto::group_x25519mlkem768}), "no_usable_share handshake_failure");
    EXPECT_EQ(with_shares({x25519}, {0x001D}), "no_usable_share handshake_failure");
    EXPECT_EQ(with_shares({ours, ours}, {crypto::group_x25519mlkem768}), "repeated_share illegal_parameter");
    EXPECT_EQ(with_shares({ours, x25519}, {crypto::group_x25519mlkem768}), "share_without_group illegal_parameter");
    EXPECT_EQ(with_shares({ours}, {0x001D}), "share_without_group illegal_parameter");
}

TEST(ClientHello, WithThousandsOfExtensionsIsJudgedQuickly) {
    const hello_under_test t;
    EXPECT_EQ(t.with([](client_hello&, auto& list) {
        for (uint16_t n = 0; n < 14000; ++n) {
            list.push_back({static_cast<E>(0x2000 + n), {}});
        }
    }),
              "");
}

// ---- ServerHello

struct server_hello_under_test {
    bytes share = bytes(crypto::x25519mlkem768_server_share_size, 3);
    offered_extensions offered;
    std::vector<cipher_suite> suites{cipher_suite::aes_256_gcm_sha384, cipher_suite::aes_128_gcm_sha256};

    server_hello_under_test() {
        for (const E type : {E::supported_versions, E::key_share, E::stored_auth_key, E::early_auth, E::server_name}) {
            offered.add(type);
        }
    }
    [[nodiscard]] bytes message() const {
        return encode_server_hello({std::array<uint8_t, 32>{7}, cipher_suite::aes_128_gcm_sha256, share, true, true}).value();
    }
    template <class Change>
    [[nodiscard]] std::string with(Change change) const {
        server_hello hello = wire::decode<server_hello>(body(message())).value();
        change(hello, hello.extensions.items);
        return fate(parse_server_hello(reencoded(hello), offered, suites));
    }
};

TEST(ServerHello, IsReadAsItWasWritten) {
    const server_hello_under_test t;
    const auto read = parse_server_hello(body(t.message()), t.offered, t.suites).value();
    EXPECT_EQ(read.suite, cipher_suite::aes_128_gcm_sha256);
    EXPECT_EQ(read.key_share, t.share);
    EXPECT_TRUE(read.pdk_accepted);
    EXPECT_TRUE(read.early_auth);
}

TEST(ServerHello, HasRules) {
    const server_hello_under_test t;
    EXPECT_EQ(t.with([](server_hello&, auto&) {}), "");
    EXPECT_EQ(t.with([](server_hello& h, auto&) { h.version = 0x0304; }), "bad_version illegal_parameter");
    EXPECT_EQ(t.with([](server_hello& h, auto&) { h.legacy_session_id_echo.value = {1}; }),
              "session_id_not_empty illegal_parameter");
    EXPECT_EQ(t.with([](server_hello& h, auto&) { h.legacy_compression_method = 1; }),
              "bad_compression_methods illegal_parameter");
    EXPECT_EQ(t.with([](server_hello& h, auto&) { h.suite = 0x1303; }), "suite_not_offered illegal_parameter");
    EXPECT_EQ(t.with([](server_hello& h, auto&) { h.suite = 0x1304; }), "suite_not_offered illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { drop(l, E::supported_versions); }), "no_common_version protocol_version");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { in(l, E::supported_versions)->data.value = {3, 3}; }),
              "bad_version illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { in(l, E::supported_versions)->data.value = {2, 3, 4}; }),
              "malformed_supported_versions decode_error");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { drop(l, E::key_share); }), "missing_extension missing_extension");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { in(l, E::key_share)->data.value = {0, 0x1D, 0, 1, 1}; }),
              "group_not_offered illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { drop(l, E::stored_auth_key); }), "early_auth_alone illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { in(l, E::early_auth)->data.value = {1}; }),
              "malformed_early_auth decode_error");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { l.push_back(l.front()); }), "duplicate_extension illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { l.push_back({E::server_name, {}}); }), "misplaced_extension illegal_parameter");
    EXPECT_EQ(t.with([](server_hello&, auto& l) { l.push_back({static_cast<E>(41), {}}); }),
              "unsolicited_extension unsupported_extension");
    EXPECT_EQ(fate(parse_server_hello({}, t.offered, t.suites)), "malformed_server_hello decode_error");
}

// ---- the messages under (h) and (a)

TEST(EncryptedExtensions, AreReadAsTheyWereWritten) {
    offered_extensions offered;
    offered.add(E::authkem_profile);
    offered.add(E::alpn);
    for (const std::string selected : {"", "two"}) {
        const bytes message = encode_encrypted_extensions(selected).value();
        EXPECT_EQ(parse_encrypted_extensions(body(message), offered, {"one", "two"}, false)->alpn, selected);
    }
    const auto read = [&](const bytes& octets, bool required = false) {
        return fate(parse_encrypted_extensions(octets, offered, {"one", "two"}, required));
    };
    EXPECT_EQ(read({0, 0}), "missing_extension missing_extension");
    EXPECT_EQ(read({0, 5, 0xFF, 0x60, 0, 1, 1}), "");
    EXPECT_EQ(read({0, 5, 0xFF, 0x60, 0, 1, 2}), "profile_not_offered illegal_parameter");
    EXPECT_EQ(read({0, 6, 0xFF, 0x60, 0, 2, 1, 1}), "malformed_authkem_profile decode_error");
    EXPECT_EQ(read({0, 5, 0xFF, 0x60, 0, 1, 1, 0}), "malformed_encrypted_extensions decode_error");
    EXPECT_EQ(read({0, 5, 0xFF, 0x60, 0, 1, 1}, true), "no_application_protocol no_application_protocol");
    const bytes other = encode_encrypted_extensions("three").value();
    EXPECT_EQ(read(to_bytes(body(other))), "alpn_not_offered illegal_parameter");
    EXPECT_EQ(read({0, 13, 0, 16, 0, 4, 0, 2, 1, 'a', 0xFF, 0x60, 0, 1, 1}), "alpn_not_offered illegal_parameter");
    EXPECT_EQ(read({0, 17, 0, 16, 0, 8, 0, 6, 3, 'o', 'n', 'e', 1, 'b', 0xFF, 0x60, 0, 1, 1}),
              "alpn_not_offered illegal_parameter");
    EXPECT_EQ(read({0, 9, 0, 43, 0, 0, 0xFF, 0x60, 0, 1, 1}), "misplaced_extension illegal_parameter");
    EXPECT_EQ(read({0, 9, 0, 0, 0, 0, 0xFF, 0x60, 0, 1, 1}), "unsolicited_extension unsupported_extension");
    offered.add(E::server_name);
    EXPECT_EQ(read({0, 9, 0, 0, 0, 0, 0xFF, 0x60, 0, 1, 1}), "");
    EXPECT_EQ(read({0, 10, 0, 0, 0, 1, 0, 0xFF, 0x60, 0, 1, 1}), "malformed_server_name decode_error");
}

TEST(Certificate, IsReadAsItWasWritten) {
    const der_chain chain{bytes(5000, 1), bytes(1, 2), bytes(300, 3)};
    const bytes message = encode_certificate(chain).value();
    EXPECT_EQ(parse_certificate(body(message)).value(), chain);
    EXPECT_EQ(encode_certificate({}).value(), (bytes{11, 0, 0, 4, 0, 0, 0, 0}));
    EXPECT_TRUE(parse_certificate(bytes{0, 0, 0, 0})->empty());
    EXPECT_EQ(fate(parse_certificate(bytes{1, 7, 0, 0, 0})), "context_not_empty illegal_parameter");
    EXPECT_EQ(fate(parse_certificate(bytes{0, 0, 0, 0, 0})), "malformed_certificate decode_error");
    EXPECT_EQ(fate(parse_certificate(bytes{0, 0, 0, 5, 0, 0, 0, 0, 0})), "malformed_certificate decode_error");
    EXPECT_EQ(fate(parse_certificate(bytes{0, 0, 0, 6, 0, 0, 1, 9, 0, 0})), "");
    // An extension in an entry answers something that we never asked.
    EXPECT_EQ(fate(parse_certificate(bytes{0, 0, 0, 10, 0, 0, 1, 9, 0, 4, 0, 5, 0, 0})),
              "unsolicited_extension unsupported_extension");
    EXPECT_EQ(fate(parse_certificate(bytes{0, 0, 0, 10, 0, 0, 1, 9, 0, 4, 0, 51, 0, 0})),
              "misplaced_extension illegal_parameter");
}

TEST(CertificateRequest, IsReadAsItWasWritten) {
    const bytes message = encode_certificate_request({scheme::mlkem1024, scheme::mlkem768_p256}).value();
    EXPECT_EQ(parse_certificate_request(body(message)).value(), (std::vector<uint16_t>{0xFE42, 0xFE50}));
    certificate_request request = wire::decode<certificate_request>(body(message)).value();
    const auto with = [&](auto change) {
        certificate_request changed = request;
        change(changed, changed.extensions.items);
        return fate(parse_certificate_request(reencoded(changed)));
    };
    EXPECT_EQ(with([](auto& r, auto&) { r.context.value = {1}; }), "context_not_empty illegal_parameter");
    EXPECT_EQ(with([](auto&, auto& l) { drop(l, E::signature_algorithms); }), "missing_extension missing_extension");
    EXPECT_EQ(with([](auto&, auto& l) { drop(l, E::signature_algorithms_cert); }), "missing_extension missing_extension");
    EXPECT_EQ(with([](auto&, auto& l) { l.push_back({static_cast<E>(47), {bytes{1}}}); }), "");
    EXPECT_EQ(with([](auto&, auto& l) { l.push_back({E::key_share, {bytes{1}}}); }), "misplaced_extension illegal_parameter");
    EXPECT_EQ(with([](auto&, auto& l) { l.push_back(l.front()); }), "duplicate_extension illegal_parameter");
    EXPECT_EQ(with([](auto&, auto& l) { l.front().data.value = {0, 0}; }), "malformed_signature_algorithms decode_error");
}

TEST(KemEncapsulation, IsReadAsItWasWritten) {
    for (const size_t size : std::initializer_list<size_t>{0, 1, 1088, 65000}) {
        const bytes message = encode_kem_encapsulation(bytes(size, 9)).value();
        EXPECT_EQ(parse_kem_encapsulation(body(message)).value(), bytes(size, 9));
    }
    EXPECT_EQ(fate(parse_kem_encapsulation(bytes{1, 1, 0, 0})), "context_not_empty illegal_parameter");
    EXPECT_EQ(fate(parse_kem_encapsulation(bytes{0, 0, 0, 0})), "malformed_kem_encapsulation decode_error");
    EXPECT_EQ(fate(parse_kem_encapsulation(bytes{0, 0})), "malformed_kem_encapsulation decode_error");
    // 65 535 octets of encapsulation do not fit with the header of the structure.
    EXPECT_EQ(encode_kem_encapsulation(bytes(65535, 1)).error().name, "too_large");
}

TEST(Finished, IsReadAsItWasWritten) {
    const crypto::digest data = crypto::hash(crypto::hash_algorithm::sha384, as_bytes("x"));
    const bytes message = encode_finished(data);
    EXPECT_TRUE(same_octets(parse_finished(body(message), crypto::hash_algorithm::sha384).value(), data.view()));
    EXPECT_EQ(fate(parse_finished(body(message), crypto::hash_algorithm::sha256)), "malformed_finished decode_error");
    EXPECT_EQ(fate(parse_finished({}, crypto::hash_algorithm::sha256)), "malformed_finished decode_error");
}

TEST(KeyUpdateMessage, IsReadAsItWasWritten) {
    for (const auto request : {key_update_request::update_not_requested, key_update_request::update_requested}) {
        EXPECT_EQ(parse_key_update(body(encode_key_update(request).value())).value(), request);
    }
}

// ---- alerts and names

TEST(Alert, HasALevelThatMeansNothing) {
    EXPECT_EQ(encode_alert(alert::close_notify), (std::array<uint8_t, 2>{1, 0}));
    EXPECT_EQ(encode_alert(alert::bad_record_mac), (std::array<uint8_t, 2>{2, 20}));
    EXPECT_EQ(decode_alert(bytes{9, 40}).value(), alert::handshake_failure);
    EXPECT_EQ(static_cast<int>(decode_alert(bytes{2, 251}).value()), 251);
    for (int code = 0; code < 256; ++code) {
        const std::string_view name = name_of(static_cast<alert>(code));
        if (name != "unknown") {
            EXPECT_EQ(alert_from_name(name), static_cast<alert>(code));
        }
    }
    EXPECT_FALSE(alert_from_name("unknown"));
    EXPECT_EQ(alert_for(error{}), alert::internal_error);
}

TEST(CodePoints, AreThoseOfTheProfile) {
    EXPECT_EQ(code_of(scheme::mlkem768), 0xFE41);
    EXPECT_EQ(code_of(scheme::mlkem1024), 0xFE42);
    EXPECT_EQ(code_of(scheme::mlkem768_p256), 0xFE50);
    EXPECT_EQ(code_of(scheme::mlkem1024_p384), 0xFE51);
    for (const scheme s : crypto::all_kem_algorithms) {
        EXPECT_EQ(scheme_from_code(code_of(s)), s);
        EXPECT_EQ(scheme_from_name(crypto::name_of(s)), s);
    }
    EXPECT_FALSE(scheme_from_code(0x0905));
    EXPECT_FALSE(scheme_from_code(0x0041));
    for (const cipher_suite suite : all_cipher_suites) {
        EXPECT_EQ(cipher_suite_from_name(name_of(suite)), suite);
    }
    EXPECT_FALSE(cipher_suite_from_name("TLS_AES_128_CCM_SHA256"));
}

}  // namespace
}  // namespace berth::authkem
