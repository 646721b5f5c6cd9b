// What a broker is shown by those who should not get in, and what devices send it that is not as it should be.
#include "broker_world.h"
#include "crypto/random.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"

namespace berth::test {
namespace {

class BrokerHostile : public BrokerWorld {
protected:
    void SetUp() override {
        BrokerWorld::SetUp();
        for (const char* name : {"dev1", "dev1/mod1", "dev2", "dev2/mod1"}) {
            done({"device", "add", name});
        }
    }
    // NAME.pem below `root`, with a key of its own unless it is said to have another's.
    void make_issuer(const std::string& name, const std::string& root, const std::string& times = "-days 7",
                     const std::string& subject = "line", const std::string& key = "") const {
        put("issuer.cnf", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                          "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
        openssl("req -new -nodes -subj /CN=" + subject + " -out " + name + ".csr " +
                (key.empty() ? "-keyout " + name + ".key -newkey " + ec : "-key " + key + ".key"));
        openssl("x509 -req -in " + name + ".csr -CA " + root + ".pem -CAkey " + root + ".key " + times +
                " -extfile issuer.cnf -out " + name + ".pem");
    }
    // The leaf of `file` with these behind it: FILE.pem of another name.
    void send_along(const std::string& as, const std::string& file, const std::vector<std::string>& above) const {
        std::string chain = text(file + ".pem");
        for (const auto& one : above) {
            chain += text(one + ".pem");
        }
        put(as + ".pem", chain);
        put(as + ".key", text(file + ".key"));
    }
    // By the fleet's CA, whatever the name is.
    void certify_any(const std::string& file, const pki::certificate_template& what) const {
        const auto key = crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
        const auto ca = got(app::read_certificate(at("fleet.pem")));
        const auto ca_key = got(pki::load_signing_key(at("fleet.key")));
        const auto made = got(pki::issue(what, key.public_key().spki(), ca, ca_key, crypto::system_random()));
        put(file + ".pem", made.to_pem());
        ASSERT_TRUE(pki::save_private_key(at(file + ".key"), key));
    }
    static pki::certificate_template named(const std::vector<std::string>& common_names, const std::string& uri = "") {
        pki::certificate_template out;
        for (const auto& one : common_names) {
            out.subject.add("CN", one);
        }
        if (!uri.empty()) {
            out.alt_names.uris.push_back(uri);
        }
        const unix_seconds now = system_clock().now();
        out.not_before = now - 3'600;
        out.not_after = now + 3'600;
        return out;
    }
    void expect_reason(const std::string& reason, size_t from) {
        EXPECT_TRUE(says("\"reason\":\"" + reason + "\"", from)) << reason << "\n" << log().substr(from);
    }
};

TEST_F(BrokerHostile, ChainsThatDoNotHold) {
    start();
    make_issuer("line", "fleet");
    certify("dev1", "dev1", "line");
    send_along("whole", "dev1", {"line"});
    EXPECT_EQ(connect("whole", "dev1"), "in") << log();
    // Once more with all that is known of it by now.
    size_t from = log().size();
    EXPECT_EQ(connect("dev1", "dev1"), "tls") << "the intermediate is missing";
    expect_reason("unknown_ca", from);
    make_issuer("ended", "fleet", "-not_before 20240101000000Z -not_after 20240201000000Z", "line", "line");
    send_along("late", "dev1", {"ended"});
    from = log().size();
    EXPECT_EQ(connect("late", "dev1"), "tls");
    expect_reason("certificate_expired", from);
    // The same names and the same key, by somebody else's root.
    make_ca("stranger", ec);
    make_issuer("foreign", "stranger", "-days 7", "line", "line");
    send_along("under-a-stranger", "dev1", {"foreign", "stranger"});
    from = log().size();
    EXPECT_EQ(connect("under-a-stranger", "dev1"), "tls");
    expect_reason("unknown_ca", from);
    // An intermediate with the right names, whose key the leaf was not signed with.
    make_issuer("other", "fleet");
    send_along("mixed", "dev1", {"other"});
    EXPECT_EQ(connect("mixed", "dev1"), "tls");
    EXPECT_EQ(connect("whole", "dev1"), "in") << "and who may come still comes\n" << log();
}

TEST_F(BrokerHostile, NamesThatAreNone) {
    using namespace std::string_literals;
    start();
    int number = 0;
    for (const auto& common : {"dev1/"s, "/dev1"s, "dev1//mod1"s, "dev1/mod1/more"s, "dev1 "s, " dev1"s, "DEV1"s, "dev1\0"s,
                               "dev1\0more"s, "d\xd0\xb5v1"s, "dev\xef\xbc\x91"s, "dev1/mod1\0"s, "../dev1"s, "dev2/../dev1"s}) {
        const std::string file = fmt::format("odd-{}", ++number);
        certify_any(file, named({common}));
        EXPECT_NE(connect(file, "dev1"), "in") << number;
        EXPECT_NE(connect(file, "dev1/mod1"), "in") << number;
    }
    certify_any("two", named({"dev1", "dev2"}));
    EXPECT_NE(connect("two", "dev1"), "in");
    EXPECT_NE(connect("two", "dev2"), "in");
    certify_any("uri", named({"dev2"}, "urn:berth:device:dev1"));
    EXPECT_NE(connect("uri", "dev1"), "in") << "names in subjectAltName count only where that is said";
    certify("dev1", "dev1");
    for (const auto& id : {"dev1/"s, "/dev1"s, "dev1//mod1"s, "dev1/mod1/more"s, "DEV1"s, "d\xd0\xb5v1"s, "$dev1"s, "dev1 "s,
                           std::string(129, 'd'), std::string(1'000, 'd')}) {
        EXPECT_EQ(connect("dev1", id), "refused") << id;
    }
    EXPECT_EQ(connect("dev1", "dev1"), "in") << log();
}

TEST_F(BrokerHostile, LongNames) {
    start("plugin_opt_alternative_names true");
    const std::string longest(128, 'd'), too_long(129, 'd');
    done({"device", "add", longest});
    EXPECT_EQ(refused({"device", "add", too_long}), "bad_identity_name");
    certify_any("longest", named({}, "urn:berth:device:" + longest));
    certify_any("too-long", named({}, "urn:berth:device:" + too_long));
    EXPECT_EQ(connect("longest", longest), "in") << log();
    EXPECT_NE(connect("too-long", too_long), "in");
    EXPECT_NE(connect("too-long", longest), "in");
    EXPECT_NE(connect("longest", too_long), "in");
}

TEST_F(BrokerHostile, ModulesOfOthers) {
    start();
    certify("dev1", "dev1");
    certify("mod", "dev2\\/mod1");
    const size_t from = log().size();
    EXPECT_EQ(connect("mod", "dev1/mod1"), "refused");
    expect_reason("name_mismatch", from);
    EXPECT_EQ(connect("dev1", "dev1/mod1"), "refused") << "a device is none of its modules";
    EXPECT_EQ(connect("mod", "dev2"), "refused") << "nor the reverse";
    // And at another's topics nothing arrives.
    const pid_t hears = listen_to_all();
    EXPECT_EQ(connect("mod", "dev2/mod1", "devices/dev1/modules/mod1/messages/events/stolen"), "in");
    EXPECT_EQ(connect("mod", "dev2/mod1", "devices/dev2/messages/events/stolen"), "in");
    EXPECT_EQ(connect("mod", "dev2/mod1", "devices/dev2/modules/mod1/messages/events/own"), "in");
    EXPECT_TRUE(eventually([this] { return heard().find("/own") != std::string::npos; })) << log();
    EXPECT_EQ(heard().find("stolen"), std::string::npos) << heard();
    end(hears);
}

TEST_F(BrokerHostile, OfTwoWithOneNameTheSecondStays) {
    start();
    certify("dev1", "dev1");
    // Whether it is cut shows at the one that does not come again by itself.
    const auto first = client("mosquitto_sub", "dev1", "dev1", {"-t", "$iothub/twin/res/#", "-V", "5", "-d"});
    const pid_t one = spawn(first, at("first.log"), libraries());
    EXPECT_TRUE(eventually([this] { return says("as dev1"); })) << log();
    const size_t from = log().size();
    ::kill(one, SIGSTOP);
    const pid_t other = stay("dev1", "dev1");
    EXPECT_TRUE(eventually([&] { return says("already connected, closing old connection", from); })) << log().substr(from);
    EXPECT_EQ(connect("dev1", "dev2"), "refused") << "and under another name nobody takes over";
    EXPECT_EQ(::kill(other, 0), 0);
    end(one);
    end(other);
}

TEST_F(BrokerHostile, BagsThatDoNotDecode) {
    start();
    certify("dev1", "dev1");
    const pid_t hears = listen_to_all();
    const std::string own = "devices/dev1/messages/events/";
    for (const auto& bag : {"%", "%zz=1", "%ff=%fe", "=", "&&&", "a=b=c", "%2e%2e%2fdev2", "a=%00"}) {
        EXPECT_EQ(connect("dev1", "dev1", own + bag), "in") << bag;
    }
    // What is more than a bag is nobody's topic.
    EXPECT_EQ(connect("dev1", "dev1", own + "a/../../dev2"), "in");
    EXPECT_EQ(connect("dev1", "dev1", own + "last"), "in");
    EXPECT_TRUE(eventually([&] { return heard().find(own + "last") != std::string::npos; })) << log();
    EXPECT_THAT(heard(), testing::HasSubstr(own + "%zz=1")) << "a bag is handed on as it came";
    EXPECT_THAT(heard(), testing::Not(testing::HasSubstr("../")));
    end(hears);
}

}  // namespace
}  // namespace berth::test
