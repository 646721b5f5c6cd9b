// Who may ask a hub over HTTPS: by certificate, by token, and nobody else.
#include "hub_api_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class HubAccess : public HubApi {
protected:
    [[nodiscard]] std::string token(const std::string& policy, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"access-policy", "token", policy, "--host", "localhost"});
        return std::string(done(more).at("token").as_string());
    }
    // As a back end makes one that has a connection string and the openssl command.
    [[nodiscard]] std::string token_by_openssl(const std::string& policy) const {
        const auto shown = done({"access-policy", "show", policy, "--show-keys", "--host", "localhost"});
        const std::string connection(shown.at("primaryConnectionString").as_string());
        const std::string key = connection.substr(connection.find("SharedAccessKey=") + 16);
        const auto expiry = std::to_string(system_clock().now() + 300);
        put("token.sh", "set -e\nhex=$(printf %s '" + key + "' | base64 -d | od -An -v -tx1 | tr -d ' \\n')\n" +
                            "sig=$(printf 'localhost\\n" + expiry +
                            "' | " BERTH_OPENSSL_COMMAND " dgst -sha256 -mac HMAC -macopt hexkey:$hex -binary | base64)\n" +
                            "printf 'SharedAccessSignature sr=localhost&sig=%s&se=" + expiry + "&skn=" + policy +
                            "\\n' $(printf %s $sig | sed -e 's/+/%2B/g' -e 's,/,%2F,g' -e 's/=/%3D/g')\n");
        const auto r = run_program("/bin/sh", {at("token.sh")});
        EXPECT_EQ(r.exit, 0) << r.all();
        return r.output.empty() ? "" : r.output.front();
    }
};

TEST_F(HubAccess, AnAdministratorByCertificate) {
    begin();
    EXPECT_EQ(as("alice", "PUT", "/devices/dev1", "{}"), "200");
    const std::string etag(body().at("etag").as_string());
    EXPECT_THAT(text("header"), HasSubstr("ETag: \"" + etag + "\""));
    EXPECT_EQ(as("alice", "PUT", "/devices/dev1", "{}"), "409");
    EXPECT_EQ(as("alice", "PUT", "/devices/dev1", R"({"status":"disabled"})", {"-H", "If-Match: \"" + etag + "\""}), "200");
    EXPECT_EQ(as("alice", "PUT", "/devices/dev1", R"({"status":"enabled"})", {"-H", "If-Match: \"" + etag + "\""}), "412");
    EXPECT_EQ(done({"device", "show", "dev1"}).at("status").as_string(), "disabled");
    EXPECT_EQ(as("alice", "DELETE", "/devices/dev1", "", {"-H", "If-Match: \"" + etag + "\""}), "412");
    EXPECT_EQ(as("alice", "DELETE", "/devices/dev1", "", {"-H", "If-Match: *"}), "204");
    EXPECT_EQ(as("alice", "GET", "/devices/dev1"), "404");
    EXPECT_EQ(as("alice", "PATCH", "/devices/dev1"), "405");
    EXPECT_THAT(text("header"), HasSubstr("Allow: GET, HEAD, PUT, DELETE"));
    EXPECT_EQ(as("alice", "GET", "/nothing"), "404");
    ASSERT_TRUE(says("\"hub_changed\""));
    EXPECT_THAT(heard_, HasSubstr("CN=alice")) << "who did it is in the log";
}

TEST_F(HubAccess, NobodyElseAndAllAreToldTheSame) {
    make_ca("others");
    make_leaf("others", "mallory", "alice", "clientAuth");
    make_leaf("admins", "web-server", "alice", "serverAuth");
    begin();
    EXPECT_EQ(curl({}, "/devices/dev1"), "401");
    const std::string told = text("body");
    EXPECT_THAT(text("header"), HasSubstr("WWW-Authenticate: SharedAccessSignature"));
    for (const char* const who : {"mallory", "web-server"}) {
        EXPECT_EQ(as(who, "PUT", "/devices/dev1", "{}"), "401");
        EXPECT_EQ(text("body"), told);
        EXPECT_TRUE(says("client_not_trusted")) << "the reason is in the log";
    }
    EXPECT_EQ(with_token("SharedAccessSignature sr=localhost&sig=AAAA&se=9999999999&skn=x", "GET", "/devices"), "401");
    EXPECT_EQ(text("body"), told);
    EXPECT_EQ(curl({}, "/nothing"), "401") << "strangers are not told what there is";
    EXPECT_EQ(curl({}, "/openapi.json"), "200") << "what the interface is, is no secret";
    EXPECT_EQ(body().at("openapi").as_string(), "3.1.0");
    EXPECT_EQ(done({"statistics"}).at("totalDeviceCount").to_number<int>(), 0);
}

