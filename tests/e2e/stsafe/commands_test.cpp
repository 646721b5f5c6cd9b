// berth se, with stsafe-sim at the other end of the bus.
#include "crypto/random.h"
#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/commands/host_keys.h"
#include "support/programs.h"
#include "support/stsafe_identity.h"
#include "support/stsafe_sim.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {

namespace {

namespace fs = std::filesystem;
namespace st = keystore::stsafe;
using testing::HasSubstr;

const bytes host_key = value_of(from_hex("2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f"));

class SeCommands : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (sim.directory() / name).string(); }
    std::string write(const std::string& name, std::string_view content, fs::perms mode = fs::perms::owner_read) const {
        std::ofstream(at(name), std::ios::binary) << content;
        fs::permissions(at(name), mode | fs::perms::owner_write);
        return at(name);
    }
    std::string write(const std::string& name, const pki::certificate& c) const { return write(name, c.to_pem()); }

    [[nodiscard]] std::string chip(const std::string& more = {}) const { return "stsafe:device=" + sim.socket() + more; }
    [[nodiscard]] std::string with_host_key() const { return chip(";host-key=" + at("host.key")); }
    [[nodiscard]] std::shared_ptr<st::device> device() const { return value_of(st::open_device(sim.socket())); }

    program_result se(std::vector<std::string> arguments, const std::string& of = {}) const {
        arguments.insert(arguments.begin(), {"--json", "se"});
        arguments.insert(arguments.end(), {"--chip", of.empty() ? chip() : of});
        return berth(arguments);
    }
    static void refused(const program_result& r, const std::string& name, int exit) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
    void set_host_key() const {
        ASSERT_TRUE(device()->run(st::put_attribute{st::attribute::host_key, {secret_bytes(host_key)}}));
        write("host.key", as_text(host_key));
    }
    [[nodiscard]] uint32_t counter() const { return value_of(st::read_counter(*device(), 5)); }

    stsafe_sim sim;
    authority maker = make_chip_maker("maker", these_days());
    std::string makers = write("makers.pem", maker.certificate);
};

