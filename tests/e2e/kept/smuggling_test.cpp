// Requests at the hub's HTTPS listener that somebody before it, a balancer or a proxy, may see end elsewhere: by bare TLS. Behind
// each one waits another, which nobody may answer.
#include "kept_world.h"
#include "support/websocket_client.h"

namespace berth::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class Smuggling : public Kept {
protected:
    // All that is said to this, until the connection ends. As an administrator, who may do what is smuggled.
    [[nodiscard]] std::string say(const std::string& octets) const {
        websocket_client c(world->at("https").port,
                           {world->server_root().string(), world->admin().chain.string(), world->admin().key.string()});
        c.send(as_bytes(octets));
        const std::string out = c.all();
        EXPECT_FALSE(c.stalled()) << octets << "\n" << out;
        return out;
    }
    static size_t answers_in(const std::string& said) {
        size_t out = 0;
        for (size_t at = said.find("\r\nDate: "); at != std::string::npos; at = said.find("\r\nDate: ", at + 1)) {
            ++out;
        }
        return out;
    }
    // It is refused by this status, tells why, and ends the connection: what is behind it does nothing.
    void refused(const std::string& request, const std::string& status) {
        const std::string answer = say(request + smuggled);
        EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 " + status) << request;
        EXPECT_EQ(answers_in(answer), 1U) << request << "\n" << answer;
        EXPECT_THAT(answer, HasSubstr("Connection: close")) << request;
        EXPECT_THAT(answer, Not(HasSubstr("deviceId"))) << request;
    }
    static std::string post(const std::string& fields, const std::string& body = "0\r\n\r\n") {
        return "POST /devices/dev-1/messages/deviceBound HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
    }
    static std::string get(const std::string& fields) {
        return "GET /devices/dev-1 HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
    }
    [[nodiscard]] std::string waiting() const { return hub({"message", "list", "dev-1"}).output.at(0); }
    static inline const std::string smuggled = "DELETE /devices/dev-2 HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\n\r\n";
};

TEST_F(Smuggling, ABodyHasOneEnd) {
    begin();
    const std::string length = fmt::format("Content-Length: {}\r\n", smuggled.size()), chunked = "Transfer-Encoding: chunked\r\n";
    for (const std::string& fields : std::initializer_list<std::string>{
             "Content-Length: 5\r\n" + chunked,
             chunked + "Content-Length: 5\r\n",
             "Content-Length: 5\r\n" + length,
             "Content-Length: 5\r\nContent-Length: 5\r\n",
             std::string("Content-Length: 5, 5\r\n"),
             std::string("Content-Length: +5\r\n"),
             std::string("Content-Length: 0x5\r\n"),
             std::string("Content-Length: -5\r\n"),
             std::string("Content-Length: 5 \v\r\n"),
             std::string("Content-Length:\r\n"),
             std::string("Content-Length : 5\r\n"),
             std::string("Transfer-Encoding : chunked\r\n"),
             chunked + chunked,
             chunked + "Transfer-Encoding: identity\r\n",
             std::string("Transfer-Encoding:\r\n chunked\r\n"),
             std::string("X: a\r\n Content-Length: 5\r\n"),
             std::string("Transfer-Encoding: \vchunked\r\n"),
             std::string("Transfer-Encoding: chunked\0\r\n", 30),
             std::string("X\0: 1\r\n", 7),
             std::string("X: 1\0\r\n", 7),
             std::string("X: 1\rContent-Length: 5\r\n"),
             std::string("X: 1\nContent-Length: 5\r\n"),
             std::string("X: 1\r\r\n"),
             std::string("Content-Length\r\n"),
             std::string(": 5\r\n"),
         }) {
        refused(post(fields), "400");
    }
    for (const char* coding : {"xchunked", "chunkedx", "gzip", "gzip, chunked", "chunked, gzip", "identity", "\"chunked\"",
                               "chunked;q=1", "", ",", "chunked, chunked",
                               "\xa0"
                               "chunked"}) {
        refused(post(fmt::format("Transfer-Encoding: {}\r\n", coding)), "501");
        const auto both = say(post(fmt::format("Transfer-Encoding: {}\r\nContent-Length: 5\r\n", coding)) + smuggled);
        EXPECT_THAT(both, testing::AnyOf(testing::StartsWith("HTTP/1.1 400"), testing::StartsWith("HTTP/1.1 501"))) << coding;
        EXPECT_EQ(answers_in(both), 1U) << coding;
    }
    refused(post("Transfer-Encoding: identity\r\n" + chunked), "501");
    EXPECT_EQ(waiting(), "[]") << "nothing of it was done";
    EXPECT_EQ(hub({"device", "show", "dev-2"}).exit, 0) << "nor of what was behind it\n" << said;
}

