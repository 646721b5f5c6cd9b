// Enrolment that one TPM alone can open, with TPMs whose makers are believed and others.
#include "est/tpm_enrolment.h"
#include "est_world.h"
#include "keystore/key_uri.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/endorsement.h"
#include "pki/csr.h"
#include "pki/enveloped.h"
#include "support/swtpm.h"

namespace berth::test {
namespace {

namespace tpm2 = keystore::tpm2;

constexpr const char* tpm_profiles = R"(
[[profile]]
name = "tpm"
authority = "ca"
requires = ["endorsement"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "tpm-and-token"
authority = "ca"
requires = ["endorsement+token"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
)";
constexpr const char* tpm_configuration = R"(
[[est.trust]]
proof = "endorsement"
anchors = ["tpm-maker.pem"]
[[est.label]]
label = "tpm"
profile = "tpm"
[[est.label]]
label = "tpm-and-token"
profile = "tpm-and-token"
)";

class TpmEnrolment : public EstServer {
protected:
    static void SetUpTestSuite() {
        if (!swtpm::installed()) {
            return;
        }
        ours = std::make_unique<swtpm>(true);
        other = std::make_unique<swtpm>(true);
        more_profiles = tpm_profiles;
        more_configuration = tpm_configuration;
        // The maker of one of them: its root, then the CA below it.
        more_files = {{"tpm-maker.pem", ours->read("ca/swtpm-localca-rootca-cert.pem") + ours->read("ca/issuercert.pem")}};
        EstServer::SetUpTestSuite();
    }
    static void TearDownTestSuite() {
        if (ours) {
            EstServer::TearDownTestSuite();
        }
        ours.reset();
        other.reset();
        with_key.clear();
        more_profiles.clear();
        more_configuration.clear();
        more_files.clear();
    }
    void SetUp() override { BERTH_NEEDS_SWTPM(); }

    static std::string key_in(const swtpm& tpm, const std::string& handle = "0x81000005") {
        return "tpm2:" + handle + ";tcti=" + tpm.tcti();
    }
    static program_result enrol(const swtpm& tpm, const std::string& out, std::vector<std::string> more = {},
                                const std::string& label = "tpm") {
        if (with_key.insert(&tpm).second) {
            more.insert(more.end(), {"--alg", "p256"});
        }
        more.insert(more.end(), {"--new-key", key_in(tpm), "--out", at(out)});
        return est("tpmenroll", label, more);
    }

    // What a TPM shows, taken apart: for requests that no client of ours makes.
    struct shown {
        est::tpm_request request;
        bytes spki;
    };
    static shown show(const swtpm& tpm) {
        const auto in = got(tpm2::device::shared(tpm.tcti()));
        shown out;
        const auto endorsement = got(tpm2::endorsement_certificates(in)).front();
        out.request.endorsement.push_back(got(pki::certificate::parse(endorsement.der)));
        {
            const auto ek = got(tpm2::certified_endorsement_key(in, endorsement));
            out.request.endorsement_key = ek.area().encode();
        }
        const auto key = got(tpm2::create_primary(in, tpm2::hierarchy::endorsement, tpm2::idevid_template()));
        out.spki = got(key.area().spki());
        const auto ak = got(tpm2::create_primary(in, tpm2::hierarchy::endorsement, tpm2::iak_template()));
        out.request.attestation_key = ak.area().encode();
        out.request.resident = est::tpm_request::certified{key.area().encode(), {}};
        return out;
    }
    // The answer, or its status and text.
    static std::pair<std::string, std::string> post(const est::tpm_request& request, const std::string& label = "tpm") {
        write("body", est::tpm_request_body(request, est::framing::one_line));
        const auto done = curl({"-H", "Content-Type: " + est::body_writer::content_type(), "--data-binary", "@" + at("body"),
                                "-D", at("headers"), "-o", at("answer"), url(label, "tpmenroll")});
        return {status_of(done), got(app::read_text(at("answer")))};
    }
    static est::tpm_answer answer_in(const std::string& body) {
        return got(est::read_tpm_answer(*est::parse_media_type(est::body_writer::content_type()), body));
    }
    static result<secret_bytes> activate(const swtpm& tpm, const est::tpm_answer& answer) {
        BERTH_TRY(in, tpm2::device::shared(tpm.tcti()));
        BERTH_TRY(all, tpm2::endorsement_certificates(in));
        BERTH_TRY(ek, tpm2::create_endorsement_key(in, all.front().kind));
        BERTH_TRY(ak, tpm2::create_primary(in, tpm2::hierarchy::endorsement, tpm2::iak_template()));
        return tpm2::activate_credential(ak, ek, all.front().kind, answer.credential);
    }
    // A PKCS#10 and a statement for it, of the key that berth has made in this TPM.
    static est::tpm_request request_of_key(const swtpm& tpm) {
        auto out = show(tpm).request;
        {
            const auto key = got(keystore::open_signing_key(key_in(tpm)));
            out.csr = got(pki::build_csr({}, key->as_signing_key()));
        }
        const auto in = got(tpm2::device::shared(tpm.tcti()));
        const auto key = got(tpm2::open_persistent(in, 0x81000005));
        const auto ak = got(tpm2::create_primary(in, tpm2::hierarchy::endorsement, tpm2::iak_template()));
        out.resident = est::tpm_request::certified{key.area().encode(), got(tpm2::certify(key, ak, est::certify_with(out.csr)))};
        return out;
    }

