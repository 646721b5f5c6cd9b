// What the conformance suite does not ask: which keys are refused, what survives TPM2_Clear, and what a foreign program makes
// of ours.
#include "crypto/kem.h"
#include "keystore/operations.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/keys.h"
#include "tpm2_fixture.h"

#include <filesystem>
#include <fstream>

namespace berth::keystore::tpm2 {

namespace {

TEST_F(Tpm2, EstablishIsRepeatable) {
    const devid_layout at;
    const auto first = value_of(establish(in, idevid_template(), at.idevid)).area();
    EXPECT_EQ(value_of(establish(in, idevid_template(), at.idevid)).area(), first);
    const auto other = establish(in, iak_template(), at.idevid);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().name, "nv_exists");
    EXPECT_EQ(value_of(open_persistent(in, at.idevid)).area(), first);
}

// The DevID specification's template, as tpm2-tools makes it from the published numbers: the same key.
TEST_F(Tpm2, AForeignProgramMakesTheSameIdevid) {
    const auto ours = value_of(create_primary(in, hierarchy::endorsement, idevid_template())).area();
    const auto write = [&](const std::string& name, const bytes& data) {
        std::ofstream(chip->directory() / name, std::ios::binary) << as_text(data);
    };
    write("policy", ours.policy);
    bytes unique;
    for (int i = 0; i < 2; ++i) {
        bytes parameter{6, 0};  // TPM2B_ECC_PARAMETER as tpm2-tss keeps it in memory on a little-endian machine
        append(parameter, as_bytes("IDEVID"));
        parameter.resize(2 + 128);
        append(unique, parameter);
    }
    write("unique", unique);
    tool("tpm2 createprimary -Q -C e -g sha256 -G ecc256:ecdsa-sha256 -a "
         "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|sign' -L policy -u unique -c idevid.ctx");
    tool("tpm2 readpublic -Q -c idevid.ctx -f der -o idevid.spki");
    EXPECT_EQ(to_hex(as_bytes(chip->read("idevid.spki"))), to_hex(value_of(ours.spki())));
}

TEST_F(Tpm2, ClearLosesHandlesAndNotIdentities) {
    const devid_layout at;
    const auto before = value_of(establish(in, idevid_template(), at.idevid)).area();
    tool("tpm2 clear -Q -c p");
    EXPECT_EQ(name_of_error(signing_key_at(in, at.idevid)), "key_not_found");
    EXPECT_EQ(value_of(establish(in, idevid_template(), at.idevid)).area(), before);
    EXPECT_TRUE(signing_key_at(in, at.idevid));
}

// What is sealed belongs to who owns the device, and goes with TPM2_Clear; the chip's half comes back.
TEST_F(Tpm2, ClearLosesTheSeed) {
    const devid_layout at;
    test::named_random random("hybrid");
    const sealed_file before = value_of(make_hybrid_key(in, at.kem, always{}, random));
    tool("tpm2 clear -Q -c p");
    EXPECT_EQ(name_of_error(hybrid_key_at(in, at.kem, before)), "key_not_found");
    value_of(establish(in, kem_template(), at.kem));
    EXPECT_EQ(name_of_error(hybrid_key_at(in, at.kem, before)), "tpm_wrong_tpm");
    const sealed_file after = value_of(make_hybrid_key(in, at.kem, always{}, random));
    EXPECT_TRUE(hybrid_key_at(in, at.kem, after));
}

TEST_F(Tpm2, KeysForAnotherUseAreRefused) {
    const devid_layout at;
    value_of(establish(in, iak_template(), at.iak));
    value_of(establish(in, kem_template(), at.kem));
    EXPECT_EQ(name_of_error(signing_key_at(in, at.iak)), "key_restricted");
    EXPECT_EQ(name_of_error(signing_key_at(in, at.kem)), "tpm_unsupported");
    EXPECT_EQ(name_of_error(signing_key_at(in, at.idevid)), "key_not_found");
    test::named_random random("hybrid");
    const sealed_file sealed = value_of(make_hybrid_key(in, at.kem, always{}, random));
    EXPECT_EQ(name_of_error(hybrid_key_at(in, at.iak, sealed)), "tpm_unsupported");
    EXPECT_EQ(name_of_error(hybrid_key_at(in, at.idevid, sealed)), "key_not_found");
}

TEST_F(Tpm2, TheHybridIsTheSameAfterARestart) {
    const devid_layout at;
    test::named_random random("hybrid");
    const sealed_file sealed = value_of(make_hybrid_key(in, at.kem, always{}, random));
    const auto key = value_of(hybrid_key_at(in, at.kem, sealed));
    const auto pub = key->public_key();
    const auto made = pub.encapsulate(random);

    chip->stop();
    const auto gone = key->decapsulate(made.enc);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().name, "keystore_failed");
    EXPECT_EQ(gone.error().category, error_category::environment);
    EXPECT_EQ(gone.error().params.back(), (std::pair<std::string, std::string>("cause", "tpm_unavailable")));

