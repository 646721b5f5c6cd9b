#include "est/tpm_enrolment.h"
#include "made_up_authority.h"
#include "pki/enveloped.h"

namespace berth::est {
namespace {

tpm_request some_request(const made_up_authority& by, bool with_key) {
    tpm_request out;
    out.csr = bytes(300, 1);
    out.endorsement = {by.root.certificate};
    out.endorsement_key = bytes(90, 2);
    out.attestation_key = bytes(91, 3);
    if (with_key) {
        out.resident = tpm_request::certified{bytes(92, 4), {bytes(93, 5), bytes(94, 6)}};
    }
    return out;
}
media_type kind() {
    return *parse_media_type(body_writer::content_type());
}

TEST(TpmEnrolment, RequestsAreReadAsTheyWereWritten) {
    const made_up_authority by;
    for (const bool with_key : {false, true}) {
        for (const framing how : {framing::one_line, framing::lines_64, framing::lines_76}) {
            const auto sent = some_request(by, with_key);
            const auto read = test::value_of(read_tpm_request(kind(), tpm_request_body(sent, how)));
            EXPECT_EQ(read.csr, sent.csr);
            ASSERT_EQ(read.endorsement.size(), 1u);
            EXPECT_EQ(read.endorsement_key, sent.endorsement_key);
            EXPECT_EQ(read.attestation_key, sent.attestation_key);
            ASSERT_EQ(read.resident.has_value(), with_key);
            if (with_key) {
                EXPECT_EQ(read.resident->key, sent.resident->key);
                EXPECT_EQ(read.resident->said.octets, sent.resident->said.octets);
                EXPECT_EQ(read.resident->said.signature, sent.resident->said.signature);
            }
        }
    }
}

TEST(TpmEnrolment, AnswersOpenWithWhatTheTpmGivesAlone) {
    made_up_authority by;
    const secret_bytes activated(bytes(32, 9));
    tpm_answer sent{{bytes(40, 1), bytes(41, 2)},
                    test::value_of(pki::seal_envelope(by.root.certificate.der(), activated, as_bytes("x")))};
    const auto read = test::value_of(read_tpm_answer(kind(), tpm_answer_body(sent, framing::one_line)));
    EXPECT_EQ(read.credential.blob, sent.credential.blob);
    EXPECT_EQ(read.credential.encrypted_secret, sent.credential.encrypted_secret);
    EXPECT_EQ(test::value_of(open_tpm_answer(read, activated)), by.root.certificate);
    EXPECT_EQ(open_tpm_answer(read, secret_bytes(bytes(32, 8))).error().name, "wrong_envelope_key");
    sent.envelope = test::value_of(pki::seal_envelope(bytes(50, 1), activated, as_bytes("x")));
    EXPECT_FALSE(open_tpm_answer(sent, activated)) << "no certificate";
}

TEST(TpmEnrolment, PartsInAnotherOrderOrNumberAreNone) {
    const made_up_authority by;
    const std::string good = tpm_request_body(some_request(by, false), framing::one_line);
    const std::string mark = "--berth-est-part\r\n";
    const auto refused = [](const std::string& body) {
        const auto read = read_tpm_request(kind(), body);
        return read ? std::string("read") : read.error().name;
    };
    EXPECT_EQ(refused(""), "bad_multipart");
    EXPECT_EQ(refused("--berth-est-part--\r\n"), "bad_multipart");
    EXPECT_EQ(refused(good.substr(0, good.size() - 6)), "bad_multipart") << "its end is missing";
    const size_t second = good.find(mark, 1);
    const size_t third = good.find(mark, second + 1);
    EXPECT_EQ(refused(good.substr(second)), "bad_multipart") << "the first part is missing";
    EXPECT_EQ(refused(good.substr(second, third - second) + good.substr(0, second) + good.substr(third)), "bad_multipart");
    EXPECT_EQ(refused(good.substr(0, second) + good), "bad_multipart") << "five parts";
    EXPECT_EQ(refused(std::string(good).insert(good.find("AQEB"), "*")), "bad_base64");
    EXPECT_EQ(refused(std::string(most_request + 1, 'x')), "too_large");
    EXPECT_EQ(read_tpm_request(*parse_media_type("multipart/mixed"), good).error().name, "bad_multipart") << "no boundary";
    EXPECT_EQ(read_tpm_request(*parse_media_type("application/pkcs10"), good).error().name, "bad_multipart");
    tpm_request none = some_request(by, false);
    none.endorsement.clear();
    EXPECT_EQ(refused(tpm_request_body(none, framing::one_line)), "bad_multipart");
}

// A server with no maker of TPMs, and one whose policy does not know the operation.
TEST(TpmEnrolment, IsNotOfferedByDefault) {
    made_up_authority by;
    http_request request;
    request.method = "POST";
    request.path = "/.well-known/est/tpmenroll";
    request.headers.add("Content-Type", body_writer::content_type());
    request.body = tpm_request_body(some_request(by, true), framing::one_line);
    EXPECT_EQ(serve(by, request, requester{}, {}).response.status, 403u);
    by.usual.access.push_back({{operation::tpmenroll}, {}, 0, true});
    EXPECT_EQ(serve(by, request, requester{}, {}).response.status, 400u) << "its PKCS#10 is none";
    auto sent = some_request(by, true);
    sent.csr = test::value_of(pki::build_csr({}, test::signature_key("a key")));
    request.body = tpm_request_body(sent, framing::one_line);
    EXPECT_EQ(serve(by, request, requester{}, {}).response.status, 501u);
    EXPECT_EQ(by.asked, 0);
    request.headers = {};
    request.headers.add("Content-Type", "application/pkcs10");
    EXPECT_EQ(serve(by, request, requester{}, {}).response.status, 415u);
}

}  // namespace
}  // namespace berth::est
