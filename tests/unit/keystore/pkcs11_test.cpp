// What the conformance suite does not ask: names, PINs, keys that others made, and tokens that fail.
#include "keystore/operations.h"
#include "keystore/pkcs11/uri.h"
#include "pki/private_key_file.h"
#include "support/softhsm.h"
#include "support/test_pki.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

namespace berth::keystore {

namespace {

using test::name_of_error;
using test::value_of;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

TEST(Pkcs11Name, SaysWhichTokenAndWhichKey) {
    const auto name = value_of(pkcs11::parse_name(
        "token=The%20CA;manufacturer=SoftHSM%20project;model=v2;serial=0a;slot-id=7;object=issuer;id=%01%ff;type=private"
        "?module-path=/usr/lib/x.so&pin-source=file:///etc/berth/pin"));
    EXPECT_EQ(name.token, "The CA");
    EXPECT_EQ(name.manufacturer, "SoftHSM project");
    EXPECT_EQ(name.model, "v2");
    EXPECT_EQ(name.serial, "0a");
    EXPECT_EQ(name.slot, 7U);
    EXPECT_EQ(name.object, "issuer");
    EXPECT_EQ(name.id, (bytes{0x01, 0xff}));
    EXPECT_EQ(name.module_path, "/usr/lib/x.so");
    EXPECT_EQ(name.pin_source, "/etc/berth/pin");
    EXPECT_EQ(value_of(pkcs11::parse_name("object=x?pin-source=file:pin")).pin_source, "pin");
    EXPECT_EQ(value_of(pkcs11::parse_name("object=x?pin-source=/a/pin")).pin_source, "/a/pin");
    EXPECT_FALSE(value_of(pkcs11::parse_name("id=%01")).object);
}

TEST(Pkcs11Name, WhatNamesNoKey) {
    for (const std::string_view text :
         {"token=x", "object=", "id=", "object=a;object=b", "object=a;", "object", "object=%4", "object=%zz",
          "object=x;type=cert", "object=x;slot-id=", "object=x;slot-id=1a", "object=x;library-version=1",
          "object=x?module-name=y", "object=x?module-path=", "object=x?pin-source=a&pin-source=b",
          "object=x?pin-source=%7Ccat%20pin", "object=x?pin", "object=x?module-path=a%00b"}) {
        EXPECT_EQ(name_of_error(pkcs11::parse_name(text)), "bad_key_uri") << text;
    }
}

// Neither is a PIN taken from a name, nor does the refusal repeat it.
TEST(Pkcs11Name, HoldsNoPin) {
    for (const std::string text : {"pkcs11:object=x?pin-value=1234567", "pkcs11:object=x;pin-value=1234567",
                                   "pkcs11:pin-value=1234567;object=x?pin-source=y"}) {
        const auto refused = open_signing_key(text);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "bad_key_uri");
        EXPECT_EQ(refused.error().message.find("1234567"), std::string::npos);
        EXPECT_NE(refused.error().message.find("pin-source"), std::string::npos) << "says what to do";
        for (const auto& [key, value] : refused.error().params) {
            EXPECT_EQ(value.find("1234567"), std::string::npos) << key;
        }
    }
}

TEST(Pkcs11Module, IsAbsentOrIsNone) {
    for (const std::string path : {"/nowhere/module.so", "libz.so.1"}) {
        const auto key = open_signing_key("pkcs11:object=x?module-path=" + path);
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().name, "pkcs11_unavailable");
        EXPECT_EQ(key.error().category, error_category::environment);
    }
}

