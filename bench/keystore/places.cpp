#include "keystore/places.h"

#include "keystore/operations.h"
#include "keystore/tpm2/object.h"
#include "support/softhsm.h"
#include "support/stsafe_sim.h"
#include "support/swtpm.h"

#include <cstdio>

namespace berth::keystore::bench {

namespace {

template <class T>
T must(result<T> made) {
    if (!made) {
        std::fprintf(stderr, "bench_keystore: %s: %s\n", made.error().name.c_str(), made.error().message.c_str());
        std::exit(3);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*made);
    }
}

struct own_directory {
    std::filesystem::path path;
    own_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-bench-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    own_directory(const own_directory&) = delete;
    ~own_directory() { std::filesystem::remove_all(path); }
};

const std::filesystem::path& directory() {
    static const own_directory one;
    return one.path;
}

key_names made(key_names keys) {
    must(make_signing_key(keys.signing, crypto::signature_algorithm::ecdsa_p256_sha256));
    must(make_kem_key(keys.kem, crypto::kem_algorithm::mlkem768_p256));
    return keys;
}

test::swtpm& tpm() {
    static test::swtpm one;
    return one;
}

test::stsafe_sim& element() {
    static test::stsafe_sim one;
    return one;
}

struct token_of_one {
    test::softhsm hsm;
    token_of_one() { hsm.add_token("berth"); }
};

test::softhsm& token() {
    static token_of_one one;
    return one.hsm;
}

key_names make_in_tpm() {
    const std::string in = ";tcti=" + tpm().tcti();
    {
        const auto device = must(tpm2::device::shared(tpm().tcti()));
        const auto root = must(tpm2::create_primary(device, tpm2::hierarchy::owner, tpm2::storage_root_template()));
        must(tpm2::make_persistent(root, 0x81000001));
    }
    return made({"tpm2:0x81020000" + in, "tpm2:0x81020002;seed=" + (directory() / "p3.seed").string() + in});
}

}  // namespace

key_names in_files() {
    static const key_names keys = made({(directory() / "p3-sig.pem").string(), (directory() / "p3.pem").string()});
    return keys;
}

key_names in_tpm() {
    static const key_names keys = make_in_tpm();
    return keys;
}

std::string tcti_of_tpm() {
    return tpm().tcti();
}

key_names in_element() {
    static const key_names keys =
        made({"stsafe:slot=1;device=" + element().socket(), "stsafe:slot=2;device=" + element().socket()});
    return keys;
}

std::string socket_of_element() {
    return element().socket();
}

key_names in_token() {
    static const key_names keys = made({token().uri("berth", "object=sign"), token().uri("berth", "object=kem")});
    return keys;
}

std::string module_of_token() {
    return test::softhsm::module();
}

std::string not_there(const std::string& backend) {
    if (backend == "tpm2" && !test::swtpm::installed()) {
        return "swtpm is not installed; scripts/bootstrap installs it";
    }
    if (backend == "pkcs11" && !test::softhsm::installed()) {
        return "softhsm2 is not installed; scripts/bootstrap installs it";
    }
    return "";
}

}  // namespace berth::keystore::bench
