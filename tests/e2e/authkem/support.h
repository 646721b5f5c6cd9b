// `berth authkem server` and `client` as the real program on loopback, and the files that they need.
#pragma once

#include "common/process.h"
#include "crypto/random.h"
#include "net/address.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "wire/json.h"
#include "wire/pem.h"

#include <functional>

#include <unistd.h>

namespace berth::test {

using wire::json::object;

inline constexpr unix_seconds day = 86'400;

struct authority {
    crypto::signing_key key;
    pki::certificate certificate;
    static authority make(const std::string& name) {
        const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
        const unix_seconds now = system_clock().now();
        auto root =
            pki::issue_self_signed(pki::root_template("Test", name, {now - day, now + 30 * day}), key, crypto::system_random());
        EXPECT_TRUE(root);
        return {key, *root};
    }
};

// What every test here runs on: roots, a server and a client as files.
struct files {
    std::string directory;
    files() {
        std::string pattern = testing::TempDir() + "berth-authkem-XXXXXX";
        directory = ::mkdtemp(pattern.data());
        const authority root = authority::make("Root");
        const authority other = authority::make("Other");
        write("root.pem", root.certificate.to_pem());
        write("other.pem", other.certificate.to_pem());
        leaf(root, "server", crypto::kem_algorithm::mlkem768, pki::oid_server_auth);
        leaf(root, "client", crypto::kem_algorithm::mlkem768_p256, pki::oid_client_auth);
        leaf(other, "stranger", crypto::kem_algorithm::mlkem768, pki::oid_client_auth);
    }
    ~files() {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    files(const files&) = delete;
    files& operator=(const files&) = delete;
    [[nodiscard]] std::string at(const std::string& name) const { return directory + '/' + name; }
    void write(const std::string& name, std::string_view text) const {
        EXPECT_TRUE(pki::write_file_atomically(at(name), as_bytes(text), 0600));
    }
    // Written as name.pem, name.key (PKCS#8) and name.pub. What `change` does to the template is done last.
    pki::certificate leaf(const authority& by, const std::string& name, crypto::kem_algorithm alg, std::string_view purpose,
                          const std::function<void(pki::certificate_template&)>& change = {}) const {
        const auto key = crypto::kem_private_key::generate(alg, crypto::system_random());
        const unix_seconds now = system_clock().now();
        pki::certificate_template contents;
        contents.subject.add("CN", name);
        contents.not_before = now - day;
        contents.not_after = now + day;
        contents.key_usage = pki::key_encipherment;
        contents.extended_key_usages = {std::string(purpose)};
        contents.alt_names.dns = {name + ".example"};
        if (change) {
            change(contents);
        }
        auto certificate = pki::issue(contents, key.public_key().spki(), by.certificate, by.key, crypto::system_random());
        EXPECT_TRUE(certificate) << certificate.error().message;
        write(name + ".pem", certificate->to_pem());
        write(name + ".pub", wire::to_pem("PUBLIC KEY", key.public_key().spki()));
        EXPECT_TRUE(pki::save_private_key(at(name + ".key"), key));
        return std::move(*certificate);
    }
};

struct ended {
    int exit = -1;
    std::vector<std::string> out;
    std::vector<std::string> err;
    [[nodiscard]] object json(size_t line = 0) const {
        EXPECT_GT(out.size(), line);
        auto parsed = line < out.size() ? wire::parse_json_object(out[line]) : wire::parse_json_object("{}");
        EXPECT_TRUE(parsed) << (line < out.size() ? out[line] : "");
        return parsed.value_or(object());
    }
    [[nodiscard]] std::string error_name(size_t line = 0) const {
        const object all = json(line);
        return all.contains("error") ? std::string(all.at("error").as_object().at("name").as_string()) : std::string();
    }
};

inline app::child_process start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "authkem");
    auto made = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth", arguments);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
}

inline void collect(app::child_process& child, ended& into) {
    for (auto& line : child.take_output_lines()) {
        into.out.push_back(std::move(line));
    }
    for (auto& line : child.take_error_lines()) {
        into.err.push_back(std::move(line));
    }
}

inline ended wait_for(app::child_process& child) {
    ended out;
    for (int i = 0; i < 300 && !child.exit_code(); ++i) {
        app::poll_children({&child}, 100);
        collect(child, out);
    }
    app::poll_children({&child}, 0);
    collect(child, out);
    out.exit = child.exit_code().value_or(-1);
    return out;
}

inline ended run(std::vector<std::string> arguments) {
    app::child_process child = start(std::move(arguments));
    return wait_for(child);
}

class authkem_command : public testing::Test {
protected:
    static const files& f() {
        static const files all;
        return all;
    }
    // A server that has said where it listens.
    struct listening {
        app::child_process process;
        ended said;
        uint16_t port = 0;
        [[nodiscard]] std::string at() const { return fmt::format("127.0.0.1:{}", port); }
        ended wait() {
            ended rest = wait_for(process);
            said.out.insert(said.out.end(), rest.out.begin(), rest.out.end());
            said.err.insert(said.err.end(), rest.err.begin(), rest.err.end());
            said.exit = rest.exit;
            return said;
        }
    };
    static listening serve(std::vector<std::string> more) {
        std::vector<std::string> arguments{"server", "--port", "0", "--json"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        listening s{start(std::move(arguments)), {}, 0};
        for (int i = 0; i < 100 && s.said.out.empty() && !s.process.exit_code(); ++i) {
            app::poll_children({&s.process}, 100);
            collect(s.process, s.said);
        }
        const object line = s.said.json();
        EXPECT_EQ(line.at("event").as_string(), "listening");
        EXPECT_EQ(line.at("role").as_string(), "authkem");
        s.port = static_cast<uint16_t>(line.at("port").as_int64());
        EXPECT_NE(s.port, 0);
        return s;
    }
    static std::vector<std::string> own(const std::string& name) {
        return {"--cert", f().at(name + ".pem"), "--key", f().at(name + ".key")};
    }
    static std::vector<std::string> join(std::vector<std::string> a, const std::vector<std::string>& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
    }
    static listening usual(const std::vector<std::string>& more = {}) {
        return serve(join(join(own("server"), {"--echo", "--once"}), more));
    }
    static ended ask(const listening& s, const std::vector<std::string>& more) {
        return run(join({"client", "--connect", s.at(), "--json"}, more));
    }
    static std::vector<std::string> trusted() { return {"--ca", f().at("root.pem"), "--message", "hello"}; }
};

inline std::string text(const object& o, const char* key) {
    const auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string(v->as_string()) : v && v->is_null() ? "null" : "?";
}

}  // namespace berth::test
