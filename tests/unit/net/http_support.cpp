#include "unit/net/http_support.h"

#include "crypto/random.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"

#include <cstdlib>
#include <filesystem>

namespace berth::net::test {

namespace {

struct leaf {
    tls_credential credential;
    crypto::signing_key key;
};

leaf make_leaf(const std::string& name, crypto::signature_algorithm alg) {
    const auto key = crypto::signing_key::generate(alg, crypto::system_random());
    auto contents = pki::server_template("Test", {name, "localhost"}, {now - day, now + day});
    contents.extended_key_usages.emplace_back(pki::oid_client_auth);
    auto certificate = pki::issue(contents, key.public_key().spki(), root().certificate(), root().key(), crypto::system_random());
    EXPECT_TRUE(certificate) << (certificate ? "" : certificate.error().message);
    return {{{*certificate}, keystore::software_signing_key(key)}, key};
}

}  // namespace

tls_credential tls_leaf(const std::string& name, crypto::signature_algorithm alg) {
    return make_leaf(name, alg).credential;
}

pem_files::pem_files(const tls_credential& credential, const crypto::signing_key& key) {
    std::string pattern = std::filesystem::temp_directory_path() / "berth-net-XXXXXX";
    directory = ::mkdtemp(pattern.data());
    const auto write = [&](const char* name, std::string_view text) {
        EXPECT_TRUE(pki::write_file_atomically(directory + "/" + name, as_bytes(text), 0600));
    };
    write("cert.pem", pki::to_pem(credential.chain));
    write("root.pem", root().certificate().to_pem());
    EXPECT_TRUE(pki::save_private_key(directory + "/key.pem", key));
}

pem_files::~pem_files() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
}

std::shared_ptr<const tls_context> tls_server(tls_server_config config) {
    auto made = tls_context::make(std::move(config), test_clock());
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(nullptr);
}

std::shared_ptr<const tls_context> tls_client(tls_client_config config) {
    auto made = tls_context::make(std::move(config), test_clock());
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(nullptr);
}

tls_server_config plain_tls_server() {
    static const tls_credential credential = tls_leaf("server.example");
    tls_server_config config;
    config.credentials.push_back(credential);
    config.client.trust = root().trust();
    return config;
}

tls_client_config plain_tls_client() {
    tls_client_config config;
    config.server.trust = root().trust();
    config.server.policy = authkem::server_named("localhost");
    config.server_name = "localhost";
    return config;
}

http_transport server_transport(transport_kind kind, bool mutual) {
    switch (kind) {
    case transport_kind::plain:
    case transport_kind::local: break;
    case transport_kind::tls: {
        auto config = plain_tls_server();
        config.clients = mutual ? tls_server_config::client_certificate::require : tls_server_config::client_certificate::none;
        return tls_http{[context = tls_server(config)] { return context; }};
    }
    case transport_kind::authkem: {
        auto server = plain_server();
        auto unused = plain_client();
        if (mutual) {
            make_mutual(unused, server);
        }
        return authkem_http{[context = server_context(server)] { return context; }, crypto::system_random()};
    }
    }
    return plain_http{};
}

channel_transport client_transport(transport_kind kind, bool mutual) {
    switch (kind) {
    case transport_kind::plain:
    case transport_kind::local: break;
    case transport_kind::tls: {
        static const tls_credential own = tls_leaf("client.example", crypto::signature_algorithm::mldsa65);
        auto config = plain_tls_client();
        if (mutual) {
            config.own = own;
        }
        return tls_client(config);
    }
    case transport_kind::authkem: {
        auto client = plain_client();
        auto unused = plain_server();
        if (mutual) {
            make_mutual(client, unused);
        }
        return authkem_client_transport{client_context(client), test_clock(), crypto::system_random()};
    }
    }
    return std::monostate();
}

std::shared_ptr<http_router> test_router(loop& on) {
    auto router = std::make_shared<http_router>();
    router->add("GET", "/hello", [](const http_request&) { return http_response::text(200, "hello"); });
    router->add("POST", "/echo",
                [](const http_request& r) {
                    return http_response::text(200, r.body, r.content_type().empty() ? "x/y" : r.content_type());
                },
                {.most_body = 1'000'000});
    router->add("GET", "/things/{id}", [](const http_request& r) { return http_response::text(200, r.params.at("id")); });
    router->add("GET", "/who", [](const http_request& r) {
        const auto secret = r.peer->exporter("EXPORTER-test", {}, 32);
        return http_response::json(200,
                                   wire::json::object{{"transport", std::string(name_of(r.peer->transport))},
                                                      {"protocol", r.peer->protocol},
                                                      {"group", r.peer->group},
                                                      {"state", std::string(name_of(r.peer->state))},
                                                      {"chain", r.peer->chain.size()},
                                                      {"subject", r.peer->chain.empty() ? "" : r.peer->chain.front().subject()},
                                                      {"exporter", secret ? to_hex(secret->reveal()) : secret.error().name}});
    });
    const auto kept = std::make_shared<std::vector<http_responder>>();
    router->add_async("GET", "/never", [kept](const http_request&, const http_responder& respond) { kept->push_back(respond); });
    router->add_async("GET", "/later", [&on](const http_request&, const http_responder& respond) {
        on.post([respond] { respond(http_response::text(200, "later")); });
    });
    router->add_async("PUT", "/dropped", [](const http_request&, const http_responder&) {});
    router->not_implemented("GET", "/planned");
    return router;
}

std::vector<result<http_response>> ask(guarded_loop& on, http_client& client, std::vector<http_request> requests) {
    std::vector<result<http_response>> answers;
    const size_t wanted = requests.size();
    for (auto& r : requests) {
        client.send(std::move(r), [&](result<http_response> answer) {
            answers.push_back(std::move(answer));
            if (answers.size() == wanted) {
                on.stop();
            }
        });
    }
    on.run();
    return answers;
}

}  // namespace berth::net::test