class Pkcs11 : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (test::softhsm::installed()) {
            hsm = new test::softhsm;
            for (const char* label : {"berth", "twin", "twin"}) {
                hsm->add_token(label);
            }
            ::setenv("BERTH_FAULTY_MODULE", test::softhsm::module().c_str(), 1);
        }
    }
    static void TearDownTestSuite() {
        delete hsm;
        hsm = nullptr;
    }
    void SetUp() override { BERTH_NEEDS_SOFTHSM(); }
    void TearDown() override {
        if (hsm != nullptr) {
            static_cast<void>(remove_key(uri));
        }
    }

    // A name of the same key through the module with faults.
    static std::string faulty(const std::string& pin_file = "pin") {
        return std::string("pkcs11:token=berth;object=x?module-path=") + BERTH_PKCS11_FAULTS +
               "&pin-source=" + (hsm->directory() / pin_file).string();
    }
    template <class T>
    static T& fault(const char* name) {
        void* const module = ::dlopen(BERTH_PKCS11_FAULTS, RTLD_NOW | RTLD_LOCAL);
        return *static_cast<T*>(::dlsym(module, name));
    }
    static std::string cause_of(const error& e) { return e.params.empty() ? "" : e.params.back().second; }

    static inline test::softhsm* hsm = nullptr;
    std::string uri = hsm == nullptr ? "" : hsm->uri("berth", "object=x");
};

TEST_F(Pkcs11, TokensThatAreNotThereOrAreTwo) {
    const auto absent = open_signing_key(hsm->uri("other", "object=x"));
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().name, "token_not_found");
    EXPECT_NE(absent.error().message.find("berth"), std::string::npos) << "tells which there are";
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth;serial=0", "object=x"))), "token_not_found");
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth;slot-id=99999", "object=x"))), "token_not_found");
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("twin", "object=x"))), "token_ambiguous");
}

TEST_F(Pkcs11, PinsComeFromFilesThatOthersCannotRead) {
    value_of(make_signing_key(uri, p256));
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth", "object=x", "absent"))), "file_not_found");
    hsm->secret("empty", "");
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth", "object=x", "empty"))), "pin_required");
    const std::string open_to_all = hsm->secret("readable", test::softhsm::pin);
    ::chmod(open_to_all.c_str(), 0644);
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth", "object=x", "readable"))), "unsafe_permissions");

    const std::string without = "pkcs11:token=berth;object=x?module-path=" + test::softhsm::module();
    EXPECT_EQ(name_of_error(open_signing_key(without)), "pin_required");
    EXPECT_TRUE(open_signing_key(without, {.base_directory = {}, .passphrase = secret_bytes(as_bytes(test::softhsm::pin))}));
    EXPECT_TRUE(open_signing_key(without + "&pin-source=pin", {.base_directory = hsm->directory().string(), .passphrase = {}}));
}

// A login holds for the whole process, and is no leave for who does not know the PIN.
TEST_F(Pkcs11, ASecondKeyNeedsThePinAllTheSame) {
    const auto first = value_of(make_signing_key(uri, p256));
    const std::string without = "pkcs11:token=berth;object=x?module-path=" + test::softhsm::module();
    EXPECT_EQ(name_of_error(open_signing_key(without)), "pin_required");
    EXPECT_TRUE(first->sign(as_bytes("x"))) << "who is there stays";
    int asked = 0;
    open_options at_a_terminal;
    at_a_terminal.ask_pin = [&](const std::string& label) {
        ++asked;
        EXPECT_EQ(label, "berth");
        return result<secret_bytes>(secret_bytes(as_bytes(asked == 1 ? "13579-pin" : test::softhsm::pin)));
    };
    EXPECT_EQ(name_of_error(open_signing_key(without, at_a_terminal)), "pin_incorrect");
    EXPECT_TRUE(open_signing_key(without, at_a_terminal));
    EXPECT_EQ(asked, 2);
}

TEST_F(Pkcs11, ErrorsNameTheKeyAndThePinsFile) {
    value_of(make_signing_key(uri, p256));
    const auto says = [](const auto& refused, std::string_view name, const std::string& text) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, name);
        EXPECT_NE(refused.error().message.find(text), std::string::npos) << refused.error().message;
        EXPECT_NE(refused.error().message.find("pkcs11:token=berth;object="), std::string::npos) << refused.error().message;
    };
    says(open_signing_key(hsm->uri("berth", "object=isuing")), "key_not_found", "no private key object=isuing.");
    says(open_kem_key(hsm->uri("berth", "object=isuing;id=%0a")), "key_not_found", "object=isuing;id=%0a");
    says(remove_key(hsm->uri("berth", "object=isuing")), "key_not_found", "object=isuing");
    const std::string wrong = hsm->secret("mistyped", "97531-pin");
    says(open_signing_key(hsm->uri("berth", "object=x", "mistyped")), "pin_incorrect", wrong);
    // What is wrong with the name itself is told without it: somebody may have put a PIN there.
    EXPECT_EQ(name_of_error(open_signing_key("pkcs11:token=berth;object=x;pin-value=1")), "bad_key_uri");
}

