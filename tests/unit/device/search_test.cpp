// A search for registrars belongs to whoever began it, and ends with it.
#include "device/discovery.h"

#include "crypto/random.h"
#include "support/onboarding_parties.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::test {
namespace {

// A port that takes connections and says nothing.
class silent_server {
public:
    silent_server() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(at);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
        EXPECT_EQ(::listen(fd_, 8), 0);
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
        port_ = ntohs(at.sin_port);
    }
    ~silent_server() { ::close(fd_); }
    [[nodiscard]] net::address address() const { return {"127.0.0.1", port_}; }

private:
    int fd_;
    uint16_t port_ = 0;
};

class Search : public testing::Test {
protected:
    Search() {
        p.add_customer("Birch");
        const auto d = p.make_device("SN-1", "Birch");
        bundle.identity = d.identity;
        bundle.z3 = d.z3;
        bundle.p3 = d.p3;
        bundle.masa_keys = p.masa_keys;
        bundle.registrars = {{"r.example", 1}};
    }
    parties p;
    silent_server server;
    app::device_bundle bundle;
};

TEST_F(Search, CallsBackOnceWithWhatWasFound) {
    net::loop loop;
    int calls = 0;
    const app::registrar_search search(loop, bundle, system_clock(), crypto::system_random(), [&](app::found_registrars found) {
        ++calls;
        EXPECT_EQ(found.in_turn().size(), 1u);
        loop.stop();
    });
    EXPECT_EQ(calls, 0) << "never from within the constructor";
    loop.run();
    EXPECT_EQ(calls, 1);
}

TEST_F(Search, CancelledSearchesTouchNothing) {
    bundle.dns_sd = true;
    bundle.rendezvous = true;
    bundle.masa = server.address();
    const milliseconds began = system_clock().steady();
    for (int i = 0; i < 5; ++i) {
        // The loop goes right after the search: a thread that still posted to it would be found by the sanitizer.
        auto loop = std::make_unique<net::loop>();
        auto search = std::make_unique<app::registrar_search>(*loop, bundle, system_clock(), crypto::system_random(),
                                                              [](const app::found_registrars&) { FAIL() << "it was cancelled"; });
        net::timer soon(*loop);
        soon.arm(20 * i, [&] { loop->stop(); });
        loop->run();
        search.reset();
        loop->restart();
        loop->post([&] { loop->stop(); });
        loop->run();
    }
    EXPECT_LT(system_clock().steady() - began, 2'900) << "cancelling waited for the browse to end by itself";
}

}  // namespace
}  // namespace berth::test
