#include "setup/chip_contents.h"

#include "common/files.h"
#include "factory/messages/unit_request.h"
#include "keystore/operations.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/uri.h"
#include "keystore/tpm2/keys.h"
#include "keystore/tpm2/nv.h"
#include "pki/csr.h"
#include "pki/private_key_file.h"

#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// Certificates that name no device are nobody's identity: the chip maker's, a CA's.
void take(chip_contents& into, pki::certificate found) {
    if (found.device_serial()) {
        into.certificates.push_back(std::move(found));
    }
}

// What says that a zone has no certificate of Berth's, rather than that it could not be read: a zone that is not read by anybody
// holds none, nor one that ends before it.
constexpr std::array holds_none{"stsafe_no_certificate", "stsafe_access_condition", "stsafe_boundary"};

result<void> look_into_element(chip_contents& into, const std::vector<std::string>& names) {
    std::set<std::pair<std::string, uint8_t>> seen;
    for (const auto& rest : names) {
        BERTH_TRY(name, keystore::stsafe::parse_name(rest));
        BERTH_TRY(chip, keystore::stsafe::open_chip(name, {}));
        BERTH_TRY(record, keystore::stsafe::read_record(*chip, name.place.zone));
        if (record && !record->point.view().empty()) {
            into.keys.push_back(to_bytes(record->point.view()));
        }
        if (!seen.emplace(name.device, name.address).second) {
            continue;
        }
        BERTH_TRY(zones, keystore::stsafe::read_partitions(*chip));
        for (const auto& zone : zones) {
            // Zone 0 is the chip maker's.
            if (zone.zone == 0 || zone.type != 0) {
                continue;
            }
            auto found = keystore::stsafe::read_certificate(*chip, zone.zone);
            if (found) {
                take(into, std::move(*found));
            } else if (std::ranges::none_of(holds_none, [&found](const char* says) { return found.error().is(says); })) {
                return fail(found.error());
            }
        }
    }
    return {};
}

// A TPM's identity key is the same whenever it is made, and so stands for all of the TPM.
result<void> look_into_tpm(chip_contents& into, const std::string& p3_sig) {
    namespace tpm = keystore::tpm2;
    BERTH_TRY(name, tpm::parse_key_name(p3_sig));
    BERTH_TRY(in, tpm::device::shared(name.tcti));
    const auto der = tpm::read_certificate(in, name.at.idevid_certificate);
    if (!der && !der.error().is("nv_not_found") && !der.error().is("nv_unwritten")) {
        return fail(der.error());
    }
    if (der) {
        BERTH_TRY(found, pki::certificate::parse(*der));
        take(into, std::move(found));
    }
    const auto key = tpm::open_persistent(in, name.handle);
    if (!key) {
        return key.error().is("key_not_found") ? result<void>() : fail(key.error());
    }
    BERTH_TRY(spki, key->area().spki());
    into.keys.push_back(std::move(spki));
    return {};
}

result<std::vector<bytes>> keys_of(const fs::path& unit) {
    std::vector<bytes> out;
    for (const char* file : {"z3-sig.pem", "z3.pem"}) {
        BERTH_TRY(there, is_there(unit / file));
        if (there) {
            BERTH_TRY(certificate, read_certificate(unit / file));
            out.push_back(to_bytes(certificate.spki()));
        }
    }
    BERTH_TRY(asked, is_there(unit / "request"));
    if (asked) {
        BERTH_TRY(octets, pki::read_file((unit / "request").string(), most_file_octets));
        BERTH_TRY(request, wire::decode<factory::unit_request>(octets));
        BERTH_TRY(csr, pki::verified_csr::parse(request.identity.view()));
        out.push_back(to_bytes(csr.key().spki()));
        out.push_back(to_bytes(request.kem_key.view()));
    }
    return out;
}

bool ends_with(bytes_view all, bytes_view end) {
    return !end.empty() && all.size() >= end.size() && same_octets(all.last(end.size()), end);
}

}  // namespace

result<chip_contents> look_into_chip(const std::string& p3_uri, const std::string& p3_sig_uri) {
    chip_contents out;
    std::vector<std::string> in_elements;
    for (const auto* text : {&p3_uri, &p3_sig_uri}) {
        if (text->empty()) {
            continue;
        }
        BERTH_TRY(uri, keystore::parse_key_uri(*text));
        if (uri.kind == keystore::key_store_kind::stsafe) {
            in_elements.push_back(uri.rest);
        } else if (uri.kind == keystore::key_store_kind::tpm2 && text == &p3_sig_uri) {
            BERTH_CHECK(look_into_tpm(out, uri.rest));
        }
    }
    BERTH_CHECK(look_into_element(out, in_elements));
    return out;
}

result<std::string> unit_with_key(const fs::path& below, const std::vector<bytes>& keys) {
    std::error_code ec;
    for (fs::directory_iterator entry(below, ec), end; !keys.empty() && !ec && entry != end; entry.increment(ec)) {
        const std::string name = entry->path().filename().string();
        if (name.starts_with('.') || !entry->is_directory()) {
            continue;
        }
        BERTH_TRY(own, keys_of(entry->path()));
        for (const auto& key : own) {
            if (std::ranges::any_of(keys, [&key](const bytes& end_of) { return ends_with(key, end_of); })) {
                return name;
            }
        }
    }
    return ec && ec != std::errc::no_such_file_or_directory ? cannot("read directory", below, ec) : result<std::string>("");
}

result<void> clear_keys(const std::vector<std::string>& uris) {
    for (const auto& text : uris) {
        if (text.empty()) {
            continue;
        }
        const auto gone = keystore::remove_key(keystore::without_file(text));
        if (!gone && !gone.error().is("key_not_found") && !gone.error().is("file_not_found")) {
            return fail(gone.error());
        }
    }
    return {};
}

}  // namespace berth::app
