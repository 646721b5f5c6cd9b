// What stands below the options of each command's --help: what it reads and writes, an example, exit codes.
#include "berth/commands/commands.h"

#include <array>

namespace berth::app {

namespace {

struct manual {
    std::string_view command;
    std::string_view files;
    std::string_view example;
};

constexpr std::array manuals{
    manual{
        "demo",
        "Writes below --dir, which must be empty or not there yet, or into a temporary directory that is removed at the end. "
        "TPMs and STSAFE-As are simulated: swtpm (packages swtpm, swtpm-tools), stsafe-sim; their memories lie in DIR/chips, the "
        "devices' bundles in DIR/devices/BACKEND. With --json: one line for each device of the table, one for each key of the "
        "first three devices, one for what grep finds in those with chips, then one with \"ok\".",
        "berth demo --devices 10"},
    manual{"quickstart",
           "Writes below --dir, which must be empty or not there yet: factory/, masa/, one directory per customer, est/, "
           "devices/SN-0001 (a bundle that waits to be onboarded, and then for a certificate by EST).",
           "berth quickstart --dir /tmp/q --json"},
    manual{
        "factory init",
        "Writes DIR/z1.pem, z1.key (the root, best kept offline), "
        "idevid-ca.pem, idevid-ca.key, idevid-ca-classical.* (for certificates kept in chips). Private keys: PKCS#8, mode 0600.",
        "berth factory init --dir factory --maker \"Acme Devices\""},
    manual{"factory make",
           "Reads idevid-ca.* and idevid-ca-classical.* of --dir, masa-kem.pem of --masa, and --tpm-makers. Writes a line into "
           "DIR/issued.jsonl (for factory revoke), into "
           "--out: z1.pem, z3.pem, z3-sig.pem, p3.pem and p3-sig.pem (of keys in a chip: p3.uri, p3-sig.uri, and beside a TPM "
           "p3.seed and z3-iak.pem), "
           "masa-kem.pem, device.toml; the device into masa.db; and a TPM's identity certificate into its NV, for good. --out "
           "appears complete or not at all, and is never overwritten; "
           "what was interrupted may be repeated.",
           "berth factory make --dir factory --masa masa --serial SN-1 --out devices/SN-1 --registrar registrar.example:8443"},
    manual{
        "factory personalise",
        "Reads and writes what factory make does, and --order. Writes OUT/SERIAL for each unit, and OUT/production.jsonl, signed "
        "by "
        "production.key of --dir, which is made when there is none. Exit code 3: units failed, or are left.",
        "berth factory personalise --dir factory --masa masa --count 5000 --parallel 4 --out lots/7 --backend stsafe --station "
        "\"device=/dev/i2c-{station}\" --attach ./next-unit"},
    manual{
        "factory log verify",
        "Reads LOG, and production.pub. `log_altered`, `bad_signature`: it was changed, or is not of this key. Lines behind the "
        "last signature are told; that its end was cut off behind a signature is found by counting the MASA's records.",
        "berth factory log verify lots/7 --key kept/production.pub"},
    manual{
        "factory log key",
        "Reads DIR/production.uri (a token's key, say) or production.key; writes production.key and production.pub when there is "
        "neither.",
        "berth factory log key --dir factory"},
    manual{"factory labels", "Reads LOG. Writes --out.", "berth factory labels lots/7 --dir factory --out labels.csv"},
    manual{"factory registration", "Reads LOG, and z3-sig.pem and z3.pem of the bundles beside it. Writes --out, JSON lines.",
           "berth factory registration lots/7 --dir factory --family --out family.jsonl"},
    manual{
        "factory order make",
        "Reads --order, --line, z1.pem and production.key of --dir, masa-kem.pem and masa.db of --masa. Writes --out, and what "
        "factory issue needs into DIR/orders/ID.",
        "berth factory order make --dir factory --masa masa --order order.toml --line line.json --count 5000 --serials B- --out "
        "order.sealed"},
    manual{"factory line init", "Writes DIR/line.key, production.key, production.pub, maker.pub, line.json.",
           "berth factory line init --dir line --name \"Contract 3\" --maker-key production.pub"},
    manual{"factory line make",
           "Reads --order, and line.key and maker.pub of --dir. Writes OUT/units, OUT/requests (for the manufacturer) and "
           "OUT/production.jsonl; DIR/orders/ID.",
           "berth factory line make --dir line --order order.sealed --out lot"},
    manual{"factory line load",
           "Reads SERIAL.challenge and SERIAL.grant of --replies. Writes answers/ (for the manufacturer) and complete bundles "
           "into the "
           "lot's directory, and its production.jsonl.",
           "berth factory line load --dir line --replies from-maker"},
    manual{
        "factory issue",
        "Reads SERIAL.request and SERIAL.answer of --requests, DIR/orders. Writes SERIAL.challenge and SERIAL.grant into --out, "
        "DIR/orders/ID, DIR/issued.jsonl, and masa.db.",
        "berth factory issue --dir factory --masa masa --requests from-line --out to-line"},
    manual{"factory reissue",
           "Reads --request, z1.pem and idevid-ca.* of --dir, --tpm-makers. Writes --out; DIR/reissues (what is awaited, and "
           "what was "
           "given), DIR/issued.jsonl, CA.revoked.json (the former certificate, superseded), and masa.db. With --bundle: the "
           "bundle too. "
           "`certificate_revoked`, `possession_unconfirmed`, `attestation_stale` and the like (1): it is given none.",
           "berth factory reissue --dir factory --masa masa --tpm-makers makers.pem --request sn-1.request --out sn-1.challenge"},
    manual{
        "factory ldevid",
        "Reads the bundle, z1.pem and CA.revoked.json of --dir, ca.* and z2.pem of --ca. Writes ldevid.pem and ldevid.uri of the "
        "bundle (and ldevid.key, where no chip has the key), and CA/ldevids.jsonl.",
        "berth factory ldevid --dir factory --bundle devices/SN-1 --ca birch-ca --passphrase-file birch.pass"},
    manual{"factory revoke",
           "Reads issued.jsonl of --dir, which factory make writes, or the certificates that are named. Writes "
           "DIR/CA.revoked.json, CA "
           "being idevid-ca, idevid-ca-classical or z1. What was revoked stays so.",
           "berth factory revoke SN-1 --dir factory --reason key_compromise"},
    manual{"factory crl",
           "Reads CA.* and CA.revoked.json of --dir, and a former list at --out, whose entries stay. Writes --out (PEM), with a "
           "number higher than any before, which it keeps in "
           "CA.revoked.json. A list must be made anew before its --days are over, also when nobody was revoked since.",
           "berth factory crl --dir factory --out masa/devices.crl"},
    manual{"masa init",
           "Reads z1.* and idevid-ca.pem of --factory. Writes DIR/z5.*, z5-spare.*, masa-kem.pem (for device bundles), "
           "store.key, audit.key, audit.pub, masa.db, berthd.toml, and copies of z1.pem and idevid-ca.pem: what serves needs "
           "nothing of the factory's directory, which is best kept offline.",
           "berth masa init --dir masa --factory factory --host masa.acme.example"},
    manual{"masa log show", "Reads masa.db.", "berth masa log show --masa masa --serial SN-1 --json"},
    manual{
        "masa log verify",
        "Reads masa.db and audit.pub. berthd signs a checkpoint at start, every minute in which something was logged, and at its "
        "end. "
        "`audit_altered`, `audit_gap`: the log was altered; `checkpoint_missing`: an entry of more than five minutes has none; "
        "`bad_signature`: the checkpoints and audit.pub are at odds (exit code 3), or the key that --key names is not the log's "
        "(2). "
        "Who can write masa.db can cut off the log's end with its checkpoints: that is found with --checkpoint alone.",
        "berth masa log verify --masa masa --key kept/audit.pub --checkpoint kept/monday.json"},
    manual{"masa log checkpoint", "Reads masa.db. Writes --out, one JSON object.",
           "berth masa log checkpoint --masa masa --out kept/monday.json"},
    manual{
        "ca init",
        "Writes DIR/z2.pem, z2.key (the root; keep it offline), ca.pem, ca.key. With --hierarchy: NAME.pem and NAME.key of each "
        "CA "
        "(z2, ldevid-ca, ca; z1, idevid-ca; ek-root, ek-ca; -classical or -pq beside them with --dual), ca.toml, ca.db. Private "
        "keys: PKCS#8, mode 0600; where NAME.uri lies, in the token or chip that it names.",
        "berth ca init --dir ca --customer Birch --hierarchy customer --algorithm p384 --dual"},
    manual{"chain init", "Writes DIR/signer.pem, signer.key (or signer.uri, which names --key), ca.db, journal.jsonl.",
           "berth chain init --dir company-x --organization Company-X"},
    manual{"chain request", "Writes DIR/signer.key or signer.uri, journal.jsonl, and --out (PKCS#10).",
           "berth chain request --dir factory-y --organization Factory-Y --out factory-y.csr"},
    manual{
        "chain sign",
        "Reads REQUEST, signer.pem and its key of --dir. Writes DIR/ca.db, journal.jsonl, and --out or --into. `path_too_long`, "
        "`name_constraint_violated`, `issuer_expires_first`: it could not stand, and nothing was signed.",
        "berth chain sign --dir company-x factory-y.csr --signer --path-length 1 --permit factory-y.example --out answer.pem"},
    manual{"chain accept", "Reads FILE and --root. Writes DIR/signer.pem, journal.jsonl.",
           "berth chain accept --dir factory-y answer.pem --root company-x.pem"},
    manual{"chain insert", "Reads and writes FILE; reads CERTIFICATES.", "berth chain insert widget-1.pem from-factory-y.pem"},
    manual{"chain bundle", "Reads FILE and --by. Writes --out.",
           "berth chain bundle widget-1.pem --by factory-y.pem --out widget-1.sent.pem"},
    manual{
        "chain show",
        "Reads PLACES, --root, --crl, and changes nothing. With --json one object a certificate. `chain_broken` (1): some do not "
        "stand; `journal_altered` (2): a party's journal was changed.",
        "berth chain show company-x factory-y technician-z devices --root company-x.pem"},
    manual{"chain devices", "Reads PLACES, --signer, --root, --crl. With --json one object a certificate.",
           "berth chain devices technician-z devices --signer factory-y.pem"},
    manual{"chain journal", "Reads DIR/journal.jsonl.", "berth chain journal --dir factory-y"},
    manual{
        "chain revoke",
        "Reads CERTIFICATE, signer.pem and its key of --dir. Writes DIR/ca.db, journal.jsonl, and --out, a list for berth hub ca "
        "crl. What was revoked stays so.",
        "berth chain revoke --dir factory-y technician-z.pem --reason key_compromise --out factory-y.crl"},
    manual{"chain crl", "Reads signer.pem and its key of --dir. Writes DIR/ca.db, journal.jsonl, and --out.",
           "berth chain crl --dir factory-y --out factory-y.crl"},
    manual{"ca root", "Writes DIR/NAME.pem, NAME.key (or NAME.uri, which names --key); a line into the log in DIR/ca.db.",
           "berth ca root --dir ca --name z2 --organization Birch --key \"pkcs11:token=ca;object=z2\" --algorithm p384"},
    manual{"ca subordinate",
           "Reads UNDER.pem and its key. Writes DIR/NAME.pem, NAME.key or NAME.uri; a line into the log in DIR/ca.db.",
           "berth ca subordinate --dir ca --name plant-ca --under z2 --organization Birch --lifetime 5y"},
    manual{"ca request", "Writes DIR/NAME.key or NAME.uri, and --out (PKCS#10).",
           "berth ca request --dir ca --name ca --organization Birch --out ca.csr"},
    manual{"ca accept", "Reads --certificate, and NAME.key or NAME.uri of --dir. Writes DIR/NAME.pem.",
           "berth ca accept --dir ca --name ca --certificate from-corporate-pki.pem"},
    manual{"ca import", "Reads --certificate, --key, --issued, --crl. Writes DIR/NAME.pem, NAME.uri, and DIR/ca.db.",
           "berth ca import --dir ca --name old-ca --certificate old.pem --key file:old.key --issued issued.pem --crl old.crl"},
    manual{"ca cross-sign", "Reads NAME.pem and its key. Writes --out; a line into the log in DIR/ca.db.",
           "berth ca cross-sign --dir ca --name z2 --certificate infineon-ek-ca.pem --out ek-cross.pem"},
    manual{
        "ca rotate",
        "Renames NAME.pem and NAME.key to NAME.1.*, and writes new ones; of a root also NAME.anchors.pem, NAME.old-with-new.pem, "
        "NAME.new-with-old.pem. Two lines into the log in DIR/ca.db.",
        "berth ca rotate --dir ca --name ca --under z2 --algorithm p384"},
    manual{"ca issue",
           "Reads ca.toml, --csr, --identity, --anchor, and the issuing CA's certificate and key. Writes --out, and a line into "
           "the log "
           "in DIR/ca.db.",
           "berth ca issue --dir ca --profile ldevid --csr sn-1.csr --identity z3-sig.pem --anchor z1.pem --out sn-1.pem"},
    manual{"ca log", "Reads DIR/ca.db.", "berth ca log --dir ca --device SN-1"},
    manual{"ca revoke", "Writes into DIR/ca.db.", "berth ca revoke --dir ca --epoch SN-1 --reason superseded"},
    manual{"ca crl",
           "Reads DIR/ca.db, the CA's certificate and key. Writes --out: over a revocation list, and over nothing else.",
           "berth ca crl --dir ca --name ca --shards --der --out /srv/www/crl"},
    manual{"ca responder", "Reads the CA's certificate and key. Writes DIR/NAME-ocsp.pem, and NAME-ocsp.key when there is none.",
           "berth ca responder --dir ca --name ca"},
    manual{"ca ocsp", "Reads DIR/ca.db, and NAME-ocsp.pem and its key, or the CA's own where there are none. Writes --out.",
           "berth ca ocsp --dir ca --name ca --request request.der --out answer.der"},
    manual{"ca inspect", "Reads each FILE, and changes nothing.", "berth ca inspect z3.pem ca.crl request.csr"},
    manual{"ca verify", "Reads FILE, --trust, --intermediate, --crl, --ocsp, and changes nothing.",
           "berth ca verify sn-1.pem --trust z2.pem --crl ca.crl --purpose client"},
    manual{
        "ca ldevid issue",
        "Reads --request, --maker-root, --maker-crl, z2.pem and ca.* of --dir. Writes --out, a line into DIR/ldevids.jsonl (of a "
        "challenge: DIR/ldevid.challenged), and "
        "registrar.db of --records. `unknown_issuer`, `certificate_revoked`, `bad_signature`, `bad_serial` (1): it is no device "
        "of "
        "this maker, or not its request. `ldevid_issued` (1): this CA has certified another key for it.",
        "berth ca ldevid issue --dir ca --request sn-1.request --maker-root acme-z1.pem --out sn-1.grant"},
    manual{"ca prove", "Reads z2.* of --dir. Writes --out, base64 text.",
           "berth ca prove --dir ca --customer Birch --maker-root z1.pem --out birch.proof"},
    manual{"customer register", "Writes masa.db; a running berthd sees it at once.",
           "berth customer register Birch --masa masa --root z2.pem --proof birch.proof --maker-root factory/z1.pem"},
    manual{"customer list", "Reads masa.db.", "berth customer list --masa masa --json"},
    manual{"customer remove", "Writes masa.db; a running berthd sees it at once.", "berth customer remove Birch --masa masa"},
    manual{"customer registrars", "Writes masa.db; a running berthd sees it at once.",
           "berth customer registrars Birch 192.0.2.7:8443 registrar.birch.example:8443 --masa masa"},
    manual{"ownership configure",
           "Writes masa.db; the device finds it in its next voucher, and keeps it as installed/manufacturer.json.",
           "berth ownership configure SN-1 for-sn-1.json --masa masa"},
    manual{"ownership assign", "Writes masa.db.", "berth ownership assign SN-1 Birch --masa masa"},
    manual{
        "ownership import",
        "Reads FILE, writes masa.db: all lines or none, unless --skip-bad-lines. Fields may be quoted, and separated by commas, "
        "semicolons or tabs; a first line may name the columns (serial, customer). What is assigned so already stays, and is not "
        "logged again.",
        "berth ownership import shipped.csv --masa masa"},
    manual{"ownership release", "Writes masa.db. The owner itself uses `berth registrar release`.",
           "berth ownership release SN-1 --owner Birch --to Cedar --masa masa"},
    manual{"ownership transfer", "Writes masa.db.", "berth ownership transfer SN-1 --from Birch --to Cedar --masa masa"},
    manual{"ownership block", "Writes masa.db; an onboarding under way is told `withdrawn`.",
           "berth ownership block SN-1 --masa masa"},
    manual{"ownership revoke", "Writes masa.db.", "berth ownership revoke SN-1 --masa masa"},
    manual{"ownership show", "Reads masa.db.", "berth ownership show SN-1 --masa masa --json"},
    manual{
        "registrar init",
        "Reads z2.* and ca.* of --ca, and --maker-root; nothing is made if one of them is not what it must be, or has expired. "
        "Writes DIR/z4.pem, z4.key, registrar.db, berthd.toml, and copies of the two roots (z1.pem, z2.pem). berthd.toml names "
        "the "
        "issuing CA's certificate and key where they are, in --ca; z2.key may be kept offline.",
        "berth registrar init --dir registrar --ca ca --host registrar.example --maker-root z1.pem --masa "
        "masa.acme.example:9443"},
    manual{"registrar devices",
           "Reads registrar.db. STATUS is what holds by now; `attestation_refused` until the device is onboarded later. With "
           "--json, \"integrity\": \"met\", or what was wrong with the device's last quote; empty when none was asked for.",
           "berth registrar devices --dir registrar --json"},
    manual{"registrar approve", "Writes registrar.db; a running berthd goes on within a fraction of a second.",
           "berth registrar approve SN-1 --dir registrar"},
    manual{"registrar deny",
           "Writes registrar.db; the device is told `approval_denied` when it comes, with manual_approval or without. What was "
           "issued to it stays valid: `berth registrar revoke`.",
           "berth registrar deny SN-1 --dir registrar"},
    manual{"registrar group", "Writes registrar.db.", "berth registrar group SN-1 pumps --dir registrar"},
    manual{"registrar config set", "Reads FILE, writes registrar.db. Earlier versions are kept.",
           "berth registrar config set pumps.json --group pumps --dir registrar"},
    manual{"registrar config show", "Reads registrar.db.", "berth registrar config show --device SN-1 --dir registrar"},
    manual{
        "registrar revoke",
        "Writes registrar.db; the running berthd puts the certificates on the CA's list (`crl`) at once, and gives the device no "
        "configuration any more (`withdrawn`).",
        "berth registrar revoke SN-1 --dir registrar"},
    manual{"registrar release",
           "Writes registrar.db, from which the running berthd takes the request to the MASA. Refusals: `not_owner` (1), "
           "`unknown_device`, `unknown_device_root` (2), `registrar_not_running` (3): nothing has changed. `masa_unreachable` "
           "(3): ask again, since the MASA may have done it.",
           "berth registrar release SN-1 --to Cedar --dir registrar"},
    manual{
        "registrar decommission",
        "Writes registrar.db, and ca.db of --ca. The running berthd puts the certificates on the CA's list (`crl`) at once, and "
        "tells the device `approval_denied` when it comes. `decommissioned` (2): it was before.",
        "berth registrar decommission SN-1 --dir registrar --reason \"lost its cover\" --ca ca"},
    manual{"registrar recommission", "Writes registrar.db. `not_decommissioned` (2): nothing is to be taken back.",
           "berth registrar recommission SN-1 --dir registrar"},
    manual{
        "device lifecycle show",
        "Reads the bundle, or of --dir masa.db, registrar.db, ca.db, each as one JSON line; changes nothing. `intact` false, and "
        "exit code 3: somebody has changed BUNDLE/lifecycle.log, or it does not contain the hash of --contains.",
        "berth device lifecycle show --bundle devices/SN-1"},
    manual{"device lifecycle decommission",
           "Overwrites and removes pending/, installed/, credentials/, est.toml and ldevid.* of the bundle, deletes the keys in "
           "chips "
           "that they name, writes lifecycle.log. Interrupted, it goes on when it is repeated, without --yes. `wrong_phase`, "
           "`decommissioned`, `not_confirmed` (2), `agent_running` (3): nothing has changed.",
           "berth device lifecycle decommission --bundle devices/SN-1 --reason \"scrapped\" --yes"},
    manual{"device lifecycle recommission", "Writes BUNDLE/lifecycle.log. `wrong_phase` (2): it is not decommissioned.",
           "berth device lifecycle recommission --bundle devices/SN-1 --yes"},
    manual{"device onboard",
           "Reads the bundle. Writes below it: pending/ while it runs; installed/domain-root.pem, NAME.pem, NAME.key, "
           "config.json, state.json.",
           "berth device onboard --bundle devices/SN-1"},
    manual{"device config", "Writes installed/config.json and state.json of the bundle.",
           "berth device config --bundle devices/SN-1"},
    manual{"device pcrs",
           "Reads the bundle and the TPM's registers; needs no key, so that it tells them in every boot state. What it prints is "
           "for the registrar's berthd.toml: what the "
           "registers hold now, so run it on a device that has started as devices of its model should.",
           "berth device pcrs --bundle devices/SN-1 >> policy.toml"},
    manual{"device show", "Reads the bundle; asks the chip only whether the KEM key opens, and tells the rest when it does not.",
           "berth device show --bundle devices/SN-1 --json"},
    manual{"device recover",
           "Reads the bundle and the TPM. Writes the TPM's persistent handles, BUNDLE/recovery, --out (mode 0600 of an answer), "
           "and in "
           "the end z3.pem and p3.seed. Removes pending/ and installed/ where keys of theirs are gone. `tpm_wrong_tpm`, "
           "`endorsement_seed_changed`, `nv_other_device` (3): nothing has changed.",
           "berth device recover --bundle devices/SN-1 --out sn-1.request"},
    manual{"device ldevid request",
           "Reads the bundle. Makes the key, or goes on with one that was made for a request before; writes "
           "BUNDLE/ldevid.pending and "
           "--out. `ldevid_exists`, `key_exists` (2): nothing is overwritten.",
           "berth device ldevid request --bundle devices/SN-1 --out sn-1.request"},
    manual{"device ldevid answer", "Reads --challenge, BUNDLE/ldevid.pending and the TPM. Writes --out, mode 0600.",
           "berth device ldevid answer --bundle devices/SN-1 --challenge sn-1.challenge --out sn-1.answer"},
    manual{"device ldevid install",
           "Reads --grant, --root and BUNDLE/ldevid.pending. Writes BUNDLE/ldevid.pem and ldevid.uri. With a key in a new place, "
           "the "
           "former one is deleted.",
           "berth device ldevid install --bundle devices/SN-1 --grant sn-1.grant --root birch-z2.pem"},
    manual{"device credentials",
           "Reads est.toml and credentials/ of the bundle; asks no chip and no server. What is due: `next` (wait, prove, renew, "
           "enrol).",
           "berth device credentials --bundle devices/SN-1 --json"},
    manual{"device reset",
           "Removes installed/, credentials/ and pending/ of the bundle, with the keys in them. An LDevID stays, and est.toml.",
           "berth device reset --bundle devices/SN-1"},
    manual{"est cacerts",
           "Asks the server. Writes --out: the roots to trust from now on. With --ca: a root is taken if one that is trusted "
           "vouches "
           "for it.",
           "berth est cacerts --server est.example:8443 --fingerprint 9f86...0a08 --out anchors.pem"},
    manual{"est csrattrs", "Asks the server.", "berth est csrattrs --server est.example:8443 --ca anchors.pem"},
    manual{
        "est enrol",
        "Reads --ca, --cert, --key; makes --new-key if --alg is given. Asks what the server wants in requests, and then for a "
        "certificate. Writes --out. `approval_pending`: somebody has to decide first; ask again with the key that is there by "
        "now.",
        "berth est enrol --server est.example:8443 --label ldevid --ca anchors.pem --cert z3-sig.pem --key p3-sig.pem --new-key "
        "ldevid.key --alg p256 --subject serialNumber=SN-1 --out ldevid.pem"},
    manual{"est reenrol", "Reads --ca, --cert, --key, --new-key. Writes --out. Subject and names are those of --cert.",
           "berth est reenrol --server est.example:8443 --ca anchors.pem --cert device.pem --key device.key --out device.pem"},
    manual{"est tpmenroll", "Makes --new-key in its TPM if --alg is given; opens the answer with the TPM; writes --out.",
           "berth est tpmenroll --server est.example:8443 --label tpm --ca anchors.pem --new-key tpm2:0x81000002 --alg p256 "
           "--out tpm.pem"},
    manual{"est serverkeygen", "Writes --key-out (mode 0600) and --out.",
           "berth est serverkeygen --server est.example:8443 --ca anchors.pem --user SN-1 --password-file pw --subject "
           "serialNumber=SN-1 --key-out device.key --out device.pem"},
    manual{"est user", "Reads --password-file; writes --file (mode 0600).",
           "berth est user SN-1 --file users --password-file pw"},
    manual{"est token", "Writes a record into DIR/ca.db, which does not hold the token, and --out (mode 0600).",
           "berth est token --dir ca --serial SN-1 --profile ldevid --lifetime 8h --out sn-1.token"},
    manual{"hub init", "Writes DIR/hub.db.", "berth hub init --dir hub"},
    manual{"hub set", "Writes HUB/hub.db; brokers that run go by it at once.", "berth hub set --module-sas on --hub hub"},
    manual{"hub ca register",
           "Reads FILE, and --key if it is given, which stays where it is. Writes HUB/hub.db, while berthd runs. A file with a "
           "private "
           "key is refused.",
           "berth hub ca register fleet-ca.pem --hub hub"},
    manual{"hub ca prove", "Reads FILE and --key. Writes --out, a certificate that is good for an hour and for nothing else.",
           "berth hub ca prove fleet-ca.pem --key fleet-ca.key --code 5F3A... --out proof.pem"},
    manual{"hub ca verify", "Reads FILE. Writes HUB/hub.db.", "berth hub ca verify fleet-ca proof.pem --hub hub"},
    manual{"hub ca code", "Writes HUB/hub.db.", "berth hub ca code fleet-ca --hub hub"},
    manual{"hub ca crl",
           "Reads FILE, and --signer. Writes HUB/hub.db. Sessions whose certificate, or one above it, is on the list end. A list "
           "that has run out lets nobody in: hand in the next one before. `not_below`: the signer leads to another CA, or "
           "certificates between the two are missing.",
           "berth hub ca crl fleet-ca fleet-ca.crl --hub hub"},
    manual{"hub ca ocsp",
           "Writes HUB/hub.db. The berthd that serves the hub asks, over plain HTTP; brokers go by what it has written down.",
           "berth hub ca ocsp fleet-ca --responder http://ocsp.example/ --required --hub hub"},
    manual{"hub ca replace", "Writes HUB/hub.db.", "berth hub ca replace fleet-ca fleet-ca-2027 --overlap 30d --hub hub"},
    manual{"hub ca retire", "Writes HUB/hub.db.", "berth hub ca retire fleet-ca --in 30d --hub hub"},
    manual{"hub ca delete", "Writes HUB/hub.db.", "berth hub ca delete fleet-ca --cut-off --hub hub"},
    manual{"hub ca list", "Reads HUB/hub.db. With --json one object a line.", "berth hub ca list --hub hub"},
    manual{"hub ca show", "Reads HUB/hub.db.", "berth hub ca show fleet-ca --hub hub"},
    manual{"hub device add", "Reads the files of --certificate and --keys-file. Writes HUB/hub.db.",
           "berth hub device add pump-1 --group pumps --hub hub"},
    manual{"hub device set", "Reads the files of --certificate and --keys-file. Writes HUB/hub.db.",
           "berth hub device set pump-1 --tags '{\"site\":\"Jena\"}' --hub hub"},
    manual{"hub device enable", "Writes HUB/hub.db.", "berth hub device enable pump-1 --hub hub"},
    manual{"hub device disable", "Writes HUB/hub.db.", "berth hub device disable pump-1 --reason stolen --hub hub"},
    manual{"hub device delete", "Writes HUB/hub.db.", "berth hub device delete pump-1 --hub hub"},
    manual{"hub device revoke", "Writes HUB/hub.db.", "berth hub device revoke pump-1 --hub hub"},
    manual{"hub device rotate-key", "Writes HUB/hub.db. Sessions by the key that was end.",
           "berth hub device rotate-key pump-1/valve secondary --hub hub"},
    manual{"hub device show", "Reads HUB/hub.db.", "berth hub device show pump-1/valve --hub hub --json"},
    manual{"hub device list", "Reads HUB/hub.db. With --json one object a line.",
           "berth hub device list --status disabled --hub hub"},
    manual{
        "hub device import",
        "Reads FILE, twice: nothing is imported when a line of it is wrong. Writes HUB/hub.db, 2 000 lines at a time; what was "
        "interrupted may be repeated.",
        "berth hub device import fleet.csv --hub hub"},
    manual{"hub events",
           "Reads HUB/hub.db. With --json one object a line. --follow goes on until Ctrl-C; berthd tells events to programs by "
           "itself "
           "([[hub.events]], docs/hub.md).",
           "berth hub events --after 1200 --hub hub"},
    manual{"hub enrolment add", "Reads --certificate. Writes HUB/hub.db, while berthd runs.",
           "berth hub enrolment add pump-1 --certificate pump-1.pem --hub hub"},
    manual{"hub enrolment set", "Writes HUB/hub.db, while berthd runs.",
           "berth hub enrolment set pump-1 --status disabled --hub hub"},
    manual{"hub enrolment show", "Reads HUB/hub.db.", "berth hub enrolment show pump-1 --hub hub"},
    manual{"hub enrolment list", "Reads HUB/hub.db.", "berth hub enrolment list --hub hub"},
    manual{"hub enrolment delete", "Writes HUB/hub.db, while berthd runs.", "berth hub enrolment delete pump-1 --hub hub"},
    manual{"hub enrolment-group add", "Writes HUB/hub.db, while berthd runs.",
           "berth hub enrolment-group add line-1 --ca fleet-ca --hub hub"},
    manual{"hub enrolment-group set", "Writes HUB/hub.db, while berthd runs.",
           "berth hub enrolment-group set line-1 --allocation static --linked-hub hub.example:8883 --hub hub"},
    manual{"hub enrolment-group show", "Reads HUB/hub.db.", "berth hub enrolment-group show line-1 --hub hub"},
    manual{"hub enrolment-group list", "Reads HUB/hub.db.", "berth hub enrolment-group list --hub hub"},
    manual{"hub enrolment-group delete", "Writes HUB/hub.db, while berthd runs.",
           "berth hub enrolment-group delete line-1 --hub hub"},
    manual{"hub linked-hub add", "Writes HUB/hub.db, while berthd runs.",
           "berth hub linked-hub add hub.example:8883 --local --hub hub"},
    manual{"hub linked-hub set", "Writes HUB/hub.db, while berthd runs.",
           "berth hub linked-hub set hub.example:8883 --weight 10 --hub hub"},
    manual{"hub linked-hub list", "Reads HUB/hub.db.", "berth hub linked-hub list --hub hub"},
    manual{"hub linked-hub delete", "Writes HUB/hub.db, while berthd runs.",
           "berth hub linked-hub delete hub.example:8883 --hub hub"},
    manual{"hub registration list", "Reads HUB/hub.db.", "berth hub registration list --hub hub"},
    manual{"hub registration show", "Reads HUB/hub.db.", "berth hub registration show pump-1 --hub hub"},
    manual{"hub registration delete", "Writes HUB/hub.db, while berthd runs.", "berth hub registration delete pump-1 --hub hub"},
    manual{"hub twin set", "Writes HUB/hub.db, while berthd runs; brokers tell who is connected. FILE of @FILE is read.",
           "berth hub twin set pump-1 --desired '{\"rate\": 5}' --hub hub"},
    manual{"hub twin show", "Reads HUB/hub.db.", "berth hub twin show pump-1 --hub hub --json"},
    manual{"hub method call", "Asks the berthd that serves the hub, at HUB/service. FILE of @FILE is read.",
           "berth hub method call pump-1 reboot --payload '{\"delay\": 5}' --hub hub"},
    manual{"hub sink list", "Reads HUB/hub.db and HUB/telemetry.", "berth hub sink list --hub hub"},
    manual{"hub sink replay", "Writes HUB/hub.db, while berthd runs, which goes by it within a second.",
           "berth hub sink replay analytics --telemetry --after 1200 --hub hub"},
    manual{"hub telemetry read", "Reads HUB/telemetry, while brokers write it.",
           "berth hub telemetry read --after 1200 --most 10 --hub hub"},
    manual{"hub message send", "Writes HUB/hub.db, while berthd runs; brokers give it to the device. FILE of @FILE is read.",
           "berth hub message send pump-1 --body '{\"open\": true}' --content-type application/json --ack full --hub hub"},
    manual{"hub message list", "Reads HUB/hub.db.", "berth hub message list pump-1 --hub hub"},
    manual{"hub message show", "Reads HUB/hub.db.", "berth hub message show pump-1 7 --hub hub"},
    manual{"hub message purge", "Writes HUB/hub.db, while berthd runs.", "berth hub message purge pump-1 --hub hub"},
    manual{"hub message feedback", "Writes HUB/hub.db, while berthd runs; with --keep it only reads it.",
           "berth hub message feedback --hub hub"},
    manual{"hub file list", "Reads HUB/hub.db.", "berth hub file list --device pump-1 --hub hub"},
    manual{"hub file get", "Reads HUB/hub.db and the files below HUB/files, or --files.",
           "berth hub file get pump-1/log.txt --out log.txt --hub hub"},
    manual{"hub file delete", "Writes HUB/hub.db and takes a file out below HUB/files, or --files, while berthd runs.",
           "berth hub file delete pump-1/log.txt --hub hub"},
    manual{"hub policy set",
           "Writes HUB/hub.db; brokers that run go by it at once, for sessions that stand, too. A device has its own topics as "
           "--allow "
           "leaves them open, and nobody else's.",
           "berth hub policy set meters --allow telemetry,twin --subscribe 'site/{device}/tariff' --hub hub"},
    manual{"hub policy list", "Reads HUB/hub.db.", "berth hub policy list --hub hub"},
    manual{"hub policy show", "Reads HUB/hub.db.", "berth hub policy show meters --hub hub"},
    manual{"hub policy delete", "Writes HUB/hub.db.", "berth hub policy delete meters --hub hub"},
    manual{"hub policy explain", "Reads HUB/hub.db.", "berth hub policy explain dev-1 devices/dev-1/messages/events/ --hub hub"},
    manual{"hub quickstart",
           "Fills DIR with certificates, keys, a hub's directory and berthd.toml, and starts berthd with it. --pq: ML-DSA-65 and "
           "X25519MLKEM768 alone.",
           "berth hub quickstart --dir quick"},
    manual{"hub access-policy add",
           "Writes HUB/policies, mode 0600: the two keys are drawn now. berthd sees it at the next request.",
           "berth hub access-policy add fleet-app --rights registryRead,registryWrite --hub hub"},
    manual{"hub access-policy list", "Reads HUB/policies. Prints no keys.", "berth hub access-policy list --hub hub"},
    manual{"hub access-policy show", "Reads HUB/policies. Prints keys with --show-keys only.",
           "berth hub access-policy show fleet-app --show-keys --host hub.example --hub hub"},
    manual{"hub access-policy rotate", "Writes HUB/policies.",
           "berth hub access-policy rotate fleet-app --which secondary --hub hub"},
    manual{"hub access-policy delete", "Writes HUB/policies.", "berth hub access-policy delete fleet-app --hub hub"},
    manual{"hub access-policy token", "Reads HUB/policies. Prints a token, which is as good as the key until it expires.",
           "curl -H \"Authorization: $(berth hub access-policy token fleet-app --host hub.example --hub hub)\" "
           "https://hub.example/devices"},
    manual{"hub statistics", "Reads HUB/hub.db.", "berth hub statistics --hub hub --json"},
    manual{"est waiting", "Reads DIR/ca.db.", "berth est waiting --dir ca"},
    manual{"est approve", "Writes DIR/ca.db, while berthd runs.", "berth est approve 5f3a --dir ca"},
    manual{"est deny", "Writes DIR/ca.db, while berthd runs.", "berth est deny 5f3a --dir ca"},
    manual{"identity list", "Asks the socket. Users that are no principals: `not_allowed`.", "berth identity list"},
    manual{"identity device", "Asks the socket. Prints JSON.", "berth identity device"},
    manual{"identity certificate", "Asks the socket. Writes --out.", "berth identity certificate device --out device.pem"},
    manual{"identity trust", "Asks the socket. Writes --out.", "berth identity trust --out customer.pem"},
    manual{"identity sign", "Reads --in (up to 262 144 octets), asks the socket, writes --out (mode 0600).",
           "berth identity sign device --in message --out signature"},
    manual{"identity decapsulate", "Reads --in, asks the socket, writes --out (mode 0600).",
           "berth identity decapsulate device-kem --in encapsulation --out secret"},
    manual{
        "jose generate",
        "Writes --out (mode 0600), and never over another file (`key_exists`). A key for HPKE says in \"draft\" which draft its "
        "algorithm's number is of.",
        "berth jose generate --alg ML-DSA-65 --out signer.jwk"},
    manual{"jose public", "Reads --key. Writes --out: what may be given away.",
           "berth jose public --key signer.jwk --out signer.pub.jwk"},
    manual{"jose thumbprint", "Reads --key.", "berth jose thumbprint --key signer.pub.jwk"},
    manual{"jose jwks", "Reads the public JWKs of the files. Writes --out. A private one, and one that stands twice, is refused.",
           "berth jose jwks signer.pub.jwk reader.pub.jwk --out keys.jwks"},
    manual{"jose sign", "Reads --key and --in. Writes --out.",
           "echo '{\"kwh\":3}' | berth jose sign --key signer.jwk --typ report+jwt > token"},
    manual{"jose verify",
           "Reads --key and --in. Writes --out. The algorithm is the key's: a token that says another is refused "
           "(`algorithm_mismatch`). What the payload claims is not judged.",
           "berth jose verify --key signer.pub.jwk --typ report+jwt < token"},
    manual{"jose seal", "Reads --key and --in. Writes --out.", "berth jose seal --key reader.pub.jwk --cty JWT < token > sealed"},
    manual{"jose open",
           "Reads --key and --in. Writes --out. `decryption_failed`: the token was changed, or is not for this key; no more is "
           "told.",
           "berth jose open --key reader.jwk < sealed > token"},
    manual{"jose inspect", "Reads --in.", "berth jose inspect < token"},
    manual{"firmware root init",
           "Reads the public JWKs of --signer. Writes --out, and never over another file. It counts once it is signed by its own "
           "--root.",
           "berth firmware root init --repository gw --signer a=a.pub.jwk --signer b=b.pub.jwk --root a,b:1 --release a,b:2 "
           "--list b "
           "--out root.json"},
    manual{
        "firmware root rotate",
        "Reads --from and --signer. Writes --out. To be signed by the --root signers of the one before, and by its own.",
        "berth firmware root rotate --from root.json --remove b --signer c=c.pub.jwk --root a,c:1 --release a,c:2 --list c --out "
        "root2.json"},
    manual{
        "firmware pack",
        "Reads the files of --component and --base. Writes OUT/manifest.json, OUT/images/DIGEST. A --base costs memory for both "
        "images.",
        "berth firmware pack --repository gw --vendor Acme --class gw-1 --seq 7 --release 1.4.0 --component rootfs=new.img "
        "--base "
        "rootfs=old.img --out pkg"},
    manual{"firmware sign", "Reads --in and --key. Writes --in, or --out.", "berth firmware sign --in pkg --key release.jwk"},
    manual{
        "firmware publish",
        "Reads --root, --package and --list-key. Writes DIR/roots, manifests, images, and list.json at last: a crash leaves the "
        "one list or the other. A list expires: publish anew before (without --package).",
        "berth firmware publish --into /srv/gw --package pkg --list-key list.jwk"},
    manual{"firmware inspect", "Reads --in.", "berth firmware inspect --in pkg"},
    manual{"firmware verify",
           "Reads --root, --in, and of a package's directory its images. Exit code 0 alone says that all is as it should be.",
           "berth firmware verify --root root.json --in pkg"},
    manual{"firmware install",
           "Reads --root once. Writes DIR/state.json, root.json, manifest.json, downloads/, and the slot that does not run. With "
           "--json "
           "a line for each event. Whatever ends it, the same command goes on.",
           "berth firmware install --repository https://updates.example/gw --root root.json --vendor Acme --class gw-1 --state "
           "/var/lib/berth/firmware --hook /usr/lib/acme/slots"},
    manual{"firmware confirm", "Reads and writes DIR/state.json and --counter; tells the slots.",
           "berth firmware confirm --state /var/lib/berth/firmware --hook /usr/lib/acme/slots"},
    manual{"firmware revert", "Writes DIR/state.json; tells the slots.",
           "berth firmware revert --state /var/lib/berth/firmware --hook /usr/lib/acme/slots"},
    manual{"firmware status", "Reads DIR/state.json, --counter and the slots.",
           "berth firmware status --state /var/lib/berth/firmware --hook /usr/lib/acme/slots --json"},
    manual{"firmware rollout begin", "Writes --state, and never over another file.",
           "berth firmware rollout begin gw-7 --seq 7 --ring lab:0 --member lab=SN-1 --ring early:10 --ring rest:90 --state "
           "gw-7.json"},
    manual{"firmware rollout ask",
           "Writes --state. Prints offer, not_yet or never, with exit code 0: for who answers devices' requests.",
           "berth firmware rollout ask SN-1 --state gw-7.json --json"},
    manual{"firmware rollout report", "Writes --state.", "berth firmware rollout report SN-1 --done --state gw-7.json"},
    manual{"firmware rollout show", "Writes --state: what is late by now is counted as such.",
           "berth firmware rollout show --state gw-7.json"},
    manual{"firmware rollout pause", "Writes --state.",
           "berth firmware rollout pause --why \"reports from site 4\" --state gw-7.json"},
    manual{"firmware rollout resume", "Writes --state. What has failed so far is no longer counted.",
           "berth firmware rollout resume --state gw-7.json"},
    manual{"firmware rollout abort", "Writes --state, for good.",
           "berth firmware rollout abort --why \"bricks revision B\" --state gw-7.json"},
    manual{"firmware rollout advance", "Writes --state. Behind the last ring the rollout has ended.",
           "berth firmware rollout advance --state gw-7.json"},
    manual{"firmware rollout retry", "Writes --state.", "berth firmware rollout retry SN-1 --state gw-7.json"},
    manual{"firmware boot", "Writes DIR/boot.json.", "berth firmware boot --slots slots"},
    manual{"firmware counter", "Defines an NV index, by the owner's authorization.",
           "berth firmware counter --make tpm2:0x01800100"},
    manual{"key generate",
           "Makes the key where its name says, and never over another one (`key_exists`). A key file: PKCS#8, mode 0600; beside "
           "tpm2 KEM keys the file of ;seed=.",
           "berth key generate \"pkcs11:token=ca;object=issuer?pin-source=file:pin\" --alg p384"},
    manual{"key show", "Reads what the name says.", "berth key show tpm2:0x81020000 --json"},
    manual{"key delete",
           "Deletes the key and what lies beside it: the file of a tpm2 KEM key's seed, a token's sealing key, an STSAFE-A's "
           "record. Certificates in a TPM's NV and in tokens stay. `key_restricted`: an STSAFE-A has the key's certificate, "
           "which is a "
           "device's identity; --force deletes both. `file_not_found`: there is no file of that ;seed=, and "
           "nothing was deleted.",
           "berth key delete stsafe:slot=1"},
    manual{"key sign", "Reads --in, writes --out (mode 0600).", "berth key sign tpm2:0x81020000 --in message --out signature"},
    manual{"key random", "Writes --out (mode 0600).", "berth key random stsafe:slot=1 --octets 16 --json"},
    manual{"key seal", "Reads --in, writes --out (mode 0600). What others sealed, or was changed, is `seal_invalid` later.",
           "berth key seal tpm2:0x81020000 --in secret --out secret.sealed"},
    manual{"key unseal", "Reads --in, writes --out (mode 0600).", "berth key unseal tpm2:0x81020000 --in secret.sealed"},
    manual{"key attest", "Prints base64: TPMS_ATTEST, TPMT_SIGNATURE, and the TPMT_PUBLIC of the key and of the attestation key.",
           "berth key attest tpm2:0x81020000 --nonce 00112233 --json"},
    manual{"key approve", "Reads the signer's key, and with --pcrs this machine's TPM. Writes --out (PEM), which is no secret.",
           "berth key approve file:approver.pem --for gw-1 --pcrs 0,2,7 --out gw-1-state.pem"},
    manual{
        "key admit",
        "Writes the file of ;seed= anew; nothing in the TPM changes. Eight states at most, the oldest goes. `approval_invalid`, "
        "`approval_foreign`: nothing has changed.",
        "berth key admit \"tpm2:0x81020002;seed=p3.seed\" --approval gw-1-next.pem"},
    manual{"se authenticate",
           "Reads --ca, --issuer, --crl or --server-ca, and the chip. `unknown_issuer`, `certificate_expired`, "
           "`certificate_revoked`: what the "
           "certificate is not; `element_signature_invalid`: a clone; `counter_exhausted` (all 1). Nothing is counted unless the "
           "part is genuine.",
           "berth se authenticate --chip stsafe:device=/dev/i2c-1 --ca makers.pem --local --counter 5"},
    manual{"se store put",
           "Reads --in, writes a zone of the chip. Nothing that a zone holds is overwritten, unless --replace names what it is "
           "(`credential_exists`, `zone_in_use`, `no_room`). --readable-by entity needs a host session and --entity "
           "(`stsafe_no_entity`).",
           "berth se store put wifi --in psk --chip \"stsafe:device=/dev/i2c-1;host-key=host.key\" --readable-by host "
           "--writable-by host"},
    manual{"se store get", "Reads a zone of the chip, writes --out.",
           "berth se store get wifi --out psk --entity file:operator.pem --chip \"stsafe:host-key=host.key\""},
    manual{"se store list", "Reads the chip's zones. With --json, a line for each.", "berth se store list --json"},
    manual{"se store remove", "Writes a zone of the chip.", "berth se store remove wifi"},
    manual{"se counter show", "Reads the chip. With --json, a line for each counter.", "berth se counter show --json"},
    manual{"se counter use",
           "Lowers the counter, for good, or not at all: `counter_exhausted` (1), `stsafe_not_decremented` (3). After "
           "`stsafe_answer_lost` (3) look at it before you use it again.",
           "berth se counter use --zone 5 --by 10"},
    manual{"se password set",
           "Writes the chip, for good. The password and what it guards cross the bus in clear, unless the chip's table encrypts "
           "PutAttribute: a thing for the factory.",
           "berth se password set --password-file word --tries 3 --guard update"},
    manual{"se firmware verify",
           "Reads --image and --signature, and the key in the chip. Exit code 0: signed by that key; 1 "
           "(`firmware_signature_invalid`): not; any other code: not known, so neither start nor install it.",
           "berth se firmware verify --image rootfs.img --signature rootfs.img.sig --key 3"},
    manual{"se firmware trust", "Reads --from, writes a zone of the chip.",
           "berth se firmware trust --key 3 --from signer.pem --for-ever"},
    manual{"se entity trust",
           "Reads --from, writes a public key slot of the chip. `slot_in_use`, `slot_fixed`: it holds another key, or may not "
           "change "
           "any more. `stsafe_unsupported`: an STSAFE-A110 knows no entities (all 2).",
           "berth se entity trust --key 0 --from operator.pem --for-ever --chip \"stsafe:device=/dev/i2c-1;host-key=host.key\""},
    manual{"se entity list", "Reads the chip. With --json, a line for each slot.", "berth se entity list --json"},
    manual{"se host-key set",
           "Reads --from, writes the chip, for good (`host_key_exists`). Without --wrapped the key crosses the bus in clear: a "
           "thing "
           "for the factory. `stsafe_unsupported`: an STSAFE-A110 takes 32 octets, without --wrapped.",
           "berth se host-key set --from host.key --encrypt establish --encrypt unwrap"},
    manual{"bench agent", "Writes into a temporary directory that is removed at the end.", "berth bench agent --json"},
    manual{"bench onboard", "Writes below --dir, or into a temporary directory that is removed at the end.",
           "berth bench onboard --devices 500 --concurrency 50 --json"},
    // These two bring their own examples.
    manual{"authkem server", "", ""},
    manual{"authkem client", "", ""},
};

constexpr std::string_view exit_codes =
    "Exit codes: 0 done, 1 refused by the other side, 2 usage, 3 environment (network, file, chip), 4 our fault.\n"
    "With --json, one JSON object or JSON lines on standard output; an error is {\"error\":{\"name\":...,\"message\":...}}.";

// What an option takes, where its name tells.
constexpr std::array<std::pair<std::string_view, std::string_view>, 41> kinds{{
    {"--dir", "DIR"},
    {"--masa", "DIR"},
    {"--factory", "DIR"},
    {"--ca", "DIR"},
    {"--bundle", "DIR"},
    {"--out", "PATH"},
    {"--root", "FILE"},
    {"--proof", "FILE"},
    {"--maker-root", "FILE"},
    {"--key", "FILE"},
    {"--checkpoint", "FILE"},
    {"--listen", "HOST:PORT"},
    {"--direct-listen", "HOST:PORT"},
    {"--admin", "HOST:PORT"},
    {"--registrar", "HOST:PORT"},
    {"ADDRESS", "HOST:PORT"},
    {"--masa-address", "HOST:PORT"},
    {"--host", "NAME"},
    {"--masa-host", "NAME"},
    {"--algorithm", "NAME"},
    {"--kem", "NAME"},
    {"--customer", "NAME"},
    {"--maker", "NAME"},
    {"--to", "NAME"},
    {"--model", "NAME"},
    {"--group", "NAME"},
    {"--order", "FILE"},
    {"--line", "FILE"},
    {"--maker-key", "FILE"},
    {"--serial-list", "FILE"},
    {"--serials", "PREFIX"},
    {"--attach", "COMMAND"},
    {"--detach", "COMMAND"},
    {"--requests", "DIR"},
    {"--request", "FILE"},
    {"--reply", "FILE"},
    {"--grant", "FILE"},
    {"--challenge", "FILE"},
    {"--maker-crl", "FILE"},
    {"--records", "DIR"},
    {"--replies", "DIR"},
}};

const manual* manual_of(const std::string& command) {
    const auto found = std::ranges::find(manuals, command, &manual::command);
    return found == manuals.end() ? nullptr : &*found;
}

// In lines of at most a hundred characters.
std::string wrapped(const std::string& text) {
    std::string out;
    size_t column = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find(' ', at), text.size());
        if (column > 0 && column + 1 + (end - at) > 100) {
            out += "\n  ";
            column = 2;
        } else if (column > 0) {
            out += ' ';
            ++column;
        }
        out.append(text, at, end - at);
        column += end - at;
        at = end + 1;
    }
    return out + "\n";
}

