// A device whose TPM is swtpm: tpm2-tools activate, import and sign as the SDKs of Azure's provisioning service do.
#pragma once

#include "attestation/shared_key.h"
#include "support/onboarding_parties.h"
#include "support/swtpm.h"
#include "wire/base64.h"

#include <fstream>

namespace berth::test {

// A TPM with an endorsement key and a storage root key, as a device has them.
class tpm_device {
public:
    explicit tpm_device(const std::string& kind) {
        EXPECT_EQ(run("tpm2_createek -Q -G " + kind + " -c ek.ctx -u ek.pub"), 0) << tpm_.log();
        EXPECT_EQ(run("tpm2_createprimary -Q -C o -G " + std::string(kind == "rsa" ? "rsa2048" : "ecc256") +
                      ":aes128cfb -c srk.ctx -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'"),
                  0)
            << tpm_.log();
        EXPECT_EQ(run("tpm2_readpublic -Q -c srk.ctx -o srk.pub"), 0) << tpm_.log();
    }
    [[nodiscard]] std::string endorsement() const { return wire::base64(as_bytes(tpm_.read("ek.pub"))); }
    [[nodiscard]] std::string storage_root() const { return wire::base64(as_bytes(tpm_.read("srk.pub"))); }
    // Of a registration.
    [[nodiscard]] std::string body() const {
        return R"({"registrationId":"dev1","tpm":{"endorsementKey":")" + endorsement() + R"(","storageRootKey":")" +
               storage_root() + "\"}}";
    }
    // Takes the key in. False: this TPM cannot.
    bool takes(const std::string& blob) {
        const bytes all = got(wire::from_base64(blob));
        wire::reader in(all);
        std::vector<bytes> items;
        while (in.ok() && in.left() > 0) {
            items.push_back(to_bytes(attestation::read_2b(in)));
        }
        EXPECT_TRUE(in.ok());
        EXPECT_EQ(items.size(), 6U);
        const auto sized = [](const bytes& one) {
            bytes out;
            wire::writer w(out);
            attestation::write_2b(w, one);
            return out;
        };
        // The tools' own beginning of such a file.
        put("cred", concat({bytes{0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1}, sized(items[0]), sized(items[1])}));
        put("dup", sized(items[2]));
        put("seed", sized(items[3]));
        put("key.pub", sized(items[4]));
        return run("tpm2_startauthsession -Q --policy-session -S s.ctx") == 0 && run("tpm2_policysecret -Q -S s.ctx -c e") == 0 &&
               run("tpm2_activatecredential -Q -c srk.ctx -C ek.ctx -i cred -o inner -P session:s.ctx") == 0 &&
               run("tpm2_flushcontext -Q s.ctx") == 0 &&
               run("tpm2_import -Q -C srk.ctx -k inner -u key.pub -r key.priv -i dup -s seed") == 0 &&
               run("tpm2_load -Q -C srk.ctx -u key.pub -r key.priv -c key.ctx") == 0;
    }
    // By the key that was taken in last.
    bytes hmac(const std::string& text) {
        put("text", to_bytes(as_bytes(text)));
        EXPECT_EQ(run("tpm2_hmac -Q -c key.ctx -o mac text"), 0) << tpm_.log();
        return to_bytes(as_bytes(tpm_.read("mac")));
    }
    std::string token(const std::string& resource, unix_seconds expiry, const std::string& policy = "&skn=registration") {
        std::string encoded;
        for (const char c : resource) {
            encoded += c == '/' ? std::string("%2f") : std::string(1, c);
        }
        std::string signature;
        for (const char c : wire::base64(hmac(encoded + "\n" + std::to_string(expiry)))) {
            signature += c == '+' ? "%2b" : c == '/' ? "%2f" : c == '=' ? "%3d" : std::string(1, c);
        }
        return "SharedAccessSignature sr=" + encoded + "&sig=" + signature + "&se=" + std::to_string(expiry) + policy;
    }

private:
    int run(const std::string& command) {
        const int code = tpm_.tool(command);
        (void)tpm_.tool("tpm2_flushcontext -Q -t");  // no resource manager does that here
        return code;
    }
    void put(const std::string& name, const bytes& octets) const {
        std::ofstream(tpm_.directory() / name, std::ios::binary)
            .write(reinterpret_cast<const char*>(octets.data()), static_cast<std::streamsize>(octets.size()));
    }
    swtpm tpm_;
};

}  // namespace berth::test