TEST_F(HubAccess, BackEndsByTokens) {
    done({"access-policy", "add", "reader", "--rights", "registryRead"});
    done({"access-policy", "add", "writer", "--rights", "registryRead,registryWrite"});
    begin();
    EXPECT_EQ(with_token(token("writer"), "PUT", "/devices/dev1", "{}"), "200");
    EXPECT_EQ(with_token(token("reader"), "GET", "/devices/dev1"), "200");
    EXPECT_EQ(with_token(token_by_openssl("reader"), "GET", "/devices/dev1?api-version=2021-04-12"), "200");
    EXPECT_EQ(with_token(token("reader"), "DELETE", "/devices/dev1"), "401") << "it may not";
    EXPECT_TRUE(says("right_missing"));
    EXPECT_EQ(with_token(token("writer", {"--path", "/devices/dev1"}), "GET", "/devices/dev1"), "200");
    EXPECT_EQ(with_token(token("writer", {"--path", "/devices/dev1"}), "GET", "/devices"), "401");
    EXPECT_TRUE(says("wrong_resource"));
    // A key that was rotated counts no longer from the next request on, and the other one still.
    const std::string first = token("reader"), second = token("reader", {"--which", "secondary"});
    done({"access-policy", "rotate", "reader"});
    EXPECT_EQ(with_token(first, "GET", "/devices/dev1"), "401");
    EXPECT_EQ(with_token(second, "GET", "/devices/dev1"), "200");
    EXPECT_EQ(with_token(token("reader"), "GET", "/devices/dev1"), "200");
    done({"access-policy", "delete", "reader"});
    EXPECT_EQ(with_token(second, "GET", "/devices/dev1"), "401");
    EXPECT_TRUE(says("unknown_policy"));
    // Who shows a token is judged by it, whatever certificate he has.
    EXPECT_EQ(as("alice", "GET", "/devices/dev1", "", {"-H", "Authorization: " + second}), "401");
    EXPECT_EQ(as("alice", "GET", "/devices/dev1"), "200");
    // A file that cannot be read is no file of anybody's.
    put("hub/policies", text("hub/policies"));  // mode 0644
    EXPECT_EQ(with_token(first, "GET", "/devices/dev1"), "401");
    EXPECT_TRUE(says("policies_unreadable"));
}

