#include "ca/names.h"

#include "ca/text_template.h"
#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::name_of_error;
using test::value_of;

TEST(Names, WhatOtherProgramsWouldMisread) {
    EXPECT_EQ(name_of_error(check_name_value("CN", "pump 7")), "accepted");
    EXPECT_EQ(name_of_error(check_name_value("CN", "Zürich ✓")), "accepted");
    for (const std::string& bad : {std::string(), std::string("a\0.example", 10), std::string("a\nb"), std::string("*.example"),
                                   std::string(65, 'a'), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
                                   std::string("\xf4\x90\x80\x80"), std::string("\xff"), std::string("\xc3")}) {
        EXPECT_EQ(name_of_error(check_name_value("CN", bad)), "bad_name") << bad;
    }
    EXPECT_EQ(name_of_error(check_name_value("CN", std::string(64, 'a'))), "accepted");
    EXPECT_EQ(name_of_error(check_name_value("C", "DEU")), "bad_name");
    EXPECT_EQ(name_of_error(check_name_value("L", std::string(128, 'a'))), "accepted");
    EXPECT_EQ(name_of_error(check_name_value("URI", "urn:" + std::string(900, 'a'))), "accepted");
}

TEST(Names, HostsAreHosts) {
    for (const char* good : {"a", "gateway-1.plant.example", "1.2.example", "xn--bcher-kva.example"}) {
        EXPECT_EQ(name_of_error(check_dns_name(good)), "accepted") << good;
    }
    for (const std::string& bad :
         {std::string(), std::string("*.example"), std::string("a..b"), std::string("a."), std::string(".a"), std::string("-a.b"),
          std::string("a-.b"), std::string("a_b"), std::string("a b"), std::string("a\0b", 3), std::string(64, 'a') + ".b",
          std::string("bücher.example")}) {
        EXPECT_EQ(name_of_error(check_dns_name(bad)), "bad_name") << bad;
    }
    std::string longest;
    while (longest.size() < 250) {
        longest += "abcd.";
    }
    EXPECT_EQ(name_of_error(check_dns_name(longest + "abc")), "accepted");
    EXPECT_EQ(name_of_error(check_dns_name(longest + "abcd")), "bad_name");
}

TEST(Names, Oids) {
    EXPECT_TRUE(is_dotted_oid("1.3.6.1.5.5.7.3.2"));
    EXPECT_TRUE(is_dotted_oid("2.25.3"));
    for (const char* bad : {"", "1", "3.1", "1..2", "1.2.", ".1.2", "1.02", "serverAuth", "1.2.x"}) {
        EXPECT_FALSE(is_dotted_oid(bad)) << bad;
    }
}

TEST(TextTemplate, FillsInWhatIsKnown) {
    const requester who = test::a_device("SN,1=x");
    EXPECT_EQ(value_of(value_of(text_template::parse("urn:x:{serial}:{{}}")).fill(who)), "urn:x:SN,1=x:{}");
    EXPECT_EQ(value_of(value_of(text_template::parse("{maker}")).fill(who)), "07" + std::string(62, '0'));
    for (const char* bad : {"{seriel}", "{", "}", "{serial", "a}b"}) {
        EXPECT_EQ(name_of_error(text_template::parse(bad)), "bad_profile") << bad;
    }
}

TEST(TextTemplate, TellsWhatIsNotKnown) {
    requester nobody;
    nobody.name = "x";
    for (const char* place : {"{serial}", "{maker}", "{cn}", "{o}"}) {
        EXPECT_EQ(name_of_error(value_of(text_template::parse(place)).fill(nobody)), "identity_incomplete") << place;
    }
}

TEST(NameTemplate, ValuesStayValues) {
    const auto name = value_of(name_template::parse("serialNumber={serial}, O=Birch\\, Inc,OU=a=b"));
    const auto filled = value_of(name.fill(test::a_device("SN,1=x")));
    EXPECT_EQ(filled.attributes,
              (std::vector<std::pair<std::string, std::string>>{{"serialNumber", "SN,1=x"}, {"O", "Birch, Inc"}, {"OU", "a=b"}}));
    EXPECT_TRUE(name.has("O"));
    EXPECT_FALSE(name.has("CN"));
    for (const char* bad : {"CN", "CN=", "=x", "CN=a,", "CN={x}"}) {
        EXPECT_EQ(name_of_error(name_template::parse(bad)), "bad_profile") << bad;
    }
    EXPECT_TRUE(value_of(name_template::parse("")).empty());
}

}  // namespace

}  // namespace berth::ca
