// Devices that show a TPM.
#include "hub/access/sas_token.h"
#include "hub/login/login.h"
#include "provisioning_world.h"
#include "support/tpm_device.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

class ByTpm : public ProvisioningWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        link("hub.example", true);
        ASSERT_TRUE(hub->set({true, false, ""}));
    }
    void enrol(const tpm_device& one, const std::function<void(enrolment_settings&)>& how = {}) {
        enrolment_settings s;
        s.attestation.endorsement_key = got(attestation::storage_key_from(got(wire::from_base64(one.endorsement())))).encode();
        if (how) {
            how(s);
        }
        individual("dev1", s);
    }
    [[nodiscard]] caller by(const std::string& token = "") const {
        caller out = shows({});
        out.token = token;
        return out;
    }
    static std::string key_of(const answer& a) { return text(a, "authenticationKey"); }
    // As SDKs do it: what is sent to the TPM, and the token that it signs then.
    std::string token_of(tpm_device& one) {
        now += 20;
        const auto first = begin(by(), "dev1", one.body());
        EXPECT_EQ(first.status, 401U) << first.text();
        EXPECT_TRUE(one.takes(key_of(first)));
        return one.token("scope1/registrations/dev1", now + 3'600);
    }
    // The registrationState.
    wire::json::object registers(tpm_device& one) {
        const auto token = token_of(one);
        const auto begun = begin(by(token), "dev1", one.body());
        EXPECT_EQ(begun.status, 202U) << begun.text();
        const auto a = status(by(token), "dev1", text(begun, "operationId"));
        EXPECT_EQ(a.status, 200U) << a.text();
        return state_of(a);
    }
    static std::string key_of(const wire::json::object& state) {
        const auto* const tpm = state.if_contains("tpm");
        return tpm ? text(tpm->as_object(), "authenticationKey") : "";
    }
};

class ByEachTpm : public ByTpm, public testing::WithParamInterface<const char*> {};