    in.reset();
    chip->start();
    connect();
    const sealed_file from_disk = value_of(sealed_file::from_pem(sealed.to_pem()));
    const auto again = value_of(hybrid_key_at(in, at.kem, from_disk));
    EXPECT_EQ(again->public_key(), pub);
    EXPECT_EQ(to_hex(value_of(again->decapsulate(made.enc)).reveal()), to_hex(made.shared_secret.reveal()));
}

// The TPM itself would sign with whatever is at the handle now; nobody is to take that for the key that he holds.
TEST_F(Tpm2, AKeyThatIsMadeAnewIsNotTakenForTheOldOne) {
    in.reset();  // the TPM serves one connection at a time
    const std::string uri = "tpm2:0x81000002;tcti=" + chip->tcti();
    constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
    {
        const auto old = value_of(make_signing_key(uri, p256));
        ASSERT_TRUE(remove_key(uri));
        const auto refused = make_signing_key(uri, p256);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "key_changed");
    }
    const auto now = value_of(open_signing_key(uri));
    EXPECT_TRUE(now->public_key().verify(as_bytes("x"), value_of(now->sign(as_bytes("x")))));
}

// A slip in the name of the file costs neither the key nor another file.
TEST_F(Tpm2, IsNotDeletedByANameWithASlip) {
    in.reset();
    const std::filesystem::path seed = chip->directory() / "p3.seed", other = chip->directory() / "other";
    const auto named = [&](const std::string& file) { return "tpm2:0x81000011;seed=" + file + ";tcti=" + chip->tcti(); };
    value_of(make_kem_key(named(seed.string()), crypto::kem_algorithm::mlkem768_p256));
    std::ofstream(other) << "something else";
    EXPECT_EQ(name_of_error(remove_key(named(seed.string() + "x"))), "file_not_found");
    EXPECT_FALSE(remove_key(named(other.string())));
    EXPECT_TRUE(std::filesystem::exists(other));
    EXPECT_TRUE(open_kem_key(named(seed.string()))) << "it is there, as before";
    EXPECT_EQ(without_file(named(seed.string())), "tpm2:0x81000011;tcti=" + chip->tcti());
    ASSERT_TRUE(remove_key(named(seed.string())));
    EXPECT_FALSE(std::filesystem::exists(seed));
    // Where the file is lost, the key alone goes by a name that says so.
    value_of(make_kem_key(named(seed.string()), crypto::kem_algorithm::mlkem768_p256));
    std::filesystem::remove(seed);
    ASSERT_TRUE(remove_key(without_file(named(seed.string()))));
    EXPECT_EQ(name_of_error(remove_key(named(seed.string()))), "key_not_found");
}

TEST_F(Tpm2, WhatOthersStandOnIsNotDeleted) {
    const devid_layout at;
    value_of(establish(in, iak_template(), at.iak));
    in.reset();
    EXPECT_EQ(name_of_error(remove_key("tpm2:0x81020001;tcti=" + chip->tcti())), "key_restricted");
    connect();
    EXPECT_TRUE(open_persistent(in, at.iak));
}

// Another TPM has neither half: not even with the file.
TEST_F(Tpm2, TheSeedOfAnotherTpmIsRefused) {
    const devid_layout at;
    test::named_random random("hybrid");
    const sealed_file sealed = value_of(make_hybrid_key(in, at.kem, always{}, random));
    const test::swtpm other;
    device_options options;
    options.tcti = other.tcti();
    const auto there = value_of(device::open(options));
    value_of(establish(there, kem_template(), at.kem));
    const auto refused = hybrid_key_at(there, at.kem, sealed);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "tpm_wrong_tpm") << refused.error().message;
}