TEST_F(SeCommands, AGenuinePartIsUsed) {
    const auto certificate = give_identity(*device(), maker, "cartridge 1", these_days());
    const auto seen = se({"authenticate", "--ca", makers});
    ASSERT_EQ(seen.exit, 0) << seen.all();
    EXPECT_TRUE(seen.json().at("authenticated").as_bool());
    EXPECT_EQ(seen.json().at("subject").as_string(), certificate.subject());
    EXPECT_EQ(seen.json().at("fingerprint").as_string(), to_hex(certificate.sha256()));
    EXPECT_EQ(counter(), 500'000U) << "looking at it uses nothing";
    const auto used = se({"authenticate", "--ca", makers, "--local", "--counter", "5", "--by", "10"});
    ASSERT_EQ(used.exit, 0) << used.all();
    EXPECT_EQ(used.json().at("counter").at("left").as_int64(), 499'990);
    EXPECT_EQ(counter(), 499'990U);
    const auto told = berth({"se", "authenticate", "--ca", makers, "--chip", chip()});
    EXPECT_THAT(told.all(), HasSubstr("genuine"));
    refused(se({"authenticate", "--ca", makers, "--counter", "5"}), "bad_arguments", 2);
    refused(se({"authenticate"}), "missing_option", 2);
    refused(se({"authenticate", "--ca", makers}, "tpm2:0x81020000"), "bad_key_uri", 2);
    refused(se({"authenticate", "--ca", makers}, "stsafe:device=/nowhere"), "stsafe_absent", 3);
    EXPECT_EQ(counter(), 499'990U);
}

// Who has a certificate made has its subject made, too.
TEST_F(SeCommands, ASubjectDoesNotMoveTheCursor) {
    give_identity(*device(), maker, "part\x1b]0;genuine\x07", these_days());
    const auto told = berth({"se", "authenticate", "--ca", makers, "--chip", chip()});
    EXPECT_EQ(told.exit, 0) << told.all();
    EXPECT_EQ(told.all().find('\x1b'), std::string::npos);
    EXPECT_EQ(told.all().find('\x07'), std::string::npos);
}

TEST_F(SeCommands, ExhaustedPartsAreRefused) {
    give_identity(*device(), maker, "cartridge 1", these_days());
    const std::vector<std::string> use{"authenticate", "--ca", makers, "--local", "--counter", "5", "--by", "300000"};
    EXPECT_EQ(se(use).exit, 0);
    const auto r = se(use);
    refused(r, "counter_exhausted", 1);
    EXPECT_EQ(r.json().at("error").at("params").at("left").as_string(), "200000");
    EXPECT_EQ(counter(), 200'000U);
    EXPECT_EQ(se({"counter", "use", "--zone", "5", "--by", "200000"}).json().at("left").as_int64(), 0);
    refused(se({"counter", "use", "--zone", "5"}), "counter_exhausted", 1);
    const auto all = se({"counter", "show"});
    ASSERT_EQ(all.output.size(), 2U) << all.all();
    EXPECT_EQ(all.json().at("left").as_int64(), 0);
    refused(se({"counter", "use", "--zone", "1"}), "no_counter", 2);
}

TEST_F(SeCommands, ClonesStrangersAndTheRevokedAreRefusedAndNotUsed) {
    const std::vector<std::string> use{"authenticate", "--ca", makers, "--local", "--counter", "5"};
    refused(se(use), "stsafe_no_certificate", 3);
    // Right certificate, wrong key.
    const auto certificate = give_identity(*device(), maker, "cartridge 1", these_days());
    stsafe_sim other;
    const auto its_device = value_of(st::open_device(other.socket()));
    give_identity(*its_device, maker, "cartridge 2", these_days());
    ASSERT_TRUE(st::write_octets(*its_device, 0, 0, certificate.der()));
    refused(se(use, "stsafe:device=" + other.socket()), "element_signature_invalid", 1);
    EXPECT_EQ(value_of(st::read_counter(*its_device, 5)), 500'000U);
    // A certificate of another CA.
    auto by_stranger = use;
    by_stranger[2] = write("stranger.pem", make_chip_maker("stranger", these_days()).certificate);
    refused(se(by_stranger), "unknown_issuer", 1);
    // Revoked.
    const auto list = value_of(pki::issue_crl({.number = 1,
                                               .this_update = system_clock().now() - 10,
                                               .next_update = system_clock().now() + day,
                                               .revoked = {{.serial = certificate.serial(),
                                                            .revoked_at = system_clock().now() - 20,
                                                            .reason = pki::revocation_reason::key_compromise}}},
                                              maker.certificate, maker.key));
    auto with_list = use;
    with_list.insert(with_list.end(), {"--crl", write("list.pem", list.to_pem())});
    refused(se(with_list), "certificate_revoked", 1);
    // Expired.
    give_identity(*device(), maker, "cartridge 3", {system_clock().now() - 3 * day, system_clock().now() - 2 * day});
    refused(se(use), "certificate_expired", 1);
    EXPECT_EQ(counter(), 500'000U);
}

TEST_F(SeCommands, OverI2c) {
    give_identity(*device(), maker, "cartridge 1", these_days());
    const auto r = run_program(
        "berth",
        {"--json", "se", "authenticate", "--ca", makers, "--local", "--counter", "5", "--chip", "stsafe:device=/dev/i2c-77"},
        60'000,
        {std::string("LD_PRELOAD=") + BERTH_I2C_SHIM, "BERTH_SHIM_BUS=/dev/i2c-77", "BERTH_SHIM_SOCKET=" + sim.socket(),
         "BERTH_SHIM_REFUSE_EVERY=3", "BERTH_SHIM_SHORT_EVERY=5"});
    ASSERT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.json().at("counter").at("left").as_int64(), 499'999);
    EXPECT_EQ(counter(), 499'999U) << "once, whatever the bus did";
}

TEST_F(SeCommands, CredentialsForTheHostAlone) {
    set_host_key();
    const std::string psk = write("psk", "correct horse");
    refused(se({"store", "put", "wifi", "--in", psk, "--readable-by", "host"}), "stsafe_session", 2);
    const auto put = se({"store", "put", "wifi", "--in", psk, "--readable-by", "host", "--writable-by", "host"}, with_host_key());
    ASSERT_EQ(put.exit, 0) << put.all();
    const auto zone = put.json().at("zone").as_int64();
    refused(se({"store", "put", "wifi", "--in", psk}, with_host_key()), "credential_exists", 2);
    ASSERT_EQ(se({"store", "get", "wifi", "--out", at("got")}, with_host_key()).exit, 0);
    std::ifstream in(at("got"));
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "correct horse");
    EXPECT_EQ(fs::status(at("got")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    // Who has not the host key sees that there is something, and not what.
    refused(se({"store", "get", "wifi"}), "credential_not_found", 3);
    const auto all = se({"store", "list"});
    const auto line = value_of(wire::parse_json_object(all.output.at(static_cast<size_t>(zone))));
    EXPECT_EQ(line.at("holds").as_string(), "closed");
    EXPECT_EQ(line.at("readable_by").as_string(), "host");
    EXPECT_FALSE(line.contains("name"));
    const auto mine = se({"store", "list"}, with_host_key());
    EXPECT_EQ(value_of(wire::parse_json_object(mine.output.at(static_cast<size_t>(zone)))).at("name").as_string(), "wifi");
    EXPECT_THAT(berth({"se", "store", "list", "--chip", with_host_key()}).all(), HasSubstr("wifi"));
    // Somebody else's host key.
    bytes wrong = host_key;
    wrong[0] ^= 1;
    write("wrong.key", as_text(wrong));
    refused(se({"store", "get", "wifi"}, chip(";host-key=" + at("wrong.key"))), "stsafe_wrong_host_key", 2);
    fs::permissions(at("host.key"), fs::perms::group_read, fs::perm_options::add);
    refused(se({"store", "get", "wifi"}, with_host_key()), "unsafe_permissions", 2);
    fs::permissions(at("host.key"), fs::perms::group_read, fs::perm_options::remove);
    ASSERT_EQ(se({"store", "remove", "wifi"}, with_host_key()).exit, 0);
    refused(se({"store", "get", "wifi"}, with_host_key()), "credential_not_found", 3);
}

// As docs/stsafe.md has it, from a new chip on.
TEST_F(SeCommands, AHostKeyIsSetFromAFile) {
    const std::string key = write("host.key", as_text(host_key));
    refused(se({"host-key", "set", "--from", key}, with_host_key()), "bad_arguments", 2);
    refused(se({"host-key", "set", "--from", write("short.key", "1234")}), "bad_host_key", 2);
    refused(se({"host-key", "set", "--from", write("open.key", as_text(host_key), fs::perms::group_read)}), "unsafe_permissions",
            2);
    refused(se({"host-key", "set", "--from", at("nothing")}), "file_not_found", 3);
    const auto set = se({"host-key", "set", "--from", key, "--encrypt", "update", "--encrypt", "read"});
    ASSERT_EQ(set.exit, 0) << set.all();
    EXPECT_EQ(set.json().at("octets").as_int64(), 32);
    EXPECT_EQ(set.all().find(to_hex(host_key)), std::string::npos);
    refused(se({"host-key", "set", "--from", key}), "host_key_exists", 2);
    const std::string psk = write("psk", "correct horse");
    ASSERT_EQ(se({"store", "put", "wifi", "--in", psk, "--readable-by", "host", "--writable-by", "host"}, with_host_key()).exit,
              0);
    refused(se({"store", "list"}), "stsafe_not_authorized", 3);
    EXPECT_EQ(berth({"se", "store", "get", "wifi", "--chip", with_host_key()}).output, std::vector<std::string>{"correct horse"});

    stsafe_sim other;
    const std::string long_key = write("long.key", as_text(concat({host_key, host_key})));
    const auto told =
        berth({"se", "host-key", "set", "--from", long_key, "--wrapped", "--chip", "stsafe:device=" + other.socket()});
    ASSERT_EQ(told.exit, 0) << told.all();
    EXPECT_THAT(told.all(), HasSubstr("host-key=" + long_key));
    EXPECT_EQ(se({"store", "list"}, "stsafe:device=" + other.socket() + ";host-key=" + long_key).exit, 0);
    stsafe_sim old("a110");
    refused(se({"host-key", "set", "--from", long_key}, "stsafe:device=" + old.socket()), "stsafe_unsupported", 2);
}

// What a newcomer has who has no maker: stsafe-sim --sample.
TEST_F(SeCommands, ASampleOfAMakersChip) {
    const std::string ca = at("sample.pem");
    const std::string socket = at("second");
    const auto start = [&](const std::string& file) {
        return app::child_process::start(fs::path(BERTH_BIN_DIR) / "stsafe-sim",
                                         {"--socket", socket, "--state", at("second state"), "--sample", file});
    };
    const auto until_it_answers = [&] {
        for (int i = 0; i < 400 && !st::open_device(socket); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
    };
    std::string subject;
    for (int i = 0; i < 2; ++i) {  // it keeps what it has
        auto sample = value_of(start(ca));
        until_it_answers();
        const auto seen = se({"authenticate", "--ca", ca, "--local", "--counter", "5"}, "stsafe:device=" + socket);
        ASSERT_EQ(seen.exit, 0) << seen.all();
        subject = i == 0 ? std::string(seen.json().at("subject").as_string()) : subject;
        EXPECT_EQ(seen.json().at("subject").as_string(), subject);
    }
    const auto gone =
        run_program("stsafe-sim", {"--socket", socket, "--state", at("second state"), "--sample", at("other.pem"), "--json"});
    EXPECT_EQ(gone.exit, 2) << gone.all();
    EXPECT_THAT(gone.all(), HasSubstr("sample_gone"));
    EXPECT_FALSE(fs::exists(at("other.pem")));
}

TEST_F(SeCommands, APasswordThatBlocks) {
    const std::string right = write("right", "right\n");
    const std::string wrong = write("wrong", "wrong\n");
    const std::string value = write("value", "a value");
    ASSERT_EQ(se({"password", "set", "--password-file", right, "--tries", "2", "--guard", "update"}).exit, 0);
    refused(se({"store", "put", "one", "--in", value}), "stsafe_not_authorized", 3);
    refused(se({"password", "set", "--password-file", right}), "password_exists", 2);
    ASSERT_EQ(se({"store", "put", "one", "--in", value, "--password-file", right}).exit, 0);
    // It was forgotten when the command ended.
    refused(se({"store", "remove", "one"}), "stsafe_not_authorized", 3);
    refused(se({"store", "remove", "one", "--password-file", wrong}), "password_incorrect", 2);
    refused(se({"store", "remove", "one", "--password-file", right}), "password_final_try", 2);
    refused(se({"store", "remove", "one", "--password-file", wrong, "--last-try"}), "password_incorrect", 2);
    refused(se({"store", "remove", "one", "--password-file", right, "--last-try"}), "stsafe_password_blocked", 3);
    const auto still = berth({"se", "store", "get", "one", "--chip", chip()});
    EXPECT_EQ(still.output, std::vector<std::string>{"a value"}) << "reading was not guarded";
}

TEST_F(SeCommands, FirmwareIsVerifiedByTheChip) {
    const auto openssl = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), BERTH_OPENSSL_COMMAND);
        return exit_of(spawn(arguments, sim.directory() / "log"));
    };
    ASSERT_EQ(openssl({"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", at("signer.key")}), 0);
    ASSERT_EQ(openssl({"pkey", "-in", at("signer.key"), "-pubout", "-out", at("signer.pem")}), 0);
    write("image", std::string(3'000'000, 'i'));
    ASSERT_EQ(openssl({"dgst", "-sha256", "-sign", at("signer.key"), "-out", at("signature"), at("image")}), 0);
    const std::vector<std::string> verify{"firmware",    "verify",        "--image", at("image"),
                                          "--signature", at("signature"), "--key",   "3"};
    refused(se(verify), "key_not_found", 3);
    ASSERT_EQ(se({"firmware", "trust", "--key", "3", "--from", at("signer.pem"), "--for-ever"}).exit, 0);
    const auto good = se(verify);
    EXPECT_EQ(good.exit, 0) << good.all();
    EXPECT_TRUE(good.json().at("valid").as_bool());
    std::ofstream(at("image"), std::ios::app) << "x";
    refused(se(verify), "firmware_signature_invalid", 1);
    auto elsewhere = verify;
    elsewhere[3] = at("nothing");
    refused(se(elsewhere), "file_not_found", 3);
    elsewhere[3] = at("image");
    elsewhere[5] = at("signer.pem");
    refused(se(elsewhere), "firmware_signature_invalid", 1);
    refused(se(verify, "stsafe:device=/nowhere"), "stsafe_absent", 3);
    // Who has the device cannot have it trust somebody else.
    refused(se({"firmware", "trust", "--key", "3", "--from", at("signer.pem")}), "zone_in_use", 2);
    refused(se({"firmware", "trust", "--key", "2", "--from", at("image")}), "bad_pem", 2);
}

// Without --chip it is the one on the first bus, as the recipes in docs/stsafe.md have it.
TEST_F(SeCommands, AChipThatIsNotNamedIsTheFirstBuss) {
    if (fs::exists("/dev/i2c-1")) {
        GTEST_SKIP() << "there is an I2C bus on this machine, and what is on it is left alone";
    }
    for (const std::vector<std::string>& command : {std::vector<std::string>{"store", "list"}, {"counter", "show"}}) {
        std::vector<std::string> all{"--json", "se"};
        all.insert(all.end(), command.begin(), command.end());
        refused(berth(all), "stsafe_absent", 3);
    }
}

// What one chip has sealed, another does not open.
TEST_F(SeCommands, EnvelopesOfAnotherChip) {
    write("secret", "of one chip");
    const stsafe_sim other;
    const std::string here = "stsafe:slot=1;device=" + sim.socket();
    const std::string there = "stsafe:slot=1;device=" + other.socket();
    ASSERT_EQ(berth({"key", "seal", here, "--in", at("secret"), "--out", at("sealed")}).exit, 0);
    ASSERT_EQ(berth({"key", "seal", there, "--in", at("secret"), "--out", at("sealed there")}).exit, 0);
    refused(berth({"--json", "key", "unseal", there, "--in", at("sealed")}), "seal_invalid", 2);
    EXPECT_EQ(berth({"key", "unseal", here, "--in", at("sealed")}).output, std::vector<std::string>{"of one chip"});
}

TEST_F(SeCommands, AZoneForAnEntityOpensForItsKey) {
    ASSERT_TRUE(device()->run(st::write_host_key{{}, st::host_key_type::aes256, {secret_bytes(concat({host_key, host_key}))}}));
    write("host.key", as_text(concat({host_key, host_key})));
    const auto made = [&](const std::string& name) {
        const auto r =
            berth({"--json", "key", "generate", "file:" + at(name + ".key"), "--alg", "p256", "--out", at(name + ".pem")});
        EXPECT_EQ(r.exit, 0) << r.all();
        return "file:" + at(name + ".key");
    };
    const std::string key = made("operator");
    const std::string other = made("stranger");
    const std::string secret = write("secret", "for two");
    const std::vector<std::string> trust{"entity", "trust", "--key", "0", "--from", at("operator.pem"), "--for-ever"};
    const std::vector<std::string> put{"store", "put", "safe", "--in", secret, "--readable-by", "entity"};
    const auto with = [](std::vector<std::string> arguments, const std::string& entity) {
        arguments.insert(arguments.end(), {"--entity", entity});
        return arguments;
    };
    refused(se(with(put, key), with_host_key()), "entity_unknown", 2);
    const auto trusted = se(trust, with_host_key());
    ASSERT_EQ(trusted.exit, 0) << trusted.all();
    refused(se({"entity", "trust", "--key", "0", "--from", at("stranger.pem"), "--replace"}, with_host_key()), "slot_fixed", 2);
    refused(se(put, with_host_key()), "stsafe_no_entity", 2);
    refused(se(with(put, key)), "stsafe_session", 2);
    ASSERT_EQ(se(with(put, key), with_host_key()).exit, 0);
    const std::vector<std::string> get{"store", "get", "safe", "--out", at("back")};
    refused(se(get, with_host_key()), "credential_not_found", 3);
    refused(se(with(get, other), with_host_key()), "entity_unknown", 2);
    const auto got = se(with(get, key), with_host_key());
    EXPECT_EQ(got.exit, 0) << got.all();
    refused(se(get, with_host_key()), "credential_not_found", 3);  // the chip has forgotten the entity

    stsafe_sim old("a110");
    refused(se(trust, "stsafe:device=" + old.socket()), "stsafe_unsupported", 2);
}

}  // namespace

}  // namespace berth::test