void name_kinds(CLI::App& command, const std::string& path) {
    for (auto* const option : command.get_options()) {
        const std::string name = option->get_name();
        const auto found = std::ranges::find(kinds, name, &decltype(kinds)::value_type::first);
        if (name.ends_with("passphrase-file")) {
            option->type_name("FILE");
        } else if (found != kinds.end() && option->get_items_expected_max() > 0 &&
                   !(name == "--masa" && path == "registrar init") &&
                   !(name == "--key" && path.find("ldevid") != std::string::npos) && !path.starts_with("se ")) {
            option->type_name(std::string(found->second));
        }
    }
}

// Calls `each` with every command that has none below it, and its path.
template <class App, class F>
void walk(App& from, const std::string& path, const F& each) {
    const auto below = from.get_subcommands([](const CLI::App*) { return true; });
    if (below.empty()) {
        return each(from, path);
    }
    for (auto* const command : below) {
        walk(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), each);
    }
}

}  // namespace

void add_manuals(CLI::App& cli) {
    walk(cli, "", [](CLI::App& command, const std::string& path) {
        const manual* const found = manual_of(path);
        if (!found) {
            return;
        }
        if (found->example.empty()) {
            command.footer(command.get_footer() + "\n" + std::string(exit_codes));
            return;
        }
        name_kinds(command, path);
        command.footer(wrapped("Files: " + std::string(found->files)) + "Example: " + std::string(found->example) + "\n" +
                       std::string(exit_codes));
    });
}

}  // namespace berth::app
