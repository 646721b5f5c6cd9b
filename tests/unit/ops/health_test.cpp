#include "ops/health.h"

#include <gtest/gtest.h>

namespace berth::ops {

namespace {

result<void> broken() {
    return fail(error_category::environment, "store_unavailable", "the database does not answer");
}

}  // namespace

TEST(health, without_checks_is_well) {
    const health h;
    EXPECT_TRUE(h.live().ok);
    EXPECT_EQ(wire::to_text(h.ready().body), R"({"status":"ok","checks":{}})");
}

TEST(health, names_what_fails) {
    health h;
    bool well = true;
    h.add_live("loop", [] { return result<void>(); });
    h.add_ready("store", [&] { return well ? result<void>() : broken(); });
    EXPECT_TRUE(h.ready().ok);
    well = false;
    EXPECT_TRUE(h.live().ok);
    const auto report = h.ready();
    EXPECT_FALSE(report.ok);
    EXPECT_EQ(wire::to_text(report.body),
              R"({"status":"failing","checks":{"loop":{"ok":true},)"
              R"("store":{"ok":false,"error":"store_unavailable","message":"the database does not answer"}}})");
}

TEST(health, what_is_not_alive_is_not_ready) {
    health h;
    h.add_live("loop", broken);
    EXPECT_FALSE(h.live().ok);
    EXPECT_FALSE(h.ready().ok);
}

TEST(health, stopping_is_alive_but_not_ready) {
    health h;
    h.stopping();
    EXPECT_TRUE(h.live().ok);
    EXPECT_FALSE(h.ready().ok);
    EXPECT_EQ(h.ready().body.at("status").as_string(), "stopping");
}

}  // namespace berth::ops
