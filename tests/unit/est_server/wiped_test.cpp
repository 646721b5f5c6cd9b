// What was secret in a request's header is in no memory that is given back: not at the client, nor at the server.
#include "base/wipe.h"
#include "est/client.h"
#include "est_client/est_http.h"
#include "net/http_codec.h"
#include "wire/base64.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include <malloc.h>

namespace {

// Long enough to be in memory of its own.
constexpr std::string_view header_value = "a-secret-that-is-in-a-header-0123456789";
constexpr std::string_view password = "a-password-that-is-long-enough-0123456789";
constexpr std::string_view encoded_tail = "LXRoYXQtaXMtbG9uZy1lbm91Z2gtMDEyMzQ1Njc4";  // "-that-is-long-enough-012345678" of it

bool watching = false;
size_t left_behind = 0;

void look_at(const void* block) {
    if (watching && block != nullptr) {
        const std::string_view octets(static_cast<const char*>(block), ::malloc_usable_size(const_cast<void*>(block)));
        for (const auto secret : {header_value, password, encoded_tail}) {
            left_behind += octets.find(secret.substr(0, 24)) != std::string_view::npos ? 1 : 0;
        }
    }
}

}  // namespace

void* operator new(size_t size) {
    void* const out = std::calloc(1, size == 0 ? 1 : size);  // what lay there before is nobody's who is watched
    if (out == nullptr) {
        throw std::bad_alloc();
    }
    return out;
}
void operator delete(void* block) noexcept {
    look_at(block);
    std::free(block);
}
void operator delete(void* block, size_t) noexcept {
    look_at(block);
    std::free(block);
}

namespace berth::test {
namespace {

class Wiped : public testing::Test {
protected:
    void SetUp() override { left_behind = 0; }
    void TearDown() override { watching = false; }
};

TEST_F(Wiped, TheWatcherSeesWhatIsLeftBehind) {
    watching = true;
    {
        const std::string careless(header_value);
    }
    watching = false;
    EXPECT_GT(left_behind, 0U);
    EXPECT_NE(wire::base64(as_bytes("SN-7:" + std::string(password))).find(encoded_tail.substr(0, 24)), std::string::npos)
        << "it is looked for as it is sent";
}

TEST_F(Wiped, SecretsOfARequestFromEndToEnd) {
    est::client_options options;
    options.user = "SN-7";
    options.password = secret_bytes(as_bytes(password));
    options.extra.add("X-Line-Secret", std::string(header_value));
    watching = true;
    {
        const auto client = est::client::make(std::move(options));
        ASSERT_TRUE(client);
        const auto request = app::net_request(client->simpleenroll(as_bytes("a request"), true));
        EXPECT_TRUE(request.headers.get("X-Line-Secret") == header_value);
        bytes sent = net::encode_request(request, "localhost:8443", true);
        net::request_reader reader({});
        bytes_view input = sent;
        for (auto progress = reader.read(input); progress && *progress == net::read_progress::header;) {
            progress = reader.read(input);
        }
        const auto received = app::est_request(reader.take());
        EXPECT_TRUE(received.headers.get("X-Line-Secret") == header_value);
        EXPECT_TRUE(received.headers.get("Authorization").starts_with("Basic "));
        wipe(sent);  // as the channel does, and the connection with what it has read
    }
    watching = false;
    EXPECT_EQ(left_behind, 0U);
}

}  // namespace
}  // namespace berth::test