TEST_F(Smuggling, ChunksAndLinesEndAsTheyShould) {
    begin();
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    for (const char* body : {"1\na\r\n0\r\n\r\n", "1;\n\r\na\r\n0\r\n\r\n", "1;a=\"\n\"\r\na\r\n0\r\n\r\n",
                             "0x1\r\na\r\n0\r\n\r\n", "+1\r\na\r\n0\r\n\r\n", "-1\r\na\r\n0\r\n\r\n", " 1\r\na\r\n0\r\n\r\n",
                             "10000000000000001\r\na\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n",
                             "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
        refused(post(chunked, body), "400");
    }
    // Lines that end by LF alone, other versions, other forms of a target.
    const std::string good = get("");
    std::string line_feeds;
    std::ranges::copy_if(good, std::back_inserter(line_feeds), [](char c) { return c != '\r'; });
    EXPECT_THAT(say(line_feeds + smuggled), testing::MatchesRegex("HTTP/1.1 (400|505)[^\1]*"));
    refused("POST /devices/dev-1/messages/deviceBound HTTP/1.0\r\nHost: localhost\r\n" + chunked + "\r\n0\r\n\r\n", "400");
    for (const char* line : {"GET http://other/devices/dev-1 HTTP/1.1", "GET  /devices/dev-1 HTTP/1.1",
                             "GET\t/devices/dev-1 HTTP/1.1", "CONNECT localhost:443 HTTP/1.1", "GET devices/dev-1 HTTP/1.1"}) {
        refused(std::string(line) + "\r\nHost: localhost\r\n\r\n", "400");
    }
    for (const char* host :
         {"Host: a b\r\n", "Host: a, b\r\n", "Host: localhost/x\r\n", "Host: localhost\r\nHost: localhost\r\n", ""}) {
        refused(std::string("GET /devices/dev-1 HTTP/1.1\r\n") + host + "\r\n", "400");
    }
    EXPECT_EQ(waiting(), "[]");
    EXPECT_EQ(hub({"device", "show", "dev-2"}).exit, 0) << said;
}

// What is behind a request for another protocol is not HTTP's.
TEST_F(Smuggling, NothingRidesBehindAnUpgrade) {
    begin();
    const std::string path = "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n";
    const auto upgrade = [](int version) {
        return fmt::format("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: {}\r\nSec-WebSocket-Key: "
                           "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n",
                           version);
    };
    refused(path + upgrade(13) + fmt::format("Content-Length: {}\r\n\r\n", smuggled.size()), "400");
    refused(path + upgrade(13) + "Content-Length: 0\r\n\r\n", "400");
    refused(path + upgrade(13) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
    // An upgrade that a proxy takes for done, and we do not.
    refused(path + upgrade(12) + "\r\n", "426");
    refused(path + upgrade(13) + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "400");
    refused("POST" + path.substr(3) + upgrade(13) + "\r\n", "405");
    // And one that both take for done: it is a WebSocket's, and no frame.
    const std::string answer = say(path + upgrade(13) + "\r\n" + smuggled);
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 101 "));
    EXPECT_EQ(answers_in(answer), 1U) << answer;
    EXPECT_THAT(answer, HasSubstr("\x03\xea")) << "closed by 1002";
    // Elsewhere nobody is upgraded: both are HTTP, and both are answered.
    const std::string elsewhere = say(get(upgrade(13)) + get("Connection: close\r\n"));
    EXPECT_THAT(elsewhere, testing::StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(answers_in(elsewhere), 2U) << elsewhere;
    EXPECT_EQ(hub({"device", "show", "dev-2"}).exit, 0) << said;
    // What a trailer says, nobody hears.
    const std::string trailed = say(post("Transfer-Encoding: chunked\r\nConnection: close\r\n",
                                         "5\r\nhello\r\n0\r\niothub-messageid: from-a-trailer\r\nHost: other\r\n\r\n"));
    EXPECT_THAT(trailed, testing::StartsWith("HTTP/1.1 201 "));
    EXPECT_THAT(waiting(), Not(HasSubstr("from-a-trailer")));
}

}  // namespace
}  // namespace berth::test
