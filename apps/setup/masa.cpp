#include "setup/masa.h"

#include "common/files.h"
#include "pki/private_key_file.h"
#include "roles/credential.h"
#include "roles/startup_checks.h"
#include "wire/pem.h"

namespace berth::app {

namespace fs = std::filesystem;

result<void> masa_init(const fs::path& directory, const masa_setup& setup, const clock& time, random_source& random) {
    BERTH_CHECK(refuse_existing(directory / "berthd.toml"));
    BERTH_CHECK(check_authority_files(setup.factory / "z1.pem", setup.factory / "idevid-ca.pem", time.now()));
    // Copies are kept: the factory's directory may be taken offline, and should be.
    BERTH_TRY(issuer, read_certificate(setup.factory / "idevid-ca.pem"));
    BERTH_TRY(device_root, read_certificate(setup.factory / "z1.pem"));
    BERTH_CHECK(require_place_of_copy(directory / "idevid-ca.pem", issuer.to_pem()));
    BERTH_CHECK(require_place_of_copy(directory / "z1.pem", device_root.to_pem()));
    BERTH_CHECK(make_directory(directory, 0700));
    BERTH_TRY(root, open_authority(setup.factory, "z1", setup.factory_passphrase));
    BERTH_TRY(passphrase, read_passphrase(setup.passphrase_file));
    const std::string maker = root.certificate().organization().value_or("");
    const pki::validity validity{time.now() - 60, time.now() + 5 * one_year};
    std::string public_keys;
    for (const char* name : {"z5", "z5-spare"}) {
        BERTH_TRY(key, make_kem_leaf(directory, name, pki::masa_kem_template(maker, setup.host, validity), root,
                                     crypto::kem_algorithm::mlkem768_p256, random, passphrase));
        public_keys += wire::to_pem("PUBLIC KEY", key.spki());
    }
    BERTH_CHECK(write_text(directory / "masa-kem.pem", public_keys));
    secret_bytes store_key(size_t{32});
    random.fill(store_key.writable());
    BERTH_CHECK(pki::write_file_atomically((directory / "store.key").string(), store_key.reveal(), 0600));
    auto audit = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
    BERTH_CHECK(pki::save_private_key((directory / "audit.key").string(), audit, passphrase));
    BERTH_CHECK(write_text(directory / "audit.pub", wire::to_pem("PUBLIC KEY", audit.public_key().spki())));
    BERTH_TRY(store, store::sqlite_masa_store::open((directory / "masa.db").string()));
    BERTH_CHECK(store->require_store_key(check_value_of(store_key)));
    BERTH_CHECK(write_text(directory / "z1.pem", device_root.to_pem()));
    BERTH_CHECK(write_text(directory / "idevid-ca.pem", issuer.to_pem()));
    std::string toml =
        fmt::format("# berthd --config {}\n\n[masa]\nlisten = \"{}\"\n", (directory / "berthd.toml").string(), setup.listen);
    if (!setup.direct_listen.empty()) {
        toml += fmt::format("direct_listen = \"{}\"\n", setup.direct_listen);
    }
    BERTH_TRY(locked, passphrase_line(setup.passphrase_file));
    BERTH_TRY(key, key_name(directory, "z5"));
    BERTH_TRY(spare_key, key_name(directory, "z5-spare"));
    toml += fmt::format("device_roots = [\"z1.pem\"]\ndevice_issuers = [\"idevid-ca.pem\"]\nstore = \"masa.db\"\nstore_key = "
                        "\"store.key\"\ncheckpoint_key = "
                        "\"file:audit.key\"\n{}\n[[masa.key]]\nchain = \"z5.pem\"\nkey = \"{}\"\n{}\n[[masa.key]]\nchain = "
                        "\"z5-spare.pem\"\nkey = "
                        "\"{}\"\n{}",
                        locked.empty() ? "" : "checkpoint_" + locked, key, locked, spare_key, locked);
    if (!setup.admin.empty()) {
        toml += fmt::format("\n[admin]\nlisten = \"{}\"\n", setup.admin);
    }
    return write_text(directory / "berthd.toml", toml);
}

namespace {

result<fs::path> store_of(const fs::path& masa) {
    return file_in(masa, "masa.db", "a MASA's", "berth masa init");
}

}  // namespace

result<std::unique_ptr<store::sqlite_masa_store>> open_masa_store(const fs::path& masa) {
    BERTH_TRY(file, store_of(masa));
    return store::sqlite_masa_store::open(file.string(), store::opening::existing);
}

result<std::unique_ptr<store::sqlite_masa_store>> read_masa_store(const fs::path& masa) {
    BERTH_TRY(file, store_of(masa));
    return store::sqlite_masa_store::open(file.string(), store::opening::to_read);
}

}  // namespace berth::app