// A token counts wrong PINs, and locks itself after a few: one wrong PIN costs one try, however often the key is asked for.
TEST_F(Pkcs11, AWrongPinIsTriedOnce) {
    value_of(make_signing_key(uri, p256));
    hsm->secret("wrong", "13579-pin");
    int& logins = fault<int>("fault_logins");
    logins = 0;
    for (int i = 0; i < 3; ++i) {
        const auto refused = open_signing_key(faulty("wrong"));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "pin_incorrect");
        EXPECT_EQ(refused.error().category, error_category::usage);
    }
    EXPECT_EQ(logins, 1);
    const auto opened = open_signing_key(faulty());
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(name_of_error(open_signing_key(faulty("wrong"))), "pin_incorrect") << "though the process is logged in";
    EXPECT_TRUE((*opened)->sign(as_bytes("x"))) << "which whoever is, stays";
}

TEST_F(Pkcs11, LocksAreNotProvoked) {
    value_of(make_signing_key(uri, p256));
    int& logins = fault<int>("fault_logins");
    CK_FLAGS& flags = fault<CK_FLAGS>("fault_token_flags");
    logins = 0;
    flags = CKF_USER_PIN_FINAL_TRY;
    EXPECT_EQ(name_of_error(open_signing_key(faulty())), "pin_final_try");
    flags = CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    EXPECT_EQ(name_of_error(open_signing_key(faulty())), "pin_locked");
    EXPECT_EQ(logins, 0);
    flags = 0;
    EXPECT_TRUE(open_signing_key(faulty()));
}

TEST_F(Pkcs11, ALostSessionIsBegunAnew) {
    value_of(make_signing_key(uri, p256));
    const auto key = value_of(open_signing_key(faulty()));
    fault<int>("fault_signs") = 1;
    EXPECT_TRUE(key->public_key().verify(as_bytes("x"), value_of(key->sign(as_bytes("x")))));
    fault<int>("fault_signs") = 2;
    const auto gone = key->sign(as_bytes("x"));
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().name, "keystore_failed");
    EXPECT_EQ(cause_of(gone.error()), "token_gone");
    EXPECT_TRUE(key->sign(as_bytes("x"))) << "it is back";

    // Another user of the module in this process ends all sessions, and with them the login.
    const auto list = reinterpret_cast<CK_C_GetFunctionList>(
        ::dlsym(::dlopen(test::softhsm::module().c_str(), RTLD_NOW | RTLD_LOCAL), "C_GetFunctionList"));
    CK_FUNCTION_LIST_PTR calls = nullptr;
    ASSERT_EQ(list(&calls), CKR_OK);
    std::array<CK_SLOT_ID, 16> slots{};
    CK_ULONG count = slots.size();
    ASSERT_EQ(calls->C_GetSlotList(CK_TRUE, slots.data(), &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; ++i) {
        calls->C_CloseAllSessions(slots[i]);
    }
    EXPECT_TRUE(key->public_key().verify(as_bytes("y"), value_of(key->sign(as_bytes("y")))));
}

TEST_F(Pkcs11, AnythingElseTheTokenSaysIsToldOnce) {
    value_of(make_signing_key(uri, p256));
    const auto key = value_of(open_signing_key(faulty()));
    fault<int>("fault_signs") = 1;
    fault<CK_RV>("fault_sign_rv") = CKR_FUNCTION_FAILED;
    const auto failed = key->sign(as_bytes("x"));
    fault<CK_RV>("fault_sign_rv") = CKR_DEVICE_REMOVED;
    ASSERT_FALSE(failed);
    EXPECT_EQ(cause_of(failed.error()), "token_failed");
    EXPECT_EQ(name_of_error(key->as_signing_key().to_pkcs8()), "key_not_exportable");
}