TEST_P(ByEachTpm, ADeviceIsGivenAKeyAndLogsInWithIt) {
    tpm_device one(GetParam());
    enrol(one);
    const auto state = registers(one);
    EXPECT_EQ(text(state, "status"), "assigned");
    EXPECT_EQ(text(state, "assignedHub"), "hub.example");
    EXPECT_EQ(known("dev1")->settings.login.way, login_way::shared_key);
    ASSERT_TRUE(one.takes(key_of(state)));
    const auto keys = got(hub->keys_of({"dev1", ""}));
    ASSERT_TRUE(keys);
    EXPECT_EQ(one.hmac("something"),
              to_bytes(crypto::hmac(crypto::hash_algorithm::sha256, keys->primary.reveal(), as_bytes("something")).view()));
    // At the hub, by a token that the TPM signs.
    const auto words = hub::judge_words("dev1", "hub.example/dev1/?api-version=2021-04-12",
                                        one.token("hub.example/devices/dev1", now + 3'600, ""));
    hub::judged_chain nothing;
    nothing.refusal = hub::login_refusal::no_certificate;
    const auto login = hub::judge_login(*hub, nothing, "dev1", now, &words);
    ASSERT_TRUE(login.in) << login.why;
    EXPECT_TRUE(login.in->by_key);
    // Who registers again goes on with the same key, unless all of it begins anew.
    const auto again = registers(one);
    EXPECT_NE(key_of(again), key_of(state)) << "sealed anew";
    ASSERT_TRUE(one.takes(key_of(again)));
    EXPECT_EQ(got(hub->keys_of({"dev1", ""}))->primary.reveal().size(), keys->primary.size());
    EXPECT_TRUE(same_octets(got(hub->keys_of({"dev1", ""}))->primary.reveal(), keys->primary.reveal()));
}
INSTANTIATE_TEST_SUITE_P(Kinds, ByEachTpm, testing::Values("rsa", "ecc"));

TEST_F(ByTpm, AnotherTpmOpensNothing) {
    tpm_device one("ecc"), other("ecc");
    enrol(one);
    const auto first = begin(by(), "dev1", one.body());
    EXPECT_FALSE(other.takes(key_of(first)));
    // Nor does its own, with another storage root key than the one that was said.
    const std::string mixed =
        R"({"tpm":{"endorsementKey":")" + one.endorsement() + R"(","storageRootKey":")" + other.storage_root() + "\"}}";
    const auto second = begin(by(), "dev1", mixed);
    EXPECT_FALSE(one.takes(key_of(second)));
    EXPECT_FALSE(other.takes(key_of(second)));
    // And who is not enrolled hears nothing at all.
    const auto refused = begin(by(), "dev1", other.body());
    EXPECT_EQ(refused.status, 401U);
    EXPECT_EQ(key_of(refused), "");
    EXPECT_FALSE(known("dev1"));
}

TEST_F(ByTpm, AChangedBlobIsNotTakenIn) {
    tpm_device one("ecc");
    enrol(one);
    const bytes blob = got(wire::from_base64(key_of(begin(by(), "dev1", one.body()))));
    ASSERT_TRUE(one.takes(wire::base64(blob)));
    wire::reader in(blob);
    for (size_t at = 0, item = 0; item < 4; ++item) {
        bytes changed = blob;
        at += 2;
        const size_t size = attestation::read_2b(in).size();
        changed[at + size - 1] ^= 1;
        at += size;
        EXPECT_FALSE(one.takes(wire::base64(changed))) << item;
    }
}

TEST_F(ByTpm, TokensThatAreNone) {
    tpm_device one("ecc");
    enrol(one);
    const auto token = token_of(one);
    const auto refused = [&](const std::string& other) {
        now += 20;
        const auto a = begin(by(other), "dev1", one.body());
        EXPECT_NE(key_of(a), "") << "it may try again";
        return a.status == 401;
    };
    EXPECT_TRUE(refused("nonsense"));
    EXPECT_TRUE(refused(token.substr(0, token.size() - 30)));
    EXPECT_TRUE(refused(one.token("scope1/registrations/dev2", now + 3'600)));
    EXPECT_TRUE(refused(one.token("scope1", now + 3'600)));
    EXPECT_TRUE(refused(one.token("scope1/registrations/dev1", now)));
    EXPECT_TRUE(refused(one.token("scope1/registrations/dev1", now + 3'000'000)));
    EXPECT_FALSE(known("dev1"));
    // All of that has taken nothing from the device.
    const auto begun = begin(by(token), "dev1", one.body());
    EXPECT_EQ(begun.status, 202U) << begun.text();
    const std::string operation = text(begun, "operationId");
    EXPECT_EQ(status(by(), "dev1", operation).status, 404U);
    EXPECT_EQ(status(by(one.token("scope1/registrations/dev2", now + 3'600)), "dev1", operation).status, 404U);
    EXPECT_EQ(status(by(token), "dev1", operation).status, 200U);
    // It was good once.
    const auto replayed = begin(by(token), "dev1", one.body());
    EXPECT_EQ(replayed.status, 401U);
    EXPECT_NE(key_of(replayed), "");
    EXPECT_EQ(status(by(token), "dev1", operation).status, 200U) << "the device may still ask";
    now += settings.operation_lasts;
    EXPECT_EQ(status(by(token), "dev1", operation).status, 404U);
}

// Its endorsement key's public half stands on certificates and labels.
TEST_F(ByTpm, WhoKnowsItsPublicKeyKeepsNoDeviceOut) {
    tpm_device one("ecc"), other("ecc"), third("rsa");
    enrol(one);
    const auto token = token_of(one);
    const auto asks = [&](const tpm_device& with) {
        return begin(by(), "dev1",
                     R"({"tpm":{"endorsementKey":")" + one.endorsement() + R"(","storageRootKey":")" + with.storage_root() +
                         "\"}}");
    };
    EXPECT_NE(key_of(asks(other)), "");
    EXPECT_NE(key_of(asks(third)), "");
    EXPECT_NE(key_of(asks(one)), "");
    for (unsigned i = 4; i < settings.most_begins; ++i) {
        EXPECT_EQ(asks(other).status, 401U) << i;
    }
    const auto often = asks(other);
    EXPECT_EQ(often.status, 429U);
    EXPECT_EQ(key_of(often), "");
    // The device, from where it is.
    caller device = by();
    device.address = "192.0.2.8";
    EXPECT_NE(key_of(begin(device, "dev1", one.body())), "");
    device.token = token;
    EXPECT_EQ(begin(device, "dev1", one.body()).status, 202U);
}

TEST_F(ByTpm, TheOutcomeIsToldForAsLongAfterTheTokenAsAnybodys) {
    tpm_device one("ecc");
    enrol(one);
    const auto token = token_of(one);
    now += settings.operation_lasts - 10;
    const auto begun = begin(by(token), "dev1", one.body());
    ASSERT_EQ(begun.status, 202U) << begun.text();
    now += settings.operation_lasts - 1;
    EXPECT_EQ(status(by(token), "dev1", text(begun, "operationId")).status, 200U);
    // Long after, the token is none: its key comes to nobody again.
    for (const unix_seconds later : {1, 10, 600, 1'200}) {
        now += later;
        EXPECT_EQ(begin(by(token), "dev1", one.body()).status, 401U) << later;
    }
}

TEST_F(ByTpm, AKeyThatNobodyUsedEnds) {
    tpm_device one("ecc");
    enrol(one);
    const auto token = token_of(one);
    now += 2 * settings.operation_lasts;
    EXPECT_EQ(begin(by(token), "dev1", one.body()).status, 401U);
}

TEST_F(ByTpm, WhereNoKeysAreTakenItIsSaid) {
    tpm_device one("ecc");
    enrol(one);
    ASSERT_TRUE(hub->set({}));
    auto state = registers(one);
    EXPECT_EQ(state.at("errorCode").to_number<uint64_t>(), 400'501U);
    EXPECT_THAT(text(state, "errorMessage"), testing::HasSubstr("--device-sas on"));
    EXPECT_FALSE(known("dev1"));
    ASSERT_TRUE(hub->set({true, false, ""}));
    link("far.example");
    changed(*got(records->find(enrolment_kind::individual, "dev1")), [](auto& s) {
        s.allocation = allocation_way::fixed;
        s.hubs = {"far.example"};
    });
    EXPECT_EQ(registers(one).at("errorCode").to_number<uint64_t>(), 400'501U) << "its keys are its own";
}

TEST_F(ByTpm, NobodysIdentityIsTakenOver) {
    tpm_device one("ecc");
    enrol(one, [](auto& s) { s.device_id = "pump-1"; });
    identity_settings theirs;
    theirs.login.way = login_way::shared_key;
    const auto made = make_identity({"pump-1", ""}, theirs, random, now);
    ASSERT_TRUE(hub->add(made));
    ASSERT_TRUE(hub->set_keys(*known("pump-1"), draw_shared_keys(random), now));
    EXPECT_EQ(registers(one).at("errorCode").to_number<uint64_t>(), 409'203U);
    ASSERT_TRUE(hub->remove(*known("pump-1"), now));
    EXPECT_EQ(text(registers(one), "deviceId"), "pump-1");
}

TEST_F(ByTpm, EnrolmentsAndWhoShowsSomethingElse) {
    tpm_device one("ecc"), other("ecc");
    enrol(one, [&](auto& s) {
        s.attestation.storage_root_key =
            got(attestation::storage_key_from(got(wire::from_base64(other.storage_root())))).encode();
    });
    EXPECT_EQ(key_of(begin(by(), "dev1", one.body())), "") << "another storage root key was enrolled";
    EXPECT_EQ(begin(shows({leaf(root, "dev1")}), "dev1").status, 401U) << "a certificate is no TPM";
    EXPECT_EQ(begin(by(), "dev1", R"({"tpm":{"endorsementKey":"AAAA","storageRootKey":"AAAA"}})").status, 400U);
    EXPECT_EQ(begin(by(), "dev1", R"({"tpm":1})").status, 400U);
    EXPECT_EQ(begin(by(), "dev1", "{}").status, 401U);
    changed(*got(records->find(enrolment_kind::individual, "dev1")), [](auto& s) {
        s.attestation.storage_root_key.clear();
        s.enabled = false;
    });
    EXPECT_EQ(key_of(begin(by(), "dev1", one.body())), "");
}

}  // namespace
}  // namespace berth::test
