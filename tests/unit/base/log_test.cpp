// Log lines: one line each, whatever a peer sends, and never a secret.
#include "base/log.h"
#include "base/secret.h"
#include "wire/json.h"

#include <gmock/gmock.h>

namespace berth {
namespace {

std::string logged(log::format how, const std::function<void()>& work, log::level least = log::level::info) {
    log::configure(least, how);
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
}

TEST(Log, JsonLineHasItsFields) {
    const std::string line =
        logged(log::format::json, [] { log::info("kk2_opened", "a device", {{"serial", "SN-1"}, {"octets", 12}}); });
    EXPECT_THAT(
        line,
        testing::MatchesRegex(
            R"(\{"time":"[0-9T:.-]+Z","level":"info","event":"kk2_opened","message":"a device","serial":"SN-1","octets":12\})"
            "\n"));
}

TEST(Log, APeersTextCannotMakeALineOfItsOwn) {
    const std::string evil = "x\"}\n{\"event\":\"onboarded\"\r\x1b[31m\x7f\\";
    for (const auto how : {log::format::json, log::format::text}) {
        const std::string out = logged(how, [&] { log::info("refused", evil, {{"text", evil}}); });
        EXPECT_EQ(std::ranges::count(out, '\n'), 1) << out;
        EXPECT_EQ(out.find('\x1b'), std::string::npos) << "no terminal sequences";
        EXPECT_EQ(out.find('\r'), std::string::npos);
        EXPECT_THAT(out, testing::HasSubstr("\\n{\\\"event\\\""));
    }
}

TEST(Log, FailureCarriesNameCategoryAndParameters) {
    const error e{error_category::peer, "revoked", "it was revoked", {{"reason", "key_compromise"}}};
    const std::string line = logged(log::format::json, [&] { log::failure("handshake_failed", e, {{"peer", "[::1]:1"}}); });
    for (const char* part : {R"("level":"warning")", R"("error":"revoked")", R"("category":"peer")",
                             R"("reason":"key_compromise")", R"("peer":"[::1]:1")"}) {
        EXPECT_THAT(line, testing::HasSubstr(part));
    }
    const error ours{error_category::internal, "bug", "ours"};
    EXPECT_THAT(logged(log::format::json, [&] { log::failure("x", ours); }), testing::HasSubstr(R"("level":"error")"));
}

TEST(Log, LevelsBelowTheChosenOneAreNotWritten) {
    EXPECT_EQ(logged(log::format::text, [] { log::info("a", "b"); }, log::level::warning), "");
    EXPECT_FALSE(log::enabled(log::level::info));
    EXPECT_NE(logged(log::format::text, [] { log::warning("a", "b"); }, log::level::warning), "");
    EXPECT_EQ(logged(log::format::text, [] { log::debug("a", "b"); }), "");
}

// There is no way to hand a secret to the log by accident: it has no text, and no field takes it.
TEST(Log, TakesNoSecret) {
    static_assert(!std::is_constructible_v<log::field, std::string_view, secret_bytes>);
    static_assert(!std::is_constructible_v<log::field, std::string_view, bytes>);
    static_assert(!std::is_convertible_v<secret_bytes, std::string_view>);
}

TEST(Log, KeepsTextOfAnyLanguage) {
    const std::string text = "Gr\xc3\xbc\xc3\x9f"
                             "e \xe2\x82\xac \xf0\x9f\x94\x91 \xed\x9f\xbf \xf4\x8f\xbf\xbf";
    EXPECT_EQ(log::escape(text), text);
}

TEST(Log, OctetsThatAreNoTextDoNotSpoilALine) {
    const std::vector<std::string> bad{
        "\xff", "\x80", "\xc3", "\xc0\xaf", "\xe2\x82", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5",
    };
    for (const auto& octets : bad) {
        const std::string escaped = log::escape("<" + octets + ">");
        EXPECT_NE(escaped.find("\\ufffd"), std::string::npos) << to_hex(as_bytes(octets));
        for (const char c : escaped) {
            EXPECT_LT(static_cast<unsigned char>(c), 0x80) << to_hex(as_bytes(octets));
        }
        EXPECT_TRUE(wire::parse_json("\"" + escaped + "\"")) << escaped;
    }
    EXPECT_EQ(log::escape("\xe2\x82z"), "\\ufffd\\ufffdz") << "what follows a broken sequence is not lost";
}

}  // namespace
}  // namespace berth