// An update: the next state is approved before the machine is in it, and the former one still opens.
TEST_F(Tpm2, OpensInEveryBootStateThatIsApproved) {
    const auto authority = test::signature_key("approver");
    const attestation::pcr_selection boot{attestation::tpm_alg::sha256, {10}};
    const auto approve = [&](const crypto::signing_key& by, const bytes& value, std::string_view purpose) {
        return value_of(attestation::approve_pcrs(by, boot, {{10, value}}, as_bytes(purpose)));
    };
    const bytes now = value_of(read_registers(in, boot)).at(10);
    const bytes next = crypto::sha256(concat({now, bytes(32, 0xaa)})).to_bytes();
    const devid_layout at;
    test::named_random random("hybrid");
    sealed_file file = value_of(make_hybrid_key(in, at.kem, approve(authority, now, "gateway"), random));
    const auto key = value_of(hybrid_key_at(in, at.kem, file))->public_key();

    EXPECT_EQ(name_of_error(file.admit(approve(test::signature_key("stranger"), next, "gateway"))), "approval_foreign");
    EXPECT_EQ(name_of_error(file.admit(approve(authority, next, "camera"))), "approval_foreign");
    auto forged = approve(authority, next, "gateway");
    forged.approved.back() ^= 1;
    EXPECT_EQ(name_of_error(file.admit(forged)), "approval_invalid");
    auto other_registers = approve(authority, next, "gateway");
    other_registers.selection.registers = {11};
    EXPECT_EQ(name_of_error(file.admit(other_registers)), "approval_invalid") << "it would never open";
    auto other_bank = approve(authority, next, "gateway");
    other_bank.selection.bank = attestation::tpm_alg::sha384;
    EXPECT_EQ(name_of_error(file.admit(other_bank)), "approval_invalid");
    EXPECT_TRUE(file.further.empty()) << "and no other state is forgotten for it";
    ASSERT_TRUE(file.admit(value_of(approval_from_pem(approval_to_pem(approve(authority, next, "gateway"))))));
    ASSERT_TRUE(file.admit(approve(authority, next, "gateway"))) << "once more is no mistake";
    EXPECT_EQ(file.further.size(), 1U);
    file = value_of(sealed_file::from_pem(file.to_pem()));
    EXPECT_EQ(value_of(hybrid_key_at(in, at.kem, file))->public_key(), key) << "before the update";
    tool("tpm2 pcrextend -Q 10:sha256=" + std::string(64, 'a'));
    EXPECT_EQ(value_of(hybrid_key_at(in, at.kem, file))->public_key(), key) << "and after it";
    tool("tpm2 pcrextend -Q 10:sha256=" + std::string(64, 'b'));
    EXPECT_EQ(name_of_error(hybrid_key_at(in, at.kem, file)), "tpm_policy_failed");
    // Of many the oldest go.
    for (uint8_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(file.admit(approve(authority, bytes(32, i), "gateway")));
    }
    EXPECT_EQ(value_of(sealed_file::from_pem(file.to_pem())).further.size(), sealed_file::most_states - 1);
    sealed_file other = value_of(make_hybrid_key(in, 0x81020005, always{}, random));
    EXPECT_EQ(name_of_error(other.admit(approve(authority, next, "gateway"))), "not_by_approval");
}

TEST(KeyNames, SayWhereTheRestOfAnIdentityIs) {
    EXPECT_EQ(value_of(parse_key_name("0x81020000")).at, devid_layout{});
    EXPECT_EQ(value_of(parse_key_name("0x81020000;layout=tcg;tcti=x")).at, devid_layout{});
    EXPECT_EQ(value_of(parse_key_name("0x81020000;layout=st33ktpm")).at.idevid_certificate, 0x01c90200U);
    const auto own = value_of(parse_key_name("0x81020000;nv=0x01c90100;layout=st33ktpm;iak=0x81020011"));
    EXPECT_EQ(own.at.idevid_certificate, 0x01c90100U) << "what is said by itself counts";
    EXPECT_EQ(own.at.iak, 0x81020011U);
    EXPECT_EQ(name_of_error(parse_key_name("0x81020000;layout=acme")), "unknown_layout");
}

TEST(SealedFile, RefusesWhatItDidNotWrite) {
    EXPECT_EQ(name_of_error(sealed_file::from_pem("")), "tpm_structure_malformed");
    EXPECT_EQ(name_of_error(sealed_file::from_pem("-----BEGIN X-----\n")), "bad_pem");
    sealed_file file;
    file.seed.parent_name = bytes(34, 1);
    file.seed.object.area = kem_template();
    file.seed.object.private_part = bytes(10, 1);
    const auto authority = test::signature_key("approver");
    file.condition =
        value_of(attestation::approve_pcrs(authority, {attestation::tpm_alg::sha256, {10}}, {{10, bytes(32)}}, as_bytes("x")));
    const std::string pem = file.to_pem();
    const sealed_file again = value_of(sealed_file::from_pem(pem));
    EXPECT_EQ(again.to_pem(), pem);
    EXPECT_EQ(std::get<attestation::policy_approval>(again.condition).selection.registers, std::vector<uint8_t>{10});
    EXPECT_EQ(name_of_error(sealed_file::from_pem(pem + pem)), "tpm_structure_malformed");
    EXPECT_EQ(name_of_error(sealed_file::from_pem(approval_to_pem(std::get<attestation::policy_approval>(file.condition)))),
              "tpm_structure_malformed");
    EXPECT_EQ(name_of_error(approval_from_pem(pem)), "approval_invalid");
    EXPECT_EQ(name_of_error(approval_from_pem("")), "approval_invalid");
    EXPECT_EQ(name_of_error(sealed_file::from_pem(pem.substr(0, pem.find("-----BEGIN", 5)))), "tpm_structure_malformed");
    // What an earlier version has sealed still reads.
    std::get<attestation::policy_approval>(file.condition).registers_digest.clear();
    EXPECT_EQ(value_of(sealed_file::from_pem(file.to_pem())).to_pem(), file.to_pem());
    EXPECT_NE(file.to_pem(), pem);
}

}  // namespace

}  // namespace berth::keystore::tpm2
