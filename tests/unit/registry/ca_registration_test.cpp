// CAs whose devices may log in: what is taken for one, and who is believed to have its key.
#include "pki/private_key_file.h"
#include "registry/hub/ca_registration.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace registry;
using crypto::signature_algorithm;

class CaRegistration : public testing::Test {
protected:
    registered_ca begin() { return begin_registration("fleet", root.certificate, random, test_now); }
    static bytes file(const pki::certificate& c) { return to_bytes(as_bytes(c.to_pem())); }
    // A verification certificate, in some way not what is asked for.
    pki::certificate proof_by(const authority& by, const std::string& code, unix_seconds from = test_now - 60,
                              unix_seconds to = test_now + 60) {
        pki::certificate_template contents;
        contents.subject.add("CN", code);
        contents.not_before = from;
        contents.not_after = to;
        return issue(by, contents, signature_key("a technician's").public_key().spki());
    }
    std::string answer(const registered_ca& ca, const pki::certificate& proof, unix_seconds now = test_now) {
        return name_of_error(verify_registration(ca, file(proof), now));
    }

    named_random random{"registration"};
    authority root = make_root("Fleet root", signature_algorithm::ecdsa_p256_sha256);
};

TEST_F(CaRegistration, TakesOneCaAsPemOrDerOfEachKindOfKey) {
    for (const auto alg : {signature_algorithm::ecdsa_p256_sha256, signature_algorithm::ecdsa_p384_sha384,
                           signature_algorithm::mldsa44, signature_algorithm::mldsa65, signature_algorithm::mldsa87}) {
        const auto ca = make_root("A", alg);
        EXPECT_EQ(value_of(read_ca_upload(file(ca.certificate), test_now)), ca.certificate);
        EXPECT_EQ(value_of(read_ca_upload(ca.certificate.der(), test_now)), ca.certificate);
    }
    // An intermediate alone.
    const auto intermediate = make_issuing_ca(root, "Line 2");
    EXPECT_TRUE(read_ca_upload(file(intermediate.certificate), test_now));
}

TEST_F(CaRegistration, RefusesAFileWithAPrivateKeyWhateverElseIsInIt) {
    const std::string key(as_text(value_of(pki::private_key_to_pem(root.key)).reveal()));
    for (const std::string& text : std::initializer_list<std::string>{
             key, root.certificate.to_pem() + key, key + root.certificate.to_pem(), "-----BEGIN EC PRIVATE KEY-----\nnonsense",
             "x-----BEGIN ENCRYPTED PRIVATE KEY-----\n"}) {
        EXPECT_EQ(name_of_error(read_ca_upload(as_bytes(text), test_now)), "private_key_in_file");
    }
}

TEST_F(CaRegistration, RefusesWhatIsNoCaInForce) {
    const auto refusal = [](const pki::certificate& c, unix_seconds now = test_now) {
        return name_of_error(read_ca_upload(as_bytes(c.to_pem()), now));
    };
    const auto leaf = issue(root, pki::client_template("Test", "dev1", usual), signature_key("dev1").public_key().spki());
    EXPECT_EQ(refusal(leaf), "not_a_ca");
    EXPECT_EQ(refusal(root.certificate, usual.not_after + 1), "certificate_expired");
    EXPECT_EQ(refusal(root.certificate, usual.not_before - 1), "certificate_not_yet_valid");
    auto no_signing = pki::root_template("Test", "Lists only", usual);
    no_signing.key_usage = pki::crl_sign;
    EXPECT_EQ(refusal(value_of(pki::issue_self_signed(no_signing, root.key, random))), "bad_key_usage");
    EXPECT_EQ(name_of_error(read_ca_upload(as_bytes(root.certificate.to_pem() + leaf.to_pem()), test_now)),
              "several_certificates");
    EXPECT_EQ(name_of_error(read_ca_upload(as_bytes("nonsense"), test_now)), "bad_certificate");
    EXPECT_EQ(name_of_error(read_ca_upload(as_bytes("-----BEGIN NONSENSE-----\n"), test_now)), "bad_pem");
    EXPECT_EQ(name_of_error(read_ca_upload(bytes(most_ca_file + 1), test_now)), "too_large");
    EXPECT_EQ(name_of_error(read_ca_upload({}, test_now)), "bad_certificate");
}