TEST_F(HubAccess, KeysAreKeptAndShownWithCare) {
    done({"access-policy", "add", "app", "--rights", "registryRead"});
    EXPECT_EQ(fs::status(at("hub/policies")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto shown = done({"access-policy", "show", "app", "--show-keys", "--host", "h"});
    const std::string connection(shown.at("primaryConnectionString").as_string());
    const std::string key = connection.substr(connection.rfind("SharedAccessKey=") + 16);
    ASSERT_EQ(key.size(), 44U);
    EXPECT_THAT(hub({"access-policy", "list"}).all() + hub({"access-policy", "show", "app"}).all(), testing::Not(HasSubstr(key)));
    EXPECT_EQ(refused({"access-policy", "add", "app", "--rights", "registryRead"}), "policy_exists");
    EXPECT_EQ(refused({"access-policy", "add", "b", "--rights", "everything"}), "bad_rights");
    EXPECT_EQ(refused({"access-policy", "add", "a b", "--rights", "registryRead"}), "bad_name");
    EXPECT_EQ(refused({"access-policy", "rotate", "nobody"}), "unknown_policy");
    EXPECT_EQ(refused({"access-policy", "show", "app", "--show-keys"}), "bad_arguments");
    EXPECT_EQ(refused({"access-policy", "token", "app", "--host", "h", "--lifetime", "400d"}), "bad_arguments");
    EXPECT_EQ(hub({"access-policy", "list"}).output.size(), 1U);
    begin();
    with_token("SharedAccessSignature sr=localhost&sig=AAAA&se=9999999999&skn=app", "GET", "/devices");
    ASSERT_TRUE(says("hub_refused"));
    EXPECT_THAT(heard_, testing::Not(HasSubstr(key)));
}

TEST_F(HubAccess, AdministratorsByNameAndTokensSwitchedOff) {
    make_leaf("admins", "bob", "bob", "clientAuth");
    make_leaf("admins", "carol", "carol", "clientAuth");
    done({"access-policy", "add", "app", "--rights", "registryRead"});
    begin("admins = [\"admins.pem\"]\n[[hub.admin]]\nname = \"alice\"\nrights = [\"registryRead\", \"registryWrite\"]\n"
          "[[hub.admin]]\nname = \"bob\"\nrights = [\"registryRead\"]\n");
    EXPECT_EQ(as("alice", "PUT", "/devices/dev1", "{}"), "200");
    EXPECT_EQ(as("bob", "GET", "/devices/dev1"), "200");
    EXPECT_EQ(as("bob", "DELETE", "/devices/dev1"), "401");
    EXPECT_EQ(as("carol", "GET", "/devices/dev1"), "401");
    EXPECT_TRUE(says("not_an_admin"));
    EXPECT_EQ(with_token(token("app"), "GET", "/devices/dev1"), "401");
    EXPECT_TRUE(says("tokens_refused"));
}

TEST_F(HubAccess, ReadsItsFilesAgain) {
    make_ca("others");
    make_leaf("others", "mallory", "mallory", "clientAuth");
    begin();
    EXPECT_EQ(as("mallory", "GET", "/statistics/devices"), "401");
    put("admins.pem", text("others.pem"));
    reload();
    EXPECT_EQ(as("mallory", "GET", "/statistics/devices"), "200");
    EXPECT_EQ(as("alice", "GET", "/statistics/devices"), "401");
    put("admins.pem", "nothing");
    reload("reload_refused");
    EXPECT_EQ(as("mallory", "GET", "/statistics/devices"), "200") << "all or nothing";
    put("admins.pem", text("others.pem"));
    configure(usual, "127.0.0.2:0");
    reload("restart_needed");
    configure("admins = [\"others.pem\"]\n");
    reload();
    EXPECT_EQ(as("mallory", "GET", "/statistics/devices"), "200");
}

TEST_F(HubAccess, AnAdministratorWhoWasRevoked) {
    put("empty.cnf", "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\ndefault_md = sha256\ndefault_crl_days = 3\n"
                     "crlnumber = number\n");
    put("index.txt", "");
    put("number", "01\n");
    const std::string ca = "ca -config empty.cnf -cert admins.pem -keyfile admins.key ";
    openssl(ca + "-gencrl -out admins.crl");
    begin("admins = [\"admins.pem\"]\nadmin_crls = [\"admins.crl\"]\nadmin_revocation = \"crl\"\n");
    EXPECT_EQ(as("alice", "GET", "/statistics/devices"), "200");
    openssl(ca + "-revoke alice.pem");
    openssl(ca + "-gencrl -out admins.crl");
    reload();
    EXPECT_EQ(as("alice", "GET", "/statistics/devices"), "401");
    EXPECT_TRUE(says("client_not_trusted"));
}

TEST_F(HubAccess, MistakesOfTheFileAreToldAtStart) {
    EXPECT_EQ(refused_at_start(""), "bad_config") << "nobody could ask";
    EXPECT_EQ(refused_at_start("sas = true\nadmin = 3\n"), "bad_config");
    EXPECT_EQ(refused_at_start("sas = true\n[[hub.admin]]\nname = \"a\"\nrights = [\"registryRead\"]\n"), "bad_config");
    EXPECT_EQ(refused_at_start("admins = [\"admins.pem\"]\n[[hub.admin]]\nname = \"a\"\nrights = [\"everything\"]\n"),
              "bad_config");
    EXPECT_EQ(refused_at_start("admins = [\"alice.pem\"]\n"), "bad_anchor");
    EXPECT_EQ(refused_at_start("admins = [\"nobody.pem\"]\n"), "file_not_found");
    make_leaf("web", "server", "elsewhere", "serverAuth", "-addext subjectAltName=DNS:elsewhere");
    EXPECT_EQ(refused_at_start(usual), "bad_profile");
}

}  // namespace
}  // namespace berth::test
