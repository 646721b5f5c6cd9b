// The service API: enrolments by REST, as SDKs for back ends ask.
#include "provisioning/enrolment_json.h"
#include "provisioning/service_api.h"
#include "provisioning_world.h"

namespace berth::test {
namespace {

class ServiceApi : public EnrolledFleet {
protected:
    provisioning::api_answer ask(const std::string& method, const std::string& path, const std::string& body = "",
                                 const std::string& if_match = "", size_t most = 0, const std::string& continuation = "") {
        return provisioning::answer_service_api({method, path, if_match, body, most, continuation}, *hub, *records, random, now);
    }
    static uint64_t code(const provisioning::api_answer& a) {
        const auto* const object = a.body.if_object();
        const auto* const found = object ? object->if_contains("errorCode") : nullptr;
        return found ? found->to_number<uint64_t>() : a.status;
    }
    const std::string line_group =
        R"({"enrollmentGroupId":"line","attestation":{"type":"x509","x509":{"caReferences":{"primary":"line"}}}})";
};

TEST_F(ServiceApi, MakesShowsChangesAndDeletes) {
    const auto made = ask("PUT", "/enrollmentGroups/line", line_group);
    EXPECT_EQ(made.status, 200U);
    EXPECT_NE(made.etag, "");
    EXPECT_EQ(text(made.body.as_object(), "etag"), made.etag);
    EXPECT_EQ(ask("GET", "/enrollmentGroups/LINE").etag, made.etag);
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/line", line_group)), 409'201U) << "If-Match says that it is to be changed";
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/line", line_group, "\"other\"")), 412'001U);
    auto disabled = made.body.as_object();
    disabled["provisioningStatus"] = "disabled";
    const auto after = ask("PUT", "/enrollmentGroups/line", wire::to_text(disabled), "\"" + made.etag + "\"");
    EXPECT_EQ(after.status, 200U);
    EXPECT_NE(after.etag, made.etag);
    EXPECT_FALSE(got(records->find(enrolment_kind::group, "line"))->settings.enabled);
    EXPECT_EQ(code(ask("DELETE", "/enrollmentGroups/line", "", made.etag)), 412'001U);
    EXPECT_EQ(ask("DELETE", "/enrollmentGroups/line", "", after.etag).status, 204U);
    EXPECT_EQ(code(ask("GET", "/enrollmentGroups/line")), 404'201U);
    EXPECT_EQ(code(ask("DELETE", "/enrollmentGroups/line")), 404'201U);
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/line", line_group, "*")), 404'201U);
}

TEST_F(ServiceApi, IndividualOnes) {
    auto body = provisioning::to_json(make_enrolment(enrolment_kind::individual, "dev1", with(leaf(root, "dev1")), random, now));
    EXPECT_EQ(ask("PUT", "/enrollments/dev1", wire::to_text(body)).status, 200U);
    EXPECT_EQ(text(ask("GET", "/enrollments/DEV1").body.as_object(), "registrationId"), "dev1");
    EXPECT_EQ(code(ask("GET", "/enrollmentGroups/dev1")), 404'201U);
    EXPECT_EQ(code(ask("PUT", "/enrollments/dev2", wire::to_text(body))), 400'001U) << "of another name";
}

TEST_F(ServiceApi, RefusesWhatItCannotDo) {
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/line", "{")), 400'001U);
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/line", "")), 400'001U);
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/a%2Fb", line_group)), 400'001U);
    EXPECT_EQ(code(ask("PUT", "/enrollmentGroups/l2",
                       R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":"fleet"}}}})")),
              409'201U)
        << "another group has this CA";
    EXPECT_EQ(code(ask("PUT", "/enrollments/dev1", R"({"attestation":{"type":"tpm"}})")), 400'001U);
    EXPECT_EQ(code(ask("PUT", "/enrollments/dev1", R"({"attestation":{"type":"symmetricKey"}})")), 400'501U);
    for (const char* path : {"", "/", "/enrollments", "/enrollments/", "/enrollments/a/b", "/other/a", "/enrollments/%zz",
                             "/enrollments/a%00", "/registrations/a/b", "enrollments/a"}) {
        EXPECT_EQ(code(ask("GET", path)), 404'001U) << path;
        EXPECT_FALSE(provisioning::is_service_path(path)) << path;
    }
    EXPECT_EQ(code(ask("PATCH", "/enrollments/a")), 405'001U);
    EXPECT_EQ(code(ask("GET", "/enrollments/query")), 405'001U);
    EXPECT_EQ(code(ask("POST", "/enrollments/query", R"({"query":"SELECT * FROM enrollments WHERE x = 1"})")), 400'501U);
    EXPECT_EQ(code(ask("POST", "/enrollments/query", R"({"query":1})")), 400'001U);
}

TEST_F(ServiceApi, PagesOfAll) {
    for (int i = 0; i < 5; ++i) {
        const std::string id = "dev" + std::to_string(i);
        individual(id, with(leaf(root, id)));
    }
    std::vector<std::string> names;
    std::string from;
    do {
        const auto page = ask("POST", "/enrollments/query", R"({"query":"SELECT * FROM enrollments"})", "", 2, from);
        ASSERT_EQ(page.status, 200U);
        for (const auto& e : page.body.as_array()) {
            names.push_back(text(e.as_object(), "registrationId"));
        }
        from = page.continuation;
    } while (!from.empty());
    EXPECT_EQ(names, (std::vector<std::string>{"dev0", "dev1", "dev2", "dev3", "dev4"}));
    EXPECT_EQ(ask("POST", "/enrollmentGroups/query").body.as_array().size(), 1U);
}

TEST_F(ServiceApi, RegistrationsOfAGroup) {
    EXPECT_EQ(code(ask("GET", "/registrations/dev1")), 404'204U);
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "dev2 at hub.example");
    EXPECT_EQ(text(ask("GET", "/registrations/DEV1").body.as_object(), "assignedHub"), "hub.example");
    const auto page = ask("POST", "/registrations/fleet/query", "", "", 1);
    EXPECT_EQ(page.body.as_array().size(), 1U);
    EXPECT_EQ(page.continuation, "dev1");
    EXPECT_EQ(ask("POST", "/registrations/fleet/query", "", "", 1, page.continuation).body.as_array().size(), 1U);
    EXPECT_EQ(ask("DELETE", "/registrations/dev1").status, 204U);
    EXPECT_EQ(code(ask("DELETE", "/registrations/dev1")), 404'204U);
    EXPECT_TRUE(known("dev1")) << "what is at the hub is the hub's";
}

}  // namespace
}  // namespace berth::test
