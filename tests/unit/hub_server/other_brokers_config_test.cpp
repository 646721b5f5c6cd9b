// Where brokers may show a token over plain HTTP.
#include "roles/other_brokers_config.h"

#include "common/config_reader.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

bool taken(const std::string& host) {
    const auto table = toml::parse("tokens = [\"token\"]\nlisten = \"" + host + ":8080\"\n");
    EXPECT_TRUE(table);
    return app::read_other_brokers(app::table_reader(table.table(), "berthd.toml")).has_value();
}

TEST(OtherBrokers, AskInPlainHttpOnThisMachineAlone) {
    for (const char* const here : {"127.0.0.1", "127.255.0.3", "[::1]", "localhost"}) {
        EXPECT_TRUE(taken(here)) << here;
    }
    for (const char* const elsewhere : {"127.example.com", "127.0.0.1.example.com", "127.0.0.1x", "127.1", "128.0.0.1", "0.0.0.0",
                                        "[::]", "localhost.example.com"}) {
        EXPECT_FALSE(taken(elsewhere)) << elsewhere;
    }
}

}  // namespace
}  // namespace berth::test
