// Who is connected, as brokers note it: what a broker has noted counts while it runs, and no longer.
#include "store/sqlite/connection_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;

class HubConnections : public testing::Test {
protected:
    // As a process of its own has them: what it holds goes with it.
    struct party {
        explicit party(const std::filesystem::path& in)
            : store(got(store::sqlite_hub_store::open((in / "hub.db").string()))), connections(*store, in) {}
        std::unique_ptr<store::sqlite_hub_store> store;
        store::sqlite_connection_store connections;
    };
    [[nodiscard]] std::unique_ptr<party> somebody() const { return std::make_unique<party>(directory.path()); }
    [[nodiscard]] bool connected(const char* device, const char* module = "") {
        return got(hub->connections.facts_of({device, module})).connected;
    }
    static void note(party& at, uint64_t broker, const char* device, bool here, unix_seconds since, uint64_t devices) {
        const store::sqlite_connection_store::presence one{{device, ""}, here, since};
        EXPECT_TRUE(at.connections.note(broker, std::span(&one, 1), devices));
    }

    temporary_directory directory;
    std::unique_ptr<party> hub = somebody();
};

TEST_F(HubConnections, WhoComesAndGoes) {
    const auto broker = somebody();
    const uint64_t number = got(broker->connections.begin_broker(100));
    EXPECT_FALSE(connected("a"));
    EXPECT_EQ(got(hub->connections.connected_devices()), 0U);
    note(*broker, number, "a", true, 101, 1);
    EXPECT_TRUE(connected("a"));
    EXPECT_EQ(got(hub->connections.facts_of({"a", ""})).changed, 101);
    EXPECT_FALSE(connected("a", "m")) << "a module is another one";
    EXPECT_FALSE(connected("A"));
    EXPECT_EQ(got(hub->connections.connected_devices()), 1U);
    note(*broker, number, "a", true, 105, 1);
    EXPECT_EQ(got(hub->connections.facts_of({"a", ""})).changed, 105);
    note(*broker, number, "a", false, 106, 0);
    note(*broker, number, "never", false, 106, 0);
    EXPECT_FALSE(connected("a"));
    EXPECT_EQ(got(hub->connections.connected_devices()), 0U);
}

TEST_F(HubConnections, WhatAKilledBrokerHasNotedDoesNotCount) {
    auto broker = somebody();
    const uint64_t first = got(broker->connections.begin_broker(100));
    note(*broker, first, "a", true, 101, 1);
    EXPECT_TRUE(connected("a"));
    broker.reset();  // and says nothing
    EXPECT_FALSE(connected("a"));
    EXPECT_EQ(got(hub->connections.connected_devices()), 0U);
    // The next one is another one, and clears away what it left.
    broker = somebody();
    const uint64_t second = got(broker->connections.begin_broker(200));
    EXPECT_NE(first, second);
    EXPECT_FALSE(connected("a"));
    note(*broker, second, "a", true, 201, 1);
    EXPECT_EQ(got(hub->connections.facts_of({"a", ""})).changed, 201);
    const auto rows = got(store::database::open((directory.path() / "hub.db").string(), {}));
    auto read = got(rows->prepare("SELECT COUNT(*), (SELECT COUNT(*) FROM broker) FROM connection"));
    EXPECT_TRUE(got(read.step()));
    EXPECT_EQ(read.integer(0), 1);
    EXPECT_EQ(read.integer(1), 1);
}

TEST_F(HubConnections, SeveralBrokersEachForThemselves) {
    auto one = somebody(), other = somebody();
    const uint64_t first = got(one->connections.begin_broker(100));
    note(*one, first, "a", true, 101, 1);
    const uint64_t second = got(other->connections.begin_broker(110));
    EXPECT_TRUE(connected("a")) << "the second one does not clear away what the first one has noted";
    note(*other, second, "b", true, 111, 1);
    note(*other, second, "a", true, 112, 2);
    EXPECT_EQ(got(hub->connections.facts_of({"a", ""})).changed, 101) << "since it came first";
    note(*one, first, "a", false, 113, 0);
    EXPECT_TRUE(connected("a")) << "it is still at the other one";
    one.reset();
    EXPECT_TRUE(connected("a"));
    EXPECT_TRUE(connected("b"));
    EXPECT_TRUE(other->connections.end_broker(second));
    EXPECT_FALSE(connected("a"));
    EXPECT_FALSE(connected("b"));
}

TEST_F(HubConnections, WhoMayNotSeeWhichBrokersRunIsToldSo) {
    auto broker = somebody();
    note(*broker, got(broker->connections.begin_broker(100)), "a", true, 101, 1);
    const auto marks = directory.path() / "brokers";
    std::filesystem::rename(marks, directory.path() / "elsewhere");
    std::filesystem::create_symlink("brokers", marks);  // opens for nobody, the superuser included
    EXPECT_EQ(name_of_error(hub->connections.facts_of({"a", ""})), "store_failed") << "and not that nobody is there";
    EXPECT_EQ(name_of_error(hub->connections.connected_devices()), "store_failed");
    std::filesystem::remove(marks);
    std::filesystem::rename(directory.path() / "elsewhere", marks);
    EXPECT_TRUE(connected("a"));
}

}  // namespace
}  // namespace berth::test
