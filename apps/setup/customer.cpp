#include "setup/customer.h"

#include "common/files.h"
#include "common/words.h"
#include "net/address.h"
#include "roles/startup_checks.h"
#include "store/sqlite/registrar_store.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// What berthd and the first device would find out later, before anything is made.
result<void> check_what_is_given(const registrar_setup& setup, const clock& time) {
    BERTH_CHECK(check_authority_files(setup.ca / "z2.pem", setup.ca / "ca.pem", time.now()));
    if (const auto judged = check_root_file(setup.maker_root, time.now()); !judged) {
        error e = judged.error();
        e.message += "; --maker-root takes the z1.pem that the manufacturer has given to you";
        return fail(std::move(e));
    }
    BERTH_TRY(own, read_certificate(setup.ca / "z2.pem"));
    return require_not_own(own, setup.maker_root, "--maker-root");
}

bytes proof_octets(const pki::certificate& root, const std::string& customer, const pki::certificate& maker_root) {
    return concat({as_bytes("berth customer root 1"), maker_root.spki_sha256(), root.sha256(), as_bytes(customer)});
}

}  // namespace

result<void> ca_init(const fs::path& directory, const ca_setup& setup, const clock& time, random_source& random) {
    BERTH_CHECK(make_directory(directory, 0700));
    const unix_seconds now = time.now();
    BERTH_TRY(root, make_root(directory, "z2",
                              pki::root_template(setup.customer, setup.customer + " root", {now - 60, now + 20 * one_year}),
                              setup.algorithm, random, setup.passphrase));
    BERTH_CHECK(
        make_issuer(directory, "ca",
                    pki::issuing_ca_template(setup.customer, setup.customer + " issuing CA", {now - 60, now + 10 * one_year}),
                    root, setup.algorithm, random, setup.passphrase));
    return {};
}

result<void> registrar_init(const fs::path& directory, const registrar_setup& setup, const clock& time, random_source& random) {
    BERTH_CHECK(refuse_existing(directory / "berthd.toml"));
    BERTH_CHECK(check_what_is_given(setup, time));
    BERTH_TRY(masa, net::parse_address(setup.masa));
    // Copies of the roots are kept: where they came from may go. The issuing CA's own files stay with its key.
    BERTH_TRY(maker_root, read_certificate(setup.maker_root));
    BERTH_TRY(domain_root, read_certificate(setup.ca / "z2.pem"));
    BERTH_CHECK(require_place_of_copy(directory / "z1.pem", maker_root.to_pem()));
    BERTH_CHECK(require_place_of_copy(directory / "z2.pem", domain_root.to_pem()));
    BERTH_CHECK(make_directory(directory, 0700));
    BERTH_TRY(ca_passphrase, read_passphrase(setup.ca_passphrase_file));
    BERTH_TRY(passphrase, read_passphrase(setup.passphrase_file));
    BERTH_TRY(root, open_authority(setup.ca, "z2", ca_passphrase));
    const std::string customer = root.certificate().organization().value_or("");
    const pki::validity validity{time.now() - 60, time.now() + 2 * one_year};
    BERTH_CHECK(make_kem_leaf(directory, "z4",
                              pki::registrar_kem_template(customer, customer + " registrar", setup.hosts, validity), root,
                              setup.kem, random, passphrase));
    BERTH_CHECK(store::sqlite_registrar_store::open((directory / "registrar.db").string()));
    BERTH_TRY(ca, absolute_path(setup.ca));
    BERTH_CHECK(write_text(directory / "z1.pem", maker_root.to_pem()));
    BERTH_CHECK(write_text(directory / "z2.pem", domain_root.to_pem()));
    BERTH_TRY(locked, passphrase_line(setup.passphrase_file));
    BERTH_TRY(ca_locked, passphrase_line(setup.ca_passphrase_file));
    BERTH_TRY(own_key, key_name(directory, "z4"));
    BERTH_TRY(ca_key, key_name(ca, "ca", true));
    std::string toml =
        fmt::format("# berthd --config {}\n\n[registrar]\nlisten = \"{}\"\nchain = \"z4.pem\"\nkey = "
                    "\"{}\"\n{}domain_root = \"z2.pem\"\nstore = "
                    "\"registrar.db\"\nmanual_approval = {}\nannounce = {}\n\n[[registrar.maker]]\nroot = \"z1.pem\"\nmasa = "
                    "\"{}\"\nmasa_host = \"{}\"\n",
                    (directory / "berthd.toml").string(), setup.listen, own_key, locked, setup.manual_approval, setup.announce,
                    setup.masa, setup.masa_host.empty() ? masa.host : setup.masa_host);
    toml +=
        fmt::format("\n[ca]\nchain = \"{}\"\nkey = \"{}\"\n{}crl = \"ca.crl\"\n", (ca / "ca.pem").string(), ca_key, ca_locked);
    if (!setup.admin.empty()) {
        toml += fmt::format("\n[admin]\nlisten = \"{}\"\n", setup.admin);
    }
    return write_text(directory / "berthd.toml", toml);
}

result<bytes> prove_root(const authority& root, const std::string& customer, const pki::certificate& maker_root) {
    return root.key->sign(proof_octets(root.certificate(), customer, maker_root));
}

result<void> check_root_proof(bytes_view proof, const pki::certificate& root, const std::string& customer,
                              const pki::certificate& maker_root) {
    BERTH_CHECK(pki::check_root(root));
    BERTH_TRY(key, root.verification_key());
    if (!key.verify(proof_octets(root, customer, maker_root), proof)) {
        return fail(error_category::usage, "possession_unconfirmed",
                    fmt::format("the proof was not made by this root's key for the customer \"{}\" and this manufacturer's root: "
                                "berth ca prove --customer {} --maker-root Z1.PEM makes one",
                                customer, shell_word(customer)));
    }
    return {};
}

}  // namespace berth::app
