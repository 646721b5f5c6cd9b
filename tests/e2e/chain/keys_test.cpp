// Parties whose keys are in a token, in a TPM and in a file elsewhere: each by what names its key.
#include "../keys/key_places.h"
#include "chain_parties.h"

namespace berth::test {
namespace {

class ChainKeys : public ChainParties<HubWorld> {
protected:
    void SetUp() override {
        BERTH_NEEDS_SOFTHSM();
        BERTH_NEEDS_SWTPM();
    }
};

TEST_F(ChainKeys, EachKeepsItsOwnWhereItLikes) {
    did({"init", "--dir", at("company-x"), "--organization", "Company-X", "--algorithm", "p384", "--key", in_token("company-x")});
    join("factory-y", "company-x", {"--path-length", "1"}, {"--key", in_tpm("0x81000020")});
    join("technician-z", "factory-y", {}, {"--key", "file:" + at("elsewhere.key")});
    for (const char* party : {"company-x", "factory-y", "technician-z"}) {
        EXPECT_FALSE(fs::exists(at(std::string(party) + "/signer.key"))) << party;
    }
    openssl(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=widget-1 -keyout widget-1.key -out widget-1.csr");
    did({"sign", "--dir", at("factory-y"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    did({"sign", "--dir", at("technician-z"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    openssl("verify -CAfile company-x/signer.pem -untrusted widget-1.pem widget-1.pem");
    // A list of whose key is in a chip, and the proof of whose is in a token.
    did({"revoke", "--dir", at("factory-y"), signer_of("technician-z"), "--out", at("factory-y.crl")});
    done({"ca", "register", signer_of("company-x"), "--name", "company-x", "--key", in_token("company-x")});
    done({"ca", "crl", "company-x", at("factory-y.crl"), "--signer", signer_of("factory-y")});
    berth({"key", "delete", in_token("company-x")});
}

}  // namespace
}  // namespace berth::test
