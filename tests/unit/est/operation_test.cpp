#include "est/operation.h"
#include "support/test_pki.h"

namespace berth::est {

namespace {

using test::name_of_error;
using test::value_of;

// RFC 7030 3.2.2.
TEST(EstOperation, EveryOperationWithAndWithoutALabel) {
    for (const auto op :
         {operation::cacerts, operation::simpleenroll, operation::simplereenroll, operation::serverkeygen, operation::csrattrs}) {
        for (const std::string label : {"", "devices", "a.b-c_9"}) {
            const std::string path = path_of({label, op});
            const target t = value_of(parse_target(method_of(op), path));
            EXPECT_EQ(t.op, op);
            EXPECT_EQ(t.label, label);
            const auto wrong = parse_target(method_of(op) == "GET" ? "POST" : "GET", path);
            EXPECT_EQ(name_of_error(wrong), "method_not_allowed");
            EXPECT_EQ(wrong.error().params.front().second, method_of(op));
        }
    }
    EXPECT_EQ(path_of({"", operation::cacerts}), "/.well-known/est/cacerts");
    EXPECT_EQ(path_of({"x", operation::simplereenroll}), "/.well-known/est/x/simplereenroll");
}

TEST(EstOperation, FullCmcSaysThatItIsNotThere) {
    EXPECT_EQ(name_of_error(parse_target("POST", "/.well-known/est/fullcmc")), "not_implemented");
    EXPECT_EQ(name_of_error(parse_target("POST", "/.well-known/est/x/fullcmc")), "not_implemented");
}

TEST(EstOperation, AllElseIsNotFound) {
    for (const char* path :
         {"", "/", "/cacerts", "/.well-known/est", "/.well-known/est/", "/.well-known/est/x", "/.well-known/est//cacerts",
          "/.well-known/est/cacerts/", "/.well-known/est/CACERTS", "/.well-known/est/a/b/cacerts", "/.well-known/est/../cacerts",
          "/.well-known/est/%61/cacerts", "/.well-known/est/a b/cacerts", "/.well-known/est/cacerts?x=1",
          "/.well-known/estx/cacerts", "/.well-known/EST/cacerts"}) {
        EXPECT_EQ(name_of_error(parse_target("GET", path)), "not_found") << path;
    }
    EXPECT_EQ(name_of_error(parse_target("GET", "/.well-known/est/" + std::string(65, 'a') + "/cacerts")), "not_found");
}

// RFC 7030 3.2.2: a label "MUST NOT be equal to one of the operation paths".
TEST(EstOperation, AnOperationIsNoLabel) {
    EXPECT_EQ(name_of_error(parse_target("GET", "/.well-known/est/cacerts/cacerts")), "not_found");
    EXPECT_FALSE(is_label("fullcmc"));
    EXPECT_FALSE(is_label(""));
    EXPECT_TRUE(is_label("cacerts2"));
}

}  // namespace

}  // namespace berth::est