TEST_F(CaRegistration, WhoHasTheKeyProvesItByHandOrByItself) {
    const auto begun = begin();
    EXPECT_EQ(begun.code.size(), 48U);
    EXPECT_FALSE(begun.counts(test_now)) << "nobody is let in before the proof";
    for (const auto& proof :
         {proof_by(root, begun.code), value_of(make_proof(root.certificate, root.key, begun.code, random, test_now))}) {
        const auto done = value_of(verify_registration(begun, file(proof), test_now));
        EXPECT_TRUE(done.counts(test_now));
        EXPECT_EQ(done.verified_at, test_now);
        EXPECT_NE(done.etag(), begun.etag());
        EXPECT_TRUE(done.code.empty());
        EXPECT_EQ(answer(done, proof), "already_verified");
        EXPECT_TRUE(verify_registration(begun, proof.der(), test_now)) << "as DER";
    }
}

TEST_F(CaRegistration, NobodyElseProvesIt) {
    const auto begun = begin();
    // Another CA of the same name: only the signature tells.
    named_random other("another key");
    const auto key = crypto::signing_key::generate(signature_algorithm::ecdsa_p256_sha256, other);
    const authority twin{value_of(pki::issue_self_signed(pki::root_template("Test", "Fleet root", usual), key, other)), key};
    EXPECT_EQ(answer(begun, proof_by(twin, begun.code)), "bad_certificate_signature");
    EXPECT_EQ(answer(begun, proof_by(make_root("Somebody"), begun.code)), "wrong_proof");
    // One that the CA has issued below it is not the CA.
    EXPECT_EQ(answer(begun, proof_by(make_issuing_ca(root, "Line 2"), begun.code)), "wrong_proof");
    // What the CA signed for other reasons.
    EXPECT_EQ(answer(begun, proof_by(root, "dev1")), "wrong_proof");
    EXPECT_EQ(answer(begun, proof_by(root, begun.code + "0")), "wrong_proof");
    EXPECT_EQ(answer(begun, proof_by(root, begun.code.substr(0, 47))), "wrong_proof");
    EXPECT_EQ(answer(begun, root.certificate), "wrong_proof");
    // The proof of an earlier registration.
    EXPECT_EQ(answer(begun, proof_by(root, begin().code)), "wrong_proof");
    EXPECT_EQ(name_of_error(verify_registration(begun, as_bytes("nonsense"), test_now)), "bad_certificate");
    const auto twice = proof_by(root, begun.code).to_pem() + root.certificate.to_pem();
    EXPECT_EQ(name_of_error(verify_registration(begun, as_bytes(twice), test_now)), "several_certificates");
}

TEST_F(CaRegistration, InTimeOnly) {
    auto begun = begin();
    EXPECT_EQ(answer(begun, proof_by(root, begun.code, test_now - 60, test_now + 30 * day), test_now + code_lasts + 1),
              "code_expired");
    EXPECT_EQ(answer(begun, proof_by(root, begun.code, test_now - 60, test_now - 1)), "certificate_expired");
    EXPECT_EQ(answer(begun, proof_by(root, begun.code, test_now + 400, test_now + 500)), "certificate_not_yet_valid");
    EXPECT_EQ(answer(begun, proof_by(root, begun.code, test_now + 200, test_now + 500)), "accepted")
        << "a clock that is a little fast";
    begun.code_expires = usual.not_after + day;
    EXPECT_EQ(answer(begun, proof_by(root, begun.code, test_now, usual.not_after + 2 * day), usual.not_after + 1),
              "certificate_expired")
        << "the CA's own";
    const std::string before = begun.code;
    draw_code(begun, random, test_now);
    EXPECT_NE(begun.code, before);
}

TEST_F(CaRegistration, CountsWhileItIsInForceAndNotRetired) {
    auto ca = begin();
    ca = value_of(verify_registration(ca, file(proof_by(root, ca.code)), test_now));
    EXPECT_TRUE(ca.counts(usual.not_after));
    EXPECT_FALSE(ca.counts(usual.not_after + 1));
    EXPECT_FALSE(ca.counts(usual.not_before - 1));
    ca.retires = test_now + day;
    EXPECT_TRUE(ca.counts(test_now + day - 1));
    EXPECT_FALSE(ca.counts(test_now + day));
}

TEST_F(CaRegistration, Names) {
    EXPECT_TRUE(check_ca_name("Fleet-2026.1_b"));
    for (const std::string& name :
         {std::string(), std::string("a b"), std::string("../x"), std::string("a/b"), std::string(129, 'x')}) {
        EXPECT_EQ(name_of_error(check_ca_name(name)), "bad_name") << name;
    }
}

}  // namespace
}  // namespace berth::test