TEST_F(Pkcs11, ASharedSecretOfTheWrongLengthIsNone) {
    const auto key = value_of(make_kem_key(faulty(), crypto::kem_algorithm::mlkem768_p256));
    test::named_random random("secret");
    const auto sent = key->public_key().encapsulate(random);
    fault<int>("fault_shared_secret") = 1;
    const auto failed = key->decapsulate(sent.enc);
    fault<int>("fault_shared_secret") = 0;
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().name, "keystore_failed");
    EXPECT_TRUE(key->decapsulate(sent.enc));
}

// Keys come into tokens in other ways than ours, too.
TEST_F(Pkcs11, KeysThatAForeignToolBroughtIn) {
    const auto import = [&](const std::string& file, const std::string& label, const std::string& id) {
        EXPECT_EQ(hsm->util({"--import", file, "--token", "berth", "--label", label, "--id", id, "--pin",
                             std::string(test::softhsm::pin)}),
                  0)
            << hsm->log();
    };
    const auto software = test::signature_key("imported", p256);
    const std::string file = (hsm->directory() / "ec.pem").string();
    ASSERT_TRUE(pki::save_private_key(file, software));
    import(file, "imported", "a1");
    const auto key = value_of(open_signing_key(hsm->uri("berth", "object=imported")));
    EXPECT_EQ(key->public_key(), software.public_key());
    EXPECT_TRUE(software.public_key().verify(as_bytes("x"), value_of(key->sign(as_bytes("x")))));
    EXPECT_EQ(name_of_error(open_kem_key(hsm->uri("berth", "object=imported"))), "wrong_key_kind");

    import(file, "imported", "a2");
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth", "object=imported"))), "key_ambiguous");
    EXPECT_TRUE(open_signing_key(hsm->uri("berth", "object=imported;id=%a2")));

    const std::string rsa = (hsm->directory() / "rsa.pem").string();
    ASSERT_EQ(test::exit_of(test::spawn(
                  {BERTH_OPENSSL_COMMAND, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa},
                  hsm->directory() / "log")),
              0);
    import(rsa, "rsa", "b1");
    EXPECT_EQ(name_of_error(open_signing_key(hsm->uri("berth", "object=rsa"))), "key_unsuitable");
}

TEST_F(Pkcs11, KeysAreForOneUse) {
    value_of(make_signing_key(uri, p256));
    EXPECT_EQ(name_of_error(open_kem_key(uri)), "wrong_key_kind");
    const std::string hybrid = hsm->uri("berth", "object=hybrid");
    value_of(make_kem_key(hybrid, crypto::kem_algorithm::mlkem768_p256));
    EXPECT_EQ(name_of_error(open_signing_key(hybrid)), "wrong_key_kind");
    ASSERT_TRUE(remove_key(hybrid));
    EXPECT_EQ(name_of_error(make_signing_key(hsm->uri("berth", "id=%07"), p256)), "bad_key_uri") << "a new key needs a label";
}

// What one key seals, another one of the same token does not open.
TEST_F(Pkcs11, SealsAreOfTheirKey) {
    value_of(make_signing_key(uri, p256));
    const std::string other = hsm->uri("berth", "object=other");
    value_of(make_signing_key(other, p256));
    const auto sealed = value_of(seal(uri, secret_bytes(as_bytes("secret"))));
    EXPECT_EQ(name_of_error(unseal(other, sealed)), "seal_invalid");
    value_of(seal(other, secret_bytes(as_bytes("secret"))));
    EXPECT_EQ(name_of_error(unseal(other, sealed)), "seal_invalid");
    ASSERT_TRUE(remove_key(other));
    EXPECT_EQ(name_of_error(seal(other, secret_bytes(as_bytes("secret")))), "key_not_found");
}

}  // namespace

}  // namespace berth::keystore
