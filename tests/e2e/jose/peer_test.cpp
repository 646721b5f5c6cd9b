// npm's `jose`, unmodified, on Node 24: what either makes, the other takes.
#include "crypto/random.h"
#include "e2e/azure/azure_js.h"
#include "jose/nested.h"

namespace berth::test {
namespace {

namespace json = wire::json;
namespace fs = std::filesystem;

struct sealing {
    std::string alg, crv;
    jose::content_alg enc;
};

const std::vector<std::string>& signatures() {
    static const std::vector<std::string> all{"ES256", "ES384", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    return all;
}

std::vector<sealing> sealings() {
    std::vector<sealing> out;
    for (const auto enc : {jose::content_alg::a128gcm, jose::content_alg::a256gcm, jose::content_alg::a256cbc_hs512}) {
        for (const auto* const alg : {"ECDH-ES", "ECDH-ES+A256KW"}) {
            for (const auto* const crv : {"P-256", "P-384", "X25519"}) {
                out.push_back({alg, crv, enc});
            }
        }
        out.push_back({"dir", "", enc});
    }
    return out;
}

crypto::agreement_group group(const std::string& crv) {
    using enum crypto::agreement_group;
    return crv == "X25519" ? x25519 : crv == "P-384" ? p384 : p256;
}

json::object new_jwk(const sealing& s) {
    return jose::generate_jwk(s.alg, s.enc, group(s.crv), crypto::system_random()).value();
}
json::object new_jwk(const std::string& alg) {
    return jose::generate_jwk(alg, jose::content_alg::a256gcm, crypto::agreement_group::p256, crypto::system_random()).value();
}
std::string label(const sealing& s) {
    return s.alg + " " + s.crv + " " + std::string(jose::name_of(s.enc));
}

// What is asked of the peer in one run of it.
class peer {
public:
    void ask(const std::string& name, const char* what, json::object job) {
        job["name"] = name;
        job["do"] = what;
        jobs_.emplace_back(std::move(job));
    }
    void run() {
        fs::create_directories(directory_);
        program_.emplace(js_program::start(node_24, "jose", {{"jobs", jobs_}}, directory_));
        ASSERT_EQ(program_->end(), 0) << program_->said();
        std::istringstream lines(program_->said());
        for (std::string line; std::getline(lines, line);) {
            if (auto one = wire::parse_json_object(line)) {
                const std::string name(one->at("event").as_string());
                answers_.emplace(name, std::move(*one));
            }
        }
        jobs_.clear();
    }
    ~peer() { fs::remove_all(directory_); }
    // A member of its answer; empty, and a failure of the test: it had none.
    [[nodiscard]] json::object answer(const std::string& name) const {
        const auto found = answers_.find(name);
        return found == answers_.end() ? json::object{{"error", "no answer"}} : found->second;
    }
    [[nodiscard]] std::string text(const std::string& name, const char* member) const {
        const auto all = answer(name);
        const auto* const value = all.if_contains(member);
        EXPECT_NE(value, nullptr) << name << ": " << wire::to_text(all);
        return value != nullptr ? std::string(value->as_string()) : "";
    }

private:
    fs::path directory_ = fs::temp_directory_path() / ("berth-jose-peer-" + std::to_string(::getpid()));
    json::array jobs_;
    std::map<std::string, json::object> answers_;
    std::optional<js_program> program_;
};

constexpr const char* payload = R"({"kwh":3})";

TEST(JosePeer, Signatures) {
    BERTH_SKIP_WITHOUT_AZURE();
    peer node;
    std::map<std::string, json::object> keys;
    for (const auto& alg : signatures()) {
        const auto jwk = keys[alg] = new_jwk(alg);
        const auto token = jose::sign(jose::read_signing_key(jwk).value(), as_bytes(payload)).value();
        node.ask("verify " + alg, "verify", {{"jwk", jose::public_jwk(jwk).value()}, {"token", token}});
        std::string changed = token;
        changed[token.find('.') + 2] ^= 1;
        node.ask("changed " + alg, "verify", {{"jwk", jose::public_jwk(jwk).value()}, {"token", changed}});
        node.ask("sign " + alg, "sign", {{"jwk", jwk}, {"payload", payload}});
        node.ask("key " + alg, "generate", {{"alg", alg}});
    }
    ASSERT_NO_FATAL_FAILURE(node.run());
    for (const auto& alg : signatures()) {
        SCOPED_TRACE(alg);
        EXPECT_EQ(node.text("verify " + alg, "payload"), payload);
        EXPECT_TRUE(node.answer("changed " + alg).contains("error"));
        const auto key = jose::read_verification_key(jose::public_jwk(keys[alg]).value()).value();
        const auto proven = jose::verify(key, node.text("sign " + alg, "token"));
        ASSERT_TRUE(proven) << proven.error().message;
        EXPECT_EQ(as_text(proven->payload()), payload);
        const auto theirs = node.answer("key " + alg);
        ASSERT_TRUE(theirs.contains("private")) << wire::to_text(theirs);
        const auto& secret = theirs.at("private").as_object();
        const auto read = jose::read_signing_key(secret);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(read->pub.kid, std::string(secret.at("kid").as_string()));
    }
}

TEST(JosePeer, SealedTokens) {
    BERTH_SKIP_WITHOUT_AZURE();
    peer node;
    std::map<std::string, json::object> keys;
    for (const auto& s : sealings()) {
        const auto jwk = keys[label(s)] = new_jwk(s);
        const auto key = jose::read_opening_key(jwk).value();
        const auto token = jose::seal(key.pub, as_bytes(payload), {}, {}, crypto::system_random()).value();
        const json::value for_sealing = s.alg == "dir" ? jwk : jose::public_jwk(jwk).value();
        node.ask("open " + label(s), "open", {{"jwk", jwk}, {"enc", jose::name_of(s.enc)}, {"token", token}});
        node.ask("seal " + label(s), "seal", {{"jwk", for_sealing}, {"enc", jose::name_of(s.enc)}, {"payload", payload}});
    }
    ASSERT_NO_FATAL_FAILURE(node.run());
    for (const auto& s : sealings()) {
        SCOPED_TRACE(label(s));
        EXPECT_EQ(node.text("open " + label(s), "payload"), payload);
        for (const auto points : {crypto::point_validation::partial, crypto::point_validation::full}) {
            const auto key = jose::read_opening_key(keys[label(s)], points).value();
            const auto opened = jose::open(key, node.text("seal " + label(s), "token"), {});
            ASSERT_TRUE(opened) << opened.error().message;
            EXPECT_EQ(as_text(opened->plaintext), payload);
        }
    }
}

TEST(JosePeer, NestedTokens) {
    BERTH_SKIP_WITHOUT_AZURE();
    peer node;
    constexpr unix_seconds now = 1'700'000'000;
    jose::claims c;
    c.issuer = "meter-1";
    c.audience = "utility";
    c.issued_at = now;
    c.expires_at = now + 60;
    c.id = jose::new_token_id(crypto::system_random());
    c.body = {{"kwh", 3}};
    const auto reader = new_jwk(sealing{"ECDH-ES", "P-256", jose::content_alg::a256gcm});
    const auto own = jose::read_opening_key(reader).value();
    const std::vector<std::string> signers{"ES256", "ML-DSA-65"};
    std::map<std::string, json::object> keys;
    for (const auto& alg : signers) {
        keys[alg] = new_jwk(alg);
        const auto by = jose::read_signing_key(keys[alg]).value();
        const auto sealed = jose::seal_nested(own.pub, by, "report+jwt", c, crypto::system_random()).value();
        node.ask("open " + alg, "open", {{"jwk", reader}, {"enc", "A256GCM"}, {"token", sealed}});
        node.ask("sign " + alg, "sign",
                 {{"jwk", keys[alg]}, {"payload", jose::to_text(c)}, {"header", json::object{{"typ", "report+jwt"}}}});
    }
    ASSERT_NO_FATAL_FAILURE(node.run());
    for (const auto& alg : signers) {
        EXPECT_EQ(std::string(node.answer("open " + alg).at("header").at("cty").as_string()), "JWT");
        node.ask("verify " + alg, "verify",
                 {{"jwk", jose::public_jwk(keys[alg]).value()}, {"token", node.text("open " + alg, "payload")}});
        node.ask("seal " + alg, "seal",
                 {{"jwk", jose::public_jwk(reader).value()},
                  {"enc", "A256GCM"},
                  {"payload", node.text("sign " + alg, "token")},
                  {"header", json::object{{"cty", "JWT"}, {"iss", c.issuer}, {"aud", c.audience}}}});
    }
    ASSERT_NO_FATAL_FAILURE(node.run());
    for (const auto& alg : signers) {
        SCOPED_TRACE(alg);
        EXPECT_EQ(node.text("verify " + alg, "payload"), jose::to_text(c));
        const auto key = jose::read_verification_key(jose::public_jwk(keys[alg]).value()).value();
        const auto find = [&key](std::string_view, std::string_view) { return &key; };
        const auto opened =
            jose::open_nested(own, node.text("seal " + alg, "token"), find, {"report+jwt", "meter-1", "utility", now});
        ASSERT_TRUE(opened) << opened.error().message;
        EXPECT_EQ(opened->said().body, c.body);
        EXPECT_EQ(opened->signer(), key.kid);
    }
}

}  // namespace
}  // namespace berth::test
