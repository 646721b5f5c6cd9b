// A customer's CA with records, and devices that ask it.
#pragma once

#include "ca/issuer.h"
#include "keystore/software.h"
#include "store/sqlite/ca_store.h"
#include "support/test_pki.h"

#include <filesystem>

#include <unistd.h>

namespace berth::test {

class own_directory {
public:
    own_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-ca-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    own_directory(const own_directory&) = delete;
    own_directory& operator=(const own_directory&) = delete;
    ~own_directory() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline ca::profile operational_profile() {
    ca::profile p;
    p.name = "operational";
    p.required = {{ca::proof::ldevid}, {ca::proof::idevid, ca::proof::secret}};
    p.subject = value_of(ca::name_template::parse("serialNumber={serial},O=Birch"));
    p.names_maker = true;
    p.keys = {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::mldsa65,
              crypto::kem_algorithm::mlkem768_p256};
    p.lifetime = 3 * day;
    p.extended_key_usages = {std::string(pki::oid_client_auth)};
    return p;
}

inline ca::requester a_device(const std::string& serial = "SN-1") {
    ca::requester who;
    who.proofs = {ca::proof::ldevid};
    who.name = "serialNumber=" + serial;
    who.device.serial = serial;
    who.device.maker_root[0] = 7;
    who.issuer[0] = 8;
    who.anchor[0] = 9;
    return who;
}

inline ca::asked a_key(const std::string& name = "leaf",
                       crypto::signature_algorithm alg = crypto::signature_algorithm::ecdsa_p256_sha256) {
    return {to_bytes(signature_key(name, alg).public_key().spki()), {}, {}};
}

struct ca_world {
    static constexpr auto algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;

    explicit ca_world(ca::issuer_settings settings = {}, crypto::signature_algorithm alg = algorithm)
        : root(make_root("Birch root", alg)),
          above(make_issuing_ca(root, "Birch CA", alg)),
          records(value_of(store::sqlite_ca_store::open((directory.path() / "ca.db").string()))),
          issuer(value_of(ca::issuer::open({above.certificate, root.certificate}, keystore::software_signing_key(above.key),
                                           std::move(settings)))) {}

    result<pki::certificate> issue(const ca::profile& p, const ca::requester& who, const ca::asked& what,
                                   const std::string& batch = {}) {
        return issuer.issue({p, who, what, batch}, *records, clock, random);
    }
    // To a device, by the usual profile.
    pki::certificate leaf(const std::string& serial = "SN-1", const std::string& batch = {}) {
        return value_of(issue(operational_profile(), a_device(serial), a_key("leaf " + serial), batch));
    }

    own_directory directory;
    authority root, above;
    std::unique_ptr<store::sqlite_ca_store> records;
    ca::issuer issuer;
    manual_clock clock{test_now};
    named_random random{"ca world"};
};

}  // namespace berth::test