    static inline std::unique_ptr<swtpm> ours, other;
    static inline std::set<const swtpm*> with_key;
};

// `revocation = "crl"` of makers: another's list is none of this one's.
TEST_F(TpmEnrolment, WhereAListIsDemandedItsMakerHasOne) {
    const unix_seconds now = system_clock().now();
    const auto web = make_root("web", crypto::signature_algorithm::ecdsa_p256_sha256, {now - day, now + 100 * day});
    write("web.crl", got(pki::issue_crl({1, now - 60, now + day, {}}, leaf("web"), web.key)).to_pem());
    const auto serve = [](const std::string& text) {
        write("berthd.toml", text);
        ::kill(server->pid(), SIGHUP);
        ASSERT_TRUE(says("\"reloaded\""));
    };
    const std::string usual = std::string(configuration) + tpm_configuration;
    std::string strict = usual;
    const std::string anchors = "anchors = [\"tpm-maker.pem\"]";
    strict.replace(strict.find(anchors), anchors.size(),
                   "anchors = [\"tpm-maker.pem\", \"web.pem\"]\ncrls = [\"web.crl\"]\nrevocation = \"crl\"");
    serve(strict);
    const auto refused = enrol(*ours, "strict.pem");
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_NE(refused.all().find("revocation list"), std::string::npos) << refused.all();
    serve(usual);
}

TEST_F(TpmEnrolment, TheTpmOpensItsCertificate) {
    const auto done = enrol(*ours, "tpm.pem");
    ASSERT_EQ(done.exit, 0) << done.all();
    const auto issued = leaf("tpm");
    // A TPM of which nothing else is known is called by its endorsement key.
    const auto endorsement = show(*ours).request.endorsement.front();
    EXPECT_EQ(issued.device_serial(), to_hex(endorsement.spki_sha256()));
    const auto log = must({"ca", "log", "--dir", at("ca"), "--device", to_hex(endorsement.spki_sha256())});
    ASSERT_FALSE(log.output.empty());
    EXPECT_THAT(log.output.back(), testing::HasSubstr("\"proofs\":\"endorsement\""));
    EXPECT_GT(got(app::read_chain(at("tpm.pem"))).size(), 1u) << "its issuers come with it";
}

TEST_F(TpmEnrolment, AnotherTpmThatShowsTheSameCannotOpenIt) {
    ASSERT_EQ(enrol(*ours, "tpm.pem").exit, 0);
    const auto request = request_of_key(*ours);
    const auto [status, body] = post(request);
    ASSERT_EQ(status, "200") << body;
    const auto answer = answer_in(body);
    const auto elsewhere = activate(*other, answer);
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().name, "tpm_wrong_tpm");
    const auto here = got(activate(*ours, answer));
    const auto opened = got(est::open_tpm_answer(answer, here));
    EXPECT_TRUE(same_octets(opened.spki(), got(pki::verified_csr::parse(request.csr)).key().spki()));
    // Whoever has CMS can, with what the TPM has given; nothing of the certificate is outside the envelope.
    ASSERT_TRUE(app::write_text(at("envelope.der"), std::string(as_text(answer.envelope))));
    const auto foreign = openssl({"cms", "-decrypt", "-inform", "DER", "-in", at("envelope.der"), "-secretkey",
                                  to_hex(here.reveal()), "-out", at("opened.der"), "-binary"});
    ASSERT_EQ(foreign.exit, 0) << foreign.all();
    EXPECT_EQ(got(pki::read_file(at("opened.der"), 10'000)), to_bytes(opened.der()));
    EXPECT_TRUE(std::ranges::search(answer.envelope, opened.spki()).empty());
}

TEST_F(TpmEnrolment, ATpmOfAStrangeMakerIsRefused) {
    const auto refused = enrol(*other, "other.pem");
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_EQ(refused.error_name(), "refused");
    EXPECT_THAT(refused.all(), testing::HasSubstr("whether a maker who is believed vouches for the TPM"));
    EXPECT_FALSE(std::filesystem::exists(at("other.pem")));
}

TEST_F(TpmEnrolment, WhatDoesNotBelongTogetherIsRefused) {
    ASSERT_EQ(enrol(*ours, "tpm.pem").exit, 0);
    const auto good = request_of_key(*ours);
    const auto refused = [](const est::tpm_request& request, const char* why) {
        const auto [status, body] = post(request);
        EXPECT_THAT(status, testing::StartsWith("4")) << body;
        EXPECT_THAT(body, testing::HasSubstr(why));
    };
    auto other_ek = good;
    other_ek.endorsement_key = show(*other).request.endorsement_key;
    refused(other_ek, "is not the one of its certificate");
    auto not_shown = good;
    not_shown.resident.reset();
    refused(not_shown, "nothing in the request says that it is in the same TPM");
    auto other_key = good;
    other_key.resident->key = show(*ours).request.resident->key;
    refused(other_key, "not the one of the PKCS#10");
    auto no_attestation_key = good;
    no_attestation_key.attestation_key = show(*ours).request.resident->key;  // signs whatever it is given
    EXPECT_EQ(post(no_attestation_key).first, "403");
    auto of_another_request = good;
    of_another_request.csr = request_of_key(*ours).csr;  // signed anew: other octets than those that were certified
    EXPECT_THAT(post(of_another_request).first, testing::StartsWith("4"));
    // A key outside every TPM, whose holder has seen all of it.
    auto in_software = good;
    in_software.csr = got(pki::build_csr({}, signature_key("software")));
    refused(in_software, "not the one of the PKCS#10");
}

TEST_F(TpmEnrolment, TheProofIsGoodForThisWayAlone) {
    EXPECT_EQ(est("enrol", "tpm", new_key("plain", "")).error_name(), "refused");
    EXPECT_EQ(enrol(*ours, "x.pem", {}, "device-id").error_name(), "refused") << "its profile asks for no TPM";
}

TEST_F(TpmEnrolment, ATokenSaysWhichDeviceItIs) {
    EXPECT_EQ(enrol(*ours, "named.pem", {}, "tpm-and-token").error_name(), "password_wanted");
    must({"est", "token", "--dir", at("ca"), "--serial", "SN-T", "--profile", "tpm-and-token", "--out", at("tpm.token")});
    const auto done = enrol(*ours, "named.pem", {"--token-file", at("tpm.token")}, "tpm-and-token");
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(leaf("named").device_serial(), "SN-T");
}

TEST_F(TpmEnrolment, WhatIsNoSuchRequestIsRefused) {
    for (const char* const body : {"", "--berth-est-part--\r\n", "--berth-est-part\r\n\r\n\r\n--berth-est-part--\r\n"}) {
        write("body", body);
        const auto done = curl({"-H", "Content-Type: " + est::body_writer::content_type(), "--data-binary", "@" + at("body"),
                                "-o", at("answer"), url("tpm", "tpmenroll")});
        EXPECT_EQ(status_of(done), "400") << body;
    }
    const auto typed = curl({"-H", "Content-Type: application/pkcs10", "--data-binary", "AAAA", url("tpm", "tpmenroll")});
    EXPECT_EQ(status_of(typed), "415") << typed.all();
}

}  // namespace
}  // namespace berth::test
