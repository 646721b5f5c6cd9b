// The corpora of tests/fuzz/authkem are made here, from our own handshakes. With BERTH_UPDATE_CORPUS set they are written.
#include "authkem/client_hello.h"
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace berth::authkem::test {
namespace {

namespace fs = std::filesystem;

fs::path corpus(const std::string& target) {
    return fs::path(BERTH_SOURCE_DIR) / "tests/fuzz/corpus" / ("authkem_" + target);
}

void write(const std::string& target, const std::string& name, bytes_view data) {
    fs::create_directories(corpus(target));
    std::ofstream(corpus(target) / name, std::ios::binary) << as_text(data);
}

bytes after(uint8_t first, bytes_view rest) {
    bytes out{first};
    append(out, rest);
    return out;
}

// The handshake messages of one run, decrypted with the secrets that the endpoints tell, by type.
void write_messages(bool mutual, bool pdk, const std::string& name) {
    client_config client = plain_client();
    server_config server = plain_server();
    client.alpn = server.alpn = {"one"};
    if (mutual) {
        make_mutual(client, server);
    }
    if (pdk) {
        predistribute(client, server, mutual);
    }
    std::map<std::string, bytes> secrets;
    client.observe.secrets = [&](std::string_view which, bytes_view value) { secrets[std::string(which)] = to_bytes(value); };
    link l(client, server);
    std::vector<std::pair<role, bytes>> flights;
    l.on_wire = [&](role from, bytes& octets) { flights.emplace_back(from, octets); };
    ASSERT_TRUE(l.complete());

    // Which secret opens a record is found by trying: this is a test.
    std::map<std::string, record_opener> openers;
    for (const auto& [which, secret] : secrets) {
        if (which.ends_with("hs")) {
            openers.emplace(which, record_opener(client.suites.front(), secret_bytes(bytes_view(secret))));
        }
    }
    size_t number = 0;
    for (const auto& [from, octets] : flights) {
        if (octets.size() > 0) {
            write("streams", name + "_" + std::to_string(number), after(255, octets));
        }
        for (const auto& [type, fragment] : records_in(octets)) {
            const bytes record = record_of(type, fragment);
            bytes scratch;
            bytes message = fragment;
            if (type == 23) {
                for (auto& [which, opener] : openers) {
                    const record_view view{content_type::application_data, bytes_view(record).first(5), fragment};
                    if (const auto opened = opener.open(view, scratch)) {
                        message = to_bytes(opened->content);
                        break;
                    }
                }
            }
            ASSERT_GT(message.size(), handshake_header_size);
            const bytes_view body = bytes_view(message).subspan(handshake_header_size);
            const std::string label = name + "_" + std::to_string(number++);
            switch (static_cast<handshake_type>(message[0])) {
            case handshake_type::client_hello: write("client_hello", label, body); break;
            case handshake_type::server_hello: write("server_hello", label, after(3, body)); break;
            case handshake_type::encrypted_extensions: write("encrypted_extensions", label, body); break;
            case handshake_type::certificate: write("certificate", label, body); break;
            case handshake_type::certificate_request: write("certificate_request", label, body); break;
            case handshake_type::kem_encapsulation: write("short_messages", label, after(0, body)); break;
            case handshake_type::finished: write("short_messages", label, after(1, body)); break;
            default: FAIL() << "unexpected message";
            }
            if (message.size() < 2000) {
                write("readers", label, after(static_cast<uint8_t>(number), record_of(22, message)));
            }
        }
    }
}

TEST(FuzzCorpus, IsThere) {
    if (std::getenv("BERTH_UPDATE_CORPUS") != nullptr) {
        write_messages(false, false, "server_only");
        write_messages(true, true, "pdk_mutual");
        write_messages(true, false, "mutual");
        write("short_messages", "key_update", bytes{2, 1});
        write("short_messages", "alert", bytes{3, 2, 40});
        write("certificate", "empty", bytes{0, 0, 0, 0});
        write("readers", "coalesced", after(2, record_of(22, bytes{8, 0, 0, 2, 1, 2, 13, 0, 0, 0, 11, 0, 0, 1, 9})));
        write("readers", "too_long", after(1, record_of(22, bytes{11, 1, 0, 1})));
        write("streams", "alert", after(0, record_of(21, bytes{2, 40})));
        write("streams", "change_cipher_spec", after(9, record_of(20, bytes{1})));
        for (uint8_t flow = 0; flow < 4; ++flow) {
            write("tampering", "untouched_" + std::to_string(flow), bytes{flow});
            write("tampering", "changed_" + std::to_string(flow), bytes{flow, 1, 0, 60, 0, 7});
            write("tampering", "cut_" + std::to_string(flow), bytes{flow, 0, 1, 0, 1, 20, 2, 0, 9, 2, 3});
            write("tampering", "doubled_" + std::to_string(flow), bytes{flow, 2, 0, 0, 3, 200});
        }
    }
    for (const std::string target : {"client_hello", "server_hello", "encrypted_extensions", "certificate", "certificate_request",
                                     "short_messages", "readers", "streams", "tampering"}) {
        EXPECT_TRUE(fs::exists(corpus(target)) && !fs::is_empty(corpus(target))) << target;
    }
}

}  // namespace
}  // namespace berth::authkem::test
