// Who says no to us: the server, or anybody on the path.
#include "credentials/visit.h"

#include <gtest/gtest.h>

namespace berth::app {
namespace {

error answer(const char* status) {
    return error{error_category::peer, "refused", "", {{"status", status}}};
}
error tls(const char* alert) {
    return error{error_category::peer, "tls_failed", "", {{"alert", alert}}};
}

TEST(Refusal, IsWhatTheServerAloneCanHaveSaid) {
    for (const char* status : {"400", "401", "403", "404"}) {
        EXPECT_TRUE(says_no(answer(status))) << status;
    }
    EXPECT_TRUE(says_no({error_category::peer, "password_wanted", ""}));
    for (const char* alert : {"42", "44", "45", "48", "116"}) {
        EXPECT_TRUE(says_no(tls(alert))) << alert;
    }
}

TEST(Refusal, IsNothingThatSomebodyElseCanDo) {
    EXPECT_FALSE(says_no({error_category::peer, "tls_failed", "TLS failed: tlsv1 alert certificate revoked"}));
    for (const char* name : {"closed_in_handshake", "truncated", "bad_answer", "unknown_issuer", "certificate_expired"}) {
        EXPECT_FALSE(says_no({error_category::peer, name, ""})) << name;
    }
    EXPECT_FALSE(says_no({error_category::environment, "connection_lost", ""}));
    EXPECT_FALSE(says_no({error_category::environment, "refused", "", {{"status", "503"}}}));
}

TEST(Refusal, IsNoCallForPatienceAndNoFaultOfTheServers) {
    for (const char* status : {"408", "425", "429"}) {
        EXPECT_FALSE(says_no(answer(status))) << status;
    }
    for (const char* alert : {"80", "90", "40", "70"}) {
        EXPECT_FALSE(says_no(tls(alert))) << alert;
    }
}

}  // namespace
}  // namespace berth::app
